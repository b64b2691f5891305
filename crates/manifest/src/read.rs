//! Reading a manifest and judging it.

use std::io::Cursor;
use std::time::Duration;

use c2pa::validation_results::{IngredientDeltaValidationResult, StatusCodes};
use c2pa::{Error, Manifest, Reader, Relationship, ValidationResults};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::container::{Container, Found, MAX_MANIFEST_BYTES, find_store};
use crate::context::{self, Deadline};
use crate::report::{MAX_ENTRIES, clean, hex};
use crate::signer::certificates;
use crate::verdict::{Circumstances, Status, judge};
use crate::{
    Action, Agent, DigitalSourceType, Generation, Ingredient, IngredientState, Issuance, ListKind,
    ManifestError, ManifestReport, Reading, Signer, SoftBinding, TrustAnchors, VALIDATOR,
    WeightsFile, assertions,
};

/// Reads the manifest embedded in `asset`, of media type `mime` (from its content, not its name).
///
/// # Errors
/// [`ManifestError::UnsupportedFormat`], [`ManifestError::WrongFormat`],
/// [`ManifestError::TooLarge`]; [`ManifestError::Deadline`] after `deadline`.
pub fn read(
    asset: &[u8],
    mime: &str,
    anchors: &TrustAnchors,
    deadline: Duration,
) -> Result<Reading, ManifestError> {
    let container = Container::from_mime(mime)?;
    let found = find_store(asset, container)?;
    let store = if let Found::Store(store) = &found {
        store.as_slice()
    } else {
        &[]
    };
    let source = Source {
        asset,
        mime: container.mime(),
        store,
        kept: Kept::InTheFile,
    };
    let deadline = Deadline::after(deadline);
    let reading = source.read(anchors, deadline)?;
    match (&found, &reading) {
        (_, Reading::Manifest(_)) | (Found::Nothing, Reading::Absent | Reading::Remote { .. }) => {
            Ok(reading)
        }
        // The container is broken, but there is nothing in it to be read.
        (Found::Nothing, Reading::Unreadable { .. }) => Ok(Reading::Absent),
        (Found::Damaged, _) => Ok(unreadable("no manifest store begins here")),
        // The validator gives up on a container that is broken behind the manifest. The hash over
        // the bytes can still be taken with the store found by our own walk.
        (Found::Store(_), _) => Source {
            kept: Kept::InABrokenFile,
            ..source
        }
        .read(anchors, deadline),
    }
}

/// Judges `manifest`, a store kept elsewhere (the ledger), against `asset`, from which it was
/// stripped. That the file's bytes differ is expected and told apart as
/// [`crate::Integrity::ManifestOnly`]. The container of `asset` does not matter, so any media
/// type will do.
///
/// # Errors
/// [`ManifestError::TooLarge`]; [`ManifestError::Deadline`] after `deadline`.
pub fn read_detached(
    manifest: &[u8],
    asset: &[u8],
    mime: &str,
    anchors: &TrustAnchors,
    deadline: Duration,
) -> Result<Reading, ManifestError> {
    if manifest.len() > MAX_MANIFEST_BYTES {
        return Err(ManifestError::TooLarge {
            limit: MAX_MANIFEST_BYTES,
        });
    }
    let source = Source {
        asset,
        mime: Container::from_mime(mime).unwrap_or(Container::Jpeg).mime(),
        store: manifest,
        kept: Kept::Elsewhere,
    };
    source.read(anchors, Deadline::after(deadline))
}

/// Where a manifest store was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// The validator finds it by itself.
    InTheFile,
    /// Only our own walk finds it.
    InABrokenFile,
    /// In the ledger.
    Elsewhere,
}

struct Source<'a> {
    asset: &'a [u8],
    mime: &'static str,
    store: &'a [u8],
    kept: Kept,
}

impl Source<'_> {
    fn read(&self, anchors: &TrustAnchors, deadline: Deadline) -> Result<Reading, ManifestError> {
        let reader = match self.validate(&anchors.all(), deadline) {
            Ok(reader) => reader,
            Err(Error::JumbfNotFound) => return Ok(Reading::Absent),
            Err(Error::RemoteManifestUrl(url)) => return Ok(Reading::Remote { url: clean(&url) }),
            Err(Error::OperationCancelled) => return Err(deadline.error()),
            Err(error) => return Ok(unreadable(&error.to_string())),
        };
        let anchored_by = self.anchoring_list(&reader, anchors, deadline)?;
        match self.report(&reader, anchored_by) {
            Some(report) => Ok(Reading::Manifest(Box::new(report))),
            None => Ok(unreadable("no active manifest")),
        }
    }

    fn validate(&self, anchors: &str, deadline: Deadline) -> c2pa::Result<Reader> {
        let reader = Reader::from_context(context::reading(anchors, deadline)?);
        match self.kept {
            Kept::InTheFile => reader.with_stream(self.mime, Cursor::new(self.asset)),
            Kept::InABrokenFile | Kept::Elsewhere => {
                reader.with_manifest_data_and_stream(self.store, self.mime, Cursor::new(self.asset))
            }
        }
    }

    /// The validator takes all anchors at once; which list held the right one shows only when
    /// the lists are asked one by one.
    fn anchoring_list(
        &self,
        reader: &Reader,
        anchors: &TrustAnchors,
        deadline: Deadline,
    ) -> Result<Option<(String, ListKind)>, ManifestError> {
        if !is_anchored(reader) {
            return Ok(None);
        }
        let lists = anchors.lists();
        for list in lists {
            let holds = lists.len() == 1
                || match self.validate(list.pem(), deadline) {
                    Ok(reader) => is_anchored(&reader),
                    Err(Error::OperationCancelled) => return Err(deadline.error()),
                    Err(_) => false,
                };
            if holds {
                return Ok(Some((list.name.clone(), list.kind)));
            }
        }
        Ok(None)
    }

    fn report(
        &self,
        reader: &Reader,
        anchored_by: Option<(String, ListKind)>,
    ) -> Option<ManifestReport> {
        let manifest = reader.active_manifest()?;
        let detached = self.kept == Kept::Elsewhere;
        let results = reader.validation_results();
        let statuses = results.map(active_statuses).unwrap_or_default();
        let has_identity = manifest
            .assertions()
            .iter()
            .any(|assertion| assertion.label().starts_with("cawg.identity"));
        let actions = actions(manifest);
        let mut digital_source_types: Vec<String> = Vec::new();
        for source in actions
            .iter()
            .filter_map(|action| action.digital_source_type.as_ref())
        {
            if !digital_source_types.contains(source) {
                digital_source_types.push(source.clone());
            }
        }
        let (claim_generator, spec_version) = generator(manifest);
        Some(ManifestReport {
            manifest_id: clean(manifest.label()?).parse().ok()?,
            store_sha256: hex(&Sha256::digest(self.store)),
            claim_generator,
            spec_version,
            signer: manifest.signature_info().map(signer),
            title: manifest.title().map(clean),
            digital_source_types,
            actions,
            soft_bindings: soft_bindings(reader, manifest.label()?),
            model_name: find(manifest, assertions::AI_DISCLOSURE)
                .and_then(|value| text(value, "modelName")),
            generation: generation(manifest),
            issuance: find(manifest, assertions::ISSUANCE).map(|value| Issuance {
                unmarked_reason: text(value, "unmarkedReason"),
                ledger_origin: text(value, "ledgerOrigin"),
            }),
            ingredients: manifest
                .ingredients()
                .iter()
                .take(MAX_ENTRIES)
                .map(|each| ingredient(each, results))
                .collect(),
            embedded: !detached,
            verdicts: judge(
                &statuses,
                &Circumstances {
                    anchored_by,
                    detached,
                    has_identity,
                },
            ),
            validator: VALIDATOR,
        })
    }
}

fn unreadable(reason: &str) -> Reading {
    Reading::Unreadable {
        sentence: "The file holds manifest data that is damaged beyond reading.".to_owned(),
        reason: clean(reason),
    }
}

fn is_anchored(reader: &Reader) -> bool {
    let active = reader
        .validation_results()
        .and_then(ValidationResults::active_manifest);
    active.is_some_and(|codes| {
        codes
            .success()
            .iter()
            .any(|status| status.code() == "signingCredential.trusted")
    })
}

fn active_statuses(results: &ValidationResults) -> Vec<Status<'_>> {
    let Some(codes) = results.active_manifest() else {
        return Vec::new();
    };
    [
        (codes.failure(), true),
        (codes.informational(), false),
        (codes.success(), false),
    ]
    .into_iter()
    .flat_map(|(list, failed)| {
        list.iter().map(move |status| Status {
            code: status.code(),
            failed,
        })
    })
    .collect()
}

fn find<'a>(manifest: &'a Manifest, label: &str) -> Option<&'a Value> {
    manifest
        .assertions()
        .iter()
        .find(|assertion| assertion.label() == label)?
        .value()
        .ok()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(clean)
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

fn generator(manifest: &Manifest) -> (Option<Agent>, Option<String>) {
    let info = manifest
        .claim_generator_info
        .as_ref()
        .and_then(|list| serde_json::to_value(list.first()?).ok());
    match info {
        Some(info) => (agent(&info), text(&info, "specVersion")),
        None => (
            manifest.claim_generator().map(|name| Agent {
                name: clean(name),
                version: None,
            }),
            None,
        ),
    }
}

/// Our own assertion, with what the AI disclosure says of the same model.
fn generation(manifest: &Manifest) -> Option<Generation> {
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

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let list = value.get(key).and_then(Value::as_array);
    list.into_iter().flatten().take(MAX_ENTRIES)
}

fn signer(info: &c2pa::SignatureInfo) -> Signer {
    let chain = certificates(info.cert_chain().as_bytes()).unwrap_or_default();
    Signer {
        organisation: info.issuer.as_deref().map(clean),
        common_name: info.common_name.as_deref().map(clean),
        chain_sha256: chain.iter().map(|der| hex(&Sha256::digest(der))).collect(),
        algorithm: info.alg.map(|alg| alg.to_string()),
        stamped_at: info.time.as_deref().map(clean),
    }
}

fn actions(manifest: &Manifest) -> Vec<Action> {
    let lists = manifest
        .assertions()
        .iter()
        .filter(|assertion| assertion.label().starts_with("c2pa.actions"));
    lists
        .filter_map(|assertion| assertion.value().ok()?.get("actions")?.as_array())
        .flatten()
        .take(MAX_ENTRIES)
        .filter_map(|action| {
            Some(Action {
                action: text(action, "action")?,
                digital_source_type: text(action, "digitalSourceType").map(short_source_type),
                software_agent: action.get("softwareAgent").and_then(agent),
                when: text(action, "when"),
            })
        })
        .collect()
}

fn short_source_type(uri: String) -> String {
    uri.parse::<DigitalSourceType>()
        .map_or(uri, |source| source.short_name().to_owned())
}

/// Soft bindings of the active manifest. The SDK's crJSON form is used because it keeps byte
/// strings (arrays of numbers) apart from text, which its other forms do not.
fn soft_bindings(reader: &Reader, label: &str) -> Vec<SoftBinding> {
    let Ok(root) = reader.to_crjson_value() else {
        return Vec::new();
    };
    let manifests = root.get("manifests").and_then(Value::as_array);
    let manifest = manifests
        .into_iter()
        .flatten()
        .find(|each| each.get("label").and_then(Value::as_str) == Some(label));
    let assertions = manifest.and_then(|manifest| manifest.get("assertions")?.as_object());
    let is_binding =
        |name: &str| name == assertions::SOFT_BINDING || name.starts_with("c2pa.soft-binding__");
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

fn ingredient(ingredient: &c2pa::Ingredient, results: Option<&ValidationResults>) -> Ingredient {
    // What the signer recorded when it took the ingredient in, and what has changed since.
    let recorded = ingredient
        .validation_results()
        .and_then(ValidationResults::active_manifest);
    let label = ingredient.label().unwrap_or_default();
    let deltas = results
        .and_then(ValidationResults::ingredient_deltas)
        .into_iter()
        .flatten();
    let deltas = deltas
        .filter(|delta| !label.is_empty() && delta.ingredient_assertion_uri().ends_with(label));
    let failures = recorded
        .into_iter()
        .chain(deltas.map(IngredientDeltaValidationResult::validation_deltas))
        .flat_map(StatusCodes::failure);
    let mut codes: Vec<String> = Vec::new();
    for status in failures {
        let code = clean(status.code());
        if !codes.contains(&code) && codes.len() < MAX_ENTRIES {
            codes.push(code);
        }
    }
    let trusted = recorded.is_some_and(|codes| {
        codes
            .success()
            .iter()
            .any(|status| status.code() == "signingCredential.trusted")
    });
    let state = match ingredient.active_manifest() {
        None => IngredientState::NoManifest,
        Some(_)
            if codes
                .iter()
                .any(|code| code != "signingCredential.untrusted") =>
        {
            IngredientState::Problems
        }
        Some(_) if trusted && codes.is_empty() => IngredientState::Trusted,
        Some(_) => IngredientState::Untrusted,
    };
    Ingredient {
        title: ingredient.title().map(clean),
        format: ingredient.format().map(clean),
        relationship: match ingredient.relationship() {
            Relationship::ParentOf => "parentOf",
            Relationship::ComponentOf => "componentOf",
            Relationship::InputTo => "inputTo",
        }
        .to_owned(),
        manifest_id: ingredient.active_manifest().map(clean),
        state,
        codes,
    }
}
