//! Following the carrier from where it was found over the rest of the picture.
//!
//! Perspective, bends and pasting leave no single affine map. Block by block, outwards from a
//! place where the pose is known, the pilots tell how far the tile has drifted from what the
//! neighbouring blocks predict.

use rustfft::num_complex::Complex32;

use crate::fft;
use crate::fold::{Alignment, limited, rotation, turned};
use crate::lattice::{Harmonic, Layout, bin};
use crate::plane::Plane;
use crate::tile_map::{Mesh, TileMap};

/// Distance between blocks, in tiles of the place where the following starts.
const HOP: f64 = 0.6;
/// Side of a block in hops.
const SPAN: f64 = 2.4;
/// Samples across the tile onto which a block is folded.
pub(crate) const FOLD: usize = 64;
/// Largest drift from one block to the next, in tiles, and the step in which it is sought.
const DRIFT: f64 = 0.05;
const STEP: f64 = 0.0125;
/// Agreement of the pilots, in standard deviations, from which a block is believed.
const BELIEVED: f32 = 3.4;

/// One block of the grid.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Drift from the starting map, in tiles.
    drift: (f64, f64),
    /// Agreement of the pilots; none if the block was not reached.
    z: Option<f32>,
}

/// The grid of blocks over a picture.
struct Grid<'a> {
    residual: &'a Plane,
    layout: &'a Layout,
    map: &'a TileMap,
    alignment: Alignment,
    hop: f64,
    columns: usize,
    rows: usize,
    blocks: Vec<Block>,
}

/// The map with the drift that the pilots show, followed from `start` (in pixels), and the number
/// of blocks that were believed.
pub(crate) fn followed(
    residual: &Plane,
    layout: &Layout,
    map: &TileMap,
    alignment: Alignment,
    start: (f64, f64),
) -> (TileMap, usize) {
    let tile = map.tile_side(start.0, start.1);
    let hop = (HOP * tile).max(8.0);
    let columns = (residual.width() as f64 / hop).ceil() as usize + 1;
    let rows = (residual.height() as f64 / hop).ceil() as usize + 1;
    let mut grid = Grid {
        residual,
        layout,
        map,
        alignment,
        hop,
        columns,
        rows,
        blocks: vec![Block::default(); columns * rows],
    };
    let believed = grid.grow(start);
    let drift = grid.filled();
    (map.with_mesh(Mesh::new(hop, columns, drift)), believed)
}

impl Grid<'_> {
    /// Measures blocks outwards from the start, always the one with the best neighbours next.
    fn grow(&mut self, start: (f64, f64)) -> usize {
        let nearest = |v: f64, count: usize| ((v / self.hop).round() as usize).min(count - 1);
        let first = nearest(start.1, self.rows) * self.columns + nearest(start.0, self.columns);
        let mut done = vec![false; self.blocks.len()];
        let mut front: Vec<(usize, f32)> = vec![(first, f32::INFINITY)];
        let mut believed = 0;
        while let Some(at) = (0..front.len()).max_by(|&a, &b| front[a].1.total_cmp(&front[b].1)) {
            let (block, _) = front.swap_remove(at);
            if std::mem::replace(&mut done[block], true) {
                continue;
            }
            let predicted = self.predicted(block);
            let (drift, z) = self.measured(block, predicted);
            if z < BELIEVED {
                continue;
            }
            believed += 1;
            self.blocks[block] = Block { drift, z: Some(z) };
            let (column, row) = (block % self.columns, block / self.columns);
            let around = [
                (column.wrapping_sub(1), row),
                (column + 1, row),
                (column, row.wrapping_sub(1)),
                (column, row + 1),
            ];
            for (c, r) in around {
                if c < self.columns && r < self.rows && !done[r * self.columns + c] {
                    front.push((r * self.columns + c, z));
                }
            }
        }
        believed
    }

    /// The drift at a block by a weighted plane through the believed blocks around it.
    fn predicted(&self, block: usize) -> (f64, f64) {
        let (column, row) = ((block % self.columns) as f64, (block / self.columns) as f64);
        let mut normal = [[0.0f64; 3]; 3];
        let mut right = [[0.0f64; 3]; 2];
        for (index, other) in self.blocks.iter().enumerate() {
            let Some(z) = other.z else { continue };
            let dx = (index % self.columns) as f64 - column;
            let dy = (index / self.columns) as f64 - row;
            let weight = f64::from(z) * (-(dx * dx + dy * dy) / 6.0).exp();
            if weight < 1e-4 {
                continue;
            }
            let basis = [1.0, dx, dy];
            for i in 0..3 {
                for j in 0..3 {
                    normal[i][j] += weight * basis[i] * basis[j];
                }
                right[0][i] += weight * basis[i] * other.drift.0;
                right[1][i] += weight * basis[i] * other.drift.1;
            }
        }
        // Few or collinear blocks: no slope rather than a wild one.
        normal[1][1] += 4.0;
        normal[2][2] += 4.0;
        normal[0][0] += 1e-9;
        (solved(normal, right[0]), solved(normal, right[1]))
    }

    /// Drift and agreement of a block near a predicted drift.
    fn measured(&self, block: usize, predicted: (f64, f64)) -> ((f64, f64), f32) {
        let centre = (
            (block % self.columns) as f64 * self.hop,
            (block / self.columns) as f64 * self.hop,
        );
        let pilots = self.pilots(centre, predicted);
        let energy: f32 = pilots.iter().map(|(_, value)| value.norm_sqr()).sum();
        let scale = (2.0 / energy.max(1e-12)).sqrt();
        let agreement = |offset: (f64, f64)| -> f32 {
            let sum: f32 = pilots
                .iter()
                .map(|(h, value)| (value * rotation(*h, offset)).re)
                .sum();
            sum * scale
        };
        let steps = (DRIFT / STEP).round() as i32;
        let mut best = ((0.0, 0.0), agreement((0.0, 0.0)));
        for j in -steps..=steps {
            for i in -steps..=steps {
                let offset = (f64::from(i) * STEP, f64::from(j) * STEP);
                let z = agreement(offset);
                if z > best.1 {
                    best = (offset, z);
                }
            }
        }
        let mut reach = STEP / 2.0;
        for _ in 0..2 {
            let middle = best.0;
            for (dx, dy) in [(-reach, 0.0), (reach, 0.0), (0.0, -reach), (0.0, reach)] {
                let offset = (middle.0 + dx, middle.1 + dy);
                let z = agreement(offset);
                if z > best.1 {
                    best = (offset, z);
                }
            }
            reach /= 2.0;
        }
        // The offset is in issued tiles, the drift in tiles of the lattice.
        let drift = turned(self.alignment.turn, best.0);
        ((predicted.0 + drift.0, predicted.1 + drift.1), best.1)
    }

    /// Pilots received in a block, their own phases taken off.
    fn pilots(&self, centre: (f64, f64), drift: (f64, f64)) -> Vec<(Harmonic, Complex32)> {
        let half = SPAN * self.hop / 2.0;
        let bound = |v: f64, limit: usize| v.clamp(0.0, limit as f64) as usize;
        let (width, height) = (self.residual.width(), self.residual.height());
        let (x0, x1) = (bound(centre.0 - half, width), bound(centre.0 + half, width));
        let (y0, y1) = (
            bound(centre.1 - half, height),
            bound(centre.1 + half, height),
        );
        let mut tile = vec![Complex32::default(); FOLD * FOLD];
        let side = FOLD as f64;
        for y in y0..y1 {
            let row = &self.residual.data()[y * width..][..width];
            let start = self.map.at(x0 as f64 + 0.5, y as f64 + 0.5);
            let end = self.map.at(x1 as f64 + 0.5, y as f64 + 0.5);
            let count = (x1 - x0) as f64;
            let step = (
                (end.0 - start.0) / count * side,
                (end.1 - start.1) / count * side,
            );
            let mut at = ((start.0 + drift.0) * side, (start.1 + drift.1) * side);
            for &value in &row[x0..x1] {
                splat(&mut tile, at, value);
                at = (at.0 + step.0, at.1 + step.1);
            }
        }
        fft::forward_square(&mut tile, FOLD);
        let phases = &self.layout.pilot_phases[self.alignment.constellation];
        let turn = self.alignment.turn;
        let received = |h: &Harmonic| {
            let u = turn[0][0] * h.u + turn[0][1] * h.v;
            let v = turn[1][0] * h.u + turn[1][1] * h.v;
            tile[bin(u, v, FOLD)]
        };
        let rms = {
            let power: f32 = self
                .layout
                .pilots
                .iter()
                .map(|h| received(h).norm_sqr())
                .sum();
            (power / self.layout.pilots.len() as f32).sqrt().max(1e-9)
        };
        self.layout
            .pilots
            .iter()
            .zip(phases)
            .map(|(&h, phase)| {
                let value = limited(received(&h) / rms);
                (
                    h,
                    value * phase.conj() * rotation(h, self.alignment.shift) * self.alignment.sign,
                )
            })
            .collect()
    }

    /// The drift of every block: measured where believed, else that of the blocks around.
    fn filled(&self) -> Vec<(f64, f64)> {
        (0..self.blocks.len())
            .map(|block| match self.blocks[block].z {
                Some(_) => self.blocks[block].drift,
                None => self.predicted(block),
            })
            .collect()
    }
}

/// Adds a value to the four samples around a place.
pub(crate) fn splat(tile: &mut [Complex32], (x, y): (f64, f64), value: f32) {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = ((x - x0) as f32, (y - y0) as f32);
    let mask = FOLD as i64 - 1;
    let (ix, iy) = ((x0 as i64 & mask) as usize, (y0 as i64 & mask) as usize);
    let (nx, ny) = ((ix + 1) & (FOLD - 1), (iy + 1) & (FOLD - 1));
    tile[iy * FOLD + ix].re += value * (1.0 - fx) * (1.0 - fy);
    tile[iy * FOLD + nx].re += value * fx * (1.0 - fy);
    tile[ny * FOLD + ix].re += value * (1.0 - fx) * fy;
    tile[ny * FOLD + nx].re += value * fx * fy;
}

/// First unknown of a symmetric positive system of three, by Cramer's rule.
fn solved(m: [[f64; 3]; 3], r: [f64; 3]) -> f64 {
    let minor = |a: usize, b: usize, c: usize, d: usize| m[1][a] * m[2][b] - m[1][c] * m[2][d];
    let det =
        m[0][0] * minor(1, 2, 2, 1) - m[0][1] * minor(0, 2, 2, 0) + m[0][2] * minor(0, 1, 1, 0);
    if det.abs() < 1e-15 {
        return 0.0;
    }
    let top = r[0] * minor(1, 2, 2, 1) - m[0][1] * (r[1] * m[2][2] - m[1][2] * r[2])
        + m[0][2] * (r[1] * m[2][1] - m[1][1] * r[2]);
    top / det
}
