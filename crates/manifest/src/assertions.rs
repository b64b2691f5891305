//! The assertions we write, as the structures the specification gives them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Agent, FINGERPRINT_ALG, ManifestSpec, Origin, WATERMARK_ALG, WeightsFile};

pub(crate) const ACTIONS: &str = "c2pa.actions.v2";
pub(crate) const SOFT_BINDING: &str = "c2pa.soft-binding";
pub(crate) const AI_DISCLOSURE: &str = "c2pa.ai-disclosure";
pub(crate) const TRAINING_MINING: &str = "cawg.training-mining";
pub(crate) const ISSUANCE: &str = "io.colophon.issuance";
pub(crate) const GENERATION: &str = "io.colophon.generation";

/// What the AI disclosure has no field for; names of our own hold a dot.
pub(crate) const MODEL_LICENSE: &str = "io.colophon.modelLicense";
pub(crate) const TRAINING_LICENSES: &str = "io.colophon.trainingDataLicenses";
pub(crate) const MODEL_NOTE: &str = "io.colophon.modelNote";

/// The id that ties the `c2pa.opened` action to its ingredient while the manifest is built.
pub(crate) const PARENT_LABEL: &str = "parent";

/// C2PA 2.4, `c2pa.soft-binding`. The SDK's JSON routes turn the value into text; a structure of
/// our own keeps it the byte string that the specification asks for.
#[derive(Serialize)]
pub(crate) struct SoftBinding {
    alg: &'static str,
    blocks: [Block; 1],
    /// Required up to 2.2, optional since.
    #[serde(with = "serde_bytes")]
    pad: Vec<u8>,
}

#[derive(Serialize)]
struct Block {
    scope: WholeImage,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
}

/// An empty map: the binding covers all of the picture.
#[derive(Serialize)]
struct WholeImage {}

impl SoftBinding {
    fn new(alg: &'static str, value: Vec<u8>) -> Self {
        Self {
            alg,
            blocks: [Block {
                scope: WholeImage {},
                value,
            }],
            pad: Vec::new(),
        }
    }
}

pub(crate) fn soft_bindings(spec: &ManifestSpec<'_>) -> Vec<SoftBinding> {
    let watermark = spec
        .watermark_id
        .map(|id| SoftBinding::new(WATERMARK_ALG, id.to_be_bytes().to_vec()));
    let fingerprint = spec
        .fingerprint
        .map(|bits| SoftBinding::new(FINGERPRINT_ALG, bits.to_vec()));
    watermark.into_iter().chain(fingerprint).collect()
}

/// The claim's `claim_generator_info` entry.
pub(crate) fn generator_info(agent: &Agent, spec_version: &str) -> Value {
    let mut info = agent_value(agent);
    info["specVersion"] = json!(spec_version);
    info
}

fn agent_value(agent: &Agent) -> Value {
    let mut value = json!({ "name": agent.name });
    if let Some(version) = &agent.version {
        value["version"] = json!(version);
    }
    value
}

/// `c2pa.actions.v2`: the inception first, the watermark directly after it.
pub(crate) fn actions(spec: &ManifestSpec<'_>) -> Value {
    let mut actions = Vec::new();
    let mut push = |mut action: Value, agent: Option<&Agent>| {
        action["when"] = json!(spec.when);
        if let Some(agent) = agent {
            action["softwareAgent"] = agent_value(agent);
        }
        actions.push(action);
    };
    let maker = spec.software_agent.as_ref();
    match &spec.origin {
        Origin::Created(source) => {
            push(
                json!({ "action": "c2pa.created", "digitalSourceType": source.uri() }),
                maker,
            );
        }
        Origin::Opened { edit, .. } => {
            let parameters = json!({ "ingredientIds": [PARENT_LABEL] });
            push(
                json!({ "action": "c2pa.opened", "parameters": parameters }),
                None,
            );
            if let Some(source) = edit {
                push(
                    json!({ "action": "c2pa.edited", "digitalSourceType": source.uri() }),
                    maker,
                );
            }
        }
    }
    if spec.watermark_id.is_some() {
        push(
            json!({ "action": "c2pa.watermarked.bound" }),
            Some(&spec.claim_generator),
        );
    }
    json!({ "actions": actions, "allActionsIncluded": true })
}

/// C2PA 2.4, section 18.28. `c2pa.types.model` is the generic entry of the model type table.
pub(crate) fn ai_disclosure(spec: &ManifestSpec<'_>) -> Option<Value> {
    let generation = spec.generation.as_ref();
    if generation.is_none() {
        spec.ai_source()?;
    }
    let mut value = json!({ "modelType": "c2pa.types.model" });
    if let Some(agent) = &spec.software_agent {
        value["modelName"] = json!(match &agent.version {
            Some(version) => format!("{} {version}", agent.name),
            None => agent.name.clone(),
        });
    }
    if let Some(generation) = generation {
        value["modelIdentifier"] = json!(generation.model_id);
        value["contentProfile"] = json!({ "humanOversightLevel": "prompt_guided" });
        if let Some(license) = &generation.license {
            value[MODEL_LICENSE] = json!(license);
        }
        if !generation.training_licenses.is_empty() {
            value[TRAINING_LICENSES] = json!(generation.training_licenses);
        }
        if let Some(note) = &generation.note {
            value[MODEL_NOTE] = json!(note);
        }
    }
    Some(value)
}

/// Our own assertion: the model's files, and how it was asked.
#[derive(Debug, Serialize)]
pub(crate) struct GenerationOut<'a> {
    backend: &'a str,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    weights: &'a [WeightsFile],
    /// Decimal text: not every reader of CBOR or JSON has all 64 bits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seeds: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampler: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance: Option<f64>,
}

pub(crate) fn generation<'a>(spec: &'a ManifestSpec<'_>) -> Option<GenerationOut<'a>> {
    spec.generation.as_ref().map(|it| GenerationOut {
        backend: &it.backend,
        width: it.width,
        height: it.height,
        weights: &it.weights,
        seeds: it.seeds.iter().map(u64::to_string).collect(),
        steps: it.steps,
        sampler: it.sampler.as_deref(),
        guidance: it.guidance,
    })
}

/// CAWG training and data mining assertion 1.1.
pub(crate) fn training_mining(spec: &ManifestSpec<'_>) -> Value {
    let answer = json!({ "use": spec.training_use.text() });
    let questions = [
        "cawg.data_mining",
        "cawg.ai_inference",
        "cawg.ai_training",
        "cawg.ai_generative_training",
    ];
    let entries: serde_json::Map<String, Value> = questions
        .map(|question| (question.to_owned(), answer.clone()))
        .into_iter()
        .collect();
    json!({ "entries": entries })
}

/// Our own assertion: how this picture was issued. Left out when there is nothing to say.
#[derive(Debug, Serialize)]
pub(crate) struct IssuanceOut<'a> {
    #[serde(rename = "unmarkedReason", skip_serializing_if = "Option::is_none")]
    unmarked_reason: Option<&'a str>,
    #[serde(rename = "ledgerOrigin", skip_serializing_if = "Option::is_none")]
    ledger_origin: Option<&'a str>,
}

pub(crate) fn issuance<'a>(spec: &'a ManifestSpec<'_>) -> Option<IssuanceOut<'a>> {
    let out = IssuanceOut {
        unmarked_reason: spec.unmarked_reason.as_deref(),
        ledger_origin: spec.ledger_origin.as_deref(),
    };
    (out.unmarked_reason.is_some() || out.ledger_origin.is_some()).then_some(out)
}
