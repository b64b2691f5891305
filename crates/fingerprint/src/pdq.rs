//! The PDQ perceptual hash (Meta, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
//! Algorithm", 2019).
//!
//! Every sum runs in the same order and the same precision as in the C++ reference, so hashes come
//! out bit for bit equal, not merely close: a registry of hashes made elsewhere stays usable.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::{Fingerprint, FingerprintError, Quality, check_plane};

/// Smallest side the reference hashes, pixels.
pub const MIN_HASHABLE_SIDE: usize = 5;

/// Side of the picture that goes into the cosine transform.
const SIDE: usize = 64;
/// Frequencies kept along each axis (1..=16; the constant is left out).
const FREQUENCIES: usize = 16;

/// Selects spectrum entries by row and column.
type Parity = fn(usize, usize) -> bool;
type Spectrum = [[f32; FREQUENCIES]; FREQUENCIES];

/// PDQ hash and quality of a luma plane.
///
/// # Errors
/// [`FingerprintError::PlaneSize`] or [`FingerprintError::TooSmall`] (a side below 5 pixels).
pub fn pdq(
    luma: &[f32],
    width: usize,
    height: usize,
) -> Result<(Fingerprint, Quality), FingerprintError> {
    let (spectrum, quality) = spectrum_of(luma, width, height)?;
    Ok((threshold(&spectrum), quality))
}

/// PDQ hashes of the eight rotated and mirrored versions, from one transform: as is, turned by 90,
/// 180 and 270 degrees counter-clockwise, mirrored top to bottom, mirrored left to right, transposed,
/// transposed along the other diagonal (the order of the reference).
///
/// For planes of exactly 64 x 64 the reference's own two entry points differ by rounding; this follows
/// the plain one, so that the first hash always equals [`pdq`]. It shows only where frequencies tie.
///
/// # Errors
/// As [`pdq`].
pub fn pdq_dihedral(
    luma: &[f32],
    width: usize,
    height: usize,
) -> Result<([Fingerprint; 8], Quality), FingerprintError> {
    let (spectrum, quality) = spectrum_of(luma, width, height)?;
    // Whether the spectrum is transposed, and at which source parities it is negated: mirroring an axis
    // flips the sign of the basis functions that are odd along it, transposing the picture transposes
    // the spectrum. Index 0 is frequency 1, which is odd.
    let variants: [(bool, Parity); 8] = [
        (false, |_, _| false),
        (true, |_, j| j % 2 == 0),
        (false, |i, j| (i + j) % 2 == 1),
        (true, |i, _| i % 2 == 0),
        (false, |i, _| i % 2 == 0),
        (false, |_, j| j % 2 == 0),
        (true, |_, _| false),
        (true, |i, j| (i + j) % 2 == 1),
    ];
    let hashes = variants.map(|(transposed, negated)| {
        let mut turned = Spectrum::default();
        for (i, row) in spectrum.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                let value = if negated(i, j) { -value } else { value };
                if transposed {
                    turned[j][i] = value;
                } else {
                    turned[i][j] = value;
                }
            }
        }
        threshold(&turned)
    });
    Ok((hashes, quality))
}

fn spectrum_of(
    luma: &[f32],
    width: usize,
    height: usize,
) -> Result<(Spectrum, Quality), FingerprintError> {
    check_plane(luma, width, height, MIN_HASHABLE_SIDE)?;
    let small = if (width, height) == (SIDE, SIDE) {
        luma.to_vec()
    } else {
        shrink(luma, width, height)
    };
    Ok((cosine_transform(&small), quality_of(&small)))
}

/// Blurs with two passes of a box filter along each axis (Jarosz: a tent) and takes 64 x 64 samples.
///
/// The last two passes are computed only where the samples fall.
fn shrink(luma: &[f32], width: usize, height: usize) -> Vec<f32> {
    let window_x = box_window(width);
    let window_y = box_window(height);
    let columns = sample_centres(width);
    let rows = sample_centres(height);

    let mut blurred_x = vec![0.0; luma.len()];
    for (source, target) in luma
        .chunks_exact(width)
        .zip(blurred_x.chunks_exact_mut(width))
    {
        box_filter(source, window_x, |x, mean| target[x] = mean);
    }
    let mut blurred = vec![0.0; luma.len()];
    box_filter_down(&blurred_x, width, window_y, |y, means| {
        blurred[y * width..(y + 1) * width].copy_from_slice(means);
    });

    let mut sampled_x = vec![0.0; SIDE * height];
    let filtered = &mut blurred_x[..width];
    for (source, target) in blurred
        .chunks_exact(width)
        .zip(sampled_x.chunks_exact_mut(SIDE))
    {
        box_filter(source, window_x, |x, mean| filtered[x] = mean);
        target
            .iter_mut()
            .zip(&columns)
            .for_each(|(value, &column)| *value = filtered[column]);
    }
    let mut small = vec![0.0; SIDE * SIDE];
    box_filter_down(&sampled_x, SIDE, window_y, |y, means| {
        for (target, _) in small
            .chunks_exact_mut(SIDE)
            .zip(&rows)
            .filter(|(_, row)| **row == y)
        {
            target.copy_from_slice(means);
        }
    });
    small
}

/// Half the footprint of one small pixel, rounded up: two passes then cover all of it.
fn box_window(side: usize) -> usize {
    side.div_ceil(2 * SIDE)
}

fn sample_centres(side: usize) -> [usize; SIDE] {
    std::array::from_fn(|i| (((i as f64 + 0.5) * side as f64) / SIDE as f64) as usize)
}

/// Running mean along a row. The window reaches one sample further to the right when even, and is
/// cut at the ends.
fn box_filter(source: &[f32], window: usize, mut put: impl FnMut(usize, f32)) {
    let ahead = window / 2;
    let mut sum = 0.0;
    let mut count = 0.0;
    for &value in &source[..ahead] {
        sum += value;
        count += 1.0;
    }
    let behind = window - ahead;
    for x in 0..source.len() {
        if let Some(value) = source.get(x + ahead) {
            sum += value;
            count += 1.0;
        }
        if x >= behind {
            sum -= source[x - behind];
            count -= 1.0;
        }
        put(x, sum / count);
    }
}

/// [`box_filter`] down all columns at once, a row at a time.
fn box_filter_down(
    source: &[f32],
    width: usize,
    window: usize,
    mut put: impl FnMut(usize, &[f32]),
) {
    let height = source.len() / width;
    let row = |y: usize| &source[y * width..(y + 1) * width];
    let ahead = window / 2;
    let behind = window - ahead;
    let mut sums = vec![0.0; width];
    let mut means = vec![0.0; width];
    let mut count = 0.0;
    for y in 0..ahead {
        sums.iter_mut()
            .zip(row(y))
            .for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    for y in 0..height {
        if y + ahead < height {
            sums.iter_mut()
                .zip(row(y + ahead))
                .for_each(|(sum, value)| *sum += value);
            count += 1.0;
        }
        if y >= behind {
            sums.iter_mut()
                .zip(row(y - behind))
                .for_each(|(sum, value)| *sum -= value);
            count -= 1.0;
        }
        means
            .iter_mut()
            .zip(&sums)
            .for_each(|(mean, sum)| *mean = sum / count);
        put(y, &means);
    }
}

/// Sum of the noticeable steps between neighbours, scaled to 0..=100.
fn quality_of(small: &[f32]) -> Quality {
    let step = |a: usize, b: usize| (((small[a] - small[b]) * 100.0) / 255.0) as i32;
    let mut sum = 0;
    for i in 0..SIDE {
        for j in 0..SIDE {
            let here = i * SIDE + j;
            if i + 1 < SIDE {
                sum += step(here, here + SIDE).abs();
            }
            if j + 1 < SIDE {
                sum += step(here, here + 1).abs();
            }
        }
    }
    Quality((sum / 90).min(100) as u8)
}

static COSINES: LazyLock<[[f32; SIDE]; FREQUENCIES]> = LazyLock::new(|| {
    let scale = f64::from((2.0 / SIDE as f64).sqrt() as f32);
    let step = PI / 2.0 / SIDE as f64;
    std::array::from_fn(|i| {
        std::array::from_fn(|j| (scale * (step * (i + 1) as f64 * (2 * j + 1) as f64).cos()) as f32)
    })
});

/// Frequencies 1..=16 of the two-dimensional DCT-II.
fn cosine_transform(small: &[f32]) -> Spectrum {
    let mut half = [[0.0f32; SIDE]; FREQUENCIES];
    for (cosines, target) in COSINES.iter().zip(&mut half) {
        for (cosine, row) in cosines.iter().zip(small.chunks_exact(SIDE)) {
            target
                .iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += cosine * value);
        }
    }
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            half[i]
                .iter()
                .zip(&COSINES[j])
                .fold(0.0, |sum, (value, cosine)| sum + value * cosine)
        })
    })
}

/// One bit a frequency: above the (lower) median of all or not.
fn threshold(spectrum: &Spectrum) -> Fingerprint {
    let mut sorted = [0.0; FREQUENCIES * FREQUENCIES];
    sorted.copy_from_slice(spectrum.as_flattened());
    let (_, median, _) =
        sorted.select_nth_unstable_by(FREQUENCIES * FREQUENCIES / 2 - 1, f32::total_cmp);
    let mut bytes = [0; 32];
    for (k, value) in spectrum.as_flattened().iter().enumerate() {
        if *value > *median {
            bytes[31 - k / 8] |= 1 << (k % 8);
        }
    }
    Fingerprint(bytes)
}
