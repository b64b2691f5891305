//! Finding the pose: which affine map the picture has gone through since it was marked.
//!
//! Two vectors between tiles span the lattice and give the whole map. They are sought among the
//! peaks of the autocorrelation, in pairs for any affine map and as a vector and its
//! perpendicular for similarities; the harmonics of the best are held against the spectrum, and
//! the survivors are refined by least squares on the measured peaks.

use crate::autocorrelation::{Autocorrelation, Vector, vertex};
use crate::lattice::{INNER_RADIUS, harmonics, outer_radius};
use crate::spectrum::Spectrum;

/// Highest frequency looked at, in cycles a pixel.
const HIGHEST: f64 = 0.46;
/// Peaks of the autocorrelation that are paired.
const PEAKS: usize = 40;
const CLIMBED: usize = 24;
/// Lattices that are refined.
const REFINED: usize = 10;
/// Heights below this are noise for the least squares.
const PEAK_FLOOR: f32 = 2.0;

/// A real 2x2 matrix, row by row.
pub type Matrix = [[f64; 2]; 2];

/// A pose of the lattice. Harmonic `h` lies at frequency `basis * h`, in cycles a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lattice {
    pub(crate) basis: Matrix,
    /// Mean excess power at the harmonics, in standard deviations of background.
    pub(crate) score: f32,
}

/// Tile sides sought in one go: from so many pixels to [`STEP`] times as many.
const STEP: f64 = std::f64::consts::SQRT_2;
/// Displacements looked at, in the longest tile sought.
const REACH: f64 = 3.2;

/// What is sought in a spectrum, and how hard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sought {
    /// Side of the smallest tile in pixels, and steps of half an octave up from it.
    pub(crate) shortest: f64,
    pub(crate) steps: usize,
    /// Pairs of peaks, and as many squares, whose harmonics are held against the spectrum for each
    /// step.
    pub(crate) held: usize,
    /// Least score at first sight.
    pub(crate) floor: f32,
    /// Poses wanted.
    pub(crate) count: usize,
}

/// The best poses, best first.
pub(crate) fn find_lattices(spectrum: &Spectrum, sought: &Sought) -> Vec<Lattice> {
    let mut held: Vec<Lattice> = Vec::new();
    for step in 0..sought.steps {
        let shortest = sought.shortest * STEP.powi(step as i32);
        held.extend(
            vectors(spectrum, shortest, STEP * shortest, sought.held)
                .into_iter()
                .filter_map(|pair| {
                    let basis = dual(pair)?;
                    let score = score(spectrum, basis);
                    (score >= sought.floor).then_some(Lattice { basis, score })
                }),
        );
    }
    let mut held = distinct(held, CLIMBED.min(6 * sought.count));
    for lattice in &mut held {
        *lattice = climbed(spectrum, *lattice, 2);
    }
    let mut held = distinct(held, REFINED.min(2 * sought.count));
    for lattice in &mut held {
        lattice.basis = refined(spectrum, lattice.basis);
        lattice.score = score(spectrum, lattice.basis);
    }
    distinct(held, sought.count)
}

/// Pairs of vectors, in pixels, that could span a lattice with a tile of the given sides: at most
/// `count` of peaks and as many of a vector and its perpendicular.
fn vectors(spectrum: &Spectrum, shortest: f64, longest: f64, count: usize) -> Vec<[Vector; 2]> {
    let low = f64::from(INNER_RADIUS) / longest;
    let high = (outer_radius() / shortest).min(HIGHEST);
    let mut map = Autocorrelation::new(spectrum, low, high, REACH * longest);
    let pitch = map.pitch();
    let (shortest, longest) = (shortest / pitch, longest / pitch);
    // One axis may be stretched against the other.
    let (near, far) = (0.8 * shortest, 1.25 * longest);
    map.standardise(near, far);
    let mut found = pairs(&map, near, far);
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(count);
    found.extend(squares(&map, shortest, longest, count));
    let pixels = |(x, y): Vector| (x * pitch, y * pitch);
    found
        .into_iter()
        .map(|(pair, _)| pair.map(pixels))
        .collect()
}

/// Pairs of peaks that could span a lattice, with the support that their sums and differences give.
fn pairs(map: &Autocorrelation, near: f64, far: f64) -> Vec<([Vector; 2], f32)> {
    let peaks = map.peaks(near, far, PEAKS);
    let mut pairs = Vec::new();
    for (i, &(a, height_a)) in peaks.iter().enumerate() {
        for &(b, height_b) in &peaks[i + 1..] {
            let (la, lb) = (a.0.hypot(a.1), b.0.hypot(b.1));
            let sine = (a.0 * b.1 - a.1 * b.0).abs() / (la * lb);
            if sine < 0.8 || la > 2.0 * lb || lb > 2.0 * la {
                continue;
            }
            let sum = map.between((a.0 + b.0, a.1 + b.1));
            let difference = map.between((a.0 - b.0, a.1 - b.1));
            pairs.push((
                [a, b],
                height_a.min(40.0) + height_b.min(40.0) + sum + difference,
            ));
        }
    }
    pairs
}

/// Vectors that span a square lattice with much support at all its points nearby.
fn squares(
    map: &Autocorrelation,
    shortest: f64,
    longest: f64,
    count: usize,
) -> Vec<([Vector; 2], f32)> {
    let reach = longest.ceil() as i32;
    let width = (reach + 1) as usize;
    let mut support = vec![f32::NEG_INFINITY; width * width];
    for y in 0..=reach {
        for x in 1..=reach {
            let length = f64::from(x * x + y * y).sqrt();
            if length >= shortest && length <= longest {
                support[y as usize * width + x as usize] = square_support(map, x, y);
            }
        }
    }
    let mut found = Vec::new();
    for y in 1..reach as usize {
        for x in 1..reach as usize {
            let at = |dx: usize, dy: usize| support[(y + dy - 1) * width + x + dx - 1];
            let value = at(1, 1);
            let top = value > 2.0 && (0..9).all(|i| at(i % 3, i / 3) <= value);
            if top {
                let vector = (
                    x as f64 + vertex(at(0, 1), value, at(2, 1)),
                    y as f64 + vertex(at(1, 0), value, at(1, 2)),
                );
                found.push(([vector, (-vector.1, vector.0)], value));
            }
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(count);
    found
}

/// Sum over the points of the square lattice of (x, y) nearby, in standard deviations.
fn square_support(map: &Autocorrelation, x: i32, y: i32) -> f32 {
    let mut sum = 0.0;
    let mut power = 0.0;
    for &(m, n, weight) in &[
        (1, 0, 0.8f32),
        (1, 1, 0.65),
        (2, 0, 0.6),
        (2, 1, 0.45),
        (1, 2, 0.45),
        (2, 2, 0.3),
        (3, 0, 0.4),
        (3, 1, 0.3),
        (1, 3, 0.3),
    ] {
        let (a, b) = (m * x - n * y, m * y + n * x);
        sum += weight * (map.at(a, b) + map.at(-b, a));
        power += 2.0 * weight * weight;
    }
    sum / power.sqrt()
}

/// The basis of frequencies at which waves advance by whole cycles along both vectors.
fn dual(pair: [Vector; 2]) -> Option<Matrix> {
    inverted([[pair[0].0, pair[0].1], [pair[1].0, pair[1].1]])
}

/// Mean excess of whitened power at the harmonics, in standard deviations: the largest over the
/// inner third, the inner two thirds and all, for compression and blur take the outer ones first.
pub(crate) fn score(spectrum: &Spectrum, basis: Matrix) -> f32 {
    let side = spectrum.side() as f64;
    let limit = ((HIGHEST * side) as f32).powi(2);
    let scaled = basis.map(|row| row.map(|value| (value * side) as f32));
    let (mut sum, mut count) = (0.0f32, 0.0f32);
    let mut best = f32::NEG_INFINITY;
    let third = harmonics().len().div_ceil(3);
    for part in harmonics().chunks(third) {
        for h in part {
            let (u, v) = (h.u as f32, h.v as f32);
            let kx = scaled[0][0] * u + scaled[0][1] * v;
            let ky = scaled[1][0] * u + scaled[1][1] * v;
            if kx * kx + ky * ky < limit {
                sum += spectrum.excess(kx, ky);
                count += 1.0;
            }
        }
        best = best.max(sum / count.max(1.0).sqrt());
    }
    best
}

/// Climbs to the pose nearby whose harmonics stand out most.
fn climbed(spectrum: &Spectrum, mut lattice: Lattice, rounds: usize) -> Lattice {
    let mut step = 0.004;
    for _ in 0..rounds {
        for change in [
            [[1.0, 0.0], [0.0, 1.0]],
            [[0.0, -1.0], [1.0, 0.0]],
            [[1.0, 0.0], [0.0, -1.0]],
            [[0.0, 1.0], [1.0, 0.0]],
        ] {
            for sign in [step, -step] {
                let turn = [
                    [1.0 + sign * change[0][0], sign * change[0][1]],
                    [sign * change[1][0], 1.0 + sign * change[1][1]],
                ];
                let basis = product(turn, lattice.basis);
                let score = score(spectrum, basis);
                if score > lattice.score {
                    lattice = Lattice { basis, score };
                    break;
                }
            }
        }
        step *= 0.5;
    }
    lattice
}

/// The best of each group of bases that differ by quarter turns and mirroring, best first.
fn distinct(mut lattices: Vec<Lattice>, count: usize) -> Vec<Lattice> {
    lattices.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Lattice> = Vec::new();
    for lattice in lattices {
        if kept.len() == count {
            break;
        }
        if kept.iter().all(|other| !same(other.basis, lattice.basis)) {
            kept.push(lattice);
        }
    }
    kept
}

/// Whether two bases differ only by an orientation of the tile and less than their own precision.
fn same(a: Matrix, b: Matrix) -> bool {
    const TOLERANCE: f64 = 0.004;
    let Some(inverse) = inverted(a) else {
        return false;
    };
    let change = product(inverse, b);
    let is = |value: f64, wanted: f64| (value.abs() - wanted).abs() < TOLERANCE;
    let straight = is(change[0][0], 1.0)
        && is(change[1][1], 1.0)
        && is(change[0][1], 0.0)
        && is(change[1][0], 0.0);
    let turned = is(change[0][0], 0.0)
        && is(change[1][1], 0.0)
        && is(change[0][1], 1.0)
        && is(change[1][0], 1.0);
    straight || turned
}

/// Weighted least squares of the basis on the peaks found near the predicted places.
pub(crate) fn refined(spectrum: &Spectrum, mut basis: Matrix) -> Matrix {
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

/// Determinant of a matrix.
pub(crate) fn determinant(m: Matrix) -> f64 {
    m[0][0] * m[1][1] - m[0][1] * m[1][0]
}

/// Inverse of a matrix, unless it is singular.
pub(crate) fn inverted(m: Matrix) -> Option<Matrix> {
    let det = determinant(m);
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
