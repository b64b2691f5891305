//! Convolutions. On a processor as a matrix product over gathered patches, which is several times quicker than
//! candle's own there; on accelerators candle's.

use candle_core::Tensor;
use rayon::prelude::*;

use super::host::Values;
use super::winograd;
use super::{Part, Result};
use crate::error::DiffusionError;

/// Values of gathered patches that exist at a time.
const MOST_GATHERED: usize = 1 << 23;

/// Tiles of a picture from which on Winograd's filtering is quicker.
const LEAST_TILES: usize = 16;

/// Zeros around a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padding {
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) bottom: usize,
    pub(crate) right: usize,
}

impl Padding {
    /// The same on all sides.
    pub(crate) fn even(pixels: usize) -> Self {
        Self {
            top: pixels,
            left: pixels,
            bottom: pixels,
            right: pixels,
        }
    }

    /// As the down-samplers of Stable Diffusion's family of auto-encoders want it.
    pub(crate) fn bottom_right() -> Self {
        Self {
            bottom: 1,
            right: 1,
            ..Self::even(0)
        }
    }
}

/// A two-dimensional convolution with a square kernel.
pub(crate) struct Conv2d {
    /// `[outputs, inputs, side, side]`.
    weight: Tensor,
    bias: Option<Tensor>,
    side: usize,
    stride: usize,
    padding: Padding,
}

impl Conv2d {
    /// The tensors `weight` of `[outputs, inputs, side, side]` and, if it is there, `bias`.
    pub(crate) fn new(
        part: &Part<'_>,
        input: usize,
        output: usize,
        side: usize,
        stride: usize,
        padding: Padding,
    ) -> Result<Self> {
        let weight = part.tensor("weight", &[output, input, side, side])?;
        Self::of(part, weight, stride, padding)
    }

    /// Of a causal three-dimensional convolution what it does to a single frame: the two frames before it are zeros,
    /// so only the last slice in time counts. `weight` is `[outputs, inputs, depth, side, side]`.
    pub(crate) fn last_slice(
        part: &Part<'_>,
        input: usize,
        output: usize,
        side: usize,
    ) -> Result<Self> {
        let weight = part.tensor("weight", &[output, input, side, side, side])?;
        let weight = weight.narrow(2, side - 1, 1)?.squeeze(2)?.contiguous()?;
        Self::of(part, weight, 1, Padding::even(side / 2))
    }

    fn of(part: &Part<'_>, weight: Tensor, stride: usize, padding: Padding) -> Result<Self> {
        let (output, _, side, _) = weight.dims4()?;
        let bias = part.has("bias").then(|| part.tensor("bias", &[output]));
        Ok(Self {
            weight,
            bias: bias.transpose()?,
            side,
            stride,
            padding,
        })
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, ..]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.to_dtype(self.weight.dtype())?.contiguous()?;
        if let Some(filtered) = self.filtered(&x)? {
            return Ok(filtered);
        }
        let product = if self.side == 1 && self.stride == 1 && self.padding == Padding::even(0) {
            self.pointwise(&x)?
        } else if let Some(pixels) = Values::of(&x) {
            self.gathered(&x, &pixels)?
        } else {
            self.candle(&x)?
        };
        match &self.bias {
            Some(bias) => Ok(product.broadcast_add(&bias.reshape((1, bias.dim(0)?, 1, 1))?)?),
            None => Ok(product),
        }
    }

    /// By Winograd's filtering, where it applies and the filters are worth transforming.
    fn filtered(&self, x: &Tensor) -> Result<Option<Tensor>> {
        let (batch, inputs, height, width) = x.dims4()?;
        let (outputs, expected, ..) = self.weight.dims4()?;
        let shape = winograd::Shape {
            inputs,
            outputs,
            height,
            width,
        };
        let applies = (self.side, self.stride) == (3, 1)
            && self.padding == Padding::even(1)
            && inputs == expected
            && shape.tiles() >= LEAST_TILES;
        if !applies {
            return Ok(None);
        }
        let (Some(pictures), Some(weight)) = (Values::of(x), Values::of(&self.weight)) else {
            return Ok(None);
        };
        let bias = self.bias.as_ref().map(Values::of);
        let bias: &[f32] = match &bias {
            None => &[],
            Some(Some(bias)) => bias,
            Some(None) => return Ok(None),
        };
        let values = winograd::convolution(&pictures, &weight, bias, shape)?;
        let shape = (batch, outputs, height, width);
        Ok(Some(Tensor::from_vec(values, shape, x.device())?))
    }

    fn pointwise(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, inputs, height, width) = x.dims4()?;
        let outputs = self.weight.dim(0)?;
        let weight = self.weight.reshape((1, outputs, inputs))?;
        let weight = weight.expand((batch, outputs, inputs))?;
        let product = weight.matmul(&x.reshape((batch, inputs, height * width))?)?;
        Ok(product.reshape((batch, outputs, height, width))?)
    }

    fn candle(&self, x: &Tensor) -> Result<Tensor> {
        let Padding {
            top,
            left,
            bottom,
            right,
        } = self.padding;
        if self.padding == Padding::even(top) {
            return Ok(x.conv2d(&self.weight, top, self.stride, 1, 1)?);
        }
        let x = x
            .pad_with_zeros(2, top, bottom)?
            .pad_with_zeros(3, left, right)?;
        Ok(x.contiguous()?.conv2d(&self.weight, 0, self.stride, 1, 1)?)
    }

    /// Rows of output at a time: their patches side by side, `[inputs * side^2, pixels]`, times the weight.
    fn gathered(&self, x: &Tensor, pixels: &[f32]) -> Result<Tensor> {
        let (batch, inputs, height, width) = x.dims4()?;
        let Padding {
            top,
            left,
            bottom,
            right,
        } = self.padding;
        let (side, stride) = (self.side, self.stride);
        let span = |length: usize, before: usize, after: usize| {
            let room = (length + before + after).checked_sub(side);
            room.map(|room| room / stride + 1)
        };
        let (Some(rows), Some(columns)) = (span(height, top, bottom), span(width, left, right))
        else {
            return Err(DiffusionError::ModelShape {
                what: "input of a convolution",
                expected: vec![side, side],
                found: vec![height, width],
            });
        };
        let outputs = self.weight.dim(0)?;
        let depth = inputs * side * side;
        let weight = self.weight.reshape((outputs, depth))?;
        let band = (MOST_GATHERED / (depth * columns).max(1)).clamp(1, rows);
        let mut pictures = Vec::with_capacity(batch);
        for picture in pixels.chunks_exact((inputs * height * width).max(1)) {
            let mut bands = Vec::with_capacity(rows.div_ceil(band));
            for first in (0..rows).step_by(band) {
                let count = band.min(rows - first);
                let mut patches = vec![0.0_f32; depth * count * columns];
                patches
                    .par_chunks_mut(count * columns)
                    .enumerate()
                    .for_each(|(index, line)| {
                        let (channel, dy, dx) =
                            (index / (side * side), index / side % side, index % side);
                        let plane = &picture[channel * height * width..][..height * width];
                        for (row, line) in line.chunks_exact_mut(columns).enumerate() {
                            let Some(y) = ((first + row) * stride + dy)
                                .checked_sub(top)
                                .filter(|y| *y < height)
                            else {
                                continue;
                            };
                            let source = &plane[y * width..][..width];
                            copy_row(line, source, dx, left, stride);
                        }
                    });
                let patches = Tensor::from_vec(patches, (depth, count * columns), x.device())?;
                bands.push(
                    weight
                        .matmul(&patches)?
                        .reshape((outputs, count, columns))?,
                );
            }
            pictures.push(if bands.len() == 1 {
                bands.swap_remove(0)
            } else {
                Tensor::cat(&bands, 1)?
            });
        }
        Ok(Tensor::stack(&pictures, 0)?)
    }
}

/// `line[i] = source[i * stride + dx - left]` where that is inside.
fn copy_row(line: &mut [f32], source: &[f32], dx: usize, left: usize, stride: usize) {
    if stride == 1 {
        let start = left.saturating_sub(dx);
        let from = (dx + start).saturating_sub(left);
        let length = line
            .len()
            .saturating_sub(start)
            .min(source.len().saturating_sub(from));
        if length > 0 {
            line[start..start + length].copy_from_slice(&source[from..from + length]);
        }
        return;
    }
    for (i, value) in line.iter_mut().enumerate() {
        if let Some(pixel) = (i * stride + dx)
            .checked_sub(left)
            .and_then(|at| source.get(at))
        {
            *value = *pixel;
        }
    }
}

/// Each pixel twice along both axes.
pub(crate) fn upsample(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let wide = x.reshape((batch, channels, height, 1, width, 1))?;
    let wide = wide.expand((batch, channels, height, 2, width, 2))?;
    Ok(wide.reshape((batch, channels, 2 * height, 2 * width))?)
}
