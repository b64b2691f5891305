//! WebP: libwebp's bitstream, our container (RFC 9649, 2.7).

use std::borrow::Cow;

use webp::{Encoder, PixelLayout, WebPConfig};

use super::{EncodeOptions, check_sides, eight_bits, fitting_icc};
use crate::{Channels, Format, ImagingError, Picture};

pub(super) fn encode(picture: &Picture, options: &EncodeOptions) -> Result<Vec<u8>, ImagingError> {
    if let Some(quality) = options.webp_quality
        && !(0.0..=100.0).contains(&quality)
    {
        return Err(ImagingError::Parameter(format!(
            "WebP quality {quality} is not within 0 to 100"
        )));
    }
    check_sides(picture, Format::WebP, 16_383)?;
    let mut config = WebPConfig::new().map_err(|()| refused("libwebp cannot be set up"))?;
    // Keep the colours of transparent pixels.
    config.exact = 1;
    match options.webp_quality {
        Some(quality) => config.quality = quality,
        None => config.lossless = 1,
    }
    let (samples, layout) = coloured(picture);
    let encoded = Encoder::new(&samples, layout, picture.width(), picture.height())
        .encode_advanced(&config)
        .map_err(|error| refused(&format!("libwebp says {error:?}")))?;
    contain(picture, &encoded)
}

/// WebP knows RGB and RGBA only.
fn coloured(picture: &Picture) -> (Cow<'_, [u8]>, PixelLayout) {
    let samples = eight_bits(picture);
    match picture.channels() {
        Channels::Rgb => (samples, PixelLayout::Rgb),
        Channels::Rgba => (samples, PixelLayout::Rgba),
        Channels::Gray => {
            let rgb = samples.iter().flat_map(|v| [*v; 3]).collect();
            (Cow::Owned(rgb), PixelLayout::Rgb)
        }
        Channels::GrayAlpha => {
            let pixels = samples.chunks_exact(2);
            let rgba = pixels.flat_map(|p| [p[0], p[0], p[0], p[1]]).collect();
            (Cow::Owned(rgba), PixelLayout::Rgba)
        }
    }
}

/// Puts libwebp's chunks and the metadata into an extended file; without metadata its file stays.
fn contain(picture: &Picture, encoded: &[u8]) -> Result<Vec<u8>, ImagingError> {
    let metadata = &picture.metadata;
    let icc = fitting_icc(picture, Channels::Rgb);
    let (exif, xmp) = (metadata.exif.as_deref(), metadata.xmp.as_deref());
    if icc.is_none() && exif.is_none() && xmp.is_none() {
        return Ok(encoded.to_vec());
    }
    let mut flags = 0;
    for (bit, present) in [
        (0x20, icc.is_some()),
        (0x10, picture.channels().has_alpha()),
        (0x08, exif.is_some()),
        (0x04, xmp.is_some()),
    ] {
        flags |= if present { bit } else { 0 };
    }
    let [w0, w1, w2, _] = (picture.width() - 1).to_le_bytes();
    let [h0, h1, h2, _] = (picture.height() - 1).to_le_bytes();

    let mut body = b"WEBP".to_vec();
    chunk(
        &mut body,
        *b"VP8X",
        &[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2],
    );
    if let Some(icc) = icc {
        chunk(&mut body, *b"ICCP", icc);
    }
    body.extend_from_slice(image_chunks(encoded));
    if let Some(exif) = exif {
        chunk(&mut body, *b"EXIF", exif);
    }
    if let Some(xmp) = xmp {
        chunk(&mut body, *b"XMP ", xmp);
    }
    let length = u32::try_from(body.len()).map_err(|_| refused("it is larger than 4 GiB"))?;
    Ok([b"RIFF".as_slice(), &length.to_le_bytes(), &body].concat())
}

/// What libwebp wrote after the file header and, if there is one, its own `VP8X` chunk.
fn image_chunks(encoded: &[u8]) -> &[u8] {
    let chunks = encoded.get(12..).unwrap_or_default();
    if chunks.starts_with(b"VP8X") {
        chunks.get(18..).unwrap_or_default()
    } else {
        chunks
    }
}

fn chunk(body: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    body.extend(kind);
    body.extend((data.len() as u32).to_le_bytes());
    body.extend_from_slice(data);
    if data.len() % 2 == 1 {
        body.push(0);
    }
}

fn refused(reason: &str) -> ImagingError {
    ImagingError::encoding(Format::WebP, reason)
}
