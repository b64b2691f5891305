//! 3 x 3 convolutions by Winograd's minimal filtering F(4 x 4, 3 x 3): Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks" (arXiv 1509.09308), section 4.3.
//!
//! A tile of 6 x 6 inputs gives 4 x 4 outputs with 36 products instead of 144: a fourth of the work of a direct
//! convolution. Rounding grows to about 1e-5 of the values.

use std::array::from_fn as array;
use std::ops::{Add, Mul, Sub};

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::Result;
use super::host::{Values, stretches};

/// Outputs of a side of a tile.
pub(crate) const OUT: usize = 4;
/// Inputs of a side of a tile.
pub(crate) const IN: usize = 6;
/// Products of a tile.
pub(crate) const POINTS: usize = IN * IN;
/// Transformed inputs, or outputs, that exist at a time: so few that they stay in the cache.
const MOST_POINTS: usize = 1 << 21;

/// The matrix G: what turns three weights of a line into six.
pub(crate) const FILTER: [[f32; 3]; IN] = [
    [0.25, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Values that are worked on at once: what compilers turn into vector instructions.
pub(crate) const LANES: usize = 8;

#[derive(Clone, Copy)]
pub(crate) struct Lanes([f32; LANES]);

impl Lanes {
    /// Up to [`LANES`] values; zeros for those that are missing.
    #[inline]
    pub(crate) fn read(values: &[f32]) -> Self {
        if let Ok(values) = values.try_into() {
            return Self(values);
        }
        let mut lanes = [0.0; LANES];
        lanes[..values.len()].copy_from_slice(values);
        Self(lanes)
    }

    #[inline]
    pub(crate) fn write(self, values: &mut [f32]) {
        if let Ok(values) = <&mut [f32; LANES]>::try_from(&mut *values) {
            *values = self.0;
        } else {
            values.copy_from_slice(&self.0[..values.len()]);
        }
    }
}

impl Add for Lanes {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(array(|i| self.0[i] + other.0[i]))
    }
}

impl Sub for Lanes {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(array(|i| self.0[i] - other.0[i]))
    }
}

impl Mul<f32> for Lanes {
    type Output = Self;
    #[inline]
    fn mul(self, factor: f32) -> Self {
        Self(array(|i| self.0[i] * factor))
    }
}

/// `B^T d`.
#[inline]
pub(crate) fn in_line(d: [Lanes; IN]) -> [Lanes; IN] {
    let (even, odd) = (d[4] - d[2] * 4.0, d[3] - d[1] * 4.0);
    let (near, far) = (d[4] - d[2], (d[3] - d[1]) * 2.0);
    [
        d[0] * 4.0 - d[2] * 5.0 + d[4],
        even + odd,
        even - odd,
        near + far,
        near - far,
        d[1] * 4.0 - d[3] * 5.0 + d[5],
    ]
}

/// `A^T m`.
#[inline]
pub(crate) fn out_line(m: [Lanes; IN]) -> [Lanes; OUT] {
    let (sum, difference) = (m[1] + m[2], m[1] - m[2]);
    let (sum_2, difference_2) = (m[3] + m[4], m[3] - m[4]);
    [
        m[0] + sum + sum_2,
        difference + difference_2 * 2.0,
        sum + sum_2 * 4.0,
        difference + difference_2 * 8.0 + m[5],
    ]
}

/// `G g`.
#[inline]
fn filter_line(g: [Lanes; 3]) -> [Lanes; IN] {
    array(|i| g[0] * FILTER[i][0] + g[1] * FILTER[i][1] + g[2] * FILTER[i][2])
}

/// Shape of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Shape {
    fn tile_columns(self) -> usize {
        self.width.div_ceil(OUT)
    }

    fn tile_rows(self) -> usize {
        self.height.div_ceil(OUT)
    }

    pub(super) fn tiles(self) -> usize {
        self.tile_columns() * self.tile_rows()
    }
}

/// The convolution with one pixel of zeros around and stride 1 of pictures `[inputs, height, width]`, one after the
/// other: `[outputs, height, width]` of each. `weight` is `[outputs, inputs, 3, 3]`; `bias` may be empty.
pub(super) fn convolution(
    pictures: &[f32],
    weight: &[f32],
    bias: &[f32],
    shape: Shape,
) -> Result<Vec<f32>> {
    let filters = filters(weight, shape);
    let filters = Tensor::from_vec(filters, (POINTS, shape.inputs, shape.outputs), &Device::Cpu)?;
    let (plane, columns) = (shape.height * shape.width, shape.tile_columns());
    let size = shape.inputs * plane;
    let mut made = vec![0.0; pictures.len() / size.max(1) * shape.outputs * plane];
    let widest = shape.inputs.max(shape.outputs);
    let band = (MOST_POINTS / (POINTS * widest * columns).max(1)).max(1);
    for (picture, made) in pictures
        .chunks_exact(size.max(1))
        .zip(made.chunks_exact_mut((shape.outputs * plane).max(1)))
    {
        let mut rows = stretches(made, plane, OUT * shape.width);
        for (number, rows) in rows.chunks_mut(band).enumerate() {
            let tiles = rows.len() * columns;
            let points = to_points(picture, number * band, rows.len(), shape);
            let points = Tensor::from_vec(points, (POINTS, tiles, shape.inputs), &Device::Cpu)?;
            let products = points.matmul(&filters)?;
            let Some(products) = Values::of(&products) else {
                continue;
            };
            rows.par_iter_mut().enumerate().for_each(|(row, planes)| {
                from_points(&products, (row * columns, tiles), bias, planes, shape);
            });
        }
    }
    Ok(made)
}

/// `G g G^T` of all weights: `[36, inputs, outputs]`.
fn filters(weight: &[f32], shape: Shape) -> Vec<f32> {
    let Shape {
        inputs, outputs, ..
    } = shape;
    let mut filters = vec![0.0; POINTS * inputs * outputs];
    stretches(&mut filters, inputs * outputs, outputs)
        .into_par_iter()
        .enumerate()
        .for_each(|(input, mut points)| {
            for first in (0..outputs).step_by(LANES) {
                let count = (outputs - first).min(LANES);
                let value = |place: usize| {
                    let at = |i: usize| ((first + i.min(count - 1)) * inputs + input) * 9 + place;
                    Lanes(array(|i| weight[at(i)]))
                };
                let half: [[Lanes; IN]; 3] = array(|x| filter_line(array(|y| value(y * 3 + x))));
                for y in 0..IN {
                    let line = filter_line(array(|x| half[x][y]));
                    for (x, values) in line.into_iter().enumerate() {
                        values.write(&mut points[y * IN + x][first..first + count]);
                    }
                }
            }
        });
    filters
}

/// `B^T d B` of the tiles of `count` rows of tiles from `start` on: `[36, tiles, inputs]`.
fn to_points(picture: &[f32], start: usize, count: usize, shape: Shape) -> Vec<f32> {
    let (channels, columns) = (shape.inputs, shape.tile_columns());
    let plane = count * columns * channels;
    let mut points = vec![0.0; POINTS * plane];
    stretches(&mut points, plane, columns * channels)
        .into_par_iter()
        .enumerate()
        .for_each(|(row, mut points)| {
            let lines = channels_last(picture, (start + row) * OUT, shape);
            let length = (OUT * columns + 2) * channels;
            for tile in 0..columns {
                for first in (0..channels).step_by(LANES) {
                    let count = (channels - first).min(LANES);
                    let value = |y: usize, x: usize| {
                        let at = y * length + (tile * OUT + x) * channels + first;
                        Lanes::read(&lines[at..at + count])
                    };
                    let half: [[Lanes; IN]; IN] = array(|x| in_line(array(|y| value(y, x))));
                    for y in 0..IN {
                        let line = in_line(array(|x| half[x][y]));
                        for (x, values) in line.into_iter().enumerate() {
                            let at = tile * channels + first;
                            values.write(&mut points[y * IN + x][at..at + count]);
                        }
                    }
                }
            }
        });
    points
}

/// The six lines of a row of tiles whose first output is line `top`, with zeros around: `[6, 4 tiles + 2, channels]`.
fn channels_last(picture: &[f32], top: usize, shape: Shape) -> Vec<f32> {
    let Shape {
        inputs: channels,
        height,
        width,
        ..
    } = shape;
    let length = (OUT * shape.tile_columns() + 2) * channels;
    let mut lines = vec![0.0; IN * length];
    for (y, line) in lines.chunks_exact_mut(length.max(1)).enumerate() {
        let Some(y) = (top + y).checked_sub(1).filter(|y| *y < height) else {
            continue;
        };
        for first in (0..channels).step_by(LANES) {
            let count = (channels - first).min(LANES);
            let sources: [&[f32]; LANES] = array(|i| {
                let channel = first + i.min(count - 1);
                &picture[(channel * height + y) * width..][..width]
            });
            let pixels = line.chunks_exact_mut(channels).skip(1);
            for (x, pixel) in pixels.take(width).enumerate() {
                Lanes(array(|i| sources[i][x])).write(&mut pixel[first..first + count]);
            }
        }
    }
    lines
}

/// `A^T M A` of a row of tiles, with the bias, into the four lines (or fewer) of each output's plane. The row's tiles
/// begin with the first number of `place`, of as many as the second.
fn from_points(
    products: &[f32],
    (begin, tiles): (usize, usize),
    bias: &[f32],
    planes: &mut [&mut [f32]],
    shape: Shape,
) {
    let (outputs, width) = (shape.outputs, shape.width);
    for tile in 0..shape.tile_columns() {
        let left = tile * OUT;
        let right = (left + OUT).min(width);
        for first in (0..outputs).step_by(LANES) {
            let count = (outputs - first).min(LANES);
            let point = |p: usize| {
                let at = (p * tiles + begin + tile) * outputs + first;
                Lanes::read(&products[at..at + count])
            };
            let bias = Lanes::read(bias.get(first..first + count).unwrap_or(&[]));
            let half: [[Lanes; OUT]; IN] = array(|x| out_line(array(|y| point(y * IN + x))));
            let lines: [[Lanes; OUT]; OUT] =
                array(|y| out_line(array(|x| half[x][y])).map(|values| values + bias));
            for (lane, plane) in planes[first..first + count].iter_mut().enumerate() {
                for (line, plane) in lines.iter().zip(plane.chunks_exact_mut(width)) {
                    for (values, pixel) in line.iter().zip(&mut plane[left..right]) {
                        *pixel = values.0[lane];
                    }
                }
            }
        }
    }
}
