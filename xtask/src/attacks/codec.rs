//! Lossy formats and small palettes.

use anyhow::{Context as _, Result};
use color_quant::NeuQuant;
use image::buffer::ConvertBuffer;
use image::imageops;
use image::{ImageFormat, Rgb, RgbImage, RgbaImage};
use jpeg_encoder::SamplingFactor;
use rav1e::prelude::{
    ChromaSamplePosition, ChromaSampling, Config, Context, EncoderConfig, Frame, PixelRange,
    SpeedSettings,
};

use super::raster::{map_samples, sample};
use crate::pictures;

/// JPEG at a quality with 4:2:0 chroma, and back.
pub fn jpeg(picture: &RgbImage, quality: u8) -> Result<RgbImage> {
    through_jpeg(picture, quality, SamplingFactor::F_2_2)
}

/// JPEG at a quality with 4:4:4 chroma, and back.
pub fn jpeg_full_chroma(picture: &RgbImage, quality: u8) -> Result<RgbImage> {
    through_jpeg(picture, quality, SamplingFactor::F_1_1)
}

fn through_jpeg(picture: &RgbImage, quality: u8, chroma: SamplingFactor) -> Result<RgbImage> {
    let bytes = pictures::jpeg_bytes(picture, quality, chroma)?;
    Ok(image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg)?.into_rgb8())
}

/// Lossy WebP (libwebp) at a quality, and back.
pub fn webp(picture: &RgbImage, quality: f32) -> Result<RgbImage> {
    let bytes = webp::Encoder::from_rgb(picture.as_raw(), picture.width(), picture.height())
        .encode(quality);
    Ok(image::load_from_memory_with_format(&bytes, ImageFormat::WebP)?.into_rgb8())
}

/// What an AV1 still picture at an AVIF quality of 0 to 100 decodes to, 4:2:0. The encoder's own
/// reconstruction is the decoder's output by definition of the format, so none is needed. The
/// quality goes linearly to the quantiser index, as in libavif.
pub fn avif(picture: &RgbImage, quality: u32) -> Result<RgbImage> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let config = EncoderConfig {
        width,
        height,
        still_picture: true,
        pixel_range: PixelRange::Full,
        chroma_sampling: ChromaSampling::Cs420,
        chroma_sample_position: ChromaSamplePosition::Unknown,
        quantizer: (255 * (100 - quality) / 100) as usize,
        speed_settings: SpeedSettings::from_preset(10),
        ..EncoderConfig::default()
    };
    let mut context: Context<u8> = Config::new()
        .with_encoder_config(config)
        .with_threads(1)
        .new_context()?;
    let mut frame = context.new_frame();
    let strides = [width, width.div_ceil(2), width.div_ceil(2)];
    for ((plane, data), stride) in frame
        .planes
        .iter_mut()
        .zip(subsampled(picture))
        .zip(strides)
    {
        plane.copy_from_raw_u8(&data, stride, 1);
    }
    context.send_frame(frame)?;
    context.flush();
    let packet = context.receive_packet()?;
    let reconstruction = packet
        .rec
        .context("the AV1 encoder gave no reconstruction")?;
    Ok(joined(&reconstruction, picture.width(), picture.height()))
}

/// Full-range Rec. 601 Y, Cb and Cr, the chroma averaged over 2 x 2 pixels.
fn subsampled(picture: &RgbImage) -> [Vec<u8>; 3] {
    let (w, h) = picture.dimensions();
    let luma = picture
        .pixels()
        .map(|p| sample(super::raster::luminance(*p)))
        .collect();
    let (mut blue, mut red) = (Vec::new(), Vec::new());
    for y in (0..h).step_by(2) {
        for x in (0..w).step_by(2) {
            let mut mean = [0f32; 3];
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let pixel = picture.get_pixel((x + dx).min(w - 1), (y + dy).min(h - 1));
                for (total, value) in mean.iter_mut().zip(pixel.0) {
                    *total += f32::from(value) / 4.0;
                }
            }
            let [r, g, b] = mean;
            let bright = 0.299 * r + 0.587 * g + 0.114 * b;
            blue.push(sample(128.0 + (b - bright) / 1.772));
            red.push(sample(128.0 + (r - bright) / 1.402));
        }
    }
    [luma, blue, red]
}

/// Back to red, green and blue; chroma is repeated.
fn joined(frame: &Frame<u8>, width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let value = |plane: usize, x, y| f32::from(frame.planes[plane].p(x, y));
        let (luma, blue, red) = (
            value(0, x, y),
            value(1, x / 2, y / 2) - 128.0,
            value(2, x / 2, y / 2) - 128.0,
        );
        Rgb([
            luma + 1.402 * red,
            luma - 0.344_136 * blue - 0.714_136 * red,
            luma + 1.772 * blue,
        ]
        .map(sample))
    })
}

/// The nearest of `colours` colours (a neural-network palette; Dekker, Network 5(3), 1994).
pub fn palette(picture: &RgbImage, colours: usize) -> RgbImage {
    let mut full: RgbaImage = picture.convert();
    let chosen = NeuQuant::new(10, colours, full.as_raw());
    for pixel in full.pixels_mut() {
        chosen.map_pixel(&mut pixel.0);
    }
    full.convert()
}

/// 256 colours with Floyd-Steinberg dither: what a GIF file keeps.
pub fn gif(picture: &RgbImage) -> RgbImage {
    let mut full: RgbaImage = picture.convert();
    let chosen = NeuQuant::new(10, 256, full.as_raw());
    imageops::dither(&mut full, &chosen);
    full.convert()
}

/// `bits` bits a sample.
pub fn posterised(picture: &RgbImage, bits: u32) -> RgbImage {
    let top = ((1u32 << bits) - 1) as f32;
    map_samples(picture, |v| (v / 255.0 * top).round() / top * 255.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::attacks::tests::scene;
    use crate::metrics::psnr;

    #[test]
    fn lower_quality_is_worse_and_none_is_ruinous() {
        let picture = scene(1);
        let jpegs = [90, 50, 10].map(|q| psnr(&picture, &jpeg(&picture, q).unwrap()));
        let webps = [80.0, 20.0].map(|q| psnr(&picture, &webp(&picture, q).unwrap()));
        let avifs = [60, 35].map(|q| psnr(&picture, &avif(&picture, q).unwrap()));
        for falling in [&jpegs[..], &webps, &avifs] {
            assert!(falling.is_sorted_by(|a, b| a > b), "{falling:?}");
            assert!(
                falling.iter().all(|v| (22.0..50.0).contains(v)),
                "{falling:?}"
            );
        }
    }

    #[test]
    fn odd_sides_survive_subsampling() {
        let odd = imageops::crop_imm(&scene(1), 0, 0, 101, 77).to_image();
        let back = avif(&odd, 80).unwrap();
        assert_eq!(back.dimensions(), (101, 77));
        assert!(psnr(&odd, &back) > 28.0);
    }

    #[test]
    fn palettes_have_their_size() {
        let picture = scene(1);
        let colours = |p: &RgbImage| p.pixels().map(|p| p.0).collect::<HashSet<_>>().len();
        assert!(colours(&picture) > 1000);
        assert!((2..=64).contains(&colours(&palette(&picture, 64))));
        assert!((65..=256).contains(&colours(&gif(&picture))));
        let levels: HashSet<u8> = posterised(&picture, 4).iter().copied().collect();
        assert!(levels.len() <= 16 && levels.contains(&255), "{levels:?}");
    }
}
