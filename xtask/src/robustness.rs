//! What the mark survives: exact recovery of the id under every attack of the table.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use colophon_watermark::{Detector, EmbedOptions, Embedder, Payload, WatermarkError, WatermarkKey};
use rayon::prelude::*;

use crate::attacks::ATTACKS;
use crate::pictures;

/// What became of one picture.
struct Outcome {
    psnr: f64,
    /// For each attack: the right id, no id (`false`), and whether a wrong one came out.
    read: Vec<(bool, bool)>,
    embed_ms: f64,
    detect_ms: Vec<f64>,
    unmarked_ms: f64,
    false_alarm: bool,
}

/// Prints the table for the pictures of a folder.
pub fn run(folder: &Path) -> Result<()> {
    let files = pictures::list(folder)?;
    let key = WatermarkKey::new([7; 32]);
    let (embedder, detector) = (Embedder::new(&key), Detector::new([&key]));
    let outcomes: Vec<Option<Outcome>> = files
        .par_iter()
        .enumerate()
        .map(|(number, path)| attack(path, number as u64, &embedder, &detector))
        .collect::<Result<_>>()?;
    let refused = outcomes.iter().filter(|o| o.is_none()).count();
    let marked: Vec<&Outcome> = outcomes.iter().flatten().collect();
    let mut psnr: Vec<f64> = marked.iter().map(|o| o.psnr).collect();
    psnr.sort_by(f64::total_cmp);
    println!(
        "{} pictures, {refused} refused (counted as misses)",
        files.len()
    );
    if let (Some(least), Some(median)) = (psnr.first(), psnr.get(psnr.len() / 2)) {
        println!("PSNR after rounding: least {least:.2} dB, median {median:.2} dB\n");
    }
    println!("| attack | exact id | 95 % interval |\n| --- | ---: | ---: |");
    for (number, attack) in ATTACKS.iter().enumerate() {
        let hits = marked.iter().filter(|o| o.read[number].0).count();
        let (low, high) = wilson(hits, files.len());
        println!(
            "| {} | {hits}/{} | {:.0} to {:.0} % |",
            attack.name,
            files.len(),
            100.0 * low,
            100.0 * high
        );
    }
    let wrong = marked.iter().flat_map(|o| &o.read).filter(|r| r.1).count();
    let alarms = marked.iter().filter(|o| o.false_alarm).count();
    println!("\nwrong ids: {wrong}; ids in unmarked pictures: {alarms}");
    println!(
        "median time (one core each): embed {:.0} ms, detect {:.0} ms, detect without a mark {:.0} ms",
        median(marked.iter().map(|o| o.embed_ms)),
        median(marked.iter().flat_map(|o| o.detect_ms.iter().copied())),
        median(marked.iter().map(|o| o.unmarked_ms)),
    );
    Ok(())
}

/// `None` when the picture leaves no room for a mark.
fn attack(
    path: &Path,
    number: u64,
    embedder: &Embedder,
    detector: &Detector,
) -> Result<Option<Outcome>> {
    let source = pictures::open(path)?;
    let luma = pictures::luma(&source)?;
    let start = Instant::now();
    let false_alarm = detector.detect(&luma).is_some();
    let unmarked_ms = start.elapsed().as_secs_f64() * 1e3;
    let payload = Payload(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let start = Instant::now();
    let mark = match embedder.mark(&luma, payload, &EmbedOptions::default()) {
        Err(WatermarkError::NoRoom { .. } | WatermarkError::TooSmall { .. }) => return Ok(None),
        other => other?,
    };
    let embed_ms = start.elapsed().as_secs_f64() * 1e3;
    let marked = pictures::with_mark(&source, &mark);
    let mut outcome = Outcome {
        psnr: pictures::psnr(&source, &marked),
        read: Vec::new(),
        embed_ms,
        detect_ms: Vec::new(),
        unmarked_ms,
        false_alarm,
    };
    for attack in ATTACKS {
        let luma = pictures::luma(&(attack.apply)(&marked)?)?;
        let start = Instant::now();
        let found = detector.detect(&luma).map(|d| d.payload);
        outcome.detect_ms.push(start.elapsed().as_secs_f64() * 1e3);
        outcome.read.push((
            found == Some(payload),
            found.is_some_and(|id| id != payload),
        ));
    }
    Ok(Some(outcome))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Wilson's score interval for a proportion (JASA 22, 1927), 95 %.
fn wilson(hits: usize, count: usize) -> (f64, f64) {
    let (n, z) = (count as f64, 1.96f64);
    let share = hits as f64 / n;
    let centre = share + z * z / (2.0 * n);
    let reach = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (
        ((centre - reach) / scale).max(0.0),
        ((centre + reach) / scale).min(1.0),
    )
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn wilson_reference_value() {
        // 9 of 10: 0.596 to 0.982 (Newcombe, Statistics in Medicine 17, 1998, method 3).
        let (low, high) = wilson(9, 10);
        assert!(
            (low - 0.5958).abs() < 1e-3 && (high - 0.9821).abs() < 1e-3,
            "{low} {high}"
        );
    }
}
