//! Developer tasks. `cargo xtask` without arguments lists them.

mod attacks;
mod bench;
mod bench_bulk;
mod bench_serve;
mod chart;
mod code_limit;
mod false_positives;
mod families;
mod generation;
mod heat_map;
mod issued_search;
#[path = "../../tests/support/kill_loop.rs"]
mod kill_loop;
mod ledger_bench;
mod ledger_plot;
mod ledger_trials;
mod metrics;
mod negatives;
mod pictures;
mod pixel_marks;
mod received;
mod robustness;
mod security;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
cargo xtask test [ARGS]             every test of the workspace, in release mode
cargo xtask bench                   speed and peak memory of mark, issuer, verifier, ledger
cargo xtask bench-bulk DIR [N]       runs over N and 4 N pictures made from the photographs of a folder (default 200)
cargo xtask bench-serve BINARY DIR  the service under load and under attack, beside the command line over the same pictures
    --pictures N       made from the photographs of the folder (default 200)
    --minutes N        at 70 % of the capacity, and again at all of it (default 1)
    --only PART        speed, load, faults or restart
cargo xtask robustness --photos DIR what the mark survives, over the pictures of a folder
    --size PX          long side to which every picture is brought first
    --strength LEVEL   subtle, standard or strong
    --only PART        attacks whose group and name contain it
    --limit N          the first N pictures
    --marked-only      do not look for false alarms in unmarked pictures
    --plot FOLDER      curves over quality, angle, scale and area
    --json FILE, --markdown FILE
    --autoencoder PATH round trips through a learned autoencoder; PATH_encoder.pth and PATH_decoder.pth are two
                       checkpoints of https://github.com/madebyollin/taesd, as in taesd/taef2;
                       needs python3 with numpy, onnx and onnxruntime
    --issued N         look up marks too weak to be read among N other issued ids
    --peers            other watermarks beside ours; 8 pictures of 768 pixels unless said otherwise
cargo xtask security --photos DIR [--limit N]
                                    what averaging, notching, collusion, copying and second marks achieve
cargo xtask false-positives DIR     hard unmarked pictures: ids read, null distribution of the detector
    --pictures N       drawn pictures and mistreated photographs of the folder (default 1000)
    --trials N         random sign patterns for each pose (default 100000)
    --peers            besides, the photographs marked by other watermarks
cargo xtask heat-map DIR [N]        how well the heat map finds edits, in the first N pictures (default 40)
cargo xtask code-limit [--plot SVG] word error rate of the mark's code beside the best possible
cargo xtask contact-sheet FILE [PROMPTS]
                                    pictures of the embedded model for 48 prompts, or those of a file, as one
cargo xtask draw PROMPTS FOLDER     one picture of the embedded model a line, for crates/diffusion/training/judge.py
cargo xtask bench-diffusion         the embedded model beside PyTorch; COLOPHON_PYTHON with torch and safetensors
    --families         small models of the families instead; COLOPHON_PYTHON with torch, diffusers and transformers
    --full DIR         Qwen-Image in full size on an NVIDIA device (`--features cuda`), with 45 GB in DIR
cargo xtask pixel-marks DIR...      marks of other generators in the pixels of unmarked pictures
cargo xtask bench-ledger            appends, latency, look-ups, fsck and search over the size of the ledger
    --records N        records in the largest log (default 1000000)
    --fingerprints N   fingerprints in the largest index (default 20000000; needs 3 GB)
    --only PART        appends, sizes or fingerprints
    --dir FOLDER       where the logs are built (default: the system's folder for temporary files)
    --plots FOLDER     curves over the size
cargo xtask crash N [SEED]          N simulated power failures of the ledger (docs/durability.md)
cargo xtask kill BINARY ROUNDS      kills processes of the binary that issue pictures, and looks at what is left
cargo xtask issued-search [N]       exact search among N issued ids (default 1000000; 100000000 needs 4 GB)
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test", rest @ ..] => test(rest),
        ["bench"] => bench::run(),
        ["bench-bulk", photos] => bench_bulk::run(Path::new(photos), 200),
        ["bench-bulk", photos, count] => {
            bench_bulk::run(Path::new(photos), bench_bulk::count(count)?)
        }
        ["bench-serve", words @ ..] => bench_serve::run(&bench_serve::Options::parse(words)?),
        ["stamp-once", input, home] => bench::stamp_once(Path::new(input), Path::new(home)),
        ["mark-once"] => bench::mark_once(),
        ["code-limit"] => code_limit::run(None),
        ["code-limit", "--plot", file] => code_limit::run(Some(Path::new(file))),
        ["issued-search"] => {
            issued_search::run(1_000_000);
            Ok(())
        }
        ["issued-search", count] => {
            issued_search::run(count.parse().context("N is a whole number")?);
            Ok(())
        }
        ["bench-ledger", words @ ..] => ledger_bench::run(&ledger_bench::Options::parse(words)?),
        ["crash", points] => {
            ledger_trials::crash(points.parse().context("N is a whole number")?, 1)
        }
        ["crash", points, seed] => ledger_trials::crash(
            points.parse().context("N is a whole number")?,
            seed.parse().context("SEED is a whole number")?,
        ),
        ["kill", binary, rounds] => ledger_trials::kill(
            Path::new(binary),
            rounds.parse().context("ROUNDS is a whole number")?,
        ),
        ["robustness", words @ ..] => robustness::run(&robustness::Options::parse(words)?),
        ["security", words @ ..] => security::run(&security::Options::parse(words)?),
        ["false-positives", words @ ..] => {
            false_positives::run(&false_positives::Options::parse(words)?)
        }
        ["pixel-marks", folders @ ..] if !folders.is_empty() => pixel_marks::run(folders),
        ["heat-map", folder] => heat_map::run(Path::new(folder), 40),
        ["heat-map", folder, count] => heat_map::run(
            Path::new(folder),
            count.parse().context("N is a whole number")?,
        ),
        ["contact-sheet", out] => generation::contact_sheet(Path::new(out), None),
        ["contact-sheet", out, prompts] => {
            generation::contact_sheet(Path::new(out), Some(Path::new(prompts)))
        }
        ["draw", prompts, folder] => generation::draw_all(Path::new(prompts), Path::new(folder)),
        ["bench-diffusion"] => generation::bench(),
        ["bench-diffusion", "--families"] => families::bench(),
        ["bench-diffusion", "--full", folder] => families::bench_full(Path::new(folder)),
        _ => bail!("no such task\n{USAGE}"),
    }
}

fn test(rest: &[&str]) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--workspace", "--release"])
        .args(rest)
        .status()
        .context("cargo could not be started")?;
    if !status.success() {
        bail!("tests failed");
    }
    Ok(())
}
