//! Local contrast: what remains of a thumbnail when brightness, gamma and lighting are taken out.

/// Half the side of the neighbourhood, pixels.
const RADIUS: usize = 4;
/// Standard deviation, grey levels, below which a neighbourhood counts as flat: such structure is
/// within reach of compression and 8-bit rounding.
const FLOOR: f32 = 2.0;

/// A thumbnail of which some pixels are to be used and others not.
pub(crate) struct Masked {
    pub width: usize,
    pub height: usize,
    /// Row-major; 0 where unused.
    pub values: Vec<f32>,
    /// 1 where used, else 0.
    pub mask: Vec<f32>,
}

impl Masked {
    /// Subtracts the mean and divides by the standard deviation of the used pixels around each, so
    /// that all parts come out with about unit variance. Flat parts drop out of the mask: bars, frames
    /// and clear sky say nothing for or against.
    pub(crate) fn local_contrast(&self) -> Self {
        let product = |f: &dyn Fn(f32) -> f32| -> Vec<f32> {
            self.values
                .iter()
                .zip(&self.mask)
                .map(|(value, mask)| f(*value) * mask)
                .collect()
        };
        let count = self.box_sums(&self.mask);
        let sum = self.box_sums(&product(&|value| value));
        let square = self.box_sums(&product(&|value| value * value));
        let mut contrast = Self {
            values: vec![0.0; sum.len()],
            mask: vec![0.0; sum.len()],
            ..*self
        };
        for i in (0..sum.len()).filter(|&i| self.mask[i] > 0.0) {
            let mean = sum[i] / count[i];
            let variance = square[i] / count[i] - mean * mean;
            if variance > FLOOR * FLOOR {
                contrast.values[i] = (self.values[i] - mean) / variance.sqrt();
                contrast.mask[i] = 1.0;
            }
        }
        contrast
    }

    /// Sums over the neighbourhood of each pixel, cut at the border.
    fn box_sums(&self, plane: &[f32]) -> Vec<f32> {
        let (width, height) = (self.width, self.height);
        let near = |centre: usize, side: usize| {
            centre.saturating_sub(RADIUS)..(centre + RADIUS + 1).min(side)
        };
        let mut across = vec![0.0; plane.len()];
        for (source, target) in plane
            .chunks_exact(width)
            .zip(across.chunks_exact_mut(width))
        {
            for (x, sum) in target.iter_mut().enumerate() {
                *sum = source[near(x, width)].iter().sum();
            }
        }
        let mut sums = vec![0.0; plane.len()];
        for (y, target) in sums.chunks_exact_mut(width).enumerate() {
            for source_y in near(y, height) {
                let source = &across[source_y * width..(source_y + 1) * width];
                target
                    .iter_mut()
                    .zip(source)
                    .for_each(|(sum, value)| *sum += value);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(width: usize, height: usize, f: impl Fn(usize, usize) -> f32) -> Masked {
        let values = (0..width * height)
            .map(|i| f(i % width, i / width))
            .collect();
        Masked {
            width,
            height,
            values,
            mask: vec![1.0; width * height],
        }
    }

    #[test]
    fn brightness_and_contrast_changes_vanish() {
        let texture = |x: usize, y: usize| ((x * 37 + y * 91) % 64) as f32;
        let plain = full(40, 30, |x, y| 3.0 * texture(x, y)).local_contrast();
        let changed = full(40, 30, |x, y| 40.0 + 1.7 * texture(x, y)).local_contrast();
        for (a, b) in plain.values.iter().zip(&changed.values) {
            assert!((a - b).abs() < 0.01, "{a} {b}");
        }
        let energy = plain.values.iter().map(|v| v * v).sum::<f32>() / 1200.0;
        assert!((0.9..1.1).contains(&energy), "{energy}");
    }

    #[test]
    fn flat_and_unused_parts_drop_out() {
        // Flat on the left, unused on the right: the step between them is not structure.
        let mut half = full(40, 30, |x, _| if x < 20 { 100.0 } else { 0.0 });
        for (i, mask) in half.mask.iter_mut().enumerate() {
            *mask = if i % 40 < 20 { 1.0 } else { 0.0 };
        }
        assert!(half.local_contrast().mask.iter().all(|&mask| mask == 0.0));
    }
}
