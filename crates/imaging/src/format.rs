//! Picture formats, and telling them by content alone.

use std::fmt;

use crate::ImagingError;

/// A picture format that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Portable Network Graphics, W3C PNG third edition.
    Png,
    /// JPEG, ITU-T T.81, in a JFIF or Exif file.
    Jpeg,
    /// WebP, RFC 9649.
    WebP,
    /// `GIF87a` and `GIF89a`; decoded only.
    Gif,
    /// Windows bitmap; decoded only.
    Bmp,
}

impl Format {
    /// The media type.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
        }
    }

    /// The usual file extension, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
        }
    }

    /// The format that a file extension (without the dot, any case) asks for.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" | "apng" => Some(Self::Png),
            "jpg" | "jpeg" | "jpe" | "jfif" => Some(Self::Jpeg),
            "webp" => Some(Self::WebP),
            "gif" => Some(Self::Gif),
            "bmp" | "dib" => Some(Self::Bmp),
            _ => None,
        }
    }

    /// Whether [`crate::encode`] writes this format.
    #[must_use]
    pub fn can_encode(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::WebP)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        })
    }
}

const EXPORT: &str = "export it as PNG, JPEG or WebP first";
const RENDER: &str = "render it to PNG first";
const FRAME: &str = "export a frame as PNG or JPEG first";
const UNPACK: &str = "unpack it and give the picture inside";

/// Kinds refused by name: signature at offset 0, name, advice.
const REFUSED: &[(&[u8], &str, &str)] = &[
    (b"II*\0", "a TIFF picture", EXPORT),
    (b"MM\0*", "a TIFF picture", EXPORT),
    (b"II+\0", "a BigTIFF picture", EXPORT),
    (b"MM\0+", "a BigTIFF picture", EXPORT),
    (b"IIU\0", "a Panasonic raw picture", EXPORT),
    (b"%PDF", "a PDF document", RENDER),
    (b"%!PS", "a PostScript document", RENDER),
    (b"8BPS", "a Photoshop document", EXPORT),
    (b"\xff\x0a", "a JPEG XL picture", EXPORT),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture", EXPORT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", EXPORT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", EXPORT),
    (b"v/1\x01", "an OpenEXR picture", EXPORT),
    (b"#?RADIANCE", "a Radiance HDR picture", EXPORT),
    (b"qoif", "a QOI picture", EXPORT),
    (b"DDS ", "a DDS texture", EXPORT),
    (b"\0\0\x01\0", "a Windows icon", EXPORT),
    (b"P1\n", "a PNM picture", EXPORT),
    (b"P2\n", "a PNM picture", EXPORT),
    (b"P3\n", "a PNM picture", EXPORT),
    (b"P4\n", "a PNM picture", EXPORT),
    (b"P5\n", "a PNM picture", EXPORT),
    (b"P6\n", "a PNM picture", EXPORT),
    (b"\x8aMNG", "an MNG animation", FRAME),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video", FRAME),
    (b"\0\0\x01\xba", "an MPEG video", FRAME),
    (b"\0\0\x01\xb3", "an MPEG video", FRAME),
    (b"FLV\x01", "a Flash video", FRAME),
    (b"OggS", "an Ogg video or sound", FRAME),
    (b"PK\x03\x04", "a ZIP archive or office document", UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", UNPACK),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
];

/// Tells the format by the first bytes; names and media types are never looked at.
///
/// # Errors
/// [`ImagingError::Empty`]; [`ImagingError::Unsupported`] for kinds refused by name (TIFF, PDF,
/// SVG, video, HEIC, AVIF, JPEG XL, archives and more); [`ImagingError::Truncated`] for a bare
/// signature's beginning; [`ImagingError::Unknown`] for the rest.
pub fn sniff(bytes: &[u8]) -> Result<Format, ImagingError> {
    if bytes.is_empty() {
        return Err(ImagingError::Empty);
    }
    if let Some(format) = decodable(bytes) {
        return Ok(format);
    }
    if let Some((_, found, advice)) = REFUSED.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Err(ImagingError::Unsupported { found, advice });
    }
    if let Some((found, advice)) = refused_by_structure(bytes) {
        return Err(ImagingError::Unsupported { found, advice });
    }
    // Fewer bytes than the shortest signature, but the beginning of one.
    for (magic, format) in [
        (&PNG_SIGNATURE[..], Format::Png),
        (&[0xff, 0xd8, 0xff][..], Format::Jpeg),
        (b"GIF89a", Format::Gif),
        (b"GIF87a", Format::Gif),
    ] {
        if bytes.len() > 1 && magic.starts_with(bytes) {
            return Err(ImagingError::Truncated { format });
        }
    }
    Err(ImagingError::Unknown)
}

/// The eight bytes every PNG begins with (W3C PNG 5.2).
pub(crate) const PNG_SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

fn decodable(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(&PNG_SIGNATURE) {
        return Some(Format::Png);
    }
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return Some(Format::Jpeg);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(Format::WebP);
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        return Some(Format::Gif);
    }
    // Two letters are a weak signature: ask for a known header size as well.
    if bytes.starts_with(b"BM")
        && matches!(
            bytes.get(14..18),
            Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])
        )
    {
        return Some(Format::Bmp);
    }
    None
}

/// Kinds whose signature does not stand at offset 0.
fn refused_by_structure(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if bytes.starts_with(b"RIFF") {
        return match bytes.get(8..12) {
            Some(b"AVI ") => Some(("an AVI video", FRAME)),
            Some(b"WAVE") => Some(("a WAV sound", "give a picture")),
            _ => None,
        };
    }
    match bytes.get(4..8) {
        Some(b"ftyp") => {
            return Some(match bytes.get(8..12) {
                Some(b"avif" | b"avis") => ("an AVIF picture", EXPORT),
                Some(
                    b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1",
                ) => ("a HEIC picture", EXPORT),
                Some(b"crx ") => ("a Canon raw picture", EXPORT),
                Some(b"M4A " | b"M4B ") => ("an MPEG-4 sound", "give a picture"),
                _ => ("an MP4 or QuickTime video", FRAME),
            });
        }
        Some(b"moov" | b"mdat" | b"wide") => return Some(("a QuickTime video", FRAME)),
        Some(b"jumb") => return Some(("a C2PA manifest without its picture", "give the picture")),
        _ => {}
    }
    let head = &bytes[..bytes.len().min(4096)];
    let text = head.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.starts_with(b"<") {
        let holds = |needle: &[u8]| {
            text.windows(needle.len())
                .any(|window| window.eq_ignore_ascii_case(needle))
        };
        if holds(b"<svg") {
            return Some(("an SVG drawing", RENDER));
        }
        if holds(b"<html") || holds(b"<!doctype html") {
            return Some(("a web page", "download the picture itself"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_by_content() {
        let bmp = [b"BM\0\0\0\0\0\0\0\0\0\0\0\0".as_slice(), &[40, 0, 0, 0]].concat();
        for (bytes, format) in [
            (&PNG_SIGNATURE[..], Format::Png),
            (&[0xff, 0xd8, 0xff, 0xe0], Format::Jpeg),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Format::WebP),
            (b"GIF87a", Format::Gif),
            (b"GIF89a", Format::Gif),
            (&bmp, Format::Bmp),
        ] {
            assert_eq!(sniff(bytes).unwrap(), format);
            assert_eq!(Format::from_extension(format.extension()), Some(format));
        }
    }

    #[test]
    fn other_kinds_are_refused_by_name() {
        for (bytes, word) in [
            (b"II*\0\x08\0\0\0".as_slice(), "TIFF"),
            (b"MM\0*\0\0\0\x08", "TIFF"),
            (b"%PDF-1.7", "PDF"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x --><SVG>", "SVG"),
            (b"<!DOCTYPE html><title>404</title>", "web page"),
            (b"\0\0\0\x20ftypisom\0\0\x02\0", "video"),
            (b"\0\0\0\x20ftypqt  \0\0\x02\0", "video"),
            (b"\0\0\0\x20ftypheic\0\0\0\0", "HEIC"),
            (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
            (b"RIFF\0\0\0\0AVI LIST", "AVI"),
            (b"\x1a\x45\xdf\xa3\x01", "WebM"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
            (b"\xff\x0a\xfa", "JPEG XL"),
            (b"PK\x03\x04\x14", "ZIP"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"\0\0\0\x20jumb\0\0", "C2PA"),
        ] {
            let error = sniff(bytes).unwrap_err();
            assert_eq!(error.fault(), crate::Fault::Unsupported);
            assert!(error.to_string().contains(word), "{error} names no {word}");
        }
    }

    #[test]
    fn nothing_and_noise() {
        assert!(matches!(sniff(b""), Err(ImagingError::Empty)));
        assert!(matches!(sniff(b"hello"), Err(ImagingError::Unknown)));
        assert!(matches!(
            sniff(b"BMW is no bitmap....."),
            Err(ImagingError::Unknown)
        ));
        assert!(matches!(
            sniff(b"\x89PNG"),
            Err(ImagingError::Truncated {
                format: Format::Png
            })
        ));
    }
}
