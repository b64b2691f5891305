//! Base64 (RFC 4648, section 4), decoded byte by byte: the encoded text is never held.

/// Why text is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A byte outside the alphabet.
    Alphabet,
    /// Text after the padding, padding in the wrong place, or a lone last character.
    Padding,
}

/// A decoder between two bytes. Line ends and blanks are skipped; padding may be missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decoder {
    /// Bits not yet given out, in the lowest `held` bits.
    bits: u32,
    held: u32,
    /// Characters read, the padding among them.
    read: u64,
    padding: u64,
}

impl Decoder {
    /// Takes one character; gives a byte when one is complete.
    pub(crate) fn push(&mut self, character: u8) -> Result<Option<u8>, Malformed> {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'\r' | b'\n' | b' ' | b'\t' => return Ok(None),
            b'=' => {
                self.padding += 1;
                self.read += 1;
                return if self.padding > 2 {
                    Err(Malformed::Padding)
                } else {
                    Ok(None)
                };
            }
            _ => return Err(Malformed::Alphabet),
        };
        if self.padding > 0 {
            return Err(Malformed::Padding);
        }
        self.read += 1;
        self.bits = (self.bits << 6) | u32::from(value);
        self.held += 6;
        if self.held < 8 {
            return Ok(None);
        }
        self.held -= 8;
        let byte = (self.bits >> self.held) & 0xff;
        self.bits &= (1 << self.held) - 1;
        Ok(Some(byte as u8))
    }

    /// Whether the text may end here.
    pub(crate) fn finish(&self) -> Result<(), Malformed> {
        let padded = self.padding > 0;
        if self.held == 6 || (padded && !self.read.is_multiple_of(4)) {
            Err(Malformed::Padding)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    use proptest::prelude::*;

    fn decode(text: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut decoder = Decoder::default();
        let mut bytes = Vec::new();
        for &character in text {
            bytes.extend(decoder.push(character)?);
        }
        decoder.finish().map(|()| bytes)
    }

    proptest! {
        #[test]
        fn every_encoding_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(decode(STANDARD.encode(&bytes).as_bytes()).unwrap(), bytes.clone());
            prop_assert_eq!(decode(STANDARD_NO_PAD.encode(&bytes).as_bytes()).unwrap(), bytes);
        }

        #[test]
        fn what_the_reference_accepts_is_accepted_alike(text in "[A-Za-z0-9+/=]{0,24}") {
            if let Ok(bytes) = STANDARD.decode(&text) {
                prop_assert_eq!(decode(text.as_bytes()), Ok(bytes));
            }
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in [
            "A", "AA=", "AA===", "=", "====", "AA==AA==", "AAAA=", "A=AA",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(Malformed::Padding), "{text}");
        }
        for text in ["A-A_", "AA\u{0}A", "<html>", "\u{e4}AAA"] {
            assert_eq!(decode(text.as_bytes()), Err(Malformed::Alphabet), "{text}");
        }
        assert_eq!(decode(b"QU\r\nJD\n").unwrap(), b"ABC");
    }
}
