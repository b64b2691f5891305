//! Finding the pose: where the carrier's lattice lies in the spectrum of the picture.
//!
//! Rotation and scale become shifts in a log-polar map (O Ruanaidh and Pun, Signal Processing
//! 66, 1998). The lattice is known, so one correlation by Fourier transform scores every pose
//! at once; the best few are refined by least squares on the measured peaks.

use std::sync::OnceLock;

use rustfft::num_complex::Complex32;

use crate::fft;
use crate::lattice::{INNER_RADIUS, harmonics};
use crate::spectrum::Spectrum;

/// Angles over a quarter turn: the lattice repeats after 90 degrees.
const ANGLES: usize = 512;
/// Log-radii; padded so that the linear axis does not wrap.
const RADII: usize = 2048;
/// Highest frequency looked at, in cycles a pixel.
const HIGHEST: f64 = 0.46;
/// Smallest and largest tile side searched, in pixels of the examined plane.
const SMALLEST_TILE: f64 = 40.0;
const LARGEST_TILE: f64 = 440.0;
/// Candidates that are refined.
pub(crate) const CANDIDATES: usize = 12;
/// Two candidates closer than this many cells are one.
const SEPARATION: usize = 6;
/// Heights below this are noise for the least squares.
const PEAK_FLOOR: f32 = 2.0;

/// A real 2x2 matrix, row by row.
pub type Matrix = [[f64; 2]; 2];

/// Log-radius step that makes cells square.
fn step() -> f64 {
    std::f64::consts::FRAC_PI_2 / ANGLES as f64
}

fn lowest() -> f64 {
    f64::from(INNER_RADIUS) / LARGEST_TILE
}

/// The conjugate transform of the lattice's log-polar picture.
fn template() -> &'static [Complex32] {
    static TEMPLATE: OnceLock<Vec<Complex32>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let mut map = vec![0.0f32; ANGLES * RADII];
        for h in harmonics() {
            let angle = f64::from(h.v)
                .atan2(f64::from(h.u))
                .rem_euclid(std::f64::consts::FRAC_PI_2);
            let column = (h.radius() / f64::from(INNER_RADIUS)).ln() / step();
            let row = angle / step();
            splat(&mut map, row, column);
        }
        let mut spectrum = fft::forward_real(&mut map, RADII, ANGLES);
        for value in &mut spectrum {
            *value = value.conj();
        }
        spectrum
    })
}

fn splat(map: &mut [f32], row: f64, column: f64) {
    let (r0, c0) = (row.floor(), column.floor());
    let (fr, fc) = ((row - r0) as f32, (column - c0) as f32);
    let (r0, c0) = (r0 as usize, c0 as usize);
    for (dr, wr) in [(0, 1.0 - fr), (1, fr)] {
        for (dc, wc) in [(0, 1.0 - fc), (1, fc)] {
            map[(r0 + dr) % ANGLES * RADII + (c0 + dc) % RADII] += wr * wc;
        }
    }
}

/// The whitened spectrum over angle (rows, one quarter turn, both quarters added) and log-radius.
fn log_polar(spectrum: &Spectrum) -> Vec<f32> {
    let side = spectrum.side() as f64;
    let count = ((HIGHEST / lowest()).ln() / step()) as usize;
    let radii: Vec<f32> = (0..count)
        .map(|i| (lowest() * side * (i as f64 * step()).exp()) as f32)
        .collect();
    let mut map = vec![0.0f32; ANGLES * RADII];
    for (row, line) in map.chunks_exact_mut(RADII).enumerate() {
        let (sin, cos) = (row as f64 * step()).sin_cos();
        let (sin, cos) = (sin as f32, cos as f32);
        for (value, r) in line.iter_mut().zip(&radii) {
            *value = spectrum.whitened(r * cos, r * sin) + spectrum.whitened(-r * sin, r * cos);
        }
    }
    map
}

/// The best poses of the lattice, strongest first, refined. Under a basis, harmonic `h` lies at
/// frequency `basis * h`, in cycles a pixel.
pub(crate) fn find_lattices(spectrum: &Spectrum) -> Vec<Matrix> {
    let mut map = log_polar(spectrum);
    let mut product = fft::forward_real(&mut map, RADII, ANGLES);
    for (value, other) in product.iter_mut().zip(template()) {
        *value *= other;
    }
    let mut scores = fft::inverse_real(product, RADII, ANGLES);
    // Shift `c` puts the inner radius at lowest * exp(c * step); c = 0 is the largest tile.
    let shifts = ((LARGEST_TILE / SMALLEST_TILE).ln() / step()) as usize;
    standardise(&mut scores, shifts);
    local_maxima(&scores, shifts)
        .into_iter()
        .map(|(row, column, _)| {
            let unit = lowest() / f64::from(INNER_RADIUS) * (column as f64 * step()).exp();
            let (sin, cos) = (row as f64 * step()).sin_cos();
            let basis = [[unit * cos, -unit * sin], [unit * sin, unit * cos]];
            refined(spectrum, basis)
        })
        .collect()
}

/// Turns the scores of every scale into deviations from that scale's median over all angles, in
/// units of its lower spread: a strong lattice raises the upper half of its own scale and of
/// its multiples, and must not be held against itself.
fn standardise(scores: &mut [f32], shifts: usize) {
    // A cache line of columns at a time: the map is stored row by row.
    const LANE: usize = 16;
    let mut lane = vec![0.0f32; LANE * ANGLES];
    for start in (0..shifts).step_by(LANE) {
        let columns = LANE.min(shifts - start);
        for (row, line) in scores.chunks_exact(RADII).enumerate() {
            for (column, value) in line[start..start + columns].iter().enumerate() {
                lane[column * ANGLES + row] = *value;
            }
        }
        let moments: Vec<(f32, f32)> = lane
            .chunks_exact_mut(ANGLES)
            .take(columns)
            .map(median_and_lower_spread)
            .collect();
        for line in scores.chunks_exact_mut(RADII) {
            for (value, (middle, spread)) in line[start..].iter_mut().zip(&moments) {
                *value = (*value - middle) / spread;
            }
        }
    }
}

/// The median and its distance to the 16th percentile; reorders the values.
fn median_and_lower_spread(values: &mut [f32]) -> (f32, f32) {
    let half = values.len() / 2;
    let middle = *values.select_nth_unstable_by(half, f32::total_cmp).1;
    let sixteenth = values.len() * 16 / 100;
    let low = *values[..half]
        .select_nth_unstable_by(sixteenth, f32::total_cmp)
        .1;
    (middle, (middle - low).max(1e-6))
}

fn local_maxima(scores: &[f32], shifts: usize) -> Vec<(usize, usize, f32)> {
    let mut found: Vec<(usize, usize, f32)> = Vec::new();
    for row in 0..ANGLES {
        let line = &scores[row * RADII..][..shifts];
        let above = &scores[(row + ANGLES - 1) % ANGLES * RADII..][..shifts];
        let below = &scores[(row + 1) % ANGLES * RADII..][..shifts];
        for column in 1..shifts - 1 {
            let value = line[column];
            let peak = value > 2.5
                && value >= line[column - 1]
                && value > line[column + 1]
                && value >= above[column]
                && value > below[column];
            if peak {
                found.push((row, column, value));
            }
        }
    }
    found.sort_by(|a, b| b.2.total_cmp(&a.2));
    let mut kept: Vec<(usize, usize, f32)> = Vec::new();
    for peak in found {
        let apart = |other: &(usize, usize, f32)| {
            let turn = peak.0.abs_diff(other.0);
            turn.min(ANGLES - turn) > SEPARATION || peak.1.abs_diff(other.1) > SEPARATION
        };
        if kept.iter().all(apart) {
            kept.push(peak);
            if kept.len() == CANDIDATES {
                break;
            }
        }
    }
    kept
}

/// Weighted least squares of the basis on the peaks found near the predicted places.
fn refined(spectrum: &Spectrum, mut basis: Matrix) -> Matrix {
    let side = spectrum.side() as f64;
    for reach in [2, 1, 1] {
        let mut normal = [[0.0f64; 2]; 2];
        let mut right = [[0.0f64; 2]; 2];
        for h in harmonics() {
            let (u, v) = (f64::from(h.u), f64::from(h.v));
            let kx = (basis[0][0] * u + basis[0][1] * v) * side;
            let ky = (basis[1][0] * u + basis[1][1] * v) * side;
            if kx.hypot(ky) > HIGHEST * side {
                continue;
            }
            let (px, py, height) = spectrum.peak_near(kx, ky, reach);
            let weight = f64::from((height - PEAK_FLOOR).max(0.0));
            normal[0][0] += weight * u * u;
            normal[0][1] += weight * u * v;
            normal[1][1] += weight * v * v;
            right[0][0] += weight * px * u;
            right[0][1] += weight * px * v;
            right[1][0] += weight * py * u;
            right[1][1] += weight * py * v;
        }
        normal[1][0] = normal[0][1];
        let Some(inverse) = inverted(normal) else {
            return basis;
        };
        let solved = product(right, inverse);
        basis = solved.map(|row| row.map(|value| value / side));
    }
    basis
}

/// Inverse of a matrix, unless it is singular.
pub(crate) fn inverted(m: Matrix) -> Option<Matrix> {
    let det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    (det.abs() > f64::MIN_POSITIVE).then(|| {
        [
            [m[1][1] / det, -m[0][1] / det],
            [-m[1][0] / det, m[0][0] / det],
        ]
    })
}

/// Matrix product `a b`.
pub(crate) fn product(a: Matrix, b: Matrix) -> Matrix {
    let cell = |r: usize, c: usize| a[r][0] * b[0][c] + a[r][1] * b[1][c];
    [[cell(0, 0), cell(0, 1)], [cell(1, 0), cell(1, 1)]]
}

/// Matrix transpose.
pub(crate) fn transposed(m: Matrix) -> Matrix {
    [[m[0][0], m[1][0]], [m[0][1], m[1][1]]]
}
