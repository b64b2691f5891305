//! The decoded picture and the arithmetic on its samples.

use crate::xmp::{self, ProvenanceXmp};
use crate::{ChromaSubsampling, Format, ImagingError, Metadata};

/// What the interleaved samples of one pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Gray.
    Gray,
    /// Gray, alpha.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
}

impl Channels {
    /// Samples per pixel, 1..=4.
    #[must_use]
    pub fn count(self) -> usize {
        self.colours() + usize::from(self.has_alpha())
    }

    /// Colour samples per pixel, 1 or 3.
    #[must_use]
    pub fn colours(self) -> usize {
        if self.is_gray() { 1 } else { 3 }
    }

    /// Whether the last sample is alpha (not premultiplied).
    #[must_use]
    pub fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    /// Whether there is one colour sample only.
    #[must_use]
    pub fn is_gray(self) -> bool {
        matches!(self, Self::Gray | Self::GrayAlpha)
    }

    fn without_alpha(self) -> Self {
        if self.is_gray() {
            Self::Gray
        } else {
            Self::Rgb
        }
    }
}

/// Interleaved samples, row by row from the top left, in the encoding of the file (gamma kept).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits a sample, 0..=255.
    U8(Vec<u8>),
    /// 16 bits a sample, 0..=65535.
    U16(Vec<u16>),
}

impl Samples {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::U8(samples) => samples.len(),
            Self::U16(samples) => samples.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An upright picture with what its file said about it.
#[derive(Clone, Debug)]
pub struct Picture {
    width: u32,
    height: u32,
    channels: Channels,
    samples: Samples,
    pub(crate) origin: Origin,
    /// Carried to the output by [`crate::encode`].
    pub metadata: Metadata,
}

/// Where a picture came from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub format: Format,
    pub frames: u32,
    pub cmyk: bool,
    pub lossless: bool,
    pub jpeg_quality: Option<u8>,
    pub chroma: Option<ChromaSubsampling>,
}

impl Picture {
    /// A picture from samples made in memory; it counts as a lossless PNG without metadata.
    ///
    /// # Errors
    /// [`ImagingError::Parameter`] unless `samples` holds width * height * channels values and
    /// there is at least one pixel.
    pub fn new(
        width: u32,
        height: u32,
        channels: Channels,
        samples: Samples,
    ) -> Result<Self, ImagingError> {
        let expected = u128::from(width) * u128::from(height) * channels.count() as u128;
        if expected == 0 || expected != samples.len() as u128 {
            return Err(ImagingError::Parameter(format!(
                "a {width} x {height} picture needs {expected} samples (at least one), not {}",
                samples.len()
            )));
        }
        Ok(Self {
            width,
            height,
            channels,
            samples,
            origin: Origin {
                format: Format::Png,
                frames: 1,
                cmyk: false,
                lossless: true,
                jpeg_quality: None,
                chroma: None,
            },
            metadata: Metadata::default(),
        })
    }

    /// Width in pixels, as seen upright.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, as seen upright.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The layout of the samples.
    #[must_use]
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The format of the file.
    #[must_use]
    pub fn source_format(&self) -> Format {
        self.origin.format
    }

    /// Frames in the file; only the first is here.
    #[must_use]
    pub fn frames_hint(&self) -> u32 {
        self.origin.frames
    }

    /// Whether the file was a CMYK or YCCK JPEG. Its RGB values here are a rough conversion,
    /// good for looking at, not for printing or issuing.
    #[must_use]
    pub fn is_cmyk(&self) -> bool {
        self.origin.cmyk
    }

    /// Whether the file's coding loses nothing (PNG, GIF, BMP, lossless WebP).
    #[must_use]
    pub fn is_lossless_source(&self) -> bool {
        self.origin.lossless
    }

    /// The estimated IJG quality, 1..=100, of a JPEG file.
    #[must_use]
    pub fn source_jpeg_quality(&self) -> Option<u8> {
        self.origin.jpeg_quality
    }

    /// The chroma subsampling of a lossy colour file; the finer one for kinds between the two.
    #[must_use]
    pub fn source_chroma(&self) -> Option<ChromaSubsampling> {
        self.origin.chroma
    }

    /// Rec.601 luma of the encoded R'G'B' (ITU-R BT.601-7, 2.5.1), row-major, 0..=255.
    /// Transparent pixels count as seen on white.
    #[must_use]
    pub fn luma(&self) -> Vec<f32> {
        match &self.samples {
            Samples::U8(samples) => luma(samples, self.channels),
            Samples::U16(samples) => luma(samples, self.channels),
        }
    }

    /// Adds `delta` (one value a pixel, row-major, in units of 0..=255) to every colour sample,
    /// rounded to the sample depth and clamped. Alpha and fully transparent pixels stay.
    ///
    /// # Errors
    /// [`ImagingError::Parameter`] if the number of values is not the number of pixels or one is
    /// not finite; the picture is then unchanged.
    pub fn add_luma_delta(&mut self, delta: &[f32]) -> Result<(), ImagingError> {
        let pixels = self.samples.len() / self.channels.count();
        if delta.len() != pixels || !delta.iter().all(|d| d.is_finite()) {
            return Err(ImagingError::Parameter(format!(
                "the change needs one finite value for each of {pixels} pixels"
            )));
        }
        match &mut self.samples {
            Samples::U8(samples) => add_delta(samples, self.channels, delta),
            Samples::U16(samples) => add_delta(samples, self.channels, delta),
        }
        Ok(())
    }

    /// Peak signal-to-noise ratio over the colour samples, dB; infinite for equal pictures.
    ///
    /// # Errors
    /// [`ImagingError::Parameter`] if size, channels or depth differ.
    pub fn psnr(&self, other: &Self) -> Result<f64, ImagingError> {
        if (self.width, self.height, self.channels) == (other.width, other.height, other.channels) {
            match (&self.samples, &other.samples) {
                (Samples::U8(a), Samples::U8(b)) => return Ok(psnr(a, b, self.channels)),
                (Samples::U16(a), Samples::U16(b)) => return Ok(psnr(a, b, self.channels)),
                _ => {}
            }
        }
        Err(ImagingError::Parameter(
            "only pictures of one size, kind and depth can be compared".into(),
        ))
    }

    /// Interleaved 8-bit RGB, as seen on white.
    #[must_use]
    pub fn to_rgb8(&self) -> Vec<u8> {
        match &self.samples {
            Samples::U8(samples) => rgb8(samples, self.channels),
            Samples::U16(samples) => rgb8(samples, self.channels),
        }
    }

    /// The rectangle with its top left corner at (`x`, `y`), pixels; metadata goes along.
    ///
    /// # Errors
    /// [`ImagingError::Parameter`] if it is empty or reaches outside.
    pub fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Result<Self, ImagingError> {
        let inside = |start: u32, length: u32, whole: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= whole)
        };
        if !inside(x, width, self.width) || !inside(y, height, self.height) {
            return Err(ImagingError::Parameter(format!(
                "{width} x {height} pixels at ({x}, {y}) are not within {} x {}",
                self.width, self.height
            )));
        }
        let count = self.channels.count();
        let row = self.width as usize * count;
        let left = x as usize * count;
        let cut = left..left + width as usize * count;
        let rows = y as usize..(y + height) as usize;
        let samples = match &self.samples {
            Samples::U8(all) => Samples::U8(crop(all, row, rows, &cut)),
            Samples::U16(all) => Samples::U16(crop(all, row, rows, &cut)),
        };
        Ok(Self {
            width,
            height,
            channels: self.channels,
            samples,
            origin: self.origin.clone(),
            metadata: self.metadata.clone(),
        })
    }

    /// Writes the IPTC properties into the XMP packet, keeping its other properties; a packet that
    /// is missing or cannot be parsed is replaced by a new one.
    pub fn set_provenance_xmp(&mut self, provenance: &ProvenanceXmp) {
        self.metadata.xmp = Some(xmp::merge(self.metadata.xmp.as_deref(), provenance));
    }

    /// Removes what is said about the picture (EXIF, XMP, IPTC, comments, text), and keeps what
    /// its colours and size need (profile, colour chunks, density).
    pub fn strip_metadata(&mut self) {
        let metadata = &mut self.metadata;
        metadata.exif = None;
        metadata.xmp = None;
        metadata.iptc = None;
        metadata.comments.clear();
        metadata.png_chunks.retain(|chunk| {
            let text = [*b"tEXt", *b"zTXt", *b"iTXt"];
            !text.contains(&chunk.kind)
        });
    }

    /// Whether no pixel is transparent.
    pub(crate) fn is_opaque(&self) -> bool {
        match &self.samples {
            Samples::U8(samples) => is_opaque(samples, self.channels),
            Samples::U16(samples) => is_opaque(samples, self.channels),
        }
    }

    /// Forgets the alpha channel, keeping the colours as they are.
    pub(crate) fn drop_alpha(&mut self) {
        if self.channels.has_alpha() {
            match &mut self.samples {
                Samples::U8(samples) => drop_last(samples, self.channels.count()),
                Samples::U16(samples) => drop_last(samples, self.channels.count()),
            }
            self.channels = self.channels.without_alpha();
        }
    }

    /// Turns the pixels as EXIF `orientation` (1..=8) asks for.
    pub(crate) fn turn(&mut self, orientation: u8) {
        let (width, height) = (self.width as usize, self.height as usize);
        let count = self.channels.count();
        match &mut self.samples {
            Samples::U8(all) => *all = turned(all, width, height, count, orientation),
            Samples::U16(all) => *all = turned(all, width, height, count, orientation),
        }
        if orientation >= 5 {
            (self.width, self.height) = (self.height, self.width);
        }
    }
}

/// A sample depth.
trait Sample: Copy + Default + PartialEq {
    const MAX: f32;
    fn to_f32(self) -> f32;
    /// Rounds and clamps.
    fn from_f32(value: f32) -> Self;
}

impl Sample for u8 {
    const MAX: f32 = 255.0;
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    fn from_f32(value: f32) -> Self {
        value.round() as Self
    }
}

impl Sample for u16 {
    const MAX: f32 = 65535.0;
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    fn from_f32(value: f32) -> Self {
        value.round() as Self
    }
}

fn luma<T: Sample>(samples: &[T], channels: Channels) -> Vec<f32> {
    let scale = 255.0 / T::MAX;
    let colours = channels.colours();
    let pixels = samples.chunks_exact(channels.count());
    pixels
        .map(|pixel| {
            let y = if colours == 1 {
                pixel[0].to_f32()
            } else {
                0.299 * pixel[0].to_f32() + 0.587 * pixel[1].to_f32() + 0.114 * pixel[2].to_f32()
            };
            match pixel.get(colours) {
                Some(alpha) => on_white::<T>(y, *alpha) * scale,
                None => y * scale,
            }
        })
        .collect()
}

fn on_white<T: Sample>(value: f32, alpha: T) -> f32 {
    let alpha = alpha.to_f32() / T::MAX;
    value * alpha + T::MAX * (1.0 - alpha)
}

fn add_delta<T: Sample>(samples: &mut [T], channels: Channels, delta: &[f32]) {
    let scale = T::MAX / 255.0;
    let pixels = samples.chunks_exact_mut(channels.count());
    for (pixel, delta) in pixels.zip(delta) {
        let (colours, alpha) = pixel.split_at_mut(channels.colours());
        if alpha.first().is_some_and(|alpha| *alpha == T::default()) {
            continue;
        }
        for sample in colours {
            *sample = T::from_f32(sample.to_f32() + delta * scale);
        }
    }
}

fn psnr<T: Sample>(a: &[T], b: &[T], channels: Channels) -> f64 {
    let (count, colours) = (channels.count(), channels.colours());
    let squares: f64 = a
        .chunks_exact(count)
        .zip(b.chunks_exact(count))
        .flat_map(|(a, b)| a[..colours].iter().zip(&b[..colours]))
        .map(|(a, b)| f64::from(a.to_f32() - b.to_f32()).powi(2))
        .sum();
    let mean = squares / (a.len() / count * colours) as f64;
    10.0 * (f64::from(T::MAX).powi(2) / mean).log10()
}

fn rgb8<T: Sample>(samples: &[T], channels: Channels) -> Vec<u8> {
    let colours = channels.colours();
    let pixels = samples.chunks_exact(channels.count());
    pixels
        .flat_map(|pixel| {
            [0, 1, 2].map(|i| {
                let value = pixel[if colours == 1 { 0 } else { i }].to_f32();
                let seen = match pixel.get(colours) {
                    Some(alpha) => on_white::<T>(value, *alpha),
                    None => value,
                };
                u8::from_f32(seen * 255.0 / T::MAX)
            })
        })
        .collect()
}

fn crop<T: Sample>(
    all: &[T],
    row: usize,
    rows: std::ops::Range<usize>,
    cut: &std::ops::Range<usize>,
) -> Vec<T> {
    all[rows.start * row..rows.end * row]
        .chunks_exact(row)
        .flat_map(|line| &line[cut.clone()])
        .copied()
        .collect()
}

fn is_opaque<T: Sample>(samples: &[T], channels: Channels) -> bool {
    !channels.has_alpha()
        || samples
            .chunks_exact(channels.count())
            .all(|pixel| pixel[channels.colours()].to_f32() == T::MAX)
}

fn drop_last<T>(samples: &mut Vec<T>, count: usize) {
    let mut index = 0;
    samples.retain(|_| {
        index += 1;
        index % count != 0
    });
}

/// EXIF orientations (JEITA CP-3451, 4.6.4): where row 0 and column 0 of the stored picture lie.
fn turned<T: Sample>(
    all: &[T],
    width: usize,
    height: usize,
    count: usize,
    orientation: u8,
) -> Vec<T> {
    let (out_width, out_height) = if orientation >= 5 {
        (height, width)
    } else {
        (width, height)
    };
    let mut out = Vec::with_capacity(all.len());
    for y in 0..out_height {
        for x in 0..out_width {
            let (from_x, from_y) = match orientation {
                2 => (width - 1 - x, y),
                3 => (width - 1 - x, height - 1 - y),
                4 => (x, height - 1 - y),
                5 => (y, x),
                6 => (y, height - 1 - x),
                7 => (width - 1 - y, height - 1 - x),
                8 => (width - 1 - y, x),
                _ => (x, y),
            };
            let at = (from_y * width + from_x) * count;
            out.extend_from_slice(&all[at..at + count]);
        }
    }
    out
}

#[cfg(test)]
mod tests;
