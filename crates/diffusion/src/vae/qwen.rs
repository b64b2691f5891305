//! The auto-encoder of Qwen-Image (diffusers' `AutoencoderKLQwenImage`), for single pictures.
//!
//! It is one for films whose convolutions look back in time. Before the first frame there is nothing, so of a single
//! picture each of them sees the last slice of its kernel alone, and the resampling in time is left out: all of it is
//! two-dimensional.

use candle_core::Tensor;
use serde::Deserialize;

use super::AutoEncoder;
use crate::error::DiffusionError;
use crate::family::LatentScaling;
use crate::nets::{Conv2d, Padding, Part, PixelNorm, Result, attention, upsample};

/// `vae/config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct QwenVaeConfig {
    base_dim: usize,
    pub(crate) z_dim: usize,
    dim_mult: Vec<usize>,
    num_res_blocks: usize,
    #[serde(default)]
    attn_scales: Vec<f32>,
    #[serde(default = "three")]
    input_channels: usize,
    latents_mean: Vec<f32>,
    latents_std: Vec<f32>,
}

fn three() -> usize {
    3
}

impl QwenVaeConfig {
    fn check(&self) -> Result<()> {
        let possible = self.attn_scales.is_empty()
            && self.input_channels == 3
            && (1..=8).contains(&self.dim_mult.len())
            && self.num_res_blocks <= 16;
        if possible {
            return Ok(());
        }
        Err(DiffusionError::Description(
            "an auto-encoder with attention between its stages, of pictures with more than three channels, or of an impossible depth".to_owned(),
        ))
    }

    /// Pixels of a side for one latent.
    pub(crate) fn downscale(&self) -> usize {
        1 << (self.dim_mult.len() - 1).min(16)
    }

    pub(crate) fn scaling(&self) -> LatentScaling {
        LatentScaling::PerChannel {
            mean: self.latents_mean.clone(),
            std: self.latents_std.clone(),
        }
    }

    /// Channels of the widest stage at full size: what comes into the last one, before it is doubled.
    pub(crate) fn widest(&self) -> usize {
        self.base_dim * self.dim_mult.get(1).copied().unwrap_or(1)
    }

    /// Channels of the stages, from the picture inwards.
    fn stages(&self) -> Vec<usize> {
        self.dim_mult
            .iter()
            .map(|times| self.base_dim * times)
            .collect()
    }
}

/// Both ways.
pub(crate) struct QwenVae {
    encoder: Encoder,
    decoder: Decoder,
    before: Conv2d,
    after: Conv2d,
    channels: usize,
}

impl QwenVae {
    pub(crate) fn new(part: &Part<'_>, config: &QwenVaeConfig) -> Result<Self> {
        config.check()?;
        let z = config.z_dim;
        Ok(Self {
            encoder: Encoder::new(&part.at("encoder"), config)?,
            decoder: Decoder::new(&part.at("decoder"), config)?,
            before: Conv2d::last_slice(&part.at("post_quant_conv"), z, z, 1)?,
            after: Conv2d::last_slice(&part.at("quant_conv"), 2 * z, 2 * z, 1)?,
            channels: z,
        })
    }
}

impl AutoEncoder for QwenVae {
    fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        self.decoder.forward(&self.before.forward(latents)?)
    }

    fn encode(&self, picture: &Tensor) -> Result<Tensor> {
        let moments = self.after.forward(&self.encoder.forward(picture)?)?;
        Ok(moments.narrow(1, 0, self.channels)?)
    }
}

struct Residual {
    norms: [PixelNorm; 2],
    convs: [Conv2d; 2],
    shortcut: Option<Conv2d>,
}

impl Residual {
    fn new(part: &Part<'_>, input: usize, output: usize) -> Result<Self> {
        let shortcut = (input != output)
            .then(|| Conv2d::last_slice(&part.at("conv_shortcut"), input, output, 1));
        Ok(Self {
            norms: [
                PixelNorm::new(&part.at("norm1"), input)?,
                PixelNorm::new(&part.at("norm2"), output)?,
            ],
            convs: [
                Conv2d::last_slice(&part.at("conv1"), input, output, 3)?,
                Conv2d::last_slice(&part.at("conv2"), output, output, 3)?,
            ],
            shortcut: shortcut.transpose()?,
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

/// Residual, attention over all pixels with one head, residual.
struct Middle {
    first: Residual,
    norm: PixelNorm,
    qkv: Conv2d,
    out: Conv2d,
    second: Residual,
}

impl Middle {
    fn new(part: &Part<'_>, channels: usize) -> Result<Self> {
        let inner = part.at("attentions.0");
        let none = Padding::even(0);
        Ok(Self {
            first: Residual::new(&part.at("resnets.0"), channels, channels)?,
            norm: PixelNorm::new(&inner.at("norm"), channels)?,
            qkv: Conv2d::new(&inner.at("to_qkv"), channels, 3 * channels, 1, 1, none)?,
            out: Conv2d::new(&inner.at("proj"), channels, channels, 1, 1, none)?,
            second: Residual::new(&part.at("resnets.1"), channels, channels)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.first.forward(x)?;
        let (batch, channels, height, width) = x.dims4()?;
        let qkv = self.qkv.forward(&self.norm.forward(&x)?)?;
        let qkv = qkv
            .reshape((batch, 3 * channels, height * width))?
            .transpose(1, 2)?;
        let part = |i: usize| qkv.narrow(2, i * channels, channels)?.unsqueeze(1);
        let mixed = attention(&part(0)?, &part(1)?, &part(2)?, None, None)?;
        let mixed = mixed.squeeze(1)?.transpose(1, 2)?.contiguous()?;
        let mixed = self
            .out
            .forward(&mixed.reshape((batch, channels, height, width))?)?;
        self.second.forward(&(x + mixed)?)
    }
}

/// Of the encoder's flat list either.
enum Down {
    Residual(Residual),
    Halve(Conv2d),
}

struct Encoder {
    first: Conv2d,
    down: Vec<Down>,
    middle: Middle,
    norm: PixelNorm,
    last: Conv2d,
}

impl Encoder {
    fn new(part: &Part<'_>, config: &QwenVaeConfig) -> Result<Self> {
        let stages = config.stages();
        let mut width = config.base_dim;
        let mut down = Vec::new();
        let list = part.at("down_blocks");
        for (stage, output) in stages.iter().enumerate() {
            for _ in 0..config.num_res_blocks {
                down.push(Down::Residual(Residual::new(
                    &list.at(down.len()),
                    width,
                    *output,
                )?));
                width = *output;
            }
            if stage + 1 < stages.len() {
                let inner = list.at(down.len()).at("resample.1");
                let padding = Padding::bottom_right();
                down.push(Down::Halve(Conv2d::new(
                    &inner, width, width, 3, 2, padding,
                )?));
            }
        }
        Ok(Self {
            first: Conv2d::last_slice(&part.at("conv_in"), 3, config.base_dim, 3)?,
            down,
            middle: Middle::new(&part.at("mid_block"), width)?,
            norm: PixelNorm::new(&part.at("norm_out"), width)?,
            last: Conv2d::last_slice(&part.at("conv_out"), width, 2 * config.z_dim, 3)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.first.forward(x)?;
        for block in &self.down {
            x = match block {
                Down::Residual(block) => block.forward(&x)?,
                Down::Halve(conv) => conv.forward(&x)?,
            };
        }
        let x = self.norm.silu(&self.middle.forward(&x)?)?;
        self.last.forward(&x)
    }
}

struct Decoder {
    first: Conv2d,
    middle: Middle,
    up: Vec<(Vec<Residual>, Option<Conv2d>)>,
    norm: PixelNorm,
    last: Conv2d,
}

impl Decoder {
    fn new(part: &Part<'_>, config: &QwenVaeConfig) -> Result<Self> {
        let stages: Vec<usize> = config.stages().into_iter().rev().collect();
        let deepest = stages[0];
        let mut input = deepest;
        let mut up = Vec::new();
        for (stage, output) in stages.iter().enumerate() {
            let block = part.at("up_blocks").at(stage);
            let mut residuals = Vec::new();
            for index in 0..=config.num_res_blocks {
                residuals.push(Residual::new(
                    &block.at("resnets").at(index),
                    input,
                    *output,
                )?);
                input = *output;
            }
            let double = (stage + 1 < stages.len()).then(|| {
                let inner = block.at("upsamplers.0.resample.1");
                Conv2d::new(&inner, *output, output / 2, 3, 1, Padding::even(1))
            });
            // The doubling halves the channels, too.
            input = output / 2;
            up.push((residuals, double.transpose()?));
        }
        let width = config.base_dim * config.dim_mult[0];
        Ok(Self {
            first: Conv2d::last_slice(&part.at("conv_in"), config.z_dim, deepest, 3)?,
            middle: Middle::new(&part.at("mid_block"), deepest)?,
            up,
            norm: PixelNorm::new(&part.at("norm_out"), width)?,
            last: Conv2d::last_slice(&part.at("conv_out"), width, 3, 3)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.middle.forward(&self.first.forward(x)?)?;
        for (residuals, double) in &self.up {
            for residual in residuals {
                x = residual.forward(&x)?;
            }
            if let Some(conv) = double {
                x = conv.forward(&upsample(&x)?)?;
            }
        }
        self.last.forward(&self.norm.silu(&x)?)
    }
}
