//! The transformer of FLUX.1 (diffusers' `FluxTransformer2DModel`): blocks with a stream each for image and text that
//! meet in attention, then blocks with one stream for both.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::Deserialize;

use crate::device::Compute;
use crate::error::DiffusionError;
use crate::nets::{
    Blocks, Linear, Part, Result, RmsNorm, Rope, Rotation, Sinusoid, TimeEmbedding, attention,
    gated_sum, gelu, join_heads, modulated_norm, pieces, silu, split_heads,
};
use crate::weights::Weights;

const EPSILON: f64 = 1e-6;
const THETA: f64 = 10_000.0;
/// Sines and cosines of time and guidance.
const WAVES: usize = 256;
/// The network was trained with a thousand steps, and is told guidance on the same scale.
const STEPS: f32 = 1000.0;

/// `transformer/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TransformerConfig {
    #[serde(default = "one")]
    patch_size: usize,
    /// Of a token: the auto-encoder's channels of four latents.
    pub(crate) in_channels: usize,
    #[serde(default)]
    out_channels: Option<usize>,
    pub(crate) num_layers: usize,
    pub(crate) num_single_layers: usize,
    attention_head_dim: usize,
    num_attention_heads: usize,
    pub(crate) joint_attention_dim: usize,
    pub(crate) pooled_projection_dim: usize,
    /// Whether the network is told how strongly the prompt is to count.
    #[serde(default)]
    pub(crate) guidance_embeds: bool,
    #[serde(default = "axes")]
    axes_dims_rope: Vec<usize>,
}

fn one() -> usize {
    1
}

fn axes() -> Vec<usize> {
    vec![16, 56, 56]
}

impl TransformerConfig {
    pub(crate) fn width(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    /// Refuses what cannot be computed, before any of it is multiplied.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |reason: &str| {
            Err(DiffusionError::Description(format!(
                "transformer/config.json: {reason}"
            )))
        };
        let sizes = [self.num_attention_heads, self.attention_head_dim];
        if sizes.iter().any(|size| !(1..=1 << 16).contains(size)) {
            return refuse("an impossible number or size of attention heads");
        }
        if self.num_layers.max(self.num_single_layers) > 1000 {
            return refuse("more than a thousand blocks");
        }
        let axes = &self.axes_dims_rope;
        let possible = axes.len() == 3
            && axes
                .iter()
                .all(|size| size % 2 == 0 && *size <= self.attention_head_dim)
            && axes.iter().sum::<usize>() == self.attention_head_dim;
        if !possible {
            return refuse(
                "axes_dims_rope must be three even numbers that add up to attention_head_dim",
            );
        }
        if self.patch_size != 1 || self.out_channels.is_some_and(|n| n != self.in_channels) {
            return refuse(
                "a variant of FLUX.1 (for filling in, depth or edges) that is not supported",
            );
        }
        Ok(())
    }

    /// Share of the weights that two blocks of the larger kind have, and all that is in no block.
    pub(crate) fn streamed_share(&self) -> f64 {
        let (double, single) = (36.0, 15.0);
        let all = double * self.num_layers as f64 + single * self.num_single_layers as f64;
        ((2.0 * double) / all.max(1.0) + 0.02).min(1.0)
    }
}

/// Rows and columns of a picture's tokens.
pub(crate) type Grid = (usize, usize);

pub(crate) struct Transformer {
    time: TimeEmbedding,
    guidance: Option<TimeEmbedding>,
    pooled: TimeEmbedding,
    text_in: Linear,
    image_in: Linear,
    double: Blocks<Double>,
    single: Blocks<Single>,
    last_scale: Linear,
    last_shift: Linear,
    out: Linear,
    config: TransformerConfig,
    compute: Compute,
}

/// What the network is told beside the latents of the picture.
pub(crate) struct Told<'a> {
    /// `[batch, tokens, joint_attention_dim]`.
    pub(crate) text: &'a Tensor,
    /// `[batch, pooled_projection_dim]`.
    pub(crate) pooled: &'a Tensor,
    /// Sigma, one for each of the batch.
    pub(crate) time: &'a [f32],
    /// Guidance scale, one for each of the batch; networks without it do not look.
    pub(crate) guidance: &'a [f32],
}

impl Transformer {
    /// Of weights with the names that `names::unify` gives.
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
        let embed = part.at("time_text_embed");
        let guidance = embed.at("guidance_embedder");
        if guidance.has("linear_1.weight") != config.guidance_embeds {
            return Err(DiffusionError::Description(
                "transformer/config.json and the weights do not agree on whether guidance is embedded: one is of FLUX.1 dev, one of schnell"
                    .to_owned(),
            ));
        }
        let guidance = config
            .guidance_embeds
            .then(|| TimeEmbedding::new(&guidance, WAVES, width));
        let linear = |name: &str, input: usize, output: usize| {
            Linear::new(&part.at(name), input, output, true)
        };
        Ok(Self {
            time: TimeEmbedding::new(&embed.at("timestep_embedder"), WAVES, width)?,
            guidance: guidance.transpose()?,
            pooled: TimeEmbedding::new(
                &embed.at("text_embedder"),
                config.pooled_projection_dim,
                width,
            )?,
            text_in: linear("context_embedder", config.joint_attention_dim, width)?,
            image_in: linear("x_embedder", config.in_channels, width)?,
            last_scale: linear("norm_out.scale", width, width)?,
            last_shift: linear("norm_out.shift", width, width)?,
            out: linear("proj_out", width, config.in_channels)?,
            double: Blocks::new(
                config.num_layers,
                streamed,
                loader(
                    &weights,
                    &config,
                    compute,
                    "transformer_blocks",
                    Double::new,
                ),
            )?,
            single: Blocks::new(
                config.num_single_layers,
                streamed,
                loader(
                    &weights,
                    &config,
                    compute,
                    "single_transformer_blocks",
                    Single::new,
                ),
            )?,
            config,
            compute: compute.clone(),
        })
    }

    /// The velocity of `image`, `[batch, tokens, channels]` of one grid.
    pub(crate) fn forward(&self, image: &Tensor, grid: Grid, told: &Told<'_>) -> Result<Tensor> {
        let dtype = self.compute.dtype();
        let words = told.text.dim(1)?;
        let rope = rope(
            words,
            grid,
            &self.config.axes_dims_rope,
            self.compute.device(),
        )?;
        let condition = self.condition(told)?;
        let mut image = self.image_in.forward(&image.to_dtype(dtype)?)?;
        let mut text = self.text_in.forward(&told.text.to_dtype(dtype)?)?;
        self.double.each(|_, block| {
            (image, text) = block.forward(&image, &text, &condition, &rope)?;
            Ok(())
        })?;
        let mut both = Tensor::cat(&[&text, &image], 1)?;
        self.single.each(|_, block| {
            both = block.forward(&both, &condition, &rope)?;
            Ok(())
        })?;
        let image = both.narrow(1, words, image.dim(1)?)?;
        let scale = self.last_scale.forward(&condition)?.unsqueeze(1)?;
        let shift = self.last_shift.forward(&condition)?.unsqueeze(1)?;
        let image = modulated_norm(&image, EPSILON, &shift, &scale)?;
        self.out.forward(&image)
    }

    /// What all modulations depend on, after SiLU: `[batch, width]`.
    fn condition(&self, told: &Told<'_>) -> Result<Tensor> {
        let wave = |numbers: &[f32]| {
            let numbers: Vec<f32> = numbers.iter().map(|number| STEPS * number).collect();
            Sinusoid::new(WAVES).forward(&numbers, self.compute.device())
        };
        let mut sum = self.time.forward(&wave(told.time)?)?;
        if let Some(guidance) = &self.guidance {
            sum = (sum + guidance.forward(&wave(told.guidance)?)?)?;
        }
        silu(&(sum + self.pooled.forward(told.pooled)?)?)
    }
}

/// Makes the block of a number.
fn loader<B: 'static>(
    weights: &Arc<Weights>,
    config: &TransformerConfig,
    compute: &Compute,
    name: &'static str,
    new: fn(&Part<'_>, &TransformerConfig) -> Result<B>,
) -> impl Fn(usize) -> Result<B> + Send + Sync + 'static {
    let (weights, config, compute) = (weights.clone(), config.clone(), compute.clone());
    move |index| {
        let part = Part::root(&weights, &compute);
        new(&part.at(name).at(index), &config)
    }
}

/// Rotations of text and image together. All text is at the origin; the first axis tells pictures apart, of which
/// there is one.
fn rope(words: usize, (rows, columns): Grid, sizes: &[usize], device: &Device) -> Result<Rope> {
    let mut positions = vec![vec![0.0; 3]; words];
    for row in 0..rows {
        positions.extend((0..columns).map(|column| vec![0.0, row as f32, column as f32]));
    }
    Rope::axes(&positions, sizes, THETA, Rotation::Interleaved, device)
}

/// Queries, keys and values with norms.
struct Projections {
    q: Linear,
    k: Linear,
    v: Linear,
    q_norm: RmsNorm,
    k_norm: RmsNorm,
    heads: usize,
}

impl Projections {
    fn new(
        part: &Part<'_>,
        [q, k, v]: [&str; 3],
        [q_norm, k_norm]: [&str; 2],
        config: &TransformerConfig,
    ) -> Result<Self> {
        let width = config.width();
        let linear = |name: &str| Linear::new(&part.at(name), width, width, true);
        let norm = |name: &str| RmsNorm::new(&part.at(name), config.attention_head_dim, EPSILON);
        Ok(Self {
            q: linear(q)?,
            k: linear(k)?,
            v: linear(v)?,
            q_norm: norm(q_norm)?,
            k_norm: norm(k_norm)?,
            heads: config.num_attention_heads,
        })
    }

    /// `[batch, heads, tokens, size]`, not yet turned.
    fn forward(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        let head = |linear: &Linear| split_heads(&linear.forward(x)?, self.heads);
        Ok([
            self.q_norm.forward(&head(&self.q)?)?,
            self.k_norm.forward(&head(&self.k)?)?,
            head(&self.v)?.contiguous()?,
        ])
    }
}

/// A block of two streams (`FluxTransformerBlock`).
struct Double {
    image: Stream,
    text: Stream,
}

/// The layers of one stream.
struct Stream {
    modulation: Linear,
    projections: Projections,
    out: Linear,
    up: Linear,
    down: Linear,
}

/// Names of a stream's layers.
struct Names {
    modulation: &'static str,
    qkv: [&'static str; 3],
    norms: [&'static str; 2],
    out: &'static str,
    feed: &'static str,
}

const IMAGE: Names = Names {
    modulation: "norm1.linear",
    qkv: ["to_q", "to_k", "to_v"],
    norms: ["norm_q", "norm_k"],
    out: "to_out.0",
    feed: "ff",
};
const TEXT: Names = Names {
    modulation: "norm1_context.linear",
    qkv: ["add_q_proj", "add_k_proj", "add_v_proj"],
    norms: ["norm_added_q", "norm_added_k"],
    out: "to_add_out",
    feed: "ff_context",
};

impl Stream {
    fn new(part: &Part<'_>, names: &Names, config: &TransformerConfig) -> Result<Self> {
        let width = config.width();
        let (attn, feed) = (part.at("attn"), part.at(names.feed));
        Ok(Self {
            modulation: Linear::new(&part.at(names.modulation), width, 6 * width, true)?,
            projections: Projections::new(&attn, names.qkv, names.norms, config)?,
            out: Linear::new(&attn.at(names.out), width, width, true)?,
            up: Linear::new(&feed.at("net.0.proj"), width, 4 * width, true)?,
            down: Linear::new(&feed.at("net.2"), 4 * width, width, true)?,
        })
    }

    /// Adds what attention gave, then what the feed-forward layers make of it. `m` has shift, scale and gate of
    /// attention, then of those layers.
    fn leave(&self, x: &Tensor, mixed: &Tensor, m: &[Tensor; 6]) -> Result<Tensor> {
        let mixed = self.out.forward(&mixed.contiguous()?)?;
        let x = gated_sum(x, &mixed, &m[2])?;
        let entered = modulated_norm(&x, EPSILON, &m[3], &m[4])?;
        let fed = self.down.forward(&gelu(&self.up.forward(&entered)?)?)?;
        gated_sum(&x, &fed, &m[5])
    }
}

impl Double {
    fn new(part: &Part<'_>, config: &TransformerConfig) -> Result<Self> {
        Ok(Self {
            image: Stream::new(part, &IMAGE, config)?,
            text: Stream::new(part, &TEXT, config)?,
        })
    }

    /// Image and text after the block.
    fn forward(
        &self,
        image: &Tensor,
        text: &Tensor,
        condition: &Tensor,
        rope: &Rope,
    ) -> Result<(Tensor, Tensor)> {
        let of =
            |stream: &Stream| pieces::<6>(&stream.modulation.forward(condition)?.unsqueeze(1)?);
        let (of_image, of_text) = (of(&self.image)?, of(&self.text)?);
        let enter = |stream: &Stream, x: &Tensor, m: &[Tensor; 6]| {
            let x = modulated_norm(x, EPSILON, &m[0], &m[1])?;
            stream.projections.forward(&x)
        };
        let [iq, ik, iv] = enter(&self.image, image, &of_image)?;
        let [tq, tk, tv] = enter(&self.text, text, &of_text)?;
        let join = |text: &Tensor, image: &Tensor| Tensor::cat(&[text, image], 2);
        let (q, k, v) = (join(&tq, &iq)?, join(&tk, &ik)?, join(&tv, &iv)?);
        let mixed = join_heads(&attention(
            &rope.turn(&q)?,
            &rope.turn(&k)?,
            &v,
            None,
            None,
        )?)?;
        let words = text.dim(1)?;
        let of_words = mixed.narrow(1, 0, words)?;
        let of_pixels = mixed.narrow(1, words, image.dim(1)?)?;
        Ok((
            self.image.leave(image, &of_pixels, &of_image)?,
            self.text.leave(text, &of_words, &of_text)?,
        ))
    }
}

/// A block of one stream (`FluxSingleTransformerBlock`): attention and feed-forward layers side by side.
struct Single {
    modulation: Linear,
    projections: Projections,
    up: Linear,
    out: Linear,
}

impl Single {
    fn new(part: &Part<'_>, config: &TransformerConfig) -> Result<Self> {
        let width = config.width();
        let attn = part.at("attn");
        Ok(Self {
            modulation: Linear::new(&part.at("norm.linear"), width, 3 * width, true)?,
            projections: Projections::new(&attn, IMAGE.qkv, IMAGE.norms, config)?,
            up: Linear::new(&part.at("proj_mlp"), width, 4 * width, true)?,
            out: Linear::new(&part.at("proj_out"), 5 * width, width, true)?,
        })
    }

    /// Text and image, one after the other.
    fn forward(&self, x: &Tensor, condition: &Tensor, rope: &Rope) -> Result<Tensor> {
        let [shift, scale, gate] = pieces::<3>(&self.modulation.forward(condition)?.unsqueeze(1)?)?;
        let entered = modulated_norm(x, EPSILON, &shift, &scale)?;
        let [q, k, v] = self.projections.forward(&entered)?;
        let mixed = join_heads(&attention(
            &rope.turn(&q)?,
            &rope.turn(&k)?,
            &v,
            None,
            None,
        )?)?;
        let fed = gelu(&self.up.forward(&entered)?)?;
        let out = self.out.forward(&Tensor::cat(&[&mixed, &fed], 2)?)?;
        gated_sum(x, &out, &gate)
    }
}
