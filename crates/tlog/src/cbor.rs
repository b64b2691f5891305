//! As much deterministic CBOR (RFC 8949 section 4.2.1) as COSE receipts need: integers, byte strings, arrays and maps of
//! definite length, every head in its shortest form.

use alloc::vec::Vec;

/// Deepest nesting that [`Reader::skip`] follows.
const MAX_DEPTH: u32 = 8;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// The simple value null.
const NULL: u8 = 0xf6;

/// Appends items to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn head(mut self, major: u8, value: u64) -> Self {
        let bytes = value.to_be_bytes();
        let (info, length) = match value {
            0..24 => (value as u8, 0),
            24..0x100 => (24, 1),
            0x100..0x1_0000 => (25, 2),
            0x1_0000..0x1_0000_0000 => (26, 4),
            _ => (27, 8),
        };
        self.0.push(major << 5 | info);
        self.0.extend_from_slice(&bytes[8 - length..]);
        self
    }

    pub(crate) fn unsigned(self, value: u64) -> Self {
        self.head(UNSIGNED, value)
    }

    pub(crate) fn int(self, value: i64) -> Self {
        // For negative numbers CBOR holds -1 - value, which is the complement.
        match u64::try_from(value) {
            Ok(value) => self.head(UNSIGNED, value),
            Err(_) => self.head(NEGATIVE, !(value as u64)),
        }
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        self.head(BYTES, bytes.len() as u64).raw(bytes)
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.head(TEXT, text.len() as u64).raw(text.as_bytes())
    }

    /// Starts an array of `length` items.
    pub(crate) fn array(self, length: usize) -> Self {
        self.head(ARRAY, length as u64)
    }

    /// Starts a map of `length` pairs; the caller keeps the keys in order.
    pub(crate) fn map(self, length: usize) -> Self {
        self.head(MAP, length as u64)
    }

    pub(crate) fn tag(self, tag: u64) -> Self {
        self.head(TAG, tag)
    }

    pub(crate) fn null(self) -> Self {
        self.raw(&[NULL])
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// The label of a COSE header parameter; no text label is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Int(i64),
    Text,
}

/// Takes items off the front of a slice. Every method answers `None` for another item, a longer form than needed, or a
/// cut-off one; nothing is allocated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// `Some` when nothing is left.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn head(&mut self) -> Option<(u8, u64)> {
        let (&first, rest) = self.0.split_first()?;
        let length = match first & 31 {
            0..24 => {
                self.0 = rest;
                return Some((first >> 5, u64::from(first & 31)));
            }
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return None,
        };
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        let value = bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        let shortest = match length {
            1 => value >= 24,
            _ => value >> (4 * length) != 0,
        };
        shortest.then_some((first >> 5, value))
    }

    fn expect(&mut self, major: u8) -> Option<u64> {
        let (found, value) = self.head()?;
        (found == major).then_some(value)
    }

    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        self.expect(UNSIGNED)
    }

    pub(crate) fn int(&mut self) -> Option<i64> {
        let (major, value) = self.head()?;
        let value = i64::try_from(value).ok()?;
        match major {
            UNSIGNED => Some(value),
            NEGATIVE => Some(!value),
            _ => None,
        }
    }

    pub(crate) fn label(&mut self) -> Option<Label> {
        if self.0.first()? >> 5 == TEXT {
            self.skip()?;
            return Some(Label::Text);
        }
        self.int().map(Label::Int)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.expect(BYTES)?;
        self.take(length)
    }

    pub(crate) fn array(&mut self) -> Option<u64> {
        self.expect(ARRAY)
    }

    pub(crate) fn map(&mut self) -> Option<u64> {
        self.expect(MAP)
    }

    pub(crate) fn tag(&mut self, tag: u64) -> Option<()> {
        (self.expect(TAG)? == tag).then_some(())
    }

    pub(crate) fn null(&mut self) -> Option<()> {
        (self.take(1)? == [NULL]).then_some(())
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Passes over one item, whatever it is.
    pub(crate) fn skip(&mut self) -> Option<()> {
        self.skip_within(MAX_DEPTH)
    }

    fn skip_within(&mut self, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let (major, value) = self.head()?;
        match major {
            BYTES | TEXT => self.take(value).map(|_| ()),
            // Each item takes a byte at least, so a lie about the count ends with the bytes.
            ARRAY => (0..value).try_for_each(|_| self.skip_within(depth)),
            MAP => (0..value).try_for_each(|_| {
                self.skip_within(depth)?;
                self.skip_within(depth)
            }),
            TAG => self.skip_within(depth),
            // Integers, simple values and floating point numbers: the head is the whole item.
            _ => Some(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// Appendix A of RFC 8949.
    #[test]
    fn integers_match_rfc_8949() {
        let cases: [(i64, &[u8]); 12] = [
            (0, &[0x00]),
            (23, &[0x17]),
            (24, &[0x18, 0x18]),
            (255, &[0x18, 0xff]),
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
            (
                i64::MIN,
                &[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            ),
        ];
        for (value, bytes) in cases {
            assert_eq!(Writer::default().int(value).finish(), bytes);
            assert_eq!(Reader::new(bytes).int(), Some(value));
        }
    }

    #[test]
    fn longer_forms_and_lies_are_refused() {
        for bytes in [
            &[0x18, 0x17][..],
            &[0x19, 0x00, 0xff],
            &[0x1a, 0x00, 0x00, 0xff, 0xff],
            &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            &[0x1f],
            &[0x18],
        ] {
            assert_eq!(Reader::new(bytes).int(), None, "{bytes:x?}");
        }
        assert_eq!(Reader::new(&[0x5f, 0x41, 0x00, 0xff]).bytes(), None);
        let huge = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
        assert_eq!(Reader::new(&huge).skip(), None);
        let deep = vec![0x81; 100];
        assert_eq!(Reader::new(&deep).skip(), None);
    }

    proptest! {
        #[test]
        fn integers_round_trip(value: i64) {
            let bytes = Writer::default().int(value).finish();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.int(), Some(value));
            prop_assert_eq!(reader.end(), Some(()));
        }

        #[test]
        fn any_bytes_skip_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Reader::new(&bytes).skip();
        }
    }
}
