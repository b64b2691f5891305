//! Power failures at random moments of random work, and what must hold afterwards.
//!
//! `COLOPHON_CRASH_POINTS` and `COLOPHON_CRASH_SEED` say how many moments are tried and where the seeds start; one
//! seed gives the same work and the same failures every time. `cargo xtask crash` sets them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use colophon_tlog::{Checkpoint, Hash, NoteSigner as _, RightEdge, leaf_hash};

use super::disk::{Image, SimulatedDisk};
use super::failure::{Honesty, Kind};
use super::random::Random;
use super::sqlite::one_at_a_time;
use super::work::{History, files, grown, open, published, signer, storage, work};
use crate::db::Db;
use crate::fsck::fsck_files;
use crate::reader::Reader;
use crate::shards::ShardName;

/// Moments tried for each seed.
const MOMENTS: u64 = 8;
/// Sizes at which the work starts; 0 is no ledger at all.
const SIZES: [u64; 5] = [0, 1, 200, 255, 256];

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    if text.is_empty() {
        default
    } else {
        text.parse().unwrap()
    }
}

/// What was promised up to a moment.
#[derive(Clone, Debug, Default)]
pub struct Promised {
    /// Leaf hashes by index.
    pub leaves: BTreeMap<u64, Hash>,
    pub checkpoints: Vec<Checkpoint>,
    /// Records of which nothing private is left.
    pub erased: Vec<u64>,
}

fn start(random: &mut Random) -> (Image, Promised) {
    static GROWN: OnceLock<Vec<(Image, Vec<Hash>)>> = OnceLock::new();
    // Most work starts from nothing: that is quickest and makes most files.
    let which = if random.percent(70) {
        random.below(2)
    } else {
        random.below(5)
    } as usize;
    if SIZES[which] == 0 {
        return (Image::default(), Promised::default());
    }
    let all = GROWN.get_or_init(|| SIZES[1..].iter().map(|size| grown(*size)).collect());
    let (image, leaves) = all[which - 1].clone();
    let leaves = (0..).zip(leaves).collect();
    (
        image,
        Promised {
            leaves,
            ..Promised::default()
        },
    )
}

/// Tries the moments of one seed; returns how many, and what went wrong at each that failed.
fn try_seed(seed: u64, moments: u64, honesty: Honesty) -> Vec<Result<(), String>> {
    let mut random = Random::new(seed);
    let (image, before) = start(&mut random);
    let disk = SimulatedDisk::new(image);
    let mut history = History::default();
    work(&disk, &mut random, &mut history).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let tried = |_| {
        let at = random.below(disk.operations() as u64 + 1) as usize;
        let left = disk.power_failure(at, honesty, &mut random);
        let promised = promised_until(&disk, &history, &before, at);
        let deep = random.percent(25);
        check(left, &promised, deep, honesty, &mut random).map_err(|what| {
            let steps = history.steps.iter().take_while(|(when, _)| *when <= at);
            let steps: Vec<&str> = steps.map(|(_, what)| what.as_str()).collect();
            let last = disk.log();
            format!(
                "seed {seed}, power failed after operation {at} of {} ({}), in: {}: {what}",
                last.len(),
                at.checked_sub(1).map_or("none".to_owned(), |i| format!(
                    "{:.80}",
                    format!("{:?}", last[i])
                )),
                steps.join(", ")
            )
        })
    };
    (0..moments).map(tried).collect()
}

fn promised_until(
    disk: &SimulatedDisk,
    history: &History,
    before: &Promised,
    at: usize,
) -> Promised {
    let mut promised = before.clone();
    for promise in history
        .promises
        .iter()
        .filter(|promise| promise.after <= at)
    {
        promised.leaves.insert(promise.index, promise.leaf_hash);
    }
    promised.checkpoints.extend(published(disk, at));
    let erased = history.erased.iter().filter(|(after, _)| *after <= at);
    promised.erased.extend(erased.map(|(_, record)| *record));
    promised
}

/// Recovers what a power failure left, perhaps with another failure during recovery, and checks every promise.
pub fn check(
    left: Image,
    promised: &Promised,
    deep: bool,
    honesty: Honesty,
    random: &mut Random,
) -> Result<(), String> {
    let disk = SimulatedDisk::new(left);
    let recovered = open(&disk).map_err(|e| format!("recovery: {e}"))?;
    if deep {
        drop(recovered);
        let at = random.below(disk.operations() as u64 + 1) as usize;
        let left = disk.power_failure(at, honesty, random);
        let mut promised = promised.clone();
        promised.checkpoints.extend(published(&disk, at));
        return check(left, &promised, false, honesty, random)
            .map_err(|what| format!("and again after operation {at} of recovery: {what}"));
    }
    recovered
        .close(super::work::TIMEOUT)
        .map_err(|e| format!("closing: {e}"))?;
    sound(&disk)?;
    kept(&disk, promised, random)?;
    let first = contents(&disk);
    let again = open(&disk).map_err(|e| format!("second recovery: {e}"))?;
    again
        .close(super::work::TIMEOUT)
        .map_err(|e| format!("second closing: {e}"))?;
    let second = contents(&disk);
    let changed = first
        .iter()
        .find(|(path, content)| second.get(*path) != Some(content));
    match changed {
        Some((path, _)) => Err(format!("a second recovery changed {}", path.display())),
        None if first.len() != second.len() => Err("a second recovery made a file".to_owned()),
        None => Ok(()),
    }
}

/// Files by name; a write-ahead log without content is as good as none.
fn contents(disk: &SimulatedDisk) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut files = disk.files();
    files.retain(|path, content| {
        let emptied = content.as_ref().is_some_and(Vec::is_empty);
        !(emptied && path.to_string_lossy().ends_with("-wal"))
    });
    files
}

fn sound(disk: &Arc<SimulatedDisk>) -> Result<(), String> {
    let report = fsck_files(files(disk), signer().verifier_key(), Some(&storage()))
        .map_err(|e| format!("fsck: {e}"))?;
    match report.problems.first() {
        Some(problem) => Err(format!("fsck: {problem}")),
        None => Ok(()),
    }
}

/// Every acknowledged entry is there and proven; no published checkpoint is taken back or contradicted.
fn kept(disk: &Arc<SimulatedDisk>, promised: &Promised, random: &mut Random) -> Result<(), String> {
    let db = Db::open_reader(&files(disk)).map_err(|e| e.to_string())?;
    let rows = db.entries(0, usize::MAX >> 1).map_err(|e| e.to_string())?;
    let leaves: Vec<Hash> = rows.iter().map(|row| leaf_hash(&row.leaf)).collect();
    for (index, hash) in &promised.leaves {
        if leaves.get(*index as usize) != Some(hash) {
            return Err(format!(
                "the acknowledged entry {index} of {} is gone",
                leaves.len()
            ));
        }
    }
    for record in &promised.erased {
        if db.private(*record).map_err(|e| e.to_string())?.is_some() {
            return Err(format!("the erased part of record {record} is back"));
        }
    }
    let reader = Reader::open(
        files(disk),
        ShardName::at(0),
        signer().verifier_key().clone(),
    )
    .map_err(|e| e.to_string())?;
    for _ in 0..promised.leaves.len().min(4) {
        let index = random.below(promised.leaves.len() as u64);
        let entry = reader.get(index).map_err(|e| e.to_string())?;
        let entry = entry.ok_or(format!("entry {index} is not found"))?;
        if let Err(why) = entry.inclusion() {
            return Err(format!("entry {index}: {why}"));
        }
    }
    let (_, newest) = reader.checkpoint().map_err(|e| e.to_string())?;
    if newest.size.0 != leaves.len() as u64 {
        return Err(format!(
            "{} entries, but {} are published",
            leaves.len(),
            newest.size
        ));
    }
    let mut edge = RightEdge::new();
    for checkpoint in &promised.checkpoints {
        let size = checkpoint.size.0 as usize;
        if size < edge.size().0 as usize {
            return Err(format!(
                "{} was published after {}",
                checkpoint.size,
                edge.size()
            ));
        }
        let Some(more) = leaves.get(edge.size().0 as usize..size) else {
            return Err(format!(
                "{size} entries were published, {} are left",
                leaves.len()
            ));
        };
        edge.append(more);
        if edge.root() != checkpoint.root {
            return Err(format!(
                "the published tree of {size} entries had another root"
            ));
        }
    }
    Ok(())
}

fn failures(first: u64, points: u64, honesty: Honesty) -> (u64, Vec<String>) {
    let (mut tried, mut failed) = (0, Vec::new());
    let mut seed = first;
    while tried < points {
        let outcomes = try_seed(seed, MOMENTS.min(points - tried), honesty);
        tried += outcomes.len() as u64;
        failed.extend(outcomes.into_iter().filter_map(Result::err));
        seed += 1;
    }
    (tried, failed)
}

#[test]
fn power_failures_lose_nothing_that_was_promised() {
    let _alone = one_at_a_time();
    let points = number("COLOPHON_CRASH_POINTS", 2_000);
    let first = number("COLOPHON_CRASH_SEED", 1);
    let (tried, failed) = failures(first, points, Honesty::Honest);
    println!(
        "{tried} power failures from seed {first} on, {} wrong",
        failed.len()
    );
    assert!(
        failed.is_empty(),
        "{}",
        failed[..failed.len().min(20)].join("\n")
    );
}

/// A disk that answers a sync at once and does nothing breaks the promises, and the simulator sees it.
#[test]
fn a_lying_disk_is_found_out() {
    let _alone = one_at_a_time();
    let (tried, failed) = failures(1, 200, Honesty::Lying);
    println!("lying disk: {tried} power failures, {} wrong", failed.len());
    let lost = failed
        .iter()
        .filter(|what| what.contains("is gone"))
        .count();
    assert!(failed.len() > 20, "{failed:#?}");
    assert!(lost > 0, "{failed:#?}");
}

/// Each sync is there for a reason: without those of any one kind, the simulator finds promises broken.
#[test]
fn no_sync_can_be_left_out() {
    let _alone = one_at_a_time();
    for kind in Kind::ALL {
        let found = (1..400).find_map(|seed| {
            let outcomes = try_seed(seed, MOMENTS, Honesty::Without(kind));
            outcomes.into_iter().find_map(Result::err)
        });
        println!("without syncs of {kind:?}: {found:?}");
        assert!(found.is_some(), "{kind:?}");
    }
}

/// A ledger that is being made has no sums, then all of them: power failures while it is made, and again while it is
/// recovered, never leave sums of other pages.
#[test]
fn a_ledger_that_was_never_finished_is_finished_whole() {
    let _alone = one_at_a_time();
    let mut random = Random::new(5);
    let disk = SimulatedDisk::new(Image::default());
    drop(open(&disk).unwrap());
    let (mut tried, mut failed) = (0, Vec::new());
    for at in 0..=disk.operations() {
        for _ in 0..12 {
            let left = SimulatedDisk::new(disk.power_failure(at, Honesty::Honest, &mut random));
            drop(open(&left).unwrap());
            let again = random.below(left.operations().min(24) as u64 + 1) as usize;
            let left = left.power_failure(again, Honesty::Honest, &mut random);
            tried += 1;
            let checked = check(
                left,
                &Promised::default(),
                false,
                Honesty::Honest,
                &mut random,
            );
            failed.extend(
                checked
                    .err()
                    .map(|what| format!("after {at} and {again}: {what}")),
            );
        }
    }
    assert!(failed.is_empty(), "of {tried}: {failed:#?}");
}
