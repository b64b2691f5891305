//! What attackers achieve who have many marked pictures, several copies of one, the source code, a
//! marked picture and another one, or a key of their own.

mod averaging;
mod collusion;
mod marking_again;
mod pattern;
mod removal;
mod transplant;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use colophon_watermark::{
    Detection, Detector, EmbedOptions, Embedder, Payload, WatermarkError, WatermarkKey,
};
use image::RgbImage;
use rayon::prelude::*;

use crate::attacks::geometry;
use crate::pictures;
use crate::robustness::{Proportion, Sorted};

/// Long side, in pixels, of the pictures of all attacks but averaging.
const LONG_SIDE: u32 = 1024;
/// Grey levels beyond which what sticks out of the local mean is taken for an edge, not for mark.
const EDGE: f32 = 6.0;

/// What to measure.
#[derive(Debug, Default)]
pub struct Options {
    photos: PathBuf,
    limit: Option<usize>,
}

impl Options {
    /// Reads `--photos DIR` and `--limit N`.
    ///
    /// # Errors
    /// Anything else, or no folder.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        for pair in words.chunks(2) {
            match *pair {
                ["--photos", folder] => options.photos = folder.into(),
                ["--limit", count] => {
                    options.limit = Some(count.parse().context("--limit is a whole number")?);
                }
                _ => bail!("security takes --photos DIR and --limit N"),
            }
        }
        if options.photos.as_os_str().is_empty() {
            bail!("--photos DIR is needed");
        }
        Ok(options)
    }
}

/// Measures every attack over the pictures of a folder and prints tables in Markdown.
///
/// # Errors
/// A folder or picture that cannot be read.
pub fn run(options: &Options) -> Result<()> {
    let mut files = pictures::list(&options.photos)?;
    files.truncate(options.limit.unwrap_or(files.len()));
    let photographs: Vec<RgbImage> = files
        .par_iter()
        .map(|path| pictures::open(path))
        .collect::<Result<_>>()?;
    let issuer = Issuer::new(1);
    averaging::run(&issuer, &photographs)?;
    let photographs: Vec<RgbImage> = photographs
        .par_iter()
        .map(|photograph| geometry::at_most(photograph, LONG_SIDE))
        .collect();
    removal::run(&issuer, &photographs)?;
    collusion::run(&issuer, &photographs)?;
    transplant::run(&issuer, &photographs)?;
    marking_again::run(&issuer, &photographs)
}

/// One key, writing and reading.
struct Issuer {
    embedder: Embedder,
    detector: Detector,
}

impl Issuer {
    fn new(seed: u8) -> Self {
        let key = WatermarkKey::new([seed; 32]);
        Self {
            embedder: Embedder::new(&key),
            detector: Detector::new([&key]),
        }
    }

    /// The picture with the mark of an id; none if it leaves no room for one.
    fn marked(&self, picture: &RgbImage, id: Payload) -> Result<Option<RgbImage>> {
        let luma = pictures::luma(picture)?;
        match self.embedder.mark(&luma, id, &EmbedOptions::default()) {
            Err(WatermarkError::NoRoom { .. } | WatermarkError::TooSmall { .. }) => Ok(None),
            mark => Ok(Some(pictures::with_mark(picture, &mark?))),
        }
    }

    fn read(&self, picture: &RgbImage) -> Result<Option<Detection>> {
        Ok(self.detector.detect(&pictures::luma(picture)?))
    }
}

/// Whose id was read from an attacked picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Nothing,
    Expected,
    Wrong,
}

impl Read {
    fn of(found: Option<&Detection>, expected: &[Payload]) -> Self {
        match found {
            None => Self::Nothing,
            Some(found) if expected.contains(&found.payload) => Self::Expected,
            Some(_) => Self::Wrong,
        }
    }
}

/// What an attacker takes for mark: luminance less its local mean, without edges.
fn residual(picture: &RgbImage) -> Result<Vec<f32>> {
    let luma = pictures::luma(picture)?;
    let mean = box_mean(luma.data(), luma.width(), 2);
    let values = luma.data().iter().zip(mean);
    Ok(values
        .map(|(value, mean)| (value - mean).clamp(-EDGE, EDGE))
        .collect())
}

/// Mean over a square of side `2 * radius + 1`, of its part inside the picture.
fn box_mean(values: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let along = |values: &[f32], length: usize, step: usize, start: usize, out: &mut [f32]| {
        let mut sum: f32 = (0..radius.min(length))
            .map(|i| values[start + i * step])
            .sum();
        for i in 0..length {
            if i + radius < length {
                sum += values[start + (i + radius) * step];
            }
            if let Some(left) = i.checked_sub(radius + 1) {
                sum -= values[start + left * step];
            }
            let count = (i + radius).min(length - 1) + 1 - i.saturating_sub(radius);
            out[start + i * step] = sum / count as f32;
        }
    };
    let height = values.len() / width;
    let mut rows = vec![0.0; values.len()];
    (0..height).for_each(|y| along(values, width, 1, y * width, &mut rows));
    let mut mean = vec![0.0; values.len()];
    (0..width).for_each(|x| along(&rows, height, width, x, &mut mean));
    mean
}

/// `hits/count (low to high %)`, Wilson's interval.
fn share(trials: impl Iterator<Item = bool>) -> String {
    let proportion = Proportion::of(trials);
    let Proportion { hits, count } = proportion;
    if count == 0 {
        return "-".into();
    }
    let (low, high) = proportion.interval();
    format!(
        "{hits}/{count} ({:.0} to {:.0} %)",
        100.0 * low,
        100.0 * high
    )
}

/// Median of the values that are numbers.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    values.filter(|v| !v.is_nan()).collect::<Sorted>().median()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_mean_counts_what_lies_inside() {
        let ramp: Vec<f32> = (0..35).map(|i| (i % 7) as f32).collect();
        let mean = box_mean(&ramp, 7, 2);
        assert!((mean[17] - 3.0).abs() < 1e-5, "the middle: {}", mean[17]);
        assert!((mean[0] - 1.0).abs() < 1e-5, "the corner: {}", mean[0]);
        assert!((mean[34] - 5.0).abs() < 1e-5, "the other: {}", mean[34]);
    }

    #[test]
    fn words_become_options() {
        let options = Options::parse(&["--photos", "p", "--limit", "3"]).unwrap();
        assert_eq!((options.photos, options.limit), ("p".into(), Some(3)));
        for words in [&["--limit", "3"][..], &["--photos"], &["--limit", "x"]] {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
    }
}
