//! The decoder: from the latents of a layer to its pixels.

use candle_core::Tensor;

use super::nets::{Conv, Part, Result};
use super::painter::{GRID, LATENT};

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
    widen: Conv,
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
        let conv =
            |name: &str, input, output, kernel| Conv::new(&part.at(name), input, output, kernel);
        let scale = latents.tensor("scale", &[LATENT])?;
        let basis = latents.tensor("basis", &[patch, LATENT])?;
        let blocks = (0..DEPTH).map(|i| ConvBlock::new(&part.at(&format!("blocks.{i}")), WIDTH));
        Ok(Self {
            scale: scale.recip()?,
            basis: basis.t()?.contiguous()?,
            mean: latents.tensor("mean", &[patch])?,
            entry: conv("entry", 4 * CHANNELS, WIDTH, 3)?,
            blocks: blocks.collect::<Result<_>>()?,
            widen: conv("widen", WIDTH, 4 * FINE, 1)?,
            fine_entry: conv("fine_entry", CHANNELS, FINE, 3)?,
            fine_block: ConvBlock::new(&part.at("fine_blocks.0"), FINE)?,
            exit: conv("exit", FINE, CHANNELS * FINER * FINER, 3)?,
        })
    }

    /// `[36, 224]` -> the layer.
    pub(super) fn forward(&self, latents: &Tensor) -> Result<Layer> {
        let fine = self.pixels(&self.coarse(latents)?)?;
        let unit = ((fine + 1.0)? * 0.5)?;
        Ok(Layer(unit.flatten_all()?.to_vec1()?))
    }

    /// The principal components put together: `[4, 96, 96]` in -1..=1.
    fn coarse(&self, latents: &Tensor) -> Result<Tensor> {
        let patches = latents
            .broadcast_mul(&self.scale)?
            .matmul(&self.basis)?
            .broadcast_add(&self.mean)?;
        let grid = patches.reshape(&[GRID, GRID, PATCH, PATCH, CHANNELS][..])?;
        let picture = grid.permute([4, 0, 2, 1, 3])?;
        Ok(picture.contiguous()?.reshape((CHANNELS, COARSE, COARSE))?)
    }

    fn pixels(&self, x: &Tensor) -> Result<Tensor> {
        let mut h = self.entry.forward(&unshuffled(x, 2)?)?;
        for block in &self.blocks {
            h = block.forward(&h)?;
        }
        let h = shuffled(&self.widen.forward(&h.relu()?)?, 2)?;
        let h = self
            .fine_block
            .forward(&(h + self.fine_entry.forward(x)?)?)?;
        let fine = shuffled(&self.exit.forward(&h.relu()?)?, FINER)?;
        let plain = x.unsqueeze(0)?.upsample_nearest2d(SIDE, SIDE)?.squeeze(0)?;
        Ok((fine + plain)?)
    }
}

impl ConvBlock {
    fn new(part: &Part<'_>, width: usize) -> Result<Self> {
        Ok(Self {
            first: Conv::new(&part.at("first"), width, width, 3)?,
            second: Conv::new(&part.at("second"), width, width, 3)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let h = self.first.forward(&x.relu()?)?;
        Ok((x + self.second.forward(&h.relu()?)?)?)
    }
}

/// Channels into space: `[channels * factor^2, h, w]` -> `[channels, h * factor, w * factor]`.
fn shuffled(x: &Tensor, factor: usize) -> Result<Tensor> {
    let shuffled = candle_nn::ops::pixel_shuffle(&x.unsqueeze(0)?, factor)?;
    Ok(shuffled.squeeze(0)?)
}

/// The other way round.
fn unshuffled(x: &Tensor, factor: usize) -> Result<Tensor> {
    let unshuffled = candle_nn::ops::pixel_unshuffle(&x.unsqueeze(0)?, factor)?;
    Ok(unshuffled.squeeze(0)?)
}
