//! EXIF 3.0 and TIFF 6.0 directories: the first one, the EXIF directory, and whether there is a GPS one.

use crate::bytes::{be16, be32, c_text, clamped, le16, le32, slice, text, utf16, utf16_guessed};
use crate::entry::{Collected, Origin};
use crate::{iim, xmp};

const EXIF_IFD: u16 = 0x8769;
const GPS_IFD: u16 = 0x8825;
const XMP: u16 = 0x02bc;
const IIM: u16 = 0x83bb;
const PHOTOSHOP: u16 = 0x8649;
const USER_COMMENT: u16 = 0x9286;
const MAKER_NOTE: u16 = 0x927c;
/// Windows' text tags, UTF-16: `XPTitle` to `XPSubject`.
const XP: std::ops::RangeInclusive<u16> = 0x9c9b..=0x9c9f;

/// Name of a tag, as far as we look at it.
fn name(tag: u16) -> Option<&'static str> {
    Some(match tag {
        0x000b => "ProcessingSoftware",
        0x010e => "ImageDescription",
        0x010f => "Make",
        0x0110 => "Model",
        0x0131 => "Software",
        0x0132 => "DateTime",
        0x013b => "Artist",
        0x829a => "ExposureTime",
        0x829d => "FNumber",
        0x8298 => "Copyright",
        0x8827 => "ISO",
        0x9003 => "DateTimeOriginal",
        0x9004 => "DateTimeDigitized",
        0x9010 => "OffsetTime",
        0x9011 => "OffsetTimeOriginal",
        0x9012 => "OffsetTimeDigitized",
        0x9209 => "Flash",
        0x920a => "FocalLength",
        MAKER_NOTE => "MakerNote",
        USER_COMMENT => "UserComment",
        0x9c9b => "XPTitle",
        0x9c9c => "XPComment",
        0x9c9d => "XPAuthor",
        0x9c9e => "XPKeywords",
        0x9c9f => "XPSubject",
        0xa420 => "ImageUniqueID",
        0xa430 => "CameraOwnerName",
        0xa431 => "BodySerialNumber",
        0xa433 => "LensMake",
        0xa434 => "LensModel",
        0xa436 => "ImageTitle",
        0xa437 => "Photographer",
        0xa43a => "CameraFirmware",
        _ => return None,
    })
}

/// Reads an EXIF block, with or without the `Exif\0\0` that JPEG puts before it.
pub(crate) fn read(block: &[u8], container: &str, out: &mut Collected<'_>) {
    let place = format!("{container} EXIF");
    let Some(block) = out.admit(&place, block) else {
        return;
    };
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    read_tiff(block, container, out);
}

/// Reads the directories of a TIFF structure; `tiff` may be a whole TIFF file.
pub(crate) fn read_tiff(tiff: &[u8], container: &str, out: &mut Collected<'_>) {
    let big_endian = match tiff.get(..4) {
        Some([b'I', b'I', 42 | 43 | 0x52 | 0x55, 0]) => false,
        Some([b'M', b'M', 0, 42 | 43]) => true,
        _ => {
            out.problem(&format!("{container} EXIF"), "exif-malformed");
            return;
        }
    };
    let tiff = Tiff {
        bytes: tiff,
        big_endian,
        container,
    };
    let mut found = Pointers::default();
    if let Some(first) = tiff.u32(4) {
        tiff.directory(first as usize, &mut found, out);
    }
    // A directory that points at itself or back at the first one is not read twice: only the first may point.
    if let Some(exif) = found.exif.filter(|exif| Some(*exif) != tiff.u32(4)) {
        tiff.directory(exif as usize, &mut Pointers::default(), out);
    }
    if found.gps {
        out.entry(
            Origin::Exif,
            "GPS",
            "present".to_owned(),
            format!("{container} EXIF GPS"),
        );
    }
}

#[derive(Default)]
struct Pointers {
    exif: Option<u32>,
    gps: bool,
}

struct Tiff<'b, 'c> {
    bytes: &'b [u8],
    big_endian: bool,
    container: &'c str,
}

/// An entry's type, count and bytes.
struct Value<'b> {
    kind: u16,
    bytes: &'b [u8],
}

impl<'b> Tiff<'b, '_> {
    fn u16(&self, at: usize) -> Option<u16> {
        if self.big_endian {
            be16(self.bytes, at)
        } else {
            le16(self.bytes, at)
        }
    }

    fn u32(&self, at: usize) -> Option<u32> {
        if self.big_endian {
            be32(self.bytes, at)
        } else {
            le32(self.bytes, at)
        }
    }

    fn directory(&self, at: usize, found: &mut Pointers, out: &mut Collected<'_>) {
        let place = format!("{} EXIF", self.container);
        let Some(count) = self.u16(at) else {
            out.problem(&place, "truncated");
            return;
        };
        for index in 0..usize::from(count) {
            if out.exif_entries == 0 {
                out.problem(&place, "limit");
                return;
            }
            out.exif_entries -= 1;
            let entry = at.saturating_add(2 + 12 * index);
            let (Some(tag), Some(value)) = (self.u16(entry), self.value(entry)) else {
                if self.bytes.len() < entry.saturating_add(12) {
                    out.problem(&place, "truncated");
                    return;
                }
                continue;
            };
            self.entry(tag, &value, found, out);
        }
    }

    fn value(&self, entry: usize) -> Option<Value<'b>> {
        let kind = self.u16(entry + 2)?;
        let size = match kind {
            1 | 2 | 6 | 7 | 129 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = size * self.u32(entry + 4)? as usize;
        let bytes = if length <= 4 {
            slice(self.bytes, entry + 8, length)?
        } else {
            // A text that overshoots is read as far as it goes.
            clamped(self.bytes, self.u32(entry + 8)? as usize, length)
        };
        Some(Value { kind, bytes })
    }

    fn entry(&self, tag: u16, value: &Value<'b>, found: &mut Pointers, out: &mut Collected<'_>) {
        let container = self.container;
        match tag {
            EXIF_IFD => found.exif = self.number(value),
            GPS_IFD => {
                found.gps = self
                    .number(value)
                    .is_some_and(|at| self.u16(at as usize).unwrap_or(0) > 1);
            }
            XMP => xmp::read(value.bytes, container, out),
            IIM => iim::read(value.bytes, container, out),
            PHOTOSHOP => iim::read_resources(value.bytes, container, out),
            _ => {
                let Some(key) = name(tag) else {
                    return;
                };
                let place = format!("{container} EXIF {key}");
                let room = out.room();
                let bytes = &value.bytes[..value.bytes.len().min(room)];
                let text = match tag {
                    USER_COMMENT => self.comment(bytes),
                    MAKER_NOTE => maker_note(bytes),
                    _ if XP.contains(&tag) => utf16(bytes, false).trim_end_matches('\0').to_owned(),
                    _ => self.plain(&Value {
                        kind: value.kind,
                        bytes,
                    }),
                };
                if bytes.len() > 64 && out.admit(&place, bytes).is_none() {
                    return;
                }
                out.entry(Origin::Exif, key, text, place);
            }
        }
    }

    fn number(&self, value: &Value<'_>) -> Option<u32> {
        let tiff = Tiff {
            bytes: value.bytes,
            ..*self
        };
        match value.kind {
            3 => tiff.u16(0).map(u32::from),
            4 | 13 => tiff.u32(0),
            _ => None,
        }
    }

    fn plain(&self, value: &Value<'_>) -> String {
        let parts = Tiff {
            bytes: value.bytes,
            ..*self
        };
        match value.kind {
            5 | 10 => match (parts.u32(0), parts.u32(4)) {
                (Some(above), Some(below)) if below != 0 => {
                    (f64::from(above) / f64::from(below)).to_string()
                }
                _ => String::new(),
            },
            3 | 4 | 13 => self
                .number(value)
                .map(|number| number.to_string())
                .unwrap_or_default(),
            _ => c_text(value.bytes),
        }
    }

    /// `UserComment`: eight bytes that name the character code, then the text. Many writers leave the
    /// eight bytes out or mean another code than they name.
    fn comment(&self, bytes: &[u8]) -> String {
        let (code, rest) = bytes.split_at(bytes.len().min(8));
        let decoded = match code {
            b"UNICODE\0" => utf16_guessed(rest, self.big_endian),
            b"ASCII\0\0\0" | b"JIS\0\0\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] => text(rest),
            _ => text(bytes),
        };
        decoded
            .trim_matches(|c: char| c == '\0' || c.is_whitespace())
            .to_owned()
    }
}

/// A maker note is binary, except where a program keeps a word in it.
fn maker_note(bytes: &[u8]) -> String {
    const LONGEST: usize = 64;
    if bytes.len() > LONGEST {
        return String::new();
    }
    let text = c_text(bytes);
    let word = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if word { text } else { String::new() }
}
