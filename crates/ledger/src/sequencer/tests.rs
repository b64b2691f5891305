//! Crashes at every step, torn journals, full disks.

use super::*;
use crate::fsck::{ProblemKind, fsck};
use crate::ledger::Ledger;
use crate::record::tests::golden_record;
use colophon_tlog::Ed25519Signer;
use std::path::{Path, PathBuf};

/// Fails the n-th step.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    steps: std::cell::Cell<u32>,
    fail_at: Option<u32>,
}

impl Sequencer {
    pub(super) fn step(&self) -> Result<(), LedgerError> {
        self.faults.steps.set(self.faults.steps.get() + 1);
        match self.faults.fail_at {
            Some(step) if step == self.faults.steps.get() => Err(damaged("simulated crash")),
            _ => Ok(()),
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed("example.org/log", &[3; 32]).unwrap()
}

fn open(dir: &Path) -> Sequencer {
    Sequencer::open(Files::new(dir), Box::new(signer()), TIMEOUT).unwrap()
}

fn batch(first: u64, count: u64) -> Vec<Prepared> {
    let record = |n| {
        let mut record = golden_record();
        record.watermark_id = Some(n);
        Prepared::new(record).unwrap()
    };
    (first..first + count).map(record).collect()
}

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        // Hundreds of ledgers, none of which must outlive the test: where there is memory for them, no disk waits.
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let path = base.join(format!("colophon-sequencer-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything that was acknowledged is there and proven, fsck agrees, and writing goes on.
fn check_after_crash(dir: &Path, acknowledged: &[Receipt], what: &str) {
    let ledger = Ledger::open(dir, "example.org/log", Box::new(signer()))
        .unwrap_or_else(|e| panic!("{what}: {e}"));
    for receipt in acknowledged {
        let entry = ledger.get(receipt.index.0).unwrap().unwrap();
        assert_eq!(
            colophon_tlog::leaf_hash(&entry.leaf),
            receipt.leaf_hash,
            "{what}"
        );
        assert!(entry.inclusion.is_ok(), "{what}: {:?}", entry.inclusion);
    }
    let size = ledger.stats().unwrap().entries;
    assert!(size >= acknowledged.len() as u64, "{what}");
    assert_eq!(
        ledger.append(golden_record()).unwrap().index.0,
        size,
        "{what}"
    );
    drop(ledger);
    let report = fsck(dir, signer().verifier_key()).unwrap();
    assert!(report.is_sound(), "{what}: {:#?}", report.problems);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Crash {
    /// The process ends; what it wrote stays.
    Process,
    /// Power fails; what was not synced is empty.
    PowerEmpty,
    /// Power fails; what was not synced is gone.
    PowerGone,
}

/// Commits groups of several sizes until step `fail_at` fails; returns whether it did.
fn run_until_crash(dir: &Path, fail_at: u32, crash: Crash) -> bool {
    let mut acknowledged = Vec::new();
    let mut sequencer = open(dir);
    let mut commit = |sequencer: &mut Sequencer, count, settle: bool| {
        let _lock = sequencer.begin(TIMEOUT)?;
        acknowledged.extend(sequencer.commit(&batch(acknowledged.len() as u64, count))?);
        if settle { sequencer.settle() } else { Ok(()) }
    };
    commit(&mut sequencer, 2, true).unwrap();
    sequencer.faults = Faults {
        steps: 0.into(),
        fail_at: Some(fail_at),
    };
    let sizes = [(252, false), (1, true), (260, false), (1, true)];
    let crashed = sizes
        .into_iter()
        .any(|(count, settle)| commit(&mut sequencer, count, settle).is_err());
    let unsynced = std::mem::take(&mut sequencer.unsynced);
    drop(sequencer);
    for path in unsynced {
        match crash {
            Crash::Process => {}
            Crash::PowerEmpty => std::fs::write(dir.join(path), b"").unwrap(),
            Crash::PowerGone => drop(std::fs::remove_file(dir.join(path))),
        }
    }
    check_after_crash(dir, &acknowledged, &format!("{crash:?} at step {fail_at}"));
    crashed
}

#[test]
fn a_crash_at_any_step_loses_nothing_acknowledged() {
    for (step, power) in (1..).zip([Crash::PowerEmpty, Crash::PowerGone].into_iter().cycle()) {
        for crash in [Crash::Process, power] {
            let dir = TempDir::new(&format!("{crash:?}-{step}"));
            if !run_until_crash(&dir.0, step, crash) {
                assert!(step > 30, "the steps were passed: {step}");
                return;
            }
        }
    }
}

#[test]
fn a_torn_group_was_never_there() {
    let dir = TempDir::new("torn");
    let mut sequencer = open(&dir.0);
    sequencer.faults = Faults {
        steps: 0.into(),
        fail_at: Some(2),
    };
    assert!(sequencer.commit(&batch(0, 5)).is_err());
    drop(sequencer);
    let path = dir.0.join("staged");
    let staged = std::fs::read(&path).unwrap();
    std::fs::write(&path, &staged[..staged.len() / 2]).unwrap();
    check_after_crash(&dir.0, &[], "torn journal");
}

#[test]
fn a_full_database_disk_acknowledges_nothing() {
    let dir = TempDir::new("full");
    let mut sequencer = open(&dir.0);
    let acknowledged = sequencer.commit(&batch(0, 3)).unwrap();
    sequencer.settle().unwrap();
    sequencer
        .db
        .run(|c| c.query_row("PRAGMA max_page_count = 1", [], |_| Ok(())))
        .unwrap();
    assert!(matches!(
        sequencer.commit(&batch(3, 500)),
        Err(LedgerError::DiskFull { .. })
    ));
    drop(sequencer);
    check_after_crash(&dir.0, &acknowledged, "full disk");
}

#[test]
fn an_interrupted_write_is_named_and_finished() {
    let dir = TempDir::new("interrupted");
    let mut sequencer = open(&dir.0);
    let acknowledged = sequencer.commit(&batch(0, 3)).unwrap();
    drop(sequencer);
    let problems = fsck(&dir.0, signer().verifier_key()).unwrap().problems;
    assert!(
        matches!(&problems[..], [p] if p.kind == ProblemKind::Interrupted),
        "{problems:?}"
    );
    check_after_crash(&dir.0, &acknowledged, "interrupted");
}

#[test]
fn a_crash_while_pages_move_leaves_their_sums_right() {
    let dir = TempDir::new("pages");
    let mut sequencer = open(&dir.0);
    let acknowledged = sequencer.commit(&batch(0, 300)).unwrap();
    sequencer.settle().unwrap();
    // The first half of compaction: pages have moved, sums are old.
    sequencer
        .db
        .run(|c| c.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())))
        .unwrap();
    drop(sequencer);
    let report = fsck(&dir.0, signer().verifier_key()).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    check_after_crash(&dir.0, &acknowledged, "half a compaction");
    let left = dir
        .0
        .join("ledger.sqlite-wal")
        .metadata()
        .map_or(0, |metadata| metadata.len());
    assert_eq!(left, 0, "closing leaves one file");
}

#[test]
fn a_database_set_back_is_refused() {
    let dir = TempDir::new("rollback");
    let old = dir.0.join("old");
    let mut sequencer = open(&dir.0);
    sequencer.commit(&batch(0, 3)).unwrap();
    sequencer.settle().unwrap();
    sequencer.close(TIMEOUT).unwrap();
    std::fs::copy(dir.0.join("ledger.sqlite"), &old).unwrap();
    let mut sequencer = open(&dir.0);
    sequencer.commit(&batch(3, 3)).unwrap();
    sequencer.settle().unwrap();
    sequencer.close(TIMEOUT).unwrap();
    std::fs::copy(&old, dir.0.join("ledger.sqlite")).unwrap();
    let reopen = || Sequencer::open(Files::new(&dir.0), Box::new(signer()), TIMEOUT).err();
    assert!(matches!(reopen(), Some(LedgerError::Damaged(_))));
    // Nor does it pass as an interrupted write.
    std::fs::write(dir.0.join("staged"), b"leftover").unwrap();
    assert!(matches!(reopen(), Some(LedgerError::Damaged(_))));
    assert!(!fsck(&dir.0, signer().verifier_key()).unwrap().is_sound());
}
