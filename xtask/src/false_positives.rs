//! The detector's null distribution beside its proven bound.

use std::path::Path;

use anyhow::Result;
use colophon_watermark::{Detector, WatermarkKey};
use rayon::prelude::*;

use crate::pictures;

/// Correlates unmarked pictures with random sign patterns and prints how often each level is reached.
pub fn run(folder: &Path, trials: usize) -> Result<()> {
    let files = pictures::list(folder)?;
    let detector = Detector::new([&WatermarkKey::new([7; 32])]);
    let counts: Vec<Vec<u64>> = files
        .par_iter()
        .enumerate()
        .map(|(number, path)| {
            let luma = pictures::luma(&pictures::open(path)?)?;
            Ok(detector.null_exceedances(&luma, trials, number as u64 + 1))
        })
        .collect::<Result<_>>()?;
    let levels = counts.iter().map(Vec::len).max().unwrap_or(0);
    let total = |level: usize| -> u64 { counts.iter().filter_map(|c| c.get(level)).sum() };
    // Half of all trials are negative, so the number of trials is twice the count at zero.
    let all = 2.0 * total(0) as f64;
    println!("{} unmarked pictures, {all:.2e} trials\n", files.len());
    println!("| z | measured P(Z >= z) | bound exp(-z²/2) |\n| ---: | ---: | ---: |");
    for level in (2..levels).take_while(|&level| level < 16 || total(level) > 0) {
        let z = level as f64 / 2.0;
        println!(
            "| {z:.1} | {:.2e} | {:.2e} |",
            total(level) as f64 / all,
            (-z * z / 2.0).exp()
        );
    }
    Ok(())
}
