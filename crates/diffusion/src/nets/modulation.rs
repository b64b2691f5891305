//! Shifts, scales and gates that depend on time (adaptive norms, arXiv 2212.09748).

use candle_core::Tensor;

use super::Result;
use crate::error::DiffusionError;

/// `x * (1 + scale) + shift`.
pub(crate) fn modulate(x: &Tensor, shift: &Tensor, scale: &Tensor) -> Result<Tensor> {
    Ok(x.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(shift)?)
}

/// `N` equal pieces of the last axis.
pub(crate) fn pieces<const N: usize>(x: &Tensor) -> Result<[Tensor; N]> {
    let last = x.rank().saturating_sub(1);
    let chunks = x.chunk(N, last)?;
    chunks.try_into().map_err(|_| {
        DiffusionError::Description(format!("a modulation that cannot be cut into {N} pieces"))
    })
}
