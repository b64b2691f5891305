//! Stored values to `f32`.

use half::{bf16, f16};

use crate::error::DiffusionError;

/// The types that can be read, for messages.
pub(super) const READABLE: &str = "F32, F16, BF16 and I8";

/// How values are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredType {
    /// 32-bit floating point.
    F32,
    /// 16-bit IEEE 754.
    F16,
    /// The upper half of a 32-bit value.
    Bf16,
    /// 8-bit integers with a scale a row.
    I8,
    /// Something else, by the format's name; known to be there, but not read.
    Other(String),
}

impl StoredType {
    pub(super) fn new(name: &str) -> Self {
        match name {
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "I8" => Self::I8,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Bytes of one value, where that is known.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            Self::F32 => Some(4),
            Self::F16 | Self::Bf16 => Some(2),
            Self::I8 => Some(1),
            Self::Other(_) => None,
        }
    }
}

/// Values of one of the floating-point types; `I8` needs [`dequantise`].
pub(super) fn to_f32(
    name: &str,
    stored: &StoredType,
    bytes: &[u8],
) -> Result<Vec<f32>, DiffusionError> {
    let pairs = || {
        bytes
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
    };
    let values: Vec<f32> = match stored {
        StoredType::F32 => {
            let words = bytes.chunks_exact(4);
            words
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect()
        }
        StoredType::F16 => pairs().map(|bits| f16::from_bits(bits).to_f32()).collect(),
        StoredType::Bf16 => pairs().map(|bits| bf16::from_bits(bits).to_f32()).collect(),
        StoredType::I8 | StoredType::Other(_) => {
            return Err(DiffusionError::TensorType {
                tensor: name.to_owned(),
                found: format!("{stored:?}"),
                allowed: READABLE,
            });
        }
    };
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(not_finite(name, position)),
        None => Ok(values),
    }
}

/// `q * scale[row]`; the rows are of equal length.
pub(super) fn dequantise(bytes: &[u8], scales: &[f32]) -> Vec<f32> {
    let row = (bytes.len() / scales.len().max(1)).max(1);
    let rows = bytes.chunks_exact(row).zip(scales);
    rows.flat_map(|(row, scale)| row.iter().map(move |q| f32::from(q.cast_signed()) * scale))
        .collect()
}

/// Finds NaN and infinity in stored bytes without widening them.
pub(super) fn check_finite(
    name: &str,
    stored: &StoredType,
    bytes: &[u8],
) -> Result<(), DiffusionError> {
    // All bits of the exponent are set in NaN and infinity, and in nothing else.
    let (width, exponent) = match stored {
        StoredType::F32 => (4, 0x7f80),
        StoredType::Bf16 => (2, 0x7f80),
        StoredType::F16 => (2, 0x7c00),
        StoredType::I8 | StoredType::Other(_) => return Ok(()),
    };
    let upper = |value: &[u8]| u16::from_le_bytes([value[width - 2], value[width - 1]]);
    let mut values = bytes.chunks_exact(width);
    match values.position(|value| upper(value) & exponent == exponent) {
        Some(position) => Err(not_finite(name, position)),
        None => Ok(()),
    }
}

fn not_finite(name: &str, position: usize) -> DiffusionError {
    DiffusionError::TensorNotFinite {
        tensor: name.to_owned(),
        position,
    }
}
