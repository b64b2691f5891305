//! The transformer of Qwen-Image (diffusers' `QwenImageTransformer2DModel`): two streams, image and text, that meet
//! in attention.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::Deserialize;

use crate::device::Compute;
use crate::error::DiffusionError;
use crate::nets::{
    Blocks, Linear, Mask, Part, Result, RmsNorm, Rope, Rotation, Sinusoid, TimeEmbedding,
    attention, gated_sum, gelu, join_heads, modulated_norm, pieces, silu, split_heads,
};
use crate::weights::Weights;

const EPSILON: f64 = 1e-6;
const THETA: f64 = 10_000.0;

/// `transformer/config.json`.
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the file's own switches")]
pub(crate) struct TransformerConfig {
    pub(crate) patch_size: usize,
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) num_layers: usize,
    attention_head_dim: usize,
    num_attention_heads: usize,
    joint_attention_dim: usize,
    axes_dims_rope: Vec<usize>,
    #[serde(default)]
    guidance_embeds: bool,
    /// Tokens of reference pictures are told time 0 (Edit-2511).
    #[serde(default)]
    zero_cond_t: bool,
    #[serde(default)]
    use_additional_t_cond: bool,
    #[serde(default)]
    use_layer3d_rope: bool,
}

impl Default for TransformerConfig {
    /// Of the released models, for files that come without it.
    fn default() -> Self {
        Self {
            patch_size: 2,
            in_channels: 64,
            out_channels: 16,
            num_layers: 60,
            attention_head_dim: 128,
            num_attention_heads: 24,
            joint_attention_dim: 3584,
            axes_dims_rope: vec![16, 56, 56],
            guidance_embeds: false,
            zero_cond_t: false,
            use_additional_t_cond: false,
            use_layer3d_rope: false,
        }
    }
}

impl TransformerConfig {
    pub(crate) fn width(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    fn check(&self) -> Result<()> {
        let refuse = |reason: &str| {
            Err(DiffusionError::Description(format!(
                "transformer/config.json: {reason}"
            )))
        };
        if self.guidance_embeds || self.use_additional_t_cond || self.use_layer3d_rope {
            return refuse(
                "a variant of Qwen-Image (guidance embedding or layers) that is not supported",
            );
        }
        if self.axes_dims_rope.len() != 3
            || self.axes_dims_rope.iter().sum::<usize>() != self.attention_head_dim
            || self.axes_dims_rope.iter().any(|size| size % 2 != 0)
        {
            return refuse(
                "axes_dims_rope must be three even numbers that add up to attention_head_dim",
            );
        }
        if self.width() == 0
            || self.in_channels != self.out_channels * self.patch_size * self.patch_size
        {
            return refuse("in_channels must be out_channels times the patch");
        }
        Ok(())
    }
}

/// Rows and columns of tokens of one picture.
pub(crate) type Grid = (usize, usize);

pub(crate) struct Transformer {
    time: TimeEmbedding,
    text_norm: RmsNorm,
    text_in: Linear,
    image_in: Linear,
    blocks: Blocks<Block>,
    last_modulation: Linear,
    out: Linear,
    config: TransformerConfig,
    compute: Compute,
}

/// What all blocks share in one evaluation.
struct Shared<'a> {
    /// `[batch, width]` of the picture, after SiLU.
    time: Tensor,
    /// The same for time 0 and the number of tokens before those that are told it.
    reference: Option<(Tensor, usize)>,
    image_rope: Rope,
    text_rope: Rope,
    mask: Option<&'a Mask>,
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
        let load = {
            let (weights, config, compute) = (weights.clone(), config.clone(), compute.clone());
            move |index| {
                let part = Part::root(&weights, &compute);
                Block::new(&part.at("transformer_blocks").at(index), &config)
            }
        };
        Ok(Self {
            time: TimeEmbedding::new(&part.at("time_text_embed.timestep_embedder"), 256, width)?,
            text_norm: RmsNorm::new(&part.at("txt_norm"), config.joint_attention_dim, EPSILON)?,
            text_in: Linear::new(&part.at("txt_in"), config.joint_attention_dim, width, true)?,
            image_in: Linear::new(&part.at("img_in"), config.in_channels, width, true)?,
            last_modulation: Linear::new(&part.at("norm_out.linear"), width, 2 * width, true)?,
            out: Linear::new(&part.at("proj_out"), width, config.in_channels, true)?,
            blocks: Blocks::new(config.num_layers, streamed, load)?,
            config,
            compute: compute.clone(),
        })
    }

    /// The velocity. `image` is `[batch, tokens, channels]`, of the picture's tokens first and then of reference
    /// pictures, whose `grids` come in the same order; `text` is `[batch, tokens, width]`; keys of text that `there`
    /// (`[batch, tokens]`) hides are not looked at. `time` is sigma, one for each of the batch. The answer has the
    /// picture's own tokens only.
    pub(crate) fn forward(
        &self,
        image: &Tensor,
        grids: &[Grid],
        text: &Tensor,
        there: Option<&Tensor>,
        time: &[f32],
    ) -> Result<Tensor> {
        let device = self.compute.device();
        let dtype = self.compute.dtype();
        let (batch, tokens, _) = image.dims3()?;
        let own = grids.first().map_or(0, |(rows, columns)| rows * columns);
        let mask = match there {
            Some(there) => {
                let image = Tensor::ones((batch, tokens), candle_core::DType::F32, device)?;
                Some(Mask::keys(&Tensor::cat(&[there, &image], 1)?)?)
            }
            None => None,
        };
        let told = |time: &[f32]| -> Result<Tensor> {
            // The network was trained with a thousand steps.
            let steps: Vec<f32> = time.iter().map(|sigma| 1000.0 * sigma).collect();
            let wave = Sinusoid::new(256).forward(&steps, device)?;
            silu(&self.time.forward(&wave)?)
        };
        let (image_rope, text_rope) =
            ropes(grids, text.dim(1)?, &self.config.axes_dims_rope, device)?;
        let reference = if self.config.zero_cond_t && own < tokens {
            Some((told(&vec![0.0; batch])?, own))
        } else {
            None
        };
        let shared = Shared {
            time: told(time)?,
            reference,
            image_rope,
            text_rope,
            mask: mask.as_ref(),
        };
        let mut image = self.image_in.forward(&image.to_dtype(dtype)?)?;
        let text = self.text_norm.forward(&text.to_dtype(dtype)?)?;
        let mut text = self.text_in.forward(&text)?;
        self.blocks.each(|_, block| {
            (image, text) = block.forward(&image, &text, &shared)?;
            Ok(())
        })?;
        let image = image.narrow(1, 0, own)?;
        let modulation = self.last_modulation.forward(&shared.time)?.unsqueeze(1)?;
        // Here the scale comes first.
        let [scale, shift] = pieces::<2>(&modulation)?;
        let image = modulated_norm(&image, EPSILON, &shift, &scale)?;
        self.out.forward(&image)
    }
}

/// Rotations of image and text. Rows and columns count from the middle of each picture; pictures are numbered on the
/// first axis; text goes on along the diagonal beyond the largest picture.
fn ropes(grids: &[Grid], text: usize, sizes: &[usize], device: &Device) -> Result<(Rope, Rope)> {
    let mut image = Vec::new();
    let mut edge = 0;
    for (index, (rows, columns)) in grids.iter().enumerate() {
        edge = edge.max(rows / 2).max(columns / 2);
        let centred = |i: usize, length: usize| i as f32 - (length - length / 2) as f32;
        for row in 0..*rows {
            for column in 0..*columns {
                image.push(vec![
                    index as f32,
                    centred(row, *rows),
                    centred(column, *columns),
                ]);
            }
        }
    }
    let text: Vec<Vec<f32>> = (0..text).map(|i| vec![(edge + i) as f32; 3]).collect();
    let rope =
        |positions: &[Vec<f32>]| Rope::axes(positions, sizes, THETA, Rotation::Interleaved, device);
    Ok((rope(&image)?, rope(&text)?))
}

struct Block {
    image: Stream,
    text: Stream,
    heads: usize,
}

/// The layers of one stream in a block.
struct Stream {
    modulation: Linear,
    q: Linear,
    k: Linear,
    v: Linear,
    q_norm: RmsNorm,
    k_norm: RmsNorm,
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
    mlp: &'static str,
}

const IMAGE: Names = Names {
    modulation: "img_mod.1",
    qkv: ["attn.to_q", "attn.to_k", "attn.to_v"],
    norms: ["attn.norm_q", "attn.norm_k"],
    out: "attn.to_out.0",
    mlp: "img_mlp",
};
const TEXT: Names = Names {
    modulation: "txt_mod.1",
    qkv: ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
    norms: ["attn.norm_added_q", "attn.norm_added_k"],
    out: "attn.to_add_out",
    mlp: "txt_mlp",
};

impl Stream {
    fn new(part: &Part<'_>, names: &Names, config: &TransformerConfig) -> Result<Self> {
        let width = config.width();
        let square = |name: &str| Linear::new(&part.at(name), width, width, true);
        let norm = |name: &str| RmsNorm::new(&part.at(name), config.attention_head_dim, EPSILON);
        let mlp = part.at(names.mlp);
        Ok(Self {
            modulation: Linear::new(&part.at(names.modulation), width, 6 * width, true)?,
            q: square(names.qkv[0])?,
            k: square(names.qkv[1])?,
            v: square(names.qkv[2])?,
            q_norm: norm(names.norms[0])?,
            k_norm: norm(names.norms[1])?,
            out: square(names.out)?,
            up: Linear::new(&mlp.at("net.0.proj"), width, 4 * width, true)?,
            down: Linear::new(&mlp.at("net.2"), 4 * width, width, true)?,
        })
    }

    /// Shift, scale and gate of attention, then of the feed-forward layers: `[batch, 1 or tokens, width]` each.
    fn modulations(
        &self,
        time: &Tensor,
        reference: Option<&(Tensor, usize)>,
        tokens: usize,
    ) -> Result<[Tensor; 6]> {
        let of_picture = self.modulation.forward(time)?.unsqueeze(1)?;
        let modulation = match reference {
            None => of_picture,
            Some((time, own)) => {
                let (batch, _, width) = of_picture.dims3()?;
                let of_reference = self.modulation.forward(time)?.unsqueeze(1)?;
                let of_picture = of_picture.expand((batch, *own, width))?;
                let of_reference = of_reference.expand((batch, tokens - own, width))?;
                Tensor::cat(&[of_picture, of_reference], 1)?
            }
        };
        pieces::<6>(&modulation)
    }

    /// Queries, keys and values, `[batch, heads, tokens, size]`.
    fn qkv(&self, x: &Tensor, heads: usize, rope: &Rope) -> Result<[Tensor; 3]> {
        let q = self
            .q_norm
            .forward(&split_heads(&self.q.forward(x)?, heads)?)?;
        let k = self
            .k_norm
            .forward(&split_heads(&self.k.forward(x)?, heads)?)?;
        let v = split_heads(&self.v.forward(x)?, heads)?;
        Ok([rope.turn(&q)?, rope.turn(&k)?, v.contiguous()?])
    }

    fn feed_forward(&self, x: &Tensor) -> Result<Tensor> {
        self.down.forward(&gelu(&self.up.forward(x)?)?)
    }
}

impl Block {
    fn new(part: &Part<'_>, config: &TransformerConfig) -> Result<Self> {
        Ok(Self {
            image: Stream::new(part, &IMAGE, config)?,
            text: Stream::new(part, &TEXT, config)?,
            heads: config.num_attention_heads,
        })
    }

    fn forward(
        &self,
        image: &Tensor,
        text: &Tensor,
        shared: &Shared<'_>,
    ) -> Result<(Tensor, Tensor)> {
        let reference = shared.reference.as_ref();
        let of_image = self
            .image
            .modulations(&shared.time, reference, image.dim(1)?)?;
        let of_text = self.text.modulations(&shared.time, None, text.dim(1)?)?;
        let enter = |x: &Tensor, m: &[Tensor]| modulated_norm(x, EPSILON, &m[0], &m[1]);
        let entered = (enter(image, &of_image)?, enter(text, &of_text)?);
        let [iq, ik, iv] = self.image.qkv(&entered.0, self.heads, &shared.image_rope)?;
        let [tq, tk, tv] = self.text.qkv(&entered.1, self.heads, &shared.text_rope)?;
        let join = |text: &Tensor, image: &Tensor| Tensor::cat(&[text, image], 2);
        let (q, k, v) = (join(&tq, &iq)?, join(&tk, &ik)?, join(&tv, &iv)?);
        let mixed = join_heads(&attention(&q, &k, &v, shared.mask, None)?)?;
        let words = text.dim(1)?;
        let of_words = self
            .text
            .out
            .forward(&mixed.narrow(1, 0, words)?.contiguous()?)?;
        let of_pixels = mixed.narrow(1, words, image.dim(1)?)?.contiguous()?;
        let of_pixels = self.image.out.forward(&of_pixels)?;
        let leave = |stream: &Stream, x: &Tensor, mixed: &Tensor, m: &[Tensor]| -> Result<Tensor> {
            let x = gated_sum(x, mixed, &m[2])?;
            let fed = stream.feed_forward(&enter(&x, &m[3..])?)?;
            gated_sum(&x, &fed, &m[5])
        };
        Ok((
            leave(&self.image, image, &of_pixels, &of_image)?,
            leave(&self.text, text, &of_words, &of_text)?,
        ))
    }
}
