//! Signing with time-stamps of an authority that OpenSSL plays, and with keys of P-256.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod common;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;

use ciborium::Value;
use colophon_keys::{Algorithm, InitOptions, KeyStore, NewPlace, Role};
use colophon_manifest::{
    CertificateName, ClaimAlgorithm, ClaimSigner, Integrity, ListKind, ListUse, ManifestError,
    Revocation, RevokedCertificate, Signature, SignerError, Time, TrustAnchors, TrustList, sign,
};
use common::*;
use image::ImageFormat;

const AUTHORITY: &str = r#"
set -e
cat > tsa.cnf <<'END'
[tsa]
default_tsa = theirs
[theirs]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[stamps]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[req]
distinguished_name = name
[name]
END
echo 01 > serial
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 30 -subj "/O=Stamps/CN=Root of stamps" -config tsa.cnf -extensions root
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr -subj "/O=Stamps/CN=Stamper"
openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 20 -extfile tsa.cnf -extensions stamps -out leaf.pem
"#;

/// Whether the script ran; `None` without OpenSSL.
fn bash(folder: &Path, script: &str) -> Option<()> {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(
            std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
            "openssl is required"
        );
        eprintln!("SKIPPED: openssl is not installed");
        return None;
    }
    let output = Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(())
}

/// How the authority behaves.
#[derive(Clone, Copy)]
enum Mood {
    Stamps,
    /// Stamps something else than what was asked for.
    Confused,
    Refuses,
    GoesWithout,
}

struct Stamped<'a> {
    keys: &'a Keys,
    folder: &'a Path,
    mood: Mood,
    asked: Cell<u32>,
}

impl ClaimSigner for Stamped<'_> {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        ClaimSigner::sign(self.keys, data)
    }

    fn chain_pem(&self) -> Vec<u8> {
        self.keys.chain_pem()
    }

    fn wants_time_stamp(&self) -> bool {
        true
    }

    fn time_stamp(&self, request: &[u8]) -> Option<Result<Vec<u8>, SignerError>> {
        self.asked.set(self.asked.get() + 1);
        fs::write(self.folder.join("tsq"), request).unwrap();
        let reply = "openssl ts -reply -config tsa.cnf -queryfile tsq -inkey leaf.key -signer leaf.pem -chain root.pem -out tsr";
        match self.mood {
            Mood::Stamps => bash(self.folder, reply)?,
            Mood::Confused => bash(
                self.folder,
                &format!(
                    "echo other > other; openssl ts -query -data other -sha256 -cert -out tsq; {reply}"
                ),
            )?,
            Mood::Refuses => return Some(Err("the authority is closed".into())),
            Mood::GoesWithout => return None,
        }
        Some(Ok(fs::read(self.folder.join("tsr")).unwrap()))
    }
}

/// The unprotected headers of the COSE signature in a manifest store (`COSE_Sign1`, tag 18).
fn headers(manifest: &[u8]) -> Vec<String> {
    let signatures = manifest
        .windows(2)
        .enumerate()
        .filter(|(_, two)| *two == [0xd2, 0x84])
        .filter_map(|(at, _)| ciborium::from_reader::<Value, _>(&manifest[at..]).ok());
    let parts = signatures
        .filter_map(|value| value.into_tag().ok()?.1.into_array().ok())
        .find(|parts| parts.len() == 4 && parts[1].is_map())
        .unwrap_or_else(|| panic!("no COSE signature"));
    let unprotected = parts[1].as_map().unwrap();
    let labels = unprotected.iter().filter_map(|(label, _)| label.as_text());
    labels.map(str::to_owned).collect()
}

fn with_stamps(anchors: TrustAnchors, root: &str) -> TrustAnchors {
    let list = TrustList {
        name: "stamps".to_owned(),
        kind: ListKind::Local,
        usage: ListUse::TimeStamps,
        anchors: root.to_owned(),
        allowed: String::new(),
        key_usages: Vec::new(),
    };
    anchors.with(list).unwrap()
}

#[test]
fn the_time_stamp_is_in_the_header_of_the_present_specification_and_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = bash(folder.path(), AUTHORITY) else {
        return;
    };
    let keys = Keys::new();
    let stamped = Stamped {
        keys: &keys,
        folder: folder.path(),
        mood: Mood::Stamps,
        asked: Cell::new(0),
    };
    let root = fs::read_to_string(folder.path().join("root.pem")).unwrap();
    for (mime, format) in FORMATS {
        let signed = sign(&picture(format), mime, &spec(), &stamped).unwrap();
        let labels = headers(&signed.manifest);
        assert!(labels.contains(&"sigTst2".to_owned()), "{labels:?}");
        assert!(!labels.contains(&"sigTst".to_owned()), "{labels:?}");

        let unlisted = report(&signed.asset, mime, &keys.anchors()).verdicts;
        assert_eq!(unlisted.time.state, Time::StampedUntrusted);
        let listed = report(&signed.asset, mime, &with_stamps(keys.anchors(), &root));
        assert_eq!(listed.verdicts.time.state, Time::Stamped);
        assert_eq!(listed.verdicts.integrity.state, Integrity::Intact);
        let signer = listed.signer.unwrap();
        assert!(signer.stamped_at.is_some());
        assert!(signer.stamped_by.unwrap().contains("Stamper"));
    }
    assert_eq!(stamped.asked.get(), 3, "one request a file");
}

#[test]
fn a_revocation_after_the_trusted_time_leaves_the_signature_good() {
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = bash(folder.path(), AUTHORITY) else {
        return;
    };
    let keys = Keys::new();
    let root = fs::read_to_string(folder.path().join("root.pem")).unwrap();
    let state = |wants: bool, from: i64| {
        let signer = Stamped {
            keys: &keys,
            folder: folder.path(),
            mood: if wants {
                Mood::Stamps
            } else {
                Mood::GoesWithout
            },
            asked: Cell::new(0),
        };
        let png = picture(ImageFormat::Png);
        let signed = sign(&png, "image/png", &spec(), &signer).unwrap();
        let revoked = RevokedCertificate {
            certificate: CertificateName::of_file(&keys.chain_pem()).unwrap(),
            from,
            reason: Some("keyCompromise".to_owned()),
        };
        let anchors = with_stamps(keys.anchors(), &root).with_revoked(vec![revoked]);
        let verdicts = report(&signed.asset, "image/png", &anchors).verdicts;
        (verdicts.revocation.state, verdicts.are_sound())
    };
    let (before, after) = (now() - 86_400, now() + 86_400);
    assert_eq!(state(true, after), (Revocation::RevokedLater, true));
    assert_eq!(state(true, before), (Revocation::RevokedHere, false));
    // Without a trusted time nobody knows on which side of it the signature was made.
    assert_eq!(state(false, after), (Revocation::RevokedHere, false));
}

#[test]
fn without_its_time_stamp_nothing_is_signed_unless_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(()) = bash(folder.path(), AUTHORITY) else {
        return;
    };
    let keys = Keys::new();
    let attempt = |mood: Mood| {
        let signer = Stamped {
            keys: &keys,
            folder: folder.path(),
            mood,
            asked: Cell::new(0),
        };
        sign(&picture(ImageFormat::Png), "image/png", &spec(), &signer)
    };
    let refused = attempt(Mood::Refuses).unwrap_err();
    assert!(
        matches!(refused, ManifestError::TimeStamp(_)),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("the authority is closed"));

    let without = attempt(Mood::GoesWithout).unwrap();
    assert_eq!(
        headers(&without.manifest)
            .iter()
            .filter(|it| it.starts_with("sigTst"))
            .count(),
        0
    );
    let verdicts = report(&without.asset, "image/png", &keys.anchors()).verdicts;
    assert_eq!(verdicts.time.state, Time::Unstamped);

    // A token over something else is never a good time.
    if let Ok(signed) = attempt(Mood::Confused) {
        let verdicts = report(&signed.asset, "image/png", &keys.anchors()).verdicts;
        assert_eq!(verdicts.time.state, Time::BadStamp);
    }
}

struct P256(colophon_keys::ClaimSigner);

impl ClaimSigner for P256 {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(data)?.to_vec())
    }

    fn chain_pem(&self) -> Vec<u8> {
        self.0.chain_pem().as_bytes().to_vec()
    }

    fn algorithm(&self) -> ClaimAlgorithm {
        ClaimAlgorithm::Es256
    }
}

#[test]
fn claims_are_signed_with_es256_under_an_authority_of_ed25519() {
    let home = tempfile::tempdir().unwrap();
    let options = InitOptions::local(now());
    let mut store = KeyStore::init(&home.path().join("keys"), options).unwrap();
    store
        .rotate(Role::ClaimSigner, &NewPlace::File(Algorithm::Es256), now())
        .unwrap();
    let signer = P256(store.claim_signer().unwrap());
    let png = picture(ImageFormat::Png);
    let signed = sign(&png, "image/png", &spec(), &signer).unwrap();
    let root = store.root_certificates_pem().unwrap();
    let anchors = TrustAnchors::none().with_local_root(&root).unwrap();
    let verdicts = report(&signed.asset, "image/png", &anchors).verdicts;
    assert_eq!(verdicts.signature.state, Signature::Valid);
    assert_eq!(verdicts.trust.state.code(), "trusted-local");
}
