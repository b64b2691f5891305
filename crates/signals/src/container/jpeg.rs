//! JPEG (ITU-T T.81) segments, with EXIF, XMP (and its extension) and IPTC-IIM.

use crate::bytes::{be16, be32, clamped, slice, text};
use crate::entry::{Collected, Origin};
use crate::xmp::XMP_NOTE;
use crate::{exif, iim, xmp};

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

/// A part of an extended XMP packet (XMP specification, part 3, 1.1.3.1).
struct Part<'b> {
    guid: &'b [u8],
    offset: usize,
    data: &'b [u8],
}

/// Reads every segment; returns where the picture ends.
pub(super) fn read(bytes: &[u8], out: &mut Collected<'_>) -> usize {
    let mut parts = Vec::new();
    let mut at = 2;
    let mut end = bytes.len();
    while out.step("JPEG") {
        let Some(marker) = next_marker(bytes, &mut at) else {
            out.problem("JPEG", "truncated");
            break;
        };
        if marker == 0xd9 {
            end = at;
            break;
        }
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            continue;
        }
        let Some(length) = be16(bytes, at).filter(|length| *length >= 2) else {
            out.problem("JPEG", "truncated");
            break;
        };
        let data = clamped(bytes, at + 2, usize::from(length) - 2);
        segment(marker, data, &mut parts, out);
        at = (at + usize::from(length)).min(bytes.len());
        if marker == 0xda {
            skip_scan(bytes, &mut at);
        }
    }
    extended(parts, out);
    end
}

/// The next marker's second byte; `at` goes past it. Fill bytes and stray bytes are passed over.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        *at += memchr::memchr(0xff, bytes.get(*at..)?)? + 1;
        match bytes.get(*at)? {
            0 | 0xff => {}
            marker => {
                *at += 1;
                return Some(*marker);
            }
        }
    }
}

/// Passes over entropy-coded data: it ends before the next marker that is not a restart.
fn skip_scan(bytes: &[u8], at: &mut usize) {
    while let Some(found) = memchr::memchr(0xff, bytes.get(*at..).unwrap_or_default()) {
        *at += found;
        match bytes.get(*at + 1) {
            Some(0 | 0xd0..=0xd7) => *at += 2,
            Some(0xff) => *at += 1,
            _ => return,
        }
    }
    *at = bytes.len();
}

fn segment<'b>(marker: u8, data: &'b [u8], parts: &mut Vec<Part<'b>>, out: &mut Collected<'_>) {
    match marker {
        0xe1 if data.starts_with(b"Exif\0") => exif::read(data, "JPEG", out),
        0xe1 if data.starts_with(XMP) => xmp::read(&data[XMP.len()..], "JPEG", out),
        0xe1 if data.starts_with(EXTENDED) => {
            let rest = &data[EXTENDED.len()..];
            let (Some(guid), Some(offset)) = (slice(rest, 0, 32), be32(rest, 36)) else {
                return;
            };
            if parts.len() < out.limits.pieces {
                parts.push(Part {
                    guid,
                    offset: offset as usize,
                    data: &rest[40..],
                });
            }
        }
        0xed if data.starts_with(PHOTOSHOP) => {
            iim::read_resources(&data[PHOTOSHOP.len()..], "JPEG", out);
        }
        0xfe => {
            if let Some(data) = out.admit("JPEG comment", data) {
                let comment = text(data).trim_end_matches('\0').to_owned();
                out.entry(
                    Origin::Comment,
                    "Comment",
                    comment,
                    "JPEG comment".to_owned(),
                );
            }
        }
        // Labels stand bare in segments of any number.
        0xe0..=0xef if memchr::memmem::find(&data[..data.len().min(200)], b"AIGC").is_some() => {
            let place = format!("JPEG APP{}", marker & 0x0f);
            if let Some(data) = out.admit(&place, data) {
                out.entry(
                    Origin::Segment,
                    "AIGC",
                    text(data).replace('\0', " "),
                    place,
                );
            }
        }
        _ => {}
    }
}

/// Puts the parts together that the main packet names, or all of the first name when it names none.
fn extended(mut parts: Vec<Part<'_>>, out: &mut Collected<'_>) {
    let named = out
        .find_xmp(XMP_NOTE, "HasExtendedXMP")
        .map(|entry| entry.value.clone().into_bytes());
    let Some(guid) = named.or_else(|| parts.first().map(|part| part.guid.to_vec())) else {
        return;
    };
    parts.retain(|part| part.guid.eq_ignore_ascii_case(&guid));
    parts.sort_by_key(|part| part.offset);
    let mut packet = Vec::new();
    for part in parts {
        if part.offset != packet.len() || packet.len() > out.room() {
            out.problem("JPEG extended XMP", "truncated");
            break;
        }
        packet.extend_from_slice(part.data);
    }
    if !packet.is_empty() {
        xmp::read(&packet, "JPEG extended", out);
    }
}
