//! Two-dimensional Fourier transforms on top of `rustfft` and `realfft`.

use std::cell::RefCell;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

thread_local! {
    static COMPLEX: RefCell<FftPlanner<f32>> = RefCell::new(FftPlanner::new());
    static REAL: RefCell<RealFftPlanner<f32>> = RefCell::new(RealFftPlanner::new());
}

fn complex_plan(length: usize, inverse: bool) -> Arc<dyn Fft<f32>> {
    COMPLEX.with_borrow_mut(|planner| {
        if inverse {
            planner.plan_fft_inverse(length)
        } else {
            planner.plan_fft_forward(length)
        }
    })
}

fn real_plan(length: usize) -> Arc<dyn RealToComplex<f32>> {
    REAL.with_borrow_mut(|planner| planner.plan_fft_forward(length))
}

/// The transform of lines of a length, without scaling.
pub(crate) fn forward_plan(length: usize) -> Arc<dyn Fft<f32>> {
    complex_plan(length, false)
}

/// The next length that has a fast transform: a power of two times 1, 3, 5 or 9.
pub(crate) fn fast_length(least: usize) -> usize {
    let up = |factor: usize| factor * least.div_ceil(factor).next_power_of_two();
    [up(1), up(3), up(5), up(9)]
        .into_iter()
        .min()
        .unwrap_or(least)
        .max(2)
}

/// Writes the transpose of a `rows * columns` matrix into `out`.
pub(crate) fn transpose(input: &[Complex32], out: &mut [Complex32], rows: usize, columns: usize) {
    transpose_part(
        Lines {
            values: input,
            stride: columns,
            skip: 0,
        },
        out,
        rows,
        (rows, columns),
    );
}

/// Lines of a matrix, each from some place on.
#[derive(Clone, Copy)]
struct Lines<'a> {
    values: &'a [Complex32],
    /// From one line to the next.
    stride: usize,
    /// Values at the beginning of a line that are left out.
    skip: usize,
}

/// Writes the transpose of `rows` lines of `columns` values into `out`, whose lines are `stride` long.
fn transpose_part(
    input: Lines<'_>,
    out: &mut [Complex32],
    stride: usize,
    (rows, columns): (usize, usize),
) {
    /// Eight values fill a cache line.
    const BLOCK: usize = 8;
    let line = |r: usize| &input.values[r * input.stride + input.skip..][..columns];
    let whole_rows = rows / BLOCK * BLOCK;
    for row in (0..whole_rows).step_by(BLOCK) {
        let lines: [&[Complex32]; BLOCK] = std::array::from_fn(|i| line(row + i));
        for (c, target) in out.chunks_mut(stride).take(columns).enumerate() {
            let column: [Complex32; BLOCK] = std::array::from_fn(|i| lines[i][c]);
            target[row..row + BLOCK].copy_from_slice(&column);
        }
    }
    for row in whole_rows..rows {
        for (target, value) in out.chunks_mut(stride).zip(line(row)) {
            target[row] = *value;
        }
    }
}

/// Transform of a square in place, without scaling; `side * side` values.
fn square(data: &mut [Complex32], side: usize, inverse: bool) {
    let plan = complex_plan(side, inverse);
    let mut other = vec![Complex32::default(); data.len()];
    plan.process(data);
    transpose(data, &mut other, side, side);
    plan.process(&mut other);
    transpose(&other, data, side, side);
}

pub(crate) fn forward_square(data: &mut [Complex32], side: usize) {
    square(data, side, false);
}

pub(crate) fn inverse_square(data: &mut [Complex32], side: usize) {
    square(data, side, true);
}

/// Transform of a real square of which only the first `filled` rows are not zero: the non-negative half of
/// the horizontal frequencies, stored frequency by frequency: index `kx * side + ky`.
pub(crate) fn forward_real(filled: &mut [f32], side: usize) -> Vec<Complex32> {
    let half = side / 2 + 1;
    let count = filled.len() / side;
    let plan = real_plan(side);
    let mut rows = vec![Complex32::default(); half * count];
    let mut scratch = plan.make_scratch_vec();
    for (input, output) in filled
        .chunks_exact_mut(side)
        .zip(rows.chunks_exact_mut(half))
    {
        // The lengths are the plan's own, so it cannot refuse them.
        let _ = plan.process_with_scratch(input, output, &mut scratch);
    }
    let mut columns = vec![Complex32::default(); half * side];
    let rows = Lines {
        values: &rows,
        stride: half,
        skip: 0,
    };
    transpose_part(rows, &mut columns, side, (count, half));
    complex_plan(side, false).process(&mut columns);
    columns
}

/// Inverse of [`forward_real`] without scaling, about the origin: real values for places from `-reach` to
/// `reach` each way, row by row. `columns` holds the first frequencies `kx`; the others are zero.
pub(crate) fn inverse_real_centre(
    mut columns: Vec<Complex32>,
    side: usize,
    reach: usize,
) -> Vec<f32> {
    let half = side / 2 + 1;
    let used = columns.len() / side;
    complex_plan(side, true).process(&mut columns);
    let width = 2 * reach + 1;
    let mut rows = vec![Complex32::default(); half * width];
    // Negative places come from the end of the period.
    let (before, after) = rows.split_at_mut(half * reach);
    for (part, skip) in [(before, side - reach), (after, 0)] {
        let count = part.len() / half;
        let values = Lines {
            values: &columns,
            stride: side,
            skip,
        };
        transpose_part(values, part, half, (used, count));
    }
    let plan = REAL.with_borrow_mut(|planner| planner.plan_fft_inverse(side));
    let mut scratch = plan.make_scratch_vec();
    let mut line = vec![0.0; side];
    let mut out = Vec::with_capacity(width * width);
    for input in rows.chunks_exact_mut(half) {
        // Rounding leaves a tiny imaginary part where the transform of real data has none.
        input[0].im = 0.0;
        input[half - 1].im = 0.0;
        let _ = plan.process_with_scratch(input, &mut line, &mut scratch);
        out.extend_from_slice(&line[side - reach..]);
        out.extend_from_slice(&line[..=reach]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_round_trip() {
        let (side, filled, reach) = (24, 13, 9);
        let mut data = vec![0.0f32; side * side];
        for (i, value) in data.iter_mut().take(side * filled).enumerate() {
            *value = ((i * i) % 17) as f32;
        }
        let spectrum = forward_real(&mut data[..side * filled].to_vec(), side);
        let back = inverse_real_centre(spectrum, side, reach);
        let scale = 1.0 / (side * side) as f32;
        let width = 2 * reach + 1;
        for (i, value) in back.iter().enumerate() {
            let place = |at: usize| (at + side - reach) % side;
            let (x, y) = (place(i % width), place(i / width));
            assert!((data[y * side + x] - value * scale).abs() < 1e-3);
        }
    }

    /// What is left out because it is zero changes no bit of the result.
    #[test]
    fn zeros_may_be_left_out() {
        let (side, filled, used) = (48, 20, 11);
        let data: Vec<f32> = (0..side * filled).map(|i| ((i * 7) % 23) as f32).collect();
        let mut padded = data.clone();
        padded.resize(side * side, 0.0);
        let short = forward_real(&mut data.clone(), side);
        assert_eq!(short, forward_real(&mut padded, side));
        let mut band = short;
        band.truncate(side * used);
        let short = inverse_real_centre(band.clone(), side, 10);
        band.resize(side * (side / 2 + 1), Complex32::default());
        assert_eq!(short, inverse_real_centre(band, side, 10));
    }

    #[test]
    fn a_transpose_of_any_shape() {
        for (rows, columns) in [(1, 1), (8, 8), (9, 17), (16, 5), (3, 20)] {
            let input: Vec<Complex32> = (0..rows * columns)
                .map(|i| Complex32::new(i as f32, -(i as f32)))
                .collect();
            let mut out = vec![Complex32::default(); rows * columns];
            transpose(&input, &mut out, rows, columns);
            for r in 0..rows {
                for c in 0..columns {
                    assert_eq!(out[c * rows + r], input[r * columns + c]);
                }
            }
        }
    }

    #[test]
    fn square_finds_a_harmonic() {
        let side = 16;
        let mut data: Vec<Complex32> = (0..side * side)
            .map(|i| {
                let phase =
                    std::f32::consts::TAU * (3 * (i % side) + 5 * (i / side)) as f32 / side as f32;
                Complex32::new(phase.cos(), phase.sin())
            })
            .collect();
        forward_square(&mut data, side);
        let peak = data
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.norm().total_cmp(&b.1.norm()));
        assert_eq!(peak.map(|p| p.0), Some(5 * side + 3));
    }
}
