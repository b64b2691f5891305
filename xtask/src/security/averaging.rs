//! Many marked pictures of one size: what their mean gives away.

use std::cmp::Ordering;

use anyhow::{Context, Result};
use colophon_watermark::Payload;
use image::RgbImage;
use image::imageops::{crop_imm, flip_horizontal};
use rayon::prelude::*;

use super::pattern::Places;
use super::{Issuer, Read, median, share};
use crate::metrics::psnr;
use crate::pictures;
use crate::received::SplitMix;

/// Side of the square pictures that are averaged.
const SIDE: u32 = 512;
/// Marked pictures that are averaged.
const COUNTS: [usize; 3] = [10, 100, 1000];
/// Pictures of the control.
const CONTROL: usize = 100;
/// Gains at which an average is subtracted, relative to the one that fits the picture attacked best.
const GAINS: [f32; 3] = [0.9, 1.0, 1.1];
/// PSNR, in dB, at which it is subtracted besides: more than the mark itself costs.
const LOUD: f32 = 40.0;

/// How the averaged pictures were marked.
#[derive(Clone, Copy)]
enum Ids {
    /// As issued: each its own.
    Own,
    /// As a scheme whose carrier stays the same would: all the id of the picture attacked.
    Same(Payload),
}

/// A marked picture, what it was before, and what it carries.
struct Victim {
    id: Payload,
    original: RgbImage,
    marked: RgbImage,
}

/// A picture from which an average was subtracted.
struct Attacked {
    read: Read,
    /// Amplitude of the mark that is left, as a share.
    left: f64,
    psnr: f64,
}

/// Measures averages of [`COUNTS`] pictures against fresh ones.
pub(super) fn run(issuer: &Issuer, photographs: &[RgbImage]) -> Result<()> {
    let fitting: Vec<&RgbImage> = photographs
        .iter()
        .filter(|p| p.width().min(p.height()) >= SIDE)
        .collect();
    // One id for all victims, so that one control serves them all.
    let id = Payload(SplitMix(17).bits());
    let victims: Vec<Victim> = fitting
        .par_iter()
        .enumerate()
        .map(|(number, photograph)| {
            let original = part(photograph, &mut SplitMix(!(number as u64)));
            let marked = issuer.marked(&original, id)?;
            Ok(marked.map(|marked| Victim {
                id,
                original,
                marked,
            }))
        })
        .filter_map(Result::transpose)
        .collect::<Result<_>>()?;
    println!("### Averaging\n");
    println!(
        "Squares of {SIDE} pixels cut at random from {} photographs, each marked with an id of its own. \
         Their weighted mean residual is subtracted from {} fresh ones, at the best of {} gains for \
         each.\n",
        fitting.len(),
        victims.len(),
        GAINS.len() + 1
    );
    println!("| averaged | id read | another id | amplitude left, dB | PSNR, dB |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut sums = Sums::zero();
    let mut taken = 0;
    for count in COUNTS {
        sums = sums.plus(&Sums::of(issuer, &fitting, Ids::Own, taken..count)?);
        taken = count;
        row(issuer, &victims, &sums.layer(), &format!("{count}"))?;
    }
    let same = Sums::of(issuer, &fitting, Ids::Same(id), 0..CONTROL)?;
    let label = format!("control: {CONTROL} with the id of the picture attacked");
    row(issuer, &victims, &same.layer(), &label)?;
    println!();
    Ok(())
}

/// Subtracts a layer from every victim.
fn row(issuer: &Issuer, victims: &[Victim], layer: &[f32], label: &str) -> Result<()> {
    let results: Vec<Attacked> = victims
        .par_iter()
        .map(|victim| best(issuer, victim, layer))
        .collect::<Result<_>>()?;
    println!(
        "| {label} | {} | {} | {:.1} | {:.1} |",
        share(results.iter().map(|r| r.read == Read::Expected)),
        share(results.iter().map(|r| r.read == Read::Wrong)),
        median(results.iter().map(|r| 20.0 * r.left.abs().log10())),
        median(results.iter().map(|r| r.psnr)),
    );
    Ok(())
}

/// A random square of a photograph, mirrored half of the time.
fn part(photograph: &RgbImage, random: &mut SplitMix) -> RgbImage {
    let (width, height) = photograph.dimensions();
    let mut below = |count: u32| (random.bits() % u64::from(count)) as u32;
    let (x, y) = (below(width - SIDE + 1), below(height - SIDE + 1));
    let part = crop_imm(photograph, x, y, SIDE, SIDE).to_image();
    if below(2) == 0 {
        part
    } else {
        flip_horizontal(&part)
    }
}

/// Marked pictures' weighted residuals and the weights, summed.
struct Sums {
    values: Vec<f32>,
    weights: Vec<f32>,
}

impl Sums {
    fn zero() -> Self {
        let zero = vec![0.0f32; (SIDE * SIDE) as usize];
        Self {
            values: zero.clone(),
            weights: zero,
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        for (sums, more) in [
            (&mut self.values, &other.values),
            (&mut self.weights, &other.weights),
        ] {
            sums.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        }
        self
    }

    /// What the pictures with these numbers add.
    fn of(
        issuer: &Issuer,
        photographs: &[&RgbImage],
        ids: Ids,
        numbers: std::ops::Range<usize>,
    ) -> Result<Self> {
        numbers
            .into_par_iter()
            .map(|number| {
                let mut random = SplitMix(number as u64);
                let picture = part(photographs[number % photographs.len()], &mut random);
                let id = match ids {
                    Ids::Own => Payload(random.bits()),
                    Ids::Same(id) => id,
                };
                let Some(marked) = issuer.marked(&picture, id)? else {
                    return Ok(Self::zero());
                };
                let places = Places::of(pictures::luma(&marked)?.data(), SIDE as usize);
                let pairs = places.strength.iter().zip(&places.weight);
                Ok(Self {
                    values: places.weighted(),
                    weights: pairs.map(|(strength, weight)| strength * weight).collect(),
                })
            })
            .try_fold(Self::zero, |sum, more: Result<Self>| {
                anyhow::Ok(sum.plus(&more?))
            })
            .try_reduce(Self::zero, |a, b| Ok(a.plus(&b)))
    }

    /// The layer that the pictures have in common, of unit mean square.
    fn layer(&self) -> Vec<f32> {
        let pairs = self.values.iter().zip(&self.weights);
        let layer: Vec<f32> = pairs.map(|(v, w)| v / w.max(1e-9)).collect();
        let power = layer.iter().map(|v| v * v).sum::<f32>() / layer.len() as f32;
        layer
            .into_iter()
            .map(|v| v / power.sqrt().max(1e-9))
            .collect()
    }
}

/// The attack at the gain at which nothing is read, or else the least of the mark is left.
fn best(issuer: &Issuer, victim: &Victim, layer: &[f32]) -> Result<Attacked> {
    let places = Places::of(pictures::luma(&victim.marked)?.data(), SIDE as usize);
    let shaped: Vec<f32> = layer
        .iter()
        .zip(&places.strength)
        .map(|(v, s)| v * s)
        .collect();
    let product = |a: &[f32]| -> f32 {
        let terms = a.iter().zip(&shaped).zip(&places.weight);
        terms.map(|((a, b), w)| a * b * w).sum()
    };
    let fitting = product(&places.residual) / product(&shaped).max(1e-9);
    let power = shaped.iter().map(|v| v * v).sum::<f32>() / shaped.len() as f32;
    let loud = 255.0 / 10f32.powf(LOUD / 20.0) / power.sqrt().max(1e-9);
    let tried: Vec<Attacked> = GAINS
        .into_iter()
        .map(|gain| gain * fitting)
        .chain([loud.copysign(fitting)])
        .map(|gain| {
            let delta: Vec<f32> = shaped.iter().map(|v| -gain * v).collect();
            let attacked = pictures::with_delta(&victim.marked, &delta);
            Ok(Attacked {
                read: Read::of(issuer.read(&attacked)?.as_ref(), &[victim.id]),
                left: left(victim, &attacked)?,
                psnr: psnr(&victim.marked, &attacked),
            })
        })
        .collect::<Result<_>>()?;
    let badness = |a: &Attacked| (a.read != Read::Nothing, a.left.abs());
    tried
        .into_iter()
        .min_by(|a, b| {
            badness(a)
                .partial_cmp(&badness(b))
                .unwrap_or(Ordering::Equal)
        })
        .context("no gain to try")
}

/// Share of the mark's amplitude in what the attacked picture differs by from the original.
fn left(victim: &Victim, attacked: &RgbImage) -> Result<f64> {
    let original = pictures::luma(&victim.original)?;
    let difference = |picture: &RgbImage| -> Result<Vec<f64>> {
        let luma = pictures::luma(picture)?;
        let pairs = luma.data().iter().zip(original.data());
        Ok(pairs.map(|(a, b)| f64::from(a - b)).collect())
    };
    let (mark, rest) = (difference(&victim.marked)?, difference(attacked)?);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    Ok(product(&mark, &rest) / product(&mark, &mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::tests::scene;

    #[test]
    fn what_is_left_is_measured_along_the_mark() {
        let original = scene(1);
        let mark: Vec<f32> = (0..original.width() * original.height())
            .map(|i| if i % 3 == 0 { 8.0 } else { -4.0 })
            .collect();
        let with = |gain: f32| {
            let delta: Vec<f32> = mark.iter().map(|v| gain * v).collect();
            pictures::with_delta(&original, &delta)
        };
        let victim = Victim {
            id: Payload(1),
            marked: with(1.0),
            original: original.clone(),
        };
        for gain in [0.0f32, 0.5, 1.0] {
            let left = left(&victim, &with(gain)).unwrap();
            assert!((left - f64::from(gain)).abs() < 0.05, "{gain}: {left}");
        }
    }
}
