//! Marks pictures, attacks them, reads them back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use image::RgbImage;
use rayon::prelude::*;

use super::options::Options;
use super::ours::{self, Ours};
use super::statistics::Proportion;
use crate::attacks::{Attack, geometry};
use crate::metrics::Quality;
use crate::pictures;

/// What became of one picture.
pub struct Outcome {
    /// The marked picture against the original.
    pub quality: Quality,
    /// Milliseconds to make the mark.
    pub embed_ms: f64,
    /// One for each attack.
    pub readings: Vec<Reading>,
}

/// What was read after one attack.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Whether it was the id that was written.
    pub right: bool,
    /// Whether it was another id.
    pub wrong: bool,
    /// Milliseconds that the detector took.
    pub ms: f64,
    /// Whether an id was read from the unmarked picture after the same attack, and the
    /// milliseconds; `None` where that was not tried.
    pub unmarked: Option<(bool, f64)>,
}

/// The pictures of the run: opened, brought to size.
pub fn load(options: &Options) -> Result<Vec<RgbImage>> {
    let files = pictures::list(&options.photos)?;
    let files = &files[..options.limit.unwrap_or(files.len()).min(files.len())];
    let sized = |picture: RgbImage| match options.size {
        Some(pixels) => geometry::long_side(&picture, pixels),
        None => picture,
    };
    files
        .par_iter()
        .map(|path| pictures::open(path).map(sized))
        .collect()
}

/// One outcome for each picture, `None` where it leaves no room for a mark.
pub fn run(
    pictures: &[RgbImage],
    attacks: &[Attack],
    options: &Options,
) -> Result<Vec<Option<Outcome>>> {
    let ours = Ours::new(options.strength);
    let done = AtomicUsize::new(0);
    pictures
        .par_iter()
        .enumerate()
        .map(|(number, picture)| {
            let outcome = one(picture, number as u64, attacks, &ours, options.false_alarms)
                .with_context(|| format!("picture {number}"))?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            eprintln!("{done} of {} pictures", pictures.len());
            Ok(outcome)
        })
        .collect()
}

fn one(
    picture: &RgbImage,
    number: u64,
    attacks: &[Attack],
    ours: &Ours,
    false_alarms: bool,
) -> Result<Option<Outcome>> {
    let id = ours::id(number);
    let start = Instant::now();
    let Some(marked) = ours.marked(picture, id)? else {
        return Ok(None);
    };
    let embed_ms = start.elapsed().as_secs_f64() * 1e3;
    let readings = attacks
        .iter()
        .map(|attack| {
            let (found, ms) = ours.read(&(attack.apply)(&marked, number)?)?;
            let unmarked = if false_alarms {
                let (alarm, ms) = ours.read(&(attack.apply)(picture, number)?)?;
                Some((alarm.is_some(), ms))
            } else {
                None
            };
            let right = found == Some(id);
            Ok(Reading {
                right,
                wrong: found.is_some() && !right,
                ms,
                unmarked,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Some(Outcome {
        quality: Quality::of(picture, &marked)?,
        embed_ms,
        readings,
    }))
}

/// The share of the pictures whose id is read after an attack, refused ones counted as misses:
/// how many, of how many.
pub fn hits(
    pictures: &[RgbImage],
    options: &Options,
    attack: impl Fn(&RgbImage, u64) -> Result<RgbImage> + Sync,
) -> Result<Proportion> {
    let ours = Ours::new(options.strength);
    let read: Vec<bool> = pictures
        .par_iter()
        .enumerate()
        .map(|(number, picture)| {
            let (number, id) = (number as u64, ours::id(number as u64));
            let Some(marked) = ours.marked(picture, id)? else {
                return Ok(false);
            };
            Ok(ours.read(&attack(&marked, number)?)?.0 == Some(id))
        })
        .collect::<Result<_>>()?;
    Ok(Proportion {
        hits: read.iter().filter(|r| **r).count(),
        count: read.len(),
    })
}
