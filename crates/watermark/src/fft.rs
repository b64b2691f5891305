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
    const BLOCK: usize = 16;
    for row in (0..rows).step_by(BLOCK) {
        for column in (0..columns).step_by(BLOCK) {
            for r in row..(row + BLOCK).min(rows) {
                for c in column..(column + BLOCK).min(columns) {
                    out[c * rows + r] = input[r * columns + c];
                }
            }
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

/// Transform of a real `height * width` matrix: the non-negative half of the horizontal
/// frequencies, stored frequency by frequency: index `kx * height + ky`.
pub(crate) fn forward_real(data: &mut [f32], width: usize, height: usize) -> Vec<Complex32> {
    let half = width / 2 + 1;
    let plan = real_plan(width);
    let mut rows = vec![Complex32::default(); half * height];
    let mut scratch = plan.make_scratch_vec();
    for (input, output) in data
        .chunks_exact_mut(width)
        .zip(rows.chunks_exact_mut(half))
    {
        // The lengths are the plan's own, so it cannot refuse them.
        let _ = plan.process_with_scratch(input, output, &mut scratch);
    }
    let mut columns = vec![Complex32::default(); half * height];
    transpose(&rows, &mut columns, height, half);
    complex_plan(height, false).process(&mut columns);
    columns
}

/// Inverse of [`forward_real`] without scaling: `height * width` real values.
pub(crate) fn inverse_real(mut columns: Vec<Complex32>, width: usize, height: usize) -> Vec<f32> {
    let half = width / 2 + 1;
    complex_plan(height, true).process(&mut columns);
    let mut rows = vec![Complex32::default(); half * height];
    transpose(&columns, &mut rows, half, height);
    let plan = REAL.with_borrow_mut(|planner| planner.plan_fft_inverse(width));
    let mut scratch = plan.make_scratch_vec();
    let mut out = vec![0.0; width * height];
    for (input, output) in rows.chunks_exact_mut(half).zip(out.chunks_exact_mut(width)) {
        // Rounding leaves a tiny imaginary part where the transform of real data has none.
        input[0].im = 0.0;
        input[half - 1].im = 0.0;
        let _ = plan.process_with_scratch(input, output, &mut scratch);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_round_trip() {
        let (width, height) = (32, 16);
        let data: Vec<f32> = (0..width * height).map(|i| ((i * i) % 17) as f32).collect();
        let spectrum = forward_real(&mut data.clone(), width, height);
        let back = inverse_real(spectrum, width, height);
        let scale = 1.0 / (width * height) as f32;
        for (a, b) in data.iter().zip(&back) {
            assert!((a - b * scale).abs() < 1e-3);
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
