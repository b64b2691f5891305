//! Containers that the validator is never given: reading them costs out of all proportion, or they are no pictures.

/// The name of a container that is refused, by its first bytes.
///
/// TIFF and what builds on it (DNG, camera raw) first of all: c2pa 0.90 follows its directories without a bound, so
/// that 38 KB cost minutes and a gigabyte.
pub(crate) fn refused(bytes: &[u8]) -> Option<&'static str> {
    const VIDEO: [&[u8; 4]; 9] = [
        b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ",
    ];
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    if begins(b"II\x2a\0") || begins(b"MM\0\x2a") || begins(b"II\x2b\0") || begins(b"MM\0\x2b") {
        return Some("TIFF or camera raw");
    }
    if begins(b"%PDF") {
        return Some("PDF");
    }
    if begins(b"\x1a\x45\xdf\xa3") {
        return Some("video (Matroska)");
    }
    if begins(b"RIFF") && matches!(bytes.get(8..12), Some(b"AVI " | b"WAVE")) {
        return Some("video or sound (RIFF)");
    }
    let brand: Option<&[u8; 4]> = bytes.get(8..12).and_then(|brand| brand.try_into().ok());
    let is_video =
        brand.is_some_and(|brand| VIDEO.contains(&brand) || brand == b"qt  " || brand == b"M4A ");
    (bytes.get(4..8) == Some(b"ftyp") && is_video).then_some("video (ISO base media)")
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn what_is_refused_is_named() {
        for (bytes, name) in [
            (b"II\x2a\0\x08\0\0\0".as_slice(), "TIFF or camera raw"),
            (b"MM\0\x2a\0\0\0\x08", "TIFF or camera raw"),
            (b"%PDF-1.7", "PDF"),
            (b"\0\0\0\x18ftypisom", "video (ISO base media)"),
            (b"\0\0\0\x14ftypqt  ", "video (ISO base media)"),
            (b"RIFF\0\0\0\0AVI ", "video or sound (RIFF)"),
        ] {
            assert_eq!(refused(bytes), Some(name));
        }
        for bytes in [
            b"RIFF\0\0\0\0WEBP".as_slice(),
            b"\0\0\0\x18ftypavif",
            b"\xff\xd8\xff",
            b"",
        ] {
            assert_eq!(refused(bytes), None);
        }
    }
}
