//! From bytes to an upright picture.

use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::{bmp, gif, jpeg, png, webp};
use image::{DynamicImage, GrayImage, ImageDecoder, ImageError, RgbImage};

use crate::container::survey;
use crate::picture::Origin;
use crate::xmp;
use crate::{
    Channels, Format, ImagingError, Limits, Picture, Samples, estimate_jpeg_quality, exif, sniff,
};

/// Decodes the picture, or the first frame of an animation.
///
/// All sizes that the file claims are held against `limits` first. EXIF orientation is applied to
/// the pixels once; the kept EXIF then says 1 and no longer reaches its thumbnail. Palettes become
/// RGB or RGBA, fewer than 8 bits become 8, CMYK becomes RGB (see [`Picture::is_cmyk`]).
///
/// # Errors
/// What [`sniff`] refuses; [`ImagingError::Limit`], [`ImagingError::Truncated`] and
/// [`ImagingError::Decoding`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, ImagingError> {
    limits.check_bytes(bytes.len() as u64)?;
    let format = sniff(bytes)?;
    let survey = survey(format, bytes, limits)?;

    // The bounds above are ours; a panic in a decoder is still the file's fault, not the caller's
    // end, and nothing of the decoder outlives it.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        // zune-jpeg up to 0.5.15 garbles the colours of such files if chroma is halved vertically.
        if survey.split_scans && !survey.cmyk {
            split_scans(bytes, survey.width, survey.height)
        } else {
            pixels(format, bytes, limits).map_err(|error| translate(format, error))
        }
    }));
    let image = decoded.map_err(|_| ImagingError::decoding(format, "its decoder gave up"))??;

    let (width, height) = (image.width(), image.height());
    let (channels, samples) = match image {
        DynamicImage::ImageLuma8(image) => (Channels::Gray, Samples::U8(image.into_raw())),
        DynamicImage::ImageLumaA8(image) => (Channels::GrayAlpha, Samples::U8(image.into_raw())),
        DynamicImage::ImageRgb8(image) => (Channels::Rgb, Samples::U8(image.into_raw())),
        DynamicImage::ImageRgba8(image) => (Channels::Rgba, Samples::U8(image.into_raw())),
        DynamicImage::ImageLuma16(image) => (Channels::Gray, Samples::U16(image.into_raw())),
        DynamicImage::ImageLumaA16(image) => (Channels::GrayAlpha, Samples::U16(image.into_raw())),
        DynamicImage::ImageRgb16(image) => (Channels::Rgb, Samples::U16(image.into_raw())),
        DynamicImage::ImageRgba16(image) => (Channels::Rgba, Samples::U16(image.into_raw())),
        _ => {
            return Err(ImagingError::decoding(
                format,
                "its samples are no integers",
            ));
        }
    };
    let mut picture = Picture::new(width, height, channels, samples)?;
    picture.metadata = survey.metadata;
    picture.origin = Origin {
        format,
        frames: survey.frames,
        cmyk: survey.cmyk,
        lossless: survey.lossless,
        jpeg_quality: match format {
            Format::Jpeg => estimate_jpeg_quality(bytes),
            _ => None,
        },
        chroma: survey.chroma,
    };
    // The GIF decoder always makes an alpha channel.
    if format == Format::Gif && picture.is_opaque() {
        picture.drop_alpha();
    }
    stand_upright(&mut picture);
    Ok(picture)
}

fn pixels(format: Format, bytes: &[u8], limits: &Limits) -> Result<DynamicImage, ImageError> {
    let input = Cursor::new(bytes);
    let mut bounds = image::Limits::default();
    bounds.max_image_width = Some(limits.max_side);
    bounds.max_image_height = Some(limits.max_side);
    // Four 16-bit samples a pixel, as much again for a decoder's own canvas, and its tables.
    let pixels = limits.max_pixels.saturating_mul(16);
    let text = limits.max_text_bytes.saturating_mul(4);
    bounds.max_alloc = Some(pixels.saturating_add(text).saturating_add(64 << 20));
    match format {
        Format::Png => DynamicImage::from_decoder(png::PngDecoder::with_limits(input, bounds)?),
        Format::Jpeg => bounded(jpeg::JpegDecoder::new(input)?, bounds),
        Format::WebP => bounded(webp::WebPDecoder::new(input)?, bounds),
        Format::Gif => bounded(gif::GifDecoder::new(input)?, bounds),
        Format::Bmp => bounded(bmp::BmpDecoder::new(input)?, bounds),
    }
}

fn bounded(
    mut decoder: impl ImageDecoder,
    bounds: image::Limits,
) -> Result<DynamicImage, ImageError> {
    decoder.set_limits(bounds)?;
    DynamicImage::from_decoder(decoder)
}

/// Decodes a sequential gray or colour JPEG of several scans.
fn split_scans(bytes: &[u8], width: u32, height: u32) -> Result<DynamicImage, ImagingError> {
    use jpeg_decoder::{Decoder, Error, PixelFormat};
    let mut decoder = Decoder::new(bytes);
    let samples = decoder.decode().map_err(|error| match error {
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => ImagingError::Truncated {
            format: Format::Jpeg,
        },
        other => ImagingError::decoding(Format::Jpeg, other.to_string()),
    })?;
    let image = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => {
            GrayImage::from_raw(width, height, samples).map(DynamicImage::ImageLuma8)
        }
        Some(PixelFormat::RGB24) => {
            RgbImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb8)
        }
        _ => None,
    };
    image.ok_or_else(|| ImagingError::decoding(Format::Jpeg, "its samples are no 8-bit colours"))
}

fn translate(format: Format, error: ImageError) -> ImagingError {
    match error {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImagingError::Truncated { format }
        }
        other => ImagingError::decoding(format, other.to_string()),
    }
}

fn stand_upright(picture: &mut Picture) {
    let stored = picture.metadata.exif.as_deref();
    let orientation = stored.and_then(exif::orientation).unwrap_or(1);
    if orientation == 1 {
        return;
    }
    picture.turn(orientation);
    let swapped = orientation >= 5;
    let metadata = &mut picture.metadata;
    if let Some(exif) = &mut metadata.exif {
        exif::make_upright(exif, swapped);
    }
    // `tiff:Orientation` repeats the tag; a reader that believes it would turn the picture again.
    // A packet that cannot be parsed is of no use to such readers either and stays.
    if let Some(reset) = metadata.xmp.as_deref().and_then(xmp::without_orientation) {
        metadata.xmp = Some(reset);
    }
    // ImageMagick repeats the EXIF block as hexadecimal text.
    metadata.png_chunks.retain(|chunk| {
        !chunk.data.starts_with(b"Raw profile type exif\0")
            && !chunk.data.starts_with(b"Raw profile type APP1\0")
    });
    if swapped && let Some(density) = &mut metadata.density {
        std::mem::swap(&mut density.x, &mut density.y);
    }
}
