//! GIF89a.

use crate::bytes::{clamped, slice, text};
use crate::entry::{Collected, Origin};
use crate::xmp;

/// Reads every block; returns where the picture ends.
pub(super) fn read(bytes: &[u8], out: &mut Collected<'_>) -> usize {
    let table = |flags: u8| {
        if flags & 0x80 == 0 {
            0
        } else {
            3 << ((flags & 7) + 1)
        }
    };
    let mut at = 13 + bytes.get(10).map_or(0, |flags| table(*flags));
    while out.step("GIF") {
        match bytes.get(at) {
            Some(0x21) => {
                let label = bytes.get(at + 1).copied().unwrap_or(0);
                at = extension(bytes, at + 2, label, out);
            }
            Some(0x2c) => {
                let flags = bytes.get(at + 9).copied().unwrap_or(0);
                // The descriptor, its colours, and the byte that says how the codes begin.
                at = skip(bytes, at + 11 + table(flags), out);
            }
            Some(0x3b) => return at + 1,
            _ => {
                out.problem("GIF", "truncated");
                return bytes.len();
            }
        }
    }
    bytes.len()
}

/// Passes over sub-blocks.
fn skip(bytes: &[u8], mut at: usize, out: &mut Collected<'_>) -> usize {
    while let Some(&size) = bytes.get(at) {
        at += 1 + usize::from(size);
        if size == 0 || !out.step("GIF") {
            break;
        }
    }
    at
}

fn extension(bytes: &[u8], at: usize, label: u8, out: &mut Collected<'_>) -> usize {
    const COMMENT: u8 = 0xfe;
    const APPLICATION: u8 = 0xff;
    match label {
        APPLICATION if slice(bytes, at, 12) == Some(b"\x0bXMP DataXMP") => {
            // The packet stands as it is, and ends with a trailer of 258 bytes that makes readers of
            // sub-blocks find the end: 1, 255 down to 0, 0.
            let rest = &bytes[at + 12..];
            let end = memchr::memmem::find(rest, b"\x01\xff\xfe\xfd").unwrap_or(rest.len());
            xmp::read(&rest[..end], "GIF", out);
            (at + 12 + end + 258).min(bytes.len())
        }
        COMMENT => {
            let mut comment = Vec::new();
            let mut part = at;
            while let Some(&size) = bytes.get(part).filter(|size| **size > 0) {
                comment.extend_from_slice(clamped(bytes, part + 1, usize::from(size)));
                part += 1 + usize::from(size);
                if comment.len() > out.room() || !out.step("GIF") {
                    break;
                }
            }
            if let Some(comment) = out.admit("GIF comment", &comment) {
                let comment = text(comment);
                out.entry(
                    Origin::Comment,
                    "Comment",
                    comment,
                    "GIF comment".to_owned(),
                );
            }
            skip(bytes, part, out)
        }
        _ => skip(bytes, at, out),
    }
}
