//! Property: whatever the order of requests and crashes, no two cosignatures contradict each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use colophon_tlog::{
    AddCheckpoint, Checkpoint, Cosigner as _, Ed25519Cosigner, Hash, UnixTime, WitnessDecision,
};
use colophon_witness::{Answer, Disk as _, Witness, WitnessError};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::disk::CrashDisk;
use crate::history::{History, Log};

const ORIGIN: &str = "log.example/2026h2";
const ENTRIES: u64 = 24;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A request of one of the histories. `honest` takes the old size from the last 409.
    Ask {
        history: usize,
        old: u64,
        new: u64,
        honest: bool,
    },
    /// The power fails after so many operations on the disk; bits say what survives.
    Crash { after: u32, survives: u64 },
    /// The clock moves.
    Clock(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_usize, 0..=ENTRIES, 0..=ENTRIES, any::<bool>())
            .prop_map(|(history, old, new, honest)| Step::Ask { history, old, new, honest }),
        3 => (0..14_u32, any::<u64>()).prop_map(|(after, survives)| Step::Crash { after, survives }),
        1 => (-100..100_i64).prop_map(Step::Clock),
    ]
}

fn cosigner() -> Ed25519Cosigner {
    Ed25519Cosigner::from_seed("witness.example", &[9; 32]).unwrap()
}

/// The name under which the folder keeps a log; a part of its format.
fn file_name(origin: &str) -> String {
    let digest = Sha256::digest(origin);
    let hex: Vec<String> = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}-{}", origin.replace('/', "_"), hex.concat())
}

/// A disk on which a witness knows the ledger, whose half-year it sees for the first time.
fn disk(log: &Log) -> CrashDisk {
    let disk = CrashDisk::default();
    let ledger = Log::new("log.example");
    assert_eq!(ledger.key().public_key(), log.key().public_key());
    let path = PathBuf::from(format!("/w/logs/{}.shards", file_name("log.example")));
    disk.write(&path, format!("{}\n", ledger.key()).as_bytes())
        .unwrap();
    disk.sync(&path).unwrap();
    disk.sync_folder(Path::new("/w/logs")).unwrap();
    disk
}

fn open(disk: &CrashDisk) -> Witness {
    let signer = cosigner();
    let key = signer.cosigner_key().clone();
    Witness::new(
        PathBuf::from("/w"),
        Box::new(disk.clone()),
        signer,
        &key,
        None,
    )
    .unwrap()
}

/// What the world has seen of the witness.
#[derive(Default)]
struct Seen {
    largest: u64,
    roots: BTreeMap<u64, Hash>,
    latest: u64,
}

impl Seen {
    fn take(&mut self, body: &[u8], answer: &Answer) {
        let Answer::Cosigned(line) = answer else {
            return;
        };
        let request = AddCheckpoint::parse(body).unwrap();
        let time = cosigner()
            .cosigner_key()
            .verifies(request.note.text(), &line.signature);
        let time = time.unwrap_or_else(|| panic!("a cosignature of another checkpoint"));
        let Checkpoint { size, root, .. } = request.checkpoint;
        assert!(
            size.0 >= self.largest,
            "never a smaller size after a larger one"
        );
        assert!(time.0 >= self.latest, "never an earlier time");
        let known = *self.roots.entry(size.0).or_insert(root);
        assert_eq!(known, root, "never two roots of one size");
        self.largest = size.0;
        self.latest = time.0;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_witness_never_contradicts_itself(
        fork in 1..ENTRIES,
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let log = Log::new(ORIGIN);
        let histories = [
            History::new(ENTRIES, 0, 0),
            History::new(ENTRIES, fork, 1),
            History::new(ENTRIES, 0, 2),
        ];
        let disk = disk(&log);
        let (mut witness, mut seen, mut told, mut now) = (open(&disk), Seen::default(), 0, 1_000_000_i64);
        for step in steps {
            match step {
                Step::Ask { history, old, new, honest } => {
                    let old = if honest { told } else { old };
                    if old > new && honest {
                        continue;
                    }
                    let body = histories[history].request(&log, old, new);
                    match witness.add_checkpoint(&body, UnixTime(now as u64)) {
                        Ok(answer) => {
                            seen.take(&body, &answer);
                            match answer {
                                Answer::Cosigned(_) => told = new,
                                Answer::Refused(WitnessDecision::Conflict(size)) => told = size.0,
                                _ => {}
                            }
                        }
                        Err(WitnessError::Clock { .. } | WitnessError::Stopped | WitnessError::Io { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                Step::Crash { after, survives } => {
                    // One more request runs into the crash; its answer, if there is one, counts.
                    disk.fail_after(after);
                    let body = histories[0].request(&log, told.min(ENTRIES), ENTRIES);
                    if let Ok(answer) = witness.add_checkpoint(&body, UnixTime(now as u64)) {
                        seen.take(&body, &answer);
                    }
                    let mut bits = survives;
                    disk.restart(|| {
                        bits = bits.rotate_right(1);
                        bits & 1 == 1
                    });
                    witness = open(&disk);
                }
                Step::Clock(by) => now += by,
            }
        }
        // An honest log gets on, whatever happened, unless the witness follows another history.
        let body = histories[0].request(&log, seen.largest, ENTRIES);
        let clock = UnixTime(now as u64 + 1_000_000);
        let answer = witness.add_checkpoint(&body, clock);
        if let Err(error) = answer {
            prop_assert!(matches!(error, WitnessError::Stopped), "{error}");
        }
    }
}

#[test]
fn every_single_operation_may_be_the_last() {
    let log = Log::new(ORIGIN);
    let history = History::new(ENTRIES, 0, 0);
    let now = UnixTime(5);
    for after in 0..40 {
        for survives in [
            0_u64,
            u64::MAX,
            0x5555_5555_5555_5555,
            0xaaaa_aaaa_aaaa_aaaa,
        ] {
            let disk = disk(&log);
            let mut seen = Seen::default();
            let witness = open(&disk);
            disk.fail_after(after);
            for (old, new) in [(0, 3), (3, 9), (9, 9)] {
                let body = history.request(&log, old, new);
                match witness.add_checkpoint(&body, now) {
                    Ok(answer) => seen.take(&body, &answer),
                    Err(_) => break,
                }
            }
            let mut bits = survives;
            disk.restart(|| {
                bits = bits.rotate_right(1);
                bits & 1 == 1
            });
            let witness = open(&disk);
            // What was cosigned is known still: an older state would answer with a smaller size.
            let body = history.request(&log, 0, 1);
            let answer = witness.add_checkpoint(&body, now);
            if seen.largest > 0 {
                let Ok(Answer::Refused(WitnessDecision::Conflict(size))) = answer else {
                    panic!("{after} {survives:x}: {answer:?}");
                };
                assert!(size.0 >= seen.largest, "{after} {survives:x}");
            } else {
                assert!(answer.is_ok(), "{after} {survives:x}: {answer:?}");
            }
        }
    }
}
