//! From a pose to received symbols: folding the picture onto the tile, finding the translation by
//! the pilots, reading the payload harmonics.

use std::sync::Arc;

use rustfft::Fft;
use rustfft::num_complex::Complex32;

use crate::fft;
use crate::lattice::{CONSTELLATIONS, Harmonic, Layout, bin, harmonics};
use crate::plane::Plane;
use crate::tile_map::TileMap;

/// Samples across one tile of the folded picture.
const TILE: usize = 128;
/// The picture is folded onto two by two tiles: the mark lives in the even coefficients, the
/// others show the background next to it.
const FOLD: usize = 2 * TILE;
/// Grid of translations tried across the tile.
const SHIFTS: usize = 64;
/// Pixels that share one affine step of the map.
const RUN: usize = 32;
/// A coefficient this far above its background is texture: its phase counts, its size does not.
const LIMIT: f32 = 3.0;
/// Alignments that are decoded: noise may agree better than a weak mark.
pub(crate) const ALIGNMENTS: usize = 4;
/// Rings of harmonics that are weighted alike.
const RINGS: usize = 12;
/// The quarter turns and mirrorings that leave the lattice as it is.
const DIHEDRAL: [Turn; 8] = [
    [[1, 0], [0, 1]],
    [[-1, 0], [0, 1]],
    [[1, 0], [0, -1]],
    [[-1, 0], [0, -1]],
    [[0, -1], [1, 0]],
    [[0, 1], [-1, 0]],
    [[0, 1], [1, 0]],
    [[0, -1], [-1, 0]],
];

type Turn = [[i32; 2]; 2];

/// The picture folded onto the tile: the complex amplitude of every harmonic, in units of its
/// background, weighted by how much the ring it belongs to stands out.
pub(crate) struct Folded {
    /// `TILE * TILE`, by [`bin`].
    received: Vec<Complex32>,
}

/// The orientation, constellation and translation that the pilots agree on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alignment {
    pub(crate) turn: Turn,
    pub(crate) constellation: usize,
    /// Translation in tiles: the issued tile position is `turn' * position + shift`.
    pub(crate) shift: (f64, f64),
    /// -1 in a negative.
    pub(crate) sign: f32,
    /// Standard deviations of the pilots' agreement under no mark.
    pub(crate) z: f32,
}

impl Alignment {
    /// The alignment of a picture in the pose in which it was marked.
    pub(crate) fn issued(constellation: usize, origin: (f64, f64)) -> Self {
        Self {
            turn: DIHEDRAL[0],
            constellation,
            shift: origin,
            sign: 1.0,
            z: f32::INFINITY,
        }
    }
}

/// Orientations that are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turns {
    /// As issued, or mirrored.
    Upright,
    /// All eight.
    All,
}

impl Folded {
    /// Folds a residual plane.
    pub(crate) fn new(residual: &Plane, map: &TileMap) -> Self {
        let mut sums = accumulate(residual, map);
        fft::forward_square(&mut sums, FOLD);
        let mut received = vec![Complex32::default(); TILE * TILE];
        for &h in harmonics() {
            let value = limited(sums[bin(2 * h.u, 2 * h.v, FOLD)] / background(&sums, h));
            received[bin(h.u, h.v, TILE)] = value;
            received[bin(-h.u, -h.v, TILE)] = value.conj();
        }
        weigh(&mut received);
        Self { received }
    }

    /// Amplitude at the place where `h` of the issued picture lies under `turn`.
    fn received(&self, turn: Turn, h: Harmonic) -> Complex32 {
        let u = turn[0][0] * h.u + turn[0][1] * h.v;
        let v = turn[1][0] * h.u + turn[1][1] * h.v;
        self.received[bin(u, v, TILE)]
    }

    /// The orientations, constellations and translations on which the pilots agree best, best first.
    pub(crate) fn align(&self, layout: &Layout, turns: Turns) -> Vec<Alignment> {
        let tried = match turns {
            Turns::Upright => &DIHEDRAL[..2],
            Turns::All => &DIHEDRAL[..],
        };
        let mut best: Vec<Alignment> = Vec::new();
        let mut grid = ShiftGrid::new();
        for &turn in tried {
            let pilots: Vec<Complex32> = layout
                .pilots
                .iter()
                .map(|&h| self.received(turn, h))
                .collect();
            let scale = unit_variance(pilots.iter().copied());
            for constellation in (0..CONSTELLATIONS).step_by(2) {
                grid.correlate(layout, constellation, &pilots);
                for extreme in grid.extremes() {
                    let z = extreme.value.abs() * scale;
                    if best.len() == ALIGNMENTS && best[ALIGNMENTS - 1].z >= z {
                        continue;
                    }
                    best.truncate(ALIGNMENTS - 1);
                    best.push(Alignment {
                        turn,
                        constellation: constellation + extreme.part,
                        shift: grid.place(extreme),
                        sign: extreme.value.signum(),
                        z,
                    });
                    best.sort_by(|a, b| b.z.total_cmp(&a.z));
                }
            }
        }
        for alignment in &mut best {
            self.sharpen(layout, alignment);
        }
        best
    }

    /// Refines the translation below the grid.
    fn sharpen(&self, layout: &Layout, alignment: &mut Alignment) {
        let phases = &layout.pilot_phases[alignment.constellation];
        let values: Vec<(Harmonic, Complex32)> = layout
            .pilots
            .iter()
            .zip(phases)
            .map(|(&h, phase)| {
                let value = self.received(alignment.turn, h) * alignment.sign;
                (h, phase.conj() * value)
            })
            .collect();
        let scale = unit_variance(values.iter().map(|(_, value)| *value));
        let mut reach = 0.5 / SHIFTS as f64;
        for _ in 0..5 {
            let around = agreements(&values, alignment.shift, reach);
            let (index, z) = largest(&around);
            if z * scale > alignment.z {
                let step = |i: usize| reach * (i as f64 - 1.0);
                alignment.z = z * scale;
                alignment.shift.0 += step(index % 3);
                alignment.shift.1 += step(index / 3);
            }
            reach *= 0.5;
        }
    }

    /// The received value of every payload dimension.
    pub(crate) fn dimensions(&self, layout: &Layout, alignment: &Alignment) -> Vec<f32> {
        layout
            .payload
            .iter()
            .flat_map(|&h| {
                let value = self.received(alignment.turn, h)
                    * rotation(h, alignment.shift)
                    * alignment.sign;
                [value.re, value.im]
            })
            .collect()
    }
}

/// Correlations of received pilots over the grid of translations.
struct ShiftGrid {
    /// Rows of vertical frequencies, most of them empty.
    spectrum: Vec<Complex32>,
    /// `x * SHIFTS + y`: the transform is left transposed.
    values: Vec<Complex32>,
    rows: Arc<dyn Fft<f32>>,
}

impl ShiftGrid {
    fn new() -> Self {
        Self {
            spectrum: vec![Complex32::default(); SHIFTS * SHIFTS],
            values: vec![Complex32::default(); SHIFTS * SHIFTS],
            rows: fft::forward_plan(SHIFTS),
        }
    }

    /// With two constellations: the real parts belong to the first, the imaginary parts to the second.
    fn correlate(&mut self, layout: &Layout, constellation: usize, pilots: &[Complex32]) {
        let first = &layout.pilot_phases[constellation];
        let second = &layout.pilot_phases[constellation + 1];
        let i = Complex32::i();
        self.spectrum.fill(Complex32::default());
        let mut used = [false; SHIFTS];
        for (((h, a), b), value) in layout.pilots.iter().zip(first).zip(second).zip(pilots) {
            // Each half is Hermitian, so that its transform is real.
            let (a, b) = (a.conj() * value * 0.5, b.conj() * value * 0.5);
            for (index, value) in [
                (bin(h.u, h.v, SHIFTS), a + i * b),
                (bin(-h.u, -h.v, SHIFTS), a.conj() + i * b.conj()),
            ] {
                self.spectrum[index] = value;
                used[index / SHIFTS] = true;
            }
        }
        let rows = self.spectrum.chunks_exact_mut(SHIFTS);
        for (row, _) in rows.zip(used).filter(|(_, used)| *used) {
            self.rows.process(row);
        }
        fft::transpose(&self.spectrum, &mut self.values, SHIFTS, SHIFTS);
        self.rows.process(&mut self.values);
    }

    /// The largest and the smallest value of each of the two constellations.
    fn extremes(&self) -> [Extreme; 4] {
        // Eight running extremes at once, so that it vectorises.
        let (mut most, mut least) = ([f32::NEG_INFINITY; 8], [f32::INFINITY; 8]);
        for values in self.values.chunks_exact(4) {
            for lane in 0..8 {
                let value = PARTS[lane % 2](&values[lane / 2]);
                most[lane] = if value > most[lane] {
                    value
                } else {
                    most[lane]
                };
                least[lane] = if value < least[lane] {
                    value
                } else {
                    least[lane]
                };
            }
        }
        let of = |lanes: &[f32; 8], part: usize, choose: fn(f32, f32) -> f32| Extreme {
            part,
            value: lanes
                .iter()
                .copied()
                .skip(part)
                .step_by(2)
                .fold(lanes[part], choose),
        };
        [
            of(&most, 0, f32::max),
            of(&least, 0, f32::min),
            of(&most, 1, f32::max),
            of(&least, 1, f32::min),
        ]
    }

    /// Translation at which an extreme lies, in tiles.
    fn place(&self, extreme: Extreme) -> (f64, f64) {
        let is = |value: &Complex32| PARTS[extreme.part](value) == extreme.value;
        let index = self.values.iter().position(is).unwrap_or(0);
        let tiles = |steps: usize| steps as f64 / SHIFTS as f64;
        (tiles(index / SHIFTS), tiles(index % SHIFTS))
    }
}

/// Real and imaginary part.
const PARTS: [fn(&Complex32) -> f32; 2] = [|value| value.re, |value| value.im];

/// A largest or smallest correlation.
#[derive(Debug, Clone, Copy)]
struct Extreme {
    /// First or second constellation.
    part: usize,
    value: f32,
}

/// Sums of the real parts with a translation and with those a step beside it, row by row.
fn agreements(values: &[(Harmonic, Complex32)], shift: (f64, f64), step: f64) -> [f32; 9] {
    let mut sums = [0.0; 9];
    for &(h, value) in values {
        let value = value * rotation(h, shift);
        let across = rotation(h, (step, 0.0));
        let down = rotation(h, (0.0, step));
        for (row, turn) in sums
            .chunks_exact_mut(3)
            .zip([down.conj(), Complex32::ONE, down])
        {
            let value = value * turn;
            row[0] += (value * across.conj()).re;
            row[1] += value.re;
            row[2] += (value * across).re;
        }
    }
    sums
}

/// Place and size of the largest value.
fn largest(values: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, &value) in values.iter().enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best
}

/// Amplitude of the background at a harmonic, from the odd coefficients around it.
fn background(sums: &[Complex32], h: Harmonic) -> f32 {
    let mut log = 0.0;
    let mut count = 0.0;
    for du in -2..=2i32 {
        for dv in -2..=2i32 {
            if du % 2 != 0 || dv % 2 != 0 {
                let power = sums[bin(2 * h.u + du, 2 * h.v + dv, FOLD)].norm_sqr();
                log += (power + 1e-12).ln();
                count += 1.0;
            }
        }
    }
    (0.5 * log / count).exp()
}

/// Weights each ring of harmonics by how far its power exceeds the background: the matched
/// filter for a channel that took some rings away. Only magnitudes decide.
fn weigh(received: &mut [Complex32]) {
    let all = harmonics();
    let size = all.len().div_ceil(RINGS);
    let rings: Vec<&[Harmonic]> = all.chunks(size).collect();
    // A background estimated as a mean of logarithms is low by a factor exp(gamma).
    let floor = 0.577_215_7f32.exp();
    let excess: Vec<f32> = rings
        .iter()
        .map(|ring| {
            let power: f32 = ring
                .iter()
                .map(|h| received[bin(h.u, h.v, TILE)].norm_sqr())
                .sum();
            (power / ring.len() as f32 - floor).max(0.0)
        })
        .collect();
    let mean = excess.iter().sum::<f32>() / excess.len() as f32;
    for (number, ring) in rings.iter().enumerate() {
        let before = excess[number.saturating_sub(1)];
        let after = excess[(number + 1).min(excess.len() - 1)];
        let smooth = 0.25 * (before + after) + 0.5 * excess[number];
        let weight = (smooth + 0.3 * mean + 0.02).sqrt();
        for h in *ring {
            received[bin(h.u, h.v, TILE)] *= weight;
            received[bin(-h.u, -h.v, TILE)] *= weight;
        }
    }
}

/// Factor that gives the sum of the values' real parts unit variance when their phases are random.
fn unit_variance(values: impl Iterator<Item = Complex32>) -> f32 {
    let energy: f32 = values.map(|value| value.norm_sqr()).sum();
    (2.0 / energy.max(1e-12)).sqrt()
}

pub(crate) fn limited(value: Complex32) -> Complex32 {
    let size = value.norm();
    if size > LIMIT {
        value * (LIMIT / size)
    } else {
        value
    }
}

/// The displacement in lattice tiles of one in issued tiles.
pub(crate) fn turned(turn: Turn, (x, y): (f64, f64)) -> (f64, f64) {
    let t = turn.map(|row| row.map(f64::from));
    (t[0][0] * x + t[0][1] * y, t[1][0] * x + t[1][1] * y)
}

pub(crate) fn rotation(h: Harmonic, shift: (f64, f64)) -> Complex32 {
    let turns = f64::from(h.u) * shift.0 + f64::from(h.v) * shift.1;
    let (sin, cos) = (-std::f64::consts::TAU * turns.fract()).sin_cos();
    Complex32::new(cos as f32, sin as f32)
}

/// Adds every pixel to its place in the two by two tiles, spread over the four nearest samples.
fn accumulate(residual: &Plane, map: &TileMap) -> Vec<Complex32> {
    let mut sums = vec![0.0f32; FOLD * FOLD];
    let mask = FOLD - 1;
    // 16.16 fixed point wraps for free at a power of two.
    let fixed = |tiles: f64| (tiles * (TILE as f64) * 65536.0) as i64 as u32;
    for (y, row) in residual.rows().enumerate() {
        let centre = y as f64 + 0.5;
        for (number, run) in row.chunks(RUN).enumerate() {
            let x = (number * RUN) as f64 + 0.5;
            let start = map.at(x, centre);
            let end = map.at(x + RUN as f64, centre);
            let step = |a: f64, b: f64| fixed((b - a) / RUN as f64);
            let (mut tx, mut ty) = (fixed(start.0), fixed(start.1));
            let (sx, sy) = (step(start.0, end.0), step(start.1, end.1));
            for &value in run {
                let (ix, iy) = ((tx >> 16) as usize & mask, (ty >> 16) as usize & mask);
                let fx = (tx & 0xFFFF) as f32 * (1.0 / 65536.0);
                let fy = (ty & 0xFFFF) as f32 * (1.0 / 65536.0);
                let (upper, lower) = (iy * FOLD, ((iy + 1) & mask) * FOLD);
                let next = (ix + 1) & mask;
                let (a, b) = (value * (1.0 - fy), value * fy);
                sums[upper + ix] += a * (1.0 - fx);
                sums[upper + next] += a * fx;
                sums[lower + ix] += b * (1.0 - fx);
                sums[lower + next] += b * fx;
                tx = tx.wrapping_add(sx);
                ty = ty.wrapping_add(sy);
            }
        }
    }
    sums.into_iter().map(|v| Complex32::new(v, 0.0)).collect()
}
