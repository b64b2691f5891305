//! The published examples of leaves (`schema/vectors.json`), which were made by another program.

use colophon_ledger::{Actor, EventKind, Leaf, prompt_commitment, requester_commitment};
use colophon_tlog::leaf_hash;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const VECTORS: &str = include_str!("../../schema/vectors.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn every_example_is_read_and_written_back() {
    let vectors = vectors();
    let leaves = vectors["leaves"].as_array().unwrap();
    assert!(leaves.len() >= 18);
    for vector in leaves {
        let leaf = bytes(&vector["leaf"]);
        let decoded = Leaf::decode(&leaf).unwrap_or_else(|e| panic!("{}: {e}", vector["name"]));
        assert_eq!(decoded.encode(), leaf, "{}", vector["name"]);
        assert_eq!(hex(&leaf_hash(&leaf).0), vector["leaf_hash"]);
        assert_eq!(json!(decoded.time()), vector["items"][2]);
    }
}

#[test]
fn every_other_form_is_refused() {
    let vectors = vectors();
    for vector in vectors["refused"].as_array().unwrap() {
        let decoded = Leaf::decode(&bytes(&vector["leaf"]));
        assert!(decoded.is_err(), "{}", vector["why"]);
    }
}

#[test]
fn the_commitments_open() {
    let mut opened = 0;
    let vectors = vectors();
    for vector in vectors["leaves"].as_array().unwrap() {
        let Some(commitments) = vector["commitments"].as_object() else {
            continue;
        };
        let leaf = Leaf::decode(&bytes(&vector["leaf"])).unwrap();
        for (kind, opening) in commitments {
            let (salt, value) = (bytes(&opening["salt"]), bytes(&opening["value"]));
            let committed: [u8; 32] = Sha256::new()
                .chain_update(domain(kind))
                .chain_update(&salt)
                .chain_update(&value)
                .finalize()
                .into();
            assert_eq!(Some(committed), in_leaf(&leaf, kind), "{kind}");
            opened += 1;
        }
    }
    assert!(opened >= 12, "{opened}");
    let salt = [0x33; 32];
    let of_prompt = prompt_commitment(&salt, "a red fox", Some("snow"));
    assert!(VECTORS.contains(&hex(&of_prompt)));
    assert!(VECTORS.contains(&hex(&requester_commitment(&[0x44; 32], "Anna Example"))));
}

fn domain(kind: &str) -> Vec<u8> {
    let name = if kind == "watermark" {
        "watermark-id"
    } else {
        kind
    };
    format!("colophon.commitment.{name}.1\0").into_bytes()
}

fn in_leaf(leaf: &Leaf, kind: &str) -> Option<[u8; 32]> {
    match (leaf, kind) {
        (Leaf::Record(record), "watermark") => record.watermark_commitment,
        (Leaf::Record(record), "private") => Some(record.private_commitment),
        (Leaf::Record(record), "requester") => record.requester_commitment,
        (Leaf::Record(record), "prompt") => {
            record.generation.as_ref().map(|it| it.prompt_commitment)
        }
        (Leaf::Event(event), "actor") => match &event.what {
            EventKind::Redaction(redaction) => match redaction.by {
                Actor::Committed(hash) => Some(hash),
                Actor::Role(_) => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The same by Python's `cbor2` and `zcbor`, which knows nothing of this code.
#[test]
fn schema_and_examples_agree_for_public_tools() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("COLOPHON_PYTHON").unwrap_or_else(|| "python3".into());
    let run = |arguments: &[&std::ffi::OsStr]| {
        std::process::Command::new(&python).args(arguments).output()
    };
    let has_tools = run(&["-c".as_ref(), "import cbor2, zcbor".as_ref()]);
    if !has_tools.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(),
            "Python with cbor2 and zcbor is missing: name it by COLOPHON_PYTHON"
        );
        eprintln!("SKIPPED: Python with cbor2 and zcbor is missing");
        return;
    }
    let script = folder.join("tests/interop/leaves.py");
    let output = run(&[script.as_ref(), folder.join("schema").as_ref()]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("18 leaves agree"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
