//! The page about the log's formats: its examples are what the crate writes, and its commands work on them.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use colophon_tlog::{
    AddCheckpoint, Cosigner as _, Ed25519Cosigner, Ed25519ReceiptSigner, Ed25519Signer, Followed,
    Follower, ForkEvidence, LeafIndex, ListedShard, NoteSigner as _, Receipt, ReceiptSigner as _,
    ShardList, ShardState, TlogProof, UnixTime, WitnessDecision, WitnessPolicy, cosign, decide,
    prove_consistency, prove_inclusion,
};

use crate::common::{Log, folder, python, skip};

const PAGE: &str = include_str!("../../../../docs/log.md");
const ORIGIN: &str = "ledger.example.org/2027h1";

/// The labelled blocks of one language, by label, in the page's order.
fn blocks(language: &str) -> Vec<(&'static str, &'static str)> {
    let start = format!("\n```{language} ");
    let blocks = PAGE.split(start.as_str()).skip(1);
    blocks
        .map(|rest| {
            let (label, rest) = rest.split_once('\n').unwrap();
            (label, &rest[..=rest.find("\n```").unwrap()])
        })
        .collect()
}

fn record(index: usize) -> Vec<u8> {
    format!("record {index}").into_bytes()
}

fn log(size: usize) -> Log {
    let mut log = Log::default();
    log.append((0..size).map(record).collect());
    log
}

fn log_key() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn witness() -> Ed25519Cosigner {
    Ed25519Cosigner::from_seed("witness.example.com/w1", &[2; 32]).unwrap()
}

fn signed(log: &Log) -> colophon_tlog::Note {
    log.statement(ORIGIN).sign(&log_key()).unwrap()
}

fn policy() -> String {
    let second = Ed25519Cosigner::from_seed("witness.example.net/w2", &[3; 32]).unwrap();
    format!(
        "log {} https://ledger.example.org/2027h1\n\
         witness w1 {} https://witness.example.com\n\
         witness w2 {}\n\
         group either any w1 w2\n\
         quorum either\n",
        log_key().verifier_key(),
        witness().cosigner_key(),
        second.cosigner_key()
    )
}

fn shards() -> String {
    let earlier = Ed25519Signer::from_seed("ledger.example.org/2026h2", &[4; 32]).unwrap();
    let sealed = log(3);
    let state = ShardState::Sealed {
        size: sealed.size(),
        root: sealed.root(),
    };
    let shards = [(state, &earlier), (ShardState::Open, &log_key())].map(|(state, signer)| {
        let key = signer.verifier_key().clone();
        ListedShard { state, key }
    });
    let base = Ed25519Signer::from_seed("ledger.example.org", &[5; 32]).unwrap();
    let list = ShardList::new(base.name(), shards.into()).unwrap();
    list.sign(&base).unwrap().to_string()
}

/// Somebody saw three records; the log of five starts with another one.
fn fork() -> ForkEvidence {
    let seen = log(3);
    let mut other = Log::default();
    other.append((0..5).map(|i| record(i + 1)).collect());
    let key = log_key().verifier_key().clone();
    let mut follower = Follower::resume(key, signed(&seen).to_string().as_bytes()).unwrap();
    let note = signed(&other).to_string();
    let followed = follower.follow(note.as_bytes(), |tile| {
        let missing = || colophon_tlog::TileError::Path(tile.path());
        other.files.get(&tile.path()).cloned().ok_or_else(missing)
    });
    let Ok(Followed::Fork(evidence)) = followed else {
        unreachable!("{followed:?}");
    };
    evidence
}

fn receipt_key() -> Ed25519ReceiptSigner {
    Ed25519ReceiptSigner::from_seed(b"ledger.example.org/receipts", &[6; 32])
}

fn receipt(log: &Log) -> String {
    let index = LeafIndex(2);
    let path = prove_inclusion(&mut log.reader(), index, log.size()).unwrap();
    let statement = log.statement(ORIGIN);
    let receipt = Receipt::of_inclusion(&record(2), index, path, &statement, &receipt_key());
    let bytes = receipt.unwrap().to_bytes();
    bytes.chunks(48).fold(String::new(), |mut text, line| {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text + "\n"
    })
}

/// Every example, by its label.
fn examples() -> BTreeMap<&'static str, String> {
    let log = log(5);
    let mut note = signed(&log);
    let line = cosign(note.text(), UnixTime(1_799_539_200), &witness()).unwrap();
    note.add_signature(line).unwrap();
    let old = self::log(3).size();
    let consistency = prove_consistency(&mut log.reader(), old, log.size()).unwrap();
    let proof = TlogProof {
        extra: None,
        index: LeafIndex(2),
        hashes: prove_inclusion(&mut log.reader(), LeafIndex(2), log.size()).unwrap(),
        checkpoint: note.to_string(),
    };
    let request = AddCheckpoint::new(old, consistency, signed(&log)).unwrap();
    BTreeMap::from([
        ("log.vkey", format!("{}\n", log_key().verifier_key())),
        ("witness.vkey", format!("{}\n", witness().cosigner_key())),
        ("checkpoint", note.to_string()),
        ("add-checkpoint", request.to_string()),
        ("policy", policy()),
        ("record-2.tlog-proof", proof.to_string()),
        ("record-2.receipt", receipt(&log)),
        ("receipts.pem", receipt_key().receipt_key().to_pem()),
        ("shards", shards()),
        ("fork", fork().to_string()),
    ])
}

#[test]
fn the_pages_examples_are_what_the_crate_writes_and_believes() {
    let examples = examples();
    let shown: BTreeMap<&str, &str> = blocks("text").into_iter().collect();
    for (label, text) in &examples {
        assert_eq!(shown.get(label), Some(&text.as_str()), "{label}");
    }
    assert_eq!(shown.len(), examples.len());

    let policy = WitnessPolicy::parse(shown["policy"].as_bytes()).unwrap();
    let proof = TlogProof::parse(shown["record-2.tlog-proof"]).unwrap();
    let met = proof.verify_under(b"record 2", &policy).unwrap();
    assert_eq!(
        (met.witnesses.len(), met.witnesses[0].name.as_str()),
        (1, "w1")
    );
    let request = AddCheckpoint::parse(shown["add-checkpoint"].as_bytes()).unwrap();
    let key = log_key().verifier_key().clone();
    let known = Some((log(3).size(), log(3).root()));
    let decision = decide(known, &request, std::slice::from_ref(&key));
    assert!(matches!(decision, WitnessDecision::Accepted(_)));
    let evidence = ForkEvidence::parse(shown["fork"]).unwrap();
    assert_eq!(evidence.verify(&key), Ok(()));
    let base = Ed25519Signer::from_seed("ledger.example.org", &[5; 32]).unwrap();
    let list = ShardList::open(shown["shards"].as_bytes(), base.verifier_key()).unwrap();
    assert_eq!(list.open_shard().unwrap().key, key);
}

/// The folder in which the page's commands run: every example and script under its label.
fn written(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    for (label, text) in blocks("text").into_iter().chain(blocks("python")) {
        fs::write(folder.join(label), text).unwrap();
    }
    folder
}

fn run(label: &str, folder: &Path) -> std::process::Output {
    let (_, script) = blocks("sh")
        .into_iter()
        .find(|(found, _)| *found == label)
        .unwrap();
    let mut path = env::var_os("PATH").unwrap_or_default();
    if let Some(python) = python() {
        let mut parts = vec![python.parent().unwrap().to_owned()];
        parts.extend(env::split_paths(&path));
        path = env::join_paths(parts).unwrap();
    }
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .output()
        .unwrap()
}

fn works(label: &str, folder: &Path, says: &str) {
    let output = run(label, folder);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains(says),
        "{label}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The command must also be able to say no.
fn refuses(label: &str, folder: &Path, file: &str, from: &str, to: &str) {
    let good = fs::read_to_string(folder.join(file)).unwrap();
    assert!(good.contains(from), "{file}: {from}");
    fs::write(folder.join(file), good.replacen(from, to, 1)).unwrap();
    assert!(!run(label, folder).status.success(), "{label}: {file}");
    fs::write(folder.join(file), good).unwrap();
}

#[test]
fn the_pages_openssl_commands_work() {
    if Command::new("openssl").arg("version").output().is_err() {
        skip("openssl is missing");
        return;
    }
    let folder = written("docs-openssl");
    works("openssl", &folder, "Signature Verified Successfully");
    refuses("openssl", &folder, "checkpoint", "\n5\n", "\n6\n");
    refuses("openssl", &folder, "witness.vkey", "+", "+00+");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_pages_python_commands_work() {
    if Command::new("python3").arg("--version").output().is_err() {
        skip("python3 is missing");
        return;
    }
    let folder = written("docs-python");
    works(
        "python",
        &folder,
        "record 2 of 5 in ledger.example.org/2027h1",
    );
    let proof = "record-2.tlog-proof";
    refuses("python", &folder, proof, "index 2", "index 3");
    refuses("python", &folder, proof, "\n5\n", "\n4\n");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_pages_receipt_commands_work() {
    if python().is_none() {
        skip("COLOPHON_PYTHON names no Python with tests/interop/requirements.txt installed");
        return;
    }
    let folder = written("docs-scitt");
    works("scitt", &folder, &log(5).root().to_string());
    refuses(
        "scitt",
        &folder,
        "record-2.receipt",
        "8305028358",
        "8305038358",
    );
    fs::remove_dir_all(folder).unwrap();
}
