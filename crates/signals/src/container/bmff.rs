//! ISO base media files (ISO/IEC 14496-12): AVIF, HEIC, MP4, MOV, and the boxes of JPEG XL.

use super::{box_at, trailer};
use crate::bytes::{be16, be32, be64, slice, text, utf16};
use crate::entry::{Collected, Origin};
use crate::{exif, xmp};

/// Adobe's UUID for XMP.
const XMP_UUID: &[u8] = &[
    0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac,
];

/// Whether the file begins as one.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    matches!(
        slice(bytes, 4, 4),
        Some(b"ftyp" | b"JXL " | b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot")
    )
}

/// Reads every box; returns where the last one ends.
pub(super) fn read(bytes: &[u8], out: &mut Collected<'_>) -> usize {
    let container = match slice(bytes, 8, 4) {
        _ if slice(bytes, 4, 4) == Some(b"JXL ") => "JPEG XL",
        Some(b"avif" | b"avis") => "AVIF",
        Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" | b"heim" | b"heis") => "HEIC",
        _ => "MP4",
    };
    let mut at = 0;
    while let Some((kind, start, end)) = box_at(bytes, at) {
        // Only printable names are boxes; anything else follows the file's end.
        if !kind
            .iter()
            .all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | 0xa9))
            || !out.step(container)
        {
            return at;
        }
        if end > bytes.len() {
            out.problem(container, "truncated");
        }
        let end = end.min(bytes.len());
        let content = bytes.get(start..end).unwrap_or_default();
        match kind {
            b"meta" => items(bytes, content, container, out),
            b"moov" | b"udta" => inside(content, container, 1, out),
            b"uuid" => uuid(content, container, out),
            b"Exif" if container == "JPEG XL" => item_exif(content, container, out),
            b"xml " if container == "JPEG XL" => xmp::read(content, container, out),
            b"brob" if container == "JPEG XL" => out.problem(container, "compressed-unread"),
            b"sefd" => trailer::samsung(content, out),
            _ => {}
        }
        at = end;
        if at >= bytes.len() {
            return at;
        }
    }
    at
}

fn uuid(content: &[u8], container: &str, out: &mut Collected<'_>) {
    if let Some(packet) = content.strip_prefix(XMP_UUID) {
        xmp::read(packet, container, out);
    }
}

/// `moov` and `udta`, and what tracks hold.
fn inside(content: &[u8], container: &str, depth: usize, out: &mut Collected<'_>) {
    if depth > out.limits.box_depth {
        out.problem(container, "limit");
        return;
    }
    let mut at = 0;
    while let Some((kind, start, end)) = box_at(content, at) {
        let Some(inner) = content.get(start..end).filter(|_| out.step(container)) else {
            return;
        };
        match kind {
            b"udta" | b"trak" => inside(inner, container, depth + 1, out),
            b"meta" => list(inner, container, out),
            b"uuid" => uuid(inner, container, out),
            b"XMP_" => xmp::read(inner, container, out),
            [0xa9, name @ ..] => {
                // QuickTime: size, language, text.
                let value =
                    slice(inner, 4, usize::from(be16(inner, 0).unwrap_or(0))).unwrap_or_default();
                item(
                    &user_data(*name.as_array().unwrap_or(&[0; 3])),
                    value,
                    container,
                    out,
                );
            }
            b"AIGC" => item("AIGC", inner, container, out),
            _ => {}
        }
        at = end;
    }
}

fn user_data(name: [u8; 3]) -> String {
    match &name {
        b"cmt" => "comment".to_owned(),
        b"des" => "description".to_owned(),
        b"nam" => "title".to_owned(),
        b"too" | b"swr" | b"enc" => "software".to_owned(),
        other => String::from_utf8_lossy(other).into_owned(),
    }
}

/// The list of items (`ilst`) of `meta`, with names out of `keys` where it has them.
fn list(content: &[u8], container: &str, out: &mut Collected<'_>) {
    // MP4 puts four bytes before the boxes, QuickTime does not.
    let start = if slice(content, 4, 4) == Some(b"hdlr") {
        0
    } else {
        4
    };
    let mut names = Vec::new();
    let mut items = None;
    let mut at = start;
    while let Some((kind, start, end)) = box_at(content, at) {
        let Some(inner) = content.get(start..end).filter(|_| out.step(container)) else {
            break;
        };
        match kind {
            b"keys" => names = keys(inner, container, out),
            b"ilst" => items = Some(inner),
            _ => {}
        }
        at = end;
    }
    let Some(items) = items else {
        return;
    };
    let mut at = 0;
    while let Some((kind, start, end)) = box_at(items, at) {
        let Some(inner) = items.get(start..end).filter(|_| out.step(container)) else {
            return;
        };
        let number = be32(kind, 0).unwrap_or(0) as usize;
        let name = match kind {
            [0xa9, rest @ ..] => user_data(*rest.as_array().unwrap_or(&[0; 3])),
            b"----" => freeform(inner),
            _ => match names.get(number.wrapping_sub(1)) {
                Some(name) => name.clone(),
                None => text(kind),
            },
        };
        if let Some((kind, value)) = data(inner) {
            match kind {
                // UTF-8, or unstated.
                0 | 1 => item(&name, value, container, out),
                2 => item(&name, utf16(value, true).as_bytes(), container, out),
                _ => {}
            }
        }
        at = end;
    }
}

fn keys(content: &[u8], container: &str, out: &mut Collected<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 8;
    while let Some((_, start, end)) = box_at(content, at) {
        let Some(name) = content.get(start..end).filter(|_| out.step(container)) else {
            break;
        };
        let name = text(name);
        let short = name.strip_prefix("com.apple.quicktime.").unwrap_or(&name);
        names.push(short.to_owned());
        at = end;
    }
    names
}

/// The name of a free-form item: the content of its `name` box.
fn freeform(content: &[u8]) -> String {
    let mut at = 0;
    while let Some((kind, start, end)) = box_at(content, at) {
        if kind == b"name" {
            return content.get(start + 4..end).map(text).unwrap_or_default();
        }
        at = end.max(at + 8);
    }
    String::new()
}

/// Type and content of an item's `data` box.
fn data(content: &[u8]) -> Option<(u32, &[u8])> {
    let mut at = 0;
    while let Some((kind, start, end)) = box_at(content, at) {
        if kind == b"data" {
            return Some((be32(content, start)?, content.get(start + 8..end)?));
        }
        at = end.max(at + 8);
    }
    None
}

fn item(name: &str, value: &[u8], container: &str, out: &mut Collected<'_>) {
    let place = format!("{container} item `{name}`");
    if let Some(value) = out.admit(&place, value) {
        out.entry(Origin::Item, name, text(value), place);
    }
}

/// An EXIF item: the offset of the TIFF header, then the block.
fn item_exif(content: &[u8], container: &str, out: &mut Collected<'_>) {
    let skip = be32(content, 0).unwrap_or(0) as usize;
    if let Some(block) = content.get(4_usize.saturating_add(skip)..) {
        exif::read(block, container, out);
    }
}

/// The items of a picture (`iinf`, `iloc`): EXIF, and XMP as `mime`.
fn items(file: &[u8], content: &[u8], container: &str, out: &mut Collected<'_>) {
    let (mut infos, mut places, mut data, mut has_list) = (None, None, None, false);
    let mut at = 4;
    while let Some((kind, start, end)) = box_at(content, at) {
        let Some(inner) = content.get(start..end).filter(|_| out.step(container)) else {
            break;
        };
        match kind {
            b"iinf" => infos = Some(inner),
            b"iloc" => places = Some(inner),
            b"idat" => data = Some(inner),
            b"ilst" => has_list = true,
            _ => {}
        }
        at = end;
    }
    if has_list {
        list(content, container, out);
    }
    let (Some(infos), Some(places)) = (infos, places) else {
        return;
    };
    for (id, is_exif) in wanted(infos, container, out) {
        let Some(value) = located(file, data, places, id, container, out) else {
            continue;
        };
        if is_exif {
            item_exif(&value, container, out);
        } else {
            xmp::read(&value, container, out);
        }
    }
}

/// Numbers of the items that are EXIF (true) or XMP (false).
fn wanted(infos: &[u8], container: &str, out: &mut Collected<'_>) -> Vec<(u32, bool)> {
    const MOST: usize = 16;
    let mut found = Vec::new();
    let mut at = if infos.first() == Some(&0) { 6 } else { 8 };
    while let Some((kind, start, end)) = box_at(infos, at) {
        let Some(info) = infos.get(start..end).filter(|_| out.step(container)) else {
            break;
        };
        let version = info.first().copied().unwrap_or(0);
        if kind == b"infe" && version >= 2 && found.len() < MOST {
            let (id, rest) = if version == 2 {
                (be16(info, 4).map(u32::from), info.get(8..))
            } else {
                (be32(info, 4), info.get(10..))
            };
            if let (Some(id), Some(rest)) = (id, rest) {
                match rest.get(..4) {
                    Some(b"Exif") => found.push((id, true)),
                    Some(b"mime")
                        if memchr::memmem::find(rest, b"application/rdf+xml").is_some() =>
                    {
                        found.push((id, false));
                    }
                    _ => {}
                }
            }
        }
        at = end;
    }
    found
}

/// Reads the fields of `iloc`, whose widths it states itself.
struct Fields<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Fields<'_> {
    fn number(&mut self, width: usize) -> Option<u64> {
        let at = self.at;
        self.at += width;
        match width {
            0 => Some(0),
            2 => be16(self.bytes, at).map(u64::from),
            4 => be32(self.bytes, at).map(u64::from),
            8 => be64(self.bytes, at),
            _ => None,
        }
    }
}

/// The bytes of an item: its extents, put together.
fn located(
    file: &[u8],
    data: Option<&[u8]>,
    places: &[u8],
    wanted: u32,
    container: &str,
    out: &mut Collected<'_>,
) -> Option<Vec<u8>> {
    let version = *places.first()?;
    let widths = be16(places, 4)?;
    let width = |shift: u16| usize::from(widths >> shift & 15);
    let (offset_width, length_width, base_width) = (width(12), width(8), width(4));
    let index_width = if version == 0 { 0 } else { width(0) };
    let id_width = if version == 2 { 4 } else { 2 };
    let mut fields = Fields {
        bytes: places,
        at: 6,
    };
    for _ in 0..fields.number(id_width)? {
        if !out.step(container) {
            return None;
        }
        let id = fields.number(id_width)?;
        let method = if version == 0 {
            0
        } else {
            fields.number(2)? & 15
        };
        fields.number(2)?;
        let base = fields.number(base_width)?;
        let source = if method == 1 { data? } else { file };
        let mut value = Vec::new();
        for _ in 0..fields.number(2)? {
            if !out.step(container) {
                return None;
            }
            fields.number(index_width)?;
            let offset = base.checked_add(fields.number(offset_width)?)?;
            let length = fields.number(length_width)?;
            if id == u64::from(wanted) && method < 2 {
                let part = crate::bytes::clamped(
                    source,
                    usize::try_from(offset).ok()?,
                    usize::try_from(length).ok()?,
                );
                let room = out.room().saturating_sub(value.len());
                value.extend_from_slice(&part[..part.len().min(room)]);
            }
        }
        if id == u64::from(wanted) {
            return Some(value);
        }
    }
    None
}
