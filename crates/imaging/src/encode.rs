//! From a picture to bytes, with its metadata.

mod jpeg;
mod png;
mod webp;

use std::borrow::Cow;

use crate::{Channels, Format, ImagingError, Picture, Samples};

/// How finely a lossy format keeps colour beside brightness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChromaSubsampling {
    /// 4:4:4, one colour value a pixel.
    S444,
    /// 4:2:0, one colour value for two by two pixels.
    S420,
}

/// How to write a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodeOptions {
    /// PNG, JPEG or WebP.
    pub format: Format,
    /// JPEG quality on the scale of the Independent JPEG Group, 1..=100.
    pub jpeg_quality: u8,
    /// JPEG chroma subsampling (lossy WebP is always 4:2:0).
    pub chroma: ChromaSubsampling,
    /// WebP quality, 0..=100; `None` is lossless.
    pub webp_quality: Option<f32>,
}

impl EncodeOptions {
    /// Careful settings: JPEG 95 with 4:4:4, lossless WebP.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format,
            jpeg_quality: 95,
            chroma: ChromaSubsampling::S444,
            webp_quality: None,
        }
    }
}

/// Writes the picture with its metadata, as far as the format has a place for it: IPTC resources
/// and comments go to JPEG only, text chunks to PNG only, density not to WebP. PNG keeps depth and
/// channels; JPEG and WebP hold 8 bits, and WebP writes gray as RGB. An ICC profile that does not
/// fit the written channels is left out. [`Picture::strip_metadata`] first writes without.
///
/// # Errors
/// [`ImagingError::Parameter`] for a quality out of range; [`ImagingError::Encoding`] if the
/// format cannot hold the picture: GIF and BMP, a transparent picture as JPEG, sides too long,
/// metadata too large for JPEG segments.
pub fn encode(picture: &Picture, options: &EncodeOptions) -> Result<Vec<u8>, ImagingError> {
    match options.format {
        Format::Png => png::encode(picture),
        Format::Jpeg => jpeg::encode(picture, options),
        Format::WebP => webp::encode(picture, options),
        other => Err(ImagingError::encoding(
            other,
            "choose PNG, JPEG or WebP for the output",
        )),
    }
}

/// The samples at 8 bits; borrowed if they are already.
fn eight_bits(picture: &Picture) -> Cow<'_, [u8]> {
    match picture.samples() {
        Samples::U8(samples) => Cow::Borrowed(samples),
        // 65535 / 255 = 257, rounded.
        Samples::U16(samples) => Cow::Owned(
            samples
                .iter()
                .map(|v| ((u32::from(*v) + 128) / 257) as u8)
                .collect(),
        ),
    }
}

/// Refuses sides beyond what the format's header can say.
fn check_sides(picture: &Picture, format: Format, longest: u32) -> Result<(), ImagingError> {
    if picture.width().max(picture.height()) > longest {
        return Err(ImagingError::encoding(
            format,
            format!("its sides may have {longest} pixels at most; choose PNG or scale it down"),
        ));
    }
    Ok(())
}

/// The profile, if it describes such channels.
fn fitting_icc(picture: &Picture, written: Channels) -> Option<&[u8]> {
    let icc = picture.metadata.icc.as_deref();
    icc.filter(|icc| crate::metadata::icc_fits(icc, written.is_gray()))
}
