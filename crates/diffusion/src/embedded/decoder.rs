//! The decoder: from the latents of a layer to its pixels.

use candle_core::Tensor;

use super::nets::{Part, Result};
use super::painter::{GRID, LATENT};
use super::winograd::{Before, Conv, Map, relu};

/// Pixels of a side of a patch before the decoder.
const PATCH: usize = 16;
/// Pixels of a side of a layer before the decoder.
const COARSE: usize = GRID * PATCH;
/// How much finer its output is.
const FINER: usize = 4;
/// Pixels of a side of a decoded layer.
pub(super) const SIDE: usize = COARSE * FINER;
/// Red, green, blue, alpha.
pub(super) const CHANNELS: usize = 4;
const WIDTH: usize = 128;
const FINE: usize = 56;
const DEPTH: usize = 5;

pub(super) struct Decoder {
    /// Latents as the painter has them -> components, `[224]`.
    scale: Tensor,
    /// `[224, 1024]`.
    basis: Tensor,
    mean: Tensor,
    entry: Conv,
    blocks: Vec<ConvBlock>,
    /// `[128, 224]`.
    widen: Tensor,
    widen_bias: Tensor,
    fine_entry: Conv,
    fine_block: ConvBlock,
    exit: Conv,
}

struct ConvBlock {
    first: Conv,
    second: Conv,
}

/// A layer: premultiplied red, green, blue, and alpha, `[4, 384, 384]` in 0..=1 (nearly).
pub(super) struct Layer(pub(super) Vec<f32>);

impl Decoder {
    pub(super) fn new(part: &Part<'_>, latents: &Part<'_>) -> Result<Self> {
        let patch = PATCH * PATCH * CHANNELS;
        let conv = |name: &str, input, output| Conv::new(&part.at(name), input, output);
        let scale = latents.tensor("scale", &[LATENT])?;
        let basis = latents.tensor("basis", &[patch, LATENT])?;
        let widen = part.tensor("widen.weight", &[4 * FINE, WIDTH, 1, 1])?;
        let blocks = (0..DEPTH).map(|i| ConvBlock::new(&part.at(&format!("blocks.{i}")), WIDTH));
        Ok(Self {
            scale: scale.recip()?,
            basis: basis.t()?.contiguous()?,
            mean: latents.tensor("mean", &[patch])?,
            entry: conv("entry", 4 * CHANNELS, WIDTH)?,
            blocks: blocks.collect::<Result<_>>()?,
            widen: widen.reshape((4 * FINE, WIDTH))?.t()?.contiguous()?,
            widen_bias: part.tensor("widen.bias", &[4 * FINE])?,
            fine_entry: conv("fine_entry", CHANNELS, FINE)?,
            fine_block: ConvBlock::new(&part.at("fine_blocks.0"), FINE)?,
            exit: conv("exit", FINE, CHANNELS * FINER * FINER)?,
        })
    }

    /// `[36, 224]` -> the layer.
    pub(super) fn forward(&self, latents: &Tensor) -> Result<Layer> {
        let coarse = self.coarse(latents)?;
        let fine = self.pixels(&coarse)?;
        let mut planes = vec![0.0; CHANNELS * SIDE * SIDE];
        for (channel, plane) in planes.chunks_exact_mut(SIDE * SIDE).enumerate() {
            for (i, value) in plane.iter_mut().enumerate() {
                let (y, x) = (i / SIDE, i % SIDE);
                let below = (y / FINER * COARSE + x / FINER) * CHANNELS + channel;
                let sum = fine.values[i * CHANNELS + channel] + coarse.values[below];
                *value = (sum + 1.0) * 0.5;
            }
        }
        Ok(Layer(planes))
    }

    /// The principal components put together, 96 x 96, in -1..=1.
    fn coarse(&self, latents: &Tensor) -> Result<Map> {
        let patches = latents
            .broadcast_mul(&self.scale)?
            .matmul(&self.basis)?
            .broadcast_add(&self.mean)?;
        let grid = patches.reshape(&[GRID, GRID, PATCH, PATCH, CHANNELS][..])?;
        let picture = grid.permute([0, 2, 1, 3, 4])?;
        Ok(Map {
            side: COARSE,
            channels: CHANNELS,
            values: picture.contiguous()?.flatten_all()?.to_vec1()?,
        })
    }

    /// What is to be added to the coarse picture, 384 x 384.
    fn pixels(&self, x: &Map) -> Result<Map> {
        let mut h = self.entry.forward(&x.unshuffled(2), Before::Nothing)?;
        for block in &self.blocks {
            block.forward(&mut h)?;
        }
        let mut h = self.widened(&h)?.shuffled(2);
        h.add(&self.fine_entry.forward(x, Before::Nothing)?);
        self.fine_block.forward(&mut h)?;
        Ok(self.exit.forward(&h, Before::Relu)?.shuffled(FINER))
    }

    /// The convolution of 1 x 1.
    fn widened(&self, h: &Map) -> Result<Map> {
        let pixels = h.values.iter().copied().map(relu).collect();
        let shape = (h.side * h.side, h.channels);
        let pixels = Tensor::from_vec(pixels, shape, self.widen.device())?;
        let product = pixels
            .matmul(&self.widen)?
            .broadcast_add(&self.widen_bias)?;
        Ok(Map {
            side: h.side,
            channels: product.dim(1)?,
            values: product.flatten_all()?.to_vec1()?,
        })
    }
}

impl ConvBlock {
    fn new(part: &Part<'_>, width: usize) -> Result<Self> {
        Ok(Self {
            first: Conv::new(&part.at("first"), width, width)?,
            second: Conv::new(&part.at("second"), width, width)?,
        })
    }

    fn forward(&self, x: &mut Map) -> Result<()> {
        let h = self.first.forward(x, Before::Relu)?;
        x.add(&self.second.forward(&h, Before::Relu)?);
        Ok(())
    }
}
