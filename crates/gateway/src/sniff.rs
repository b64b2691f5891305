//! Kind and size of a picture by its first bytes. Whether its pixels can be decoded is found out
//! where it is issued.

use crate::answer::MediaType;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) media_type: MediaType,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Reads the header of a PNG, JPEG or WebP.
///
/// # Errors
/// What is wrong, to stand after "is no picture:".
pub(crate) fn header(bytes: &[u8]) -> Result<Header, String> {
    let (media_type, size) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (MediaType::Png, png(bytes))
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        (MediaType::Jpeg, jpeg(bytes))
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        (MediaType::WebP, webp(bytes))
    } else if bytes.is_empty() {
        return Err("it has no bytes".to_owned());
    } else {
        return Err(format!(
            "its bytes are {}, not those of a PNG, JPEG or WebP",
            kind(bytes)
        ));
    };
    match size {
        Some((width, height)) if width > 0 && height > 0 => Ok(Header {
            media_type,
            width,
            height,
        }),
        _ => Err(format!(
            "the header of its {media_type} is damaged or cut off"
        )),
    }
}

/// What else the bytes look like, for the message.
fn kind(bytes: &[u8]) -> &'static str {
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"<") {
        "a web page or SVG"
    } else if text.starts_with(b"{") {
        "JSON"
    } else if bytes.starts_with(b"GIF8") {
        "a GIF"
    } else if bytes.starts_with(b"PK") {
        "a ZIP archive"
    } else if bytes.get(4..8) == Some(b"ftyp") {
        "an AVIF, HEIF or video"
    } else {
        "something else"
    }
}

fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let size = bytes.get(16..24)?;
    (bytes.get(12..16)? == b"IHDR").then_some(())?;
    let (width, height) = size.split_at(4);
    Some((
        u32::from_be_bytes(width.try_into().ok()?),
        u32::from_be_bytes(height.try_into().ok()?),
    ))
}

/// Walks over the segments up to the first frame header.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        (*bytes.get(at)? == 0xff).then_some(())?;
        let marker = *bytes.get(at + 1)?;
        match marker {
            // Any number of filling bytes may stand before a marker.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xd9 | 0xda => return None,
            _ => {
                let length = usize::from(be16(bytes, at + 2)?);
                (length >= 2).then_some(())?;
                // SOF0 to SOF15 without DHT, JPG and DAC.
                if (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
                    let height = be16(bytes, at + 5)?;
                    let width = be16(bytes, at + 7)?;
                    return Some((u32::from(width), u32::from(height)));
                }
                at += 2 + length;
            }
        }
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let le = |at: usize, length: usize| {
        let part = bytes.get(at..at + length)?.iter().rev();
        Some(part.fold(0_u32, |value, &byte| (value << 8) | u32::from(byte)))
    };
    match bytes.get(12..16)? {
        b"VP8 " => {
            (bytes.get(23..26)? == b"\x9d\x01\x2a").then_some(())?;
            Some((le(26, 2)? & 0x3fff, le(28, 2)? & 0x3fff))
        }
        b"VP8L" => {
            (*bytes.get(20)? == 0x2f).then_some(())?;
            let packed = le(21, 4)?;
            Some(((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => Some((le(24, 3)? + 1, le(27, 3)? + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(bytes: &[u8]) -> (MediaType, u32, u32) {
        let header = header(bytes).unwrap();
        (header.media_type, header.width, header.height)
    }

    #[test]
    fn headers_of_all_kinds_are_read() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\0\0\0\x01\x80\x08\x02";
        assert_eq!(size(png), (MediaType::Png, 512, 384));
        let jpeg =
            b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc4\0\x03x\xff\xc2\0\x11\x08\x01\x80\x02\0\x03";
        assert_eq!(size(jpeg), (MediaType::Jpeg, 512, 384));
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\x30\x01\0\x9d\x01\x2a\0\x02\x80\x01";
        assert_eq!(size(lossy), (MediaType::WebP, 512, 384));
        let packed = (511_u32 | (383 << 14)).to_le_bytes();
        let lossless = [b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f".as_slice(), &packed].concat();
        assert_eq!(size(&lossless), (MediaType::WebP, 512, 384));
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x01\0\x7f\x01\0";
        assert_eq!(size(extended), (MediaType::WebP, 512, 384));
    }

    #[test]
    fn what_is_no_picture_is_named() {
        for (bytes, name) in [
            (b"".as_slice(), "no bytes"),
            (b" <html>", "web page"),
            (b"{\"error\":1}", "JSON"),
            (b"GIF89a", "GIF"),
            (b"PK\x03\x04", "ZIP"),
            (b"\0\0\0\x1cftypavif", "AVIF"),
            (b"\0\0\0\0", "something else"),
            (b"\x89PNG\r\n\x1a\n\0\0", "damaged"),
            (b"\xff\xd8\xff\xda\0\x02", "damaged"),
            (b"\xff\xd8\xff\xe0\0\0", "damaged"),
        ] {
            let error = header(bytes).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        let flat = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\0\0\0\x01\x80";
        assert!(header(flat).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_at_all_make_it_panic(
            start in prop::sample::select(vec![
                b"\x89PNG\r\n\x1a\n".as_slice(), b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 ",
                b"RIFF\0\0\0\0WEBPVP8L", b"RIFF\0\0\0\0WEBPVP8X", b"",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let _ = header(&[start, &rest].concat());
        }
    }
}
