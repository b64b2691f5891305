//! Validators we did not write agree with our files: `c2patool`, the SDK's Python bindings (of
//! another SDK version than ours) and `encypher-c2pa`, an independent implementation.
//!
//! `COLOPHON_PYTHON` names the interpreter that has the modules of `interop/requirements.txt`;
//! `python3` otherwise.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod common;

use std::process::Command;

use common::*;
use serde_json::Value;

/// One line a file, or `None` when the module is missing and not required.
fn foreign(module: &str, root: &str, files: &[String]) -> Option<Vec<Value>> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/read.py");
    let output = Command::new(&python)
        .args([script, module, root])
        .args(files)
        .output();
    let missing = match &output {
        Err(error) => Some(error.to_string()),
        Ok(output) if output.status.code() == Some(3) => {
            Some(format!("{python} has no module {module}"))
        }
        Ok(_) => None,
    };
    if let Some(missing) = missing {
        skip(&missing);
        return None;
    }
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

struct Files {
    dir: tempfile::TempDir,
    root: String,
    whole: Vec<String>,
    broken: Vec<String>,
}

fn files() -> Files {
    let keys = Keys::new();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (mut whole, mut broken) = (Vec::new(), Vec::new());
    for ((mime, format), extension) in FORMATS.into_iter().zip(["jpg", "png", "webp"]) {
        let mut asset = signed(&keys, mime, format).asset;
        whole.push(write(&format!("whole.{extension}"), &asset));
        let in_the_pixels = if extension == "webp" {
            100
        } else {
            asset.len() - 60
        };
        asset[in_the_pixels] ^= 1;
        broken.push(write(&format!("broken.{extension}"), &asset));
    }
    let root = write("root.pem", keys.root.as_bytes());
    Files {
        dir,
        root,
        whole,
        broken,
    }
}

fn check(module: &str, allowed_when_strict: &[&str]) {
    let files = files();
    let Some(whole) = foreign(module, &files.root, &files.whole) else {
        return;
    };
    assert_eq!(whole.len(), 3);
    for line in &whole {
        assert_eq!(line["anchored"][0], "Trusted", "{module}: {line}");
        assert_eq!(
            line["anchored"][1],
            Value::Array(Vec::new()),
            "{module}: {line}"
        );
        for code in line["plain"][1].as_array().unwrap() {
            assert!(
                allowed_when_strict.contains(&code.as_str().unwrap()),
                "{module}: {line}"
            );
        }
    }
    for line in foreign(module, &files.root, &files.broken).unwrap() {
        assert_eq!(line["anchored"][0], "Invalid", "{module}: {line}");
        assert_eq!(
            line["anchored"][1],
            serde_json::json!(["assertion.dataHash.mismatch"]),
            "{module}: {line}"
        );
    }
    drop(files.dir);
}

/// `c2patool`, the reference command line tool: valid, and trusted with our root as anchor.
/// `COLOPHON_C2PATOOL` names the binary; `c2patool` on the path otherwise. Version 0.27 is the
/// newest that builds with our Rust version.
#[test]
fn c2patool_agrees() {
    let files = files();
    let tool = std::env::var("COLOPHON_C2PATOOL").unwrap_or_else(|_| "c2patool".to_owned());
    let state = |arguments: &[&str]| {
        let output = Command::new(&tool).args(arguments).output()?;
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        std::io::Result::Ok(report["validation_state"].as_str().unwrap().to_owned())
    };
    for (whole, broken) in files.whole.iter().zip(&files.broken) {
        let plain = match state(&[whole]) {
            Ok(plain) => plain,
            Err(error) => return skip(&format!("{tool}: {error}")),
        };
        assert_eq!(plain, "Valid", "{whole}");
        let anchored = [whole.as_str(), "trust", "--trust_anchors", &files.root];
        assert_eq!(state(&anchored).unwrap(), "Trusted", "{whole}");
        assert_eq!(state(&[broken]).unwrap(), "Invalid", "{broken}");
    }
}

/// A missing tool is a printed skip, and a failure when every tool is demanded.
fn skip(missing: &str) {
    assert!(
        std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
        "required: {missing}"
    );
    eprintln!("SKIPPED: {missing}");
}

#[test]
fn the_sdk_of_another_version_agrees() {
    check("c2pa", &["signingCredential.untrusted"]);
}

/// The strict run is the conformance programme's posture: what it still misses is a time-stamp
/// and revocation data, which need a service on the network.
#[test]
fn an_independent_validator_agrees() {
    check(
        "encypher_c2pa",
        &[
            "signingCredential.untrusted",
            "com.encypher.conformance.revocationInformationMissing",
            "com.encypher.conformance.trustedTimeStampMissing",
        ],
    );
}
