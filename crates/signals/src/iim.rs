//! IPTC-IIM (version 4.2), and Photoshop's image resources that hold it.

use crate::bytes::{be16, be32, slice, text};
use crate::entry::{Collected, Origin};
use crate::{exif, xmp};

/// Name of a data set of record 2, as far as we look at it.
fn name(data_set: u8) -> Option<&'static str> {
    Some(match data_set {
        5 => "ObjectName",
        25 => "Keywords",
        40 => "SpecialInstructions",
        55 => "DateCreated",
        60 => "TimeCreated",
        62 => "DigitalCreationDate",
        63 => "DigitalCreationTime",
        65 => "OriginatingProgram",
        70 => "ProgramVersion",
        80 => "By-line",
        105 => "Headline",
        110 => "Credit",
        115 => "Source",
        116 => "CopyrightNotice",
        120 => "Caption",
        122 => "Writer",
        _ => return None,
    })
}

/// Reads data sets until something is not one.
pub(crate) fn read(bytes: &[u8], container: &str, out: &mut Collected<'_>) {
    let place = format!("{container} IPTC-IIM");
    let Some(bytes) = out.admit(&place, bytes) else {
        return;
    };
    let mut at = 0;
    while bytes.get(at) == Some(&0x1c) && out.step(&place) {
        let (Some(&record), Some(&data_set), Some(size)) =
            (bytes.get(at + 1), bytes.get(at + 2), be16(bytes, at + 3))
        else {
            break;
        };
        at += 5;
        let mut length = usize::from(size);
        if size & 0x8000 != 0 {
            // Extended: the size of the size.
            let digits = usize::from(size & 0x7fff);
            let Some(long) = slice(bytes, at, digits).filter(|_| digits <= 4) else {
                break;
            };
            length = long
                .iter()
                .fold(0, |all, byte| all << 8 | usize::from(*byte));
            at += digits;
        }
        let Some(value) = slice(bytes, at, length) else {
            out.problem(&place, "truncated");
            break;
        };
        if let (2, Some(key)) = (record, name(data_set)) {
            let value = text(value).trim_end_matches('\0').trim().to_owned();
            out.entry(Origin::Iim, key, value, format!("{container} IPTC {key}"));
        }
        at += length;
    }
}

/// Reads the image resources of Photoshop: `8BIM`, id, name, size, data.
pub(crate) fn read_resources(bytes: &[u8], container: &str, out: &mut Collected<'_>) {
    const IIM: u16 = 0x0404;
    const EXIF: u16 = 0x0422;
    const XMP: u16 = 0x0424;
    let mut at = 0;
    while slice(bytes, at, 4) == Some(b"8BIM") && out.step(container) {
        let (Some(id), Some(&name)) = (be16(bytes, at + 4), bytes.get(at + 6)) else {
            break;
        };
        // The name has a length byte, and both together an even size.
        let name_size = (usize::from(name) + 2) & !1;
        let Some(size) = be32(bytes, at + 6 + name_size) else {
            break;
        };
        at += 10 + name_size;
        let Some(data) = slice(bytes, at, size as usize) else {
            out.problem(container, "truncated");
            break;
        };
        match id {
            IIM => read(data, container, out),
            EXIF => exif::read(data, container, out),
            XMP => xmp::read(data, container, out),
            _ => {}
        }
        at += (data.len() + 1) & !1;
    }
}
