//! The service under load, beside the command line's run over the same pictures on the same cores.

mod client;
mod faults;
mod load;
mod running;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::bench_bulk;
use load::{Outcome, closed, open};
use running::Running;

/// The service may be this much slower than the command line.
const GOAL_RATIO: f64 = 1.15;
/// Memory may grow by this much while the same is done again and again.
const GOAL_GROWTH: f64 = 1.1;
/// Share of the capacity at which latency is told, and for how long at most.
const SHARE: f64 = 0.7;
const CALM: Duration = Duration::from_mins(1);

/// What is asked for.
pub struct Options {
    binary: PathBuf,
    photos: PathBuf,
    pictures: usize,
    minutes: u64,
    only: Option<String>,
}

impl Options {
    /// Out of the words after the task's name.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let [binary, photos, rest @ ..] = words else {
            bail!("bench-serve BINARY DIR: the program, and a folder with photographs");
        };
        let mut options = Self {
            binary: Path::new(binary).canonicalize().context("the binary")?,
            photos: photos.into(),
            pictures: 200,
            minutes: 1,
            only: None,
        };
        for pair in rest.chunks(2) {
            match pair {
                ["--pictures", count] => options.pictures = count.parse()?,
                ["--minutes", count] => options.minutes = count.parse()?,
                ["--only", part] => options.only = Some((*part).to_owned()),
                _ => bail!("unknown option {}", pair[0]),
            }
        }
        ensure!(
            options.pictures > 0 && options.minutes > 0,
            "at least one of each"
        );
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

/// Measures, and says where a goal is missed.
pub fn run(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures)?;
    let files = bench_bulk::generate(&options.photos, &pictures, options.pictures)?;
    let read = files.iter().map(std::fs::read);
    let bodies: Vec<Vec<u8>> = read.collect::<Result<_, _>>()?;
    let home = folder.path().join("home");
    let cores = std::thread::available_parallelism()?.get();
    println!(
        "{cores} cores, {} pictures; load of the machine before: {}",
        bodies.len(),
        busy()
    );
    println!("\n| what | found | goal |\n| --- | --- | --- |");
    let running = Running::start(&options.binary, &home, &[])?;
    let mut missed = Vec::new();
    let capacity = if options.wants("speed") {
        speed(options, &running, &home, &pictures, &bodies, &mut missed)?
    } else {
        closed(running.address, 2 * cores, &bodies, "").rate()
    };
    if options.wants("load") {
        loads(options, &running, &bodies, capacity, &mut missed)?;
    }
    if options.wants("faults") {
        hostile(&running, &bodies[0], &mut missed)?;
    }
    let took = running.stop()?;
    println!("| stopping | {:.1} s | 20 s |", took.as_secs_f64());
    if options.wants("restart") {
        restarts(options, &home, &bodies[0], &mut missed)?;
    }
    if missed.is_empty() {
        return Ok(());
    }
    bail!("missed: {}", missed.join(", "))
}

/// What else the machine does: processes that want a processor, over the last minute.
fn busy() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Both ways in turn, so that whatever else the machine does meets both; medians of three.
fn speed(
    options: &Options,
    running: &Running,
    home: &Path,
    pictures: &Path,
    bodies: &[Vec<u8>],
    missed: &mut Vec<&'static str>,
) -> Result<f64> {
    let clients = 2 * std::thread::available_parallelism()?.get();
    closed(running.address, clients, &bodies[..bodies.len().min(8)], "");
    let (mut bulk, mut served) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        bulk.push(bodies.len() as f64 / of_command(&options.binary, home, pictures)?);
        let outcome = closed(running.address, clients, bodies, "");
        ensure!(
            outcome.good() == bodies.len(),
            "not all were checked: {}",
            outcome.told()
        );
        served.push(outcome.rate());
    }
    let (bulk, served) = (median(bulk), median(served));
    println!("| command line, `verify --jsonl` | {bulk:.1} pictures/s | |");
    println!("| service, `POST /v1/verify` | {served:.1} pictures/s | |");
    let ratio = bulk / served;
    println!("| command line / service | {ratio:.2} | {GOAL_RATIO} |");
    if ratio > GOAL_RATIO {
        missed.push("speed");
    }
    Ok(served)
}

fn of_command(binary: &Path, home: &Path, pictures: &Path) -> Result<f64> {
    let begun = Instant::now();
    let status = Command::new(binary)
        .arg("--home")
        .arg(home)
        .arg("verify")
        .arg(pictures)
        .args(["--jsonl", "-", "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    // Whatever was found, or not.
    ensure!(
        status.code() != Some(2),
        "the run over the pictures failed: {status}"
    );
    Ok(begun.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn loads(
    options: &Options,
    running: &Running,
    bodies: &[Vec<u8>],
    capacity: f64,
    missed: &mut Vec<&'static str>,
) -> Result<()> {
    let time = Duration::from_mins(options.minutes);
    let at = |rate: f64, clients: usize, time: Duration| -> Outcome {
        open(running.address, clients, bodies, rate, time, "")
    };
    let calm = at(capacity * SHARE, 64, time.min(CALM));
    println!(
        "| at {:.0} % of that: p50, p99 | {:.0} ms, {:.0} ms ({}) | all 200 |",
        SHARE * 100.0,
        calm.within(0.5),
        calm.within(0.99),
        calm.told()
    );
    if calm.statuses.keys().any(|status| *status != 200) {
        missed.push("answers at 70 %");
    }
    let before = running.memory()?;
    let clients = 2 * std::thread::available_parallelism()?.get();
    let end = Instant::now() + time;
    let mut rounds = 0;
    while Instant::now() < end {
        closed(running.address, clients, bodies, "");
        rounds += 1;
    }
    let growth = running.memory()? as f64 / before as f64;
    println!(
        "| memory over {} minutes of full load, {} checks | {:.0} MiB, x {growth:.2} | x {GOAL_GROWTH} |",
        options.minutes,
        rounds * bodies.len(),
        running.memory()? as f64 / 1_024.0
    );
    if growth > GOAL_GROWTH {
        missed.push("memory");
    }
    // More clients than the queue holds, or waiting clients would offer no more than is taken.
    let twice = at(capacity * 2.0, 200, Duration::from_secs(20));
    println!(
        "| twice the capacity offered | {} | only 200, 429, 503 |",
        twice.told()
    );
    if twice
        .statuses
        .keys()
        .any(|status| ![200, 429, 503].contains(status))
    {
        missed.push("statuses at twice the capacity");
    }
    Ok(())
}

fn hostile(running: &Running, picture: &[u8], missed: &mut Vec<&'static str>) -> Result<()> {
    let ms = faults::slow_heads(running.address)?;
    println!("| an answer beside 200 heads that never end | {ms:.1} ms | 1,000 ms |");
    if ms > 1_000.0 {
        missed.push("slow heads");
    }
    let begun = Instant::now();
    let (status, taken) = faults::huge_bodies(running.address)?;
    println!(
        "| ten gigabytes announced; a body without end | {status}; cut off after {} MiB, {:.1} s | 413; 512 MiB |",
        taken >> 20,
        begun.elapsed().as_secs_f64()
    );
    if status != 413 || taken > 512 << 20 {
        missed.push("huge bodies");
    }
    let before = running.memory()?;
    faults::aborted(running.address, picture)?;
    std::thread::sleep(Duration::from_secs(1));
    let growth = running.memory()? as f64 / before as f64;
    println!("| memory after 300 uploads that broke off | x {growth:.2} | x {GOAL_GROWTH} |");
    if growth > GOAL_GROWTH {
        missed.push("aborted uploads");
    }
    Ok(())
}

fn restarts(
    options: &Options,
    home: &Path,
    picture: &[u8],
    missed: &mut Vec<&'static str>,
) -> Result<()> {
    let done = faults::restarts(&options.binary, home, picture, 4)?;
    println!(
        "| {} pictures issued over 4 restarts, {} requests | {} records, {} told | as many as pictures |",
        done.asked, done.sent, done.records, done.told
    );
    if done.records != done.asked as u64 || done.told != done.asked {
        missed.push("issued once");
    }
    Ok(())
}
