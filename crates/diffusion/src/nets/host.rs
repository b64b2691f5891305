//! Values of tensors in main memory, for kernels that fuse what candle does in several passes, and the functions they
//! share. Where a tensor is elsewhere or of another type, the caller goes candle's way.

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, InplaceOp1, Layout, Storage, StorageRef, Tensor};
use rayon::prelude::*;

use super::Result;

/// Values that are worth a task of their own.
const GRAIN: usize = 1 << 14;
/// Sums that are kept side by side, so that compilers may use vector instructions.
const LANES: usize = 16;

/// The values of a contiguous `f32` tensor in main memory.
pub(crate) struct Values<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl<'a> Values<'a> {
    /// `None` where the tensor is elsewhere, of another type, or a view with gaps.
    pub(crate) fn of(x: &'a Tensor) -> Option<Self> {
        let (storage, layout) = x.storage_and_layout();
        let (start, end) = layout.contiguous_offsets()?;
        let there =
            matches!(&*storage, Storage::Cpu(CpuStorage::F32(values)) if end <= values.len());
        there.then_some(Self {
            storage,
            range: start..end,
        })
    }
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => &[],
        }
    }
}

/// `work` fills each row of the answer from its number and the same row of `source`, in parallel. The last row may be
/// short.
pub(crate) fn rows(
    source: &[f32],
    row: usize,
    work: impl Fn(usize, &[f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let row = row.max(1);
    let together = (GRAIN / row).max(1);
    let mut made = vec![0.0; source.len()];
    let groups = made.par_chunks_mut(together * row);
    groups
        .zip(source.par_chunks(together * row))
        .enumerate()
        .for_each(|(group, (made, source))| {
            for (index, (made, source)) in made.chunks_mut(row).zip(source.chunks(row)).enumerate()
            {
                work(group * together + index, source, made);
            }
        });
    made
}

/// `f` of each value, in parallel.
pub(crate) fn each(source: &[f32], f: impl Fn(f32) -> f32 + Sync) -> Vec<f32> {
    rows(source, GRAIN, |_, source, made| {
        for (made, value) in made.iter_mut().zip(source) {
            *made = f(*value);
        }
    })
}

/// Of planes one after the other, the same stretches of all of them: what each task writes.
pub(crate) fn stretches(values: &mut [f32], plane: usize, length: usize) -> Vec<Vec<&mut [f32]>> {
    let (plane, length) = (plane.max(1), length.max(1));
    let planes = values.len() / plane;
    let mut found: Vec<Vec<_>> = Vec::new();
    found.resize_with(plane.div_ceil(length), || Vec::with_capacity(planes));
    for plane in values.chunks_mut(plane) {
        for (stretch, values) in found.iter_mut().zip(plane.chunks_mut(length)) {
            stretch.push(values);
        }
    }
    found
}

/// Calls `work` with the rows of a tensor, in parallel, and says whether it could: see [`Values::of`]. The tensor must
/// be fresh, since clones and views of it change as well.
pub(crate) fn change_rows(
    x: &Tensor,
    row: usize,
    work: impl Fn(&mut [f32]) + Sync,
) -> Result<bool> {
    if Values::of(x).is_none() {
        return Ok(false);
    }
    x.inplace_op1(&Rows { row, work })?;
    Ok(true)
}

struct Rows<F> {
    row: usize,
    work: F,
}

impl<F: Fn(&mut [f32]) + Sync> InplaceOp1 for Rows<F> {
    fn name(&self) -> &'static str {
        "rows"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            candle_core::bail!("rows of a tensor that is not contiguous and f32");
        };
        let row = self.row.max(1);
        let together = (GRAIN / row).max(1) * row;
        values[start..end]
            .par_chunks_mut(together)
            .for_each(|group| group.chunks_mut(row).for_each(&self.work));
        Ok(())
    }
}

/// The sum of `f` of all values.
#[inline]
pub(crate) fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    let stretch = |values: &[f32]| {
        let mut lanes = [0.0_f32; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest: f32 = chunks.remainder().iter().map(|value| f(*value)).sum();
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += f(*value);
            }
        }
        f64::from(rest) + lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>()
    };
    values.chunks(64 * LANES).map(stretch).sum()
}

/// The largest value, or minus infinity.
#[inline]
pub(crate) fn largest(values: &[f32]) -> f32 {
    let more = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied();
    let rest = rest.fold(f32::NEG_INFINITY, more);
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = more(*lane, *value);
        }
    }
    lanes.into_iter().fold(rest, more)
}

/// `e^x` within two units of the last place, without branches. Below -87 it stays what it is there; from 88.4 on it is
/// infinity; NaN stays NaN.
#[inline]
pub(crate) fn exp(x: f32) -> f32 {
    /// Added to a small number it leaves the nearest whole one in the last bits.
    const ROUND: f32 = 12_582_912.0;
    // The logarithm of 2 in two parts, the first with zeros at its end (Cody and Waite).
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = x - whole * HIGH - whole * LOW;
    // Minimax polynomial of Cephes' expf.
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}
