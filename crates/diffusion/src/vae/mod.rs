//! Auto-encoders between pictures and latents. Always in `f32`: in half precision what they lose is seen.

mod flux2;
mod kl;
mod qwen;
mod tiled;

use candle_core::{Device, Tensor};

use crate::error::DiffusionError;
use crate::family::LatentLayout;
use crate::image::FloatImage;
use crate::model::Latents;
use crate::request::Size;

pub(crate) use flux2::PatchNormConfig;
pub(crate) use kl::{KlConfig, KlVae};
pub(crate) use qwen::{QwenVae, QwenVaeConfig};
pub(crate) use tiled::Tiling;
use tiled::tiled;

/// An auto-encoder, both ways, on tensors.
pub(crate) trait AutoEncoder {
    /// Latents `[1, channels, rows, columns]` in its own scale to `[1, 3, height, width]` from about -1 to 1.
    fn decode(&self, latents: &Tensor) -> Result<Tensor, DiffusionError>;

    /// A picture `[1, 3, height, width]` from -1 to 1 to the mean of its latents in its own scale.
    fn encode(&self, picture: &Tensor) -> Result<Tensor, DiffusionError>;
}

/// How a family gets from the sampler's latents to a picture and back.
pub(crate) struct Coder<'a, A> {
    pub(crate) vae: &'a A,
    pub(crate) layout: &'a LatentLayout,
    pub(crate) tiling: Option<Tiling>,
    pub(crate) device: &'a Device,
}

impl<A: AutoEncoder> Coder<'_, A> {
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
        let latents = Tensor::from_vec(values, shape, self.device)?;
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
        let latents = self.vae.encode(&tensor(picture, self.device)?)?;
        let latents = latents.flatten_all()?.to_vec1::<f32>()?;
        Ok(Latents {
            shape: self.layout.shape(size),
            values: self.layout.from_encoder(&latents, size)?,
        })
    }
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
