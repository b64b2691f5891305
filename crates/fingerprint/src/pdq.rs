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

/// Rows whose running sums are kept at once. Each addition along a row waits for the one before; those of other rows
/// fill the time.
const LANES: usize = 8;

/// Blurs with two passes of a box filter along each axis (Jarosz: a tent) and takes 64 x 64 samples.
///
/// Goes down the picture once and holds only the rows under the window. The last two passes are computed only where the
/// samples fall.
fn shrink(luma: &[f32], width: usize, height: usize) -> Vec<f32> {
    let window_x = box_window(width);
    let columns = sample_centres(width);
    let mut sampled_x = vec![0.0; SIDE * height];
    // Rows blurred along both axes, until there are enough for the lanes.
    let mut blurred = vec![0.0; LANES * width];
    box_filter_down(BlurredRows::new(luma, width), |y, means| {
        let lane = y % LANES;
        blurred[lane * width..(lane + 1) * width].copy_from_slice(means);
        if lane + 1 < LANES && y + 1 < height {
            return;
        }
        let first = y - lane;
        let mut next = columns.iter().enumerate().peekable();
        box_filter(lanes(&blurred, width, 0), window_x, |x, sums, count| {
            // In a narrow picture several samples fall on one column.
            while let Some((at, _)) = next.next_if(|(_, column)| **column == x) {
                for (lane, sum) in sums.iter().enumerate().take(lane + 1) {
                    sampled_x[(first + lane) * SIDE + at] = sum / count;
                }
            }
        });
    });

    let rows = sample_centres(height);
    let mut small = vec![0.0; SIDE * SIDE];
    let samples = WholeRows::new(&sampled_x, SIDE);
    box_filter_down(samples, |y, means| {
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

/// [`LANES`] rows of a plane from `first` on; past its end the last row again.
fn lanes(plane: &[f32], width: usize, first: usize) -> [&[f32]; LANES] {
    let last = plane.len() / width - 1;
    std::array::from_fn(|lane| {
        let y = (first + lane).min(last);
        &plane[y * width..(y + 1) * width]
    })
}

/// Running sums along rows, and over how many samples. The window reaches one sample further to the right when even,
/// and is cut at the ends.
fn box_filter(
    rows: [&[f32]; LANES],
    window: usize,
    mut put: impl FnMut(usize, &[f32; LANES], f32),
) {
    let ahead = window / 2;
    let behind = window - ahead;
    let width = rows[0].len();
    let mut sums = [0.0; LANES];
    let mut count = 0.0;
    let add = |sums: &mut [f32; LANES], x: usize, sign: f32| {
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum += sign * row[x];
        }
    };
    for x in 0..ahead {
        add(&mut sums, x, 1.0);
        count += 1.0;
    }
    for x in 0..width {
        if x + ahead < width {
            add(&mut sums, x + ahead, 1.0);
            count += 1.0;
        }
        if x >= behind {
            add(&mut sums, x - behind, -1.0);
            count -= 1.0;
        }
        put(x, &sums, count);
    }
}

/// Rows from the top, of which the last `window + 1` can be asked for.
trait Rows {
    fn width(&self) -> usize;
    fn height(&self) -> usize;
    /// Row `y`; those before have been asked for.
    fn row(&mut self, y: usize) -> &[f32];
}

/// Rows that are all there.
struct WholeRows<'a> {
    plane: &'a [f32],
    width: usize,
}

impl<'a> WholeRows<'a> {
    fn new(plane: &'a [f32], width: usize) -> Self {
        Self { plane, width }
    }
}

impl Rows for WholeRows<'_> {
    fn width(&self) -> usize {
        self.width
    }

    fn height(&self) -> usize {
        self.plane.len() / self.width
    }

    fn row(&mut self, y: usize) -> &[f32] {
        &self.plane[y * self.width..(y + 1) * self.width]
    }
}

/// Rows blurred once along the row, made when they are first asked for.
struct BlurredRows<'a> {
    source: WholeRows<'a>,
    window: usize,
    /// The last rows made; row `y` stands at `y` modulo their number.
    ring: Vec<f32>,
    kept: usize,
    made: usize,
}

impl<'a> BlurredRows<'a> {
    fn new(luma: &'a [f32], width: usize) -> Self {
        let source = WholeRows::new(luma, width);
        let kept = box_window(source.height()) + 1 + LANES;
        Self {
            window: box_window(width),
            ring: vec![0.0; kept * width],
            kept,
            made: 0,
            source,
        }
    }

    fn make(&mut self) {
        let (width, first) = (self.source.width, self.made);
        let starts: [usize; LANES] = std::array::from_fn(|lane| (first + lane) % self.kept * width);
        let rows = lanes(self.source.plane, width, first);
        let ring = &mut self.ring;
        box_filter(rows, self.window, |x, sums, count| {
            for (start, sum) in starts.iter().zip(sums) {
                ring[start + x] = sum / count;
            }
        });
        self.made += LANES;
    }
}

impl Rows for BlurredRows<'_> {
    fn width(&self) -> usize {
        self.source.width
    }

    fn height(&self) -> usize {
        self.source.height()
    }

    fn row(&mut self, y: usize) -> &[f32] {
        if y >= self.made {
            self.make();
        }
        let start = y % self.kept * self.source.width;
        &self.ring[start..start + self.source.width]
    }
}

/// Running means down all columns at once, a row at a time; the window as in [`box_filter`].
fn box_filter_down(mut rows: impl Rows, mut put: impl FnMut(usize, &[f32])) {
    let height = rows.height();
    let window = box_window(height);
    let ahead = window / 2;
    let behind = window - ahead;
    let mut sums = vec![0.0; rows.width()];
    let mut means = vec![0.0; rows.width()];
    let mut count = 0.0;
    for y in 0..ahead {
        sums.iter_mut()
            .zip(rows.row(y))
            .for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    for y in 0..height {
        if y + ahead < height {
            sums.iter_mut()
                .zip(rows.row(y + ahead))
                .for_each(|(sum, value)| *sum += value);
            count += 1.0;
        }
        if y >= behind {
            sums.iter_mut()
                .zip(rows.row(y - behind))
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
