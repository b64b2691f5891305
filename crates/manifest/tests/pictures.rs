//! Files of other people: what we find beside what the SDK by itself and an independent validator say.
//!
//! `COLOPHON_PICTURES` names a folder; `COLOPHON_PYTHON` an interpreter with the modules of
//! `interop/requirements.txt`, without which those columns stay empty. Prints a line a file:
//! integrity, signature, time, trust, revocation, identity; the SDK's own state (what `c2patool` of the same version
//! prints); that of the SDK's Python bindings; that of `encypher-c2pa`.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use c2pa::{Context, Reader, Settings};
use colophon_manifest::{ListKind, ListUse, Reading, TrustAnchors, TrustList, media_type, read};
use serde_json::{Value, json};

const SIGNERS: &str = include_str!("../../../keys/trust/c2pa.pem");
const STAMPS: &str = include_str!("../../../keys/trust/c2pa-tsa.pem");

fn anchors() -> TrustAnchors {
    let list = |name: &str, usage, pem: &str| TrustList {
        name: name.to_owned(),
        kind: ListKind::Official,
        usage,
        anchors: pem.to_owned(),
        allowed: String::new(),
        key_usages: Vec::new(),
    };
    TrustAnchors::none()
        .with(list("c2pa", ListUse::Signers, SIGNERS))
        .and_then(|it| it.with(list("c2pa-tsa", ListUse::TimeStamps, STAMPS)))
        .unwrap()
}

fn ours(bytes: &[u8], anchors: &TrustAnchors) -> (String, String) {
    let mime = media_type(bytes).unwrap_or("application/octet-stream");
    match read(bytes, mime, anchors, Duration::from_secs(5)) {
        Err(error) => (format!("refused: {error}"), String::new()),
        Ok(Reading::Manifest(it)) => {
            let verdicts = &it.verdicts;
            let states = [
                verdicts.integrity.state.code(),
                verdicts.signature.state.code(),
                verdicts.time.state.code(),
                verdicts.trust.state.code(),
                verdicts.revocation.state.code(),
                verdicts.identity.state.code(),
            ];
            let all = [
                &verdicts.integrity.codes,
                &verdicts.time.codes,
                &verdicts.trust.codes,
                &verdicts.identity.codes,
            ];
            let failed = all.into_iter().flatten().filter(|it| it.failed());
            let codes: Vec<&str> = failed.map(|it| it.code.as_str()).collect();
            (states.join(" "), codes.join(" "))
        }
        Ok(Reading::Remote { url }) => (format!("remote: {url}"), String::new()),
        Ok(Reading::Unreadable { reason }) => (format!("unreadable: {reason}"), String::new()),
        Ok(_) => ("absent".to_owned(), String::new()),
    }
}

/// One store of anchors for all, as `c2patool` has it.
fn sdk(bytes: &[u8]) -> String {
    let Some(mime) = media_type(bytes) else {
        return String::new();
    };
    let settings = json!({
        "verify": { "remote_manifest_fetch": false, "ocsp_fetch": false },
        "trust": { "trust_anchors": format!("{SIGNERS}\n{STAMPS}") },
    });
    let settings = Settings::new().with_json(&settings.to_string()).unwrap();
    let context = Context::new().with_settings(settings).unwrap();
    match Reader::from_context(context).with_stream(mime, Cursor::new(bytes)) {
        Ok(reader) => format!("{:?}", reader.validation_state()),
        Err(error) => format!("error: {error}"),
    }
}

fn foreign(module: &str, root: &Path, files: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let Ok(python) = std::env::var("COLOPHON_PYTHON") else {
        return BTreeMap::new();
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/read.py");
    let output = Command::new(python)
        .arg(script)
        .arg(module)
        .arg(root)
        .args(files)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let state = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        match value["error"].as_str() {
            Some(error) => format!("error: {}", error.lines().next().unwrap_or_default()),
            None => value["anchored"][0].as_str().unwrap_or_default().to_owned(),
        }
    };
    files.iter().cloned().zip(text.lines().map(state)).collect()
}

#[test]
#[ignore = "needs a folder of pictures, COLOPHON_PICTURES"]
fn what_others_say_of_a_folder() {
    let folder = PathBuf::from(std::env::var("COLOPHON_PICTURES").unwrap());
    let mut files: Vec<PathBuf> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let root = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(root.path(), format!("{SIGNERS}\n{STAMPS}")).unwrap();
    let [bindings, independent] =
        ["c2pa", "encypher_c2pa"].map(|module| foreign(module, root.path(), &files));
    let anchors = anchors();
    let mut slowest = Duration::ZERO;
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let begun = Instant::now();
        let (states, codes) = ours(&bytes, &anchors);
        let took = begun.elapsed();
        slowest = slowest.max(took);
        let other = |all: &BTreeMap<PathBuf, String>| all.get(file).cloned().unwrap_or_default();
        println!(
            "{}\t{states}\t{codes}\t{}\t{}\t{}\t{}",
            file.file_name().unwrap().to_string_lossy(),
            sdk(&bytes),
            other(&bindings),
            other(&independent),
            took.as_millis()
        );
        assert!(took < Duration::from_secs(6), "{}", file.display());
    }
    println!("{} files, slowest {slowest:?}", files.len());
}
