//! Look-ups, proofs, fsck and bytes over the size of the log.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use colophon_fingerprint::MATCH_DISTANCE;
use colophon_ledger::{Entry, FsckOptions, Ledger, fsck_with};
use colophon_tlog::NoteSigner as _;

use super::{MANIFEST, digest, mixed, ms, nearby, open, record, row, signer, storage};
use crate::ledger_plot::{Line, Plot};

/// Records handed in at once while a log is built.
const HANDED_IN: u64 = 8_192;
/// Look-ups of each sort.
const LOOK_UPS: u64 = 2_000;

/// Look-ups, proofs, fsck and bytes while a log grows.
pub(super) fn sizes(most: u64, folder: &Path) -> Result<Vec<(&'static str, Plot)>> {
    let place = folder.join("sizes");
    let ledger = open(&place)?;
    let mut look_ups: [Line; 5] = [
        "by id of the mark",
        "by file hash",
        "by manifest id",
        "proof file",
        "by fingerprint",
    ]
    .map(Line::new);
    let mut checked = Line::new("fsck");
    let mut entered = Line::new("in groups of 1,024");
    let mut size = 0;
    let mut marks: Vec<u64> = std::iter::successors(Some(1_000), |n| Some(n * 10))
        .take_while(|n| *n < most)
        .collect();
    marks.push(most);
    for mark in marks {
        let start = Instant::now();
        let grown = mark - size;
        while size < mark {
            let until = mark.min(size + HANDED_IN);
            ledger.append_many((size..until).map(record).collect())?;
            size = until;
        }
        let rate = grown as f64 / start.elapsed().as_secs_f64();
        entered.points.push((size as f64, rate));
        row(
            &format!("{size} records: last {grown} entered, a second"),
            &format!("{rate:.0}"),
            "",
        );
        let bytes = bytes_below(&place)? as f64 / size as f64;
        row(
            &format!("{size} records: bytes each, with {MANIFEST} of manifest"),
            &format!("{bytes:.0}"),
            "",
        );
        for (line, time) in look_ups.iter_mut().zip(look_up(&ledger, size)?) {
            line.points.push((size as f64, time));
        }
        let start = Instant::now();
        let options = FsckOptions {
            storage_key: Some(storage()),
            ..FsckOptions::default()
        };
        let report = fsck_with(&place, signer()?.verifier_key(), &options)?;
        ensure!(report.is_sound(), "fsck: {:?}", report.problems.first());
        let seconds = start.elapsed().as_secs_f64() * 1e6 / size as f64;
        checked.points.push((size as f64, seconds));
        row(
            &format!("{size} records: fsck, seconds per million"),
            &format!("{seconds:.1}"),
            "",
        );
    }
    let plot = |title: &str, y_label: &str, lines: Vec<Line>| Plot {
        title: title.to_owned(),
        x_label: "records in the ledger".to_owned(),
        y_label: y_label.to_owned(),
        lines,
    };
    Ok(vec![
        (
            "ledger-look-ups.svg",
            plot(
                "Look-ups, warm, each proven against the signed tree",
                "milliseconds",
                look_ups.into(),
            ),
        ),
        (
            "ledger-appends.svg",
            plot(
                "Entering records, each durable before it is answered",
                "records a second since the point before",
                vec![entered],
            ),
        ),
        (
            "ledger-fsck.svg",
            plot(
                "Checking a whole ledger",
                "seconds per million records",
                vec![checked],
            ),
        ),
    ])
}

/// Mean milliseconds of each sort of look-up, of records all over the log, after one round to warm up.
fn look_up(ledger: &Ledger, size: u64) -> Result<[f64; 5]> {
    let numbers: Vec<u64> = (0..LOOK_UPS).map(|n| mixed(n) % size).collect();
    let found = |entries: Vec<Entry>| -> Result<()> {
        let entry = entries.first().context("an entry is not found")?;
        ensure!(entry.inclusion.is_ok(), "an entry is not proven");
        Ok(())
    };
    let timed = |sort: &dyn Fn(u64) -> Result<()>| -> Result<f64> {
        numbers.iter().try_for_each(|number| sort(*number))?;
        let start = Instant::now();
        numbers.iter().try_for_each(|number| sort(*number))?;
        Ok(ms(start) / numbers.len() as f64)
    };
    let shard = ledger.shards()?.first().context("no shard")?.name;
    let times = [
        timed(&|n| found(ledger.by_watermark_id(mixed(n))?))?,
        timed(&|n| found(ledger.by_asset_sha256(&digest("asset", n))?))?,
        timed(&|n| found(ledger.by_manifest_id(&format!("urn:c2pa:{n:036}"))?))?,
        timed(&|n| {
            ledger.prove(colophon_ledger::RecordId {
                shard,
                index: colophon_ledger::LeafIndex(n),
            })?;
            Ok(())
        })?,
        timed(&|n| {
            let near = nearby(digest("fingerprint", n), n);
            let hits = ledger.by_fingerprint(&near, MATCH_DISTANCE)?;
            found(hits.into_iter().map(|(entry, _)| entry).collect())
        })?,
    ];
    let names = [
        "by id of the mark",
        "by file hash",
        "by manifest id",
        "proof file",
        "by fingerprint",
    ];
    for ((name, time), goal) in names
        .iter()
        .zip(times)
        .zip(["0.1 ms", "0.1 ms", "0.1 ms", "0.1 ms", "1 ms"])
    {
        row(
            &format!("{size} records: look-up {name}, warm"),
            &format!("{time:.3} ms"),
            goal,
        );
    }
    Ok(times)
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for item in fs::read_dir(folder)? {
        let item = item?;
        let bytes = match item.metadata().map_err(anyhow::Error::from) {
            Ok(facts) if facts.is_dir() => bytes_below(&item.path()),
            facts => facts.map(|facts| facts.len()),
        };
        sum += match bytes {
            // The ledger removes partial tiles when full ones are durable.
            Err(error) if is_gone(&error) => 0,
            bytes => bytes?,
        };
    }
    Ok(sum)
}

fn is_gone(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}
