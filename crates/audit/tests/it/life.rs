//! The life of one picture.

use std::fs;

use colophon_audit::Life;
use colophon_ledger::{Decisions, Ledger, WitnessPolicy};

use crate::common::{SHARD, check, id, issuing, key, ledger, record_of};

fn lives(ledger: &Ledger, n: u64, decisions: Option<&Decisions>) -> Life {
    let entry = record_of(ledger, n);
    Life::of(ledger, entry, decisions, None).unwrap()
}

fn text(life: &Life) -> String {
    let lines = life.lines().into_iter();
    let lines: Vec<String> = lines
        .map(|line| format!("{}: {}", line.label, line.text))
        .collect();
    lines.join("\n")
}

#[test]
fn a_life_tells_record_proof_decisions_and_likenesses() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), 30);
    let decisions = Decisions::open(dir.path()).unwrap();
    decisions.enter_issuing(&issuing(7, true)).unwrap();
    decisions
        .enter_check(&check(7, "recorded", "label"))
        .unwrap();
    decisions
        .enter_check(&check(8, "other-picture", "label"))
        .unwrap();
    let life = lives(&ledger, 7, Some(&decisions));
    assert!(!life.has_findings(), "{}", text(&life));
    let told = text(&life);
    for part in [
        "issued: 2027-01-15T15:00:00Z",
        "model: example/model",
        "proof: holds",
        "request: 2027-01-15T08:00:07Z allowed by team-may-generate",
        "check: 2027-01-15T08:00:07Z the issued file: recorded (label)",
        "witnesses: no witness policy is set",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(
        !told.contains("other-picture") && !told.contains("secret"),
        "{told}"
    );
    // Fingerprints repeat every eight records here, and neighbours differ in 32 bits.
    let alike: Vec<_> = life.alike.iter().map(|it| (it.id, it.distance)).collect();
    assert_eq!(alike, [(id(23), 0), (id(15), 0)], "itself is left out");
    let json = life.to_json();
    assert_eq!(json["facts"]["generator"], "Model, \"big\"\n");
    assert_eq!(
        (&json["proven"], &json["findings"]),
        (&true.into(), &serde_json::json!([]))
    );
}

#[test]
fn a_forged_leaf_and_a_missing_witness_are_findings() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), 30);
    let policy = WitnessPolicy::parse(
        b"witness w w.example+9a8da0d3+BClmGsqkcFGlmLQGvAr6fWhZMY8PuxvZMSqTGmqbxhIH https://w.example\nquorum w\n",
    );
    if let Ok(policy) = policy {
        let entry = record_of(&ledger, 3);
        let life = Life::of(&ledger, entry, None, Some(&policy)).unwrap();
        assert!(life.has_findings(), "{}", text(&life));
    }
    drop(ledger);
    let tile = dir.path().join(SHARD).join("tile/0/000.p/30");
    let mut bytes = fs::read(&tile).unwrap();
    // Its neighbour, which its proof needs.
    bytes[32 * 2] ^= 1;
    fs::write(&tile, bytes).unwrap();
    let ledger = Ledger::open_read_only(dir.path(), key()).unwrap();
    let life = lives(&ledger, 3, None);
    assert!(life.proof.is_err() && life.has_findings());
    assert_eq!(life.to_json()["proven"], false);
}
