//! Layers that the families' networks are made of, on candle's tensors.
//!
//! Statistics of norms, rotations and softmax are `f32` whatever the network's precision: in `bf16` they lose what
//! the network was trained with.

mod activation;
mod attention;
mod blocks;
mod conv;
mod host;
mod linear;
mod modulation;
mod norm;
mod part;
mod rope;
mod time;
pub(crate) mod winograd;

pub(crate) use activation::{gelu, gelu_erf, silu};
pub(crate) use attention::{Mask, attention, join_heads, repeat_heads, split_heads};
pub(crate) use blocks::Blocks;
pub(crate) use conv::{Conv2d, Padding, upsample};
pub(crate) use linear::{Embedding, Linear};
pub(crate) use modulation::{gated_sum, modulated_norm, pieces};
pub(crate) use norm::{GroupNorm, LayerNorm, PixelNorm, RmsNorm, layer_norm};
pub(crate) use part::Part;
pub(crate) use rope::{Rope, Rotation};
pub(crate) use time::{Sinusoid, TimeEmbedding};

pub(crate) type Result<T> = std::result::Result<T, crate::error::DiffusionError>;

#[cfg(test)]
mod tests;
