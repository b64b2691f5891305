//! Area-averaging resampler from a luma plane to a grid of square cells under an affine map.

/// Affine map from cell coordinates to pixel coordinates; both count from the top left corner, the
/// first cell or pixel covers 0..1.
pub(crate) struct Map {
    /// Displacement in cells to displacement in pixels.
    pub matrix: [[f64; 2]; 2],
    /// Pixel position of the cell grid's corner.
    pub origin: [f64; 2],
}

/// A grid of cells.
pub(crate) struct Cells {
    /// Mean of the picture over each cell, row-major; 0 where nothing is covered.
    pub values: Vec<f32>,
    /// Share of each cell that lies inside the picture, 0..=1.
    pub coverage: Vec<f32>,
}

/// Samples an axis per cell at most; the plane is shrunk first so that more are not needed.
const MAX_SAMPLES: f64 = 16.0;

/// Averages `luma` over each of `columns` x `rows` cells.
pub(crate) fn sample_cells(
    luma: &[f32],
    width: usize,
    height: usize,
    map: &Map,
    columns: usize,
    rows: usize,
) -> Cells {
    let factor = ((singular_values(map.matrix).1 / 2.0) as usize).max(1);
    let shrunk;
    let plane = if factor == 1 {
        Plane {
            data: luma,
            width,
            height,
        }
    } else {
        shrunk = shrink(luma, width, factor);
        Plane {
            data: &shrunk,
            width: width.div_ceil(factor),
            height: height.div_ceil(factor),
        }
    };
    let scale = 1.0 / factor as f64;
    let [[a, b], [c, d]] = map.matrix.map(|row| row.map(|value| value * scale));
    let origin = map.origin.map(|value| value * scale);
    let extent = (width as f64 * scale, height as f64 * scale);

    let samples_x = a.hypot(c).ceil().clamp(1.0, MAX_SAMPLES) as usize;
    let samples_y = b.hypot(d).ceil().clamp(1.0, MAX_SAMPLES) as usize;
    let mut cells = Cells {
        values: Vec::with_capacity(columns * rows),
        coverage: Vec::with_capacity(columns * rows),
    };
    for row in 0..rows {
        for column in 0..columns {
            let (mut sum, mut inside) = (0.0f32, 0u32);
            for sample_y in 0..samples_y {
                let v = row as f64 + (sample_y as f64 + 0.5) / samples_y as f64;
                for sample_x in 0..samples_x {
                    let u = column as f64 + (sample_x as f64 + 0.5) / samples_x as f64;
                    let x = a * u + b * v + origin[0];
                    let y = c * u + d * v + origin[1];
                    if (0.0..extent.0).contains(&x) && (0.0..extent.1).contains(&y) {
                        sum += plane.bilinear(x as f32, y as f32);
                        inside += 1;
                    }
                }
            }
            cells.values.push(if inside == 0 {
                0.0
            } else {
                sum / inside as f32
            });
            cells
                .coverage
                .push(inside as f32 / (samples_x * samples_y) as f32);
        }
    }
    cells
}

/// Largest and smallest factor by which a 2 x 2 matrix stretches a vector.
pub(crate) fn singular_values([[a, b], [c, d]]: [[f64; 2]; 2]) -> (f64, f64) {
    let sum = (a + d).hypot(b - c);
    let difference = (a - d).hypot(b + c);
    (
        f64::midpoint(sum, difference),
        (sum - difference).abs() / 2.0,
    )
}

struct Plane<'a> {
    data: &'a [f32],
    width: usize,
    height: usize,
}

impl Plane<'_> {
    /// Bilinear value; pixel centres lie at half-integer positions, the border is repeated.
    fn bilinear(&self, x: f32, y: f32) -> f32 {
        let x = (x - 0.5).max(0.0);
        let y = (y - 0.5).max(0.0);
        let x0 = (x as usize).min(self.width - 1);
        let y0 = (y as usize).min(self.height - 1);
        let x1 = (x0 + 1).min(self.width - 1);
        let y1 = (y0 + 1).min(self.height - 1);
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let at = |x: usize, y: usize| self.data[y * self.width + x];
        let top = at(x0, y0) + fx * (at(x1, y0) - at(x0, y0));
        let bottom = at(x0, y1) + fx * (at(x1, y1) - at(x0, y1));
        top + fy * (bottom - top)
    }
}

/// Means of `factor` x `factor` blocks; blocks cut by the border average what they have.
fn shrink(luma: &[f32], width: usize, factor: usize) -> Vec<f32> {
    let columns = width.div_ceil(factor);
    let mut means = Vec::with_capacity(columns * (luma.len() / width).div_ceil(factor));
    for band in luma.chunks(width * factor) {
        let first = means.len();
        means.resize(first + columns, 0.0);
        for row in band.chunks_exact(width) {
            for (sum, block) in means[first..].iter_mut().zip(row.chunks(factor)) {
                *sum += block.iter().sum::<f32>();
            }
        }
        let band_height = band.len() / width;
        for (column, sum) in means[first..].iter_mut().enumerate() {
            *sum /= (band_height * factor.min(width - column * factor)) as f32;
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_values_of_known_matrices() {
        let close =
            |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1e-12 && (a.1 - b.1).abs() < 1e-12;
        assert!(close(
            singular_values([[3.0, 0.0], [0.0, -2.0]]),
            (3.0, 2.0)
        ));
        assert!(close(
            singular_values([[0.0, -2.0], [2.0, 0.0]]),
            (2.0, 2.0)
        ));
        assert!(close(singular_values([[1.0, 1.0], [1.0, 1.0]]), (2.0, 0.0)));
    }

    #[test]
    fn a_ramp_stays_a_ramp_under_any_map() {
        let (width, height) = (101, 77);
        let luma: Vec<f32> = (0..width * height)
            .map(|i| 10.0 + (i % width) as f32 + 0.5 * (i / width) as f32)
            .collect();
        for matrix in [
            [[3.3, 0.0], [0.0, 3.3]],
            [[0.0, -9.0], [9.0, 0.0]],
            [[4.0, 1.5], [-1.0, 4.5]],
        ] {
            let map = Map {
                matrix,
                origin: [50.0, 20.0],
            };
            let cells = sample_cells(&luma, width, height, &map, 5, 5);
            for (i, (value, coverage)) in cells.values.iter().zip(&cells.coverage).enumerate() {
                let (u, v) = ((i % 5) as f64 + 0.5, (i / 5) as f64 + 0.5);
                let x = matrix[0][0] * u + matrix[0][1] * v + 50.0;
                let y = matrix[1][0] * u + matrix[1][1] * v + 20.0;
                let well_inside = (6.0..width as f64 - 6.0).contains(&x)
                    && (6.0..height as f64 - 6.0).contains(&y);
                if well_inside {
                    assert_eq!(*coverage, 1.0);
                    let expected = 10.0 + (x - 0.5) + 0.5 * (y - 0.5);
                    assert!(
                        (f64::from(*value) - expected).abs() < 0.01,
                        "{value} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn cells_outside_the_picture_are_not_covered() {
        let map = Map {
            matrix: [[1.0, 0.0], [0.0, 1.0]],
            origin: [-2.0, 0.0],
        };
        let cells = sample_cells(&[7.0; 4], 2, 2, &map, 6, 2);
        assert_eq!(cells.coverage[..6], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(cells.values[..6], [0.0, 0.0, 7.0, 7.0, 0.0, 0.0]);
    }
}
