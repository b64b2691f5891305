//! WebP: the RIFF container (RFC 9649).

use crate::bytes::{clamped, le32};
use crate::entry::Collected;
use crate::{exif, xmp};

/// Reads every chunk; returns where the picture ends.
pub(super) fn read(bytes: &[u8], out: &mut Collected<'_>) -> usize {
    let stated = (le32(bytes, 4).unwrap_or(0) as usize).saturating_add(8);
    if stated > bytes.len() {
        out.problem("WebP", "truncated");
    }
    let end = stated.min(bytes.len());
    let inside = &bytes[..end];
    let mut at = 12;
    while at + 8 <= end && out.step("WebP") {
        let kind = &inside[at..at + 4];
        let length = le32(inside, at + 4).unwrap_or(0) as usize;
        let data = clamped(inside, at + 8, length);
        match kind {
            b"EXIF" => exif::read(data, "WebP", out),
            // Some writers end the name with a NUL.
            b"XMP " | b"XMP\0" => xmp::read(data, "WebP", out),
            _ => {}
        }
        // Chunks begin at even places.
        at += 8 + data.len() + (data.len() & 1);
    }
    end
}
