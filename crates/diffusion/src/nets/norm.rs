//! Norms. Statistics in `f32`.

use candle_core::{D, DType, Tensor};
use rayon::prelude::*;

use super::activation::silu_of;
use super::host::{self, Values, stretches, sum};
use super::{Part, Result, silu};

/// Rows to mean 0 and variance 1, in the type of `x`.
pub(crate) fn layer_norm(x: &Tensor, epsilon: f64) -> Result<Tensor> {
    if let (Some(values), Some(width)) = (Values::of(x), x.dims().last()) {
        let normed = host::rows(&values, *width, |_, source, made| {
            let (mean, factor) = centre(source, epsilon);
            for (made, value) in made.iter_mut().zip(source) {
                *made = (value - mean) * factor;
            }
        });
        return Ok(Tensor::from_vec(normed, x.shape(), x.device())?);
    }
    let wide = x.to_dtype(DType::F32)?;
    let centred = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = centred.broadcast_div(&(variance + epsilon)?.sqrt()?)?;
    Ok(normed.to_dtype(x.dtype())?)
}

/// The mean of a row, and what the differences from it are multiplied with.
#[inline]
pub(super) fn centre(row: &[f32], epsilon: f64) -> (f32, f32) {
    let count = row.len() as f64;
    let mean = (sum(row, |value| value) / count) as f32;
    let squares = sum(row, |value| (value - mean) * (value - mean));
    (mean, (1.0 / (squares / count + epsilon).sqrt()) as f32)
}

/// Layer norm with weight and bias.
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl LayerNorm {
    /// The tensors `weight` and `bias`.
    pub(crate) fn new(part: &Part<'_>, width: usize, epsilon: f64) -> Result<Self> {
        Ok(Self {
            weight: part.exact_tensor("weight", &[width])?,
            bias: part.exact_tensor("bias", &[width])?,
            epsilon: epsilon as f32,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let wide = x.to_dtype(DType::F32)?.contiguous()?;
        let normed = candle_nn::ops::layer_norm(&wide, &self.weight, &self.bias, self.epsilon)?;
        Ok(normed.to_dtype(x.dtype())?)
    }
}

/// Rows over their root mean square, times a weight.
pub(crate) struct RmsNorm {
    weight: Tensor,
    epsilon: f32,
}

impl RmsNorm {
    /// The tensor `weight`.
    pub(crate) fn new(part: &Part<'_>, width: usize, epsilon: f64) -> Result<Self> {
        Ok(Self {
            weight: part.exact_tensor("weight", &[width])?,
            epsilon: epsilon as f32,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let wide = x.to_dtype(DType::F32)?.contiguous()?;
        let normed = candle_nn::ops::rms_norm(&wide, &self.weight, self.epsilon)?;
        Ok(normed.to_dtype(x.dtype())?)
    }
}

/// Groups of channels of `[batch, channels, height, width]` to mean 0 and variance 1, then a weight and a bias for
/// each channel.
pub(crate) struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    epsilon: f64,
}

impl GroupNorm {
    /// The tensors `weight` and `bias`.
    pub(crate) fn new(
        part: &Part<'_>,
        groups: usize,
        channels: usize,
        epsilon: f64,
    ) -> Result<Self> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(crate::error::DiffusionError::Description(format!(
                "{channels} channels in {groups} groups"
            )));
        }
        Ok(Self {
            weight: part
                .exact_tensor("weight", &[channels])?
                .reshape((1, channels, 1, 1))?,
            bias: part
                .exact_tensor("bias", &[channels])?
                .reshape((1, channels, 1, 1))?,
            groups,
            epsilon,
        })
    }

    /// Then SiLU.
    pub(crate) fn silu(&self, x: &Tensor) -> Result<Tensor> {
        match self.fused(x, silu_of)? {
            Some(normed) => Ok(normed),
            None => silu(&self.forward(x)?),
        }
    }

    /// The norm with a function after it, where that is done here.
    fn fused(&self, x: &Tensor, then: impl Fn(f32) -> f32 + Sync) -> Result<Option<Tensor>> {
        let (_, channels, height, width) = x.dims4()?;
        let (Some(values), Some(weights), Some(biases)) = (
            Values::of(x),
            Values::of(&self.weight),
            Values::of(&self.bias),
        ) else {
            return Ok(None);
        };
        let (plane, together) = ((height * width).max(1), channels / self.groups);
        let normed = host::rows(&values, together * plane, |group, source, made| {
            let (mean, factor) = centre(source, self.epsilon);
            let first = group % self.groups * together;
            let planes = made.chunks_mut(plane).zip(source.chunks(plane));
            for (channel, (made, source)) in planes.enumerate() {
                let (weight, bias) = (weights[first + channel], biases[first + channel]);
                for (made, value) in made.iter_mut().zip(source) {
                    *made = then((value - mean) * factor * weight + bias);
                }
            }
        });
        Ok(Some(Tensor::from_vec(normed, x.shape(), x.device())?))
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if let Some(normed) = self.fused(x, |value| value)? {
            return Ok(normed);
        }
        let (batch, channels, height, width) = x.dims4()?;
        let rows = channels / self.groups * height * width;
        let wide = x
            .to_dtype(DType::F32)?
            .reshape((batch, self.groups, rows))?;
        let normed = layer_norm(&wide, self.epsilon)?.reshape((batch, channels, height, width))?;
        let scaled = normed
            .broadcast_mul(&self.weight)?
            .broadcast_add(&self.bias)?;
        Ok(scaled.to_dtype(x.dtype())?)
    }
}

/// Channels of each pixel of `[batch, channels, height, width]` to unit length, times a weight.
pub(crate) struct PixelNorm {
    /// With the root of the number of channels, `[1, channels, 1, 1]`.
    gamma: Tensor,
}

impl PixelNorm {
    /// Pixels whose lengths one task finds.
    const TOGETHER: usize = 512;
    /// Least length.
    const LEAST: f32 = 1e-12;

    /// The tensor `gamma`, `[channels, 1, 1, 1]` or `[channels, 1, 1]`.
    pub(crate) fn new(part: &Part<'_>, channels: usize) -> Result<Self> {
        let shape = part.shape("gamma")?.to_vec();
        let gamma = part
            .exact_tensor("gamma", &shape)?
            .reshape((1, channels, 1, 1))?;
        Ok(Self {
            gamma: (gamma * (channels as f64).sqrt())?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if let Some(normed) = self.fused(x, |value| value)? {
            return Ok(normed);
        }
        let length = x
            .sqr()?
            .sum_keepdim(1)?
            .sqrt()?
            .maximum(f64::from(Self::LEAST))?;
        Ok(x.broadcast_div(&length)?.broadcast_mul(&self.gamma)?)
    }

    /// Then SiLU.
    pub(crate) fn silu(&self, x: &Tensor) -> Result<Tensor> {
        match self.fused(x, silu_of)? {
            Some(normed) => Ok(normed),
            None => silu(&self.forward(x)?),
        }
    }

    /// The norm with a function after it, where that is done here.
    fn fused(&self, x: &Tensor, then: impl Fn(f32) -> f32 + Sync) -> Result<Option<Tensor>> {
        let (_, channels, height, width) = x.dims4()?;
        let (Some(values), Some(gamma)) = (Values::of(x), Values::of(&self.gamma)) else {
            return Ok(None);
        };
        let plane = height * width;
        let size = (channels * plane).max(1);
        let mut normed = vec![0.0; values.len()];
        for (picture, normed) in values.chunks_exact(size).zip(normed.chunks_exact_mut(size)) {
            let stretches = stretches(normed, plane, Self::TOGETHER).into_par_iter();
            stretches.enumerate().for_each(|(number, planes)| {
                let source = |channel: usize, count: usize| {
                    &picture[channel * plane + number * Self::TOGETHER..][..count]
                };
                let mut factors = [0.0_f32; Self::TOGETHER];
                for (channel, made) in planes.iter().enumerate() {
                    for (sum, value) in factors.iter_mut().zip(source(channel, made.len())) {
                        *sum += value * value;
                    }
                }
                for factor in &mut factors {
                    let length = factor.sqrt();
                    *factor = 1.0
                        / if length < Self::LEAST {
                            Self::LEAST
                        } else {
                            length
                        };
                }
                for (channel, made) in planes.into_iter().enumerate() {
                    let source = source(channel, made.len());
                    for ((made, value), factor) in made.iter_mut().zip(source).zip(&factors) {
                        *made = then(value * factor * gamma[channel]);
                    }
                }
            });
        }
        Ok(Some(Tensor::from_vec(normed, x.shape(), x.device())?))
    }
}
