//! The network of Stable Diffusion (arXiv 2112.10752, 2307.01952; diffusers' `UNet2DConditionModel`): residual layers
//! and attention at falling, then rising sizes, each rising one beside what the falling one of its size gave.

use std::sync::Arc;

use candle_core::Tensor;

use super::config::{Added, Depth, Kind, SIZES, Skip, UnetConfig, Unit};
use crate::device::Compute;
use crate::error::DiffusionError;
use crate::nets::{
    Blocks, Conv2d, GroupNorm, LayerNorm, Linear, Padding, Part, Result, Sinusoid, TimeEmbedding,
    attention, gelu_erf, join_heads, silu, split_heads, upsample,
};
use crate::weights::Weights;

/// Of the norm before a stack of transformer layers, and of those in them.
const STACK_EPSILON: f64 = 1e-6;
const LAYER_EPSILON: f64 = 1e-5;

/// What a prompt is to the network.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// `[batch, tokens, cross_attention_dim]`.
    pub(crate) states: Tensor,
    /// Beside the time: pooled text `[batch, width]` and the numbers on the size of each picture, one after the other.
    pub(crate) added: Option<(Tensor, Vec<f32>)>,
}

pub(crate) struct Unet {
    time: TimeEmbedding,
    added: Option<(TimeEmbedding, Added)>,
    first: Conv2d,
    units: Blocks<Layer>,
    skips: Vec<Skip>,
    norm: GroupNorm,
    last: Conv2d,
    config: UnetConfig,
    compute: Compute,
}

/// What all layers are told.
struct Shared<'a> {
    /// `[batch, time_width]`, after SiLU.
    time: Tensor,
    text: &'a Tensor,
}

impl Unet {
    pub(crate) fn new(
        weights: Weights,
        config: UnetConfig,
        compute: &Compute,
        streamed: bool,
    ) -> Result<Self> {
        config.check()?;
        let weights = Arc::new(weights);
        let part = Part::root(&weights, compute);
        let (width, channels) = (config.block_out_channels[0], config.in_channels);
        let told = config.time_width();
        let added = config.added()?.map(|added| {
            let input = added.pooled + SIZES * added.number;
            TimeEmbedding::new(&part.at("add_embedding"), input, told).map(|layers| (layers, added))
        });
        let units = config.units();
        let skips = units.iter().map(|unit| unit.skip).collect();
        let load = {
            let (weights, config, compute) = (weights.clone(), config.clone(), compute.clone());
            let units = units.clone();
            move |index: usize| Layer::new(&Part::root(&weights, &compute), &units[index], &config)
        };
        let (groups, epsilon) = (config.norm_num_groups, config.norm_eps);
        Ok(Self {
            time: TimeEmbedding::new(&part.at("time_embedding"), width, told)?,
            added: added.transpose()?,
            first: conv(&part.at("conv_in"), channels, width, 1)?,
            units: Blocks::new(units.len(), streamed, load)?,
            skips,
            norm: GroupNorm::new(&part.at("conv_norm_out"), groups, width, epsilon)?,
            last: conv(&part.at("conv_out"), width, channels, 1)?,
            config,
            compute: compute.clone(),
        })
    }

    /// What is predicted for latents `[batch, channels, rows, columns]`, in the same shape; `time` is the training
    /// step, one for each of the batch.
    pub(crate) fn forward(&self, latents: &Tensor, time: &[f32], text: &Text) -> Result<Tensor> {
        let batch = latents.dim(0)?;
        if time.len() != batch || text.states.dim(0)? != batch {
            return Err(DiffusionError::Description(format!(
                "{batch} pictures, {} times and {} texts",
                time.len(),
                text.states.dim(0)?
            )));
        }
        let shared = Shared {
            time: silu(&self.told(time, text)?)?,
            text: &text.states,
        };
        let mut x = self
            .first
            .forward(&latents.to_dtype(self.compute.dtype())?)?;
        let mut kept = vec![x.clone()];
        self.units.each(|index, layer| {
            let skip = self.skips.get(index).copied().unwrap_or(Skip::None);
            if skip == Skip::Join
                && let Some(beside) = kept.pop()
            {
                x = Tensor::cat(&[&x, &beside], 1)?;
            }
            // Sides that cannot be halved were rounded up; on the way back they get the size they had.
            let size = kept
                .last()
                .map(|beside| (beside.dims()[2], beside.dims()[3]));
            x = layer.forward(&x, size, &shared)?;
            if skip == Skip::Keep {
                kept.push(x.clone());
            }
            Ok(())
        })?;
        self.last.forward(&self.norm.silu(&x)?)
    }

    /// Time, and what is added to it: `[batch, time_width]`.
    fn told(&self, time: &[f32], text: &Text) -> Result<Tensor> {
        let device = self.compute.device();
        let sines = Sinusoid::new(self.config.block_out_channels[0]).forward(time, device)?;
        let told = self.time.forward(&sines)?;
        let Some((layers, Added { pooled, number })) = &self.added else {
            return Ok(told);
        };
        let Some((of_text, sizes)) = &text.added else {
            return Err(DiffusionError::Description(
                "the network wants pooled text and sizes beside the time".to_owned(),
            ));
        };
        let batch = time.len();
        if sizes.len() != batch * SIZES || of_text.dims() != [batch, *pooled] {
            return Err(DiffusionError::ModelShape {
                what: "pooled text",
                expected: vec![batch, *pooled],
                found: of_text.dims().to_vec(),
            });
        }
        let sizes = Sinusoid::new(*number).forward(sizes, device)?;
        let sizes = sizes.reshape((batch, SIZES * number))?;
        let added = Tensor::cat(&[of_text, &sizes.to_dtype(of_text.dtype())?], 1)?;
        Ok((told + layers.forward(&added)?)?)
    }
}

/// With a kernel of three pixels.
fn conv(part: &Part<'_>, input: usize, output: usize, stride: usize) -> Result<Conv2d> {
    Conv2d::new(part, input, output, 3, stride, Padding::even(1))
}

/// With one of a single pixel.
fn pointwise(part: &Part<'_>, input: usize, output: usize) -> Result<Conv2d> {
    Conv2d::new(part, input, output, 1, 1, Padding::even(0))
}

/// A [`Unit`] with its weights.
enum Layer {
    Residual(Box<Residual>, Option<Stack>),
    Halve(Conv2d),
    Double(Conv2d),
}

impl Layer {
    fn new(part: &Part<'_>, unit: &Unit, config: &UnetConfig) -> Result<Self> {
        let block = part.at(&unit.block);
        let Unit { input, output, .. } = *unit;
        Ok(match unit.kind {
            Kind::Residual(depth) => {
                let residual = Residual::new(&block.at("resnets").at(unit.index), unit, config)?;
                let stack = depth.map(|depth| {
                    let part = block.at("attentions").at(unit.index);
                    Stack::new(&part, output, depth, config)
                });
                Self::Residual(Box::new(residual), stack.transpose()?)
            }
            Kind::Halve => Self::Halve(conv(&block.at("downsamplers.0.conv"), input, output, 2)?),
            Kind::Double => Self::Double(conv(&block.at("upsamplers.0.conv"), input, output, 1)?),
        })
    }

    /// `size` is what doubling leads to.
    fn forward(
        &self,
        x: &Tensor,
        size: Option<(usize, usize)>,
        shared: &Shared<'_>,
    ) -> Result<Tensor> {
        match self {
            Self::Residual(residual, stack) => {
                let x = residual.forward(x, &shared.time)?;
                match stack {
                    Some(stack) => stack.forward(&x, shared.text),
                    None => Ok(x),
                }
            }
            Self::Halve(conv) => conv.forward(x),
            Self::Double(conv) => conv.forward(&enlarge(x, size)?),
        }
    }
}

/// The nearest pixel, at twice the size or at the one given.
fn enlarge(x: &Tensor, size: Option<(usize, usize)>) -> Result<Tensor> {
    let (_, _, rows, columns) = x.dims4()?;
    let doubled = (2 * rows, 2 * columns);
    match size {
        Some(size) if size != doubled => {
            let nearest = |of: usize, from: usize| -> Result<Tensor> {
                // In f32, as torch computes it: the product decides which neighbour is nearer.
                let ratio = from as f32 / of as f32;
                let source = |i: usize| ((i as f32 * ratio) as u32).min(from as u32 - 1);
                Ok(Tensor::from_iter((0..of).map(source), x.device())?)
            };
            let tall = x.index_select(&nearest(size.0, rows)?, 2)?;
            Ok(tall.index_select(&nearest(size.1, columns)?, 3)?)
        }
        _ => upsample(x),
    }
}

/// Norm, SiLU and convolution twice, the time between them, beside a shortcut (diffusers' `ResnetBlock2D`).
struct Residual {
    norms: [GroupNorm; 2],
    convs: [Conv2d; 2],
    time: Linear,
    shortcut: Option<Conv2d>,
}

impl Residual {
    fn new(part: &Part<'_>, unit: &Unit, config: &UnetConfig) -> Result<Self> {
        let Unit { input, output, .. } = *unit;
        let norm = |name: &str, channels: usize| {
            GroupNorm::new(
                &part.at(name),
                config.norm_num_groups,
                channels,
                config.norm_eps,
            )
        };
        let shortcut =
            (input != output).then(|| pointwise(&part.at("conv_shortcut"), input, output));
        Ok(Self {
            norms: [norm("norm1", input)?, norm("norm2", output)?],
            convs: [
                conv(&part.at("conv1"), input, output, 1)?,
                conv(&part.at("conv2"), output, output, 1)?,
            ],
            time: Linear::new(&part.at("time_emb_proj"), config.time_width(), output, true)?,
            shortcut: shortcut.transpose()?,
        })
    }

    fn forward(&self, x: &Tensor, time: &Tensor) -> Result<Tensor> {
        let y = self.convs[0].forward(&self.norms[0].silu(x)?)?;
        let time = self.time.forward(time)?.unsqueeze(2)?.unsqueeze(3)?;
        let y = y.broadcast_add(&time.to_dtype(y.dtype())?)?;
        let y = self.convs[1].forward(&self.norms[1].silu(&y)?)?;
        Ok(match &self.shortcut {
            Some(shortcut) => (shortcut.forward(x)? + y)?,
            None => (x + y)?,
        })
    }
}

/// Into and out of a stack of transformer layers: the same matrix, stored as one or the other.
enum Projection {
    Linear(Linear),
    Pointwise(Conv2d),
}

impl Projection {
    fn new(part: &Part<'_>, width: usize, linear: bool) -> Result<Self> {
        Ok(if linear {
            Self::Linear(Linear::new(part, width, width, true)?)
        } else {
            Self::Pointwise(pointwise(part, width, width)?)
        })
    }
}

/// Transformer layers over the pixels (diffusers' `Transformer2DModel`).
struct Stack {
    norm: GroupNorm,
    enter: Projection,
    layers: Vec<Transformer>,
    leave: Projection,
}

impl Stack {
    fn new(part: &Part<'_>, width: usize, depth: Depth, config: &UnetConfig) -> Result<Self> {
        let projection =
            |name: &str| Projection::new(&part.at(name), width, config.use_linear_projection);
        let layer = |index| {
            let part = part.at("transformer_blocks").at(index);
            Transformer::new(&part, width, depth.heads, config.cross_attention_dim)
        };
        Ok(Self {
            norm: GroupNorm::new(
                &part.at("norm"),
                config.norm_num_groups,
                width,
                STACK_EPSILON,
            )?,
            enter: projection("proj_in")?,
            layers: (0..depth.layers).map(layer).collect::<Result<_>>()?,
            leave: projection("proj_out")?,
        })
    }

    fn forward(&self, picture: &Tensor, text: &Tensor) -> Result<Tensor> {
        let (batch, width, rows, columns) = picture.dims4()?;
        let tokens = |x: &Tensor| -> Result<Tensor> {
            let x = x.reshape((batch, width, rows * columns))?;
            Ok(x.transpose(1, 2)?.contiguous()?)
        };
        let pixels = |x: &Tensor| -> Result<Tensor> {
            let x = x.transpose(1, 2)?.contiguous()?;
            Ok(x.reshape((batch, width, rows, columns))?)
        };
        let normed = self.norm.forward(picture)?;
        let mut x = match &self.enter {
            Projection::Linear(linear) => linear.forward(&tokens(&normed)?)?,
            Projection::Pointwise(conv) => tokens(&conv.forward(&normed)?)?,
        };
        for layer in &self.layers {
            x = layer.forward(&x, text)?;
        }
        let left = match &self.leave {
            Projection::Linear(linear) => pixels(&linear.forward(&x)?)?,
            Projection::Pointwise(conv) => conv.forward(&pixels(&x)?)?,
        };
        Ok((left + picture)?)
    }
}

/// Attention among pixels, attention to the text, and two linear layers (diffusers' `BasicTransformerBlock`).
struct Transformer {
    norms: [LayerNorm; 3],
    among: Attention,
    to_text: Attention,
    up: Linear,
    down: Linear,
    /// Between them.
    inner: usize,
}

impl Transformer {
    fn new(part: &Part<'_>, width: usize, heads: usize, text: usize) -> Result<Self> {
        let norm = |name: &str| LayerNorm::new(&part.at(name), width, LAYER_EPSILON);
        let inner = 4 * width;
        Ok(Self {
            norms: [norm("norm1")?, norm("norm2")?, norm("norm3")?],
            among: Attention::new(&part.at("attn1"), width, width, heads)?,
            to_text: Attention::new(&part.at("attn2"), width, text, heads)?,
            up: Linear::new(&part.at("ff.net.0.proj"), width, 2 * inner, true)?,
            down: Linear::new(&part.at("ff.net.2"), inner, width, true)?,
            inner,
        })
    }

    fn forward(&self, x: &Tensor, text: &Tensor) -> Result<Tensor> {
        let normed = self.norms[0].forward(x)?;
        let x = (x + self.among.forward(&normed, &normed)?)?;
        let x = (&x + self.to_text.forward(&self.norms[1].forward(&x)?, text)?)?;
        // GEGLU (arXiv 2002.05202): one half opens and closes the other.
        let both = self.up.forward(&self.norms[2].forward(&x)?)?;
        let values = both.narrow(2, 0, self.inner)?;
        let gates = both.narrow(2, self.inner, self.inner)?.contiguous()?;
        let fed = self.down.forward(&(values * gelu_erf(&gates)?)?)?;
        Ok((x + fed)?)
    }
}

struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    heads: usize,
}

impl Attention {
    fn new(part: &Part<'_>, width: usize, keys: usize, heads: usize) -> Result<Self> {
        Ok(Self {
            q: Linear::new(&part.at("to_q"), width, width, false)?,
            k: Linear::new(&part.at("to_k"), keys, width, false)?,
            v: Linear::new(&part.at("to_v"), keys, width, false)?,
            out: Linear::new(&part.at("to_out.0"), width, width, true)?,
            heads,
        })
    }

    fn forward(&self, x: &Tensor, keys: &Tensor) -> Result<Tensor> {
        let head = |linear: &Linear, of: &Tensor| split_heads(&linear.forward(of)?, self.heads);
        let (q, k, v) = (
            head(&self.q, x)?,
            head(&self.k, keys)?,
            head(&self.v, keys)?,
        );
        self.out
            .forward(&join_heads(&attention(&q, &k, &v, None, None)?)?)
    }
}
