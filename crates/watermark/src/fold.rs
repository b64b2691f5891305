//! From a pose to received symbols: folding the picture onto one tile, finding the
//! translation by the pilots, reading the payload harmonics.

use rustfft::num_complex::Complex32;

use crate::fft;
use crate::lattice::{Harmonic, Layout, TileClass, bin};
use crate::plane::Plane;
use crate::spectrum::Spectrum;
use crate::sync::Matrix;

/// Samples across the folded tile.
const FOLD: usize = 128;
/// Grid of translations tried across the tile.
const SHIFTS: usize = 64;
/// The quarter turns and mirrorings that leave the lattice as it is.
const DIHEDRAL: [[[i32; 2]; 2]; 8] = [
    [[1, 0], [0, 1]],
    [[0, -1], [1, 0]],
    [[-1, 0], [0, -1]],
    [[0, 1], [-1, 0]],
    [[-1, 0], [0, 1]],
    [[1, 0], [0, -1]],
    [[0, 1], [1, 0]],
    [[0, -1], [-1, 0]],
];

/// The picture folded onto one tile: the complex amplitude of every harmonic.
pub(crate) struct Folded {
    spectrum: Vec<Complex32>,
    basis: Matrix,
    /// Background amplitude at harmonic (u, v), the same for all turns of the lattice.
    noise: Vec<f32>,
}

impl Alignment {
    /// The alignment of a picture in the pose in which it was marked.
    pub(crate) fn issued(class: TileClass, origin: (f64, f64)) -> Self {
        Self {
            turn: DIHEDRAL[0],
            class,
            shift: origin,
            z: f32::INFINITY,
        }
    }
}

/// The orientation, tile class and translation that the pilots agree on best.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alignment {
    pub(crate) turn: [[i32; 2]; 2],
    pub(crate) class: TileClass,
    /// Translation in tiles.
    shift: (f64, f64),
    /// Standard deviations of the pilots' agreement under no mark.
    pub(crate) z: f32,
}

impl Folded {
    /// Folds a residual plane with the given lattice.
    pub(crate) fn new(residual: &Plane, spectrum: &Spectrum, basis: Matrix) -> Self {
        let mut tile = accumulate(residual, basis);
        fft::forward_square(&mut tile, FOLD);
        let mut noise = vec![f32::INFINITY; FOLD * FOLD];
        let side = spectrum.side() as f64;
        for &h in crate::lattice::harmonics() {
            let (kx, ky) = frequency(basis, h.u, h.v);
            if kx.abs().max(ky.abs()) < 0.48 {
                let amplitude = (0.5 * spectrum.background(kx * side, ky * side)).exp();
                noise[bin(h.u, h.v, FOLD)] = amplitude;
                noise[bin(-h.u, -h.v, FOLD)] = amplitude;
            }
        }
        Self {
            spectrum: tile,
            basis,
            noise,
        }
    }

    /// Amplitude at the place where `h` of the issued picture lies under `turn`, in units of the background.
    fn received(&self, turn: [[i32; 2]; 2], h: Harmonic) -> Complex32 {
        let u = turn[0][0] * h.u + turn[0][1] * h.v;
        let v = turn[1][0] * h.u + turn[1][1] * h.v;
        let index = bin(u, v, FOLD);
        self.spectrum[index] / self.noise[index]
    }

    /// The best agreement of the pilots over orientations, classes and translations.
    pub(crate) fn align(&self, layout: &Layout) -> Option<Alignment> {
        let mut grid = vec![Complex32::default(); SHIFTS * SHIFTS];
        let mut best: Option<Alignment> = None;
        for turn in DIHEDRAL {
            let received: Vec<Complex32> = layout
                .pilots
                .iter()
                .map(|&h| limited(self.received(turn, h)))
                .collect();
            for class in TileClass::all() {
                let (shift, z) = best_shift(layout, class, &received, &mut grid);
                if best.is_none_or(|b| z > b.z) {
                    best = Some(Alignment {
                        turn,
                        class,
                        shift,
                        z,
                    });
                }
            }
        }
        best.map(|alignment| self.sharpened(layout, alignment))
    }

    /// Refines the translation below the grid.
    fn sharpened(&self, layout: &Layout, mut alignment: Alignment) -> Alignment {
        let phases = &layout.pilot_phases[alignment.class.index()];
        let values: Vec<(Harmonic, Complex32)> = layout
            .pilots
            .iter()
            .zip(phases)
            .map(|(&h, phase)| (h, phase.conj() * limited(self.received(alignment.turn, h))))
            .collect();
        let scale = unit_variance(values.iter().map(|(_, value)| *value));
        let agreement = |shift: (f64, f64)| -> f32 {
            let sum: f32 = values
                .iter()
                .map(|(h, value)| (value * rotation(*h, shift)).re)
                .sum();
            sum * scale
        };
        let mut reach = 0.5 / SHIFTS as f64;
        for _ in 0..5 {
            let centre = alignment.shift;
            for dx in [-reach, 0.0, reach] {
                for dy in [-reach, 0.0, reach] {
                    let shift = (centre.0 + dx, centre.1 + dy);
                    let z = agreement(shift);
                    if z > alignment.z {
                        alignment.z = z;
                        alignment.shift = shift;
                    }
                }
            }
            reach *= 0.5;
        }
        alignment
    }

    /// The received value of every payload dimension, in units of the background.
    pub(crate) fn dimensions(&self, layout: &Layout, alignment: &Alignment) -> Vec<f32> {
        layout
            .payload
            .iter()
            .flat_map(|&h| {
                let value =
                    limited(self.received(alignment.turn, h) * rotation(h, alignment.shift));
                [value.re, value.im]
            })
            .collect()
    }

    pub(crate) fn basis(&self) -> Matrix {
        self.basis
    }
}

/// The translation, in tiles, at which received pilots agree best with those of a class, and how
/// well: one transform tries all of a grid.
fn best_shift(
    layout: &Layout,
    class: TileClass,
    received: &[Complex32],
    grid: &mut [Complex32],
) -> ((f64, f64), f32) {
    grid.fill(Complex32::default());
    let phases = &layout.pilot_phases[class.index()];
    for ((h, phase), value) in layout.pilots.iter().zip(phases).zip(received) {
        grid[bin(h.u, h.v, SHIFTS)] = phase.conj() * value;
    }
    fft::forward_square(grid, SHIFTS);
    let mut best = (0, f32::NEG_INFINITY);
    for (index, value) in grid.iter().enumerate() {
        if value.re > best.1 {
            best = (index, value.re);
        }
    }
    let place = |steps: usize| steps as f64 / SHIFTS as f64;
    let shift = (place(best.0 % SHIFTS), place(best.0 / SHIFTS));
    (shift, best.1 * unit_variance(received.iter().copied()))
}

/// Factor that gives the sum of the values' real parts unit variance when their phases are random.
fn unit_variance(values: impl Iterator<Item = Complex32>) -> f32 {
    let energy: f32 = values.map(|value| value.norm_sqr()).sum();
    (2.0 / energy.max(1e-12)).sqrt()
}

/// A coefficient far above its background is texture: its phase counts, its size does not.
fn limited(value: Complex32) -> Complex32 {
    const LIMIT: f32 = 3.0;
    let size = value.norm();
    if size > LIMIT {
        value * (LIMIT / size)
    } else {
        value
    }
}

fn rotation(h: Harmonic, shift: (f64, f64)) -> Complex32 {
    let turns = f64::from(h.u) * shift.0 + f64::from(h.v) * shift.1;
    let (sin, cos) = (-std::f64::consts::TAU * turns.fract()).sin_cos();
    Complex32::new(cos as f32, sin as f32)
}

fn frequency(basis: Matrix, u: i32, v: i32) -> (f64, f64) {
    let (u, v) = (f64::from(u), f64::from(v));
    (
        basis[0][0] * u + basis[0][1] * v,
        basis[1][0] * u + basis[1][1] * v,
    )
}

/// Adds every pixel to its place in the tile, spread over the four nearest samples.
fn accumulate(residual: &Plane, basis: Matrix) -> Vec<Complex32> {
    let mut tile = vec![0.0f32; FOLD * FOLD];
    let side = FOLD as f64;
    // Steps of the tile position, in samples, for one pixel to the right and one down.
    let right = (basis[0][0] * side, basis[0][1] * side);
    let down = (basis[1][0] * side, basis[1][1] * side);
    let mask = FOLD - 1;
    for (y, row) in residual.rows().enumerate() {
        let x0 = (down.0 * y as f64).rem_euclid(side);
        let y0 = (down.1 * y as f64).rem_euclid(side);
        // 16.16 fixed point wraps for free at a power of two.
        let fixed = |v: f64| (v * 65536.0) as i64 as u32;
        let (mut tx, mut ty) = (fixed(x0), fixed(y0));
        let (sx, sy) = (fixed(right.0), fixed(right.1));
        for &value in row {
            let (ix, iy) = ((tx >> 16) as usize & mask, (ty >> 16) as usize & mask);
            let fx = (tx & 0xFFFF) as f32 * (1.0 / 65536.0);
            let fy = (ty & 0xFFFF) as f32 * (1.0 / 65536.0);
            let (upper, lower) = (iy * FOLD, ((iy + 1) & mask) * FOLD);
            let next = (ix + 1) & mask;
            let (a, b) = (value * (1.0 - fy), value * fy);
            tile[upper + ix] += a * (1.0 - fx);
            tile[upper + next] += a * fx;
            tile[lower + ix] += b * (1.0 - fx);
            tile[lower + next] += b * fx;
            tx = tx.wrapping_add(sx);
            ty = ty.wrapping_add(sy);
        }
    }
    tile.into_iter().map(|v| Complex32::new(v, 0.0)).collect()
}
