//! Power failures while the storage key is replaced: both keys together always open everything, and doing it again
//! finishes it.

use std::sync::Arc;

use colophon_tlog::NoteSigner as _;

use super::disk::{Image, SimulatedDisk};
use super::failure::Honesty;
use super::random::Random;
use super::sqlite::one_at_a_time;
use super::work::{TIMEOUT, files, signer};
use crate::entry::{LogEntry, Private};
use crate::error::LedgerError;
use crate::fsck::{FsckOptions, fsck_folder};
use crate::ledger::{Ledger, LedgerOptions};
use crate::record::tests::{golden_record, golden_requested};
use crate::vault::StorageKey;

const START: i64 = 1_767_225_600;
const HALF_YEAR: i64 = 184 * 86_400;
/// Records of each of two shards, with and without somebody who asked for them.
const RECORDS: usize = 6;
/// Moments of failure.
const MOMENTS: u64 = 120;

fn old() -> StorageKey {
    StorageKey::new([6; 32])
}

fn new() -> StorageKey {
    StorageKey::new([7; 32])
}

fn open(disk: &Arc<SimulatedDisk>, storage: StorageKey) -> Result<Ledger, LedgerError> {
    let options = LedgerOptions {
        lock_timeout: TIMEOUT,
        storage_key: Some(storage),
        ..LedgerOptions::default()
    };
    let signer = signer();
    let name = signer.name().to_owned();
    Ledger::open_files(files(disk), &name, Box::new(signer), options)
}

fn filled() -> Arc<SimulatedDisk> {
    let disk = SimulatedDisk::new(Image::default());
    for time in [START, START + HALF_YEAR] {
        let record = |n: usize| {
            let mut record = if n.is_multiple_of(2) {
                golden_record()
            } else {
                golden_requested()
            };
            record.issued_at = time;
            record
        };
        let records = (0..RECORDS).map(record).collect();
        open(&disk, old()).unwrap().append_many(records).unwrap();
    }
    disk
}

/// How many private parts are open.
fn opened(ledger: &Ledger) -> Result<usize, LedgerError> {
    let start = ledger.newest(u64::MAX)?.ok_or(LedgerError::Empty)?;
    let entries = ledger.list(start, 1_000)?.into_iter();
    let records = entries.filter_map(LogEntry::into_record);
    let open = records.filter(|it| matches!(it.private, Private::Open(_)) && it.inclusion.is_ok());
    Ok(open.count())
}

/// Both keys open everything; the replacement is finished; the new key alone opens everything, the old one nothing.
fn check(left: Image) -> Result<(), String> {
    let disk = SimulatedDisk::new(left);
    let both = || new().with_former([*old().as_bytes()]);
    let all = 2 * RECORDS;
    let told = |what: &'static str| move |error: LedgerError| format!("{what}: {error}");
    {
        let ledger = open(&disk, both()).map_err(told("opening"))?;
        if opened(&ledger).map_err(told("reading"))? != all {
            return Err("a private part opens with neither key".to_owned());
        }
        ledger.rewrap().map_err(told("finishing"))?;
    }
    let ledger = open(&disk, new()).map_err(told("opening with the new key"))?;
    if opened(&ledger).map_err(told("reading with the new key"))? != all {
        return Err("a private part does not open with the new key".to_owned());
    }
    drop(ledger);
    match open(&disk, old()) {
        Err(LedgerError::WrongStorageKey) => {}
        other => return Err(format!("the old key still opens it: {other:?}")),
    }
    let options = FsckOptions {
        storage_key: Some(new()),
        ..FsckOptions::default()
    };
    let report = fsck_folder(files(&disk), signer().verifier_key(), &options);
    let report = report.map_err(told("fsck"))?;
    match report.problems.first() {
        Some(problem) => Err(problem.to_string()),
        None => Ok(()),
    }
}

#[test]
fn a_replacement_that_is_cut_off_loses_nothing_and_can_be_finished() {
    let _alone = one_at_a_time();
    let disk = filled();
    let begun = disk.operations();
    let both = new().with_former([*old().as_bytes()]);
    let done = open(&disk, both).unwrap().rewrap().unwrap();
    // Data keys without a requester, and one requester a shard.
    assert_eq!((done.shards, done.is_clean), (2, true));
    assert_eq!(done.keys as usize, RECORDS + 2);
    let steps = (disk.operations() - begun) as u64;
    let mut random = Random::new(1);
    let mut failed = Vec::new();
    for _ in 0..MOMENTS {
        let at = begun + random.below(steps + 1) as usize;
        let left = disk.power_failure(at, Honesty::Honest, &mut random);
        let outcome = check(left);
        failed.extend(
            outcome
                .err()
                .map(|what| format!("after operation {at}: {what}")),
        );
    }
    assert!(failed.is_empty(), "{}: {}", failed.len(), failed.join("\n"));
}
