//! The index of fingerprints alone.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use colophon_fingerprint::{Fingerprint, MATCH_DISTANCE, MihIndex, linear_search};

use super::{mixed, ms, nearby, quantile, row};
use crate::ledger_plot::{Line, Plot};

/// Time, memory and recall.
pub(super) fn fingerprints(most: usize) -> Result<(&'static str, Plot)> {
    let mut index = MihIndex::new();
    let before = resident()?;
    let mut line = Line::new("exact, within 31 bits");
    let mut marks: Vec<usize> = std::iter::successors(Some(10_000), |n| Some(n * 10))
        .take_while(|n| *n < most)
        .collect();
    marks.push(most);
    let start = Instant::now();
    for mark in marks {
        for number in index.len()..mark {
            index.insert(spread(number as u64), number as u64);
        }
        let queries: Vec<u64> = (0..500).map(|n| mixed(n) % mark as u64).collect();
        let search = |n: &u64| index.query(&Fingerprint(nearby(spread(*n).0, *n)), MATCH_DISTANCE);
        let mut times = Vec::new();
        let mut found = 0;
        for number in &queries {
            let start = Instant::now();
            let hits = search(number);
            times.push(ms(start));
            found += usize::from(hits.iter().any(|(id, _)| id == number));
        }
        // Nothing is missed that looking at each would find, near or not.
        for number in &queries[..3] {
            let all = (0..mark as u64).map(|n| (spread(n), n));
            let target = Fingerprint(nearby(spread(*number).0, *number));
            ensure!(
                search(number) == linear_search(all, &target, MATCH_DISTANCE),
                "the index misses something"
            );
        }
        let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
        line.points.push((mark as f64, median));
        row(
            &format!("{mark} fingerprints: search within 31 bits, median and 99 %; found"),
            &format!("{median:.3} ms, {p99:.3} ms; {found} of {}", queries.len()),
            "1 ms; all",
        );
    }
    let bytes = (resident()?.saturating_sub(before)) as f64 / most as f64;
    row(
        &format!("{most} fingerprints: seconds to enter them one by one, bytes of memory each"),
        &format!("{:.0} s, {bytes:.0}", start.elapsed().as_secs_f64()),
        "",
    );
    let plot = Plot {
        title: "Exact search among fingerprints".to_owned(),
        x_label: "fingerprints".to_owned(),
        y_label: "milliseconds".to_owned(),
        lines: vec![line],
    };
    Ok(("ledger-fingerprints.svg", plot))
}

/// A random fingerprint for each number, quicker than a digest.
fn spread(number: u64) -> Fingerprint {
    let mut bytes = [0; 32];
    for (part, word) in bytes.chunks_exact_mut(8).zip(0..) {
        part.copy_from_slice(&mixed(mixed(number) ^ word).to_be_bytes());
    }
    Fingerprint(bytes)
}

/// Bytes of memory that the process holds.
fn resident() -> Result<usize> {
    let text = fs::read_to_string("/proc/self/status").context("this needs Linux")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or("0");
    let kib: usize = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
