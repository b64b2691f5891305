//! What anybody can compute from one marked picture with the source code and no key: the tile.
//!
//! The size of the tile follows from the size of the picture, and the mark is the same in every tile but
//! for its local strength. So it can be estimated by averaging over the tiles (Kutter, Voloshynovskiy
//! and Herrigel, SPIE 3971, 2000, "The watermark copy attack", estimate it by denoising alone).

use anyhow::Result;
use colophon_watermark::TileCount;
use image::RgbImage;
use num_complex::Complex32;

use super::box_mean;
use crate::attacks::raster::Random;
use crate::pictures;

/// Highest harmonic of the tile in use, and the squared radii of the first and the last.
const HIGHEST: i32 = 20;
const BAND: std::ops::RangeInclusive<i32> = 36..=424;
/// Radius of the boxes that tell content from mark.
const RADIUS: usize = 4;
/// Strongest place relative to a flat one.
const CEILING: f32 = 5.0;
/// Deviations beyond so many local standard deviations are edges.
const EDGE: f32 = 2.5;
/// Rounds of estimating what the round before left.
const ROUNDS: usize = 3;

/// The mark of a picture, estimated by its period.
pub(super) struct Estimate {
    grid: Grid,
    /// Amplitudes of the harmonics in flat places, grey levels.
    tile: Vec<Vec<Complex32>>,
    /// Amplitude of the mark relative to a flat place.
    strength: Vec<f32>,
}

impl Estimate {
    pub(super) fn of(picture: &RgbImage) -> Result<Self> {
        let luma = pictures::luma(picture)?;
        let (width, height) = (luma.width(), luma.height());
        let grid = Grid::new(width, height, 0);
        let strength = Places::of(luma.data(), width).strength;
        let mut tile = vec![vec![Complex32::default(); grid.down.len()]; grid.across.len()];
        let mut left = luma.into_data();
        for _ in 0..ROUNDS {
            let places = Places::of(&left, width);
            let energy: f32 = strength
                .iter()
                .zip(&places.weight)
                .map(|(s, w)| s * w)
                .sum();
            let mut found = grid.correlated(&places.weighted());
            for (sum, value) in tile.iter_mut().flatten().zip(found.iter_mut().flatten()) {
                *value /= energy.max(1e-9);
                *sum += *value;
            }
            for ((left, found), s) in left.iter_mut().zip(grid.sum_of(&found)).zip(&strength) {
                *left -= s * found;
            }
        }
        Ok(Self {
            grid,
            tile,
            strength,
        })
    }

    /// In grey levels, before rounding.
    pub(super) fn mark(&self) -> Vec<f32> {
        let mut mark = self.grid.sum_of(&self.tile);
        mark.iter_mut()
            .zip(&self.strength)
            .for_each(|(v, s)| *v *= s);
        mark
    }

    /// The same with the sign of each harmonic drawn.
    pub(super) fn redrawn(mut self, random: &mut Random) -> Self {
        let last = self.tile.len() - 1;
        // A harmonic and its negative are conjugates.
        for across in 0..=last / 2 {
            for down in 0..=last {
                if random.below(2) == 0 {
                    self.tile[across][down] *= -1.0;
                    self.tile[last - across][last - down] *= -1.0;
                }
            }
        }
        self
    }
}

/// The luminance of a picture on the published frequencies: each harmonic of the tile with `reach`
/// frequencies to each side along both axes, one cycle a picture apart.
pub(super) fn on_the_lattice(picture: &RgbImage, reach: i32) -> Result<Vec<f32>> {
    let luma = pictures::luma(picture)?;
    let grid = Grid::new(luma.width(), luma.height(), reach);
    let mean = luma.data().iter().sum::<f32>() / luma.data().len() as f32;
    let values: Vec<f32> = luma.data().iter().map(|v| v - mean).collect();
    let scale = 1.0 / values.len() as f32;
    let sum = grid.sum_of(&grid.correlated(&values));
    Ok(sum.into_iter().map(|v| v * scale).collect())
}

/// How strong the mark is likely to be where, and how little content hides it.
pub(super) struct Places {
    /// Luminance less its local mean, without edges, grey levels.
    pub(super) residual: Vec<f32>,
    /// Amplitude of the mark relative to a flat place.
    pub(super) strength: Vec<f32>,
    /// What the detector gives a place.
    pub(super) weight: Vec<f32>,
}

impl Places {
    pub(super) fn of(luma: &[f32], width: usize) -> Self {
        let mean = box_mean(luma, width, RADIUS);
        let mut residual: Vec<f32> = luma.iter().zip(mean).map(|(v, mean)| v - mean).collect();
        let power: Vec<f32> = residual.iter().map(|r| r * r).collect();
        let spread: Vec<f32> = box_mean(&power, width, RADIUS)
            .into_iter()
            .map(|power| power.max(0.0).sqrt() + 1.0)
            .collect();
        for (residual, spread) in residual.iter_mut().zip(&spread) {
            *residual = residual.clamp(-EDGE * spread, EDGE * spread);
        }
        Self {
            residual,
            strength: spread.iter().map(|s| s.min(CEILING)).collect(),
            weight: spread.iter().map(|s| s.powf(-1.5)).collect(),
        }
    }

    /// What the detector looks at.
    pub(super) fn weighted(&self) -> Vec<f32> {
        self.residual
            .iter()
            .zip(&self.weight)
            .map(|(r, w)| r * w)
            .collect()
    }
}

/// One frequency along an axis: `harmonic` of the tile and so many cycles a picture beside it.
struct Wave {
    harmonic: i32,
    /// Its value at every pixel.
    values: Vec<Complex32>,
}

/// The frequencies of the tile's harmonics in a picture.
struct Grid {
    across: Vec<Wave>,
    down: Vec<Wave>,
}

impl Grid {
    fn new(width: usize, height: usize, reach: i32) -> Self {
        let side = TileCount::for_picture(width, height).side(width, height);
        let waves = |length: usize| {
            let wave = |harmonic: i32, beside: i32| {
                let cycles = f64::from(harmonic) / side + f64::from(beside) / length as f64;
                let value = |i: usize| {
                    let turn = std::f64::consts::TAU * (cycles * i as f64).fract();
                    Complex32::new(turn.cos() as f32, turn.sin() as f32)
                };
                Wave {
                    harmonic,
                    values: (0..length).map(value).collect(),
                }
            };
            (-HIGHEST..=HIGHEST)
                .flat_map(|harmonic| (-reach..=reach).map(move |beside| (harmonic, beside)))
                .map(|(harmonic, beside)| wave(harmonic, beside))
                .collect()
        };
        Self {
            across: waves(width),
            down: waves(height),
        }
    }

    /// The product of a plane with every frequency in use, by place in `across` and `down`.
    fn correlated(&self, plane: &[f32]) -> Vec<Vec<Complex32>> {
        let width = plane.len() / self.down[0].values.len();
        self.across
            .iter()
            .map(|across| {
                let rows: Vec<Complex32> = plane
                    .chunks_exact(width)
                    .map(|row| {
                        let products = row.iter().zip(&across.values);
                        products.map(|(value, wave)| wave.conj() * value).sum()
                    })
                    .collect();
                let column = |down: &Wave| {
                    if in_use(across, down) {
                        let products = rows.iter().zip(&down.values);
                        products.map(|(value, wave)| value * wave.conj()).sum()
                    } else {
                        Complex32::default()
                    }
                };
                self.down.iter().map(column).collect()
            })
            .collect()
    }

    /// The plane that has the given coefficients.
    fn sum_of(&self, coefficients: &[Vec<Complex32>]) -> Vec<f32> {
        let (width, height) = (self.across[0].values.len(), self.down[0].values.len());
        let mut plane = Vec::with_capacity(width * height);
        for y in 0..height {
            let mut row = vec![0.0f32; width];
            for (across, coefficients) in self.across.iter().zip(coefficients) {
                let used = coefficients.iter().zip(&self.down);
                let amplitude: Complex32 = used.map(|(c, down)| c * down.values[y]).sum();
                for (value, wave) in row.iter_mut().zip(&across.values) {
                    *value += (amplitude * wave).re;
                }
            }
            plane.extend(row);
        }
        plane
    }
}

fn in_use(across: &Wave, down: &Wave) -> bool {
    BAND.contains(&(across.harmonic.pow(2) + down.harmonic.pow(2)))
}

#[cfg(test)]
mod tests {
    use colophon_watermark::{EmbedOptions, Embedder, Payload, WatermarkKey};
    use image::Rgb;

    use super::*;
    use crate::attacks::tests::scene;

    fn correlation(a: &[f32], b: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn the_estimate_of_a_marked_picture_is_its_mark() {
        let picture = crate::attacks::geometry::scaled(&scene(3), 2.0);
        let mark = Embedder::new(&WatermarkKey::new([4; 32]))
            .mark(
                &pictures::luma(&picture).unwrap(),
                Payload(9),
                &EmbedOptions::strong(),
            )
            .unwrap();
        let of_marked = Estimate::of(&pictures::with_mark(&picture, &mark))
            .unwrap()
            .mark();
        let of_original = Estimate::of(&picture).unwrap().mark();
        let alike = correlation(&of_marked, mark.delta.data());
        assert!(alike > 0.5, "{alike}");
        assert!(correlation(&of_original, mark.delta.data()).abs() < 0.1);
    }

    #[test]
    fn the_lattice_takes_its_own_waves_and_no_others() {
        let side = TileCount::for_picture(512, 512).side(512, 512);
        let waves = |harmonic: f64| {
            RgbImage::from_fn(512, 512, |x, _| {
                let turn = std::f64::consts::TAU * harmonic * f64::from(x) / side;
                Rgb([(128.0 + 40.0 * turn.cos()).round() as u8; 3])
            })
        };
        let rms = |picture| {
            let values: Vec<f32> = on_the_lattice(&picture, 0).unwrap();
            (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt()
        };
        // 40 / sqrt 2 for a harmonic of the tile in the band.
        assert!((rms(waves(10.0)) - 28.28).abs() < 0.2);
        assert!(rms(waves(10.5)) < 0.5 && rms(waves(4.0)) < 0.5);
    }
}
