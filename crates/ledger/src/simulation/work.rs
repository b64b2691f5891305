//! Random work on a ledger, and what was promised to callers on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use colophon_tlog::{Checkpoint, Ed25519Signer, Hash, NoteSigner as _};

use super::disk::{Image, Node, Op, SimulatedDisk};
use super::random::Random;
use crate::erase::{By, Erasure, ErasureTarget, Order};
use crate::error::LedgerError;
use crate::event::{ErasureReason, Parts};
use crate::files::Files;
use crate::record::Prepared;
use crate::record::tests::golden_record;
use crate::sequencer::Sequencer;
use crate::vault::StorageKey;

pub const TIMEOUT: Duration = Duration::from_millis(50);

/// The ledger's folder on the disk.
const FOLDER: &str = "home/ledger";

pub fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed("example.org/log", &[3; 32]).unwrap()
}

/// The ledger's folder on a disk.
pub fn files(disk: &Arc<SimulatedDisk>) -> Files {
    let dir = disk.root().join(FOLDER);
    Files::on(Arc::<SimulatedDisk>::clone(disk), &dir)
}

pub fn open(disk: &Arc<SimulatedDisk>) -> Result<Sequencer, LedgerError> {
    Sequencer::open(files(disk), Box::new(signer()), TIMEOUT)?
        .with_storage(Some(&storage()), TIMEOUT)
}

pub fn storage() -> StorageKey {
    StorageKey::new([6; 32])
}

pub fn batch(count: u64, random: &mut Random) -> Vec<Prepared> {
    let record = |_| {
        let mut record = golden_record();
        record.watermark_id = Some(random.next());
        Prepared::new(record).unwrap()
    };
    (0..count).map(record).collect()
}

/// A promise, with the number of operations that the disk had done when it was made.
#[derive(Clone, Debug)]
pub struct Promise {
    pub after: usize,
    pub index: u64,
    pub leaf_hash: Hash,
    /// A picture's record, not an event.
    pub is_record: bool,
}

/// What was done and promised.
#[derive(Debug, Default)]
pub struct History {
    pub promises: Vec<Promise>,
    /// Records whose parts were erased, with the number of operations after which that was promised.
    pub erased: Vec<(usize, u64)>,
    /// What was done, for the report of a failure.
    pub steps: Vec<(usize, String)>,
}

/// Works with one or two handles on the ledger as the seed says, until it is done or the disk refuses.
pub fn work(
    disk: &Arc<SimulatedDisk>,
    random: &mut Random,
    history: &mut History,
) -> Result<(), LedgerError> {
    let mut handle = open(disk)?;
    for _ in 0..2 + random.below(7) {
        let mut step = |what: String| history.steps.push((disk.operations(), what));
        match random.below(20) {
            0..=11 => {
                let _lock = handle.begin(TIMEOUT)?;
                for _ in 0..=random.below(3) {
                    let count = match random.below(8) {
                        0..=4 => 1 + random.below(3),
                        5 | 6 => 1 + random.below(12),
                        _ => 1 + random.below(60),
                    };
                    history
                        .steps
                        .push((disk.operations(), format!("commit {count}")));
                    let receipts = handle.commit(&batch(count, random))?;
                    let after = disk.operations();
                    history
                        .promises
                        .extend(receipts.iter().map(|receipt| Promise {
                            after,
                            index: receipt.index.0,
                            leaf_hash: receipt.leaf_hash,
                            is_record: true,
                        }));
                }
                history.steps.push((disk.operations(), "settle".to_owned()));
                handle.settle()?;
            }
            12..=14 => {
                step("compact".to_owned());
                let _lock = files(disk).lock(TIMEOUT)?;
                handle.compact()?;
            }
            15 => erase(disk, &mut handle, random, history)?,
            16 => {
                step("close and open".to_owned());
                handle.close(TIMEOUT)?;
                handle = open(disk)?;
            }
            17 => {
                step("killed, and opened again".to_owned());
                drop(handle);
                handle = open(disk)?;
            }
            _ => {
                step("opened a second time".to_owned());
                let other = open(disk)?;
                drop(std::mem::replace(&mut handle, other));
            }
        }
    }
    history.steps.push((disk.operations(), "close".to_owned()));
    handle.close(TIMEOUT)
}

/// Erases the private part and the manifest of a record.
fn erase(
    disk: &Arc<SimulatedDisk>,
    handle: &mut Sequencer,
    random: &mut Random,
    history: &mut History,
) -> Result<(), LedgerError> {
    let records: Vec<u64> = history
        .promises
        .iter()
        .filter(|p| p.is_record)
        .map(|p| p.index)
        .collect();
    if records.is_empty() {
        return Ok(());
    }
    let record = records[random.below(records.len() as u64) as usize];
    history
        .steps
        .push((disk.operations(), format!("erase {record}")));
    let erasure = Erasure {
        target: ErasureTarget::Records(Vec::new()),
        parts: Parts::All,
        reason: ErasureReason::Request,
        by: By::Role("operator".to_owned()),
        at: 1_800_000_001,
    };
    let _lock = handle.begin(TIMEOUT)?;
    let plan = handle.plan_erasure(&Order {
        erasure,
        records: BTreeSet::from([record]),
    })?;
    let outcome = handle.erase(plan)?;
    let after = disk.operations();
    history.erased.push((after, record));
    history
        .promises
        .extend(outcome.erased.iter().map(|(_, receipt)| Promise {
            after,
            index: receipt.index.0,
            leaf_hash: receipt.leaf_hash,
            is_record: false,
        }));
    Ok(())
}

/// Every checkpoint that was published in the first `until` operations, oldest first.
pub fn published(disk: &SimulatedDisk, until: usize) -> Vec<Checkpoint> {
    let checkpoint = PathBuf::from(FOLDER).join(Files::CHECKPOINT);
    let mut contents: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut found = Vec::new();
    for op in &disk.log()[..until] {
        match op {
            // The ledger writes a checkpoint whole, into a file that it has emptied.
            Op::SetLength(inode, 0) => drop(contents.remove(inode)),
            Op::Write(inode, 0, bytes) => drop(contents.insert(*inode, bytes.to_vec())),
            Op::Rename(_, to, Node::File(inode)) if *to == checkpoint => {
                let note = &contents[inode];
                found.push(Checkpoint::open(note, signer().verifier_key()).unwrap());
            }
            _ => {}
        }
    }
    found
}

/// A ledger of `size` entries, closed, on a disk.
pub fn grown(size: u64) -> (Image, Vec<Hash>) {
    let disk = SimulatedDisk::new(Image::default());
    let mut random = Random::new(size);
    let mut handle = open(&disk).unwrap();
    let lock = handle.begin(TIMEOUT).unwrap();
    let receipts = handle.commit(&batch(size, &mut random)).unwrap();
    handle.settle().unwrap();
    drop(lock);
    handle.close(TIMEOUT).unwrap();
    let leaves = receipts.iter().map(|receipt| receipt.leaf_hash);
    (disk.seen(), leaves.collect())
}
