//! Baseline JPEG in a JFIF file.

use std::borrow::Cow;

use jpeg_encoder::{ColorType, Encoder, PixelDensity, PixelDensityUnit, SamplingFactor};

use super::{ChromaSubsampling, EncodeOptions, check_sides, eight_bits, fitting_icc};
use crate::container::{EXIF_PREFIX, PHOTOSHOP_PREFIX, XMP_PREFIX};
use crate::{Channels, DensityUnit, Format, ImagingError, Picture};

/// Bytes a marker segment holds after its length.
const SEGMENT: usize = 65_533;
/// SOI and the JFIF segment without thumbnail, after which our segments stand.
const JFIF_END: usize = 2 + 18;

pub(super) fn encode(picture: &Picture, options: &EncodeOptions) -> Result<Vec<u8>, ImagingError> {
    if !(1..=100).contains(&options.jpeg_quality) {
        return Err(ImagingError::Parameter(format!(
            "JPEG quality {} is not within 1 to 100",
            options.jpeg_quality
        )));
    }
    check_sides(picture, Format::Jpeg, 65_535)?;
    if !picture.is_opaque() {
        return Err(refused(
            "JPEG cannot hold transparency; choose PNG or WebP for the output",
        ));
    }
    let (samples, colour) = match picture.channels() {
        Channels::Gray => (eight_bits(picture), ColorType::Luma),
        Channels::Rgb => (eight_bits(picture), ColorType::Rgb),
        Channels::Rgba => (eight_bits(picture), ColorType::Rgba),
        Channels::GrayAlpha => {
            let gray = eight_bits(picture).iter().copied().step_by(2).collect();
            (Cow::Owned(gray), ColorType::Luma)
        }
    };
    let segments = segments(picture)?;

    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, options.jpeg_quality);
    // One scan with the standard tables, as cameras write: optimised tables would make this encoder
    // write a scan for each component, which some decoders in use get wrong.
    encoder.set_optimized_huffman_tables(false);
    encoder.set_sampling_factor(match options.chroma {
        ChromaSubsampling::S444 => SamplingFactor::R_4_4_4,
        ChromaSubsampling::S420 => SamplingFactor::R_4_2_0,
    });
    if let Some((unit, x, y)) = picture.metadata.density.and_then(crate::Density::to_jfif) {
        encoder.set_density(PixelDensity {
            density: (x, y),
            unit: match unit {
                DensityUnit::Inch => PixelDensityUnit::Inches,
                DensityUnit::Centimetre => PixelDensityUnit::Centimeters,
                _ => PixelDensityUnit::PixelAspectRatio,
            },
        });
    }
    encoder
        .encode(
            &samples,
            picture.width() as u16,
            picture.height() as u16,
            colour,
        )
        .map_err(|error| refused(&error.to_string()))?;
    bytes.splice(JFIF_END..JFIF_END, segments);
    Ok(bytes)
}

/// The metadata as marker segments.
fn segments(picture: &Picture) -> Result<Vec<u8>, ImagingError> {
    let metadata = &picture.metadata;
    let mut out = Vec::new();
    if let Some(exif) = &metadata.exif {
        segment(&mut out, 0xe1, &[EXIF_PREFIX, exif], "EXIF block")?;
    }
    if let Some(xmp) = &metadata.xmp {
        segment(&mut out, 0xe1, &[XMP_PREFIX, xmp], "XMP packet")?;
    }
    let written = if picture.channels().is_gray() {
        Channels::Gray
    } else {
        Channels::Rgb
    };
    if let Some(icc) = fitting_icc(picture, written) {
        let prefix = b"ICC_PROFILE\0";
        let parts = icc.chunks(SEGMENT - prefix.len() - 2);
        let count = u8::try_from(parts.len()).map_err(|_| too_large("colour profile"))?;
        for (sequence, part) in (1..=count).zip(parts) {
            let place = [sequence, count];
            segment(&mut out, 0xe2, &[prefix, &place, part], "colour profile")?;
        }
    }
    if let Some(resources) = &metadata.iptc {
        for part in resources.chunks(SEGMENT - PHOTOSHOP_PREFIX.len()) {
            segment(&mut out, 0xed, &[PHOTOSHOP_PREFIX, part], "IPTC block")?;
        }
    }
    for comment in &metadata.comments {
        segment(&mut out, 0xfe, &[comment], "comment")?;
    }
    Ok(out)
}

fn segment(out: &mut Vec<u8>, marker: u8, parts: &[&[u8]], what: &str) -> Result<(), ImagingError> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u16::try_from(length + 2).map_err(|_| too_large(what))?;
    out.extend([0xff, marker]);
    out.extend(length.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    Ok(())
}

fn too_large(what: &str) -> ImagingError {
    refused(&format!(
        "its {what} is too large for JPEG; choose PNG or WebP, or leave the metadata out"
    ))
}

fn refused(reason: &str) -> ImagingError {
    ImagingError::encoding(Format::Jpeg, reason)
}
