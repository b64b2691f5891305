//! The public JSON form.

use serde_json::{Value, json};

use crate::support::{Place, half, jpeg, scene, stripped};

/// Replaces what differs from run to run, keeping its kind.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(name, field)| match name.as_str() {
                "sha256" | "asset_sha256" | "root" | "policy" | "hash" | "origin"
                | "ledger_origin" | "id" | "manifest_id" | "payload" | "version"
                    if field.is_string() =>
                {
                    *field = json!(format!("<{name}>"));
                }
                // The log that tells the time.
                "by" if field.is_string() => *field = json!("<by>"),
                "chain_sha256" => *field = json!(["<certificate>"]),
                "bytes"
                | "elapsed_ms"
                | "log10_false_positive"
                | "rotation"
                | "scale"
                | "score"
                | "strength"
                | "overlap"
                | "quality"
                    if field.is_number() =>
                {
                    *field = json!(format!("<{name}>"));
                }
                _ => normalise(field),
            }),
        Value::Array(items) => items.iter_mut().for_each(normalise),
        _ => {}
    }
}

#[test]
fn the_json_report_is_as_published() {
    let place = Place::new();
    let (_, bytes) = place.stamped(&scene(1), "a.png");
    let verifier = place.verifier();
    let reports = [
        verifier.verify(&bytes, "issued.png"),
        verifier.verify(&jpeg(&half(&stripped(&bytes)), 60), "found.jpg"),
        verifier.verify(b"plain text", "notes.txt"),
    ];
    let mut found = serde_json::to_value(reports).unwrap();
    normalise(&mut found);
    let found = serde_json::to_string_pretty(&found).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/report.json");
    if std::env::var_os("COLOPHON_BLESS").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    assert!(
        found == expected,
        "the report differs from tests/golden/report.json; if that is meant, run again with COLOPHON_BLESS=1 and raise the version where the form changed\n{found}"
    );
}
