//! Agreement with a known mark, place by place.
//!
//! The picture is cut into cells half a tile wide. Each is folded onto one tile and compared with
//! the whole carrier, payload and pilots, alone and together with the eight cells around it. How
//! much agreement a place *should* show follows from a model with one gain for each ring of
//! harmonics, fitted to the places that read: amplitude = gain times what the visibility mask and the
//! detector's weights let through there. Places that are flat, black or white count for nothing:
//! there the mark rounds away, or compression takes it, and its absence tells nothing.

use rustfft::num_complex::Complex32;

use crate::detect::Placement;
use crate::embed;
use crate::fft;
use crate::fold::{limited, rotation};
use crate::lattice::{Harmonic, Layout, bin};
use crate::mask::visibility_mask;
use crate::message::Payload;
use crate::plane::Plane;
use crate::residual::{weight, weighted_residual_and_spread};
use crate::tile_map::TileMap;
use crate::track::{FOLD, splat};

/// Side of a cell in tiles.
const CELL: f64 = 0.5;
/// Most cells along the long side of the picture.
const MOST_CELLS: f64 = 40.0;
/// Rings of harmonics that have one noise power and one gain.
const RINGS: usize = 12;
/// Shifts against the placement that are tried, in steps to each side, and the step in tiles.
const REACH: i32 = 2;
const STEP: f64 = 0.0125;
/// Index of no shift at all.
const CENTRE: usize = ((2 * REACH + 1) * (2 * REACH + 1) / 2) as usize;
/// Agreement, in standard deviations, from which a neighbourhood counts for the gains.
pub(crate) const BELIEVED: f32 = 4.5;
/// Local spread, in grey levels, from which a place should show the mark; the least there is, 1, is
/// that of one colour.
const LIVELY: f32 = 1.2;
/// Distance from black and white, in grey levels, from which a place should show it.
const ROOM: f32 = 6.0;
/// Agreement from which a neighbourhood tells whether the mark lies where the map says.
const TELLS_PLACE: f32 = 6.0;
/// Share of those neighbourhoods that may fit better elsewhere. In flat pictures, however turned
/// and scaled, at most 0.05 of them do, under perspective of 5 % and bends of 1 % at least 0.26.
const ASTRAY: f32 = 0.1;
/// Least gain of a ring relative to the mean: a ring that is lost in most places may survive in some.
const LEAST_GAIN: f32 = 0.02;

/// What a part of a picture says about a mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    /// Correlation with the mark in standard deviations of no mark.
    pub(crate) agreement: f32,
    /// The correlation that the model expects.
    pub(crate) expected: f32,
    /// Mean local spread, in grey levels, of what should show the mark; 0 where nothing should.
    pub(crate) spread: f32,
}

/// A cell by itself and with the cells around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CellEvidence {
    pub(crate) alone: Evidence,
    pub(crate) around: Evidence,
    /// Whether the mark fits best, with the cells around, where the map says.
    pub(crate) in_place: bool,
}

/// The cells of a plane, row by row.
pub(crate) struct Cells {
    pub(crate) columns: usize,
    /// Width and height of one in pixels of the plane.
    pub(crate) size: (f64, f64),
    pub(crate) evidence: Vec<CellEvidence>,
}

impl Cells {
    /// Whether the mark lies where the map says, in nearly all cells that can tell.
    pub(crate) fn in_place(&self) -> bool {
        let tells = |cell: &&CellEvidence| cell.around.agreement >= TELLS_PLACE;
        let telling = self.evidence.iter().filter(tells);
        let astray = telling.clone().filter(|cell| !cell.in_place).count();
        astray as f32 <= ASTRAY * telling.count() as f32
    }

    /// Middle, in pixels, of the cell around which the mark reads best.
    pub(crate) fn clearest(&self) -> (f64, f64) {
        let agreement = |index: &usize| self.evidence[*index].around.agreement;
        let best = (0..self.evidence.len())
            .max_by(|a, b| agreement(a).total_cmp(&agreement(b)))
            .unwrap_or(0);
        let middle = |index: usize, size: f64| (index as f64 + 0.5) * size;
        let (column, row) = (best % self.columns, best / self.columns);
        (middle(column, self.size.0), middle(row, self.size.1))
    }
}

/// A plane as it is compared.
pub(crate) struct Examined {
    pub(crate) residual: Plane,
    spread: Plane,
    /// Strength with which a mark of unit gain should come through; 0 where none should.
    capacity: Plane,
}

impl Examined {
    pub(crate) fn new(luma: &Plane) -> Self {
        let (residual, spread) = weighted_residual_and_spread(luma);
        let mut capacity = visibility_mask(luma);
        let places = luma.data().iter().zip(spread.data());
        for (capacity, (&luma, &spread)) in capacity.data_mut().iter_mut().zip(places) {
            let shows = spread >= LIVELY && (ROOM..=255.0 - ROOM).contains(&luma);
            *capacity *= if shows { weight(spread) } else { 0.0 };
        }
        Self {
            residual,
            spread,
            capacity,
        }
    }
}

/// Compares every cell of a plane with the carrier that lies in it as `map` says.
pub(crate) fn compared(plane: &Examined, map: &TileMap, carrier: &Carrier) -> Cells {
    let grid = Grid::new(&plane.residual, map);
    let parts = grid.parts(plane, map, carrier);
    let every_shift: Vec<usize> = (0..carrier.shifts.len()).collect();
    let around: Vec<Block> = (0..parts.len())
        .map(|index| Block::new(grid.around(&parts, index), carrier, &every_shift))
        .collect();
    let gains = gains(&around);
    let evidence = parts
        .into_iter()
        .zip(&around)
        .map(|(part, around)| {
            let (around, shift) = around.evidence(&gains);
            let (alone, _) = Block::new(part, carrier, &[CENTRE, shift]).evidence(&gains);
            CellEvidence {
                alone,
                around,
                in_place: shift == CENTRE,
            }
        })
        .collect();
    Cells {
        columns: grid.columns,
        size: grid.cell,
        evidence,
    }
}

/// All harmonics of one mark, in order of radius.
pub(crate) struct Carrier {
    /// Where in a folded picture's spectrum each lies.
    bins: Vec<usize>,
    /// Conjugate of what is expected there.
    expected: Vec<Complex32>,
    /// The rotation of each under every shift that is tried.
    shifts: Vec<Vec<Complex32>>,
}

impl Carrier {
    /// The mark of `payload` with the code word `word`, placed as it was found.
    pub(crate) fn new(
        layout: &Layout,
        payload: Payload,
        word: &[bool],
        placement: &Placement,
    ) -> Self {
        let (constellation, _) = embed::place(payload);
        let signs = layout.signs(word);
        let quarter = std::f32::consts::FRAC_1_SQRT_2;
        let payload = layout.payload.iter().zip(signs.chunks_exact(2));
        let payload = payload.map(|(&h, sign)| (h, Complex32::new(sign[0], sign[1]) * quarter));
        let pilots = layout
            .pilots
            .iter()
            .zip(&layout.pilot_phases[constellation]);
        let mut all: Vec<(Harmonic, Complex32)> = payload
            .chain(pilots.map(|(&h, &phase)| (h, phase)))
            .collect();
        all.sort_by(|a, b| a.0.radius().total_cmp(&b.0.radius()));
        let turn = placement.turn;
        let lies = |h: &Harmonic| {
            bin(
                turn[0][0] * h.u + turn[0][1] * h.v,
                turn[1][0] * h.u + turn[1][1] * h.v,
                FOLD,
            )
        };
        let steps = (-REACH..=REACH).flat_map(|y| (-REACH..=REACH).map(move |x| (x, y)));
        let offsets = steps.map(|(x, y)| (f64::from(x) * STEP, f64::from(y) * STEP));
        Self {
            bins: all.iter().map(|(h, _)| lies(h)).collect(),
            expected: all
                .iter()
                .map(|(h, phase)| phase.conj() * rotation(*h, placement.shift) * placement.sign)
                .collect(),
            shifts: offsets
                .map(|offset| all.iter().map(|(h, _)| rotation(*h, offset)).collect())
                .collect(),
        }
    }

    /// What was received at each harmonic of a folded spectrum, the mark's own phase taken off.
    fn received(&self, spectrum: &[Complex32]) -> Vec<Complex32> {
        let each = self.bins.iter().zip(&self.expected);
        each.map(|(&bin, expected)| spectrum[bin] * expected)
            .collect()
    }

    fn ring_size(&self) -> usize {
        self.bins.len().div_ceil(RINGS)
    }
}

/// The cells that a plane is cut into.
struct Grid {
    columns: usize,
    rows: usize,
    cell: (f64, f64),
}

/// Sums over a cell or several.
#[derive(Clone)]
struct Part {
    received: Vec<Complex32>,
    /// Strength of the mark relative to its gain.
    capacity: f32,
    /// Sum of the local spreads where the mark should show, and how many places these are.
    spread: f32,
    lively: f32,
}

impl Grid {
    fn new(plane: &Plane, map: &TileMap) -> Self {
        let (width, height) = (plane.width() as f64, plane.height() as f64);
        let tile = map.tile_side(width / 2.0, height / 2.0);
        let side = (CELL * tile).max(width.max(height) / MOST_CELLS);
        let count = |length: f64| (length / side).round().max(1.0);
        let (columns, rows) = (count(width), count(height));
        Self {
            columns: columns as usize,
            rows: rows as usize,
            cell: (width / columns, height / rows),
        }
    }

    /// Every cell folded onto the tile.
    fn parts(&self, plane: &Examined, map: &TileMap, carrier: &Carrier) -> Vec<Part> {
        let width = plane.residual.width();
        let edge = |index: usize, size: f64| (index as f64 * size).round() as usize;
        let mut tile = vec![Complex32::default(); FOLD * FOLD];
        (0..self.columns * self.rows)
            .map(|index| {
                let (column, row) = (index % self.columns, index / self.columns);
                let (x0, x1) = (edge(column, self.cell.0), edge(column + 1, self.cell.0));
                let (y0, y1) = (edge(row, self.cell.1), edge(row + 1, self.cell.1));
                tile.fill(Complex32::default());
                let (mut capacity, mut spread, mut lively) = (0.0, 0.0, 0.0);
                for y in y0..y1 {
                    let scale = |(x, y): (f64, f64)| (x * FOLD as f64, y * FOLD as f64);
                    let start = scale(map.at(x0 as f64 + 0.5, y as f64 + 0.5));
                    let end = scale(map.at(x1 as f64 + 0.5, y as f64 + 0.5));
                    let count = (x1 - x0) as f64;
                    let step = ((end.0 - start.0) / count, (end.1 - start.1) / count);
                    let mut at = start;
                    for pixel in y * width + x0..y * width + x1 {
                        splat(&mut tile, at, plane.residual.data()[pixel]);
                        at = (at.0 + step.0, at.1 + step.1);
                        let here = plane.capacity.data()[pixel];
                        if here > 0.0 {
                            capacity += here;
                            spread += plane.spread.data()[pixel];
                            lively += 1.0;
                        }
                    }
                }
                fft::forward_square(&mut tile, FOLD);
                Part {
                    received: carrier.received(&tile),
                    capacity,
                    spread,
                    lively,
                }
            })
            .collect()
    }

    /// A cell and those around it under a window that falls by half a cell: folded, it is uniform
    /// over the tile, so that the harmonics do not leak into each other.
    fn around(&self, parts: &[Part], index: usize) -> Part {
        let (column, row) = (index % self.columns, index / self.columns);
        let mut sum = Part {
            received: vec![Complex32::default(); parts[index].received.len()],
            capacity: 0.0,
            spread: 0.0,
            lively: 0.0,
        };
        for y in row.saturating_sub(1)..(row + 2).min(self.rows) {
            for x in column.saturating_sub(1)..(column + 2).min(self.columns) {
                let half = |apart: usize| if apart == 0 { 1.0 } else { 0.5 };
                let share = half(x.abs_diff(column)) * half(y.abs_diff(row));
                sum.add(&parts[y * self.columns + x], share);
            }
        }
        sum
    }
}

impl Part {
    fn add(&mut self, other: &Self, share: f32) {
        for (sum, value) in self.received.iter_mut().zip(&other.received) {
            *sum += value * share;
        }
        self.capacity += share * other.capacity;
        self.spread += share * other.spread;
        self.lively += share * other.lively;
    }
}

/// A part compared with the carrier, ring by ring, in units of its own noise.
struct Block {
    /// Sum over each ring's harmonics of the real part along the carrier, for each shift tried.
    sums: Vec<(usize, [f32; RINGS])>,
    /// Variance of such a sum under no mark.
    variance: [f32; RINGS],
    /// Harmonics.
    count: [f32; RINGS],
    /// Capacity over the noise amplitude.
    capacity: [f32; RINGS],
    spread: f32,
}

impl Block {
    fn new(part: Part, carrier: &Carrier, shifts: &[usize]) -> Self {
        let size = carrier.ring_size();
        let mut values = part.received;
        let [mut variance, mut count, mut capacity] = [[0.0; RINGS]; 3];
        for (k, ring) in values.chunks_mut(size).enumerate() {
            let power: f32 = ring.iter().map(Complex32::norm_sqr).sum();
            count[k] = ring.len() as f32;
            let noise = (power / count[k]).sqrt().max(1e-6);
            for value in ring.iter_mut() {
                *value = limited(*value / noise);
            }
            variance[k] = 0.5 * ring.iter().map(Complex32::norm_sqr).sum::<f32>();
            capacity[k] = part.capacity / noise;
        }
        let sums = |&shift: &usize| {
            let mut sums = [0.0; RINGS];
            let rings = values.chunks(size).zip(carrier.shifts[shift].chunks(size));
            for (sum, (values, rotations)) in sums.iter_mut().zip(rings) {
                *sum = real_product(values, rotations);
            }
            (shift, sums)
        };
        Self {
            sums: shifts.iter().map(sums).collect(),
            variance,
            count,
            capacity,
            spread: part.spread / part.lively.max(1.0),
        }
    }

    /// The best shift by a filter with the given weights, and the correlation there.
    fn best(&self, weights: &[f32; RINGS]) -> (&(usize, [f32; RINGS]), f32) {
        let weighted = |sums: &[f32; RINGS]| -> f32 {
            sums.iter()
                .zip(weights)
                .map(|(sum, weight)| sum * weight)
                .sum()
        };
        let variance: f32 = self
            .variance
            .iter()
            .zip(weights)
            .map(|(variance, w)| variance * w * w)
            .sum();
        let scale = 1.0 / variance.max(f32::MIN_POSITIVE).sqrt();
        let mut best = (&self.sums[0], f32::NEG_INFINITY);
        for each in &self.sums {
            let z = weighted(&each.1) * scale;
            if z > best.1 {
                best = (each, z);
            }
        }
        best
    }

    /// Evidence by the matched filter, and the shift at which it is best.
    fn evidence(&self, gains: &[f32; RINGS]) -> (Evidence, usize) {
        let weights: [f32; RINGS] = std::array::from_fn(|k| gains[k] * self.capacity[k]);
        // No more than all of the power received can be the mark's.
        let each = weights.iter().zip(&self.count);
        let power: f32 = each
            .map(|(w, count)| 2.0 * count * w.min(1.0).powi(2))
            .sum();
        let ((shift, _), agreement) = self.best(&weights);
        let evidence = Evidence {
            agreement,
            expected: power.sqrt(),
            spread: self.spread,
        };
        (evidence, *shift)
    }
}

/// Sum of the real parts of the products; four sums at once, so that it vectorises.
fn real_product(a: &[Complex32], b: &[Complex32]) -> f32 {
    let mut lanes = [0.0f32; 4];
    for (a, b) in a.chunks(4).zip(b.chunks(4)) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a.re * b.re - a.im * b.im;
        }
    }
    lanes.iter().sum()
}

/// The gain of each ring by least squares over the blocks that read, every ring counting alike.
fn gains(blocks: &[Block]) -> [f32; RINGS] {
    let (mut products, mut squares) = ([0.0f32; RINGS], [0.0f32; RINGS]);
    for block in blocks {
        let ((_, sums), agreement) = block.best(&[1.0; RINGS]);
        if agreement >= BELIEVED {
            for k in 0..RINGS {
                products[k] += block.capacity[k] * sums[k] / block.count[k].max(1.0);
                squares[k] += block.capacity[k] * block.capacity[k];
            }
        }
    }
    let gains: [f32; RINGS] =
        std::array::from_fn(|k| (products[k] / squares[k].max(1e-9)).max(0.0));
    let mean = gains.iter().sum::<f32>() / RINGS as f32;
    // Without a block that reads nothing is expected anywhere.
    gains.map(|gain| gain.max(LEAST_GAIN * mean).max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_product_counts_every_term() {
        let values: Vec<Complex32> = (0..11).map(|i| Complex32::new(i as f32, 1.0)).collect();
        // i * i - 1, summed over 0 to 10.
        assert_eq!(real_product(&values, &values), 385.0 - 11.0);
    }

    #[test]
    fn a_window_over_equal_cells_is_uniform() {
        let part = Part {
            received: vec![Complex32::new(1.0, 0.0)],
            capacity: 1.0,
            spread: 2.0,
            lively: 1.0,
        };
        let grid = Grid {
            columns: 3,
            rows: 3,
            cell: (1.0, 1.0),
        };
        let parts = vec![part; 9];
        let middle = grid.around(&parts, 4);
        assert_eq!(
            (middle.lively, middle.spread, middle.received[0].re),
            (4.0, 8.0, 4.0)
        );
        assert_eq!(
            grid.around(&parts, 0).lively,
            2.25,
            "outside there is nothing"
        );
    }
}
