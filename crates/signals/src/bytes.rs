//! Reading integers and text out of untrusted bytes.

/// The two bytes at `at`, big-endian.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    take(bytes, at).map(u16::from_be_bytes)
}

/// The four bytes at `at`, big-endian.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    take(bytes, at).map(u32::from_be_bytes)
}

/// The eight bytes at `at`, big-endian.
pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    take(bytes, at).map(u64::from_be_bytes)
}

/// The two bytes at `at`, little-endian.
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    take(bytes, at).map(u16::from_le_bytes)
}

/// The four bytes at `at`, little-endian.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    take(bytes, at).map(u32::from_le_bytes)
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    slice(bytes, at, N)?.try_into().ok()
}

/// `length` bytes at `at`; `None` when they are not all there.
pub(crate) fn slice(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

/// Up to `length` bytes at `at`: a length that overshoots ends where the bytes end.
pub(crate) fn clamped(bytes: &[u8], at: usize, length: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    &rest[..length.min(rest.len())]
}

/// Text of unknown encoding: UTF-8 if it is, else Latin-1. Byte order marks of UTF-16 and UTF-8 count.
pub(crate) fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, false),
        [0xfe, 0xff, rest @ ..] => utf16(rest, true),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
        },
    }
}

/// [`text`] without what follows the first NUL, and without white space around it.
pub(crate) fn c_text(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    text(&bytes[..end]).trim().to_owned()
}

/// UTF-16 without a byte order mark.
pub(crate) fn utf16(bytes: &[u8], big_endian: bool) -> String {
    let units = bytes.chunks_exact(2).map(|pair| {
        if big_endian {
            u16::from_be_bytes([pair[0], pair[1]])
        } else {
            u16::from_le_bytes([pair[0], pair[1]])
        }
    });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .trim_end_matches('\0')
        .to_owned()
}

/// UTF-16 whose byte order is not sure: writers contradict their own header. The order that gives more
/// units below 256 is taken, and `big_endian` when both give the same.
pub(crate) fn utf16_guessed(bytes: &[u8], big_endian: bool) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, false),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, true),
        _ => {}
    }
    let pairs = || bytes.chunks_exact(2);
    let big = pairs().filter(|pair| pair[0] == 0).count();
    let little = pairs().filter(|pair| pair[1] == 0).count();
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    if big == 0 && little == 0 && bytes.len() > 8 && bytes.iter().all(printable) {
        // The header says UTF-16, the bytes are plain ASCII.
        return text(bytes);
    }
    utf16(
        bytes,
        match big.cmp(&little) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => big_endian,
        },
    )
}

/// Whether `text` is a UUID in its usual form.
pub(crate) fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_overshoots_is_refused_or_cut() {
        let bytes = [1, 2, 3, 4, 5];
        assert_eq!(slice(&bytes, 2, 4), None);
        assert_eq!(slice(&bytes, usize::MAX, 2), None);
        assert_eq!(clamped(&bytes, 2, usize::MAX), [3, 4, 5]);
        assert!(clamped(&bytes, 9, 1).is_empty());
        assert_eq!(be32(&bytes, 2), None);
        assert_eq!(be32(&bytes, 1), Some(0x0203_0405));
    }

    #[test]
    fn byte_order_is_taken_from_the_text_where_the_header_is_wrong() {
        let text = "Steps: 20, Sampler: Euler";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for declared in [true, false] {
            assert_eq!(utf16_guessed(&little, declared), text);
            assert_eq!(utf16_guessed(&big, declared), text);
            assert_eq!(utf16_guessed(text.as_bytes(), declared), text);
        }
    }
}
