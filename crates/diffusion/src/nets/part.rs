//! The tensors of a part of a network, by the names of its weights.

use candle_core::{DType, Device, Tensor};

use super::Result;
use crate::device::Compute;
use crate::weights::{Matrix, Weights};

/// A place in the weights, and where their tensors go.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    weights: &'a Weights,
    /// Empty, or ends in a dot.
    prefix: String,
    device: &'a Device,
    dtype: DType,
}

impl<'a> Part<'a> {
    /// All of the weights, in the precision of the large networks.
    pub(crate) fn root(weights: &'a Weights, compute: &'a Compute) -> Self {
        Self {
            weights,
            prefix: String::new(),
            device: compute.device(),
            dtype: compute.dtype(),
        }
    }

    /// The same in `f32`: for auto-encoders.
    pub(crate) fn exact(weights: &'a Weights, compute: &'a Compute) -> Self {
        Self {
            dtype: DType::F32,
            ..Self::root(weights, compute)
        }
    }

    /// The part of this name within.
    pub(crate) fn at(&self, name: impl std::fmt::Display) -> Self {
        Self {
            prefix: format!("{}{name}.", self.prefix),
            ..self.clone()
        }
    }

    pub(crate) fn device(&self) -> &Device {
        self.device
    }

    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.weights.contains(&format!("{}{name}", self.prefix))
    }

    /// Its shape.
    pub(crate) fn shape(&self, name: &str) -> Result<&[usize]> {
        self.weights.shape(&format!("{}{name}", self.prefix))
    }

    /// A tensor of this shape.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.typed(name, shape, self.dtype)
    }

    /// The same as `f32`: for what enters statistics.
    pub(crate) fn exact_tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.typed(name, shape, DType::F32)
    }

    fn typed(&self, name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        self.weights.tensor(&name, shape, dtype, self.device)
    }

    /// A linear layer's matrix.
    pub(crate) fn matrix(&self, name: &str, shape: &[usize]) -> Result<Matrix<'a>> {
        let name = format!("{}{name}", self.prefix);
        self.weights.matrix(&name, shape, self.dtype, self.device)
    }
}
