//! The part of CBOR that records use, in its one deterministic form (RFC 8949 section 4.2.1): integers, byte and
//! text strings, arrays and null; shortest lengths, nothing indefinite.

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
/// In the initial byte: how many bytes of value follow.
const ONE_BYTE: u8 = 0x18;
const TWO_BYTES: u8 = 0x19;
const FOUR_BYTES: u8 = 0x1a;
const EIGHT_BYTES: u8 = 0x1b;
const NULL: u8 = 0xf6;

/// Writes items one after the other.
#[derive(Default)]
pub(crate) struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let major = major << 5;
        match value {
            0..24 => self.out.push(major | value as u8),
            24..=0xff => self.out.extend([major | ONE_BYTE, value as u8]),
            0x100..=0xffff => {
                self.out.push(major | TWO_BYTES);
                self.out.extend((value as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.out.push(major | FOUR_BYTES);
                self.out.extend((value as u32).to_be_bytes());
            }
            _ => {
                self.out.push(major | EIGHT_BYTES);
                self.out.extend(value.to_be_bytes());
            }
        }
        self
    }

    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UNSIGNED, value)
    }

    pub fn int(&mut self, value: i64) -> &mut Self {
        // CBOR writes a negative n as -1 - n, which is the bitwise complement.
        if value < 0 {
            self.head(NEGATIVE, !value as u64)
        } else {
            self.head(UNSIGNED, value as u64)
        }
    }

    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(BYTES, value.len() as u64);
        self.out.extend_from_slice(value);
        self
    }

    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(TEXT, value.len() as u64);
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    pub fn array(&mut self, items: u64) -> &mut Self {
        self.head(ARRAY, items)
    }

    pub fn null(&mut self) -> &mut Self {
        self.out.push(NULL);
        self
    }

    pub fn optional<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }
}

/// Bytes that are not the deterministic form of the expected items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads items one after the other, refusing every form but the deterministic one.
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(count).map_err(|_| Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<(u8, u64), Malformed> {
        let initial = self.take(1)?[0];
        let (major, info) = (initial >> 5, initial & 0x1f);
        let (value, smallest) = match info {
            0..24 => return Ok((major, u64::from(info))),
            ONE_BYTE..=EIGHT_BYTES => {
                let bytes = self.take(1 << (info - ONE_BYTE))?;
                let value = bytes
                    .iter()
                    .fold(0, |value, byte| value << 8 | u64::from(*byte));
                (
                    value,
                    [24, 0x100, 0x1_0000, 0x1_0000_0000][usize::from(info - ONE_BYTE)],
                )
            }
            _ => return Err(Malformed),
        };
        if value < smallest {
            Err(Malformed)
        } else {
            Ok((major, value))
        }
    }

    fn expect(&mut self, major: u8) -> Result<u64, Malformed> {
        let (found, value) = self.head()?;
        if found == major {
            Ok(value)
        } else {
            Err(Malformed)
        }
    }

    pub fn uint(&mut self) -> Result<u64, Malformed> {
        self.expect(UNSIGNED)
    }

    pub fn int(&mut self) -> Result<i64, Malformed> {
        let (major, value) = self.head()?;
        let value = i64::try_from(value).map_err(|_| Malformed)?;
        match major {
            UNSIGNED => Ok(value),
            NEGATIVE => Ok(!value),
            _ => Err(Malformed),
        }
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.expect(BYTES)?;
        self.take(length)
    }

    pub fn hash(&mut self) -> Result<[u8; 32], Malformed> {
        self.bytes()?.try_into().map_err(|_| Malformed)
    }

    pub fn text(&mut self) -> Result<String, Malformed> {
        let length = self.expect(TEXT)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| Malformed)
    }

    pub fn array(&mut self, items: u64) -> Result<(), Malformed> {
        if self.any_array()? == items {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// The number of items of an array that begins here.
    pub fn any_array(&mut self) -> Result<u64, Malformed> {
        self.expect(ARRAY)
    }

    pub fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if let Some((&NULL, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(None);
        }
        read(self).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(write: impl FnOnce(&mut Encoder) -> &mut Encoder) -> Vec<u8> {
        let mut encoder = Encoder::default();
        write(&mut encoder);
        encoder.finish()
    }

    #[test]
    fn rfc_8949_appendix_a_examples() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (23, &[0x17]),
            (24, &[0x18, 0x18]),
            (100, &[0x18, 0x64]),
            (1000, &[0x19, 0x03, 0xe8]),
            (1_000_000, &[0x1a, 0x00, 0x0f, 0x42, 0x40]),
            (
                1_000_000_000_000,
                &[0x1b, 0x00, 0x00, 0x00, 0xe8, 0xd4, 0xa5, 0x10, 0x00],
            ),
            (-1, &[0x20]),
            (-10, &[0x29]),
            (-100, &[0x38, 0x63]),
            (-1000, &[0x39, 0x03, 0xe7]),
        ] {
            assert_eq!(encoded(|e| e.int(value)), bytes);
            assert_eq!(Decoder::new(bytes).int(), Ok(value));
        }
        assert_eq!(encoded(|e| e.text("\u{fc}")), [0x62, 0xc3, 0xbc]);
        assert_eq!(encoded(|e| e.bytes(&[1, 2, 3, 4])), [0x44, 1, 2, 3, 4]);
        assert_eq!(
            encoded(|e| e.array(3).uint(1).uint(2).null()),
            [0x83, 1, 2, 0xf6]
        );
    }

    #[test]
    fn other_spellings_are_refused() {
        for bytes in [
            &[0x18, 0x17][..],
            &[0x19, 0x00, 0xff],
            &[0x1a, 0, 0, 0xff, 0xff],
            &[0x1b, 0, 0, 0, 0, 1, 0, 0, 0],
        ] {
            assert_eq!(Decoder::new(bytes).uint(), Err(Malformed), "{bytes:x?}");
        }
        assert!(
            Decoder::new(&[0x5f, 0x41, 1, 0xff]).bytes().is_err(),
            "indefinite"
        );
        assert!(
            Decoder::new(&[0x62, 0xc3, 0x28]).text().is_err(),
            "not UTF-8"
        );
        assert!(
            Decoder::new(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
                .bytes()
                .is_err(),
            "too long"
        );
        assert!(Decoder::new(&[0]).finish().is_err(), "left over");
    }

    proptest! {
        #[test]
        fn integers_round_trip_in_one_form(value: i64) {
            let bytes = encoded(|e| e.int(value));
            prop_assert_eq!(Decoder::new(&bytes).int(), Ok(value));
        }
    }
}
