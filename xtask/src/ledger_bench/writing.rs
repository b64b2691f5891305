//! Entering records: how many a second, and how long one waits.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use colophon_ledger::{Ledger, NewRecord};

use super::{ms, open, quantile, record, row};

const RUNS: usize = 3;

/// One small write and its sync, and one megabyte: the disk's own speed.
pub(super) fn syncs(folder: &Path) -> Result<()> {
    for (what, bytes) in [("4 KB", 4096), ("1 MB", 1 << 20)] {
        let mut file = File::create(folder.join("sync"))?;
        let block = vec![1; bytes];
        let mut times = Vec::new();
        for _ in 0..100 {
            let start = Instant::now();
            file.write_all(&block)?;
            file.sync_data()?;
            times.push(ms(start));
        }
        let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
        row(
            &format!("the disk alone: append {what} and sync, median and 99 %"),
            &format!("{median:.2} ms, {p99:.2} ms"),
            "",
        );
    }
    fs::remove_file(folder.join("sync"))?;
    Ok(())
}

/// The best of some runs: what else runs on the machine only takes away. The logs stay until the end: without a journal,
/// ext4 passes over files just deleted, one by one, whenever it makes a new one.
pub(super) fn appends(folder: &Path) -> Result<()> {
    for (group, threads, count) in [(1024, 1, 98_304), (64, 8, 65_536), (1, 64, 8_192)] {
        let mut best: f64 = 0.0;
        for run in 0..RUNS {
            let place = folder.join(format!("appends-{group}-{run}"));
            let ledger = open(&place)?;
            let records: Vec<Vec<NewRecord>> = (0..count / group)
                .map(|n| (n * group..(n + 1) * group).map(record).collect())
                .collect();
            let start = Instant::now();
            hand_in(&ledger, records, threads)?;
            best = best.max(count as f64 / start.elapsed().as_secs_f64());
        }
        let goal = if group > 1 { "30,000" } else { "" };
        row(
            &format!("appends a second, {group} at a time from {threads} threads, best of {RUNS}"),
            &format!("{best:.0}"),
            goal,
        );
    }
    Ok(())
}

/// Hands groups in from several threads, each as soon as the one before is durable.
fn hand_in(ledger: &Ledger, groups: Vec<Vec<NewRecord>>, threads: usize) -> Result<()> {
    let groups = std::sync::Mutex::new(groups.into_iter());
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let next = groups.lock().ok().and_then(|mut groups| groups.next());
                let Some(group) = next else { return Ok(()) };
                ledger.append_many(group)?;
            }
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter().try_for_each(|thread| match thread.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("a thread panicked"),
        })
    })
}

/// Single records, 1,000 a second, whether or not the ones before are answered; measured from the planned moment.
pub(super) fn latency(folder: &Path) -> Result<()> {
    const A_SECOND: u64 = 1_000;
    const COUNT: u64 = 10_000;
    const THREADS: u64 = 128;
    let place = folder.join("latency");
    let ledger = open(&place)?;
    ledger.append_many((COUNT..COUNT + 1_000).map(record).collect())?;
    let start = Instant::now() + Duration::from_millis(100);
    let next = AtomicU64::new(0);
    let work = || -> Result<Vec<f64>> {
        let mut times = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= COUNT {
                return Ok(times);
            }
            let planned = start + Duration::from_secs(1) * number as u32 / A_SECOND as u32;
            std::thread::sleep(planned.saturating_duration_since(Instant::now()));
            ledger.append(record(number))?;
            times.push(ms(planned));
        }
    };
    let mut times = std::thread::scope(|scope| {
        let all: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        all.into_iter()
            .try_fold(Vec::new(), |mut times, thread| match thread.join() {
                Ok(more) => {
                    times.extend(more?);
                    Ok(times)
                }
                Err(_) => bail!("a thread panicked"),
            })
    })?;
    let rate = COUNT as f64 / start.elapsed().as_secs_f64();
    let mut at = |share| quantile(&mut times, share);
    row(
        &format!(
            "one record at a time, 1,000 a second offered, {rate:.0} done: median, 99 %, worst"
        ),
        &format!("{:.1} ms, {:.1} ms, {:.1} ms", at(0.5), at(0.99), at(1.0)),
        "99 % in 50 ms",
    );
    Ok(())
}
