//! Linear layers and tables.

use candle_core::quantized::QMatMul;
use candle_core::{DType, Module, Tensor};

use super::host::{Values, change_rows};
use super::{Part, Result};
use crate::weights::Matrix;

/// `x W^T + b`.
pub(crate) struct Linear {
    kernel: Kernel,
    bias: Option<Tensor>,
}

enum Kernel {
    /// `[inputs, outputs]`, a view of what is stored.
    Dense(Tensor),
    Blocks {
        matrix: QMatMul,
        /// `[inputs, rank]` and `[rank, outputs]` in `f32`, the scale in the second.
        low_rank: Vec<(Tensor, Tensor)>,
    },
}

impl Linear {
    /// The tensors `weight` and, where asked for, `bias` of a part.
    pub(crate) fn new(part: &Part<'_>, input: usize, output: usize, bias: bool) -> Result<Self> {
        let kernel = match part.matrix("weight", &[output, input])? {
            Matrix::Dense(weight) => Kernel::Dense(weight.t()?),
            Matrix::Blocks(blocks, adapters) => {
                let mut low_rank = Vec::new();
                for adapter in adapters {
                    let (up, down) = adapter.tensors(DType::F32, part.device())?;
                    let up = (up * f64::from(adapter.scale))?;
                    low_rank.push((down.t()?.contiguous()?, up.t()?.contiguous()?));
                }
                Kernel::Blocks {
                    matrix: QMatMul::from_qtensor(blocks)?,
                    low_rank,
                }
            }
        };
        let bias = bias.then(|| part.tensor("bias", &[output])).transpose()?;
        Ok(Self { kernel, bias })
    }

    /// Of a matrix `[outputs, inputs]` and a bias that are there already.
    pub(crate) fn of(weight: &Tensor, bias: Option<Tensor>) -> Result<Self> {
        let kernel = Kernel::Dense(weight.t()?);
        Ok(Self { kernel, bias })
    }

    /// With a bias where the weights have one.
    pub(crate) fn found(part: &Part<'_>, input: usize, output: usize) -> Result<Self> {
        Self::new(part, input, output, part.has("bias"))
    }

    /// `x` of shape `[.., inputs]`, in any type; the answer has the same.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        let inputs = shape.pop().unwrap_or(1);
        let rows = x.reshape((shape.iter().product::<usize>(), inputs))?;
        let product = match &self.kernel {
            Kernel::Dense(weight) => rows.to_dtype(weight.dtype())?.matmul(weight)?,
            Kernel::Blocks { matrix, low_rank } => {
                // Blocks are multiplied with f32 on every device.
                let rows = rows.to_dtype(DType::F32)?.contiguous()?;
                let mut product = matrix.forward(&rows)?;
                for (down, up) in low_rank {
                    product = (product + rows.matmul(down)?.matmul(up)?)?;
                }
                product
            }
        };
        let product = match &self.bias {
            Some(bias) => add_bias(product, bias)?,
            None => product,
        };
        shape.push(product.dim(1)?);
        Ok(product.reshape(shape)?.to_dtype(x.dtype())?)
    }
}

/// Adds a bias to each row of a fresh product.
fn add_bias(product: Tensor, bias: &Tensor) -> Result<Tensor> {
    if let Some(bias) = Values::of(bias) {
        let added = change_rows(&product, bias.len(), |row| {
            for (value, bias) in row.iter_mut().zip(&*bias) {
                *value += bias;
            }
        })?;
        if added {
            return Ok(product);
        }
    }
    Ok(product.broadcast_add(&bias.to_dtype(product.dtype())?)?)
}

/// A vector for each of a number of things.
pub(crate) struct Embedding {
    table: Tensor,
}

impl Embedding {
    /// The tensor `weight` of a part, `[things, width]`.
    pub(crate) fn new(part: &Part<'_>, things: usize, width: usize) -> Result<Self> {
        Ok(Self {
            table: part.tensor("weight", &[things, width])?,
        })
    }

    /// Rows of the table by number; `ids` of `[.., n]` gives `[.., n, width]`.
    pub(crate) fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let mut shape = ids.dims().to_vec();
        shape.push(self.table.dim(1)?);
        let rows = self.table.index_select(&ids.flatten_all()?, 0)?;
        Ok(rows.reshape(shape)?)
    }
}
