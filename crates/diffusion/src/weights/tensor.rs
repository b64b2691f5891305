//! Weights as candle's tensors.

use candle_core::{DType, Device, Tensor};

use super::Weights;
use super::decode::{self, StoredType};
use crate::error::DiffusionError;

impl Weights {
    /// For families: one tensor of a known shape. What is stored in the wanted type is not widened on its way.
    pub(crate) fn tensor(
        &self,
        name: &str,
        shape: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor, DiffusionError> {
        let stored = &self.located(name)?.entry.stored;
        let raw = match stored {
            StoredType::F32 => DType::F32,
            StoredType::F16 => DType::F16,
            StoredType::Bf16 => DType::BF16,
            // Raises the error where the type is not read at all.
            StoredType::I8 | StoredType::Other(_) => {
                let values = self.read(name, shape)?;
                return Ok(Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?);
            }
        };
        let (stored, bytes) = self.bytes(name, shape)?;
        decode::check_finite(name, stored, &bytes)?;
        Ok(Tensor::from_raw_buffer(&bytes, raw, shape, device)?.to_dtype(dtype)?)
    }
}
