//! Auto-encoders between pictures and latents. Always in `f32`: in half precision what they lose is seen.

mod flux2;
mod kl;
mod qwen;
mod tiled;

use candle_core::{DType, Device, Tensor};

use crate::device::Compute;
use crate::error::DiffusionError;
use crate::family::LatentLayout;
use crate::image::FloatImage;
use crate::model::Latents;
use crate::request::Size;

pub(crate) use flux2::PatchNormConfig;
pub(crate) use kl::{KlConfig, KlVae};
pub(crate) use qwen::{QwenVae, QwenVaeConfig};
use tiled::{Tiling, tiled};

/// An auto-encoder, both ways, on tensors.
pub(crate) trait AutoEncoder {
    /// Latents `[1, channels, rows, columns]` in its own scale to `[1, 3, height, width]` from about -1 to 1.
    fn decode(&self, latents: &Tensor) -> Result<Tensor, DiffusionError>;

    /// A picture `[1, 3, height, width]` from -1 to 1 to the mean of its latents in its own scale.
    fn encode(&self, picture: &Tensor) -> Result<Tensor, DiffusionError>;
}

/// How a family gets from the sampler's latents to a picture and back, and to its network's tensors.
pub(crate) struct Coder<A> {
    vae: A,
    layout: LatentLayout,
    tiling: Option<Tiling>,
    device: Device,
}

impl<A: AutoEncoder> Coder<A> {
    /// `tile` is the side of tiles in pixels, if pictures are to be decoded in such.
    pub(crate) fn new(vae: A, layout: LatentLayout, tile: Option<u32>, compute: &Compute) -> Self {
        Self {
            vae,
            tiling: tile.map(|side| Tiling::of_pixels(side as usize, layout.downscale)),
            layout,
            device: compute.device().clone(),
        }
    }

    /// How latents lie.
    pub(crate) fn layout(&self) -> &LatentLayout {
        &self.layout
    }

    /// Rows and columns of tokens.
    pub(crate) fn grid(&self, size: Size) -> (usize, usize) {
        let side = |pixels: u32| pixels as usize / (self.layout.downscale * self.layout.patch);
        (side(size.height()), side(size.width()))
    }

    /// The sampler's latents as a batch of one.
    pub(crate) fn tensor(&self, latents: &Latents) -> Result<Tensor, DiffusionError> {
        let shape = latents.shape.as_slice();
        Ok(Tensor::from_slice(&latents.values, shape, &self.device)?.unsqueeze(0)?)
    }

    /// The picture of finished latents.
    pub(crate) fn decode(
        &self,
        latents: &Latents,
        size: Size,
    ) -> Result<FloatImage, DiffusionError> {
        let values = self.layout.to_decoder(&latents.values, size)?;
        let scale = self.layout.downscale;
        let side = |pixels: u32| pixels as usize / scale;
        let shape = (
            1,
            self.layout.channels,
            side(size.height()),
            side(size.width()),
        );
        let latents = Tensor::from_vec(values, shape, &self.device)?;
        let decode = |latents: &Tensor| self.vae.decode(latents);
        match self.tiling {
            Some(tiling) => picture(&tiled(&latents, scale, tiling, decode)?),
            None => picture(&decode(&latents)?),
        }
    }

    /// The latents of a picture, in the sampler's scale and shape.
    pub(crate) fn encode(
        &self,
        picture: &FloatImage,
        size: Size,
    ) -> Result<Latents, DiffusionError> {
        let latents = self.vae.encode(&tensor(picture, &self.device)?)?;
        let latents = latents.flatten_all()?.to_vec1::<f32>()?;
        Ok(Latents {
            shape: self.layout.shape(size),
            values: self.layout.from_encoder(&latents, size)?,
        })
    }
}

/// What a network answered to `asked`, in the sampler's form.
pub(crate) fn answer(asked: &Latents, output: &Tensor) -> Result<Latents, DiffusionError> {
    Ok(Latents {
        shape: asked.shape.clone(),
        values: output.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?,
    })
}

/// The picture of a decoder's `[1, 3, height, width]`, -1 to 1.
fn picture(x: &Tensor) -> Result<FloatImage, DiffusionError> {
    let (_, channels, height, width) = x.dims4()?;
    if channels != 3 {
        return Err(DiffusionError::ModelShape {
            what: "decoded picture",
            expected: vec![3, height, width],
            found: x.dims()[1..].to_vec(),
        });
    }
    let x = x.get(0)?.permute((1, 2, 0))?.flatten_all()?;
    // Not clipped here: that would hide NaN from the check that comes later.
    let x = ((x / 2.0)? + 0.5)?;
    Ok(FloatImage {
        width: width as u32,
        height: height as u32,
        pixels: x.to_vec1()?,
    })
}

/// An encoder's input `[1, 3, height, width]`, -1 to 1.
fn tensor(picture: &FloatImage, device: &Device) -> Result<Tensor, DiffusionError> {
    let shape = (picture.height as usize, picture.width as usize, 3);
    let x = Tensor::from_slice(&picture.pixels, shape, device)?;
    let x = x.permute((2, 0, 1))?.contiguous()?.unsqueeze(0)?;
    Ok(((x * 2.0)? - 1.0)?)
}
