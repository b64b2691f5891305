//! Norms. Statistics in `f32`.

use candle_core::{D, DType, Tensor};

use super::{Part, Result};

/// Rows to mean 0 and variance 1, in the type of `x`.
pub(crate) fn layer_norm(x: &Tensor, epsilon: f64) -> Result<Tensor> {
    let wide = x.to_dtype(DType::F32)?;
    let centred = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = centred.broadcast_div(&(variance + epsilon)?.sqrt()?)?;
    Ok(normed.to_dtype(x.dtype())?)
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

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
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
