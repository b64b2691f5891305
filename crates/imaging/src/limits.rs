//! The bounds that hold before any pixel is decoded.

use crate::ImagingError;

/// Bounds on what a file may claim. A file beyond one of them is refused with
/// [`ImagingError::Limit`] before memory is allocated for the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Pixels, width times height, of the picture and of every frame.
    pub max_pixels: u64,
    /// Width and height, each, pixels.
    pub max_side: u32,
    /// Frames of an animation (only the first is decoded).
    pub max_frames: u32,
    /// Bytes of the ICC profile, after inflation.
    pub max_icc_bytes: u64,
    /// Bytes of text and of EXIF, XMP, IPTC and comments: each after inflation, and all in sum.
    pub max_text_bytes: u64,
    /// Scans of a progressive JPEG: each costs a pass over all blocks however few bytes it has.
    pub max_jpeg_scans: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_pixels: 64_000_000,
            max_side: 65_535,
            max_frames: 10_000,
            max_icc_bytes: 8 << 20,
            max_text_bytes: 16 << 20,
            max_jpeg_scans: 100,
        }
    }
}

impl Limits {
    pub(crate) fn check_bytes(&self, found: u64) -> Result<(), ImagingError> {
        check(
            "file size in bytes",
            found,
            self.max_bytes,
            "save it smaller",
        )
    }

    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), ImagingError> {
        let longest = width.max(height);
        check(
            "longer side in pixels",
            longest.into(),
            self.max_side.into(),
            "scale it down first",
        )?;
        check(
            "number of pixels",
            u64::from(width) * u64::from(height),
            self.max_pixels,
            "scale it down first",
        )
    }

    pub(crate) fn check_frames(&self, found: u32) -> Result<(), ImagingError> {
        check(
            "number of frames",
            found.into(),
            self.max_frames.into(),
            "save one frame as a picture",
        )
    }

    pub(crate) fn check_icc(&self, found: u64) -> Result<(), ImagingError> {
        check(
            "colour profile in bytes",
            found,
            self.max_icc_bytes,
            "convert it to sRGB first",
        )
    }

    pub(crate) fn check_text(&self, found: u64) -> Result<(), ImagingError> {
        check(
            "metadata in bytes",
            found,
            self.max_text_bytes,
            "remove its text and metadata first",
        )
    }

    pub(crate) fn check_scans(&self, found: u32) -> Result<(), ImagingError> {
        check(
            "number of JPEG scans",
            found.into(),
            self.max_jpeg_scans.into(),
            "save it again as a baseline JPEG",
        )
    }
}

fn check(
    what: &'static str,
    found: u64,
    allowed: u64,
    advice: &'static str,
) -> Result<(), ImagingError> {
    if found > allowed {
        return Err(ImagingError::Limit {
            what,
            found,
            allowed,
            advice,
        });
    }
    Ok(())
}
