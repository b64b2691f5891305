//! The auto-encoder of Stable Diffusion, FLUX and their kin (diffusers' `AutoencoderKL`).

use candle_core::Tensor;
use serde::Deserialize;

use super::AutoEncoder;
use crate::error::DiffusionError;
use crate::family::LatentScaling;
use crate::nets::{Conv2d, GroupNorm, Linear, Padding, Part, Result, attention, upsample};
use crate::weights::Weights;

const EPSILON: f64 = 1e-6;

/// `vae/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct KlConfig {
    #[serde(default = "three")]
    in_channels: usize,
    #[serde(default = "three")]
    out_channels: usize,
    block_out_channels: Vec<usize>,
    /// Where the decoder is narrower than the encoder.
    #[serde(default)]
    decoder_block_out_channels: Option<Vec<usize>>,
    layers_per_block: usize,
    pub(crate) latent_channels: usize,
    #[serde(default = "thirty_two")]
    norm_num_groups: usize,
    #[serde(default = "of_stable_diffusion")]
    scaling_factor: f32,
    #[serde(default)]
    shift_factor: Option<f32>,
    #[serde(default = "yes")]
    use_quant_conv: bool,
    #[serde(default = "yes")]
    use_post_quant_conv: bool,
    #[serde(default = "yes")]
    mid_block_add_attention: bool,
}

fn three() -> usize {
    3
}

fn thirty_two() -> usize {
    32
}

fn of_stable_diffusion() -> f32 {
    0.18215
}

fn yes() -> bool {
    true
}

impl KlConfig {
    fn check(&self) -> Result<()> {
        let stages = self.block_out_channels.len();
        let possible = (1..=8).contains(&stages)
            && self.decoder_stages().len() == stages
            && self.layers_per_block <= 16
            && self.in_channels == 3
            && self.out_channels == 3
            && self.scaling_factor > 0.0;
        if possible {
            return Ok(());
        }
        Err(DiffusionError::Description(
            "vae/config.json describes an auto-encoder of an impossible depth, or not of pictures with three channels"
                .to_owned(),
        ))
    }

    /// Channels of the decoder's stages, from the picture inwards.
    fn decoder_stages(&self) -> &[usize] {
        let own = self.decoder_block_out_channels.as_ref();
        own.unwrap_or(&self.block_out_channels)
    }

    /// Pixels of a side for one latent.
    pub(crate) fn downscale(&self) -> usize {
        1 << self.block_out_channels.len().saturating_sub(1).min(16)
    }

    pub(crate) fn scaling(&self) -> LatentScaling {
        LatentScaling::FactorShift {
            factor: self.scaling_factor,
            shift: self.shift_factor.unwrap_or(0.0),
        }
    }

    /// Channels of the widest stage at full size: what comes into the last one.
    pub(crate) fn widest(&self) -> usize {
        let stages = self.decoder_stages();
        stages.get(1).or(stages.first()).copied().unwrap_or(0)
    }
}

/// Both ways.
pub(crate) struct KlVae {
    encoder: Encoder,
    decoder: Decoder,
    after: Option<Conv2d>,
    before: Option<Conv2d>,
    channels: usize,
}

impl KlVae {
    /// Gives the tensors of older files the names of today.
    pub(crate) fn rename(weights: &mut Weights) -> Result<()> {
        const ATTENTION: [(&str, &str); 4] = [
            ("query", "to_q"),
            ("key", "to_k"),
            ("value", "to_v"),
            ("proj_attn", "to_out.0"),
        ];
        weights.rename(|name| {
            let (layer, kind) = name.rsplit_once('.')?;
            let renamed = ATTENTION.iter().find_map(|(old, new)| {
                let front = layer.strip_suffix(old)?.strip_suffix("attentions.0.")?;
                Some(format!("{front}attentions.0.{new}.{kind}"))
            });
            Some(renamed.unwrap_or_else(|| name.to_owned()))
        })
    }

    pub(crate) fn new(part: &Part<'_>, config: &KlConfig) -> Result<Self> {
        config.check()?;
        let z = config.latent_channels;
        let pointwise = |wanted: bool, name: &str, channels: usize| {
            let conv = || Conv2d::new(&part.at(name), channels, channels, 1, 1, Padding::even(0));
            wanted.then(conv).transpose()
        };
        Ok(Self {
            encoder: Encoder::new(&part.at("encoder"), config)?,
            decoder: Decoder::new(&part.at("decoder"), config)?,
            after: pointwise(config.use_quant_conv, "quant_conv", 2 * z)?,
            before: pointwise(config.use_post_quant_conv, "post_quant_conv", z)?,
            channels: z,
        })
    }
}

impl AutoEncoder for KlVae {
    fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        match &self.before {
            Some(conv) => self.decoder.forward(&conv.forward(latents)?),
            None => self.decoder.forward(latents),
        }
    }

    fn encode(&self, picture: &Tensor) -> Result<Tensor> {
        let moments = self.encoder.forward(picture)?;
        let moments = match &self.after {
            Some(conv) => conv.forward(&moments)?,
            None => moments,
        };
        Ok(moments.narrow(1, 0, self.channels)?)
    }
}

/// Norm, SiLU and convolution twice, beside a shortcut (diffusers' `ResnetBlock2D` without time).
struct Residual {
    norms: [GroupNorm; 2],
    convs: [Conv2d; 2],
    shortcut: Option<Conv2d>,
}

impl Residual {
    fn new(part: &Part<'_>, input: usize, output: usize, groups: usize) -> Result<Self> {
        let conv = |name: &str, input: usize, side: usize| {
            Conv2d::new(
                &part.at(name),
                input,
                output,
                side,
                1,
                Padding::even(side / 2),
            )
        };
        Ok(Self {
            norms: [
                GroupNorm::new(&part.at("norm1"), groups, input, EPSILON)?,
                GroupNorm::new(&part.at("norm2"), groups, output, EPSILON)?,
            ],
            convs: [conv("conv1", input, 3)?, conv("conv2", output, 3)?],
            shortcut: (input != output)
                .then(|| conv("conv_shortcut", input, 1))
                .transpose()?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut y = x.clone();
        for (norm, conv) in self.norms.iter().zip(&self.convs) {
            y = conv.forward(&norm.silu(&y)?)?;
        }
        Ok(match &self.shortcut {
            Some(shortcut) => (y + shortcut.forward(x)?)?,
            None => (y + x)?,
        })
    }
}

/// Attention over all pixels with one head.
struct PixelAttention {
    norm: GroupNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
}

impl PixelAttention {
    fn new(part: &Part<'_>, channels: usize, groups: usize) -> Result<Self> {
        let linear = |name: &str| linear_or_pointwise(&part.at(name), channels);
        Ok(Self {
            norm: GroupNorm::new(&part.at("group_norm"), groups, channels, EPSILON)?,
            q: linear("to_q")?,
            k: linear("to_k")?,
            v: linear("to_v")?,
            out: linear("to_out.0")?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        let rows = self
            .norm
            .forward(x)?
            .reshape((batch, channels, height * width))?;
        let rows = rows.transpose(1, 2)?.contiguous()?;
        let head = |linear: &Linear| -> Result<Tensor> { Ok(linear.forward(&rows)?.unsqueeze(1)?) };
        let mixed = attention(
            &head(&self.q)?,
            &head(&self.k)?,
            &head(&self.v)?,
            None,
            None,
        )?;
        let mixed = self.out.forward(&mixed.squeeze(1)?)?.transpose(1, 2)?;
        Ok((x + mixed.reshape((batch, channels, height, width))?)?)
    }
}

/// Some files keep these layers as convolutions of one pixel, `[channels, channels, 1, 1]`.
fn linear_or_pointwise(part: &Part<'_>, channels: usize) -> Result<Linear> {
    if part.shape("weight")?.len() == 4 {
        let weight = part.tensor("weight", &[channels, channels, 1, 1])?;
        let bias = part.tensor("bias", &[channels])?;
        return Linear::of(&weight.reshape((channels, channels))?, Some(bias));
    }
    Linear::new(part, channels, channels, true)
}

struct Middle {
    first: Residual,
    attention: Option<PixelAttention>,
    second: Residual,
}

impl Middle {
    fn new(part: &Part<'_>, channels: usize, config: &KlConfig) -> Result<Self> {
        let groups = config.norm_num_groups;
        let residual = |name: &str| Residual::new(&part.at(name), channels, channels, groups);
        let attention = || PixelAttention::new(&part.at("attentions.0"), channels, groups);
        Ok(Self {
            first: residual("resnets.0")?,
            attention: config.mid_block_add_attention.then(attention).transpose()?,
            second: residual("resnets.1")?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.first.forward(x)?;
        if let Some(attention) = &self.attention {
            x = attention.forward(&x)?;
        }
        self.second.forward(&x)
    }
}

/// Norm, SiLU, convolution at the end of either way.
struct Tail {
    norm: GroupNorm,
    conv: Conv2d,
}

impl Tail {
    fn new(part: &Part<'_>, input: usize, output: usize, groups: usize) -> Result<Self> {
        Ok(Self {
            norm: GroupNorm::new(&part.at("conv_norm_out"), groups, input, EPSILON)?,
            conv: Conv2d::new(&part.at("conv_out"), input, output, 3, 1, Padding::even(1))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.conv.forward(&self.norm.silu(x)?)
    }
}

/// Residuals of a stage, and the convolution that changes the size after them.
type Stage = (Vec<Residual>, Option<Conv2d>);

struct Encoder {
    first: Conv2d,
    stages: Vec<Stage>,
    middle: Middle,
    tail: Tail,
}

impl Encoder {
    fn new(part: &Part<'_>, config: &KlConfig) -> Result<Self> {
        let widths = &config.block_out_channels;
        let groups = config.norm_num_groups;
        let mut width = widths[0];
        let first = Conv2d::new(
            &part.at("conv_in"),
            config.in_channels,
            width,
            3,
            1,
            Padding::even(1),
        )?;
        let mut stages = Vec::new();
        for (stage, output) in widths.iter().enumerate() {
            let block = part.at("down_blocks").at(stage);
            let mut residuals = Vec::new();
            for index in 0..config.layers_per_block {
                residuals.push(Residual::new(
                    &block.at("resnets").at(index),
                    width,
                    *output,
                    groups,
                )?);
                width = *output;
            }
            let halve = || {
                let inner = block.at("downsamplers.0.conv");
                Conv2d::new(&inner, width, width, 3, 2, Padding::bottom_right())
            };
            let halve = (stage + 1 < widths.len()).then(halve).transpose()?;
            stages.push((residuals, halve));
        }
        Ok(Self {
            first,
            stages,
            middle: Middle::new(&part.at("mid_block"), width, config)?,
            tail: Tail::new(part, width, 2 * config.latent_channels, groups)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.first.forward(x)?;
        for (residuals, halve) in &self.stages {
            for residual in residuals {
                x = residual.forward(&x)?;
            }
            if let Some(conv) = halve {
                x = conv.forward(&x)?;
            }
        }
        self.tail.forward(&self.middle.forward(&x)?)
    }
}

struct Decoder {
    first: Conv2d,
    middle: Middle,
    stages: Vec<Stage>,
    tail: Tail,
}

impl Decoder {
    fn new(part: &Part<'_>, config: &KlConfig) -> Result<Self> {
        let widths: Vec<usize> = config.decoder_stages().iter().rev().copied().collect();
        let groups = config.norm_num_groups;
        let deepest = widths[0];
        let mut width = deepest;
        let mut stages = Vec::new();
        for (stage, output) in widths.iter().enumerate() {
            let block = part.at("up_blocks").at(stage);
            let mut residuals = Vec::new();
            for index in 0..=config.layers_per_block {
                residuals.push(Residual::new(
                    &block.at("resnets").at(index),
                    width,
                    *output,
                    groups,
                )?);
                width = *output;
            }
            let double = || {
                Conv2d::new(
                    &block.at("upsamplers.0.conv"),
                    width,
                    width,
                    3,
                    1,
                    Padding::even(1),
                )
            };
            let double = (stage + 1 < widths.len()).then(double).transpose()?;
            stages.push((residuals, double));
        }
        let first = part.at("conv_in");
        Ok(Self {
            first: Conv2d::new(
                &first,
                config.latent_channels,
                deepest,
                3,
                1,
                Padding::even(1),
            )?,
            middle: Middle::new(&part.at("mid_block"), deepest, config)?,
            stages,
            tail: Tail::new(part, width, config.out_channels, groups)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.middle.forward(&self.first.forward(x)?)?;
        for (residuals, double) in &self.stages {
            for residual in residuals {
                x = residual.forward(&x)?;
            }
            if let Some(conv) = double {
                x = conv.forward(&upsample(&x)?)?;
            }
        }
        self.tail.forward(&x)
    }
}
