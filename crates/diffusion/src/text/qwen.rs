//! The decoder of Qwen2, Qwen2.5-VL's text part and Qwen3, of which only hidden states are used.
//!
//! For text alone the three position axes of Qwen2.5-VL are one, so its rotation is the ordinary one.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use serde::Deserialize;

use crate::device::Compute;
use crate::error::DiffusionError;
use crate::nets::{
    Blocks, Embedding, Linear, Mask, Part, Result, RmsNorm, Rope, attention, join_heads,
    repeat_heads, silu, split_heads,
};
use crate::weights::Weights;

/// What `config.json` says of the text model.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct QwenConfig {
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) num_key_value_heads: usize,
    pub(crate) head_dim: Option<usize>,
    pub(crate) vocab_size: usize,
    pub(crate) rms_norm_eps: f64,
    #[serde(default)]
    rope_theta: Option<f64>,
    #[serde(default)]
    rope_parameters: Option<RopeParameters>,
}

/// Where newer exports keep the base of the rotation.
#[derive(Clone, Debug, Deserialize)]
struct RopeParameters {
    rope_theta: Option<f64>,
}

impl QwenConfig {
    fn theta(&self) -> f64 {
        let newer = self.rope_parameters.as_ref().and_then(|p| p.rope_theta);
        self.rope_theta.or(newer).unwrap_or(1e6)
    }

    fn head(&self) -> usize {
        let even = self.hidden_size / self.num_attention_heads.max(1);
        self.head_dim.unwrap_or(even)
    }

    fn check(&self) -> Result<()> {
        let heads = self.num_attention_heads;
        let groups = self.num_key_value_heads;
        if heads == 0 || groups == 0 || !heads.is_multiple_of(groups) || self.head() == 0 {
            return Err(DiffusionError::Description(format!(
                "a text encoder of {heads} heads in {groups} groups"
            )));
        }
        Ok(())
    }
}

/// Embedding, layers, final norm.
pub(crate) struct Qwen {
    embedding: Embedding,
    layers: Blocks<Layer>,
    norm: RmsNorm,
    config: QwenConfig,
    compute: Compute,
}

struct Layer {
    attention: Attention,
    gate: Linear,
    up: Linear,
    down: Linear,
    before: RmsNorm,
    between: RmsNorm,
}

struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    /// Norms of queries and keys, which Qwen3 has.
    norms: Option<(RmsNorm, RmsNorm)>,
    heads: usize,
    groups: usize,
}

impl Qwen {
    /// Of weights with the names of `transformers`, in any of its ages, or of llama.cpp.
    pub(crate) fn new(
        mut weights: Weights,
        config: QwenConfig,
        compute: &Compute,
        streamed: bool,
    ) -> Result<Self> {
        config.check()?;
        weights.rename(plain_name)?;
        let weights = Arc::new(weights);
        let part = Part::root(&weights, compute);
        let width = config.hidden_size;
        let embedding = Embedding::new(&part.at("embed_tokens"), config.vocab_size, width)?;
        let norm = RmsNorm::new(&part.at("norm"), width, config.rms_norm_eps)?;
        let load = {
            let (weights, config, compute) = (weights.clone(), config.clone(), compute.clone());
            move |index| {
                Layer::new(
                    &Part::root(&weights, &compute).at("layers").at(index),
                    &config,
                )
            }
        };
        Ok(Self {
            embedding,
            layers: Blocks::new(config.num_hidden_layers, streamed, load)?,
            norm,
            config,
            compute: compute.clone(),
        })
    }

    /// Hidden states of `[batch, tokens]` ids, `[batch, tokens, width]` each. State 0 is the embedding, state `i` what
    /// comes out of layer `i`, and -1 the last after the final norm, -2 what went into the last layer. Tokens of which
    /// `there` (`[batch, tokens]`) is 0 are not looked at.
    pub(crate) fn forward(
        &self,
        ids: &Tensor,
        there: Option<&Tensor>,
        states: &[i32],
    ) -> Result<Vec<Tensor>> {
        let tokens = ids.dim(1)?;
        let count = self.config.num_hidden_layers as i32;
        let wanted: Vec<i32> = states
            .iter()
            .map(|state| {
                if *state < 0 {
                    count + 1 + state
                } else {
                    *state
                }
            })
            .collect();
        if let Some(bad) = wanted.iter().find(|state| !(0..=count).contains(state)) {
            let reason = format!("hidden state {bad} of a text encoder with {count} layers");
            return Err(DiffusionError::Description(reason));
        }
        let deepest = wanted.iter().copied().max().unwrap_or(0);
        let mask = Mask::causal(tokens, there, self.compute.device())?;
        let (size, theta) = (self.config.head(), self.config.theta());
        let rope = Rope::line(0, tokens, size, theta, self.compute.device())?;
        let mut x = self.embedding.forward(ids)?;
        let mut found = vec![x.clone()];
        self.layers.each(|index, layer| {
            if (index as i32) < deepest {
                x = layer.forward(&x, &rope, &mask)?;
                found.push(x.clone());
            }
            Ok(())
        })?;
        let pick = |state: &i32| -> Result<Tensor> {
            let x = &found[*state as usize];
            if *state == count {
                self.norm.forward(x)
            } else {
                Ok(x.clone())
            }
        };
        wanted.iter().map(pick).collect()
    }

    /// One line of ids.
    pub(crate) fn line(&self, ids: &[u32]) -> Result<Tensor> {
        if let Some(bad) = ids
            .iter()
            .find(|id| **id as usize >= self.config.vocab_size)
        {
            return Err(DiffusionError::Description(format!(
                "the tokenizer gave token {bad} to a text encoder of {}; they belong to different models",
                self.config.vocab_size
            )));
        }
        Ok(Tensor::new(ids, self.compute.device())?.unsqueeze(0)?)
    }
}

impl Layer {
    fn new(part: &Part<'_>, config: &QwenConfig) -> Result<Self> {
        let (width, hidden, epsilon) = (
            config.hidden_size,
            config.intermediate_size,
            config.rms_norm_eps,
        );
        let mlp = part.at("mlp");
        Ok(Self {
            attention: Attention::new(&part.at("self_attn"), config)?,
            gate: Linear::new(&mlp.at("gate_proj"), width, hidden, false)?,
            up: Linear::new(&mlp.at("up_proj"), width, hidden, false)?,
            down: Linear::new(&mlp.at("down_proj"), hidden, width, false)?,
            before: RmsNorm::new(&part.at("input_layernorm"), width, epsilon)?,
            between: RmsNorm::new(&part.at("post_attention_layernorm"), width, epsilon)?,
        })
    }

    fn forward(&self, x: &Tensor, rope: &Rope, mask: &Mask) -> Result<Tensor> {
        let x = (x + self
            .attention
            .forward(&self.before.forward(x)?, rope, mask)?)?;
        let normed = self.between.forward(&x)?;
        let gated = (silu(&self.gate.forward(&normed)?)? * self.up.forward(&normed)?)?;
        Ok((x + self.down.forward(&gated)?)?)
    }
}

impl Attention {
    fn new(part: &Part<'_>, config: &QwenConfig) -> Result<Self> {
        let (width, size) = (config.hidden_size, config.head());
        let (heads, groups) = (config.num_attention_heads, config.num_key_value_heads);
        let norms = if part.has("q_norm.weight") {
            let norm = |name| RmsNorm::new(&part.at(name), size, config.rms_norm_eps);
            Some((norm("q_norm")?, norm("k_norm")?))
        } else {
            None
        };
        Ok(Self {
            q: Linear::found(&part.at("q_proj"), width, heads * size)?,
            k: Linear::found(&part.at("k_proj"), width, groups * size)?,
            v: Linear::found(&part.at("v_proj"), width, groups * size)?,
            out: Linear::found(&part.at("o_proj"), heads * size, width)?,
            norms,
            heads,
            groups,
        })
    }

    fn forward(&self, x: &Tensor, rope: &Rope, mask: &Mask) -> Result<Tensor> {
        let mut q = split_heads(&self.q.forward(x)?, self.heads)?;
        let mut k = split_heads(&self.k.forward(x)?, self.groups)?;
        let v = split_heads(&self.v.forward(x)?, self.groups)?;
        if let Some((of_q, of_k)) = &self.norms {
            (q, k) = (of_q.forward(&q)?, of_k.forward(&k)?);
        }
        let times = self.heads / self.groups;
        let k = repeat_heads(&rope.turn(&k)?, times)?;
        let v = repeat_heads(&v.contiguous()?, times)?;
        let mixed = attention(&rope.turn(&q)?, &k, &v, Some(mask), None)?;
        self.out.forward(&join_heads(&mixed)?)
    }
}

/// A tensor's name without what differs between exports; vision tower and output head are not used.
fn plain_name(name: &str) -> Option<String> {
    if let Some(plain) = llama_name(name) {
        return Some(plain);
    }
    let name = name.strip_prefix("model.").unwrap_or(name);
    let name = name.strip_prefix("language_model.").unwrap_or(name);
    let name = name.strip_prefix("model.").unwrap_or(name);
    let used = ["embed_tokens.", "layers.", "norm."];
    used.iter()
        .any(|start| name.starts_with(start))
        .then(|| name.to_owned())
}

/// The name that llama.cpp's converter made another of.
fn llama_name(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("blk.") {
        let (index, rest) = rest.split_once('.')?;
        let (layer, kind) = rest.rsplit_once('.')?;
        let layer = match layer {
            "attn_q" => "self_attn.q_proj",
            "attn_k" => "self_attn.k_proj",
            "attn_v" => "self_attn.v_proj",
            "attn_output" => "self_attn.o_proj",
            "attn_q_norm" => "self_attn.q_norm",
            "attn_k_norm" => "self_attn.k_norm",
            "attn_norm" => "input_layernorm",
            "ffn_norm" => "post_attention_layernorm",
            "ffn_gate" => "mlp.gate_proj",
            "ffn_up" => "mlp.up_proj",
            "ffn_down" => "mlp.down_proj",
            _ => return None,
        };
        return Some(format!("layers.{index}.{layer}.{kind}"));
    }
    match name {
        "token_embd.weight" => Some("embed_tokens.weight".to_owned()),
        "output_norm.weight" => Some("norm.weight".to_owned()),
        _ => None,
    }
}

/// A mask of `used` tokens of `length`, `[1, length]`.
pub(crate) fn there(used: usize, length: usize, compute: &Compute) -> Result<Tensor> {
    let values = (0..length).map(|i| if i < used { 1.0_f32 } else { 0.0 });
    let mask = Tensor::from_iter(values, compute.device())?;
    Ok(mask.reshape((1, length))?.to_dtype(DType::F32)?)
}
