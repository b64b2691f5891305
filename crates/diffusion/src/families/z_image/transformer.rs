//! The transformer of Z-Image (diffusers' `ZImageTransformer2DModel`; arXiv 2511.22699): words and picture first pass
//! a few blocks of their own, then all others in one stream.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::Deserialize;

use crate::device::Compute;
use crate::error::DiffusionError;
use crate::nets::{
    Blocks, Linear, Part, Result, RmsNorm, Rope, Rotation, Sinusoid, attention, join_heads,
    layer_norm, pieces, silu, split_heads,
};
use crate::weights::Weights;

/// Latents of a side for one token; of the patches a model may have, the one the pipeline uses.
pub(crate) const PATCH: usize = 2;
/// Epsilon of the norms of queries, keys, and of the last norm.
const HEAD_EPSILON: f64 = 1e-5;
const LAST_EPSILON: f64 = 1e-6;
/// Words and picture are filled up with a learnt token to a multiple of this, and those tokens are looked at.
const MULTIPLE: usize = 32;
/// Names of the lists of blocks.
const OF_WORDS: &str = "context_refiner";
const OF_IMAGE: &str = "noise_refiner";
const JOINT: &str = "layers";
/// Sines and cosines of time, and the widths after them.
const WAVE: usize = 256;
const TIME_BETWEEN: usize = 1024;
const MOST_TIME_WIDTH: usize = 256;
/// More than any width or length, and as many blocks as none has; nothing computed from a configuration overflows
/// below it.
const MOST: usize = 1 << 20;
const MOST_BLOCKS: usize = 1 << 10;

/// `transformer/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TransformerConfig {
    all_patch_size: Vec<usize>,
    all_f_patch_size: Vec<usize>,
    pub(crate) in_channels: usize,
    pub(crate) dim: usize,
    pub(crate) n_layers: usize,
    n_refiner_layers: usize,
    n_heads: usize,
    norm_eps: f64,
    pub(crate) cap_feat_dim: usize,
    rope_theta: f64,
    t_scale: f32,
    axes_dims: Vec<usize>,
    axes_lens: Vec<usize>,
}

impl TransformerConfig {
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |reason: &str| {
            Err(DiffusionError::Description(format!(
                "transformer/config.json: {reason}"
            )))
        };
        let mut patches = self.all_patch_size.iter().zip(&self.all_f_patch_size);
        if !patches.any(|patch| patch == (&PATCH, &1)) {
            return refuse("no patches of 2 x 2 latents of a single picture");
        }
        let numbers = [self.in_channels, self.dim, self.cap_feat_dim];
        let axes = self.axes_dims.iter().chain(&self.axes_lens);
        let blocks = self.blocks();
        if numbers.iter().chain(axes).any(|number| *number > MOST)
            || blocks.iter().any(|(_, count)| *count > MOST_BLOCKS)
        {
            return refuse("a number that no model has");
        }
        if self.n_heads == 0
            || self.dim == 0
            || self.in_channels == 0
            || !self.dim.is_multiple_of(self.n_heads)
        {
            return refuse("dim must be a multiple of n_heads, and in_channels more than 0");
        }
        if self.axes_dims.len() != 3
            || self.axes_lens.len() != 3
            || self.axes_dims.iter().sum::<usize>() != self.dim / self.n_heads
            || self.axes_dims.iter().any(|size| size % 2 != 0)
        {
            return refuse("axes_dims must be three even numbers that add up to dim / n_heads");
        }
        Ok(())
    }

    /// Width of the time embedding.
    fn time_width(&self) -> usize {
        self.dim.min(MOST_TIME_WIDTH)
    }

    /// Width between the two layers of a feed-forward part; the reference rounds down in this order.
    fn hidden(&self) -> usize {
        (self.dim as f64 / 3.0 * 8.0) as usize
    }

    /// Names of the lists of blocks and how many each has.
    pub(crate) fn blocks(&self) -> [(&'static str, usize); 3] {
        [
            (OF_WORDS, self.n_refiner_layers),
            (OF_IMAGE, self.n_refiner_layers),
            (JOINT, self.n_layers),
        ]
    }

    /// Values of a token of the picture.
    pub(crate) fn patch_values(&self) -> usize {
        PATCH * PATCH * self.in_channels
    }
}

pub(crate) struct Transformer {
    time: [Linear; 2],
    words_norm: RmsNorm,
    words_in: Linear,
    words_filler: Tensor,
    image_in: Linear,
    image_filler: Tensor,
    of_words: Blocks<Block>,
    of_image: Blocks<Block>,
    joint: Blocks<Block>,
    last_modulation: Linear,
    out: Linear,
    config: TransformerConfig,
    compute: Compute,
}

/// A prompt after the blocks of its own, `[1, tokens, dim]`, filled up; the same for all steps.
pub(crate) struct Words(Tensor);

impl Transformer {
    pub(crate) fn new(
        weights: Weights,
        config: TransformerConfig,
        compute: &Compute,
        streamed: bool,
    ) -> Result<Self> {
        config.check()?;
        let weights = Arc::new(weights);
        let part = Part::root(&weights, compute);
        let width = config.dim;
        let (input, output) = (
            part.at("all_x_embedder.2-1"),
            part.at("all_final_layer.2-1"),
        );
        let time = |name: &str, input, output| {
            Linear::new(&part.at("t_embedder.mlp").at(name), input, output, true)
        };
        let blocks = |name: &'static str, count: usize, modulated: bool| {
            let (weights, config, compute) = (weights.clone(), config.clone(), compute.clone());
            Blocks::new(count, streamed, move |index| {
                let part = Part::root(&weights, &compute);
                Block::new(&part.at(name).at(index), &config, modulated)
            })
        };
        Ok(Self {
            time: [
                time("0", WAVE, TIME_BETWEEN)?,
                time("2", TIME_BETWEEN, config.time_width())?,
            ],
            words_norm: RmsNorm::new(
                &part.at("cap_embedder.0"),
                config.cap_feat_dim,
                config.norm_eps,
            )?,
            words_in: Linear::new(&part.at("cap_embedder.1"), config.cap_feat_dim, width, true)?,
            words_filler: part.tensor("cap_pad_token", &[1, width])?,
            image_in: Linear::new(&input, config.patch_values(), width, true)?,
            image_filler: part.tensor("x_pad_token", &[1, width])?,
            of_words: blocks(OF_WORDS, config.n_refiner_layers, false)?,
            of_image: blocks(OF_IMAGE, config.n_refiner_layers, true)?,
            joint: blocks(JOINT, config.n_layers, true)?,
            last_modulation: Linear::new(
                &output.at("adaLN_modulation.1"),
                config.time_width(),
                width,
                true,
            )?,
            out: Linear::new(&output.at("linear"), width, config.patch_values(), true)?,
            config,
            compute: compute.clone(),
        })
    }

    /// Hidden states of the text encoder, `[1, tokens, cap_feat_dim]`, for [`Transformer::forward`].
    pub(crate) fn words(&self, states: &Tensor) -> Result<Words> {
        let states = self
            .words_norm
            .forward(&states.to_dtype(self.compute.dtype())?)?;
        let mut x = filled(&self.words_in.forward(&states)?, &self.words_filler)?;
        let tokens = x.dim(1)?;
        if tokens >= self.config.axes_lens[0] {
            return Err(DiffusionError::Description(format!(
                "the prompt has {tokens} tokens, the model positions for {}",
                self.config.axes_lens[0].saturating_sub(1)
            )));
        }
        let rope = self.rope(&positions_of_words(tokens))?;
        self.of_words.each(|_, block| {
            x = block.forward(&x, &rope, None)?;
            Ok(())
        })?;
        Ok(Words(x))
    }

    /// The direction from noise to picture, `x0 - epsilon`, for latents `[1, channels, rows, columns]`. `time` is
    /// 1 - sigma. One picture at a time: where its tokens lie depends on the length of its prompt.
    pub(crate) fn forward(&self, image: &Tensor, words: &Words, time: f32) -> Result<Tensor> {
        let (_, _, rows, columns) = image.dims4()?;
        let grid = (rows / PATCH, columns / PATCH);
        let (most_rows, most_columns) = (self.config.axes_lens[1], self.config.axes_lens[2]);
        if grid.0 > most_rows || grid.1 > most_columns {
            return Err(DiffusionError::Description(format!(
                "{} x {} tokens, the model has positions for {most_rows} x {most_columns}",
                grid.0, grid.1
            )));
        }
        let time = self.told(time)?;
        let tokens = patches(&image.to_dtype(self.compute.dtype())?)?;
        let mut x = filled(&self.image_in.forward(&tokens)?, &self.image_filler)?;
        let length = words.0.dim(1)?;
        let mut positions = positions_of_image(grid, length);
        positions.resize(x.dim(1)?, vec![0.0; 3]);
        let rope = self.rope(&positions)?;
        self.of_image.each(|_, block| {
            x = block.forward(&x, &rope, Some(&time))?;
            Ok(())
        })?;
        positions.extend(positions_of_words(length));
        let rope = self.rope(&positions)?;
        x = Tensor::cat(&[&x, &words.0], 1)?;
        self.joint.each(|_, block| {
            x = block.forward(&x, &rope, Some(&time))?;
            Ok(())
        })?;
        let x = x.narrow(1, 0, grid.0 * grid.1)?;
        let scale = self.last_modulation.forward(&silu(&time)?)?.unsqueeze(1)?;
        let x = layer_norm(&x, LAST_EPSILON)?.broadcast_mul(&(scale + 1.0)?)?;
        picture(&self.out.forward(&x)?, grid, self.config.in_channels)
    }

    /// `[1, time width]`.
    fn told(&self, time: f32) -> Result<Tensor> {
        let wave =
            Sinusoid::new(WAVE).forward(&[time * self.config.t_scale], self.compute.device())?;
        let x = self.time[0].forward(&wave.to_dtype(self.compute.dtype())?)?;
        self.time[1].forward(&silu(&x)?)
    }

    fn rope(&self, positions: &[Vec<f32>]) -> Result<Rope> {
        let (sizes, theta) = (&self.config.axes_dims, self.config.rope_theta);
        let device: &Device = self.compute.device();
        Rope::axes(positions, sizes, theta, Rotation::Interleaved, device)
    }
}

/// Words count from 1 along the first axis, those that fill up too.
fn positions_of_words(tokens: usize) -> Vec<Vec<f32>> {
    (1..=tokens).map(|i| vec![i as f32, 0.0, 0.0]).collect()
}

/// A picture comes after the words on the first axis; rows and columns count from 0. What fills it up is at 0.
fn positions_of_image((rows, columns): (usize, usize), words: usize) -> Vec<Vec<f32>> {
    let row = |row: usize| {
        (0..columns).map(move |column| vec![(words + 1) as f32, row as f32, column as f32])
    };
    (0..rows).flat_map(row).collect()
}

/// `[1, tokens, dim]` with the filler after it up to a multiple of [`MULTIPLE`].
fn filled(x: &Tensor, filler: &Tensor) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    let missing = tokens.next_multiple_of(MULTIPLE) - tokens;
    if missing == 0 {
        return Ok(x.clone());
    }
    let filler = filler.unsqueeze(0)?.expand((batch, missing, width))?;
    Ok(Tensor::cat(&[x, &filler.to_dtype(x.dtype())?], 1)?)
}

/// `[1, channels, rows, columns]` to `[1, tokens, 4 * channels]`; within a token the channel is the fastest index.
fn patches(image: &Tensor) -> Result<Tensor> {
    let (_, channels, rows, columns) = image.dims4()?;
    let (down, across) = (rows / PATCH, columns / PATCH);
    let x = image.reshape((channels, down, PATCH, across, PATCH))?;
    let x = x.permute((1, 3, 2, 4, 0))?.contiguous()?;
    Ok(x.reshape((1, down * across, PATCH * PATCH * channels))?)
}

/// The other way round.
fn picture(tokens: &Tensor, (down, across): (usize, usize), channels: usize) -> Result<Tensor> {
    let x = tokens.reshape((down, across, PATCH, PATCH, channels))?;
    let x = x.permute((4, 0, 2, 1, 3))?.contiguous()?;
    Ok(x.reshape((1, channels, PATCH * down, PATCH * across))?)
}

struct Block {
    modulation: Option<Linear>,
    q: Linear,
    k: Linear,
    v: Linear,
    /// Of queries and keys.
    norms: Option<[RmsNorm; 2]>,
    out: Linear,
    gate: Linear,
    up: Linear,
    down: Linear,
    /// Before and after attention, before and after the feed-forward part.
    around: [RmsNorm; 4],
    heads: usize,
}

impl Block {
    fn new(part: &Part<'_>, config: &TransformerConfig, modulated: bool) -> Result<Self> {
        let (width, hidden) = (config.dim, config.hidden());
        let (mixing, feed) = (part.at("attention"), part.at("feed_forward"));
        let square = |name: &str| Linear::found(&mixing.at(name), width, width);
        let norm = |name: &str| RmsNorm::new(&part.at(name), width, config.norm_eps);
        let of_heads =
            |name: &str| RmsNorm::new(&mixing.at(name), config.dim / config.n_heads, HEAD_EPSILON);
        let modulation = || {
            let part = part.at("adaLN_modulation.0");
            Linear::new(&part, config.time_width(), 4 * width, true)
        };
        let norms = if mixing.has("norm_q.weight") {
            Some([of_heads("norm_q")?, of_heads("norm_k")?])
        } else {
            None
        };
        Ok(Self {
            modulation: modulated.then(modulation).transpose()?,
            q: square("to_q")?,
            k: square("to_k")?,
            v: square("to_v")?,
            norms,
            out: square("to_out.0")?,
            gate: Linear::new(&feed.at("w1"), width, hidden, false)?,
            up: Linear::new(&feed.at("w3"), width, hidden, false)?,
            down: Linear::new(&feed.at("w2"), hidden, width, false)?,
            around: [
                norm("attention_norm1")?,
                norm("attention_norm2")?,
                norm("ffn_norm1")?,
                norm("ffn_norm2")?,
            ],
            heads: config.n_heads,
        })
    }

    fn forward(&self, x: &Tensor, rope: &Rope, time: Option<&Tensor>) -> Result<Tensor> {
        // Scale and gate of attention, then of the feed-forward part.
        let modulation = match (&self.modulation, time) {
            (Some(linear), Some(time)) => Some(pieces::<4>(&linear.forward(time)?.unsqueeze(1)?)?),
            _ => None,
        };
        let scaled = |x: Tensor, index: usize| -> Result<Tensor> {
            match &modulation {
                Some(m) => Ok(x.broadcast_mul(&(&m[index] + 1.0)?)?),
                None => Ok(x),
            }
        };
        let gated = |x: Tensor, index: usize| -> Result<Tensor> {
            match &modulation {
                Some(m) => Ok(x.broadcast_mul(&m[index].tanh()?)?),
                None => Ok(x),
            }
        };
        let [before, after, before_feed, after_feed] = &self.around;
        let mixed = self.mix(&scaled(before.forward(x)?, 0)?, rope)?;
        let x = (x + gated(after.forward(&mixed)?, 1)?)?;
        let fed = self.feed_forward(&scaled(before_feed.forward(&x)?, 2)?)?;
        Ok((&x + gated(after_feed.forward(&fed)?, 3)?)?)
    }

    fn mix(&self, x: &Tensor, rope: &Rope) -> Result<Tensor> {
        let mut q = split_heads(&self.q.forward(x)?, self.heads)?;
        let mut k = split_heads(&self.k.forward(x)?, self.heads)?;
        let v = split_heads(&self.v.forward(x)?, self.heads)?;
        if let Some([of_q, of_k]) = &self.norms {
            (q, k) = (of_q.forward(&q)?, of_k.forward(&k)?);
        }
        let mixed = attention(&rope.turn(&q)?, &rope.turn(&k)?, &v, None, None)?;
        self.out.forward(&join_heads(&mixed)?)
    }

    fn feed_forward(&self, x: &Tensor) -> Result<Tensor> {
        let gated = (silu(&self.gate.forward(x)?)? * self.up.forward(x)?)?;
        self.down.forward(&gated)
    }
}
