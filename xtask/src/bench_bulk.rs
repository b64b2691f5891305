//! A run over many pictures: what the whole of it costs beside decoding and looking for the mark, and whether memory
//! grows with the number of pictures.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use colophon_batch::{Checker, Inputs, Options, Outputs, Target, Trouble};
use colophon_imaging::{Limits, decode};
use colophon_provenance::{Home, InitOptions, Report, ReportError, Verifier, VerifierOptions};
use colophon_watermark::{Detector, Plane, WatermarkKey};
use image::imageops::{self, FilterType};
use jpeg_encoder::SamplingFactor;

use crate::pictures;

/// Long side of every picture, pixels.
const LONG_SIDE: u32 = 1024;
/// Largest time of the whole beside decoding and looking for the mark alone.
const GOAL_RATIO: f64 = 1.3;
/// Pictures a second on two cores.
const GOAL_RATE: f64 = 40.0;

struct Here<'a>(&'a Verifier);

impl Checker for Here<'_> {
    fn limits(&self) -> &Limits {
        self.0.limits()
    }

    fn check(&self, bytes: &[u8], name: &str) -> Report {
        self.0.verify(bytes, name)
    }

    fn failed(&self, trouble: Trouble, name: &str) -> Report {
        let error = match trouble {
            Trouble::Unreadable(error) => ReportError::from(&error),
            Trouble::GaveUp => ReportError::new("crashed", "the check broke off".to_owned()),
        };
        self.0.unchecked(&[], error, name)
    }
}

/// Measures over `count` pictures made from the photographs of `photos`, and four times as many for the memory.
pub fn run(photos: &Path, count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = generate(photos, folder.path(), count * 4)?;
    let home = Home::new(folder.path().join("home"));
    home.init(InitOptions::new(now()))?;
    let verifier = Verifier::open(Some(&home), VerifierOptions::default())?;
    let jobs = std::thread::available_parallelism()?.get();
    println!("{jobs} cores, JPEG with a long side of {LONG_SIDE} pixels, no marks in them\n");
    println!("| what | pictures | a second | peak memory |\n| --- | ---: | ---: | ---: |");
    // Alternating, so that whatever else the machine does meets both.
    let (mut alone, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        alone.push(detect_alone(&files[..count], jobs)?);
        whole.push(verify(&files[..count], &verifier, jobs, folder.path())?);
    }
    let (alone, whole) = (best(alone), best(whole));
    line("decode and look for the mark", count, alone)?;
    line("verify, all readers, three outputs", count, whole)?;
    let more = verify(&files, &verifier, jobs, folder.path())?;
    line("the same, four times as many", files.len(), more)?;
    println!(
        "\n{:.2} x the time of decoding and looking for the mark (goal {GOAL_RATIO}); goal {GOAL_RATE} a second on two cores",
        alone / whole
    );
    Ok(())
}

fn best(rates: Vec<f64>) -> f64 {
    rates.into_iter().fold(0.0, f64::max)
}

fn line(what: &str, count: usize, rate: f64) -> Result<()> {
    println!(
        "| {what} | {count} | {rate:.1} | {} MB |",
        crate::bench::high_water()?
    );
    Ok(())
}

/// Different files of the same look: a comment in each makes its bytes its own.
pub fn generate(photos: &Path, folder: &Path, count: usize) -> Result<Vec<PathBuf>> {
    let mut kinds = Vec::new();
    for path in pictures::list(photos)? {
        let picture = pictures::open(&path)?;
        let scale = f64::from(LONG_SIDE) / f64::from(picture.width().max(picture.height()));
        let side = |side: u32| (f64::from(side) * scale).round() as u32;
        let (width, height) = (side(picture.width()), side(picture.height()));
        let small = imageops::resize(&picture, width, height, FilterType::CatmullRom);
        kinds.push(pictures::jpeg_bytes(&small, 88, SamplingFactor::F_2_2)?);
    }
    (0..count)
        .map(|number| {
            let jpeg = &kinds[number % kinds.len()];
            let comment = format!("{number:08}");
            let path = folder.join(format!("{number:08}.jpg"));
            let bytes = [
                &jpeg[..2],
                b"\xff\xfe\0\x0a",
                comment.as_bytes(),
                &jpeg[2..],
            ]
            .concat();
            std::fs::write(&path, bytes)?;
            Ok(path)
        })
        .collect()
}

/// Files a second when they are only decoded and looked through.
fn detect_alone(files: &[PathBuf], jobs: usize) -> Result<f64> {
    let detector = Detector::new([&WatermarkKey::new([7; 32])]);
    let limits = Limits::default();
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let work = || -> Result<()> {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let picture = decode(&std::fs::read(path)?, &limits)?;
            let (width, height) = (picture.width() as usize, picture.height() as usize);
            let luma = Plane::new(width, height, picture.luma())?;
            ensure!(
                detector.detect(&luma).is_none(),
                "a mark was read from an unmarked picture"
            );
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| match worker.join() {
                Ok(result) => result,
                Err(_) => bail!("a worker panicked"),
            })
    })?;
    Ok(files.len() as f64 / start.elapsed().as_secs_f64())
}

/// Files a second through the whole run.
fn verify(files: &[PathBuf], verifier: &Verifier, jobs: usize, folder: &Path) -> Result<f64> {
    let target = |name: &str| Some(Target::File(folder.join(name)));
    let outputs = Outputs {
        jsonl: target("out.jsonl"),
        csv: target("out.csv"),
        parquet: target("out.parquet"),
    };
    let options = Options {
        jobs,
        other_files: false,
        resume: false,
        overwrite: true,
        settings: String::new(),
        stop: &|| false,
    };
    let summary = colophon_batch::run(
        &Inputs::new(files)?,
        &Here(verifier),
        &outputs,
        &options,
        |_| {},
    )?;
    ensure!(summary.rows == files.len() as u64, "every file has a row");
    ensure!(summary.duplicates == 0, "every file was checked");
    Ok(summary.rate())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// `N` of the command line.
pub fn count(text: &str) -> Result<usize> {
    text.parse().context("N is a whole number")
}
