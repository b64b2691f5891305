//! The key folder as a user meets it: made, opened, described, checked, damaged.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::fs;
use std::path::{Path, PathBuf};

use colophon_keys::{
    Finding, InitOptions, KeyStore, KeysError, Passphrase, Role, Severity, check, describe,
};
use tempfile::TempDir;

const NOW: i64 = 1_795_000_000;
const DAY: i64 = 86_400;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn init(words: Option<&str>) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    let options = InitOptions {
        passphrase: words.map(passphrase),
        ..InitOptions::local(NOW)
    };
    KeyStore::init(&dir, options).unwrap();
    (home, dir)
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings
        .iter()
        .filter(|finding| finding.severity() == Severity::Problem)
        .map(Finding::code)
        .collect()
}

fn flip_in_body(path: &Path) {
    let mut text = fs::read(path).unwrap();
    let start = text.iter().position(|&b| b == b'\n').unwrap() + 20;
    text[start] = if text[start] == b'A' { b'B' } else { b'A' };
    fs::write(path, text).unwrap();
}

#[test]
fn a_fresh_folder_is_complete_and_sound() {
    let (home, dir) = init(None);
    assert!(codes(&check(&dir, None, NOW)).is_empty());
    let findings = check(&dir, None, NOW);
    assert_eq!(findings.len(), 8, "eight unencrypted files: {findings:?}");
    assert!(
        findings
            .iter()
            .all(|finding| finding.code() == "not-encrypted")
    );
    let left: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["keys"]);
}

#[test]
fn two_folders_share_no_key() {
    let ((_a, first), (_b, second)) = (init(None), init(None));
    let (first, second) = (
        KeyStore::open(&first, None).unwrap(),
        KeyStore::open(&second, None).unwrap(),
    );
    assert_ne!(
        *first.watermark_key().unwrap(),
        *second.watermark_key().unwrap()
    );
    assert_ne!(
        first.claim_signer().unwrap().key_id(),
        second.claim_signer().unwrap().key_id()
    );
    assert_ne!(
        first.ledger_signer().unwrap().public_key(),
        second.ledger_signer().unwrap().public_key()
    );
    assert_ne!(
        first.root_certificate_pem().unwrap(),
        second.root_certificate_pem().unwrap()
    );
}

#[test]
fn init_refuses_to_touch_what_is_there() {
    let (_home, dir) = init(None);
    let before = fs::read(dir.join("signer.key.pem")).unwrap();
    assert!(matches!(
        KeyStore::init(&dir, InitOptions::local(NOW)),
        Err(KeysError::AlreadyExists(_))
    ));
    assert_eq!(fs::read(dir.join("signer.key.pem")).unwrap(), before);

    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("keys");
    fs::write(&file, b"a file").unwrap();
    assert!(matches!(
        KeyStore::init(&file, InitOptions::local(NOW)),
        Err(KeysError::AlreadyExists(_))
    ));
}

#[test]
fn bad_options_make_nothing() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    let bad = [
        InitOptions {
            organisation: String::new(),
            ..InitOptions::local(NOW)
        },
        InitOptions {
            organisation: "x".repeat(65),
            ..InitOptions::local(NOW)
        },
        InitOptions {
            common_name: "a\nb".to_owned(),
            ..InitOptions::local(NOW)
        },
        InitOptions {
            country: "de".to_owned(),
            ..InitOptions::local(NOW)
        },
        InitOptions {
            ledger_name: Some("two words".to_owned()),
            ..InitOptions::local(NOW)
        },
        InitOptions::local(-1_000_000),
    ];
    for options in bad {
        let shown = format!("{options:?}");
        assert!(
            matches!(
                KeyStore::init(&dir, options),
                Err(KeysError::BadOption { .. })
            ),
            "{shown}"
        );
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}

#[test]
fn names_with_syntax_characters_stay_text() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    let organisation = "Müller, Söhne + Co/=\\\";CN=Other";
    KeyStore::init(
        &dir,
        InitOptions {
            organisation: organisation.to_owned(),
            ..InitOptions::local(NOW)
        },
    )
    .unwrap();
    assert!(codes(&check(&dir, None, NOW)).is_empty());
    let facts = describe(&dir).unwrap();
    assert!(
        facts.certificates[2]
            .subject
            .starts_with("CN=Colophon claim signer,O="),
        "{}",
        facts.certificates[2].subject
    );
}

#[test]
fn facts_are_public_and_need_no_passphrase() {
    let (_home, dir) = init(Some("correct horse"));
    let facts = describe(&dir).unwrap();
    assert!(facts.encrypted);
    assert_eq!(facts.created_at, NOW);
    assert_eq!(facts.certificates.len(), 3);
    let leaf = &facts.certificates[2];
    assert!(leaf.not_after - leaf.not_before <= 366 * DAY);
    assert_eq!(leaf.serial.len(), 32);
    assert_ne!(leaf.serial, facts.certificates[1].serial);
    assert!(facts.trust.contains("no public trust list"));
    let store = KeyStore::open(&dir, Some(passphrase("correct horse"))).unwrap();
    assert_eq!(
        store.ledger_signer().unwrap().verifier_key(),
        facts.ledger.verifier_key
    );
    assert_eq!(
        store.ledger_verifier_key().unwrap(),
        facts.ledger.verifier_key
    );
    assert_eq!(
        store.claim_signer().unwrap().key_id().to_string(),
        leaf.key_id
    );
    let policy = store.policy_signer().unwrap();
    assert_eq!(policy.name(), format!("{}/policy", facts.ledger.name));
    assert_ne!(
        policy.public_key(),
        store.ledger_signer().unwrap().public_key()
    );
}

#[test]
fn nothing_printed_holds_a_secret() {
    let (_home, dir) = init(None);
    let store = KeyStore::open(&dir, None).unwrap();
    let shown = format!(
        "{store:?} {:?} {:?} {:?}",
        store.claim_signer().unwrap(),
        store.ledger_signer().unwrap(),
        describe(&dir).unwrap()
    );
    for role in Role::ALL {
        let text = fs::read_to_string(dir.join(role.private_file())).unwrap();
        let body: String = text
            .lines()
            .filter(|line| !line.starts_with("---"))
            .collect();
        assert!(!shown.contains(&body[body.len() - 40..]), "{role:?}");
    }
    let key = store.watermark_key().unwrap();
    let digits = key
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert!(!shown.contains(&digits) && !shown.contains(&format!("{:?}", &key[..8])));
}

#[test]
fn a_wrong_passphrase_is_not_called_damage_and_damage_is_not_called_a_wrong_passphrase() {
    let (_home, dir) = init(Some("correct horse"));
    let open = |words: &str| KeyStore::open(&dir, Some(passphrase(words))).unwrap();
    assert!(open("correct horse").watermark_key().is_ok());
    assert!(open("correct horse").claim_signer().is_ok());
    assert!(matches!(
        open("battery staple").watermark_key(),
        Err(KeysError::WrongPassphrase(_))
    ));
    assert!(matches!(
        open("battery staple").claim_signer(),
        Err(KeysError::WrongPassphrase(_))
    ));
    assert!(matches!(
        KeyStore::open(&dir, None).unwrap().ledger_signer(),
        Err(KeysError::PassphraseNeeded(_))
    ));

    let path = dir.join("signer.key.pem");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len() - 2];
    let (old, new) = (&last[..1], if last.starts_with('A') { "B" } else { "A" });
    fs::write(
        &path,
        text.replacen(
            &format!("\n{old}{}", &last[1..]),
            &format!("\n{new}{}", &last[1..]),
            1,
        ),
    )
    .unwrap();
    assert!(matches!(
        open("correct horse").claim_signer(),
        Err(KeysError::Corrupt { .. })
    ));
}

#[test]
fn check_tells_passphrase_matters_apart() {
    let (_home, dir) = init(Some("correct horse"));
    assert!(check(&dir, Some(passphrase("correct horse")), NOW).is_empty());
    assert_eq!(
        codes(&check(&dir, Some(passphrase("x")), NOW)),
        ["wrong-passphrase"; 8]
    );
    let without = check(&dir, None, NOW);
    assert!(
        codes(&without).is_empty()
            && without.iter().all(|f| f.code() == "passphrase-needed")
            && without.len() == 8
    );
}

#[test]
fn every_lost_file_is_named() {
    let (_home, dir) = init(None);
    for file in [
        "issuing-ca.key.pem",
        "signer.key.pem",
        "ledger.key.pem",
        "watermark.key.pem",
        "root-ca.cert.pem",
        "issuing-ca.cert.pem",
        "signer.cert.pem",
        "ledger.vkey",
        "storage.key.pem",
        "policy.key.pem",
        "policy.vkey",
        "receipt.key.pem",
        "receipt.pub.pem",
    ] {
        let bytes = fs::read(dir.join(file)).unwrap();
        fs::remove_file(dir.join(file)).unwrap();
        let findings = check(&dir, None, NOW);
        assert!(
            findings
                .iter()
                .any(|f| matches!(f, Finding::MissingFile(name) if name == file)),
            "{file}: {findings:?}"
        );
        fs::write(dir.join(file), bytes).unwrap();
    }
    fs::remove_file(dir.join("root-ca.key.pem")).unwrap();
    let findings = check(&dir, None, NOW);
    assert!(
        findings
            .iter()
            .any(|f| matches!(f, Finding::RootKeyElsewhere) && f.severity() == Severity::Notice)
    );
    assert!(describe(&dir).is_ok());
    fs::remove_file(dir.join("keys.json")).unwrap();
    assert!(matches!(
        KeyStore::open(&dir, None),
        Err(KeysError::Missing(_))
    ));
    assert_eq!(codes(&check(&dir, None, NOW)), ["unusable"]);
    assert!(matches!(
        KeyStore::open(&dir.join("nowhere"), None),
        Err(KeysError::NoKeys(_))
    ));
}

#[test]
fn a_changed_character_in_any_file_is_noticed() {
    for file in [
        "root-ca.key.pem",
        "issuing-ca.key.pem",
        "signer.key.pem",
        "ledger.key.pem",
        "watermark.key.pem",
        "root-ca.cert.pem",
        "issuing-ca.cert.pem",
        "signer.cert.pem",
        "storage.key.pem",
        "policy.key.pem",
        "receipt.key.pem",
        "receipt.pub.pem",
    ] {
        let (_home, dir) = init(None);
        flip_in_body(&dir.join(file));
        let findings = check(&dir, None, NOW);
        assert!(
            findings
                .iter()
                .any(|f| f.severity() == Severity::Problem && f.sentence().contains(file)),
            "{file}: {findings:?}"
        );
    }
    let (_home, dir) = init(None);
    let text = fs::read_to_string(dir.join("ledger.vkey")).unwrap();
    fs::write(
        dir.join("ledger.vkey"),
        text.replacen("colophon", "colophin", 1),
    )
    .unwrap();
    assert_eq!(codes(&check(&dir, None, NOW)), ["damaged"]);
    assert!(matches!(
        KeyStore::open(&dir, None).unwrap().ledger_signer(),
        Err(KeysError::Corrupt { .. })
    ));
}

#[test]
fn times_are_judged_by_the_clock_given() {
    let (_home, dir) = init(None);
    assert_eq!(
        codes(&check(&dir, None, NOW - 2 * 3600)),
        ["not-yet-valid"; 3]
    );
    assert_eq!(codes(&check(&dir, None, NOW + 366 * DAY)), ["expired"]);
    let soon = check(&dir, None, NOW + 340 * DAY);
    let found = |findings: &[Finding]| {
        findings.iter().find_map(|finding| match finding {
            Finding::ExpiresSoon { file, days, .. } => {
                Some((file.clone(), *days, finding.severity()))
            }
            _ => None,
        })
    };
    let signer = || "signer.cert.pem".to_owned();
    assert_eq!(found(&soon), Some((signer(), 25, Severity::Notice)));
    let urgent = check(&dir, None, NOW + 359 * DAY);
    assert_eq!(found(&urgent), Some((signer(), 6, Severity::Problem)));
}

#[test]
fn foreign_certificates_and_keys_are_noticed() {
    let ((_a, dir), (_b, other)) = (init(None), init(None));
    let own = fs::read(dir.join("signer.cert.pem")).unwrap();
    fs::copy(other.join("signer.cert.pem"), dir.join("signer.cert.pem")).unwrap();
    assert_eq!(
        codes(&check(&dir, None, NOW)),
        ["does-not-chain", "key-mismatch"]
    );
    assert!(matches!(
        KeyStore::open(&dir, None).unwrap().claim_signer(),
        Err(KeysError::Mismatch { .. })
    ));

    fs::copy(dir.join("root-ca.cert.pem"), dir.join("signer.cert.pem")).unwrap();
    let found = codes(&check(&dir, None, NOW));
    for expected in [
        "self-signed-leaf",
        "profile-gap",
        "does-not-chain",
        "key-mismatch",
    ] {
        assert!(found.contains(&expected), "{expected} not in {found:?}");
    }
    fs::write(dir.join("signer.cert.pem"), own).unwrap();

    fs::copy(
        other.join("watermark.key.pem"),
        dir.join("watermark.key.pem"),
    )
    .unwrap();
    assert_eq!(codes(&check(&dir, None, NOW)), ["key-mismatch"]);
    assert!(matches!(
        KeyStore::open(&dir, None).unwrap().watermark_key(),
        Err(KeysError::Mismatch { .. })
    ));
}

#[test]
fn a_short_watermark_key_is_named() {
    let (_home, dir) = init(None);
    fs::write(dir.join("watermark.key.pem"), "-----BEGIN COLOPHON WATERMARK KEY-----\nAAECAwQFBgc=\n-----END COLOPHON WATERMARK KEY-----\n").unwrap();
    let findings = check(&dir, None, NOW);
    assert!(
        findings
            .iter()
            .any(|f| matches!(f, Finding::SymmetricKeyLength(_, 8))),
        "{findings:?}"
    );
}

#[cfg(unix)]
#[test]
fn modes_are_set_and_checked() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_home, dir) = init(None);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for role in Role::ALL {
        assert_eq!(mode(&dir.join(role.private_file())), 0o600, "{role:?}");
    }
    fs::set_permissions(
        dir.join("signer.key.pem"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let findings = check(&dir, None, NOW);
    assert_eq!(codes(&findings), ["wrong-mode", "wrong-mode"]);
    assert!(
        findings
            .iter()
            .any(|f| f.remedy().contains("600") && f.sentence().contains("signer.key.pem"))
    );
}
