//! Rotary positions (arXiv 2104.09864): pairs of features turn with the token's place.

use candle_core::{DType, Device, Tensor};

use super::Result;

/// Which features are a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// Neighbours: 0 and 1, 2 and 3.
    Interleaved,
    /// One of the first half with one of the second.
    Halves,
}

/// Cosines and sines, `[tokens, pairs]` in `f32`, or `[batch, tokens, pairs]`.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    cos: Tensor,
    sin: Tensor,
    rotation: Rotation,
}

impl Rope {
    /// For tokens with a position on each axis; axis `a` turns `sizes[a] / 2` pairs with frequencies
    /// `theta^(-2 i / sizes[a])`.
    pub(crate) fn axes(
        positions: &[Vec<f32>],
        sizes: &[usize],
        theta: f64,
        rotation: Rotation,
        device: &Device,
    ) -> Result<Self> {
        let frequencies: Vec<Vec<f32>> = sizes
            .iter()
            .map(|size| {
                let frequency = |i: usize| theta.powf(-2.0 * i as f64 / *size as f64) as f32;
                (0..size / 2).map(frequency).collect()
            })
            .collect();
        let pairs: usize = frequencies.iter().map(Vec::len).sum();
        let mut angles = Vec::with_capacity(positions.len() * pairs);
        for token in positions {
            for (position, frequencies) in token.iter().zip(&frequencies) {
                angles.extend(frequencies.iter().map(|frequency| position * frequency));
            }
        }
        let table = |f: fn(f32) -> f32| -> Result<Tensor> {
            let values: Vec<f32> = angles.iter().map(|angle| f(*angle)).collect();
            Ok(Tensor::from_vec(values, (positions.len(), pairs), device)?)
        };
        Ok(Self {
            cos: table(libm::cosf)?,
            sin: table(libm::sinf)?,
            rotation,
        })
    }

    /// Tokens in a row, from `start`.
    pub(crate) fn line(
        start: usize,
        tokens: usize,
        size: usize,
        theta: f64,
        device: &Device,
    ) -> Result<Self> {
        let positions: Vec<Vec<f32>> = (start..start + tokens).map(|i| vec![i as f32]).collect();
        Self::axes(&positions, &[size], theta, Rotation::Halves, device)
    }

    /// Turns `[batch, heads, tokens, size]`; in `f32`, then back to the type of `x`.
    pub(crate) fn turn(&self, x: &Tensor) -> Result<Tensor> {
        let wide = x.to_dtype(DType::F32)?.contiguous()?;
        let turned = match self.rotation {
            Rotation::Interleaved => candle_nn::rotary_emb::rope_i(&wide, &self.cos, &self.sin)?,
            Rotation::Halves => candle_nn::rotary_emb::rope(&wide, &self.cos, &self.sin)?,
        };
        Ok(turned.to_dtype(x.dtype())?)
    }
}
