//! Marks pictures, attacks them, reads them back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use image::RgbImage;
use rayon::prelude::*;

use super::options::Options;
use super::ours::{self, Answer, Ours};
use super::statistics::Proportion;
use crate::attacks::{Attack, REGENERATION, geometry};
use crate::metrics::{Quality, psnr};
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
    /// Whether it was too weak to be read and matched among the issued ids.
    pub matched: bool,
    /// Whether another id was read or matched.
    pub wrong: bool,
    /// Correlation with the answer in standard deviations.
    pub correlation: Option<f64>,
    /// PSNR in dB of the attacked picture against the marked one, of a regeneration.
    pub psnr: Option<f64>,
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
    let ours = Ours::new(options, pictures.len());
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
            let attacked = (attack.apply)(&marked, number)?;
            let answer = ours.read(&attacked)?;
            let unmarked = if false_alarms {
                let alarm = ours.read(&(attack.apply)(picture, number)?)?;
                Some((alarm.correlation.is_some(), alarm.ms))
            } else {
                None
            };
            let regenerated = attack.group == REGENERATION;
            Ok(Reading {
                psnr: regenerated.then(|| psnr(&marked, &attacked)),
                unmarked,
                ..Reading::of(id, &answer)
            })
        })
        .collect::<Result<_>>()?;
    Ok(Some(Outcome {
        quality: Quality::of(picture, &marked)?,
        embed_ms,
        readings,
    }))
}

impl Reading {
    /// What an answer says of a picture that was given an id.
    fn of(id: u64, answer: &Answer) -> Self {
        let (right, matched) = (answer.read == Some(id), answer.matched == Some(id));
        Self {
            right,
            matched,
            wrong: answer.correlation.is_some() && !right && !matched,
            correlation: answer.correlation,
            psnr: None,
            ms: answer.ms,
            unmarked: None,
        }
    }
}

/// The share of the pictures whose id is read after an attack, refused ones counted as misses:
/// how many, of how many.
pub fn hits(
    pictures: &[RgbImage],
    options: &Options,
    attack: impl Fn(&RgbImage, u64) -> Result<RgbImage> + Sync,
) -> Result<Proportion> {
    let ours = Ours::new(options, pictures.len());
    let read: Vec<bool> = pictures
        .par_iter()
        .enumerate()
        .map(|(number, picture)| {
            let (number, id) = (number as u64, ours::id(number as u64));
            let Some(marked) = ours.marked(picture, id)? else {
                return Ok(false);
            };
            Ok(ours.read(&attack(&marked, number)?)?.read == Some(id))
        })
        .collect::<Result<_>>()?;
    Ok(Proportion {
        hits: read.iter().filter(|r| **r).count(),
        count: read.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_or_matched_or_wrong() {
        let answer = |read, matched| Answer {
            read,
            matched,
            correlation: read.or(matched).map(|_| 12.5),
            ms: 3.0,
        };
        let of = |read, matched| {
            let reading = Reading::of(7, &answer(read, matched));
            (reading.right, reading.matched, reading.wrong)
        };
        assert_eq!(of(Some(7), None), (true, false, false));
        assert_eq!(of(None, Some(7)), (false, true, false));
        assert_eq!(of(Some(8), None), (false, false, true));
        assert_eq!(of(None, Some(8)), (false, false, true));
        assert_eq!(of(None, None), (false, false, false));
    }
}
