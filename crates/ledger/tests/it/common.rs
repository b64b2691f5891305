//! Records and ledgers for the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use colophon_ledger::{
    Agent, Backend, Entry, FsckOptions, FsckReport, Generation, Kind, Ledger, LedgerError,
    LedgerOptions, NewRecord, NoteSigner, ReadOptions, StorageKey, VerifierKey, WeightsFile,
    fsck_with, prompt_commitment,
};
use colophon_tlog::Ed25519Signer;
use sha2::{Digest, Sha256};

pub const ORIGIN: &str = "ledger.example.org/test";

/// The shard that the records of [`record`] go into.
pub const SHARD: &str = "2027h1";

/// The folder of that shard.
pub fn shard(dir: &Path) -> PathBuf {
    dir.join(SHARD)
}

pub fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &[42; 32]).unwrap()
}

pub fn key() -> VerifierKey {
    signer().verifier_key().clone()
}

pub fn storage() -> StorageKey {
    StorageKey::new([77; 32])
}

pub fn options() -> LedgerOptions {
    LedgerOptions {
        storage_key: Some(storage()),
        ..LedgerOptions::default()
    }
}

pub fn open(dir: &Path) -> Ledger {
    try_open(dir).unwrap()
}

pub fn try_open(dir: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open_with(dir, ORIGIN, Box::new(signer()), options())
}

/// For reading, with the storage key.
pub fn reader(dir: &Path) -> Result<Ledger, LedgerError> {
    let options = ReadOptions {
        storage_key: Some(storage()),
        ..ReadOptions::default()
    };
    Ledger::open_read_only_with(dir, key(), options)
}

/// fsck with the storage key.
pub fn check(dir: &Path) -> FsckReport {
    fsck_with(dir, &key(), &fsck_options()).unwrap()
}

pub fn fsck_options() -> FsckOptions {
    FsckOptions {
        storage_key: Some(storage()),
        ..FsckOptions::default()
    }
}

/// The record at an index of the newest shard.
pub fn entry(ledger: &Ledger, index: u64) -> Entry {
    ledger.get(index).unwrap().unwrap().into_record().unwrap()
}

/// A record that is different for every `n`; every third is of a generated picture.
pub fn record(n: u64) -> NewRecord {
    let stamped = stamped(n);
    if n % 3 != 1 {
        return stamped;
    }
    let salt = [n as u8; 32];
    let prompt = stamped.prompt.as_deref().unwrap_or_default();
    NewRecord {
        kind: Kind::Generate,
        generation: Some(generation(prompt_commitment(&salt, prompt, Some("a blur")))),
        negative_prompt: Some("a blur".to_owned()),
        prompt_salt: Some(salt),
        ..stamped
    }
}

fn generation(prompt_commitment: [u8; 32]) -> Generation {
    Generation {
        backend: Backend::Embedded,
        model_id: "example/model".to_owned(),
        weights: vec![WeightsFile {
            file: "model.safetensors".to_owned(),
            sha256: [8; 32],
        }],
        license: Some("MIT".to_owned()),
        training_licenses: vec!["CC0-1.0".to_owned()],
        built_in: true,
        width: 1024,
        height: 768,
        seeds: vec![9],
        steps: Some(20),
        sampler: Some("euler".to_owned()),
        guidance_thousandths: Some(4_000),
        prompt_commitment,
    }
}

fn stamped(n: u64) -> NewRecord {
    let hash = |what: &str| <[u8; 32]>::from(Sha256::digest(format!("{what} {n}")));
    let manifest = format!("manifest {n}").into_bytes();
    NewRecord {
        issued_at: 1_800_000_000 + n as i64,
        kind: Kind::Stamp,
        generator: Some(Agent {
            name: "Qwen-Image-2512".to_owned(),
            version: None,
        }),
        source_type: "trainedAlgorithmicMedia".to_owned(),
        watermark_id: Some(watermark_id(n)),
        fingerprint: Some(hash("fingerprint")),
        sketch: Some(vec![n as u8; 24]),
        asset_sha256: hash("asset"),
        manifest_sha256: Sha256::digest(&manifest).into(),
        manifest_id: format!("urn:c2pa:{n}"),
        manifest,
        signer_key_id: [5; 32],
        policy_hash: [6; 32],
        width: 1024,
        height: 768,
        requester: None,
        title: Some(format!("Title {n}")),
        prompt: Some(format!("a prompt that stays private, {n}")),
        negative_prompt: None,
        prompt_salt: None,
        generation: None,
        unmarked_reason: None,
    }
}

pub fn watermark_id(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63
}

/// A folder that is removed with the value.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "colophon-ledger-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All files below a folder with their content, by relative path.
pub fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    // An open ledger removes partial tiles that full ones have replaced, a moment after it has answered.
    let mut tries = (0..100).map(|_| try_snapshot(dir));
    tries.find_map(std::io::Result::ok).unwrap()
}

fn try_snapshot(dir: &Path) -> std::io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(folder)? {
            let path = item?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                found.insert(name, std::fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

pub fn copy_dir(from: &Path, to: &Path) {
    for (path, bytes) in snapshot(from) {
        let target = to.join(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, bytes).unwrap();
    }
}
