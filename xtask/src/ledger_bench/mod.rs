//! What the ledger does in a second and in how much time, over its size, beside the goals.
//!
//! Everything is durable: each append is answered after its `fsync`. What the disk alone does is measured beside it,
//! because no ledger can be quicker.

mod fingerprints;
mod sizes;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use colophon_ledger::{Kind, Ledger, LedgerOptions, NewRecord, StorageKey};
use colophon_tlog::Ed25519Signer;
use sha2::{Digest, Sha256};

const ORIGIN: &str = "example.org/bench";
/// Bytes of a manifest; those of a stamped picture are some 20 KB and would measure the disk instead.
const MANIFEST: usize = 1024;

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
        writing::syncs(folder)?;
        writing::appends(folder)?;
        writing::latency(folder)?;
    }
    let mut plots = Vec::new();
    if wanted("sizes") {
        plots.extend(sizes::sizes(options.records, folder)?);
    }
    if wanted("fingerprints") {
        plots.push(fingerprints::fingerprints(options.fingerprints)?);
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

fn digest(label: &str, number: u64) -> [u8; 32] {
    Sha256::digest(format!("{label} {number}")).into()
}

/// A different number for each number, all over the range.
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
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
