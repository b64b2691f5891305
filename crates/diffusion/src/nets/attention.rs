//! Softmax attention without a kernel of its own: in pieces of queries, so that the scores of a large picture
//! (4.6 GB for 6,953 tokens and 24 heads) never exist all at once.

use candle_core::{DType, Device, Tensor};

use super::Result;
use super::host::{change_rows, exp, largest, sum};

/// Scores that exist at a time, values.
const MOST_SCORES: usize = 1 << 22;
const MOST_SCORES_ACCELERATOR: usize = 1 << 28;

/// Which keys a query sees: added to the scores, broadcast over `[batch, heads, queries, keys]`.
#[derive(Clone, Debug)]
pub(crate) struct Mask(Tensor);

impl Mask {
    /// From a value for each query and key (or 1 in place of an axis): 0 where it is seen, minus infinity where not.
    pub(crate) fn additive(mask: Tensor) -> Self {
        Self(mask)
    }

    /// Each token sees itself and those before it, of `keys` that are there (`[batch, tokens]`, 1 or 0).
    pub(crate) fn causal(tokens: usize, keys: Option<&Tensor>, device: &Device) -> Result<Self> {
        let later = (0..tokens).flat_map(|query| {
            (0..tokens).map(move |key| if key > query { f32::NEG_INFINITY } else { 0.0 })
        });
        let causal = Tensor::from_iter(later, device)?.reshape((1, 1, tokens, tokens))?;
        match keys {
            Some(keys) => Ok(Self(causal.broadcast_add(&Self::keys(keys)?.0)?)),
            None => Ok(Self(causal)),
        }
    }

    /// Hides keys: `there` of `[batch, keys]` is 1 where one is seen, 0 where not.
    pub(crate) fn keys(there: &Tensor) -> Result<Self> {
        let (batch, keys) = there.dims2()?;
        // Not infinity: a row without any key would become NaN.
        let hidden = ((there.to_dtype(DType::F32)? - 1.0)? * 1e30)?;
        Ok(Self(hidden.reshape((batch, 1, 1, keys))?))
    }

    /// Of the queries from `start` on.
    fn queries(&self, start: usize, count: usize) -> Result<Tensor> {
        if self.0.dim(2)? == 1 {
            Ok(self.0.clone())
        } else {
            Ok(self.0.narrow(2, start, count)?)
        }
    }
}

/// `softmax(scale q k^T + mask) v` of `[batch, heads, tokens, size]`; `scale` is `1 / sqrt(size)` where `None`.
pub(crate) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Mask>,
    scale: Option<f64>,
) -> Result<Tensor> {
    let (batch, heads, queries, size) = q.dims4()?;
    let keys = k.dim(2)?;
    let scale = scale.unwrap_or_else(|| (size as f64).powf(-0.5));
    let q = (q.contiguous()? * scale)?;
    let k = k.contiguous()?.t()?;
    let v = v.contiguous()?;
    let most = if q.device().is_cpu() {
        MOST_SCORES
    } else {
        MOST_SCORES_ACCELERATOR
    };
    let chunk = (most / (batch * heads * keys).max(1)).clamp(1, queries.max(1));
    let mut pieces = Vec::with_capacity(queries.div_ceil(chunk));
    for start in (0..queries).step_by(chunk) {
        let count = chunk.min(queries - start);
        let scores = q.narrow(2, start, count)?.contiguous()?.matmul(&k)?;
        let mut scores = scores.to_dtype(DType::F32)?;
        if let Some(mask) = mask {
            scores = scores.broadcast_add(&mask.queries(start, count)?)?;
        }
        let shares = softmax(scores, keys)?.to_dtype(v.dtype())?;
        pieces.push(shares.matmul(&v)?);
    }
    if pieces.len() == 1 {
        return Ok(pieces.swap_remove(0));
    }
    Ok(Tensor::cat(&pieces, 2)?)
}

/// Softmax of fresh scores, over rows of `keys`.
fn softmax(scores: Tensor, keys: usize) -> Result<Tensor> {
    let done = change_rows(&scores, keys, |row| {
        let most = largest(row);
        for score in row.iter_mut() {
            *score = exp(*score - most);
        }
        let share = (1.0 / sum(row, |value| value)) as f32;
        for value in row.iter_mut() {
            *value *= share;
        }
    })?;
    if done {
        return Ok(scores);
    }
    Ok(candle_nn::ops::softmax_last_dim(&scores)?)
}

/// `[batch, tokens, heads * size]` to `[batch, heads, tokens, size]`.
pub(crate) fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    let split = x.reshape((batch, tokens, heads, width / heads.max(1)))?;
    Ok(split.transpose(1, 2)?)
}

/// The other way round.
pub(crate) fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (batch, heads, tokens, size) = x.dims4()?;
    Ok(x.transpose(1, 2)?.reshape((batch, tokens, heads * size))?)
}

/// Repeats the heads of keys or values for groups of query heads: `[batch, heads, tokens, size]`.
pub(crate) fn repeat_heads(x: &Tensor, times: usize) -> Result<Tensor> {
    if times == 1 {
        return Ok(x.clone());
    }
    let (batch, heads, tokens, size) = x.dims4()?;
    let repeated = x
        .unsqueeze(2)?
        .expand((batch, heads, times, tokens, size))?;
    Ok(repeated.reshape((batch, heads * times, tokens, size))?)
}
