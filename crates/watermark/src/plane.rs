//! A plane of luminance and the few filters that mark and detector share.

use crate::WatermarkError;

/// Row-major luminance, one `f32` a pixel, 0 (black) to 255 (white).
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    width: usize,
    height: usize,
    data: Vec<f32>,
}

impl Plane {
    /// Wraps `width * height` finite values.
    ///
    /// # Errors
    /// [`WatermarkError::BadPlane`] if the sizes do not agree, a side is zero, or a value is not finite.
    pub fn new(width: usize, height: usize, data: Vec<f32>) -> Result<Self, WatermarkError> {
        let consistent = width > 0 && height > 0 && width.checked_mul(height) == Some(data.len());
        if consistent && data.iter().all(|v| v.is_finite()) {
            Ok(Self {
                width,
                height,
                data,
            })
        } else {
            Err(WatermarkError::BadPlane)
        }
    }

    pub(crate) fn filled(width: usize, height: usize, value: f32) -> Self {
        Self {
            width,
            height,
            data: vec![value; width * height],
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The values, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, row by row, given up by the plane.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    pub(crate) fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.data.chunks_exact(self.width)
    }

    /// Area average down to at most `long_side` on the longer side; never enlarges.
    pub(crate) fn shrunk_to(&self, long_side: usize) -> Plane {
        let longest = self.width.max(self.height);
        if longest <= long_side {
            return self.clone();
        }
        let scaled = |side: usize| ((side * long_side + longest / 2) / longest).max(1);
        self.area_resized(scaled(self.width), scaled(self.height))
    }

    /// Area average to a size not larger than the plane's.
    pub(crate) fn area_resized(&self, width: usize, height: usize) -> Plane {
        let columns = area_weights(self.width, width);
        let rows = area_weights(self.height, height);
        let mut out = Plane::filled(width, height, 0.0);
        let mut narrow = vec![0.0f32; width];
        for (y, source) in self.rows().enumerate() {
            for (value, span) in narrow.iter_mut().zip(&columns) {
                *value = span.sum(source);
            }
            // A source row feeds the one or two output rows that it overlaps.
            let first = y * height / self.height;
            for (target, span) in rows.iter().enumerate().skip(first).take(2) {
                let weight = span.weight(y);
                if weight > 0.0 {
                    let line = &mut out.data[target * width..][..width];
                    for (o, n) in line.iter_mut().zip(&narrow) {
                        *o += weight * n;
                    }
                }
            }
        }
        out
    }

    /// The rectangle of the given size whose upper left corner is at (`x`, `y`); it must lie inside.
    pub(crate) fn cropped(&self, x: usize, y: usize, width: usize, height: usize) -> Plane {
        let mut data = Vec::with_capacity(width * height);
        for row in self.rows().skip(y).take(height) {
            data.extend_from_slice(&row[x..x + width]);
        }
        Plane {
            width,
            height,
            data,
        }
    }

    /// Half the size: means of two by two; an odd last row or column is dropped.
    pub(crate) fn halved(&self) -> Plane {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut out = Plane::filled(width.max(1), height.max(1), 0.0);
        let rows = self.data.chunks_exact(2 * self.width);
        for (target, source) in out.data.chunks_exact_mut(width.max(1)).zip(rows) {
            let (upper, lower) = source.split_at(self.width);
            let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            for (value, (a, b)) in target.iter_mut().zip(pairs) {
                *value = 0.25 * (a[0] + a[1] + b[0] + b[1]);
            }
        }
        out
    }

    /// Mean over a square of side `2 * radius + 1`, edges replicated.
    pub(crate) fn box_blurred(&self, radius: usize) -> Plane {
        let mut rows = vec![0.0f32; self.data.len()];
        let mut lines = Vec::new();
        let groups = self.data.chunks(LANES * self.width);
        for (source, out) in groups.zip(rows.chunks_mut(LANES * self.width)) {
            running_means(source, out, self.width, radius, &mut lines);
        }
        let mut out = Plane::filled(self.width, self.height, 0.0);
        out.blur_columns(&rows, radius);
        out
    }

    fn blur_columns(&mut self, source: &[f32], radius: usize) {
        let (w, h) = (self.width, self.height);
        let scale = 1.0 / (2 * radius + 1) as f32;
        let row = |y: isize| {
            let y = y.clamp(0, h as isize - 1) as usize;
            &source[y * w..][..w]
        };
        let mut sum = vec![0.0f32; w];
        for y in -(radius as isize)..=radius as isize {
            sum.iter_mut().zip(row(y)).for_each(|(s, v)| *s += v);
        }
        for y in 0..h {
            let line = &mut self.data[y * w..][..w];
            line.iter_mut().zip(&sum).for_each(|(o, s)| *o = s * scale);
            let (enter, leave) = (
                row((y + radius + 1) as isize),
                row(y as isize - radius as isize),
            );
            for ((s, e), l) in sum.iter_mut().zip(enter).zip(leave) {
                *s += e - l;
            }
        }
    }
}

/// Rows that are summed side by side: each sum waits for the one before it, several do not wait for one
/// another.
const LANES: usize = 8;

/// Running means of at most [`LANES`] rows; `lines` is room for them, laid side by side with their edges
/// replicated.
fn running_means(
    source: &[f32],
    out: &mut [f32],
    width: usize,
    radius: usize,
    lines: &mut Vec<[f32; LANES]>,
) {
    lines.clear();
    lines.resize(width + 2 * radius + 1, [0.0; LANES]);
    for (lane, row) in source.chunks_exact(width).enumerate() {
        let (before, rest) = lines.split_at_mut(radius + 1);
        let (inside, after) = rest.split_at_mut(width);
        for line in before {
            line[lane] = row[0];
        }
        for (line, value) in inside.iter_mut().zip(row) {
            line[lane] = *value;
        }
        for line in after {
            line[lane] = row[width - 1];
        }
    }
    let scale = 1.0 / (2 * radius + 1) as f32;
    let mut sum = [0.0f32; LANES];
    for line in &lines[1..=2 * radius + 1] {
        add(&mut sum, line);
    }
    let rows = out.len() / width;
    for x in 0..width {
        let means = sum.map(|sum| sum * scale);
        for (lane, mean) in means.iter().enumerate().take(rows) {
            out[lane * width + x] = *mean;
        }
        if x + 1 < width {
            let (enter, leave) = (&lines[x + 2 * radius + 2], &lines[x + 1]);
            let change = std::array::from_fn(|lane| enter[lane] - leave[lane]);
            add(&mut sum, &change);
        }
    }
}

fn add(sum: &mut [f32; LANES], values: &[f32; LANES]) {
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}

/// The source cells that one output cell averages.
struct Span {
    start: usize,
    weights: Vec<f32>,
}

impl Span {
    fn sum(&self, source: &[f32]) -> f32 {
        let cells = &source[self.start..self.start + self.weights.len()];
        cells.iter().zip(&self.weights).map(|(s, w)| s * w).sum()
    }

    fn weight(&self, cell: usize) -> f32 {
        cell.checked_sub(self.start)
            .and_then(|i| self.weights.get(i))
            .copied()
            .unwrap_or(0.0)
    }
}

fn area_weights(from: usize, to: usize) -> Vec<Span> {
    let ratio = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            let (low, high) = (i as f64 * ratio, (i + 1) as f64 * ratio);
            let start = low as usize;
            let end = (high.ceil() as usize).clamp(start + 1, from);
            let weights = (start..end)
                .map(|cell| {
                    let covered = high.min((cell + 1) as f64) - low.max(cell as f64);
                    (covered.max(0.0) / ratio) as f32
                })
                .collect();
            Span { start, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Plane {
        let data = (0..width * height)
            .map(|i| (i % width) as f32 + 3.0 * (i / width) as f32)
            .collect();
        Plane::new(width, height, data).unwrap()
    }

    #[test]
    fn area_resize_keeps_the_mean() {
        let plane = ramp(97, 61);
        let small = plane.area_resized(31, 20);
        let mean =
            |p: &Plane| p.data.iter().map(|&v| f64::from(v)).sum::<f64>() / p.data.len() as f64;
        assert!((mean(&plane) - mean(&small)).abs() < 1e-3);
    }

    #[test]
    fn blur_keeps_a_ramp_inside_and_constants_everywhere() {
        let blurred = ramp(40, 30).box_blurred(4);
        assert!((blurred.data[15 * 40 + 20] - (20.0 + 45.0)).abs() < 1e-3);
        let flat = Plane::filled(5, 3, 7.0).box_blurred(9);
        assert!(flat.data.iter().all(|v| (v - 7.0).abs() < 1e-4));
    }

    #[test]
    fn bad_planes_are_refused() {
        assert!(Plane::new(2, 2, vec![0.0; 3]).is_err());
        assert!(Plane::new(0, 2, vec![]).is_err());
        assert!(Plane::new(1, 1, vec![f32::NAN]).is_err());
    }
}
