//! What the ledger does in a second and in how much time, over its size, beside the goals.
//!
//! Everything is durable: each append is answered after its `fsync`. What the disk alone does is measured beside it,
//! because no ledger can be quicker.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use colophon_fingerprint::{Fingerprint, MATCH_DISTANCE, MihIndex, linear_search};
use colophon_ledger::{
    Entry, FsckOptions, Kind, Ledger, LedgerOptions, NewRecord, StorageKey, fsck_with,
};
use colophon_tlog::{Ed25519Signer, NoteSigner as _};
use sha2::{Digest, Sha256};

use crate::ledger_plot::{Line, Plot};

const ORIGIN: &str = "example.org/bench";
/// Bytes of a manifest; those of a stamped picture are some 20 KB and would measure the disk instead.
const MANIFEST: usize = 1024;
/// Records handed in at once while a log is built.
const HANDED_IN: u64 = 8_192;
/// Look-ups of each sort.
const LOOK_UPS: u64 = 2_000;
const RUNS: usize = 3;

/// What is measured.
pub struct Options {
    /// Size of the largest log.
    records: u64,
    /// Size of the largest index of fingerprints.
    fingerprints: usize,
    /// Where logs are built; a folder in it is made and removed.
    dir: PathBuf,
    /// Where the curves go.
    plots: Option<PathBuf>,
    only: Option<String>,
}

impl Options {
    /// Reads the words of the command line.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            records: 1_000_000,
            fingerprints: 20_000_000,
            dir: std::env::temp_dir(),
            plots: None,
            only: None,
        };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let value = rest
                .next()
                .with_context(|| format!("{word} needs a value"))?;
            match *word {
                "--records" => options.records = value.parse().context("--records")?,
                "--fingerprints" => {
                    options.fingerprints = value.parse().context("--fingerprints")?;
                }
                "--dir" => options.dir = PathBuf::from(value),
                "--plots" => options.plots = Some(PathBuf::from(value)),
                "--only" => options.only = Some((*value).to_owned()),
                _ => bail!("no such option: {word}"),
            }
        }
        Ok(options)
    }
}

/// Prints every figure and writes the curves.
pub fn run(options: &Options) -> Result<()> {
    let folder = options
        .dir
        .join(format!("colophon-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let outcome = measure(options, &folder);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn measure(options: &Options, folder: &Path) -> Result<()> {
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    println!("load before: {}", load());
    println!("| what | figure | goal |\n| --- | ---: | ---: |");
    if wanted("appends") {
        syncs(folder)?;
        appends(folder)?;
        latency(folder)?;
    }
    let mut plots = Vec::new();
    if wanted("sizes") {
        plots.extend(sizes(options.records, folder)?);
    }
    if wanted("fingerprints") {
        plots.push(fingerprints(options.fingerprints)?);
    }
    println!("\nload after: {}", load());
    if let Some(to) = &options.plots {
        for (name, plot) in plots {
            fs::write(to.join(name), plot.svg())?;
        }
    }
    Ok(())
}

fn row(what: &str, figure: &str, goal: &str) {
    println!("| {what} | {figure} | {goal} |");
}

/// Processes that ran or waited for the processor in the last minute: figures of a busy machine are worth little.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let one = text.split(' ').next().unwrap_or("unknown").to_owned();
    format!("{one} on {cores} cores")
}

/// Milliseconds at a share of the sorted times.
fn quantile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let last = times.len().saturating_sub(1);
    times
        .get((last as f64 * share).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// One small write and its sync, and one megabyte: the disk's own speed.
fn syncs(folder: &Path) -> Result<()> {
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

fn signer() -> Result<Ed25519Signer> {
    Ok(Ed25519Signer::from_seed(ORIGIN, &[1; 32])?)
}

fn storage() -> StorageKey {
    StorageKey::new([2; 32])
}

fn open(folder: &Path) -> Result<Ledger> {
    let options = LedgerOptions {
        storage_key: Some(storage()),
        ..LedgerOptions::default()
    };
    let ledger = Ledger::open_with(folder, ORIGIN, Box::new(signer()?), options)?;
    Ok(ledger)
}

/// The best of some runs: what else runs on the machine only takes away. The logs stay until the end: without a journal,
/// ext4 passes over files just deleted, one by one, whenever it makes a new one.
fn appends(folder: &Path) -> Result<()> {
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
fn latency(folder: &Path) -> Result<()> {
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

/// Look-ups, proofs, fsck and bytes while a log grows.
fn sizes(most: u64, folder: &Path) -> Result<Vec<(&'static str, Plot)>> {
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
    let mut checked = Line::new("fsck, seconds per million");
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

/// The index of fingerprints alone: time, memory and recall.
fn fingerprints(most: usize) -> Result<(&'static str, Plot)> {
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

fn digest(label: &str, number: u64) -> [u8; 32] {
    Sha256::digest(format!("{label} {number}")).into()
}

/// A different number for each number, all over the range.
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

/// A random fingerprint for each number, quicker than a digest.
fn spread(number: u64) -> Fingerprint {
    let mut bytes = [0; 32];
    for (part, word) in bytes.chunks_exact_mut(8).zip(0..) {
        part.copy_from_slice(&mixed(mixed(number) ^ word).to_be_bytes());
    }
    Fingerprint(bytes)
}

/// The fingerprint with up to 31 bits changed.
fn nearby(mut fingerprint: [u8; 32], number: u64) -> [u8; 32] {
    for n in 0..number % 32 {
        let bit = mixed(number ^ (n << 40)) % 256;
        fingerprint[bit as usize / 8] ^= 1 << (bit % 8);
    }
    fingerprint
}

fn record(number: u64) -> NewRecord {
    let manifest = vec![number as u8; MANIFEST];
    NewRecord {
        issued_at: 1_790_000_000,
        kind: Kind::Stamp,
        generator: None,
        source_type: "trainedAlgorithmicMedia".into(),
        watermark_id: Some(mixed(number)),
        fingerprint: Some(digest("fingerprint", number)),
        sketch: None,
        asset_sha256: digest("asset", number),
        manifest_sha256: Sha256::digest(&manifest).into(),
        manifest_id: format!("urn:c2pa:{number:036}"),
        manifest,
        signer_key_id: [5; 32],
        policy_hash: [6; 32],
        width: 1024,
        height: 1024,
        requester: None,
        title: None,
        prompt: None,
        negative_prompt: None,
        prompt_salt: None,
        generation: None,
        unmarked_reason: None,
    }
}
