//! What stands beside the claim: parameters of generators, what tells of a person, and places on the network.

use c2pa::Manifest;
use serde_json::Value;

use crate::der::Certificate;
use crate::report::{MAX_ENTRIES, clean};
use crate::says::raw_actions;
use crate::{NamedValue, Reference, ReferenceKind};

/// Assertions of generators (the first as the specification has it, the others as Black Forest Labs writes them).
const OF_GENERATORS: [&str; 4] = [
    "c2pa.ai-disclosure",
    "c2pa.ai_generated_content",
    "c2pa.content-origin",
    "c2pa.creation-tool",
];
/// Name spaces of generators' parameters of actions.
const PARAMETERS: [&str; 2] = ["com.adobe.firefly.", "c2pa.ai"];
/// Beginnings of the labels of assertions that may tell of a person.
const PERSONAL: [&str; 7] = [
    "c2pa.metadata",
    "cawg.metadata",
    "cawg.identity",
    "stds.exif",
    "stds.iptc",
    "stds.schema-org",
    "c2pa.depthmap.GDepth",
];
/// Beginnings of the labels of assertions that may point elsewhere.
const POINTING: [(&str, ReferenceKind); 5] = [
    ("c2pa.cloud-data", ReferenceKind::CloudData),
    ("c2pa.external-reference", ReferenceKind::CloudData),
    ("c2pa.asset-ref", ReferenceKind::Other),
    ("c2pa.ingredient", ReferenceKind::Ingredient),
    ("c2pa.soft-binding", ReferenceKind::Other),
];
/// Deepest nesting of values that is gone into.
const MAX_DEPTH: usize = 8;

/// Every text, number and truth value within `value`, with its path.
fn leaves(path: &str, value: &Value, depth: usize, each: &mut dyn FnMut(&str, String)) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields.iter().take(MAX_ENTRIES) {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(&path, inner, depth + 1, each);
            }
        }
        // Lists of numbers are bytes.
        Value::Array(list) if list.first().is_some_and(Value::is_number) => {}
        Value::Array(list) => {
            for inner in list.iter().take(MAX_ENTRIES) {
                leaves(path, inner, depth + 1, each);
            }
        }
        Value::String(text) => each(path, clean(text)),
        Value::Number(_) | Value::Bool(_) => each(path, value.to_string()),
        Value::Null => {}
    }
}

fn is_prompt(path: &str) -> bool {
    path.to_ascii_lowercase().contains("prompt")
}

/// What generators tell of model and operation; no prompt.
pub(crate) fn ai_parameters(manifest: &Manifest) -> Vec<NamedValue> {
    let mut found = Vec::new();
    let mut add = |path: &str, value: String| {
        if !is_prompt(path) && found.len() < MAX_ENTRIES {
            found.push(NamedValue {
                name: clean(path),
                value,
            });
        }
    };
    for action in raw_actions(manifest) {
        let parameters = action.get("parameters").and_then(Value::as_object);
        let of_generators = parameters
            .into_iter()
            .flatten()
            .filter(|(key, _)| PARAMETERS.iter().any(|space| key.starts_with(space)));
        for (key, value) in of_generators {
            leaves(key, value, 0, &mut add);
        }
    }
    for assertion in manifest.assertions() {
        if let (true, Ok(value)) = (
            OF_GENERATORS.contains(&assertion.label()),
            assertion.value(),
        ) {
            leaves(assertion.label(), value, 0, &mut add);
        }
    }
    found
}

/// Labels of the assertions that may tell of a person, and what they say.
pub(crate) fn personal(manifest: &Manifest) -> (Vec<String>, Vec<NamedValue>) {
    let (mut labels, mut values) = (Vec::new(), Vec::new());
    for assertion in manifest.assertions().iter().take(MAX_ENTRIES) {
        let label = assertion.label();
        let is_personal = PERSONAL.iter().any(|start| label.starts_with(start));
        let is_generators = OF_GENERATORS.contains(&label);
        let Some(value) = assertion
            .value()
            .ok()
            .filter(|_| is_personal || is_generators)
        else {
            continue;
        };
        let mut names_a_person = is_personal;
        leaves(label, value, 0, &mut |path, value| {
            if (is_personal || is_prompt(path)) && values.len() < MAX_ENTRIES {
                names_a_person = true;
                values.push(NamedValue {
                    name: clean(path),
                    value,
                });
            }
        });
        if names_a_person {
            labels.push(clean(label));
        }
    }
    (labels, values)
}

/// Addresses that the manifest names, each once.
pub(crate) fn references(manifest: &Manifest, chain: &[Vec<u8>], store: &[u8]) -> Vec<Reference> {
    let mut found: Vec<Reference> = Vec::new();
    let mut add = |kind, url: &str| {
        let reference = Reference {
            kind,
            url: clean(url),
        };
        if found.len() < MAX_ENTRIES && !found.contains(&reference) {
            found.push(reference);
        }
    };
    if let Some(url) = manifest.remote_manifest_url() {
        add(ReferenceKind::Manifest, url);
    }
    let leaf = chain.first().and_then(|der| Certificate::parse(der));
    if let Some(url) = leaf.as_ref().and_then(Certificate::ocsp_url) {
        add(ReferenceKind::Ocsp, url);
    }
    for assertion in manifest.assertions() {
        let kind = POINTING
            .iter()
            .find(|(start, _)| assertion.label().starts_with(start));
        if let (Some((_, kind)), Ok(value)) = (kind, assertion.value()) {
            leaves("", value, 0, &mut |_, value| {
                if is_address(&value) {
                    add(*kind, &value);
                }
            });
        }
    }
    for ingredient in manifest.ingredients().iter().take(MAX_ENTRIES) {
        let named = [ingredient.informational_uri(), ingredient.provenance()];
        for url in named.into_iter().flatten().filter(|url| is_address(url)) {
            add(ReferenceKind::Ingredient, url);
        }
    }
    // Identities lie within signed credentials, as text.
    for did in dids(store) {
        add(ReferenceKind::Did, did);
    }
    found
}

fn is_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// Every `did:web` in the bytes of a store.
fn dids(store: &[u8]) -> impl Iterator<Item = &str> {
    const START: &[u8] = b"did:web:";
    const LONGEST: usize = 256;
    let starts = store
        .windows(START.len())
        .enumerate()
        .filter(|(_, window)| *window == START);
    starts.take(MAX_ENTRIES).filter_map(move |(at, _)| {
        let rest = &store[at..store.len().min(at + LONGEST)];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b":.-_%".contains(byte);
        let end = rest
            .iter()
            .position(|byte| !is_part(byte))
            .unwrap_or(rest.len());
        std::str::from_utf8(&rest[..end]).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_with_their_paths() {
        let value = serde_json::json!({
            "model": "flux", "hash": [1, 2, 3], "inner": [{ "prompt": "a fox" }, { "steps": 4 }],
        });
        let mut found = Vec::new();
        leaves("x", &value, 0, &mut |path, value| {
            found.push(format!("{path}={value}"));
        });
        // The order of keys is the JSON library's.
        found.sort();
        assert_eq!(
            found,
            ["x.inner.prompt=a fox", "x.inner.steps=4", "x.model=flux"]
        );
        assert!(is_prompt("x.inner.Prompt") && !is_prompt("x.model"));
    }

    #[test]
    fn dids_end_where_they_end() {
        let store = b"\x00did:web:example.org:people\",did:web:b did:key:z6";
        let found: Vec<&str> = dids(store).collect();
        assert_eq!(found, ["did:web:example.org:people", "did:web:b"]);
    }
}
