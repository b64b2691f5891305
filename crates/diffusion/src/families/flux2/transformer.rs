//! The transformer of FLUX.2 (diffusers' `Flux2Transformer2DModel`): a few blocks of two streams that meet in
//! attention, then blocks of one stream whose attention and feed-forward part run side by side. Modulations are
//! shared by all blocks of a kind.

use std::sync::Arc;

use candle_core::{D, Tensor};
use serde::Deserialize;

use super::layout::{SCALE, SHIFT};
use crate::device::Compute;
use crate::error::DiffusionError;
use crate::nets::{
    Blocks, Linear, Part, Result, RmsNorm, Rope, Rotation, Sinusoid, TimeEmbedding, attention,
    gated_sum, join_heads, modulated_norm, pieces, silu, split_heads,
};
use crate::weights::Weights;

/// More than any width or length, and as many blocks as none has; nothing computed from a configuration overflows
/// below it.
const MOST: usize = 1 << 20;
const MOST_BLOCKS: usize = 1 << 10;

/// `transformer/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TransformerConfig {
    patch_size: usize,
    pub(crate) in_channels: usize,
    #[serde(default)]
    out_channels: Option<usize>,
    pub(crate) num_layers: usize,
    pub(crate) num_single_layers: usize,
    attention_head_dim: usize,
    num_attention_heads: usize,
    pub(crate) joint_attention_dim: usize,
    timestep_guidance_channels: usize,
    mlp_ratio: f64,
    axes_dims_rope: Vec<usize>,
    rope_theta: f64,
    eps: f64,
}

impl TransformerConfig {
    pub(crate) fn width(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    /// Width between the two layers of a feed-forward part, after gating.
    pub(crate) fn hidden(&self) -> usize {
        (self.width() as f64 * self.mlp_ratio) as usize
    }

    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |reason: &str| {
            Err(DiffusionError::Description(format!(
                "transformer/config.json: {reason}"
            )))
        };
        if self.patch_size != 1 || self.out_channels.is_some_and(|out| out != self.in_channels) {
            return refuse("patch_size must be 1, and as many channels go out as come in");
        }
        let numbers = [
            self.in_channels,
            self.attention_head_dim,
            self.num_attention_heads,
            self.joint_attention_dim,
            self.timestep_guidance_channels,
        ];
        let mut numbers = numbers.iter().chain(&self.axes_dims_rope);
        let blocks = self.num_layers.max(self.num_single_layers);
        if numbers.any(|number| *number > MOST) || blocks > MOST_BLOCKS {
            return refuse("a number that no model has");
        }
        if self.width() == 0 || self.in_channels == 0 || self.timestep_guidance_channels < 2 {
            return refuse("a width of 0");
        }
        if !(0.0..=64.0).contains(&self.mlp_ratio) || self.hidden() == 0 {
            return refuse("mlp_ratio is not from 0 to 64");
        }
        if self.axes_dims_rope.len() != 4
            || self.axes_dims_rope.iter().sum::<usize>() != self.attention_head_dim
            || self.axes_dims_rope.iter().any(|size| size % 2 != 0)
        {
            return refuse(
                "axes_dims_rope must be four even numbers that add up to attention_head_dim",
            );
        }
        Ok(())
    }
}

/// Rows and columns of tokens of a picture.
pub(crate) type Grid = (usize, usize);

pub(crate) struct Transformer {
    time: TimeEmbedding,
    text_in: Linear,
    image_in: Linear,
    of_image: Linear,
    of_text: Linear,
    of_both: Linear,
    double: Blocks<Double>,
    single: Blocks<Single>,
    last_shift: Linear,
    last_scale: Linear,
    out: Linear,
    config: TransformerConfig,
    compute: Compute,
}

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
        let width = config.width();
        let linear = |name: &str, input, output| Linear::found(&part.at(name), input, output);
        let double = {
            let (weights, config, compute) = (weights.clone(), config.clone(), compute.clone());
            move |index| {
                let part = Part::root(&weights, &compute);
                Double::new(&part.at("transformer_blocks").at(index), &config)
            }
        };
        let single = {
            let (weights, config, compute) = (weights.clone(), config.clone(), compute.clone());
            move |index| {
                let part = Part::root(&weights, &compute);
                let part = part.at("single_transformer_blocks").at(index);
                Single::new(&part.at("attn"), &config)
            }
        };
        Ok(Self {
            time: TimeEmbedding::new(
                &part.at("time_guidance_embed.timestep_embedder"),
                config.timestep_guidance_channels / 2 * 2,
                width,
            )?,
            text_in: linear("context_embedder", config.joint_attention_dim, width)?,
            image_in: linear("x_embedder", config.in_channels, width)?,
            of_image: linear("double_stream_modulation_img.linear", width, 6 * width)?,
            of_text: linear("double_stream_modulation_txt.linear", width, 6 * width)?,
            of_both: linear("single_stream_modulation.linear", width, 3 * width)?,
            double: Blocks::new(config.num_layers, streamed, double)?,
            single: Blocks::new(config.num_single_layers, streamed, single)?,
            last_shift: linear(SHIFT, width, width)?,
            last_scale: linear(SCALE, width, width)?,
            out: linear("proj_out", width, config.in_channels)?,
            config,
            compute: compute.clone(),
        })
    }

    /// The velocity. `image` is `[batch, tokens, channels]`, its tokens row by row; `text` is `[batch, tokens, width]`;
    /// `time` is sigma, one for each of the batch.
    pub(crate) fn forward(
        &self,
        image: &Tensor,
        grid: Grid,
        text: &Tensor,
        time: &[f32],
    ) -> Result<Tensor> {
        let (device, dtype) = (self.compute.device(), self.compute.dtype());
        let epsilon = self.config.eps;
        // The network was trained with a thousand steps.
        let steps: Vec<f32> = time.iter().map(|sigma| 1000.0 * sigma).collect();
        let wave = Sinusoid::new(self.config.timestep_guidance_channels).forward(&steps, device)?;
        let time = silu(&self.time.forward(&wave.to_dtype(dtype)?)?)?;
        let modulation =
            |linear: &Linear| -> Result<Tensor> { Ok(linear.forward(&time)?.unsqueeze(1)?) };
        let of_image = pieces::<6>(&modulation(&self.of_image)?)?;
        let of_text = pieces::<6>(&modulation(&self.of_text)?)?;
        let of_both = pieces::<3>(&modulation(&self.of_both)?)?;
        let (words, tokens) = (text.dim(1)?, image.dim(1)?);
        let rope = Rope::axes(
            &positions(words, grid),
            &self.config.axes_dims_rope,
            self.config.rope_theta,
            Rotation::Interleaved,
            device,
        )?;
        let mut image = self.image_in.forward(&image.to_dtype(dtype)?)?;
        let mut text = self.text_in.forward(&text.to_dtype(dtype)?)?;
        self.double.each(|_, block| {
            (image, text) = block.forward((&image, &of_image), (&text, &of_text), &rope)?;
            Ok(())
        })?;
        let mut both = Tensor::cat(&[&text, &image], 1)?;
        self.single.each(|_, block| {
            both = block.forward(&both, &of_both, &rope)?;
            Ok(())
        })?;
        let image = both.narrow(1, words, tokens)?;
        let (shift, scale) = (modulation(&self.last_shift)?, modulation(&self.last_scale)?);
        let image = modulated_norm(&image, epsilon, &shift, &scale)?;
        self.out.forward(&image)
    }
}

/// Places of words, then of the picture's tokens, on four axes: number of the picture, row, column, number of the word.
fn positions(words: usize, (rows, columns): Grid) -> Vec<Vec<f32>> {
    let words = (0..words).map(|i| vec![0.0, 0.0, 0.0, i as f32]);
    let row = |row: usize| (0..columns).map(move |i| vec![0.0, row as f32, i as f32, 0.0]);
    words.chain((0..rows).flat_map(row)).collect()
}

/// The first half of the last axis through a sigmoid-weighted unit, times the second half.
fn gated(x: &Tensor) -> Result<Tensor> {
    let [gate, value] = pieces::<2>(x)?;
    Ok((silu(&gate)? * value)?)
}

/// Norms of queries and keys.
struct HeadNorms {
    q: RmsNorm,
    k: RmsNorm,
}

impl HeadNorms {
    fn new(part: &Part<'_>, names: [&str; 2], config: &TransformerConfig) -> Result<Self> {
        let norm = |name| RmsNorm::new(&part.at(name), config.attention_head_dim, config.eps);
        Ok(Self {
            q: norm(names[0])?,
            k: norm(names[1])?,
        })
    }

    /// `[batch, tokens, width]` each to `[batch, heads, tokens, size]`, queries and keys normed.
    fn split(&self, [q, k, v]: [&Tensor; 3], heads: usize) -> Result<[Tensor; 3]> {
        Ok([
            self.q.forward(&split_heads(q, heads)?)?,
            self.k.forward(&split_heads(k, heads)?)?,
            split_heads(v, heads)?,
        ])
    }
}

struct Double {
    image: Stream,
    text: Stream,
    config: TransformerConfig,
}

/// The layers of one stream in a block.
struct Stream {
    q: Linear,
    k: Linear,
    v: Linear,
    norms: HeadNorms,
    out: Linear,
    up: Linear,
    down: Linear,
}

/// Names of a stream's layers.
struct Names {
    qkv: [&'static str; 3],
    norms: [&'static str; 2],
    out: &'static str,
    feed: &'static str,
}

const IMAGE: Names = Names {
    qkv: ["to_q", "to_k", "to_v"],
    norms: ["norm_q", "norm_k"],
    out: "to_out.0",
    feed: "ff",
};
const TEXT: Names = Names {
    qkv: ["add_q_proj", "add_k_proj", "add_v_proj"],
    norms: ["norm_added_q", "norm_added_k"],
    out: "to_add_out",
    feed: "ff_context",
};

impl Stream {
    fn new(part: &Part<'_>, names: &Names, config: &TransformerConfig) -> Result<Self> {
        let (width, hidden) = (config.width(), config.hidden());
        let (mixing, feed) = (part.at("attn"), part.at(names.feed));
        let square = |name: &str| Linear::found(&mixing.at(name), width, width);
        Ok(Self {
            q: square(names.qkv[0])?,
            k: square(names.qkv[1])?,
            v: square(names.qkv[2])?,
            norms: HeadNorms::new(&mixing, names.norms, config)?,
            out: square(names.out)?,
            up: Linear::found(&feed.at("linear_in"), width, 2 * hidden)?,
            down: Linear::found(&feed.at("linear_out"), hidden, width)?,
        })
    }

    fn qkv(&self, x: &Tensor, heads: usize) -> Result<[Tensor; 3]> {
        let (q, k, v) = (self.q.forward(x)?, self.k.forward(x)?, self.v.forward(x)?);
        self.norms.split([&q, &k, &v], heads)
    }

    /// The stream after attention gave `mixed`; `m` is shift, scale and gate of attention and of the feed-forward part.
    fn leave(&self, x: &Tensor, mixed: &Tensor, m: &[Tensor; 6], epsilon: f64) -> Result<Tensor> {
        let mixed = self.out.forward(&mixed.contiguous()?)?;
        let x = gated_sum(x, &mixed, &m[2])?;
        let entered = modulated_norm(&x, epsilon, &m[3], &m[4])?;
        let fed = self.down.forward(&gated(&self.up.forward(&entered)?)?)?;
        gated_sum(&x, &fed, &m[5])
    }
}

impl Double {
    fn new(part: &Part<'_>, config: &TransformerConfig) -> Result<Self> {
        Ok(Self {
            image: Stream::new(part, &IMAGE, config)?,
            text: Stream::new(part, &TEXT, config)?,
            config: config.clone(),
        })
    }

    /// Both streams with their modulations.
    fn forward(
        &self,
        (image, of_image): (&Tensor, &[Tensor; 6]),
        (text, of_text): (&Tensor, &[Tensor; 6]),
        rope: &Rope,
    ) -> Result<(Tensor, Tensor)> {
        let (heads, epsilon) = (self.config.num_attention_heads, self.config.eps);
        let enter = |x: &Tensor, m: &[Tensor]| modulated_norm(x, epsilon, &m[0], &m[1]);
        let [iq, ik, iv] = self.image.qkv(&enter(image, of_image)?, heads)?;
        let [tq, tk, tv] = self.text.qkv(&enter(text, of_text)?, heads)?;
        let join = |text: &Tensor, image: &Tensor| Tensor::cat(&[text, image], 2);
        let (q, k) = (rope.turn(&join(&tq, &iq)?)?, rope.turn(&join(&tk, &ik)?)?);
        let mixed = join_heads(&attention(&q, &k, &join(&tv, &iv)?, None, None)?)?;
        let (words, tokens) = (text.dim(1)?, image.dim(1)?);
        let of_pixels = mixed.narrow(1, words, tokens)?;
        let of_words = mixed.narrow(1, 0, words)?;
        Ok((
            self.image.leave(image, &of_pixels, of_image, epsilon)?,
            self.text.leave(text, &of_words, of_text, epsilon)?,
        ))
    }
}

struct Single {
    /// To queries, keys, values, and to gate and value of the feed-forward part.
    into: Linear,
    norms: HeadNorms,
    /// Of attention and feed-forward part side by side.
    out: Linear,
    config: TransformerConfig,
}

impl Single {
    fn new(part: &Part<'_>, config: &TransformerConfig) -> Result<Self> {
        let (width, hidden) = (config.width(), config.hidden());
        Ok(Self {
            into: Linear::found(&part.at("to_qkv_mlp_proj"), width, 3 * width + 2 * hidden)?,
            norms: HeadNorms::new(part, ["norm_q", "norm_k"], config)?,
            out: Linear::found(&part.at("to_out"), width + hidden, width)?,
            config: config.clone(),
        })
    }

    fn forward(&self, x: &Tensor, m: &[Tensor; 3], rope: &Rope) -> Result<Tensor> {
        let (width, heads) = (self.config.width(), self.config.num_attention_heads);
        let entered = modulated_norm(x, self.config.eps, &m[0], &m[1])?;
        let all = self.into.forward(&entered)?;
        let piece = |start: usize, length: usize| all.narrow(D::Minus1, start, length);
        let (q, k, v) = (
            piece(0, width)?,
            piece(width, width)?,
            piece(2 * width, width)?,
        );
        let [q, k, v] = self.norms.split([&q, &k, &v], heads)?;
        let mixed = attention(&rope.turn(&q)?, &rope.turn(&k)?, &v, None, None)?;
        let fed = gated(&piece(3 * width, 2 * self.config.hidden())?)?;
        let both = Tensor::cat(&[&join_heads(&mixed)?, &fed], D::Minus1)?;
        gated_sum(x, &self.out.forward(&both)?, &m[2])
    }
}
