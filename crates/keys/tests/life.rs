//! Keys are rotated, revoked, backed up; what they made before stays good.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use colophon_keys::{
    Algorithm, FACTS_FILE, Finding, InitOptions, KeyEvent, KeyEventKind, KeyState, KeyStore,
    KeysError, NewPlace, Passphrase, PublicKey, Purpose, RemoteKey, RemoteSigner, Role, Severity,
    backup, check, check_purpose, connect_with, describe, restore,
};
use tempfile::TempDir;

const NOW: i64 = 1_795_000_000;
const FILE: NewPlace = NewPlace::File(Algorithm::Ed25519);

fn words() -> Passphrase {
    Passphrase::new("correct horse".to_owned()).unwrap()
}

fn init(passphrase: Option<Passphrase>) -> (TempDir, PathBuf, KeyStore) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    let options = InitOptions {
        passphrase,
        ..InitOptions::local(NOW)
    };
    let store = KeyStore::init(&dir, options).unwrap();
    (home, dir, store)
}

fn problems(dir: &Path, now: i64) -> Vec<String> {
    let found = check(dir, None, now);
    let bad = found.iter().filter(|it| it.severity() == Severity::Problem);
    bad.map(Finding::sentence).collect()
}

fn states(store: &KeyStore, role: Role) -> Vec<KeyState> {
    let all = store.list().into_iter().filter(|key| key.role == role);
    all.map(|key| key.state).collect()
}

#[test]
fn every_role_rotates_and_the_folder_stays_sound() {
    let (_home, dir, mut store) = init(None);
    for (step, role) in Role::ALL.into_iter().enumerate() {
        let now = NOW + step as i64;
        store.rotate(role, &FILE, now).unwrap();
        assert_eq!(
            states(&store, role),
            [KeyState::Retired, KeyState::Active],
            "{role:?}"
        );
        assert_eq!(problems(&dir, now), Vec::<String>::new(), "{role:?}");
    }
    let reopened = KeyStore::open(&dir, None).unwrap();
    assert!(reopened.claim_signer().is_ok() && reopened.receipt_signer().is_ok());
    assert_eq!(
        reopened.ledger_signer().unwrap().name(),
        format!("{}", store.ledger_signer().unwrap().name())
    );
    // Signing keys that are out of use are gone, symmetric ones are there.
    let files: Vec<String> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".key."))
        .collect();
    assert_eq!(files.len(), Role::ALL.len() + 2, "{files:?}");
    assert!(!dir.join("signer.key.pem").exists() && dir.join("watermark.key.pem").exists());
}

#[test]
fn a_rotated_watermark_key_is_still_there_to_read_with() {
    let (_home, dir, mut store) = init(Some(words()));
    let (first, id) = (
        store.watermark_key().unwrap(),
        store.watermark_key_id().unwrap().to_owned(),
    );
    store.rotate(Role::Watermark, &FILE, NOW + 1).unwrap();
    store.rotate(Role::Watermark, &FILE, NOW + 2).unwrap();
    let reopened = KeyStore::open(&dir, Some(words())).unwrap();
    let former = reopened.former_watermark_keys();
    assert_eq!(former.len(), 2);
    assert_eq!(former[1].0, id);
    assert_eq!(**former[1].1.as_ref().unwrap(), *first);
    assert_ne!(*reopened.watermark_key().unwrap(), *first);
    assert!(check(&dir, Some(words()), NOW).is_empty());
}

#[test]
fn new_files_need_the_passphrase_of_the_old_ones() {
    let (_home, dir, _store) = init(Some(words()));
    let before = fs::read(dir.join(FACTS_FILE)).unwrap();
    let wrong = Passphrase::new("wrong".to_owned()).unwrap();
    let mut store = KeyStore::open(&dir, Some(wrong)).unwrap();
    assert!(matches!(
        store.rotate(Role::Ledger, &FILE, NOW),
        Err(KeysError::WrongPassphrase(_))
    ));
    assert_eq!(fs::read(dir.join(FACTS_FILE)).unwrap(), before);
}

#[test]
fn a_new_signer_stands_under_the_same_authority_and_a_new_root_beside_the_old() {
    let (_home, _dir, mut store) = init(None);
    let first = store.claim_signer().unwrap();
    store
        .rotate(
            Role::ClaimSigner,
            &NewPlace::File(Algorithm::Es256),
            NOW + 9,
        )
        .unwrap();
    let second = store.claim_signer().unwrap();
    assert_eq!(second.algorithm(), Algorithm::Es256);
    let issuing = |chain: &str| chain.split("-----END").nth(1).map(str::to_owned);
    assert_eq!(issuing(first.chain_pem()), issuing(second.chain_pem()));
    assert_ne!(first.key_id(), second.key_id());

    store.rotate(Role::RootAuthority, &FILE, NOW + 10).unwrap();
    let roots = store.root_certificates_pem().unwrap();
    assert_eq!(roots.matches("BEGIN CERTIFICATE").count(), 2);
    store
        .rotate(Role::IssuingAuthority, &FILE, NOW + 11)
        .unwrap();
    store.rotate(Role::ClaimSigner, &FILE, NOW + 12).unwrap();
    let third = store.claim_signer().unwrap();
    assert_ne!(issuing(second.chain_pem()), issuing(third.chain_pem()));
}

#[test]
fn es256_signatures_check_out_and_notes_are_ed25519() {
    let (_home, _dir, mut store) = init(None);
    let place = NewPlace::File(Algorithm::Es256);
    store.rotate(Role::Receipt, &place, NOW).unwrap();
    let handle = store.receipt_signer().unwrap();
    let signature = handle.sign(Purpose::Receipt, b"tree head").unwrap();
    let public = PublicKey::from_der(handle.public_key().der()).unwrap();
    assert!(public.verifies(b"tree head", &signature));
    assert!(!public.verifies(b"tree heat", &signature));
    assert!(matches!(
        store.rotate(Role::Ledger, &place, NOW),
        Err(KeysError::CannotChange { .. })
    ));
    assert!(store.ledger_signer().is_ok(), "a refusal changes nothing");
}

#[test]
fn one_key_serves_one_purpose() {
    let (_home, _dir, store) = init(None);
    let handle = store.receipt_signer().unwrap();
    for purpose in [Purpose::C2paClaim, Purpose::Checkpoint, Purpose::PolicyNote] {
        assert!(matches!(
            handle.sign(purpose, b"x"),
            Err(KeysError::WrongPurpose { .. })
        ));
    }
}

#[test]
fn a_revoked_key_is_gone_named_and_told() {
    let (_home, dir, mut store) = init(None);
    let id = store.claim_signer().unwrap().key_id().to_string();
    assert!(matches!(
        store.revoke("signer", "boredom", NOW, NOW),
        Err(KeysError::BadOption { .. })
    ));
    for name in ["nobody", "ab", "", "00000000"] {
        assert!(matches!(
            store.revoke(name, "keyCompromise", NOW, NOW),
            Err(KeysError::NoSuchKey { .. })
        ));
    }
    let revoked = store
        .revoke(&id[..12], "keyCompromise", NOW - 500, NOW)
        .unwrap();
    assert_eq!(revoked.id, id);
    assert_eq!(revoked.certificate_sha256.unwrap().len(), 64);
    assert!(!dir.join("signer.key.pem").exists());
    assert!(matches!(
        store.claim_signer(),
        Err(KeysError::NoActiveKey { .. })
    ));
    let facts = describe(&dir).unwrap();
    assert_eq!(facts.certificates.len(), 2, "the others are still told of");
    let event = store.pending_events().last().unwrap().clone();
    assert_eq!(
        (event.kind, event.from, event.reason.as_deref()),
        (
            KeyEventKind::Revoked,
            Some(NOW - 500),
            Some("keyCompromise")
        )
    );
    // Only an earlier time says more than what is known.
    assert!(store.revoke(&id, "superseded", NOW, NOW).is_err());
    assert!(store.revoke(&id, "keyCompromise", NOW - 900, NOW).is_ok());
    store.rotate(Role::ClaimSigner, &FILE, NOW + 1).unwrap();
    assert!(store.claim_signer().is_ok());
}

#[test]
fn no_event_is_lost_and_what_the_ledger_took_is_not_told_again() {
    let (_home, dir, mut store) = init(None);
    assert_eq!(store.pending_events().len(), Role::ALL.len());
    store.rotate(Role::Policy, &FILE, NOW + 1).unwrap();
    let events = store.pending_events();
    let kinds: Vec<_> = events[8..].iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [KeyEventKind::Retired, KeyEventKind::Activated]);
    assert!(events.windows(2).all(|two| two[0].number < two[1].number));
    let mut left = 9;
    let refused = store.hand_over_events(|_, _| {
        left -= 1;
        if left == 0 {
            return Err(KeysError::NoKeys(dir.clone()));
        }
        Ok(())
    });
    assert!(refused.is_err());
    let mut reopened = KeyStore::open(&dir, None).unwrap();
    assert_eq!(reopened.pending_events().len(), 10, "none is lost");
    let mut taken = Vec::new();
    let mut take = |_: &KeyStore, event: &KeyEvent| {
        taken.push(event.number);
        Ok::<(), KeysError>(())
    };
    assert_eq!(reopened.hand_over_events(&mut take).unwrap(), 10);
    // Another handle, opened before: nothing is told again.
    assert_eq!(store.hand_over_events(&mut take).unwrap(), 0);
    assert_eq!(taken, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(
        KeyStore::open(&dir, None)
            .unwrap()
            .pending_events()
            .is_empty()
    );
}

#[test]
fn a_change_that_was_cut_off_leaves_the_folder_as_it_was() {
    let (_home, dir, mut store) = init(None);
    // As a crash would: new files are there, `keys.json` does not name them.
    fs::write(dir.join("signer-0011223344556677.key.pem"), "half").unwrap();
    fs::write(dir.join("keys.json.partial"), "half").unwrap();
    assert!(KeyStore::open(&dir, None).unwrap().claim_signer().is_ok());
    store.rotate(Role::ClaimSigner, &FILE, NOW + 1).unwrap();
    assert_eq!(problems(&dir, NOW + 1), Vec::<String>::new());
}

#[test]
fn a_backup_restores_to_the_same_keys() {
    let (home, dir, mut store) = init(Some(words()));
    store.rotate(Role::Watermark, &FILE, NOW + 1).unwrap();
    fs::remove_file(dir.join("root-ca.key.pem")).unwrap();
    let file = home.path().join("keys.backup");
    let own = Passphrase::new("of the backup".to_owned()).unwrap();
    backup(&dir, &file, &own).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("-----BEGIN COLOPHON KEY BACKUP-----"));
    assert!(matches!(
        backup(&dir, &file, &own),
        Err(KeysError::AlreadyExists(_))
    ));

    let there = home.path().join("restored");
    assert!(matches!(
        restore(&file, &there, &words()),
        Err(KeysError::Backup { .. })
    ));
    assert!(!there.exists());
    restore(&file, &there, &own).unwrap();
    let restored = KeyStore::open(&there, Some(words())).unwrap();
    assert_eq!(
        *restored.watermark_key().unwrap(),
        *store.watermark_key().unwrap()
    );
    assert_eq!(restored.former_watermark_keys().len(), 1);
    assert_eq!(
        restored.claim_signer().unwrap().key_id(),
        store.claim_signer().unwrap().key_id()
    );
    let found = check(&there, Some(words()), NOW);
    assert!(
        found.iter().all(|it| it.code() == "root-key-elsewhere"),
        "{found:?}"
    );
    assert!(matches!(
        restore(&file, &there, &own),
        Err(KeysError::AlreadyExists(_))
    ));

    for change in [
        text.replacen("BACKUP", "BACKUQ", 1),
        text[..text.len() / 2].to_owned(),
        String::new(),
    ] {
        fs::write(&file, change).unwrap();
        assert!(matches!(
            restore(&file, &home.path().join("other"), &own),
            Err(KeysError::Backup { .. })
        ));
    }
}

/// A remote signer that holds a key of its own, and can be made to lie or to fail.
struct Double {
    key: ring::signature::Ed25519KeyPair,
}

static BROKEN: AtomicBool = AtomicBool::new(false);
static LYING: AtomicBool = AtomicBool::new(false);

impl RemoteSigner for Double {
    fn public_key(&self) -> Result<Vec<u8>, String> {
        use ring::signature::KeyPair as _;
        let raw = self.key.public_key().as_ref();
        PublicKey::from_raw(Algorithm::Ed25519, raw)
            .map(|key| key.der().to_vec())
            .map_err(|error| error.to_string())
    }

    fn sign(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        if BROKEN.load(Ordering::SeqCst) {
            return Err("it is broken".to_owned());
        }
        assert_eq!(purpose, "c2pa-claim");
        let mut signature = self.key.sign(message).as_ref().to_vec();
        signature[0] ^= u8::from(LYING.load(Ordering::SeqCst));
        Ok(signature)
    }
}

#[test]
fn a_remote_signer_that_fails_or_lies_is_noticed() {
    connect_with(|place| {
        let seed = [place.key.len() as u8; 32];
        let key = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed);
        Ok(Box::new(Double {
            key: key.map_err(|error| error.to_string())?,
        }))
    });
    let (_home, dir, mut store) = init(None);
    let place = NewPlace::Remote(RemoteKey {
        url: "https://signer.example".to_owned(),
        key: "claims".to_owned(),
        token_file: "/run/token".into(),
        timeout_ms: 1000,
    });
    store.rotate(Role::ClaimSigner, &place, NOW + 1).unwrap();
    let text = fs::read_to_string(dir.join(FACTS_FILE)).unwrap();
    assert!(text.contains("https://signer.example"));
    assert!(!dir.join("signer.key.pem").exists());
    let signer = KeyStore::open(&dir, None).unwrap().claim_signer().unwrap();
    assert!(signer.sign(b"claim").is_ok());
    LYING.store(true, Ordering::SeqCst);
    assert!(matches!(
        signer.sign(b"claim"),
        Err(KeysError::WrongSignature { .. })
    ));
    BROKEN.store(true, Ordering::SeqCst);
    let error = signer.sign(b"claim").unwrap_err();
    assert!(matches!(error, KeysError::Remote { .. }));
    assert!(error.to_string().contains("it is broken"));
    // The same key for a second role: refused.
    assert!(matches!(
        store.rotate(Role::Receipt, &place, NOW + 2),
        Err(KeysError::CannotChange { .. })
    ));
    assert!(check_purpose(Role::Receipt, Purpose::Receipt).is_ok());
}
