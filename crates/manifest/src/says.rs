//! What a manifest says, bounded and cleaned; no judgement.

use c2pa::{Manifest, Reader};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::report::{MAX_ENTRIES, clean, hex};
use crate::signer::certificates;
use crate::{
    Action, Agent, DigitalSourceType, Generation, Issuance, Signer, SoftBinding, WeightsFile,
    assertions,
};

pub(crate) fn find<'a>(manifest: &'a Manifest, label: &str) -> Option<&'a Value> {
    manifest
        .assertions()
        .iter()
        .find(|assertion| assertion.label() == label)?
        .value()
        .ok()
}

pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(clean)
}

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let list = value.get(key).and_then(Value::as_array);
    list.into_iter().flatten().take(MAX_ENTRIES)
}

fn agent(value: &Value) -> Option<Agent> {
    // Older actions name their software as plain text.
    if let Some(name) = value.as_str() {
        return Some(Agent {
            name: clean(name),
            version: None,
        });
    }
    Some(Agent {
        name: text(value, "name")?,
        version: text(value, "version"),
    })
}

/// The programs that wrote the manifest, and the specification version that the first names.
pub(crate) fn generators(manifest: &Manifest) -> (Vec<Agent>, Option<String>) {
    let infos: Vec<Value> = manifest
        .claim_generator_info
        .iter()
        .flatten()
        .take(MAX_ENTRIES)
        .filter_map(|info| serde_json::to_value(info).ok())
        .collect();
    let mut agents: Vec<Agent> = infos.iter().filter_map(agent).collect();
    if agents.is_empty() {
        agents.extend(manifest.claim_generator().map(|name| Agent {
            name: clean(name),
            version: None,
        }));
    }
    let version = infos.first().and_then(|info| text(info, "specVersion"));
    (agents, version)
}

pub(crate) fn labels(manifest: &Manifest) -> Vec<String> {
    let labels = manifest.assertions().iter().take(MAX_ENTRIES);
    labels.map(|assertion| clean(assertion.label())).collect()
}

/// Our own assertion, with what the AI disclosure says of the same model.
pub(crate) fn generation(manifest: &Manifest) -> Option<Generation> {
    let value = find(manifest, assertions::GENERATION)?;
    let disclosure = find(manifest, assertions::AI_DISCLOSURE).unwrap_or(&Value::Null);
    let number = |key: &str| Some(u32::try_from(value.get(key)?.as_u64()?).unwrap_or(u32::MAX));
    Some(Generation {
        backend: text(value, "backend")?,
        model_id: text(disclosure, "modelIdentifier")?,
        weights: entries(value, "weights")
            .filter_map(|each| {
                Some(WeightsFile {
                    file: text(each, "file")?,
                    sha256: text(each, "sha256")?,
                })
            })
            .collect(),
        license: text(disclosure, assertions::MODEL_LICENSE),
        training_licenses: entries(disclosure, assertions::TRAINING_LICENSES)
            .filter_map(|each| each.as_str().map(clean))
            .collect(),
        note: text(disclosure, assertions::MODEL_NOTE),
        width: number("width")?,
        height: number("height")?,
        seeds: entries(value, "seeds")
            .filter_map(|each| each.as_str()?.parse().ok())
            .collect(),
        steps: number("steps"),
        sampler: text(value, "sampler"),
        guidance: value.get("guidance").and_then(Value::as_f64),
    })
}

pub(crate) fn issuance(manifest: &Manifest) -> Option<Issuance> {
    find(manifest, assertions::ISSUANCE).map(|value| Issuance {
        unmarked_reason: text(value, "unmarkedReason"),
        ledger_origin: text(value, "ledgerOrigin"),
    })
}

/// The certificates of the signer, leaf first, DER.
pub(crate) fn chain(manifest: &Manifest) -> Vec<Vec<u8>> {
    let info = manifest.signature_info();
    info.and_then(|info| certificates(info.cert_chain().as_bytes()))
        .unwrap_or_default()
}

pub(crate) fn signer(manifest: &Manifest, chain: &[Vec<u8>]) -> Option<Signer> {
    let info = manifest.signature_info()?;
    Some(Signer {
        organisation: info.issuer.as_deref().map(clean),
        common_name: info.common_name.as_deref().map(clean),
        chain_sha256: chain.iter().map(|der| hex(&Sha256::digest(der))).collect(),
        algorithm: info.alg.map(|alg| alg.to_string()),
        stamped_at: info.time.as_deref().map(clean),
        stamped_by: None,
    })
}

/// The lists of actions, of whichever version.
fn action_lists(manifest: &Manifest) -> impl Iterator<Item = &Value> {
    let lists = manifest
        .assertions()
        .iter()
        .filter(|assertion| assertion.label().starts_with("c2pa.actions"));
    lists.filter_map(|assertion| assertion.value().ok())
}

pub(crate) fn raw_actions(manifest: &Manifest) -> impl Iterator<Item = &Value> {
    action_lists(manifest)
        .filter_map(|list| list.get("actions")?.as_array())
        .flatten()
        .take(MAX_ENTRIES)
}

pub(crate) fn actions(manifest: &Manifest) -> Vec<Action> {
    raw_actions(manifest)
        .filter_map(|action| {
            Some(Action {
                action: text(action, "action")?,
                digital_source_type: text(action, "digitalSourceType").map(short_source_type),
                software_agent: action.get("softwareAgent").and_then(agent),
                when: text(action, "when"),
                description: text(action, "description"),
            })
        })
        .collect()
}

/// Source types of all actions, each once.
pub(crate) fn source_types(actions: &[Action]) -> Vec<String> {
    let mut types: Vec<String> = Vec::new();
    for source in actions
        .iter()
        .filter_map(|it| it.digital_source_type.as_ref())
    {
        if !types.contains(source) {
            types.push(source.clone());
        }
    }
    types
}

/// Agents of all actions and those listed beside them, each once.
pub(crate) fn software_agents(manifest: &Manifest, actions: &[Action]) -> Vec<Agent> {
    let listed = action_lists(manifest)
        .flat_map(|list| entries(list, "softwareAgents"))
        .filter_map(agent);
    let named = actions.iter().filter_map(|it| it.software_agent.clone());
    let mut agents: Vec<Agent> = Vec::new();
    for agent in named.chain(listed).take(MAX_ENTRIES) {
        if !agents.contains(&agent) {
            agents.push(agent);
        }
    }
    agents
}

fn short_source_type(uri: String) -> String {
    uri.parse::<DigitalSourceType>()
        .map_or(uri, |source| source.short_name().to_owned())
}

/// Soft bindings of the active manifest. The SDK's crJSON form is used because it keeps byte
/// strings (arrays of numbers) apart from text, which its other forms do not.
pub(crate) fn soft_bindings(reader: &Reader, manifest: &Manifest) -> Vec<SoftBinding> {
    let is_binding =
        |name: &str| name == assertions::SOFT_BINDING || name.starts_with("c2pa.soft-binding__");
    if !manifest
        .assertions()
        .iter()
        .any(|it| is_binding(it.label()))
    {
        return Vec::new();
    }
    let Ok(root) = reader.to_crjson_value() else {
        return Vec::new();
    };
    let manifests = root.get("manifests").and_then(Value::as_array);
    let manifest = manifests
        .into_iter()
        .flatten()
        .find(|each| each.get("label").and_then(Value::as_str) == manifest.label());
    let assertions = manifest.and_then(|manifest| manifest.get("assertions")?.as_object());
    assertions
        .into_iter()
        .flatten()
        .filter(|(name, _)| is_binding(name))
        .filter_map(|(_, value)| {
            let alg = text(value, "alg")?;
            let blocks = value.get("blocks")?.as_array()?;
            Some(blocks.iter().filter_map(move |block| {
                Some(SoftBinding {
                    alg: alg.clone(),
                    value: binding_value(block.get("value")?)?,
                })
            }))
        })
        .flatten()
        .take(MAX_ENTRIES)
        .collect()
}

fn binding_value(value: &Value) -> Option<Vec<u8>> {
    const MAX_BYTES: usize = 4096;
    match value {
        Value::String(text) => Some(text.as_bytes().iter().copied().take(MAX_BYTES).collect()),
        Value::Array(bytes) => bytes
            .iter()
            .take(MAX_BYTES)
            .map(|byte| u8::try_from(byte.as_u64()?).ok())
            .collect(),
        _ => None,
    }
}
