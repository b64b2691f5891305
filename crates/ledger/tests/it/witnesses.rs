//! Publishing with a quorum: witnesses that refuse, hang, lie, or know another size.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use colophon_ledger::{
    CosignRequest, FsckOptions, Hash, Ledger, LedgerError, LedgerOptions, ProblemKind, Refusal,
    TreeSize, Unproven, WitnessPolicy, Witnesses, Witnessing, fsck_with,
};
use colophon_tlog::{
    AddCheckpoint, Cosigner as _, Ed25519Cosigner, Note, TlogProof, UnixTime, WitnessDecision,
    cosign, decide,
};

use crate::common::{ORIGIN, TempDir, key, options, reader, record, signer, storage};

/// How a witness behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Honest,
    Refuses,
    Hangs,
    Lies,
}

/// The last size and root that a witness cosigned, of each log.
type Known = BTreeMap<String, (TreeSize, Hash)>;

/// Three witnesses in this process.
#[derive(Debug)]
struct Three {
    manners: Mutex<[Manner; 3]>,
    known: Mutex<[Known; 3]>,
    /// Questions asked.
    asked: Mutex<[u32; 3]>,
}

fn cosigner(number: usize) -> Ed25519Cosigner {
    let name = format!("witness.example.org/{number}");
    Ed25519Cosigner::from_seed(&name, &[number as u8 + 90; 32]).unwrap()
}

impl Three {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            manners: Mutex::new([Manner::Honest; 3]),
            known: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    fn be(&self, manners: [Manner; 3]) {
        *self.manners.lock().unwrap() = manners;
    }
}

impl Witnesses for Three {
    fn ask(
        &self,
        witness: &str,
        request: &CosignRequest<'_>,
        _deadline: Instant,
    ) -> Result<Vec<u8>, Refusal> {
        let number: usize = witness.trim_start_matches('w').parse().unwrap();
        self.asked.lock().unwrap()[number] += 1;
        let manner = self.manners.lock().unwrap()[number];
        match manner {
            Manner::Refuses => return Err(Refusal::Refused("not today".to_owned())),
            Manner::Hangs => {
                std::thread::sleep(Duration::from_secs(3));
                return Err(Refusal::Unreachable("gone".to_owned()));
            }
            Manner::Honest | Manner::Lies => {}
        }
        let note = Note::parse(request.checkpoint).unwrap();
        let request =
            AddCheckpoint::new(request.old_size, request.proof.to_vec(), note.clone()).unwrap();
        let mut known = self.known.lock().unwrap();
        let origin = request.origin().to_owned();
        let log = colophon_ledger::VerifierKey::new(&origin, key().public_key()).unwrap();
        match decide(known[number].get(&origin).copied(), &request, &[log]) {
            WitnessDecision::Accepted(checkpoint) => {
                known[number].insert(origin, (checkpoint.size, checkpoint.root));
            }
            WitnessDecision::Conflict(size) => return Err(Refusal::Behind(size)),
            other => return Err(Refusal::Refused(format!("{other:?}"))),
        }
        let text = match manner {
            // Good looking, and of another checkpoint.
            Manner::Lies => note.text().replacen("/2027h1\n", "/2026h1\n", 1),
            _ => note.text().to_owned(),
        };
        let line = cosign(&text, UnixTime(1_800_000_000), &cosigner(number)).unwrap();
        Ok(format!("{line}\n").into_bytes())
    }
}

fn policy(threshold: u32) -> WitnessPolicy {
    let mut text = String::new();
    for number in 0..3 {
        writeln!(
            text,
            "witness w{number} {}",
            cosigner(number).cosigner_key()
        )
        .unwrap();
    }
    writeln!(
        text,
        "group all-three {threshold} w0 w1 w2\nquorum all-three"
    )
    .unwrap();
    WitnessPolicy::parse(text.as_bytes()).unwrap()
}

fn open_with(dir: &TempDir, witnesses: &Arc<Three>, deadline: u64) -> Ledger {
    let options = LedgerOptions {
        witnessing: Some(Witnessing {
            policy: policy(2),
            witnesses: Arc::<Three>::clone(witnesses),
            deadline: Duration::from_millis(deadline),
        }),
        ..options()
    };
    Ledger::open_with(dir.path(), ORIGIN, Box::new(signer()), options).unwrap()
}

fn problems(dir: &TempDir) -> Vec<ProblemKind> {
    let options = FsckOptions {
        policy: Some(policy(2)),
        storage_key: Some(storage()),
        ..FsckOptions::default()
    };
    let report = fsck_with(dir.path(), &key(), &options).unwrap();
    report.problems.iter().map(|problem| problem.kind).collect()
}

/// How many of the three cosigned the newest published checkpoint, as a proof carries it.
fn cosigned(ledger: &Ledger) -> usize {
    let proof = TlogProof::parse(&ledger.prove(0).unwrap()).unwrap();
    let note = Note::parse(proof.checkpoint.as_bytes()).unwrap();
    (0..3)
        .filter(|number| {
            let cosigner = cosigner(*number);
            note.verify_cosignature(cosigner.cosigner_key()).is_ok()
        })
        .count()
}

#[test]
fn published_checkpoints_and_proofs_carry_the_cosignatures() {
    let dir = TempDir::new();
    let three = Three::new();
    let ledger = open_with(&dir, &three, 2_000);
    let receipt = ledger.append(record(0)).unwrap();
    assert_eq!(cosigned(&ledger), 3);
    let leaf = ledger.get(receipt.id()).unwrap().unwrap();
    let proof = TlogProof::parse(&ledger.prove(receipt.id()).unwrap()).unwrap();
    let log = format!("log {}\n", ledger.shards().unwrap()[0].key);
    let mut text = log;
    for number in 0..3 {
        writeln!(
            text,
            "witness w{number} {}",
            cosigner(number).cosigner_key()
        )
        .unwrap();
    }
    text += "group g 2 w0 w1 w2\nquorum g\n";
    let policy = WitnessPolicy::parse(text.as_bytes()).unwrap();
    assert!(proof.verify_under(leaf.leaf(), &policy).is_ok());
    ledger.append_many((1..400).map(record).collect()).unwrap();
    drop(ledger);
    // A new process knows from the published checkpoint what the witnesses know: one question each.
    *three.asked.lock().unwrap() = [0; 3];
    let ledger = open_with(&dir, &three, 2_000);
    ledger.append(record(400)).unwrap();
    assert_eq!(*three.asked.lock().unwrap(), [1; 3]);
    drop(ledger);
    assert_eq!(problems(&dir), []);
}

#[test]
fn two_of_three_are_enough_whatever_the_third_does() {
    for manner in [Manner::Refuses, Manner::Hangs, Manner::Lies] {
        let dir = TempDir::new();
        let three = Three::new();
        three.be([Manner::Honest, manner, Manner::Honest]);
        let ledger = open_with(&dir, &three, 2_000);
        let start = Instant::now();
        ledger.append(record(0)).unwrap();
        ledger.append(record(1)).unwrap();
        assert!(start.elapsed() < Duration::from_millis(1_500), "{manner:?}");
        assert_eq!(cosigned(&ledger), 2, "{manner:?}");
        drop(ledger);
        assert_eq!(problems(&dir), [], "{manner:?}");
    }
}

#[test]
fn without_a_quorum_records_are_durable_and_unpublished() {
    let dir = TempDir::new();
    let three = Three::new();
    let ledger = open_with(&dir, &three, 300);
    ledger.append(record(0)).unwrap();
    three.be([Manner::Honest, Manner::Refuses, Manner::Hangs]);
    let start = Instant::now();
    let Err(LedgerError::NoQuorum(failures)) = ledger.append(record(1)) else {
        panic!("one cosignature is no quorum");
    };
    assert!(start.elapsed() < Duration::from_secs(2));
    let named: Vec<(&str, bool)> = failures
        .iter()
        .map(|it| (it.witness.as_str(), matches!(it.why, Refusal::Late(_))))
        .collect();
    assert_eq!(named, [("w1", false), ("w2", true)]);
    let error = LedgerError::NoQuorum(failures).to_string();
    assert!(
        error.contains("w1") && error.contains("not today"),
        "{error}"
    );
    // Readers believe what is published, here and elsewhere.
    assert_eq!(ledger.checkpoint().unwrap().size.0, 1);
    let waiting = ledger.get(1).unwrap().unwrap();
    assert_eq!(waiting.inclusion(), &Err(Unproven::NotCovered(1)));
    assert!(ledger.prove(1).is_err());
    drop(ledger);
    assert_eq!(problems(&dir), [ProblemKind::Unpublished]);
    // Opening asks nobody, and neither loses nor publishes anything.
    let ledger = open_with(&dir, &three, 300);
    assert_eq!(ledger.checkpoint().unwrap().size.0, 1);
    assert!(matches!(ledger.publish(), Err(LedgerError::NoQuorum(_))));
    three.be([Manner::Honest; 3]);
    // The hanging one is asked again when it has answered.
    ledger.publish().unwrap();
    assert_eq!(ledger.checkpoint().unwrap().size.0, 2);
    drop(ledger);
    assert!(reader(dir.path()).unwrap().prove(1).is_ok());
    assert_eq!(problems(&dir), []);
}

#[test]
fn the_next_record_publishes_the_ones_before_it() {
    let dir = TempDir::new();
    let three = Three::new();
    let ledger = open_with(&dir, &three, 300);
    three.be([Manner::Refuses; 3]);
    for n in 0..3 {
        let refused = ledger.append(record(n));
        assert!(
            matches!(refused, Err(LedgerError::NoQuorum(_))),
            "{refused:?}"
        );
    }
    assert_eq!(ledger.checkpoint().unwrap().size.0, 0);
    three.be([Manner::Honest; 3]);
    let receipt = ledger.append(record(3)).unwrap();
    assert_eq!((receipt.index.0, receipt.tree_size.0), (3, 4));
    assert_eq!(cosigned(&ledger), 3);
}

#[test]
fn a_witness_that_is_behind_gets_a_proof_from_where_it_stands() {
    let dir = TempDir::new();
    let three = Three::new();
    let ledger = open_with(&dir, &three, 2_000);
    ledger.append_many((0..300).map(record).collect()).unwrap();
    three.be([Manner::Honest, Manner::Honest, Manner::Refuses]);
    ledger
        .append_many((300..700).map(record).collect())
        .unwrap();
    assert_eq!(cosigned(&ledger), 2);
    three.be([Manner::Honest; 3]);
    drop(ledger);
    let ledger = open_with(&dir, &three, 2_000);
    ledger.append(record(700)).unwrap();
    assert_eq!(cosigned(&ledger), 3);
}

#[test]
fn witnesses_stop_a_log_that_was_rewritten() {
    let dir = TempDir::new();
    let three = Three::new();
    let ledger = open_with(&dir, &three, 2_000);
    ledger.append_many((0..5).map(record).collect()).unwrap();
    drop(ledger);
    // The operator makes another history with the same key, and has lost the quorum for it.
    let forged = TempDir::new();
    let ledger = open_with(&forged, &three, 300);
    let refused = ledger.append_many((10..17).map(record).collect());
    assert!(
        matches!(refused, Err(LedgerError::NoQuorum(_))),
        "{refused:?}"
    );
    assert_eq!(ledger.checkpoint().unwrap().size.0, 0);
}

#[test]
fn a_checkpoint_stripped_of_its_cosignatures_is_found() {
    let dir = TempDir::new();
    let ledger = open_with(&dir, &Three::new(), 2_000);
    ledger.append(record(0)).unwrap();
    drop(ledger);
    let path = dir.path().join("2027h1/checkpoint");
    let note = std::fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = note
        .lines()
        .filter(|line| !line.contains("witness"))
        .collect();
    std::fs::write(&path, kept.join("\n") + "\n").unwrap();
    assert_eq!(problems(&dir), [ProblemKind::Cosignature]);
    std::fs::write(
        &path,
        note.replacen("witness.example.org/0 ", "witness.example.org/0 A", 1),
    )
    .unwrap();
    assert!(!problems(&dir).is_empty());
}
