//! The ledger's long trials: simulated power failures by the hundred thousand, and processes really killed.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::bench;
use crate::kill_loop::KillLoop;

/// Simulated power failures are tried by a test of the ledger, which alone can put a simulated disk under it.
const TEST: &str = "simulation::crash::power_failures_lose_nothing_that_was_promised";
/// Seeds of different processes are this far apart.
const APART: u64 = 1 << 32;

/// Tries `points` power failures from `seed` on, on every core.
pub fn crash(points: u64, seed: u64) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let start = Instant::now();
    let shares: Vec<u64> = (0..cores)
        .map(|core| points / cores + u64::from(core < points % cores))
        .collect();
    let children = (0..)
        .zip(shares)
        .filter(|(_, share)| *share > 0)
        .map(|(core, share)| {
            Command::new(&cargo)
                .args([
                    "test",
                    "--release",
                    "--quiet",
                    "--package",
                    "colophon-ledger",
                    "--lib",
                    "--",
                ])
                .args(["--exact", TEST, "--nocapture"])
                .env("COLOPHON_CRASH_POINTS", share.to_string())
                .env("COLOPHON_CRASH_SEED", (seed + core * APART).to_string())
                .spawn()
                .context("cargo could not be started")
        });
    let children: Vec<_> = children.collect::<Result<_>>()?;
    let mut sound = true;
    for mut child in children {
        sound &= child.wait()?.success();
    }
    let seconds = start.elapsed().as_secs_f64();
    if !sound {
        bail!("a promise was broken: the seed above, alone: cargo xtask crash 8 SEED");
    }
    println!("{points} power failures in {seconds:.0} s, every promise kept");
    Ok(())
}

/// Kills processes that stamp pictures.
pub fn kill(binary: &Path, rounds: u64) -> Result<()> {
    let binary = binary
        .canonicalize()
        .with_context(|| binary.display().to_string())?;
    let folder = tempfile::tempdir()?;
    let small = image::load_from_memory(bench::PHOTOGRAPH)?.thumbnail(400, 400);
    small.save(folder.path().join("original.png"))?;
    let trial = KillLoop {
        binary: &binary,
        folder: folder.path(),
        original: "original.png",
        processes: 3,
        pictures: 4,
        seed: 7,
    };
    let start = Instant::now();
    let outcome = trial.run(rounds, |round, outcome| {
        if round % 10 == 0 {
            println!("{round} rounds: {outcome:?}");
        }
    });
    let outcome = outcome
        .map_err(|what| anyhow::anyhow!("{what}; the folder is lost, run again to see it"))?;
    println!(
        "{rounds} rounds in {:.0} s: {} processes killed in the middle, {} pictures all verified, {} records, fsck clean",
        start.elapsed().as_secs_f64(),
        outcome.killed,
        outcome.pictures,
        outcome.records
    );
    Ok(())
}
