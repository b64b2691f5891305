//! Time as a network is told it.

use candle_core::{DType, Device, Tensor};

use super::{Linear, Part, Result, silu};

/// Sines and cosines of a number at falling frequencies (diffusers' `Timesteps`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sinusoid {
    /// Values, half of them cosines.
    pub(crate) size: usize,
    /// The lowest frequency is about one over this.
    pub(crate) max_period: f64,
    /// Whether cosines come before sines (`flip_sin_to_cos`).
    pub(crate) cosines_first: bool,
    /// `downscale_freq_shift`.
    pub(crate) shift: f64,
}

impl Sinusoid {
    /// As all of the families here do it: cosines first, period 10 000, no shift.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            max_period: 10_000.0,
            cosines_first: true,
            shift: 0.0,
        }
    }

    /// `[numbers, size]` in `f32`.
    pub(crate) fn forward(&self, numbers: &[f32], device: &Device) -> Result<Tensor> {
        let half = self.size / 2;
        let slope = -libm::logf(self.max_period as f32) / (half as f32 - self.shift as f32);
        let mut values = Vec::with_capacity(numbers.len() * self.size);
        for number in numbers {
            let angle = |i: usize| number * libm::expf(slope * i as f32);
            let cos = (0..half).map(|i| libm::cosf(angle(i)));
            let sin = (0..half).map(|i| libm::sinf(angle(i)));
            if self.cosines_first {
                values.extend(cos.chain(sin));
            } else {
                values.extend(sin.chain(cos));
            }
        }
        Ok(Tensor::from_vec(values, (numbers.len(), 2 * half), device)?)
    }
}

/// Two linear layers with SiLU between (diffusers' `TimestepEmbedding`).
pub(crate) struct TimeEmbedding {
    first: Linear,
    second: Linear,
    dtype: DType,
}

impl TimeEmbedding {
    /// The parts `linear_1` and `linear_2`.
    pub(crate) fn new(part: &Part<'_>, input: usize, width: usize) -> Result<Self> {
        Self::between(part, input, width, width)
    }

    /// As [`TimeEmbedding::new`] with another width between.
    pub(crate) fn between(
        part: &Part<'_>,
        input: usize,
        between: usize,
        output: usize,
    ) -> Result<Self> {
        Ok(Self {
            first: Linear::found(&part.at("linear_1"), input, between)?,
            second: Linear::found(&part.at("linear_2"), between, output)?,
            dtype: part.dtype(),
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.first.forward(&x.to_dtype(self.dtype)?)?;
        self.second.forward(&silu(&x)?)
    }
}
