//! The JSON forms are public: golden files, with what differs from run to run replaced.

use serde_json::Value;

use crate::support::{golden, stamped};

/// Keys whose values differ from run to run.
const VOLATILE: &[&str] = &[
    "shard",
    "asset_sha256",
    "chain_sha256",
    "claimed_time",
    "elapsed_ms",
    "hash",
    "id",
    "issued_at",
    "ledger_origin",
    "log10_false_positive",
    "confidence",
    "manifest_id",
    "ms",
    "origin",
    "overlap",
    "payload",
    "policy",
    "root",
    "score",
    "sha256",
    "bytes",
    "rotation",
    "scale",
    "leaf_hash",
    "watermark_id",
    "fingerprint_hash",
    "psnr_mark",
    "psnr_file",
    "margin",
    "decode_ms",
    "mark_ms",
    "encode_ms",
    "sign_ms",
    "read_back_ms",
    "store_ms",
    "quality",
    "prompt_commitment",
    "prompt_salt",
];

/// Replaces volatile values, here and where sentences repeat them.
pub fn normalised(mut value: Value) -> String {
    let mut texts = Vec::new();
    replace(&mut value, &mut texts);
    let mut text = serde_json::to_string_pretty(&value).unwrap() + "\n";
    for (found, name) in texts {
        text = text.replace(&found, &format!("<{name}>"));
    }
    text
}

fn replace(value: &mut Value, texts: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let volatile = VOLATILE.contains(&key.as_str());
                match field {
                    Value::String(text) if volatile => {
                        texts.push((text.clone(), key.clone()));
                        *field = Value::String(format!("<{key}>"));
                    }
                    Value::Number(_) | Value::Array(_) if volatile => {
                        *field = Value::String(format!("<{key}>"));
                    }
                    other => replace(other, texts),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, texts)),
        _ => {}
    }
}

#[test]
fn verify() {
    let bench = stamped();
    let mut lines = bench
        .run(&["verify", "--json", "stamped.jpg", "other.jpg"])
        .code(3)
        .json();
    assert_eq!(lines.len(), 2);
    golden("json/verify-nothing.json", &normalised(lines.remove(1)));
    golden("json/verify-stamped.json", &normalised(lines.remove(0)));
}

#[test]
fn watermark_detect() {
    let bench = stamped();
    let lines = bench
        .run(&[
            "watermark",
            "detect",
            "--json",
            "stamped.jpg",
            "other.jpg",
            "missing.jpg",
        ])
        .code(2)
        .json();
    let found = &lines[0];
    assert_eq!(found["payload"].as_str().unwrap().len(), 16);
    assert!(found["confidence"].as_f64().unwrap() < -10.0);
    assert!(found["geometry"]["rotation"].as_f64().unwrap().abs() < 0.2);
    assert!(found["ms"].is_number());
    let all: Vec<String> = lines.into_iter().map(normalised).collect();
    golden("json/watermark-detect.json", &all.concat());
}

#[test]
fn ledger_and_config() {
    let bench = stamped();
    let mut record = bench
        .run(&["ledger", "show", "8", "--private", "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(record["proven"], true);
    for key in [
        "policy_hash",
        "signer_key_id",
        "manifest_sha256",
        "fingerprint",
    ] {
        assert_eq!(record[key].as_str().unwrap().len(), 64);
        record[key] = "<hash>".into();
    }
    golden("json/ledger-show.json", &normalised(record));
    let mut config = bench
        .run(&["config", "show", "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(config["home"], "home");
    config["home"] = "<home>".into();
    golden(
        "json/config-show.json",
        &(serde_json::to_string_pretty(&config).unwrap() + "\n"),
    );
    let check = bench
        .run(&["keys", "check", "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(check["sound"], true);
    let fsck = bench
        .run(&["ledger", "fsck", "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(
        (&fsck["sound"], &fsck["entries"]),
        (&true.into(), &9.into())
    );
}
