//! A folder, and a checker that reads its answers off the file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use colophon_batch::{Checker, Options, Trouble};
use colophon_imaging::Limits;
use colophon_provenance::Report;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// Answers by the words of the file: `panic`, `pause=MILLISECONDS`, `pdq=HH` (all bytes of the hash but those that are
/// left zero), `quality=N`.
#[derive(Default)]
pub struct Fake {
    limits: Limits,
    checks: AtomicUsize,
}

impl Fake {
    /// How many files were checked.
    pub fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }
}

impl Checker for Fake {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn check(&self, bytes: &[u8], name: &str) -> Report {
        self.checks.fetch_add(1, Ordering::SeqCst);
        let text = String::from_utf8_lossy(bytes);
        let value = |key: &str| {
            let mut words = text.split(' ').filter_map(|word| word.split_once('='));
            words
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.to_owned())
        };
        assert!(text != "panic", "as the file asks");
        if let Some(pause) = value("pause") {
            thread::sleep(Duration::from_millis(pause.parse().unwrap()));
        }
        let hash = value("pdq").map(|byte| {
            // A byte such as 01 stands for a small change, ff for another picture.
            if byte == "ff" {
                "ff".repeat(32)
            } else {
                byte + &"00".repeat(31)
            }
        });
        let quality: u8 = value("quality").map_or(90, |text| text.parse().unwrap());
        let fingerprint =
            hash.map(|hash| json!({"hash": hash, "quality": quality, "nearest": null}));
        let hex = Sha256::digest(bytes)
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        report(
            name,
            "nothing-found",
            "nothing",
            &json!({
                "error": null,
                "container": {"format": "JPEG", "width": 4, "height": 3, "bytes": bytes.len(), "sha256": hex, "trailing_bytes": 0},
                "fingerprint": fingerprint,
            }),
        )
    }

    fn failed(&self, trouble: Trouble, name: &str) -> Report {
        let message = match trouble {
            Trouble::Unreadable(error) => error.to_string(),
            Trouble::GaveUp => "gave up".to_owned(),
        };
        report(
            name,
            "could-not-check",
            "unchecked",
            &json!({
                "error": {"kind": "picture", "message": message},
                "container": {"format": null, "width": null, "height": null, "bytes": 0, "sha256": null, "trailing_bytes": 0},
                "fingerprint": null,
            }),
        )
    }
}

fn report(name: &str, outcome: &str, finding: &str, parts: &Value) -> Report {
    serde_json::from_value(json!({
        "colophon_report": Report::VERSION,
        "file": name,
        "outcome": outcome,
        "error": parts["error"],
        "container": parts["container"],
        "verdict": {
            "rule": "test", "finding": finding, "action": "allow", "headline": "-1 =2",
            "explanation": "", "reasons": ["manifest=absent", "statement=none"], "contradictions": [],
        },
        "evidence": {
            "manifest": null, "watermark": null, "faint_mark": null, "ledger": null,
            "recovered_manifest": null, "fingerprint": parts["fingerprint"], "signals": [],
            "unreadable_marks": [], "timeline": [],
        },
        "not_checked": [],
        "tool": {
            "name": "colophon", "version": "0", "validator": "", "policy": "00", "trust_lists": [],
            "language": "en", "confinement": [],
        },
        "elapsed_ms": 0,
    }))
    .unwrap()
}

/// A folder that is gone with the test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Four at once, to the end, from the beginning.
pub fn options() -> Options<'static> {
    Options {
        jobs: 4,
        other_files: false,
        resume: false,
        overwrite: false,
        settings: "test".into(),
        stop: &|| false,
    }
}

/// What a script of `tests/interop` prints as JSON, or `None` when its modules are missing and not required.
pub fn python(script: &str, arguments: &[PathBuf]) -> Option<Value> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop")
        .join(script);
    let output = Command::new(&python).arg(script).args(arguments).output();
    match output {
        Ok(output) if output.status.success() => {
            Some(serde_json::from_slice(&output.stdout).unwrap())
        }
        Ok(output) if output.status.code() != Some(3) => {
            panic!("{}", String::from_utf8_lossy(&output.stderr))
        }
        _ => {
            let required = std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() == Ok("1");
            assert!(!required, "{python} has no module duckdb");
            eprintln!("SKIPPED: {python} has no module duckdb");
            None
        }
    }
}
