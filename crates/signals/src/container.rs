//! Finding the metadata in a file. What the file is, its bytes decide.

mod bmff;
mod gif;
mod jpeg;
mod png;
mod scan;
mod trailer;
mod webp;

use crate::bytes::{be32, le32, slice};
use crate::entry::Collected;
use crate::exif;

/// Collects the metadata of a whole file.
pub(crate) fn collect(bytes: &[u8], out: &mut Collected<'_>) {
    // Where the picture ends; what follows is no part of it.
    let end = match bytes {
        [0xff, 0xd8, ..] => jpeg::read(bytes, out),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => png::read(bytes, out),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => gif::read(bytes, out),
        [b'R', b'I', b'F', b'F', ..] if slice(bytes, 8, 4) == Some(b"WEBP") => {
            webp::read(bytes, out)
        }
        [b'B', b'M', ..] if le32(bytes, 6) == Some(0) => bmp_end(bytes),
        [b'I', b'I', 42 | 43 | 0x52 | 0x55, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => {
            exif::read_tiff(bytes, "TIFF", out);
            bytes.len()
        }
        _ if bmff::is_one(bytes) => bmff::read(bytes, out),
        _ => bytes.len(),
    };
    let trailing = bytes.get(end..).unwrap_or_default();
    out.trailing_bytes = trailing.len() as u64;
    trailer::read(bytes, trailing, out);
    scan::read(bytes, out);
}

/// The size that a BMP states, where it is one that can be.
fn bmp_end(bytes: &[u8]) -> usize {
    let stated = le32(bytes, 2).unwrap_or(0) as usize;
    if (26..bytes.len()).contains(&stated) {
        stated
    } else {
        bytes.len()
    }
}

/// A box or chunk of ISO base media files: type, and where its content and it itself end.
fn box_at(bytes: &[u8], at: usize) -> Option<(&[u8], usize, usize)> {
    let kind = slice(bytes, at + 4, 4)?;
    let (start, length) = match be32(bytes, at)? {
        0 => (at + 8, bytes.len() - at),
        1 => (
            at + 16,
            usize::try_from(crate::bytes::be64(bytes, at + 8)?).ok()?,
        ),
        length => (at + 8, length as usize),
    };
    let end = at.checked_add(length)?;
    (end >= start).then_some((kind, start, end))
}
