//! The encoder of T5 1.1 (arXiv 1910.10683, the gated feed-forward layers of arXiv 2002.05202): `T5EncoderModel` of
//! `transformers`.
//!
//! Its activations leave the range of `f16`; in `f32` and `bf16` they have room.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use serde::Deserialize;

use crate::device::{Compute, Precision};
use crate::error::DiffusionError;
use crate::nets::{
    Blocks, Embedding, Linear, Mask, Part, Result, RmsNorm, attention, gelu, join_heads,
    split_heads,
};
use crate::weights::Weights;

/// `config.json` of the encoder.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct T5Config {
    pub(crate) d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_heads: usize,
    pub(crate) vocab_size: usize,
    #[serde(default)]
    feed_forward_proj: String,
    #[serde(default = "epsilon")]
    layer_norm_epsilon: f64,
    #[serde(default = "buckets")]
    relative_attention_num_buckets: usize,
    #[serde(default = "farthest")]
    relative_attention_max_distance: usize,
}

fn epsilon() -> f64 {
    1e-6
}

fn buckets() -> usize {
    32
}

fn farthest() -> usize {
    128
}

impl T5Config {
    fn check(&self) -> Result<()> {
        let refuse = |reason: String| Err(DiffusionError::Description(reason));
        if self.feed_forward_proj != "gated-gelu" {
            return refuse(format!(
                "a T5 encoder with {:?} feed-forward layers; only the gated-gelu of version 1.1 is supported",
                self.feed_forward_proj
            ));
        }
        let buckets = self.relative_attention_num_buckets;
        if buckets < 4
            || !buckets.is_multiple_of(4)
            || buckets / 4 >= self.relative_attention_max_distance
        {
            return refuse(format!(
                "a T5 encoder that tells {} positions apart in {buckets} buckets",
                self.relative_attention_max_distance
            ));
        }
        if self.num_heads == 0 || self.d_kv == 0 || self.d_model == 0 {
            return refuse(format!(
                "a T5 encoder of width {} with {} heads of {}",
                self.d_model, self.num_heads, self.d_kv
            ));
        }
        Ok(())
    }

    /// Bytes that stay in memory while layers are streamed: two of them and the embedding.
    pub(crate) fn streamed_bytes(&self, all: u64, precision: Precision) -> u64 {
        let embedding = (self.vocab_size as u64)
            .saturating_mul(self.d_model as u64)
            .saturating_mul(precision.bytes());
        embedding
            .saturating_add(all / (self.num_layers as u64 / 2).max(1))
            .min(all)
    }
}

/// Embedding, layers, final norm.
pub(crate) struct T5 {
    embedding: Embedding,
    /// `[buckets, heads]` in `f32`: what the first layer holds for all.
    bias: Tensor,
    layers: Blocks<Layer>,
    norm: RmsNorm,
    config: T5Config,
    compute: Compute,
}

struct Layer {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    gate: Linear,
    up: Linear,
    down: Linear,
    before: RmsNorm,
    between: RmsNorm,
    heads: usize,
}

impl T5 {
    /// Of weights with the names of `transformers`, the encoder alone or with its decoder, or of llama.cpp.
    pub(crate) fn new(
        mut weights: Weights,
        config: T5Config,
        compute: &Compute,
        streamed: bool,
    ) -> Result<Self> {
        config.check()?;
        let tied = weights.contains("shared.weight") || weights.contains("token_embd.weight");
        weights.rename(|name| plain_name(name, tied))?;
        let weights = Arc::new(weights);
        let part = Part::root(&weights, compute);
        let (width, heads) = (config.d_model, config.num_heads);
        let bias = part
            .at("block.0.layer.0.SelfAttention.relative_attention_bias")
            .exact_tensor("weight", &[config.relative_attention_num_buckets, heads])?;
        let embedding = Embedding::new(&part.at("embed_tokens"), config.vocab_size, width)?;
        let norm = part.at("final_layer_norm");
        let norm = RmsNorm::new(&norm, width, config.layer_norm_epsilon)?;
        let load = {
            let (weights, config, compute) = (weights.clone(), config.clone(), compute.clone());
            move |index| {
                let part = Part::root(&weights, &compute).at("block").at(index);
                Layer::new(&part.at("layer"), &config)
            }
        };
        Ok(Self {
            embedding,
            bias,
            layers: Blocks::new(config.num_layers, streamed, load)?,
            norm,
            config,
            compute: compute.clone(),
        })
    }

    /// Hidden states after the final norm, `[batch, tokens, d_model]`, of `[batch][tokens]` ids, all lines of one
    /// length. Tokens of which `there` (`[batch, tokens]`) is 0 are not looked at; with `None` padding is text like
    /// all else.
    pub(crate) fn forward(&self, ids: &[Vec<u32>], there: Option<&Tensor>) -> Result<Tensor> {
        let tokens = ids.first().map_or(0, Vec::len);
        if tokens == 0 || ids.iter().any(|line| line.len() != tokens) {
            return Err(DiffusionError::Description(
                "lines of no or of different lengths for a text encoder".to_owned(),
            ));
        }
        let flat: Vec<u32> = ids.iter().flatten().copied().collect();
        let known = self.config.vocab_size;
        if let Some(bad) = flat.iter().find(|id| **id as usize >= known) {
            return Err(DiffusionError::Description(format!(
                "the tokenizer gave token {bad} to a text encoder of {known}; they belong to different models"
            )));
        }
        let device = self.compute.device();
        let mut bias = self.positions(tokens)?;
        if let Some(there) = there {
            let (batch, keys) = there.dims2()?;
            // Not infinity: a line without any token would become NaN.
            let hidden = ((there.to_dtype(DType::F32)? - 1.0)? * 1e30)?;
            bias = bias.broadcast_add(&hidden.reshape((batch, 1, 1, keys))?)?;
        }
        let mask = Mask::additive(bias);
        let ids = Tensor::from_vec(flat, (ids.len(), tokens), device)?;
        let mut x = self.embedding.forward(&ids)?;
        self.layers.each(|_, layer| {
            x = layer.forward(&x, &mask)?;
            Ok(())
        })?;
        self.norm.forward(&x)
    }

    /// What is added to the scores for the distance between two tokens, `[1, heads, queries, keys]`.
    fn positions(&self, tokens: usize) -> Result<Tensor> {
        let (count, most) = (
            self.config.relative_attention_num_buckets,
            self.config.relative_attention_max_distance,
        );
        let buckets: Vec<u32> = (0..tokens)
            .flat_map(|query| (0..tokens).map(move |key| bucket(query, key, count, most)))
            .collect();
        let buckets = Tensor::from_vec(buckets, tokens * tokens, self.compute.device())?;
        let bias = self.bias.index_select(&buckets, 0)?;
        let bias = bias.reshape((tokens, tokens, self.config.num_heads))?;
        Ok(bias.permute((2, 0, 1))?.unsqueeze(0)?.contiguous()?)
    }
}

/// The bucket of a distance: half of `count` for keys after the query, half for those up to it. Of each half, one half
/// holds a distance each and the other grows with the logarithm, up to `most`.
fn bucket(query: usize, key: usize, count: usize, most: usize) -> u32 {
    let half = count / 2;
    let exact = half / 2;
    let distance = query.abs_diff(key);
    let within = if distance < exact {
        distance
    } else {
        let log = |x: f32| libm::logf(x);
        let share = log(distance as f32 / exact as f32) / log(most as f32 / exact as f32);
        let far = exact + (share * (half - exact) as f32) as usize;
        far.min(half - 1)
    };
    (within + if key > query { half } else { 0 }) as u32
}

impl Layer {
    fn new(part: &Part<'_>, config: &T5Config) -> Result<Self> {
        let (width, inner, hidden) = (config.d_model, config.num_heads * config.d_kv, config.d_ff);
        let attention = part.at("0.SelfAttention");
        let feed = part.at("1.DenseReluDense");
        let linear = |part: &Part<'_>, name: &str, input: usize, output: usize| {
            Linear::new(&part.at(name), input, output, false)
        };
        let norm = |name: &str| RmsNorm::new(&part.at(name), width, config.layer_norm_epsilon);
        Ok(Self {
            q: linear(&attention, "q", width, inner)?,
            k: linear(&attention, "k", width, inner)?,
            v: linear(&attention, "v", width, inner)?,
            out: linear(&attention, "o", inner, width)?,
            gate: linear(&feed, "wi_0", width, hidden)?,
            up: linear(&feed, "wi_1", width, hidden)?,
            down: linear(&feed, "wo", hidden, width)?,
            before: norm("0.layer_norm")?,
            between: norm("1.layer_norm")?,
            heads: config.num_heads,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Mask) -> Result<Tensor> {
        let normed = self.before.forward(x)?;
        let head = |linear: &Linear| split_heads(&linear.forward(&normed)?, self.heads);
        // The scores are not scaled: the initial weights are.
        let mixed = attention(
            &head(&self.q)?,
            &head(&self.k)?,
            &head(&self.v)?,
            Some(mask),
            Some(1.0),
        )?;
        let x = (x + self.out.forward(&join_heads(&mixed)?)?)?;
        let normed = self.between.forward(&x)?;
        let gated = (gelu(&self.gate.forward(&normed)?)? * self.up.forward(&normed)?)?;
        Ok((x + self.down.forward(&gated)?)?)
    }
}

/// A tensor's name without what differs between exports; the decoder is not used. Where the embedding is there under
/// the name it shares with the decoder (`tied`), the encoder's own copy of it is left out.
fn plain_name(name: &str, tied: bool) -> Option<String> {
    if let Some(plain) = llama_name(name) {
        return Some(plain);
    }
    match name {
        "shared.weight" => Some("embed_tokens.weight".to_owned()),
        "encoder.embed_tokens.weight" if tied => None,
        _ => name.strip_prefix("encoder.").map(str::to_owned),
    }
}

/// The name that llama.cpp's converter made another of.
fn llama_name(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("enc.blk.") {
        let (index, layer) = rest.split_once('.')?;
        let layer = match layer.strip_suffix(".weight")? {
            "attn_q" => "0.SelfAttention.q",
            "attn_k" => "0.SelfAttention.k",
            "attn_v" => "0.SelfAttention.v",
            "attn_o" => "0.SelfAttention.o",
            "attn_rel_b" => "0.SelfAttention.relative_attention_bias",
            "attn_norm" => "0.layer_norm",
            "ffn_norm" => "1.layer_norm",
            "ffn_gate" => "1.DenseReluDense.wi_0",
            "ffn_up" => "1.DenseReluDense.wi_1",
            "ffn_down" => "1.DenseReluDense.wo",
            _ => return None,
        };
        return Some(format!("block.{index}.layer.{layer}.weight"));
    }
    match name {
        "token_embd.weight" => Some("embed_tokens.weight".to_owned()),
        "enc.output_norm.weight" => Some("final_layer_norm.weight".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_fall_into_the_buckets_of_the_paper() {
        // Far keys after the query, near ones, the same, before, and beyond the last.
        let found = [
            (0, 500),
            (0, 16),
            (0, 7),
            (5, 5),
            (7, 0),
            (8, 0),
            (12, 0),
            (64, 0),
            (500, 0),
        ]
        .map(|(query, key)| bucket(query, key, 32, 128));
        assert_eq!(found, [31, 26, 23, 0, 7, 8, 9, 14, 15]);
    }

    #[test]
    fn names_of_all_exports_are_one() {
        let cases = [
            ("shared.weight", Some("embed_tokens.weight")),
            ("encoder.embed_tokens.weight", None),
            ("token_embd.weight", Some("embed_tokens.weight")),
            (
                "encoder.final_layer_norm.weight",
                Some("final_layer_norm.weight"),
            ),
            ("enc.output_norm.weight", Some("final_layer_norm.weight")),
            (
                "enc.blk.3.ffn_gate.weight",
                Some("block.3.layer.1.DenseReluDense.wi_0.weight"),
            ),
            ("decoder.block.0.layer.0.SelfAttention.q.weight", None),
            ("scaled_fp8", None),
            ("enc.blk.3", None),
        ];
        for (name, expected) in cases {
            assert_eq!(plain_name(name, true).as_deref(), expected, "{name}");
        }
        let own = plain_name("encoder.embed_tokens.weight", false);
        assert_eq!(own.as_deref(), Some("embed_tokens.weight"));
    }
}
