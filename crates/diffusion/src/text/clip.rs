//! The text encoder of CLIP (arXiv 2103.00020), in OpenAI's and `OpenCLIP`'s forms: `CLIPTextModel` and
//! `CLIPTextModelWithProjection` of `transformers`.

use std::sync::Arc;

use candle_core::Tensor;
use serde::Deserialize;

use crate::device::Compute;
use crate::error::DiffusionError;
use crate::nets::{
    Embedding, LayerNorm, Linear, Mask, Part, Result, attention, gelu_erf, join_heads, split_heads,
};
use crate::weights::Weights;

/// `text_encoder/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ClipConfig {
    pub(crate) hidden_size: usize,
    intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    num_attention_heads: usize,
    pub(crate) vocab_size: usize,
    pub(crate) max_position_embeddings: usize,
    #[serde(default = "quick_gelu")]
    hidden_act: String,
    #[serde(default = "epsilon")]
    layer_norm_eps: f64,
    #[serde(default)]
    pub(crate) projection_dim: usize,
    #[serde(default)]
    eos_token_id: Option<u32>,
}

fn quick_gelu() -> String {
    "quick_gelu".to_owned()
}

fn epsilon() -> f64 {
    1e-5
}

/// What comes between the linear layers.
#[derive(Clone, Copy, Debug)]
enum Activation {
    /// `x * sigmoid(1.702 x)`.
    QuickGelu,
    /// With the error function.
    Gelu,
}

impl Activation {
    fn forward(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::QuickGelu => (x * candle_nn::ops::sigmoid(&(x * 1.702)?)?)?,
            Self::Gelu => gelu_erf(x)?,
        })
    }
}

/// The encoder.
pub(crate) struct Clip {
    tokens: Embedding,
    /// `[positions, width]`.
    positions: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
    projection: Option<Linear>,
    config: ClipConfig,
    compute: Compute,
}

/// What a prompt becomes.
pub(crate) struct Encoded {
    /// State 0 is the embedding, state `i` what comes out of layer `i`; `[batch, tokens, width]` each, without the
    /// final norm.
    pub(crate) states: Vec<Tensor>,
    /// The last after the final norm.
    pub(crate) last: Tensor,
    /// Of the token that ends the text, after the final norm and, where the model has one, the projection:
    /// `[batch, width]`.
    pub(crate) pooled: Tensor,
}

impl Clip {
    pub(crate) fn new(mut weights: Weights, config: ClipConfig, compute: &Compute) -> Result<Self> {
        // Newer exports leave the first part away.
        weights.rename(|name| {
            let name = name.strip_prefix("text_model.").unwrap_or(name);
            (!name.ends_with("position_ids")).then(|| name.to_owned())
        })?;
        let weights = Arc::new(weights);
        let part = Part::root(&weights, compute);
        let (width, heads) = (config.hidden_size, config.num_attention_heads);
        if heads == 0 || !width.is_multiple_of(heads) {
            return Err(DiffusionError::Description(format!(
                "a text encoder of width {width} with {heads} heads"
            )));
        }
        let activation = match config.hidden_act.as_str() {
            "quick_gelu" => Activation::QuickGelu,
            "gelu" => Activation::Gelu,
            other => {
                return Err(DiffusionError::Description(format!(
                    "a text encoder with {other:?} between its layers, which is not supported"
                )));
            }
        };
        let embeddings = part.at("embeddings");
        let layer = |index| Layer::new(&part.at("encoder.layers").at(index), &config, activation);
        let projection = part.has("text_projection.weight").then(|| {
            Linear::new(
                &part.at("text_projection"),
                width,
                config.projection_dim,
                false,
            )
        });
        Ok(Self {
            tokens: Embedding::new(&embeddings.at("token_embedding"), config.vocab_size, width)?,
            positions: embeddings
                .at("position_embedding")
                .tensor("weight", &[config.max_position_embeddings, width])?,
            layers: (0..config.num_hidden_layers)
                .map(layer)
                .collect::<Result<_>>()?,
            norm: LayerNorm::new(&part.at("final_layer_norm"), width, config.layer_norm_eps)?,
            projection: projection.transpose()?,
            config,
            compute: compute.clone(),
        })
    }

    /// Of `[batch][tokens]` ids, all lines of one length of at most `max_position_embeddings`.
    pub(crate) fn forward(&self, ids: &[Vec<u32>]) -> Result<Encoded> {
        let length = ids.first().map_or(0, Vec::len);
        let bad = ids
            .iter()
            .flatten()
            .find(|id| **id as usize >= self.config.vocab_size);
        if let Some(bad) = bad {
            return Err(DiffusionError::Description(format!(
                "the tokenizer gave token {bad} to a text encoder of {}; they belong to different models",
                self.config.vocab_size
            )));
        }
        if length == 0
            || length > self.config.max_position_embeddings
            || ids.iter().any(|line| line.len() != length)
        {
            return Err(DiffusionError::Description(format!(
                "{length} tokens for a text encoder of {}",
                self.config.max_position_embeddings
            )));
        }
        let device = self.compute.device();
        let flat: Vec<u32> = ids.iter().flatten().copied().collect();
        let tokens = Tensor::from_vec(flat, (ids.len(), length), device)?;
        let positions = self.positions.narrow(0, 0, length)?;
        let mut x = self.tokens.forward(&tokens)?.broadcast_add(&positions)?;
        let mask = Mask::causal(length, None, device)?;
        let mut states = vec![x.clone()];
        for layer in &self.layers {
            x = layer.forward(&x, &mask)?;
            states.push(x.clone());
        }
        let last = self.norm.forward(&x)?;
        let rows: Vec<Tensor> = ids
            .iter()
            .enumerate()
            .map(|(line, ids)| Ok(last.get(line)?.get(self.end(ids))?))
            .collect::<Result<_>>()?;
        let pooled = Tensor::stack(&rows, 0)?;
        let pooled = match &self.projection {
            Some(projection) => projection.forward(&pooled)?,
            None => pooled,
        };
        Ok(Encoded {
            states,
            last,
            pooled,
        })
    }

    /// The place of the token that ends the text. Files from before the id was told right say 2; then it is the
    /// largest id.
    fn end(&self, ids: &[u32]) -> usize {
        let end = match self.config.eos_token_id {
            Some(id) if id != 2 => id,
            _ => ids.iter().copied().max().unwrap_or(0),
        };
        ids.iter().position(|id| *id == end).unwrap_or(0)
    }
}

struct Layer {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    up: Linear,
    down: Linear,
    before: LayerNorm,
    between: LayerNorm,
    heads: usize,
    activation: Activation,
}

impl Layer {
    fn new(part: &Part<'_>, config: &ClipConfig, activation: Activation) -> Result<Self> {
        let (width, hidden) = (config.hidden_size, config.intermediate_size);
        let square = |name: &str| Linear::new(&part.at("self_attn").at(name), width, width, true);
        let norm = |name: &str| LayerNorm::new(&part.at(name), width, config.layer_norm_eps);
        Ok(Self {
            q: square("q_proj")?,
            k: square("k_proj")?,
            v: square("v_proj")?,
            out: square("out_proj")?,
            up: Linear::new(&part.at("mlp.fc1"), width, hidden, true)?,
            down: Linear::new(&part.at("mlp.fc2"), hidden, width, true)?,
            before: norm("layer_norm1")?,
            between: norm("layer_norm2")?,
            heads: config.num_attention_heads,
            activation,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Mask) -> Result<Tensor> {
        let normed = self.before.forward(x)?;
        let head = |linear: &Linear| split_heads(&linear.forward(&normed)?, self.heads);
        let mixed = attention(
            &head(&self.q)?,
            &head(&self.k)?,
            &head(&self.v)?,
            Some(mask),
            None,
        )?;
        let x = (x + self.out.forward(&join_heads(&mixed)?)?)?;
        let up = self.up.forward(&self.between.forward(&x)?)?;
        Ok((x + self.down.forward(&self.activation.forward(&up)?)?)?)
    }
}
