//! OpenSSL reads our key files and accepts our chain.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use colophon_keys::{
    Algorithm, InitOptions, KeyState, KeyStore, KeysError, NewPlace, Passphrase, Role,
};
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
    fs::write(dir.join("signature"), signer.sign(b"to be signed").unwrap()).unwrap();
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

fn now() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}

const EXTENSIONS: &str = "
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[signer]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=emailProtection
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[web]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
authorityKeyIdentifier=keyid
";

/// An authority of OpenSSL's: root of RSA, issuing of P-384.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn make() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ext.cnf"), EXTENSIONS).unwrap();
        let this = Self { folder };
        let rsa = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "root.key",
            "-out",
            "root.pem",
            "-days",
            "30",
            "-subj",
            "/O=Some CA/CN=Some root",
        ];
        openssl(&rsa, this.path())?;
        let request = [
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-384",
            "-nodes",
            "-keyout",
            "issuing.key",
            "-out",
            "issuing.csr",
            "-subj",
            "/O=Some CA/CN=Some issuer",
        ];
        this.run(&request);
        this.certify("issuing.csr", "root", "authority", "issuing.pem", 20);
        Some(this)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, args: &[&str]) -> String {
        let (ok, text) = openssl(args, self.path()).unwrap();
        assert!(ok, "{args:?}: {text}");
        text
    }

    fn certify(&self, request: &str, issuer: &str, section: &str, out: &str, days: u32) {
        let (key, certificate) = (format!("{issuer}.key"), format!("{issuer}.pem"));
        let days = days.to_string();
        self.run(&[
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            &certificate,
            "-CAkey",
            &key,
            "-CAcreateserial",
            "-days",
            &days,
            "-extfile",
            "ext.cnf",
            "-extensions",
            section,
            "-out",
            out,
        ]);
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.path().join(file)).unwrap()
    }
}

#[test]
fn another_authority_certifies_our_request() {
    for algorithm in [Algorithm::Ed25519, Algorithm::Es256] {
        let (_home, dir) = keys(Some("correct horse"));
        let words = || Some(Passphrase::new("correct horse".to_owned()).unwrap());
        let mut store = KeyStore::open(&dir, words()).unwrap();
        let place = NewPlace::File(algorithm);
        store.prepare_signer(&place, now()).unwrap();
        assert!(matches!(
            store.prepare_signer(&place, now()),
            Err(KeysError::CannotChange { .. })
        ));
        let in_use = store.claim_signer().unwrap().key_id();
        let Some(authority) = Authority::make() else {
            return;
        };
        let request = store.certificate_request().unwrap();
        fs::write(authority.path().join("signer.csr"), request).unwrap();
        let text = authority.run(&["req", "-in", "signer.csr", "-noout", "-verify", "-text"]);
        for part in [
            "verify OK",
            "Digital Signature, Non Repudiation",
            "E-mail Protection, 1.3.6.1.4.1.62558.2.1",
            "CN = Colophon claim signer",
        ] {
            assert!(text.contains(part), "{part} not in {text}");
        }
        authority.certify("signer.csr", "issuing", "signer", "leaf.pem", 10);
        let chain = [authority.read("leaf.pem"), authority.read("issuing.pem")].concat();
        let root = authority.read("root.pem");

        let before = fs::read(dir.join("keys.json")).unwrap();
        for (chain, root, at, part) in [
            (&chain, None, now(), "root"),
            (
                &authority.read("leaf.pem"),
                Some(&root),
                now(),
                "was not signed by",
            ),
            (
                &authority.read("issuing.pem"),
                Some(&root),
                now(),
                "authority",
            ),
            (&chain, Some(&root), now() + 15 * 86_400, "not valid now"),
            (&b"nothing".to_vec(), Some(&root), now(), "certificate"),
        ] {
            let refused = store.import_certificate(chain, root.map(Vec::as_slice), at);
            let text = refused.unwrap_err().to_string();
            assert!(text.contains(part), "{part}: {text}");
        }
        authority.certify("signer.csr", "issuing", "web", "web.pem", 10);
        let web = [authority.read("web.pem"), authority.read("issuing.pem")].concat();
        let text = store
            .import_certificate(&web, Some(&root), now())
            .unwrap_err()
            .to_string();
        assert!(text.contains("extended key usage"), "{text}");
        assert_eq!(
            fs::read(dir.join("keys.json")).unwrap(),
            before,
            "a refusal changes nothing"
        );

        let whole = [chain, root].concat();
        let key = store.import_certificate(&whole, None, now()).unwrap();
        assert_eq!(key.state, KeyState::Active);
        let signer = KeyStore::open(&dir, words())
            .unwrap()
            .claim_signer()
            .unwrap();
        assert_ne!(signer.key_id(), in_use);
        assert_eq!(signer.chain_pem().matches("BEGIN").count(), 2);
        assert!(!store.has_local_chain());
        assert!(
            store.own_anchors_pem().unwrap().trim()
                == String::from_utf8_lossy(&authority.read("root.pem")).trim()
        );
        let found = colophon_keys::check(&dir, words(), now());
        assert!(
            found.iter().all(|it| it.code() == "expires-soon"),
            "{found:?}"
        );
        // A signer of the local authority takes its place again.
        store.rotate(Role::ClaimSigner, &place, now()).unwrap();
        assert!(store.has_local_chain());
    }
}

#[test]
fn a_certificate_for_another_key_is_not_installed() {
    let ((_a, ours), (_b, theirs)) = (keys(None), keys(None));
    let mut store = KeyStore::open(&ours, None).unwrap();
    let chain = ["signer.cert.pem", "issuing-ca.cert.pem", "root-ca.cert.pem"]
        .map(|file| fs::read(theirs.join(file)).unwrap())
        .concat();
    let text = store
        .import_certificate(&chain, None, now())
        .unwrap_err()
        .to_string();
    assert!(text.contains("another key"), "{text}");
}
