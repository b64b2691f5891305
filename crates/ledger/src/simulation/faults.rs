//! Disks that refuse: one failed write or sync, no room, read-only from one moment on.

use std::sync::Arc;

use super::crash::{Promised, check};
use super::disk::{Fault, Image, Op, Refusal, SimulatedDisk};
use super::failure::Honesty;
use super::random::Random;
use super::sqlite::one_at_a_time;
use super::work::{TIMEOUT, batch, open, published};
use crate::error::LedgerError;
use crate::ledger::LedgerOptions;
use crate::writer::{Task, Writer};

/// Enters records until one is refused, and some more; returns what was promised, and where the log of the disk stood
/// when it refused the open ledger something.
fn write_until_refused(
    disk: &Arc<SimulatedDisk>,
    random: &mut Random,
) -> (Promised, Option<usize>) {
    let mut promised = Promised::default();
    let options = LedgerOptions {
        lock_timeout: TIMEOUT,
        ..LedgerOptions::default()
    };
    let Ok(sequencer) = open(disk) else {
        return (promised, None);
    };
    // Opening itself tries whether the folder can be written to, and goes on where nothing depends on the answer.
    let opened = disk.refused().is_none();
    let writer = Writer::start(sequencer, &options).unwrap();
    let mut failed = false;
    for _ in 0..8 {
        let count = 1 + random.below(6);
        let outcome = writer.run(Task::Append(batch(count, random))).outcome;
        assert!(
            !failed || matches!(outcome, Err(LedgerError::WriterStopped(_))),
            "the writer went on: {outcome:?}"
        );
        match outcome {
            Ok(receipts) => promised.leaves.extend(
                receipts
                    .iter()
                    .map(|receipt| (receipt.index.0, receipt.leaf_hash)),
            ),
            Err(_) => failed = true,
        }
    }
    drop(writer);
    promised.checkpoints = published(disk, disk.operations());
    (promised, disk.refused().filter(|_| opened))
}

/// After a failed operation the writer changes nothing: what it would have said could not be believed. Syncs that
/// were under way beside the failed one may still be done.
fn nothing_after(disk: &SimulatedDisk, refused: usize, what: &str) {
    let after = &disk.log()[refused..];
    // A refused write may have got half way.
    let own = usize::from(matches!(after.first(), Some(Op::Write(..))));
    let done = after[own..].iter().find(|op| {
        matches!(
            op,
            Op::Name(..) | Op::Rename(..) | Op::Remove(_) | Op::Write(..) | Op::SetLength(..)
        )
    });
    assert!(done.is_none(), "{what}: {done:?}");
}

#[test]
fn a_refusing_disk_stops_the_writer_and_loses_nothing() {
    let _alone = one_at_a_time();
    let mut refused = 0;
    for seed in 1..=240 {
        let mut random = Random::new(seed);
        let disk = SimulatedDisk::new(Image::default());
        let kinds = [Refusal::Once, Refusal::Full, Refusal::ReadOnly];
        let refusal = kinds[random.below(3) as usize];
        let fresh = random.percent(20);
        if !fresh {
            open(&disk).unwrap().close(TIMEOUT).unwrap();
        }
        let at = random.below(if fresh { 60 } else { 150 }) as usize;
        disk.fail(Some(Fault { at, refusal }));
        let (promised, refused_at) = write_until_refused(&disk, &mut random);
        let what = format!("seed {seed}: {refusal:?} at {at}");
        refused += usize::from(disk.refused().is_some());
        if let Some(refused_at) = refused_at.filter(|_| refusal == Refusal::Once) {
            nothing_after(&disk, refused_at, &what);
        }
        disk.fail(None);
        // The disk works again, for a process that starts anew; or power fails before that.
        let healed = SimulatedDisk::new(disk.seen());
        check(
            healed.seen(),
            &promised,
            false,
            Honesty::Honest,
            &mut random,
        )
        .unwrap_or_else(|why| panic!("{what}, then opened: {why}"));
        let left = disk.power_failure(disk.operations(), Honesty::Honest, &mut random);
        check(left, &promised, true, Honesty::Honest, &mut random)
            .unwrap_or_else(|why| panic!("{what}, then power failed: {why}"));
    }
    assert!(refused > 150, "only {refused} disks refused");
}
