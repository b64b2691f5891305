//! 3 x 3 convolutions by Winograd's minimal filtering, as in [`crate::nets::winograd`], with matrices that stay in the
//! cache.
//!
//! Maps are channels-last: transforms then work on whole vectors of channels, and a 1 x 1 convolution is a plain
//! matrix product.

use std::array::from_fn as array;

use candle_core::{Device, Tensor};

use super::nets::{Part, Result};
use crate::nets::winograd::{FILTER, IN, LANES, Lanes, OUT, POINTS, in_line, out_line};

/// A square picture of `channels` values a pixel, channels last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Map {
    pub(super) side: usize,
    pub(super) channels: usize,
    pub(super) values: Vec<f32>,
}

impl Map {
    pub(super) fn zeros(side: usize, channels: usize) -> Self {
        Self {
            side,
            channels,
            values: vec![0.0; side * side * channels],
        }
    }

    /// Channels into space, `[.., channels * factor^2]` -> `[.., channels]`, in the order of `PyTorch`'s
    /// `pixel_shuffle`.
    pub(super) fn shuffled(&self, factor: usize) -> Self {
        let channels = self.channels / (factor * factor);
        let mut shuffled = Self::zeros(self.side * factor, channels);
        let line = shuffled.side * channels;
        for (i, pixel) in self.values.chunks_exact(self.channels).enumerate() {
            let (y, x) = (i / self.side * factor, i % self.side * factor);
            for dy in 0..factor {
                let start = (y + dy) * line + x * channels;
                let target = &mut shuffled.values[start..start + factor * channels];
                for (dx, values) in target.chunks_exact_mut(channels).enumerate() {
                    let offset = dy * factor + dx;
                    for (channel, value) in values.iter_mut().enumerate() {
                        *value = pixel[channel * factor * factor + offset];
                    }
                }
            }
        }
        shuffled
    }

    /// The other way round.
    pub(super) fn unshuffled(&self, factor: usize) -> Self {
        let mut unshuffled = Self::zeros(self.side / factor, self.channels * factor * factor);
        for (i, pixel) in self.values.chunks_exact(self.channels).enumerate() {
            let (y, x) = (i / self.side, i % self.side);
            let offset = y % factor * factor + x % factor;
            let place = y / factor * unshuffled.side + x / factor;
            let target = &mut unshuffled.values[place * unshuffled.channels..];
            for (channel, value) in pixel.iter().enumerate() {
                target[channel * factor * factor + offset] = *value;
            }
        }
        unshuffled
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (value, more) in self.values.iter_mut().zip(&other.values) {
            *value += more;
        }
    }
}

/// A convolution of 3 x 3, stride 1, zeros around.
pub(super) struct Conv {
    /// Transformed weights, `[36, input, output]`.
    weights: Tensor,
    bias: Vec<f32>,
    input: usize,
}

/// Not `max`, which would turn NaN into 0: it must be seen in the picture.
pub(super) fn relu(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// What happens to the input first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    Relu,
}

impl Conv {
    pub(super) fn new(part: &Part<'_>, input: usize, output: usize) -> Result<Self> {
        let weights = part.values("weight", &[output, input, 3, 3])?;
        let bias = part.values("bias", &[output])?;
        Self::from_values(&weights, bias, input, part.device())
    }

    /// Weights `[output, input, 3, 3]`.
    fn from_values(weights: &[f32], bias: Vec<f32>, input: usize, device: &Device) -> Result<Self> {
        let output = bias.len();
        let mut points = vec![0.0; POINTS * input * output];
        for (o, filters) in weights.chunks_exact(9 * input).enumerate() {
            for (i, filter) in filters.chunks_exact(9).enumerate() {
                for (p, value) in transformed(filter).into_iter().enumerate() {
                    points[(p * input + i) * output + o] = value;
                }
            }
        }
        Ok(Self {
            weights: Tensor::from_vec(points, (POINTS, input, output), device)?,
            bias,
            input,
        })
    }

    pub(super) fn forward(&self, x: &Map, before: Before) -> Result<Map> {
        let tiles = x.side.div_ceil(OUT);
        let points = to_points(&padded(x, tiles, before), tiles, self.input);
        let shape = (POINTS, tiles * tiles, self.input);
        let points = Tensor::from_vec(points, shape, self.weights.device())?;
        let products: Vec<f32> = points.matmul(&self.weights)?.flatten_all()?.to_vec1()?;
        Ok(self.map_of(&products, tiles, x.side))
    }

    /// `A^T M A` of each tile, with the bias.
    fn map_of(&self, products: &[f32], tiles: usize, side: usize) -> Map {
        let channels = self.bias.len();
        let mut map = Map::zeros(side, channels);
        for number in 0..tiles * tiles {
            let (top, left) = (number / tiles * OUT, number % tiles * OUT);
            let (height, width) = ((side - top).min(OUT), (side - left).min(OUT));
            for first in (0..channels).step_by(LANES) {
                let place = number * channels + first;
                let count = (channels - first).min(LANES);
                let point = |p: usize| {
                    let start = p * tiles * tiles * channels + place;
                    Lanes::read(&products[start..start + count])
                };
                let bias = Lanes::read(&self.bias[first..first + count]);
                let half: [[Lanes; OUT]; IN] = array(|x| out_line(array(|y| point(y * IN + x))));
                let lines: [[Lanes; OUT]; OUT] = array(|y| out_line(array(|x| half[x][y])));
                for (y, line) in lines.into_iter().take(height).enumerate() {
                    for (x, values) in line.into_iter().take(width).enumerate() {
                        let pixel = (top + y) * side + left + x;
                        let start = pixel * channels + first;
                        (values + bias).write(&mut map.values[start..start + count]);
                    }
                }
            }
        }
        map
    }
}

/// `G g G^T`, row by row.
fn transformed(filter: &[f32]) -> [f32; POINTS] {
    let mut points = [0.0; POINTS];
    for (y, rows) in FILTER.iter().enumerate() {
        for (x, columns) in FILTER.iter().enumerate() {
            points[y * IN + x] = (0..3)
                .flat_map(|r| (0..3).map(move |c| (r, c)))
                .map(|(r, c)| rows[r] * columns[c] * filter[3 * r + c])
                .sum();
        }
    }
    points
}

/// The map with a margin of one pixel, and zeros up to whole tiles; pixels a side of the result are
/// `4 * tiles + 2`.
fn padded(x: &Map, tiles: usize, before: Before) -> Vec<f32> {
    let line = (OUT * tiles + 2) * x.channels;
    let mut padded = vec![0.0; (OUT * tiles + 2) * line];
    for (source, target) in x
        .values
        .chunks_exact(x.side * x.channels)
        .zip(padded.chunks_exact_mut(line).skip(1))
    {
        let target = &mut target[x.channels..][..source.len()];
        match before {
            Before::Nothing => target.copy_from_slice(source),
            Before::Relu => {
                for (t, s) in target.iter_mut().zip(source) {
                    *t = relu(*s);
                }
            }
        }
    }
    padded
}

/// `B^T d B` of each tile: `[36, tiles, channels]`.
fn to_points(padded: &[f32], tiles: usize, channels: usize) -> Vec<f32> {
    let line = (OUT * tiles + 2) * channels;
    let plane = tiles * tiles * channels;
    let mut points = vec![0.0; POINTS * plane];
    for number in 0..tiles * tiles {
        let (top, left) = (number / tiles * OUT, number % tiles * OUT);
        let corner = top * line + left * channels;
        for first in (0..channels).step_by(LANES) {
            let count = (channels - first).min(LANES);
            let value = |y: usize, x: usize| {
                let start = corner + y * line + x * channels + first;
                Lanes::read(&padded[start..start + count])
            };
            let half: [[Lanes; IN]; IN] = array(|x| in_line(array(|y| value(y, x))));
            let lines: [[Lanes; IN]; IN] = array(|y| in_line(array(|x| half[x][y])));
            for (y, line) in lines.into_iter().enumerate() {
                for (x, values) in line.into_iter().enumerate() {
                    let start = (y * IN + x) * plane + number * channels + first;
                    values.write(&mut points[start..start + count]);
                }
            }
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sums as they are defined.
    fn direct(x: &Map, conv: (&[f32], &[f32]), before: Before) -> Map {
        let (weights, bias) = conv;
        let mut map = Map::zeros(x.side, bias.len());
        let inside =
            |place: usize, step: usize| (place + step).checked_sub(1).filter(|p| *p < x.side);
        for row in 0..x.side {
            for column in 0..x.side {
                for (o, bias) in bias.iter().enumerate() {
                    let mut sum = f64::from(*bias);
                    for step in 0..9 {
                        let (Some(y), Some(x_)) = (inside(row, step / 3), inside(column, step % 3))
                        else {
                            continue;
                        };
                        for i in 0..x.channels {
                            let value = x.values[(y * x.side + x_) * x.channels + i];
                            let value = if before == Before::Relu {
                                value.max(0.0)
                            } else {
                                value
                            };
                            sum += f64::from(value)
                                * f64::from(weights[(o * x.channels + i) * 9 + step]);
                        }
                    }
                    map.values[(row * x.side + column) * map.channels + o] = sum as f32;
                }
            }
        }
        map
    }

    /// Normal values.
    fn values(count: usize, stream: u32) -> Vec<f32> {
        let mut values = vec![0.0; count];
        crate::noise::fill_normal(crate::request::Seed(u64::from(stream)), 0, &mut values);
        values
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn convolutions_equal_their_definition(
            side in 1usize..15, input in 1usize..20, output in 1usize..20, relu: bool, stream: u32,
        ) {
            let x = Map { side, channels: input, values: values(side * side * input, stream) };
            let weights = values(9 * input * output, stream ^ 1);
            let bias = values(output, stream ^ 2);
            let conv = Conv::from_values(&weights, bias.clone(), input, &Device::Cpu).unwrap();
            let before = if relu { Before::Relu } else { Before::Nothing };
            let found = conv.forward(&x, before).unwrap();
            let expected = direct(&x, (&weights, &bias), before);
            prop_assert_eq!((found.side, found.channels), (side, output));
            for (found, expected) in found.values.iter().zip(&expected.values) {
                prop_assert!((found - expected).abs() < 2e-4 * (1.0 + expected.abs()), "{} {}", found, expected);
            }
        }

        #[test]
        fn shuffles_undo_each_other(side in 1usize..5, channels in 1usize..5, factor in 1usize..5) {
            let side = side * factor;
            let values = (0..side * side * channels).map(|i| i as f32).collect();
            let map = Map { side, channels, values };
            prop_assert_eq!(map.unshuffled(factor).shuffled(factor), map);
        }
    }

    #[test]
    fn shuffles_have_the_order_of_pytorch() {
        // torch.nn.functional.pixel_shuffle(torch.arange(8.).view(1, 8, 1, 1), 2)
        let map = Map {
            side: 1,
            channels: 8,
            values: (0..8).map(|i| i as f32).collect(),
        };
        let shuffled = map.shuffled(2);
        assert_eq!((shuffled.side, shuffled.channels), (2, 2));
        assert_eq!(shuffled.values, [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
    }
}
