//! Appends per second, durable, from many threads: `append_rate [DIR [RECORDS [THREADS [MANIFEST_BYTES]]]]`.
//!
//! Prints one line for single records from THREADS threads and one for groups of 64 from 8 threads.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use colophon_ledger::{Kind, Ledger, LedgerError, NewRecord};
use colophon_tlog::Ed25519Signer;
use sha2::{Digest, Sha256};

const ORIGIN: &str = "ledger.example.org/bench";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().map_or_else(
        || std::env::temp_dir().join("colophon-append-rate"),
        PathBuf::from,
    );
    let mut number = |default| {
        arguments
            .next()
            .map_or(Ok(default), |text| text.parse::<u64>())
    };
    let (records, threads, manifest_bytes) = (number(40_000)?, number(256)?, number(1_024)?);
    for (name, threads, group) in [("single", threads, 1), ("groups of 64", 8, 64)] {
        let folder = dir.join(name.replace(' ', "-"));
        let seconds = measure(&folder, records, threads, group, manifest_bytes as usize)?;
        let rate = records as f64 / seconds;
        writeln!(
            std::io::stdout(),
            "{name}, {threads} threads, {manifest_bytes}-byte manifests: {rate:.0} appends/s"
        )?;
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Seconds until all records are durable.
fn measure(
    dir: &Path,
    records: u64,
    threads: u64,
    group: u64,
    manifest: usize,
) -> Result<f64, LedgerError> {
    let signer = Ed25519Signer::from_seed(ORIGIN, &[1; 32])
        .map_err(|error| LedgerError::Database(error.to_string()))?;
    let ledger = Ledger::open(dir, ORIGIN, Box::new(signer))?;
    let start = Instant::now();
    let share = records / threads;
    thread::scope(|scope| {
        let work = |thread: u64| {
            let ledger = &ledger;
            move || -> Result<(), LedgerError> {
                for first in (0..share).step_by(group as usize) {
                    let range = first..(first + group).min(share);
                    ledger.append_many(
                        range
                            .map(|n| record(thread * share + n, manifest))
                            .collect(),
                    )?;
                }
                Ok(())
            }
        };
        let handles: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(work(thread)))
            .collect();
        handles
            .into_iter()
            .try_for_each(|handle| handle.join().unwrap_or(Err(LedgerError::ReadOnly)))
    })?;
    Ok(start.elapsed().as_secs_f64())
}

fn record(n: u64, manifest_bytes: usize) -> NewRecord {
    let hash: [u8; 32] = Sha256::digest(n.to_be_bytes()).into();
    let manifest = vec![n as u8; manifest_bytes];
    NewRecord {
        issued_at: 1_800_000_000,
        kind: Kind::Stamp,
        generator: None,
        source_type: "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
            .to_owned(),
        watermark_id: Some(n),
        fingerprint: Some(hash),
        sketch: None,
        asset_sha256: hash,
        manifest_sha256: Sha256::digest(&manifest).into(),
        manifest_id: format!("urn:c2pa:{n:032x}"),
        manifest,
        signer_key_id: [1; 32],
        policy_hash: [2; 32],
        width: 1024,
        height: 1024,
        title: None,
        prompt: None,
        unmarked_reason: None,
    }
}
