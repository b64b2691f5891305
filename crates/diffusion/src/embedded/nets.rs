//! Layers that reader, painter and decoder share. All in `f32`: the whole model takes a second on a processor, and
//! half precision would change its pictures from device to device.

use candle_core::{D, DType, Device, Tensor};

use crate::error::DiffusionError;
use crate::weights::Weights;

pub(super) type Result<T> = std::result::Result<T, DiffusionError>;

/// Added under the square root of a norm.
const EPSILON: f64 = 1e-6;

/// Tensors of one network, by the names of the training code.
pub(super) struct Part<'a> {
    weights: &'a Weights,
    prefix: String,
    device: &'a Device,
}

impl<'a> Part<'a> {
    pub(super) fn new(weights: &'a Weights, prefix: &str, device: &'a Device) -> Self {
        Self {
            weights,
            prefix: prefix.to_owned(),
            device,
        }
    }

    pub(super) fn at(&self, name: &str) -> Self {
        Self::new(
            self.weights,
            &format!("{}.{name}", self.prefix),
            self.device,
        )
    }

    pub(super) fn device(&self) -> &Device {
        self.device
    }

    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.weights.read(&format!("{}.{name}", self.prefix), shape)
    }

    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let name = format!("{}.{name}", self.prefix);
        self.weights.tensor(&name, shape, DType::F32, self.device)
    }
}

/// `x W^T + b`.
pub(super) struct Linear {
    transposed: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    pub(super) fn new(part: &Part<'_>, input: usize, output: usize, bias: bool) -> Result<Self> {
        let weight = part.tensor("weight", &[output, input])?;
        let bias = bias.then(|| part.tensor("bias", &[output])).transpose()?;
        Ok(Self {
            transposed: weight.t()?.contiguous()?,
            bias,
        })
    }

    /// `x` of shape `[.., input]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        let rows = x.elem_count() / shape.last().copied().unwrap_or(1).max(1);
        let product = x
            .reshape((rows, self.transposed.dim(0)?))?
            .matmul(&self.transposed)?;
        if let Some(last) = shape.last_mut() {
            *last = self.transposed.dim(1)?;
        }
        let product = product.reshape(shape)?;
        Ok(match &self.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        })
    }
}

/// Each row over its root mean square.
pub(super) fn rms(x: &Tensor) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    Ok(x.broadcast_div(&(mean + EPSILON)?.sqrt()?)?)
}

/// As [`rms`], with a weight for each value of a row.
pub(super) fn rms_weighted(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    Ok(rms(x)?.broadcast_mul(weight)?)
}

/// Softmax attention of `[batch, heads, tokens, size]`.
pub(super) fn attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let scale = (q.dim(D::Minus1)? as f64).powf(-0.5);
    let scores = (q.contiguous()?.matmul(&k.t()?.contiguous()?)? * scale)?;
    Ok(candle_nn::ops::softmax_last_dim(&scores)?.matmul(&v.contiguous()?)?)
}

/// `[batch, tokens, 3 * width]` -> three of `[batch, heads, tokens, size]`.
pub(super) fn split_heads(qkv: &Tensor, heads: usize) -> Result<[Tensor; 3]> {
    let (batch, tokens, triple) = qkv.dims3()?;
    let split = qkv.reshape((batch, tokens, 3, heads, triple / 3 / heads))?;
    let part = |i: usize| -> Result<Tensor> {
        let part = split.narrow(2, i, 1)?.squeeze(2)?;
        Ok(part.transpose(1, 2)?.contiguous()?)
    };
    Ok([part(0)?, part(1)?, part(2)?])
}

/// The other way round.
pub(super) fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (batch, heads, tokens, size) = x.dims4()?;
    Ok(x.transpose(1, 2)?.reshape((batch, tokens, heads * size))?)
}

/// `SwiGLU`: `down(silu(gate) * up)`.
pub(super) struct SwiGlu {
    gate_up: Linear,
    down: Linear,
}

impl SwiGlu {
    pub(super) fn new(part: &Part<'_>, width: usize, hidden: usize) -> Result<Self> {
        Ok(Self {
            gate_up: Linear::new(&part.at("gate_up"), width, 2 * hidden, false)?,
            down: Linear::new(&part.at("down"), hidden, width, false)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let both = self.gate_up.forward(x)?;
        let hidden = both.dim(D::Minus1)? / 2;
        let gate = both.narrow(D::Minus1, 0, hidden)?.contiguous()?.silu()?;
        let up = both.narrow(D::Minus1, hidden, hidden)?;
        self.down.forward(&(gate * up)?)
    }
}
