//! Pictures that go with a report. Made in the confined child: from bytes to bytes.

use colophon_diffusion::RgbImage;
use colophon_imaging::{Channels, EncodeOptions, Format, Limits, Picture, Samples, decode, encode};
use colophon_provenance::HeatMap;

use crate::failure::Failure;
use crate::show::shrunk;

/// Longest side of a small picture, pixels.
pub const THUMBNAIL_SIDE: u32 = 512;
/// JPEG quality of a small picture: artefacts of its own must not look like the picture's.
const THUMBNAIL_QUALITY: u8 = 85;

/// The picture, upright and without metadata, with sides of at most 512 pixels, as JPEG.
///
/// # Errors
/// [`Failure::Imaging`] when it cannot be decoded within the limits.
pub fn thumbnail(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Failure> {
    let picture = decode(bytes, limits)?;
    let image = RgbImage {
        width: picture.width(),
        height: picture.height(),
        pixels: picture.to_rgb8(),
    };
    let small = shrunk(&image, THUMBNAIL_SIDE);
    let small = Picture::new(
        small.width,
        small.height,
        Channels::Rgb,
        Samples::U8(small.pixels),
    )?;
    let options = EncodeOptions {
        jpeg_quality: THUMBNAIL_QUALITY,
        ..EncodeOptions::new(Format::Jpeg)
    };
    Ok(encode(&small, &options)?)
}

/// The size in pixels of the small copy of a picture.
pub fn thumbnail_size(width: u32, height: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= THUMBNAIL_SIDE {
        return (width, height);
    }
    let scaled = |side: u32| {
        let side = u64::from(side) * u64::from(THUMBNAIL_SIDE) / u64::from(longer);
        side.max(1) as u32
    };
    (scaled(width), scaled(height))
}

/// The picture under its heat map, as PNG.
///
/// # Errors
/// [`Failure::Imaging`] when the picture cannot be decoded within the limits.
pub fn under_heat_map(
    heat_map: &HeatMap,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, Failure> {
    let picture = decode(bytes, limits)?;
    let (width, height) = (picture.width(), picture.height());
    let layer = heat_map.overlay(width as usize, height as usize);
    let mut samples = picture.to_rgb8();
    for (pixel, over) in samples.chunks_exact_mut(3).zip(layer.chunks_exact(4)) {
        let opacity = u16::from(over[3]);
        for (below, colour) in pixel.iter_mut().zip(over) {
            let mixed = u16::from(*below) * (255 - opacity) + u16::from(*colour) * opacity;
            *below = (mixed / 255) as u8;
        }
    }
    let drawn = Picture::new(width, height, Channels::Rgb, Samples::U8(samples))?;
    Ok(encode(&drawn, &EncodeOptions::new(Format::Png))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_are_bounded_and_as_large_as_announced() {
        for (width, height) in [(1000u32, 300u32), (3, 2000), (40, 30)] {
            let samples = vec![200; (width * height) as usize];
            let picture =
                Picture::new(width, height, Channels::Gray, Samples::U8(samples)).unwrap();
            let bytes = encode(&picture, &EncodeOptions::new(Format::Png)).unwrap();
            let small = thumbnail(&bytes, &Limits::default()).unwrap();
            let small = decode(&small, &Limits::default()).unwrap();
            assert!(small.width().max(small.height()) <= THUMBNAIL_SIDE);
            assert_eq!(
                (small.width(), small.height()),
                thumbnail_size(width, height)
            );
        }
    }
}
