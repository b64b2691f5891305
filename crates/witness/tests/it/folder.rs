//! A witness on real files.

use std::fs;

use colophon_keys::Passphrase;
use colophon_tlog::{
    Checkpoint, Ed25519Signer, ForkEvidence, Note, NoteSigner as _, UnixTime, WitnessDecision,
};
use colophon_witness::{Answer, Witness, WitnessError, WitnessFolder};

use crate::history::{History, Log};

const NOW: UnixTime = UnixTime(1_700_000_000);

fn made(shards: bool, log: &Log) -> (tempfile::TempDir, WitnessFolder) {
    let home = tempfile::tempdir().unwrap();
    let folder = WitnessFolder::new(home.path().join("witness"));
    folder.init("witness.example", None).unwrap();
    assert!(folder.add_log(log.key(), shards).unwrap());
    assert!(!folder.add_log(log.key(), shards).unwrap(), "known already");
    (home, folder)
}

fn ask(witness: &Witness, history: &History, log: &Log, old: u64, new: u64) -> Answer {
    witness
        .add_checkpoint(&history.request(log, old, new), NOW)
        .unwrap()
}

#[test]
fn what_it_saw_outlives_it() {
    let log = Log::new("log.example");
    let (_home, folder) = made(false, &log);
    let (ours, fork) = (History::new(20, 0, 0), History::new(20, 5, 1));
    {
        let witness = folder.open(None).unwrap();
        assert!(matches!(folder.open(None), Err(WitnessError::Locked(_))));
        let Answer::Cosigned(line) = ask(&witness, &ours, &log, 0, 8) else {
            panic!("a first checkpoint is cosigned");
        };
        let text = ours.checkpoint("log.example", 8).text();
        assert_eq!(witness.key().verifies(&text, &line.signature), Some(NOW));
    }
    let witness = folder.open(None).unwrap();
    let refused = |answer| match answer {
        Answer::Refused(decision) => decision,
        other => panic!("{other:?}"),
    };
    assert!(
        matches!(refused(ask(&witness, &ours, &log, 0, 9)), WitnessDecision::Conflict(size) if size.0 == 8)
    );
    assert!(matches!(
        refused(ask(&witness, &fork, &log, 8, 8)),
        WitnessDecision::Fork(_)
    ));
    assert!(matches!(
        refused(ask(&witness, &fork, &log, 8, 12)),
        WitnessDecision::BadProof(_)
    ));
    let evidence = folder.evidence().unwrap();
    assert_eq!(evidence.len(), 2, "{evidence:?}");
    let fork_file = evidence
        .iter()
        .find(|path| path.to_string_lossy().contains("-8-"))
        .unwrap();
    let text = fs::read_to_string(fork_file).unwrap();
    let proof = ForkEvidence::parse(&text).unwrap();
    proof.verify(log.key()).unwrap();
    let roots =
        [&proof.older, &proof.newer].map(|note| Checkpoint::of_note(note, log.key()).unwrap().root);
    assert_eq!(roots, [ours.root(8), fork.root(8)]);
    // Evidence once, whoever asks how often.
    ask(&witness, &fork, &log, 8, 8);
    assert_eq!(folder.evidence().unwrap().len(), 2);
    assert!(matches!(
        ask(&witness, &ours, &log, 8, 20),
        Answer::Cosigned(_)
    ));
    let logs = folder.logs().unwrap();
    assert_eq!(logs[0].state.as_ref().unwrap().size().0, 20);
}

#[test]
fn strangers_get_nothing() {
    let log = Log::new("log.example");
    let (_home, folder) = made(false, &log);
    let witness = folder.open(None).unwrap();
    let history = History::new(3, 0, 0);
    let stranger = Log::new("other.example");
    assert_eq!(
        ask(&witness, &history, &stranger, 0, 3),
        Answer::Refused(WitnessDecision::UnknownOrigin)
    );
    let forged = Log(Ed25519Signer::from_seed("log.example", &[8; 32]).unwrap());
    assert!(matches!(
        ask(&witness, &history, &forged, 0, 3),
        Answer::Refused(WitnessDecision::BadSignature(_))
    ));
    assert!(matches!(
        witness.add_checkpoint(b"old 0\n", NOW),
        Ok(Answer::Malformed(_))
    ));
    assert!(matches!(
        folder.add_log(forged.0.verifier_key(), false),
        Err(WitnessError::OtherKey { .. })
    ));
}

#[test]
fn a_ledger_brings_its_half_years() {
    let ledger = Log::new("log.example");
    let (_home, folder) = made(true, &ledger);
    let witness = folder.open(None).unwrap();
    let history = History::new(3, 0, 0);
    for (origin, cosigned) in [
        ("log.example/2026h2", true),
        ("log.example/2027h1.2", true),
        ("log.example/2027h3", false),
        ("log.example", false),
        ("log.example/x/2026h2", false),
    ] {
        let answer = ask(&witness, &history, &Log::new(origin), 0, 3);
        assert_eq!(
            matches!(answer, Answer::Cosigned(_)),
            cosigned,
            "{origin}: {answer:?}"
        );
    }
    let known: Vec<String> = folder
        .logs()
        .unwrap()
        .iter()
        .map(|log| log.key.name().to_owned())
        .collect();
    assert_eq!(
        known,
        ["log.example", "log.example/2026h2", "log.example/2027h1.2"]
    );
    // A half-year that is known keeps its key, also when the ledger gets another one.
    let changed = Log(Ed25519Signer::from_seed("log.example", &[8; 32]).unwrap());
    assert!(folder.add_log(changed.key(), true).unwrap());
    let of = |origin: &str| Log(Ed25519Signer::from_seed(origin, &[8; 32]).unwrap());
    assert!(matches!(
        ask(&witness, &history, &of("log.example/2026h2"), 3, 3),
        Answer::Refused(WitnessDecision::BadSignature(_))
    ));
    assert!(matches!(
        ask(&witness, &history, &of("log.example/2027h2"), 0, 3),
        Answer::Cosigned(_)
    ));
}

#[test]
fn a_lost_or_damaged_state_ends_the_answers() {
    let log = Log::new("log.example");
    let (_home, folder) = made(false, &log);
    let history = History::new(9, 0, 0);
    let witness = folder.open(None).unwrap();
    ask(&witness, &history, &log, 0, 4);
    let state = fs::read_dir(folder.path().join("logs")).unwrap();
    let state = state.map(|entry| entry.unwrap().path());
    let state = state
        .into_iter()
        .find(|path| path.extension().is_some_and(|kind| kind == "state"))
        .unwrap();
    let good = fs::read_to_string(&state).unwrap();
    let note = Note::parse(good.split_once('\n').unwrap().1.as_bytes()).unwrap();
    assert_eq!(note.verify_cosignature(witness.key()), Ok(NOW));
    let request = history.request(&log, 0, 9);
    let damaged = |text: Option<&str>| {
        match text {
            Some(text) => fs::write(&state, text).unwrap(),
            None => fs::remove_file(&state).unwrap(),
        }
        matches!(
            witness.add_checkpoint(&request, NOW),
            Err(WitnessError::Damaged { .. })
        )
    };
    assert!(
        damaged(Some(&good.replacen("\n4\n", "\n3\n", 1))),
        "a smaller size"
    );
    assert!(damaged(Some(&good[..good.len() - 9])), "cut off");
    assert!(damaged(Some("")), "empty");
    assert!(damaged(None), "gone");
    fs::write(&state, &good).unwrap();
    assert!(matches!(
        ask(&witness, &history, &log, 4, 9),
        Answer::Cosigned(_)
    ));
}

#[test]
fn keys_are_sealed_and_folders_never_replaced() {
    let home = tempfile::tempdir().unwrap();
    let folder = WitnessFolder::new(home.path().join("a/witness"));
    let passphrase = Passphrase::new("correct horse".to_owned()).unwrap();
    assert!(matches!(folder.key(), Err(WitnessError::NoWitness(_))));
    assert!(matches!(
        folder.init("two words", None),
        Err(WitnessError::Name { .. })
    ));
    let key = folder.init("witness.example", Some(&passphrase)).unwrap();
    assert_eq!(folder.key().unwrap(), key);
    assert!(folder.is_encrypted().unwrap());
    assert!(matches!(
        folder.init("witness.example", None),
        Err(WitnessError::Exists(_))
    ));
    assert!(matches!(folder.open(None), Err(WitnessError::Keys(_))));
    assert_eq!(folder.open(Some(&passphrase)).unwrap().key(), &key);
    let left: Vec<_> = fs::read_dir(home.path().join("a")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left: {left:?}");
}
