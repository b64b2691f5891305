//! Speed and memory, beside a JPEG decoder in the same process.

use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use colophon_ledger::{Kind, Ledger, NewRecord};
use colophon_provenance::{
    Destination, DigitalSourceType, Home, Issuer, StampRequest, Verifier, VerifierOptions,
};
use colophon_tlog::Ed25519Signer;
use colophon_watermark::{Detector, EmbedOptions, Embedder, Payload, Plane, WatermarkKey};
use image::RgbImage;
use image::imageops::{self, FilterType};
use jpeg_encoder::SamplingFactor;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::attacks::{codec, geometry};
use crate::pictures;

/// The photograph of the demo, CC0.
pub const PHOTOGRAPH: &[u8] = include_bytes!("../../crates/cli/assets/demo.jpg");

/// Prints every figure.
pub fn run() -> Result<()> {
    println!(
        "{} cores; median of the runs unless said otherwise\n",
        rayon::current_num_threads()
    );
    println!("| what | figure |\n| --- | ---: |");
    let photograph = image::load_from_memory(PHOTOGRAPH)?.into_rgb8();
    mark_speed(&photograph)?;
    let folder = tempfile::tempdir()?;
    whole_path(folder.path())?;
    ledger_rate(&folder.path().join("appends"))?;
    peak_memory(&photograph, folder.path())
}

fn row(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

/// Median milliseconds of `runs` calls after one to warm up.
fn median_ms(runs: usize, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    call()?;
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[runs / 2])
}

/// The mark alone, one core, 1024 x 768.
fn mark_speed(photograph: &RgbImage) -> Result<()> {
    let picture = imageops::resize(photograph, 1024, 768, FilterType::CatmullRom);
    let jpeg = encoded(&picture)?;
    let decode = median_ms(15, || {
        image::load_from_memory(&jpeg)?;
        Ok(())
    })?;
    let line = |what: &str, ms: f64| row(what, &format!("{ms:.1} ms ({:.1} x)", ms / decode));
    line("JPEG decode, 1024 x 768, one core", decode);
    let key = WatermarkKey::new([7; 32]);
    let (embedder, detector) = (Embedder::new(&key), Detector::new([&key]));
    let luma = pictures::luma(&picture)?;
    let options = EmbedOptions::default();
    let mark = embedder.mark(&luma, Payload(1), &options)?;
    let marked = pictures::with_mark(&picture, &mark);
    line(
        "mark",
        median_ms(9, || {
            embedder.mark(&luma, Payload(1), &options)?;
            Ok(())
        })?,
    );
    for (what, attacked) in received(&marked)? {
        let luma = pictures::luma(&attacked)?;
        let mut found = false;
        let ms = median_ms(9, || {
            found = detector.detect(&luma).is_some();
            Ok(())
        })?;
        let missed = if found { "" } else { " (not read)" };
        line(&format!("read, {what}{missed}"), ms);
    }
    for (what, width, height) in [
        ("", 1024, 768),
        (" 16:9", 1024, 576),
        (" square", 1024, 1024),
    ] {
        let luma = pictures::luma(&imageops::resize(
            photograph,
            width,
            height,
            FilterType::CatmullRom,
        ))?;
        let ms = median_ms(9, || match detector.detect(&luma) {
            Some(_) => bail!("a mark was read from an unmarked picture"),
            None => Ok(()),
        })?;
        line(&format!("look through an unmarked{what} picture"), ms);
    }
    Ok(())
}

/// The marked picture as it may come back, from the easiest to the hardest to find.
fn received(marked: &RgbImage) -> Result<[(&'static str, RgbImage); 6]> {
    Ok([
        ("undistorted", marked.clone()),
        ("JPEG 50", codec::jpeg(marked, 50)?),
        ("half size", geometry::scaled(marked, 0.5)),
        ("turned by 17 degrees", geometry::rotated(marked, 17.0)),
        ("half of the area", geometry::cropped(marked, 0.5, 1)),
        ("perspective of 5 %", geometry::perspective(marked, 0.05, 1)),
    ])
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| d.as_secs() as i64)
}

/// Stamping and verifying files of 1600 x 900, all cores.
fn whole_path(folder: &Path) -> Result<()> {
    const FILES: usize = 24;
    let home = Home::new(folder.join("home"));
    let issuer = Issuer::open(&home, None, now())?;
    let request = StampRequest::new(DigitalSourceType::TrainedAlgorithmicMedia, now());
    let path = |number: usize| folder.join(format!("{number}.jpg"));
    let start = Instant::now();
    (0..FILES)
        .into_par_iter()
        .try_for_each(|number| -> Result<()> {
            let destination = Destination {
                path: path(number),
                overwrite: false,
            };
            issuer.stamp(PHOTOGRAPH, &request, destination)?;
            Ok(())
        })?;
    row(
        "stamp, 1600 x 900 JPEG, all cores",
        &format!(
            "{:.1} a second",
            FILES as f64 / start.elapsed().as_secs_f64()
        ),
    );
    let verifier = Verifier::open(Some(&home), VerifierOptions::default())?;
    let files: Vec<Vec<u8>> = (0..FILES)
        .map(|n| Ok(std::fs::read(path(n))?))
        .collect::<Result<_>>()?;
    let single = median_ms(9, || {
        verifier.verify(&files[0], "0.jpg");
        Ok(())
    })?;
    let start = Instant::now();
    files
        .par_iter()
        .for_each(|bytes| drop(verifier.verify(bytes, "picture.jpg")));
    row(
        "verify, the same files, all cores",
        &format!(
            "{:.1} a second",
            FILES as f64 / start.elapsed().as_secs_f64()
        ),
    );
    row("verify, one file", &format!("{single:.0} ms"));
    let unmarked = median_ms(9, || {
        verifier.verify(PHOTOGRAPH, "photograph.jpg");
        Ok(())
    })?;
    row(
        "verify, one file with nothing to find",
        &format!("{unmarked:.0} ms"),
    );
    Ok(())
}

/// Durable appends in groups of 64 from eight threads, 1 KiB manifests.
fn ledger_rate(folder: &Path) -> Result<()> {
    const RECORDS: usize = 32_768;
    const GROUP: usize = 64;
    let signer = Ed25519Signer::from_seed("bench", &[1; 32])?;
    let ledger = Ledger::open(folder, "bench", Box::new(signer))?;
    let start = Instant::now();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build()?;
    pool.install(|| {
        (0..RECORDS / GROUP)
            .into_par_iter()
            .try_for_each(|group| -> Result<()> {
                let records = (0..GROUP)
                    .map(|i| record((group * GROUP + i) as u64))
                    .collect();
                ledger.append_many(records)?;
                Ok(())
            })
    })?;
    let rate = RECORDS as f64 / start.elapsed().as_secs_f64();
    row(
        "ledger appends, durable, groups of 64 from 8 threads",
        &format!("{rate:.0} a second"),
    );
    Ok(())
}

fn record(number: u64) -> NewRecord {
    let digest = |label: &str| -> [u8; 32] { Sha256::digest(format!("{label} {number}")).into() };
    let manifest = vec![number as u8; 1024];
    NewRecord {
        issued_at: 1_790_000_000,
        kind: Kind::Stamp,
        generator: None,
        source_type: "trainedAlgorithmicMedia".into(),
        watermark_id: Some(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        fingerprint: Some(digest("fingerprint")),
        sketch: None,
        asset_sha256: digest("asset"),
        manifest_sha256: Sha256::digest(&manifest).into(),
        manifest_id: format!("urn:c2pa:{number:036}"),
        manifest,
        signer_key_id: digest("signer"),
        policy_hash: digest("policy"),
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

/// Stamps and verifies 24 megapixels in a process of its own and reads that process's high-water mark.
fn peak_memory(photograph: &RgbImage, folder: &Path) -> Result<()> {
    let large = imageops::resize(photograph, 6000, 4000, FilterType::CatmullRom);
    let input = folder.join("large.jpg");
    std::fs::write(&input, encoded(&large)?)?;
    let output = Command::new(std::env::current_exe()?)
        .arg("stamp-once")
        .arg(&input)
        .arg(folder.join("large-home"))
        .output()?;
    if !output.status.success() {
        bail!(
            "the 24 megapixel run failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let alone = Command::new(std::env::current_exe()?)
        .arg("mark-once")
        .output()?;
    if !alone.status.success() {
        bail!(
            "the mark alone failed: {}",
            String::from_utf8_lossy(&alone.stderr)
        );
    }
    row(
        "mark and read 24 megapixels of luminance, peak",
        String::from_utf8_lossy(&alone.stdout).trim(),
    );
    row(
        "stamp then verify a 24 megapixel JPEG",
        String::from_utf8_lossy(&output.stdout).trim(),
    );
    Ok(())
}

/// The child of [`peak_memory`].
pub fn stamp_once(input: &Path, home: &Path) -> Result<()> {
    let bytes = std::fs::read(input)?;
    let home = Home::new(home);
    let issuer = Issuer::open(&home, None, now())?;
    let request = StampRequest::new(DigitalSourceType::TrainedAlgorithmicMedia, now());
    let destination = Destination {
        path: input.with_extension("out.jpg"),
        overwrite: false,
    };
    let start = Instant::now();
    issuer.stamp(&bytes, &request, destination.clone())?;
    let stamped = start.elapsed().as_secs_f64();
    let stamp_peak = high_water()?;
    let verifier = Verifier::open(Some(&home), VerifierOptions::default())?;
    let start = Instant::now();
    verifier.verify(&std::fs::read(&destination.path)?, "large.jpg");
    let verified = start.elapsed().as_secs_f64();
    println!(
        "{stamped:.1} s and {verified:.1} s, peak {stamp_peak} MB and {} MB",
        high_water()?
    );
    Ok(())
}

/// Peak resident memory of this process in megabytes.
/// Another child of [`peak_memory`]: the mark without files and pictures, in bytes a pixel, the plane
/// of luminance and that of the mark among them.
pub fn mark_once() -> Result<()> {
    const SIZE: (usize, usize) = (6000, 4000);
    let mut state = 1u32;
    let values = (0..SIZE.0 * SIZE.1).map(|i| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (60 + i % SIZE.0 / 50) as f32 + (state >> 27) as f32
    });
    let luma = Plane::new(SIZE.0, SIZE.1, values.collect())?;
    let key = WatermarkKey::new([7; 32]);
    let mark = Embedder::new(&key).mark(&luma, Payload(1), &EmbedOptions::default())?;
    let mut values = luma.into_data();
    for (y, d) in values.iter_mut().zip(mark.delta.data()) {
        *y = (*y + d).round();
    }
    let found = Detector::new([&key]).detect(&Plane::new(SIZE.0, SIZE.1, values)?);
    found.context("24 megapixels were not read")?;
    let each = high_water()? as f64 * 1e6 / (SIZE.0 * SIZE.1) as f64;
    println!("{each:.1} bytes a pixel, all told");
    Ok(())
}

/// Most memory that this process had so far, MB.
pub fn high_water() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .context("peak memory is read from /proc, on Linux")?;
    let line = status
        .lines()
        .find(|l| l.starts_with("VmHWM:"))
        .context("no VmHWM in /proc/self/status")?;
    let kilobytes: u64 = line
        .split_whitespace()
        .nth(1)
        .context("VmHWM has no value")?
        .parse()?;
    Ok(kilobytes / 1000)
}

/// A camera-like JPEG.
fn encoded(picture: &RgbImage) -> Result<Vec<u8>> {
    pictures::jpeg_bytes(picture, 92, SamplingFactor::F_1_1)
}
