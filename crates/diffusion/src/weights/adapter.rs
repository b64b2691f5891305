//! Low-rank changes to weights (LoRA, arXiv 2106.09685): `W + scale * up * down`.

use candle_core::{DType, Device, Tensor};

use crate::error::DiffusionError;

/// A change of one weight of `[outputs, inputs, ..]`.
#[derive(Clone, Debug)]
pub(crate) struct Adapter {
    /// `[rank, inputs * ..]`, row-major.
    pub(crate) down: Vec<f32>,
    /// `[outputs, rank]`, row-major.
    pub(crate) up: Vec<f32>,
    /// Number of rows of `down`.
    pub(crate) rank: usize,
    /// Factor: the file's own and the user's.
    pub(crate) scale: f32,
}

impl Adapter {
    /// Adds the change to the values of a weight of this shape. In `f32`, whatever is stored.
    pub(super) fn merge(
        &self,
        name: &str,
        shape: &[usize],
        values: &mut [f32],
    ) -> Result<(), DiffusionError> {
        let (up, down) = self.tensors(DType::F32, &Device::Cpu)?;
        let rows = shape.first().copied().unwrap_or(0);
        if rows != up.dim(0)? || rows * down.dim(1)? != values.len() {
            return Err(DiffusionError::TensorShape {
                tensor: name.to_owned(),
                expected: vec![up.dim(0)?, down.dim(1)?],
                found: shape.to_vec(),
            });
        }
        let change = up.matmul(&down)?.flatten_all()?.to_vec1::<f32>()?;
        for (value, change) in values.iter_mut().zip(change) {
            *value += self.scale * change;
        }
        Ok(())
    }

    /// `up` and `down`, the scale not in them.
    pub(crate) fn tensors(
        &self,
        dtype: DType,
        device: &Device,
    ) -> Result<(Tensor, Tensor), DiffusionError> {
        let matrix = |values: &[f32], rows: usize| -> Result<Tensor, DiffusionError> {
            let shape = (rows, values.len() / rows.max(1));
            Ok(Tensor::from_vec(values.to_vec(), shape, &Device::Cpu)?
                .to_dtype(dtype)?
                .to_device(device)?)
        };
        let outputs = self.up.len() / self.rank.max(1);
        Ok((matrix(&self.up, outputs)?, matrix(&self.down, self.rank)?))
    }
}
