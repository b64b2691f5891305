//! PNG (W3C, third edition), APNG included.

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::bytes::{be16, be32, clamped, text};
use crate::entry::{Collected, Origin};
use crate::{Dated, exif, iim, xmp};

const XMP_KEYWORD: &str = "XML:com.adobe.xmp";

/// Reads every chunk up to `IEND`; returns where the picture ends.
pub(super) fn read(bytes: &[u8], out: &mut Collected<'_>) -> usize {
    let mut at = 8;
    while out.step("PNG") {
        let (Some(length), Some(kind)) = (be32(bytes, at), bytes.get(at + 4..at + 8)) else {
            out.problem("PNG", "truncated");
            return bytes.len();
        };
        let data = clamped(bytes, at + 8, length as usize);
        if data.len() < length as usize {
            out.problem("PNG", "truncated");
        }
        chunk(kind, data, out);
        // The checksum follows.
        at = (at + 12 + data.len()).min(bytes.len());
        if kind == b"IEND" {
            return at;
        }
    }
    bytes.len()
}

fn chunk(kind: &[u8], data: &[u8], out: &mut Collected<'_>) {
    match kind {
        b"eXIf" | b"zxIf" => exif::read(data, "PNG", out),
        b"tEXt" => {
            if let Some((keyword, value)) = split(data) {
                text_chunk("tEXt", &keyword, value, out);
            }
        }
        b"zTXt" => {
            if let Some((keyword, [0, packed @ ..])) = split(data) {
                let value = inflate(packed, "PNG zTXt", out);
                text_chunk("zTXt", &keyword, &value, out);
            }
        }
        b"iTXt" => international(data, out),
        b"tIME" => time(data, out),
        _ => {}
    }
}

/// Keyword, and what follows its NUL.
fn split(data: &[u8]) -> Option<(String, &[u8])> {
    // The standard allows 79 bytes.
    const LONGEST: usize = 300;
    let end = memchr::memchr(0, &data[..data.len().min(LONGEST)])?;
    Some((text(&data[..end]).trim().to_owned(), &data[end + 1..]))
}

fn international(data: &[u8], out: &mut Collected<'_>) {
    let Some((keyword, [packed, _method, rest @ ..])) = split(data) else {
        return;
    };
    let after_nul = |bytes: &mut &[u8]| -> Option<()> {
        let end = memchr::memchr(0, bytes)?;
        *bytes = &bytes[end + 1..];
        Some(())
    };
    let mut value = rest;
    // Language and translated keyword come before the text.
    if after_nul(&mut value)
        .and_then(|()| after_nul(&mut value))
        .is_none()
    {
        return;
    }
    if *packed == 1 {
        let value = inflate(value, "PNG iTXt", out);
        text_chunk("iTXt", &keyword, &value, out);
    } else {
        text_chunk("iTXt", &keyword, value, out);
    }
}

fn inflate(packed: &[u8], place: &str, out: &mut Collected<'_>) -> Vec<u8> {
    let most = out.room();
    let mut value = Vec::new();
    let read = ZlibDecoder::new(packed)
        .take(most as u64 + 1)
        .read_to_end(&mut value);
    if value.len() > most {
        out.problem(place, "limit");
        value.truncate(most);
    } else if read.is_err() {
        out.problem(place, "compressed-malformed");
    }
    value
}

fn text_chunk(kind: &str, keyword: &str, value: &[u8], out: &mut Collected<'_>) {
    if keyword == XMP_KEYWORD {
        xmp::read(value, &format!("PNG {kind}"), out);
        return;
    }
    if let Some(profile) = keyword.strip_prefix("Raw profile type ") {
        raw_profile(profile, value, out);
        return;
    }
    let place = format!("PNG {kind} `{keyword}`");
    if let Some(value) = out.admit(&place, value) {
        out.entry(Origin::PngText, keyword, text(value), place);
    }
}

/// ImageMagick's profiles: name, number of bytes, and the bytes in hex, on lines.
fn raw_profile(profile: &str, value: &[u8], out: &mut Collected<'_>) {
    let container = "PNG raw profile";
    let Some(value) = out.admit(container, value) else {
        return;
    };
    let value = text(value);
    let mut words = value.split_ascii_whitespace();
    let (_name, _length) = (words.next(), words.next());
    let mut digits = words
        .flat_map(str::bytes)
        .filter_map(|byte| char::from(byte).to_digit(16));
    let mut data = Vec::new();
    while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
        data.push((high << 4 | low) as u8);
    }
    match profile.to_ascii_lowercase().as_str() {
        "xmp" => xmp::read(&data, container, out),
        "iptc" if data.starts_with(b"8BIM") => iim::read_resources(&data, container, out),
        "iptc" => iim::read(&data, container, out),
        "8bim" => iim::read_resources(&data, container, out),
        // Either of EXIF or of XMP, as the segment of JPEG has it.
        "exif" | "app1" => match data.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
            Some(packet) => xmp::read(packet, container, out),
            None => exif::read(&data, container, out),
        },
        _ => {}
    }
}

fn time(data: &[u8], out: &mut Collected<'_>) {
    let (Some(year), [_, _, month, day, hour, minute, second, ..]) = (be16(data, 0), data) else {
        return;
    };
    let when = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    if crate::date::is_valid(&when) {
        out.dates.push(Dated {
            what: "modified",
            when,
            place: "PNG tIME".to_owned(),
        });
    }
}
