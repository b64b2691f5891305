//! Bounded walks over the containers: every size a file claims is seen here before a decoder runs.

mod bmp;
mod gif;
mod jpeg;
mod png;
mod riff;

use std::io::Read;

use crate::{ChromaSubsampling, Format, ImagingError, Limits, Metadata};

pub(crate) use jpeg::{EXIF_PREFIX, PHOTOSHOP_PREFIX, XMP_PREFIX, first_quantisation_table};
pub(crate) use png::XMP_KEYWORD;

/// What a container says before its pixels are decoded.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub width: u32,
    pub height: u32,
    pub frames: u32,
    pub lossless: bool,
    pub cmyk: bool,
    /// A sequential JPEG with one scan for each component.
    pub split_scans: bool,
    pub chroma: Option<ChromaSubsampling>,
    pub metadata: Metadata,
}

/// Walks the whole container, holding every claim against `limits`.
pub(crate) fn survey(
    format: Format,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Survey, ImagingError> {
    let survey = match format {
        Format::Png => png::survey(bytes, limits),
        Format::Jpeg => jpeg::survey(bytes, limits),
        Format::WebP => riff::survey(bytes, limits),
        Format::Gif => gif::survey(bytes, limits),
        Format::Bmp => bmp::survey(bytes, limits),
    }?;
    if survey.width == 0 || survey.height == 0 {
        return Err(ImagingError::decoding(format, "it has no pixels"));
    }
    Ok(survey)
}

/// A cursor that never reads past the end.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    format: Format,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8], at: usize, format: Format) -> Self {
        Self { bytes, at, format }
    }

    fn truncated(&self) -> ImagingError {
        ImagingError::Truncated {
            format: self.format,
        }
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ImagingError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.truncated())?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImagingError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u8(&mut self) -> Result<u8, ImagingError> {
        self.array::<1>().map(|[byte]| byte)
    }
}

/// Counts metadata against [`Limits::max_text_bytes`], each piece and in sum.
struct TextBudget<'a> {
    limits: &'a Limits,
    spent: u64,
}

impl<'a> TextBudget<'a> {
    /// What keeping one more piece costs beside its bytes: bounds the number of empty pieces.
    const OVERHEAD: u64 = 64;

    fn new(limits: &'a Limits) -> Self {
        Self { limits, spent: 0 }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), ImagingError> {
        self.spent = self
            .spent
            .saturating_add(bytes)
            .saturating_add(Self::OVERHEAD);
        self.limits.check_text(self.spent)
    }

    fn left(&self) -> u64 {
        self.limits.max_text_bytes.saturating_sub(self.spent)
    }
}

/// Inflates a zlib stream up to `cap` bytes; one byte more is returned if there is more, so that
/// the caller sees the excess. `None` if the stream is damaged.
fn inflate(compressed: &[u8], cap: u64) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(compressed)
        .take(cap.saturating_add(1))
        .read_to_end(&mut plain)
        .ok()?;
    Some(plain)
}
