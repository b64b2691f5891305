//! Ledgers for the tests.

use std::path::Path;

use colophon_ledger::{
    Agent, Backend, CheckDecision, Entry, Filter, Generation, IssuingDecision, Kind, LeafIndex,
    Ledger, LedgerOptions, NewRecord, NoteSigner, Query, RecordId, StorageKey, VerifierKey,
    WeightsFile, prompt_commitment,
};
use colophon_tlog::Ed25519Signer;
use sha2::{Digest, Sha256};

pub const ORIGIN: &str = "ledger.example.org/test";
/// Where the records fall by their time.
pub const SHARD: &str = "2027h1";
/// 2027-01-15.
pub const START: i64 = 1_800_000_000;

pub fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &[42; 32]).unwrap()
}

pub fn key() -> VerifierKey {
    signer().verifier_key().clone()
}

pub fn open(dir: &Path) -> Ledger {
    let options = LedgerOptions {
        storage_key: Some(StorageKey::new([77; 32])),
        ..LedgerOptions::default()
    };
    Ledger::open_with(dir, ORIGIN, Box::new(signer()), options).unwrap()
}

/// A ledger with so many records, one an hour. Every third was generated; there are four signers. The names of models
/// are what a spreadsheet or a web page must be protected from.
pub fn ledger(dir: &Path, count: u64) -> Ledger {
    let ledger = open(dir);
    ledger
        .append_many((0..count).map(record).collect())
        .unwrap();
    ledger
}

/// Index of the first record.
pub const FIRST: u64 = 0;

/// Place of the record `n`.
pub fn id(n: u64) -> RecordId {
    RecordId {
        shard: SHARD.parse().unwrap(),
        index: LeafIndex(FIRST + n),
    }
}

/// The record `n`, read back.
pub fn record_of(ledger: &Ledger, n: u64) -> Entry {
    ledger.get(id(n)).unwrap().unwrap().into_record().unwrap()
}

pub fn record(n: u64) -> NewRecord {
    let hash = |what: &str| <[u8; 32]>::from(Sha256::digest(format!("{what} {n}")));
    let manifest = format!("manifest {n}").into_bytes();
    let is_generated = n % 3 == 1;
    let prompt = format!("a secret prompt {n}");
    let salt = [n as u8; 32];
    let generation = Generation {
        backend: Backend::Embedded,
        model_id: "example/model".to_owned(),
        weights: vec![
            WeightsFile {
                file: "a.safetensors".to_owned(),
                sha256: [8; 32],
            },
            WeightsFile {
                file: "b.safetensors".to_owned(),
                sha256: [9; 32],
            },
        ],
        license: Some("MIT".to_owned()),
        training_licenses: vec!["CC0-1.0".to_owned()],
        built_in: true,
        width: 1024,
        height: 768,
        seeds: vec![n, u64::MAX],
        steps: Some(20),
        sampler: None,
        guidance_thousandths: Some(4_000),
        prompt_commitment: prompt_commitment(&salt, &prompt, None),
    };
    NewRecord {
        issued_at: START + 3_600 * n as i64,
        kind: if is_generated {
            Kind::Generate
        } else {
            Kind::Stamp
        },
        generator: (n % 7 != 6).then(|| Agent {
            name: ["=1+1", "Model, \"big\"\n", "<b>&"][(n % 3) as usize].to_owned(),
            version: n.is_multiple_of(2).then(|| "2".to_owned()),
        }),
        source_type: "trainedAlgorithmicMedia".to_owned(),
        watermark_id: (n % 5 != 4).then_some(n << 32 | 1),
        fingerprint: Some([!0 << (n % 8) as u8; 32]),
        sketch: None,
        asset_sha256: hash("asset"),
        manifest_sha256: Sha256::digest(&manifest).into(),
        manifest_id: format!("urn:c2pa:{n}"),
        manifest,
        signer_key_id: [(n % 4) as u8; 32],
        policy_hash: [6; 32],
        width: 1024,
        height: 768,
        requester: n.is_multiple_of(2).then(|| format!("A private person {n}")),
        title: Some(format!("A private title {n}")),
        prompt: Some(prompt),
        negative_prompt: None,
        prompt_salt: is_generated.then_some(salt),
        generation: is_generated.then_some(generation),
        unmarked_reason: None,
    }
}

pub fn ask(ledger: &Ledger, filter: Filter) -> Query<'_> {
    Query::new(ledger, filter, None, false).unwrap()
}

pub fn check(n: u64, rule: &str, action: &str) -> CheckDecision {
    CheckDecision {
        at: START + n as i64,
        asset: record(n).asset_sha256,
        facts: vec!["ledger=found".to_owned()],
        rule: rule.to_owned(),
        finding: "evidence".to_owned(),
        action: action.to_owned(),
        policy: [6; 32],
        record: Some(id(n)),
    }
}

pub fn issuing(n: u64, allowed: bool) -> IssuingDecision {
    IssuingDecision {
        at: START + n as i64,
        allowed,
        rules: vec!["team-may-generate".to_owned()],
        labels: Vec::new(),
        request: format!("{{\"width\":{n}}}"),
        policy: [6; 32],
        record: allowed.then(|| id(n)),
    }
}

/// The interpreter with the modules of a `requirements.txt` here, unless a module is missing and tools need not be
/// there.
pub fn python(module: &str) -> Option<std::process::Command> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let command = || std::process::Command::new(&python);
    let found = command()
        .args(["-c", &format!("import {module}")])
        .output()
        .is_ok_and(|output| output.status.success());
    if found {
        return Some(command());
    }
    skip(&format!("{python} has no module {module}"));
    None
}

pub fn skip(missing: &str) {
    let required = std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_some();
    assert!(!required, "{missing}");
    eprintln!("SKIPPED: {missing}");
}
