//! The few EXIF fields that must change when a picture is turned upright.
//!
//! EXIF is a TIFF structure (JEITA CP-3451, 4.5): a byte-order header, then image file directories
//! of 12-byte entries. Fields are patched in place, so everything else stays byte for byte.

const ORIENTATION: u16 = 0x0112;
const IMAGE_WIDTH: u16 = 0x0100;
const IMAGE_LENGTH: u16 = 0x0101;
const EXIF_IFD: u16 = 0x8769;
const PIXEL_X_DIMENSION: u16 = 0xa002;
const PIXEL_Y_DIMENSION: u16 = 0xa003;
const TYPE_SHORT: u16 = 3;
const TYPE_LONG: u16 = 4;

/// The orientation, 1..=8, of IFD0; `None` if absent or out of range.
pub(crate) fn orientation(exif: &[u8]) -> Option<u8> {
    let tiff = Tiff::new(exif)?;
    let entry = tiff.entry(exif, tiff.first_ifd(exif)?, ORIENTATION)?;
    let value = tiff.value(exif, entry)?;
    (1..=8).contains(&value).then_some(value as u8)
}

/// Says that the pixels stand upright: orientation 1, and no IFD1, whose thumbnail is still turned.
/// With `swapped`, the recorded width and height change places too.
pub(crate) fn make_upright(exif: &mut [u8], swapped: bool) {
    // A malformed directory is left as it is: readers that fail on it see no orientation either.
    let _ = patch(exif, swapped);
}

fn patch(exif: &mut [u8], swapped: bool) -> Option<()> {
    let tiff = Tiff::new(exif)?;
    let ifd0 = tiff.first_ifd(exif)?;
    if let Some(entry) = tiff.entry(exif, ifd0, ORIENTATION) {
        tiff.set_value(exif, entry, 1)?;
    }
    if swapped {
        tiff.swap(exif, ifd0, IMAGE_WIDTH, IMAGE_LENGTH);
        if let Some(pointer) = tiff.entry(exif, ifd0, EXIF_IFD) {
            let sub_ifd = tiff.value(exif, pointer)? as usize;
            tiff.swap(exif, sub_ifd, PIXEL_X_DIMENSION, PIXEL_Y_DIMENSION);
        }
    }
    let next = ifd0 + 2 + 12 * usize::from(tiff.u16(exif, ifd0)?);
    exif.get_mut(next..next + 4)?.fill(0);
    Some(())
}

/// The byte order of a TIFF structure.
#[derive(Clone, Copy)]
struct Tiff {
    little_endian: bool,
}

impl Tiff {
    fn new(bytes: &[u8]) -> Option<Self> {
        let little_endian = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { little_endian })
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little_endian {
            u16::from_le_bytes(raw)
        } else {
            u16::from_be_bytes(raw)
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little_endian {
            u32::from_le_bytes(raw)
        } else {
            u32::from_be_bytes(raw)
        })
    }

    fn first_ifd(self, bytes: &[u8]) -> Option<usize> {
        self.u32(bytes, 4).map(|at| at as usize)
    }

    /// Offset of the entry of `tag` in the directory at `ifd`.
    fn entry(self, bytes: &[u8], ifd: usize, tag: u16) -> Option<usize> {
        let count = usize::from(self.u16(bytes, ifd)?);
        (0..count)
            .map(|i| ifd + 2 + 12 * i)
            .find(|at| self.u16(bytes, *at) == Some(tag))
    }

    /// A single SHORT or LONG, which stands in the entry itself.
    fn value(self, bytes: &[u8], entry: usize) -> Option<u32> {
        if self.u32(bytes, entry + 4)? != 1 {
            return None;
        }
        match self.u16(bytes, entry + 2)? {
            TYPE_SHORT => self.u16(bytes, entry + 8).map(u32::from),
            TYPE_LONG => self.u32(bytes, entry + 8),
            _ => None,
        }
    }

    fn set_value(self, bytes: &mut [u8], entry: usize, value: u16) -> Option<()> {
        let kind = self.u16(bytes, entry + 2)?;
        let field = bytes.get_mut(entry + 8..entry + 12)?;
        let wide = u32::from(value);
        match (kind, self.little_endian) {
            (TYPE_LONG, false) => field.copy_from_slice(&wide.to_be_bytes()),
            (_, true) => field.copy_from_slice(&wide.to_le_bytes()),
            // A big-endian SHORT is left-justified in its four bytes.
            (_, false) => field.copy_from_slice(&(wide << 16).to_be_bytes()),
        }
        Some(())
    }

    /// Exchanges type, count and value of two entries.
    fn swap(self, bytes: &mut [u8], ifd: usize, a: u16, b: u16) {
        if let (Some(a), Some(b)) = (self.entry(bytes, ifd, a), self.entry(bytes, ifd, b))
            && a.max(b) + 12 <= bytes.len()
        {
            for i in 2..12 {
                bytes.swap(a + i, b + i);
            }
        }
    }
}

/// A small EXIF block for tests: orientation, a pixel size and a thumbnail directory.
#[cfg(test)]
pub(crate) fn sample(orientation: u8, little_endian: bool) -> Vec<u8> {
    let s = |v: u16| {
        if little_endian {
            v.to_le_bytes()
        } else {
            v.to_be_bytes()
        }
    };
    let l = |v: u32| {
        if little_endian {
            v.to_le_bytes()
        } else {
            v.to_be_bytes()
        }
    };
    let short = |tag: u16, value: u16| [&s(tag)[..], &s(3), &l(1), &s(value), &[0, 0]].concat();
    let long = |tag: u16, value: u32| [&s(tag)[..], &s(4), &l(1), &l(value)].concat();
    let magic: &[u8] = if little_endian { b"II*\0" } else { b"MM\0*" };
    [
        magic,
        &l(8),
        // IFD0 at 8, 2 entries, next at 68.
        &s(2),
        &short(ORIENTATION, orientation.into()),
        &long(EXIF_IFD, 38),
        &l(68),
        // Exif IFD at 38.
        &s(2),
        &short(PIXEL_X_DIMENSION, 640),
        &short(PIXEL_Y_DIMENSION, 480),
        &l(0),
        // IFD1 at 68.
        &s(1),
        &short(0x0103, 6),
        &l(0),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn upright_resets_orientation_drops_thumbnail_and_swaps_sides() {
        for little_endian in [true, false] {
            let mut exif = sample(6, little_endian);
            assert_eq!(orientation(&exif), Some(6));
            make_upright(&mut exif, true);
            assert_eq!(orientation(&exif), Some(1));
            let tiff = Tiff::new(&exif).unwrap();
            assert_eq!(tiff.u32(&exif, 34), Some(0), "thumbnail still reachable");
            let x = tiff.entry(&exif, 38, PIXEL_X_DIMENSION).unwrap();
            assert_eq!(tiff.value(&exif, x), Some(480));
        }
    }

    #[test]
    fn values_out_of_range_are_no_orientation() {
        for value in [0, 9, 255] {
            assert_eq!(orientation(&sample(value, true)), None);
        }
    }

    proptest! {
        #[test]
        fn damaged_blocks_never_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..120),
            cut in 0_usize..90,
            at in 0_usize..90,
            value: u8,
        ) {
            let _ = orientation(&bytes);
            make_upright(&mut bytes, true);
            let mut block = sample(5, true);
            block.truncate(cut);
            if let Some(byte) = block.get_mut(at) {
                *byte = value;
            }
            let _ = orientation(&block);
            make_upright(&mut block, true);
        }
    }
}
