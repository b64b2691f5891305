//! Shifts, scales and gates that depend on time (adaptive norms, arXiv 2212.09748).

use candle_core::Tensor;

use super::host::{self, Values};
use super::norm::centre;
use super::{Result, layer_norm};
use crate::error::DiffusionError;

/// `x * (1 + scale) + shift`.
fn modulate(x: &Tensor, shift: &Tensor, scale: &Tensor) -> Result<Tensor> {
    Ok(x.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(shift)?)
}

/// [`modulate`] of [`layer_norm`]: `x` is `[batch, tokens, width]`, the others have it or 1 as their tokens.
pub(crate) fn modulated_norm(
    x: &Tensor,
    epsilon: f64,
    shift: &Tensor,
    scale: &Tensor,
) -> Result<Tensor> {
    let (x, shift, scale) = (x.contiguous()?, shift.contiguous()?, scale.contiguous()?);
    if let (Some(step), Some(values), Some(shifts), Some(scales)) = (
        rows_of_each(&x, &[&shift, &scale]),
        Values::of(&x),
        Values::of(&shift),
        Values::of(&scale),
    ) {
        let width = x.dim(2)?;
        let modulated = host::rows(&values, width, |row, source, made| {
            let (mean, factor) = centre(source, epsilon);
            let place = row / step * width;
            let modulation = scales[place..][..width]
                .iter()
                .zip(&shifts[place..][..width]);
            for ((made, value), (scale, shift)) in made.iter_mut().zip(source).zip(modulation) {
                *made = (value - mean) * factor * (1.0 + scale) + shift;
            }
        });
        return Ok(Tensor::from_vec(modulated, x.shape(), x.device())?);
    }
    modulate(&layer_norm(&x, epsilon)?, &shift, &scale)
}

/// `x + y * gate`, of shapes as in [`modulated_norm`].
pub(crate) fn gated_sum(x: &Tensor, y: &Tensor, gate: &Tensor) -> Result<Tensor> {
    let (x, y, gate) = (x.contiguous()?, y.contiguous()?, gate.contiguous()?);
    if let (Some(step), Some(values), Some(more), Some(gates)) = (
        rows_of_each(&x, &[&gate]),
        Values::of(&x),
        Values::of(&y).filter(|_| x.dims() == y.dims()),
        Values::of(&gate),
    ) {
        let width = x.dim(2)?;
        let summed = host::rows(&values, width, |row, source, made| {
            let gates = &gates[row / step * width..][..width];
            let more = more[row * width..][..width].iter().zip(gates);
            for ((made, value), (more, gate)) in made.iter_mut().zip(source).zip(more) {
                *made = value + more * gate;
            }
        });
        return Ok(Tensor::from_vec(summed, x.shape(), x.device())?);
    }
    Ok((&x + y.broadcast_mul(&gate)?)?)
}

/// How many rows of `x` each row of the modulations is for; `None` for shapes that do not fit each other.
fn rows_of_each(x: &Tensor, modulations: &[&Tensor]) -> Option<usize> {
    let (batch, tokens, width) = x.dims3().ok()?;
    let alike = |step: usize, rows: usize| {
        let wanted = [batch, rows, width];
        let fit = modulations.iter().all(|m| m.dims() == wanted);
        (fit && width > 0).then_some(step)
    };
    alike(1, tokens).or_else(|| alike(tokens.max(1), 1))
}

/// `N` equal pieces of the last axis.
pub(crate) fn pieces<const N: usize>(x: &Tensor) -> Result<[Tensor; N]> {
    let last = x.rank().saturating_sub(1);
    let chunks = x.chunk(N, last)?;
    chunks.try_into().map_err(|_| {
        DiffusionError::Description(format!("a modulation that cannot be cut into {N} pieces"))
    })
}
