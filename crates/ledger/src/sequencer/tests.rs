//! Crashes at every step, torn journals, full disks.

use super::*;
use crate::erase::{By, Erasure, ErasureTarget, Order};
use crate::event::{ErasureReason, Parts};
use crate::fsck::{FsckReport, ProblemKind, fsck_files};
use crate::ledger::LedgerOptions;
use crate::record::tests::golden_record;
use crate::shard::Shard;
use colophon_tlog::Ed25519Signer;
use std::path::{Path, PathBuf};

/// Fails the n-th step.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    steps: std::cell::Cell<u32>,
    fail_at: Option<u32>,
}

impl Sequencer {
    /// Moves the write-ahead log although it is short.
    pub(crate) fn compact(&self) -> Result<(), LedgerError> {
        self.db.compact()
    }

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

fn storage() -> StorageKey {
    StorageKey::new([6; 32])
}

fn open(dir: &Path) -> Sequencer {
    Sequencer::open(Files::new(dir), Box::new(signer()), TIMEOUT)
        .and_then(|sequencer| sequencer.with_storage(Some(&storage()), TIMEOUT))
        .unwrap()
}

fn checked(dir: &Path) -> FsckReport {
    fsck_files(Files::new(dir), signer().verifier_key(), Some(&storage())).unwrap()
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
    let options = LedgerOptions {
        storage_key: Some(storage()),
        ..LedgerOptions::default()
    };
    let name = ShardName::at(0);
    let shard = Shard::open(Files::new(dir), name, Box::new(signer()), &options)
        .unwrap_or_else(|e| panic!("{what}: {e}"));
    for receipt in acknowledged {
        let entry = shard.reader.get(receipt.index.0).unwrap().unwrap();
        let hash = colophon_tlog::leaf_hash(entry.leaf());
        assert_eq!(hash, receipt.leaf_hash, "{what}");
        let inclusion = entry.inclusion();
        assert!(inclusion.is_ok(), "{what}: {inclusion:?}");
    }
    let size = shard.reader.stats().unwrap().entries;
    assert!(size >= acknowledged.len() as u64, "{what}");
    assert_eq!(
        shard.append(batch(size, 1)).ok().unwrap()[0].index.0,
        size,
        "{what}"
    );
    drop(shard);
    let report = checked(dir);
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
    let problems = checked(&dir.0).problems;
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
    let report = checked(&dir.0);
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
    assert!(!checked(&dir.0).is_sound());
}

/// Files of the ledger that hold the bytes.
fn found_in(dir: &Path, secret: &[u8]) -> Vec<String> {
    let holds = |bytes: Vec<u8>| bytes.windows(secret.len()).any(|window| window == secret);
    let files = std::fs::read_dir(dir).unwrap().map(|item| item.unwrap());
    files
        .filter(|item| item.path().is_file() && holds(std::fs::read(item.path()).unwrap()))
        .map(|item| item.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Erases record 1 of 3 until step `fail_at` fails; returns whether it did.
fn erase_until_crash(dir: &Path, fail_at: u32) -> bool {
    let order = || Order {
        erasure: Erasure {
            target: ErasureTarget::Records(Vec::new()),
            parts: Parts::All,
            reason: ErasureReason::Request,
            by: By::Person("Dora".to_owned()),
            at: 1_800_000_100,
        },
        records: [1].into(),
    };
    let erase = |sequencer: &mut Sequencer| {
        let _lock = sequencer.begin(TIMEOUT)?;
        let plan = sequencer.plan_erasure(&order())?;
        sequencer.erase(plan)
    };
    let mut sequencer = open(dir);
    let acknowledged = sequencer.commit(&batch(0, 3)).unwrap();
    sequencer.settle().unwrap();
    let private = sequencer.db.private(1).unwrap().unwrap();
    sequencer.faults = Faults {
        steps: 0.into(),
        fail_at: Some(fail_at),
    };
    let crashed = erase(&mut sequencer).is_err();
    drop(sequencer);
    // Opening cleans up; then the record is whole or gone, and the log says which.
    let sequencer = open(dir);
    let is_there = sequencer.db.private(1).unwrap().is_some();
    let what = format!("step {fail_at}");
    assert_eq!(sequencer.db.manifest(1).unwrap().is_some(), is_there);
    assert_eq!(sequencer.size(), if is_there { 3 } else { 4 }, "{what}");
    assert!(crashed || !is_there, "{what}");
    drop(sequencer);
    if !is_there {
        for secret in [&private.key, &private.body] {
            assert_eq!(found_in(dir, secret), [""; 0], "{what}");
        }
    }
    check_after_crash(dir, &acknowledged, &what);
    let mut sequencer = open(dir);
    let outcome = erase(&mut sequencer).unwrap();
    assert_eq!(outcome.erased.len(), usize::from(is_there), "{what}");
    assert!(outcome.is_clean);
    drop(sequencer);
    assert_eq!(found_in(dir, &private.key), [""; 0], "{what}");
    let report = checked(dir);
    assert!(report.is_sound(), "{what}: {:#?}", report.problems);
    crashed
}

#[test]
fn a_crash_while_erasing_leaves_a_record_whole_or_gone() {
    for step in 1.. {
        let dir = TempDir::new(&format!("erase-{step}"));
        if !erase_until_crash(&dir.0, step) {
            assert!(step > 8, "the steps were passed: {step}");
            return;
        }
    }
}
