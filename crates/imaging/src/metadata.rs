//! What a file says about its picture, kept as bytes so that it goes out as it came in.

/// Metadata carried from the input to the output. C2PA manifests are never part of it: a manifest
/// binds the bytes of one file, so the caller signs anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// ICC profile, inflated.
    pub icc: Option<Vec<u8>>,
    /// EXIF block from its TIFF header on, without the `Exif\0\0` of JPEG.
    pub exif: Option<Vec<u8>>,
    /// XMP packet, UTF-8 RDF/XML. Extended XMP is not read.
    pub xmp: Option<Vec<u8>>,
    /// Photoshop image resources of JPEG APP13 (IPTC-IIM within), without `Photoshop 3.0\0`.
    pub iptc: Option<Vec<u8>>,
    /// JPEG comments, in order.
    pub comments: Vec<Vec<u8>>,
    /// Pixel density of JFIF, PNG `pHYs` or BMP.
    pub density: Option<Density>,
    /// PNG text and colour chunks (`tEXt zTXt iTXt gAMA cHRM sRGB cICP mDCV cLLI`), in order.
    /// Written to PNG only: the other formats have no place for them.
    pub png_chunks: Vec<PngChunk>,
}

/// Pixel density, horizontal and vertical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Density {
    /// Horizontal pixels per unit.
    pub x: u32,
    /// Vertical pixels per unit.
    pub y: u32,
    /// The unit.
    pub unit: DensityUnit,
}

/// The unit of a [`Density`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DensityUnit {
    /// Only the ratio of x to y has a meaning.
    AspectRatio,
    /// Pixels per inch.
    Inch,
    /// Pixels per centimetre.
    Centimetre,
    /// Pixels per metre.
    Metre,
}

/// One PNG chunk as it stood in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PngChunk {
    /// Chunk type.
    pub kind: [u8; 4],
    /// Chunk data, without length and CRC.
    pub data: Vec<u8>,
}

impl Density {
    /// For JFIF, which counts in inches or centimetres with 16 bits; `None` if it does not fit.
    pub(crate) fn to_jfif(self) -> Option<(DensityUnit, u16, u16)> {
        // 11811 per metre is 300 per inch rounded; the inch gives the round figure back.
        let per_inch = |v: u32| (f64::from(v) * 0.0254).round() as u32;
        let (unit, x, y) = match self.unit {
            DensityUnit::Metre => (DensityUnit::Inch, per_inch(self.x), per_inch(self.y)),
            unit => (unit, self.x, self.y),
        };
        let x = u16::try_from(x).ok().filter(|v| *v > 0)?;
        let y = u16::try_from(y).ok().filter(|v| *v > 0)?;
        Some((unit, x, y))
    }

    /// For PNG `pHYs`: x, y, unit code (1 = metre, 0 = unknown).
    pub(crate) fn to_phys(self) -> (u32, u32, u8) {
        let metre = |v: u32| match self.unit {
            DensityUnit::Inch => (f64::from(v) / 0.0254).round() as u32,
            DensityUnit::Centimetre => v.saturating_mul(100),
            DensityUnit::AspectRatio | DensityUnit::Metre => v,
        };
        let code = u8::from(self.unit != DensityUnit::AspectRatio);
        (metre(self.x), metre(self.y), code)
    }
}

/// Whether an ICC profile describes pictures of this many colour channels (1 or 3).
///
/// The data colour space stands at bytes 16..20 of the header (ICC.1:2022, 7.2.6). A profile that
/// does not fit would shift the colours or be refused by readers.
pub(crate) fn icc_fits(icc: &[u8], gray: bool) -> bool {
    icc.get(16..20) == Some(if gray { b"GRAY" } else { b"RGB " })
}
