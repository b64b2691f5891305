//! Power failures while records of later half-years seal a shard and open the next.
//!
//! Each step opens the ledger anew and waits for its threads, so that one seed gives one order of operations.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use colophon_tlog::{Checkpoint, Hash, NoteSigner as _, VerifierKey};

use super::disk::{Image, Node, Op, SimulatedDisk};
use super::failure::Honesty;
use super::random::Random;
use super::sqlite::one_at_a_time;
use super::work::{TIMEOUT, files, signer, storage};
use crate::error::LedgerError;
use crate::files::Files;
use crate::fsck::FsckOptions;
use crate::fsck::fsck_folder;
use crate::ledger::{Ledger, LedgerOptions};
use crate::record::tests::golden_record;
use crate::shards::{RecordId, shard_key};

/// The start of 2026 and half a year, in seconds.
const START: i64 = 1_767_225_600;
const HALF_YEAR: i64 = 184 * 86_400;

fn open(disk: &Arc<SimulatedDisk>) -> Result<Ledger, LedgerError> {
    let options = LedgerOptions {
        lock_timeout: TIMEOUT,
        storage_key: Some(storage()),
        ..LedgerOptions::default()
    };
    let signer = signer();
    let name = signer.name().to_owned();
    Ledger::open_files(files(disk), &name, Box::new(signer), options)
}

fn enter(
    disk: &Arc<SimulatedDisk>,
    time: i64,
    count: u64,
) -> Result<Vec<(RecordId, Hash)>, LedgerError> {
    let record = |n| {
        let mut record = golden_record();
        record.issued_at = time;
        record.watermark_id = Some(n);
        record
    };
    let receipts = open(disk)?.append_many((0..count).map(record).collect())?;
    Ok(receipts
        .iter()
        .map(|receipt| (receipt.id(), receipt.leaf_hash))
        .collect())
}

/// Records with the number of operations after which they were promised.
type Promises = Vec<(usize, RecordId, Hash)>;
/// Times of records with the number of operations after which they had been entered.
type Times = Vec<(usize, i64)>;

/// Enters records over some half-years, and seals shards by hand now and then.
fn work(disk: &Arc<SimulatedDisk>, random: &mut Random) -> Result<(Promises, Times), LedgerError> {
    let (mut promises, mut times, mut time) = (Promises::new(), Times::new(), START);
    for _ in 0..3 + random.below(4) {
        match random.below(6) {
            0 | 1 => time += HALF_YEAR,
            2 => drop(open(disk)?.seal(time)?),
            _ => {}
        }
        let entered = enter(disk, time, 1 + random.below(4))?;
        let after = disk.operations();
        times.push((after, time));
        promises.extend(entered.into_iter().map(|(id, hash)| (after, id, hash)));
    }
    Ok((promises, times))
}

/// The newest checkpoint that each shard had published in the first `until` operations, by the shard's folder.
fn published(disk: &SimulatedDisk, until: usize) -> BTreeMap<String, Vec<u8>> {
    let mut contents: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut newest = BTreeMap::new();
    for op in &disk.log()[..until] {
        match op {
            Op::Write(inode, 0, bytes) => drop(contents.insert(*inode, bytes.to_vec())),
            Op::Rename(_, to, Node::File(inode)) if to.ends_with(Files::CHECKPOINT) => {
                let shard: PathBuf = to.components().rev().skip(1).take(1).collect();
                newest.insert(shard.display().to_string(), contents[inode].clone());
            }
            _ => {}
        }
    }
    newest
}

/// Opens what is left, enters one record more and checks what was promised.
fn check(
    left: Image,
    time: i64,
    promises: &[(usize, RecordId, Hash)],
    published: &BTreeMap<String, Vec<u8>>,
) -> Result<(), String> {
    let disk = SimulatedDisk::new(left);
    enter(&disk, time, 1).map_err(|e| format!("recovery: {e}"))?;
    let key = signer().verifier_key().clone();
    let options = FsckOptions {
        storage_key: Some(storage()),
        ..FsckOptions::default()
    };
    let report = fsck_folder(files(&disk), &key, &options);
    let report = report.map_err(|e| format!("fsck: {e}"))?;
    if let Some(problem) = report.problems.first() {
        return Err(format!("fsck: {problem}"));
    }
    let ledger = open(&disk).map_err(|e| format!("second opening: {e}"))?;
    for (_, id, hash) in promises {
        let entry = ledger.get(*id).map_err(|e| format!("{id}: {e}"))?;
        let entry = entry.ok_or(format!("the acknowledged record {id} is gone"))?;
        if colophon_tlog::leaf_hash(entry.leaf()) != *hash {
            return Err(format!("{id} is another record"));
        }
        if let Err(why) = entry.inclusion() {
            return Err(format!("{id}: {why}"));
        }
    }
    for shard in ledger.shards().map_err(|e| e.to_string())? {
        let Some(before) = published.get(&shard.name.to_string()) else {
            continue;
        };
        let key = shard_key(&key, shard.name).map_err(|e| e.to_string())?;
        not_taken_back(before, &shard.checkpoint.map_err(|e| e.to_string())?, &key)?;
    }
    Ok(())
}

fn not_taken_back(before: &[u8], now: &Checkpoint, key: &VerifierKey) -> Result<(), String> {
    let before = Checkpoint::open(before, key).map_err(|e| e.to_string())?;
    if before.size > now.size || (before.size == now.size && before.root != now.root) {
        return Err(format!(
            "{}: {} entries were published, now {}",
            now.origin, before.size, now.size
        ));
    }
    Ok(())
}

#[test]
fn power_failures_between_shards_lose_nothing() {
    let _alone = one_at_a_time();
    let mut failed = Vec::new();
    for seed in 1..=60 {
        let mut random = Random::new(seed);
        let disk = SimulatedDisk::new(Image::default());
        let (promises, times) = work(&disk, &mut random).unwrap();
        for _ in 0..5 {
            let at = random.below(disk.operations() as u64 + 1) as usize;
            let left = disk.power_failure(at, Honesty::Honest, &mut random);
            let until = promises.partition_point(|(after, ..)| *after <= at);
            // The record that was being entered is entered again.
            let entering = times.iter().find(|(after, _)| *after > at).or(times.last());
            let time = entering.map_or(START, |(_, time)| *time);
            let outcome = check(left, time, &promises[..until], &published(&disk, at));
            failed.extend(outcome.err().map(|what| {
                let last = at
                    .checked_sub(1)
                    .map(|at| format!("{:.100}", format!("{:?}", disk.log()[at])));
                format!("seed {seed}, after operation {at} {last:?}: {what}")
            }));
        }
    }
    assert!(failed.is_empty(), "{}: {}", failed.len(), failed.join("\n"));
}
