//! Stored values to `f32`.

use half::{bf16, f16};

use crate::error::DiffusionError;

/// The types that can be read, for messages.
pub(super) const READABLE: &str =
    "F32, F16, BF16, F8_E4M3, I8 with scales, and of GGUF Q4_0 to Q8_0 and Q2_K to Q6_K";

/// How values are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredType {
    /// 32-bit floating point.
    F32,
    /// 16-bit IEEE 754.
    F16,
    /// The upper half of a 32-bit value.
    Bf16,
    /// 8 bits: 4 of exponent, 3 of mantissa, no infinity.
    F8E4M3,
    /// 8-bit integers with a scale a row.
    I8,
    /// Blocks of few bits with scales, of GGUF.
    Blocks(BlockType),
    /// Something else, by the format's name; known to be there, but not read.
    Other(String),
}

/// GGUF's types of blocks (ggml's `block_*`), each a number of values with their scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BlockType {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

impl BlockType {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// Values of a block.
    pub fn values(self) -> u64 {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes of a block, and where in it the 16-bit scales lie.
    fn layout(self) -> (u64, &'static [usize]) {
        match self {
            Self::Q4_0 => (18, &[0]),
            Self::Q4_1 => (20, &[0, 2]),
            Self::Q5_0 => (22, &[0]),
            Self::Q5_1 => (24, &[0, 2]),
            Self::Q8_0 => (34, &[0]),
            Self::Q2K => (84, &[80, 82]),
            Self::Q3K => (110, &[108]),
            Self::Q4K => (144, &[0, 2]),
            Self::Q5K => (176, &[0, 2]),
            Self::Q6K => (210, &[208]),
        }
    }

    /// Bytes of a block.
    pub fn bytes(self) -> u64 {
        self.layout().0
    }
}

impl StoredType {
    pub(super) fn new(name: &str) -> Self {
        match name {
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "F8_E4M3" => Self::F8E4M3,
            "I8" => Self::I8,
            other => Self::Other(other.to_owned()),
        }
    }

    /// By the number of ggml's `enum ggml_type`.
    pub(super) fn of_gguf(number: u32) -> Self {
        Self::Blocks(match number {
            0 => return Self::F32,
            1 => return Self::F16,
            30 => return Self::Bf16,
            2 => BlockType::Q4_0,
            3 => BlockType::Q4_1,
            6 => BlockType::Q5_0,
            7 => BlockType::Q5_1,
            8 => BlockType::Q8_0,
            10 => BlockType::Q2K,
            11 => BlockType::Q3K,
            12 => BlockType::Q4K,
            13 => BlockType::Q5K,
            14 => BlockType::Q6K,
            _ => return Self::Other(format!("GGUF type {number}")),
        })
    }

    /// Bytes of so many values, where that is known and they are whole blocks.
    pub(super) fn length(&self, values: u64) -> Option<u64> {
        match self {
            Self::F32 => values.checked_mul(4),
            Self::F16 | Self::Bf16 => values.checked_mul(2),
            Self::F8E4M3 | Self::I8 => Some(values),
            Self::Blocks(kind) if values.is_multiple_of(kind.values()) => {
                (values / kind.values()).checked_mul(kind.bytes())
            }
            Self::Blocks(_) | Self::Other(_) => None,
        }
    }

    /// Whether the values need nothing beside them.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }
}

/// Values of one of the floating-point types; `I8` needs [`dequantise`], blocks need candle.
pub(super) fn to_f32(
    name: &str,
    stored: &StoredType,
    bytes: &[u8],
) -> Result<Vec<f32>, DiffusionError> {
    check_finite(name, stored, bytes)?;
    let pairs = || {
        bytes
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
    };
    Ok(match stored {
        StoredType::F32 => {
            let words = bytes.chunks_exact(4);
            words
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect()
        }
        StoredType::F16 => pairs().map(|bits| f16::from_bits(bits).to_f32()).collect(),
        StoredType::Bf16 => pairs().map(|bits| bf16::from_bits(bits).to_f32()).collect(),
        StoredType::F8E4M3 => bytes.iter().map(|bits| f8_e4m3(*bits)).collect(),
        StoredType::I8 | StoredType::Blocks(_) | StoredType::Other(_) => {
            return Err(not_readable(name, stored));
        }
    })
}

pub(super) fn not_readable(name: &str, stored: &StoredType) -> DiffusionError {
    DiffusionError::TensorType {
        tensor: name.to_owned(),
        found: match stored {
            StoredType::Other(format) => format.clone(),
            known => format!("{known:?}"),
        },
        allowed: READABLE,
    }
}

/// 8-bit floating point as in "FP8 Formats for Deep Learning" (arXiv 2209.05433), E4M3: bias 7, NaN where all of
/// exponent and mantissa are set.
fn f8_e4m3(bits: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(bits >> 3 & 15), f32::from(bits & 7));
    let magnitude = match exponent {
        15 if bits & 7 == 7 => f32::NAN,
        0 => mantissa / 512.0,
        _ => (1.0 + mantissa / 8.0) * f32::powi(2.0, exponent - 7),
    };
    if bits < 128 { magnitude } else { -magnitude }
}

/// `q * scale[row]`; the rows are of equal length.
pub(super) fn dequantise(bytes: &[u8], scales: &[f32]) -> Vec<f32> {
    let row = (bytes.len() / scales.len().max(1)).max(1);
    let rows = bytes.chunks_exact(row).zip(scales);
    rows.flat_map(|(row, scale)| row.iter().map(move |q| f32::from(q.cast_signed()) * scale))
        .collect()
}

/// Finds NaN and infinity in stored bytes without widening them; of blocks in their scales.
pub(super) fn check_finite(
    name: &str,
    stored: &StoredType,
    bytes: &[u8],
) -> Result<(), DiffusionError> {
    const F16: u16 = 0x7c00;
    const F32: u16 = 0x7f80;
    // All bits of the exponent are set in NaN and infinity, and in nothing else.
    let bad = |value: &[u8], exponent: u16| {
        u16::from_le_bytes([value[0], value[1]]) & exponent == exponent
    };
    let found = match stored {
        StoredType::F32 => bytes.chunks_exact(4).position(|v| bad(&v[2..], F32)),
        StoredType::Bf16 => bytes.chunks_exact(2).position(|v| bad(v, F32)),
        StoredType::F16 => bytes.chunks_exact(2).position(|v| bad(v, F16)),
        StoredType::F8E4M3 => bytes.iter().position(|bits| bits & 0x7f == 0x7f),
        StoredType::Blocks(kind) => {
            let (length, scales) = kind.layout();
            let mut blocks = bytes.chunks_exact(length as usize);
            let block = blocks.position(|block| scales.iter().any(|at| bad(&block[*at..], F16)));
            block.map(|block| block * kind.values() as usize)
        }
        StoredType::I8 | StoredType::Other(_) => None,
    };
    match found {
        Some(position) => Err(DiffusionError::TensorNotFinite {
            tensor: name.to_owned(),
            position,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bit_floats_are_those_of_the_paper() {
        // Table 1: largest normal, smallest normal, largest and smallest subnormal.
        for (bits, value) in [
            (0b0111_1110, 448.0),
            (0b0000_1000, 2f32.powi(-6)),
            (0b0000_0111, 0.875 * 2f32.powi(-6)),
            (0b0000_0001, 2f32.powi(-9)),
            (0b1011_1000, -1.0),
            (0, 0.0),
        ] {
            assert_eq!(f8_e4m3(bits), value, "{bits:08b}");
        }
        assert!(f8_e4m3(0x7f).is_nan() && f8_e4m3(0xff).is_nan());
    }

    #[test]
    fn a_bad_scale_in_any_place_of_a_block_is_found() {
        for kind in BlockType::ALL {
            let (length, scales) = kind.layout();
            for at in scales {
                let mut bytes = vec![0; 3 * length as usize];
                let stored = StoredType::Blocks(kind);
                check_finite("x", &stored, &bytes).unwrap();
                let place = length as usize + at;
                bytes[place..place + 2].copy_from_slice(&f16::NAN.to_bits().to_le_bytes());
                let error = check_finite("x", &stored, &bytes).unwrap_err().to_string();
                assert!(
                    error.contains(&format!("position {}", kind.values())),
                    "{error}"
                );
            }
        }
    }
}
