//! Bytes as text.

use std::fmt::Write as _;

/// Lower-case hexadecimal digits, two a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The 32 bytes of 64 hexadecimal digits, of either case; `None` for any other text.
#[must_use]
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    // Alone, `from_str_radix` would take a sign for a digit.
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sign_is_no_digit() {
        let mut text = "00".repeat(32);
        assert_eq!(unhex(&text), Some([0; 32]));
        text.replace_range(..2, "+1");
        assert_eq!(unhex(&text), None);
    }

    #[test]
    fn a_hash_is_64_digits() {
        assert_eq!(unhex(&"0a".repeat(32)), Some([10; 32]));
        assert_eq!(unhex(&"é".repeat(32)), None);
        assert_eq!(unhex("12"), None);
    }

    proptest! {
        #[test]
        fn every_hash_reads_back(hash: [u8; 32]) {
            prop_assert_eq!(unhex(&hex(&hash)), Some(hash));
            prop_assert_eq!(unhex(&hex(&hash).to_uppercase()), Some(hash));
        }
    }
}
