//! The bundle, unpacked and checked by its own instructions with other people's tools.

use std::env;
use std::fs;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::Command;

use colophon_audit::{BundleParts, Life, NamedFile, bundle};
use colophon_ledger::Ledger;

use crate::common::{ledger, python, record_of, skip};

/// Where Debian's `golang-golang-x-mod-dev` puts the sources.
const GOPATH: &str = "/usr/share/gocode";

fn packed(ledger: &Ledger, n: u64) -> Vec<u8> {
    let entry = record_of(ledger, n);
    let life = Life::of(ledger, entry, None, None).unwrap();
    let parts = BundleParts {
        log_key: ledger.shards().unwrap()[0].key.clone(),
        certificates: vec![NamedFile {
            name: "certificates/root-ca.cert.pem".to_owned(),
            bytes: b"a certificate".to_vec(),
        }],
        witness_policy: None,
        shards: Some(b"a list".to_vec()),
        receipt: None,
    };
    bundle(&life, &parts).unwrap()
}

fn unpack(bytes: Vec<u8>, dir: &Path) {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let path = dir.join(file.enclosed_name().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Every file of the bundle with every byte or, of long ones, some of them changed in one bit; then the check must fail.
fn lies_are_found(dir: &Path, is_proven: impl Fn() -> bool) {
    assert!(is_proven(), "as it was handed over");
    for name in [
        "record.leaf",
        "record.tlog-proof",
        "log.vkey",
        "manifest.c2pa",
    ] {
        let path = dir.join(name);
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len().div_ceil(25)) {
            // A line's end, and the last letter of base64, of which some bits mean nothing.
            if bytes[at] == b'\n' || bytes.get(at + 1) == Some(&b'=') {
                continue;
            }
            let mut changed = bytes.clone();
            changed[at] ^= 2;
            fs::write(&path, changed).unwrap();
            assert!(!is_proven(), "byte {at} of {name}");
        }
        fs::write(&path, bytes).unwrap();
    }
    assert!(is_proven(), "put right again");
}

#[test]
fn the_same_record_gives_the_same_bytes_without_anything_private() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), 300);
    let bytes = packed(&ledger, 100);
    assert_eq!(bytes, packed(&ledger, 100));
    for private in ["secret prompt", "private title"] {
        assert!(
            !bytes
                .windows(private.len())
                .any(|it| it == private.as_bytes())
        );
    }
    let folder = tempfile::tempdir().unwrap();
    unpack(bytes, folder.path());
    let readme = fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(
        !readme.contains("{{") && !readme.contains("<!--"),
        "{readme}"
    );
    assert!(readme.contains("shards.note") && !readme.contains("witness-policy.txt"));
}

#[test]
fn python_confirms_the_bundle_and_finds_every_lie() {
    let Some(python) = python("cryptography") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), 300);
    let folder = tempfile::tempdir().unwrap();
    unpack(packed(&ledger, 100), folder.path());
    let run = |more: &[&str]| {
        let output = Command::new(python.get_program())
            .arg("check.py")
            .args(more)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        // The word and the exit code go together.
        assert_eq!(
            output.status.success(),
            told.trim_end().ends_with(": PROVEN"),
            "{told}"
        );
        (output.status.success(), told)
    };
    let (proven, told) = run(&[]);
    assert!(
        proven && told.contains("manifest_id: urn:c2pa:100"),
        "{told}"
    );
    fs::write(folder.path().join("other.png"), "another picture").unwrap();
    assert!(!run(&["other.png"]).0);
    lies_are_found(folder.path(), || run(&[]).0);
}

#[test]
fn go_confirms_the_bundle_and_finds_every_lie() {
    let missing = !Path::new(GOPATH)
        .join("src/golang.org/x/mod/sumdb/tlog")
        .is_dir()
        || Command::new("go").arg("version").output().is_err();
    if missing {
        skip("the Debian packages golang-go and golang-golang-x-mod-dev are missing");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), 300);
    let folder = tempfile::tempdir().unwrap();
    unpack(packed(&ledger, 100), folder.path());
    // As `go run` does, but once.
    let built = Command::new("go")
        .args(["build", "-o", "check", "check.go"])
        .envs([
            ("GO111MODULE", "off"),
            ("GOPATH", GOPATH),
            ("GOFLAGS", ""),
            ("GOPROXY", "off"),
        ])
        .env("GOCACHE", env::temp_dir().join("colophon-audit-go-cache"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let failed = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{failed}");
    lies_are_found(folder.path(), || {
        let output = Command::new(folder.path().join("check"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        output.status.success()
    });
}
