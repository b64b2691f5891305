//! Weights as candle's tensors.

use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};

use super::decode::{self, BlockType, StoredType};
use super::header::values_of;
use super::{Adapter, Weights};
use crate::error::DiffusionError;

/// What a linear layer multiplies with, `[outputs, inputs]`.
pub(crate) enum Matrix<'a> {
    /// Values, adapters merged.
    Dense(Tensor),
    /// Blocks as they are stored, and the adapters that could not be merged into them.
    Blocks(QTensor, &'a [Adapter]),
}

impl BlockType {
    fn candle(self) -> GgmlDType {
        match self {
            Self::Q4_0 => GgmlDType::Q4_0,
            Self::Q4_1 => GgmlDType::Q4_1,
            Self::Q5_0 => GgmlDType::Q5_0,
            Self::Q5_1 => GgmlDType::Q5_1,
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::Q2K => GgmlDType::Q2K,
            Self::Q3K => GgmlDType::Q3K,
            Self::Q4K => GgmlDType::Q4K,
            Self::Q5K => GgmlDType::Q5K,
            Self::Q6K => GgmlDType::Q6K,
        }
    }
}

/// Values of blocks.
pub(super) fn unpack(
    name: &str,
    kind: BlockType,
    bytes: &[u8],
    shape: &[usize],
) -> Result<Vec<f32>, DiffusionError> {
    // Blocks may go over the ends of rows, which candle does not expect.
    let values = shape.iter().product();
    let blocks = blocks(name, kind, bytes, &[values], &Device::Cpu)?;
    Ok(blocks.dequantize(&Device::Cpu)?.to_vec1()?)
}

/// Blocks as candle's tensor. It takes what it needs for the shape from wherever the bytes lie, so their number is
/// checked here once more.
fn blocks(
    name: &str,
    kind: BlockType,
    bytes: &[u8],
    shape: &[usize],
    device: &Device,
) -> Result<QTensor, DiffusionError> {
    let stored = StoredType::Blocks(kind);
    decode::check_finite(name, &stored, bytes)?;
    if values_of(shape).and_then(|values| stored.length(values)) != Some(bytes.len() as u64) {
        return Err(decode::not_readable(name, &stored));
    }
    Ok(qtensor_from_ggml(
        kind.candle(),
        bytes,
        shape.to_vec(),
        device,
    )?)
}

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
            StoredType::F16 => DType::F16,
            StoredType::Bf16 => DType::BF16,
            _ => DType::F32,
        };
        if !stored.is_plain() || self.adapters.contains_key(name) {
            let values = self.read(name, shape)?;
            return Ok(Tensor::from_vec(values, shape, &Device::Cpu)?
                .to_dtype(dtype)?
                .to_device(device)?);
        }
        let (stored, bytes) = self.bytes(name, shape)?;
        decode::check_finite(name, stored, &bytes)?;
        Ok(Tensor::from_raw_buffer(&bytes, raw, shape, device)?.to_dtype(dtype)?)
    }

    /// For families: the matrix of a linear layer.
    pub(crate) fn matrix(
        &self,
        name: &str,
        shape: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Matrix<'_>, DiffusionError> {
        let entry = &self.located(name)?.entry;
        let StoredType::Blocks(kind) = entry.stored else {
            return Ok(Matrix::Dense(self.tensor(name, shape, dtype, device)?));
        };
        if !entry.has_whole_rows() {
            return Ok(Matrix::Dense(self.tensor(name, shape, dtype, device)?));
        }
        let (_, bytes) = self.bytes(name, shape)?;
        let blocks = blocks(name, kind, &bytes, shape, device)?;
        let adapters = self.adapters.get(name).map_or(&[][..], Vec::as_slice);
        Ok(Matrix::Blocks(blocks, adapters))
    }
}
