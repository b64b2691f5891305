//! OpenSSL reads our key files and accepts our chain.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use colophon_keys::{InitOptions, KeyStore, Passphrase};
use tempfile::TempDir;

/// `None` when OpenSSL is not installed, unless the run demands every tool.
fn openssl(args: &[&str], dir: &Path) -> Option<(bool, String)> {
    match Command::new("openssl").args(args).current_dir(dir).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((
                output.status.success(),
                String::from_utf8_lossy(&text).into_owned(),
            ))
        }
        Err(error) => {
            assert!(
                std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
                "openssl is required: {error}"
            );
            eprintln!("SKIPPED: openssl is not installed");
            None
        }
    }
}

fn keys(words: Option<&str>) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let passphrase = words.map(|words| Passphrase::new(words.to_owned()).unwrap());
    KeyStore::init(
        &dir,
        InitOptions {
            passphrase,
            ..InitOptions::local(now)
        },
    )
    .unwrap();
    (home, dir)
}

#[test]
fn the_chain_verifies() {
    let (_home, dir) = keys(None);
    let args = [
        "verify",
        "-x509_strict",
        "-purpose",
        "smimesign",
        "-CAfile",
        "root-ca.cert.pem",
        "-untrusted",
        "issuing-ca.cert.pem",
        "signer.cert.pem",
    ];
    let Some((ok, text)) = openssl(&args, &dir) else {
        return;
    };
    assert!(ok, "{text}");
    let (ok, text) = openssl(&["x509", "-in", "signer.cert.pem", "-noout", "-text"], &dir).unwrap();
    assert!(ok);
    for expected in [
        "Version: 3",
        "Signature Algorithm: ED25519",
        "Subject: C = ZZ, O = Colophon local issuer, CN = Colophon claim signer",
        "X509v3 Basic Constraints: critical",
        "CA:FALSE",
        "X509v3 Key Usage: critical",
        "Digital Signature, Non Repudiation",
        "E-mail Protection, 1.3.6.1.4.1.62558.2.1",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
    ] {
        assert!(text.contains(expected), "{expected} not in\n{text}");
    }
}

#[test]
fn key_files_open_with_and_without_a_passphrase() {
    for (words, pass) in [
        (None, "pass:"),
        (Some("correct horse"), "pass:correct horse"),
    ] {
        let (_home, dir) = keys(words);
        let Some((ok, from_private)) = openssl(
            &["pkey", "-in", "signer.key.pem", "-passin", pass, "-pubout"],
            &dir,
        ) else {
            return;
        };
        assert!(ok, "{from_private}");
        let (ok, from_certificate) = openssl(
            &["x509", "-in", "signer.cert.pem", "-noout", "-pubkey"],
            &dir,
        )
        .unwrap();
        assert!(ok);
        assert_eq!(from_private, from_certificate);
    }
    let (_home, dir) = keys(Some("correct horse"));
    let (ok, _) = openssl(
        &[
            "pkey",
            "-in",
            "signer.key.pem",
            "-passin",
            "pass:wrong",
            "-noout",
        ],
        &dir,
    )
    .unwrap();
    assert!(!ok);
}

#[test]
fn a_signature_of_ours_verifies() {
    let (_home, dir) = keys(None);
    let signer = KeyStore::open(&dir, None).unwrap().claim_signer().unwrap();
    fs::write(dir.join("message"), b"to be signed").unwrap();
    fs::write(dir.join("signature"), signer.sign(b"to be signed")).unwrap();
    let args = [
        "pkeyutl",
        "-verify",
        "-certin",
        "-inkey",
        "signer.cert.pem",
        "-rawin",
        "-in",
        "message",
        "-sigfile",
        "signature",
    ];
    let Some((ok, text)) = openssl(&args, &dir) else {
        return;
    };
    assert!(ok, "{text}");
}
