//! A folder of the first version gets the keys that later roles need, and nothing else changes.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use colophon_keys::{FACTS_FILE, InitOptions, KeyStore, KeysError, Passphrase, check, describe};

const NOW: i64 = 1_795_000_000;
const LATER: [&str; 5] = [
    "storage.key.pem",
    "policy.key.pem",
    "policy.vkey",
    "receipt.key.pem",
    "receipt.pub.pem",
];

/// A folder as the first version left it.
fn first_version(dir: &Path, words: Option<&str>) {
    let passphrase = words.map(passphrase);
    let options = InitOptions {
        passphrase,
        ..InitOptions::local(NOW)
    };
    KeyStore::init(dir, options).unwrap();
    let text = fs::read(dir.join(FACTS_FILE)).unwrap();
    let now: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let mut files = now["files"].as_object().unwrap().clone();
    for file in LATER {
        fs::remove_file(dir.join(file)).unwrap();
        files.remove(file).unwrap();
    }
    let watermark = now["keys"].as_array().unwrap().iter();
    let watermark = watermark.clone().find(|key| key["role"] == "watermark");
    let first = serde_json::json!({
        "version": 1,
        "created_at": NOW,
        "watermark_key_id": watermark.unwrap()["id"],
        "files": files,
    });
    fs::write(dir.join(FACTS_FILE), first.to_string()).unwrap();
}

fn passphrase(words: &str) -> Passphrase {
    Passphrase::new(words.to_owned()).unwrap()
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn what_was_there_stays_and_what_lacks_is_made_once() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    first_version(&dir, None);
    let before = contents(&dir);
    let read_only = KeyStore::open(&dir, None).unwrap();
    assert!(matches!(
        read_only.storage_key(),
        Err(KeysError::NotMade { .. })
    ));
    assert!(read_only.claim_signer().is_ok());
    assert_eq!(contents(&dir), before, "reading writes nothing");

    let store = KeyStore::open_to_write(&dir, None, NOW + 5).unwrap();
    let storage = store.storage_key().unwrap();
    assert_ne!(*storage, *store.watermark_key().unwrap());
    assert!(store.policy_signer().is_ok() && store.receipt_signer().is_ok());
    let after = contents(&dir);
    for (name, bytes) in before.iter().filter(|(name, _)| *name != FACTS_FILE) {
        assert_eq!(&after[name], bytes, "{name}");
    }
    assert_eq!(after.len(), before.len() + LATER.len());
    let problems = check(&dir, None, NOW + 5);
    assert!(problems.iter().all(|found| found.code() == "not-encrypted"));

    let again = KeyStore::open_to_write(&dir, None, NOW + 9).unwrap();
    assert_eq!(*again.storage_key().unwrap(), *storage);
    assert_eq!(contents(&dir), after);
}

#[test]
fn new_keys_of_an_encrypted_folder_open_with_its_passphrase() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    first_version(&dir, Some("correct horse"));
    let before = contents(&dir);
    assert!(matches!(
        KeyStore::open_to_write(&dir, None, NOW),
        Err(KeysError::PassphraseNeeded(_))
    ));
    assert!(matches!(
        KeyStore::open_to_write(&dir, Some(passphrase("wrong")), NOW),
        Err(KeysError::WrongPassphrase(_))
    ));
    assert_eq!(contents(&dir), before, "a refusal writes nothing");
    KeyStore::open_to_write(&dir, Some(passphrase("correct horse")), NOW).unwrap();
    assert!(describe(&dir).unwrap().encrypted);
    assert!(check(&dir, Some(passphrase("correct horse")), NOW).is_empty());
}

#[test]
fn a_first_version_that_is_damaged_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    first_version(&dir, None);
    fs::write(dir.join("signer.cert.pem"), "no certificate").unwrap();
    let before = contents(&dir);
    assert!(matches!(
        KeyStore::open_to_write(&dir, None, NOW),
        Err(KeysError::Corrupt { .. })
    ));
    assert_eq!(contents(&dir), before);
}
