//! Screens, gratings, repeated tiles.

use std::f64::consts::TAU;

use image::RgbImage;

use super::{grey, our_side};
use crate::attacks::raster::Random;

/// Samples across a repeated tile.
const SAMPLES: usize = 96;
/// Harmonics of the mark, squared radius in cycles a tile.
const BAND: std::ops::RangeInclusive<i32> = 36..=424;

/// A gradient through an amplitude-modulated screen of 3 to 16 pixels at a printer's angle.
pub(super) fn halftone(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let pitch = random.between(3.0, 16.0);
    let angles: [f64; 6] = [0.0, 15.0, 30.0, 45.0, 75.0, 90.0];
    let (sine, cosine) = angles[random.below(6) as usize].to_radians().sin_cos();
    let (along, down) = (random.between(-0.4, 0.4), random.between(-0.4, 0.4));
    grey(size, |x, y| {
        let (u, v) = (
            (x * cosine + y * sine) / pitch,
            (y * cosine - x * sine) / pitch,
        );
        let screen = (TAU * u).cos() + (TAU * v).cos();
        let tone =
            0.5 + along * (x / f64::from(size.0) - 0.5) + down * (y / f64::from(size.1) - 0.5);
        255.0 * (0.5 + 4.0 * (tone - 0.5 + screen / 4.0)).clamp(0.0, 1.0)
    })
}

/// Smooth shapes in 2 to 16 levels by Bayer's 2 x 2 to 16 x 16 matrix, each dot 1 to 4 pixels.
pub(super) fn dither(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let order = 1 + random.below(4);
    let dot = f64::from(1 + random.below(4));
    let levels = f64::from(1 + random.below(15));
    let shapes = sum_of_waves(random, 4, 100.0, 600.0);
    grey(size, |x, y| {
        let (column, row) = ((x / dot) as u32, (y / dot) as u32);
        let threshold = bayer(order, column, row);
        let tone = (0.5 + 0.4 * shapes(x, y)).clamp(0.0, 1.0);
        255.0 * ((tone * levels + threshold).floor() / levels).clamp(0.0, 1.0)
    })
}

/// Bayer's threshold, 0..1 (IEEE ICC 1973): the bits of row and row xor column, interleaved and
/// reversed.
fn bayer(order: u32, column: u32, row: u32) -> f64 {
    let bits = (0..order).fold(0, |sum, bit| {
        let (x, y) = (column >> bit & 1, row >> bit & 1);
        sum << 2 | (x ^ y) << 1 | y
    });
    f64::from(bits) / f64::from(1 << (2 * order))
}

/// Two gratings of nearly the same pitch, one of them curved at times, multiplied.
pub(super) fn moire(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let pitch = random.between(2.2, 14.0);
    let mut grating = |pitch: f64, bend: f64| {
        let (sine, cosine) = random.between(0.0, TAU / 2.0).sin_cos();
        move |x: f64, y: f64| {
            let place = x * cosine + y * sine + bend * (x * x + y * y);
            0.5 + 0.5 * (TAU * place / pitch).cos()
        }
    };
    let (first, second) = (grating(pitch, 0.0), grating(1.04 * pitch, 4e-5));
    grey(size, |x, y| 20.0 + 220.0 * first(x, y) * second(x, y))
}

/// Three to forty waves of 3 to 100 pixels.
pub(super) fn waves(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let count = 3 + random.below(38);
    let sum = sum_of_waves(random, count, 3.0, 100.0);
    grey(size, |x, y| 128.0 + 100.0 * sum(x, y))
}

/// Waves of random direction, phase and length, in pixels; about -1 to 1.
fn sum_of_waves(
    random: &mut Random,
    count: u32,
    shortest: f64,
    longest: f64,
) -> impl Fn(f64, f64) -> f64 + use<> {
    let waves: Vec<[f64; 3]> = (0..count)
        .map(|_| {
            let cycles = (random.between(shortest.ln(), longest.ln())).exp().recip();
            let (sine, cosine) = random.between(0.0, TAU).sin_cos();
            [cycles * cosine, cycles * sine, random.between(0.0, 1.0)]
        })
        .collect();
    let scale = (f64::from(count) / 2.0).sqrt().recip() / 2.0;
    move |x, y| {
        let sum: f64 = waves
            .iter()
            .map(|[u, v, phase]| (TAU * (u * x + v * y + phase)).cos())
            .sum();
        scale * sum
    }
}

/// A smooth seamless tile, such as generators of patterns make, repeated upright as often as the mark.
pub(super) fn seamless(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let highest = 4 + random.below(9) as i32;
    let tile = tile_of_harmonics(random, 1..=highest * highest);
    let side = our_side(random, size);
    let sharpness = random.between(30.0, 120.0);
    grey(size, |x, y| {
        128.0 + sharpness * at(&tile, x / side, y / side)
    })
}

/// A tile of white noise, repeated upright as often as the mark.
pub(super) fn noise(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let side = our_side(random, size);
    noise_of_side(random, size, side)
}

/// A tile of white noise of any side, turned at times.
pub(super) fn noise_anywhere(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let side = random.between(40.0, 300.0);
    noise_of_side(random, size, side)
}

fn noise_of_side(random: &mut Random, size: (u32, u32), side: f64) -> RgbImage {
    let tile: Vec<f64> = (0..SAMPLES * SAMPLES)
        .map(|_| f64::from(random.normal()))
        .collect();
    let strength = random.between(2.0, 60.0);
    grey(size, |x, y| {
        128.0 + strength * at(&tile, x / side, y / side)
    })
}

/// The mark's own harmonics with phases that nobody's key gave, repeated as often as the mark: what a
/// mark of unknown origin looks like.
pub(super) fn harmonics(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let tile = tile_of_harmonics(random, BAND);
    let side = our_side(random, size);
    let strength = random.between(1.0, 40.0);
    let shapes = sum_of_waves(random, 6, 60.0, 600.0);
    grey(size, |x, y| {
        128.0 + 60.0 * shapes(x, y) + strength * at(&tile, x / side, y / side)
    })
}

/// A tile of unit power whose harmonics have a squared radius in `band`, equal sizes, random phases.
fn tile_of_harmonics(random: &mut Random, band: std::ops::RangeInclusive<i32>) -> Vec<f64> {
    let highest = f64::from(*band.end()).sqrt() as i32;
    let table: Vec<f64> = (0..SAMPLES)
        .map(|i| (TAU * i as f64 / SAMPLES as f64).cos())
        .collect();
    let mut tile = vec![0.0; SAMPLES * SAMPLES];
    let mut count = 0.0;
    for u in -highest..=highest {
        for v in 0..=highest {
            let upper = v > 0 || u > 0;
            if !upper || !band.contains(&(u * u + v * v)) {
                continue;
            }
            count += 1.0;
            let phase = random.below(SAMPLES as u32) as i32;
            for (i, value) in tile.iter_mut().enumerate() {
                let (x, y) = ((i % SAMPLES) as i32, (i / SAMPLES) as i32);
                *value += table[(u * x + v * y + phase).rem_euclid(SAMPLES as i32) as usize];
            }
        }
    }
    let scale = (count / 2.0f64).sqrt().recip();
    tile.into_iter().map(|v| v * scale).collect()
}

/// The tile at a place in tiles, linear between its samples.
fn at(tile: &[f64], u: f64, v: f64) -> f64 {
    let split = |place: f64| {
        let place = place.rem_euclid(1.0) * SAMPLES as f64;
        (
            place as usize % SAMPLES,
            (place as usize + 1) % SAMPLES,
            place.fract(),
        )
    };
    let ((left, right, along), (top, bottom, down)) = (split(u), split(v));
    let row = |y: usize| {
        let (a, b) = (tile[y * SAMPLES + left], tile[y * SAMPLES + right]);
        a + along * (b - a)
    };
    row(top) + down * (row(bottom) - row(top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_bayers() {
        let row = |y| [0, 1, 2, 3].map(|x| (bayer(2, x, y) * 16.0) as u32);
        assert_eq!([row(0), row(1)], [[0, 8, 2, 10], [12, 4, 14, 6]]);
    }

    #[test]
    fn tiles_repeat_and_have_unit_power() {
        let tile = tile_of_harmonics(&mut Random::new(1, "tile"), BAND);
        let power = tile.iter().map(|v| v * v).sum::<f64>() / tile.len() as f64;
        assert!((power - 1.0).abs() < 0.01, "{power}");
        assert!((at(&tile, 0.3, 0.7) - at(&tile, 5.3, -2.3)).abs() < 1e-6);
    }
}
