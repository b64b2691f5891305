//! Auto-encoders between pictures and latents. Always in `f32`: in half precision what they lose is seen.

mod flux2;
mod kl;
mod qwen;
mod tiled;

use candle_core::{Device, Tensor};

use crate::error::DiffusionError;
use crate::image::FloatImage;

pub(crate) use flux2::PatchNormConfig;
pub(crate) use kl::{KlConfig, KlVae};
pub(crate) use qwen::{QwenVae, QwenVaeConfig};
pub(crate) use tiled::{Tiling, tiled};

/// The picture of a decoder's `[1, 3, height, width]`, -1 to 1.
pub(crate) fn picture(x: &Tensor) -> Result<FloatImage, DiffusionError> {
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
pub(crate) fn tensor(picture: &FloatImage, device: &Device) -> Result<Tensor, DiffusionError> {
    let shape = (picture.height as usize, picture.width as usize, 3);
    let x = Tensor::from_slice(&picture.pixels, shape, device)?;
    let x = x.permute((2, 0, 1))?.contiguous()?.unsqueeze(0)?;
    Ok(((x * 2.0)? - 1.0)?)
}
