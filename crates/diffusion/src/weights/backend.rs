//! Weights as candle's networks ask for them.

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::{SimpleBackend, VarBuilder};

use super::Weights;
use super::decode::{self, StoredType};
use crate::device::Compute;
use crate::error::DiffusionError;

impl Weights {
    /// For families: tensors by name, on the device and in the precision of `compute`.
    pub(crate) fn builder<'a>(&'a self, compute: &Compute) -> VarBuilder<'a> {
        let (dtype, device) = (compute.network_dtype(), compute.device().clone());
        VarBuilder::from_backend(Box::new(Backend(self)), dtype, device)
    }

    /// One tensor of a known shape. What is stored in the wanted type is not widened on its way.
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

struct Backend<'a>(&'a Weights);

impl SimpleBackend for Backend<'_> {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: candle_nn::Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        Ok(self.0.tensor(name, shape.dims(), dtype, device)?)
    }

    fn get_unchecked(
        &self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let shape = &self.0.located(name)?.entry.shape;
        Ok(self.0.tensor(name, shape, dtype, device)?)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}
