//! ISO base media files with still pictures (AVIF, HEIF): the `uuid` box of C2PA 2.4, section A.5.

use std::ops::Range;

use super::Stores;
use crate::ManifestError;

/// The type of the box that holds C2PA data.
const C2PA_UUID: [u8; 16] = *b"\xd8\xfe\xc3\xd6\x1b\x0e\x48\x3c\x92\x97\x58\x28\x87\x7e\xc4\x81";
/// Boxes that hold boxes, of those that the validator goes into.
const HOLDERS: [&[u8; 4]; 12] = [
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"meta", b"iprp", b"ipco", b"moof",
    b"traf", b"edts",
];
/// Most boxes of a file. A still picture has some tens.
const MAX_BOXES: usize = 20_000;
/// Deepest nesting that is walked; the validator stops at 32.
const MAX_DEPTH: usize = 32;

/// What a file is by the brands in its `ftyp` box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Avif,
    Heif,
}

pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    (bytes.get(4..8)? == b"ftyp").then_some(())?;
    match bytes.get(8..12)? {
        b"avif" | b"avis" => Some(Kind::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Kind::Heif),
        // The general brands leave the codec to those that follow.
        b"mif1" | b"msf1" | b"miaf" => {
            let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
            let list = bytes.get(16..length.min(bytes.len()).min(256))?;
            let is_avif = list.chunks_exact(4).any(|brand| brand == b"avif");
            Some(if is_avif { Kind::Avif } else { Kind::Heif })
        }
        _ => None,
    }
}

/// Collects the stores, and counts the boxes on the way.
pub(super) fn walk(asset: &[u8], stores: &mut Stores) -> Result<(), ManifestError> {
    let mut count = 0;
    let mut open = vec![(0..asset.len(), 0usize)];
    while let Some((range, depth)) = open.pop() {
        let mut at = range.start;
        while let Some((kind, content, end)) = next_box(asset, at, range.end) {
            count += 1;
            if count > MAX_BOXES || depth > MAX_DEPTH {
                return Err(ManifestError::TooComplex {
                    what: "boxes in the file",
                    limit: MAX_BOXES,
                });
            }
            at = end;
            if &kind == b"uuid" && depth == 0 {
                store_of(&asset[content], stores)?;
            } else if HOLDERS.contains(&&kind) {
                // `meta` is a full box: version and flags come before its content.
                let skip = if &kind == b"meta" { 4 } else { 0 };
                open.push(((content.start + skip).min(end)..end, depth + 1));
            }
        }
    }
    Ok(())
}

/// The box's content: its type, version and flags, a purpose that ends with a zero, an offset of eight bytes, and
/// the store.
fn store_of(content: &[u8], stores: &mut Stores) -> Result<(), ManifestError> {
    let Some(rest) = content.strip_prefix(&C2PA_UUID) else {
        return Ok(());
    };
    let purpose = rest.get(4..).unwrap_or_default();
    let Some(store) = purpose.strip_prefix(b"manifest\0".as_slice()) else {
        return Ok(());
    };
    stores.start(0, store.get(8..).unwrap_or_default())
}

fn next_box(bytes: &[u8], at: usize, end: usize) -> Option<([u8; 4], Range<usize>, usize)> {
    let kind: [u8; 4] = bytes
        .get(at.checked_add(4)?..at.checked_add(8)?)?
        .try_into()
        .ok()?;
    let short = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
    let (length, header) = match short {
        0 => (end.checked_sub(at)?, 8),
        1 => {
            let long: [u8; 8] = bytes.get(at + 8..at + 16)?.try_into().ok()?;
            (usize::try_from(u64::from_be_bytes(long)).ok()?, 16)
        }
        short => (short as usize, 8),
    };
    let stop = at.checked_add(length)?.min(end);
    (length >= header && at + header <= stop).then_some((kind, at + header..stop, stop))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Container, Found, find_store};
    use super::*;

    fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
        [&length[..], &kind, content].concat()
    }

    fn avif(rest: &[u8]) -> Vec<u8> {
        [boxed(*b"ftyp", b"avif\0\0\0\0avifmif1"), rest.to_vec()].concat()
    }

    #[test]
    fn brands_tell_the_kind() {
        assert_eq!(kind(&avif(b"")), Some(Kind::Avif));
        let general = |brand: &[u8]| boxed(*b"ftyp", &[b"mif1\0\0\0\0mif1", brand].concat());
        assert_eq!(kind(&general(b"avif")), Some(Kind::Avif));
        assert_eq!(kind(&general(b"heic")), Some(Kind::Heif));
        assert_eq!(kind(&boxed(*b"ftyp", b"isom\0\0\0\0")), None);
        assert_eq!(kind(b"ftyp"), None);
    }

    #[test]
    fn the_store_is_found_in_its_box() {
        let mut store = b"\0\0\0\x26jumb\0\0\0\x1ejumd".to_vec();
        store.extend(b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\0");
        let content = [&C2PA_UUID[..], &[0; 4], b"manifest\0", &[0; 8], &store].concat();
        let asset = avif(&[boxed(*b"mdat", b"x"), boxed(*b"uuid", &content)].concat());
        assert_eq!(
            find_store(&asset, Container::Avif).unwrap(),
            Found::Store(store)
        );
        let other = avif(&boxed(*b"uuid", &[7; 40]));
        assert_eq!(find_store(&other, Container::Avif).unwrap(), Found::Nothing);
    }

    #[test]
    fn a_file_of_nothing_but_boxes_is_refused() {
        let many = avif(&boxed(*b"free", b"").repeat(MAX_BOXES + 1));
        let deep = avif(&(0..MAX_DEPTH + 2).fold(Vec::new(), |inner, _| boxed(*b"moov", &inner)));
        for asset in [many, deep] {
            assert!(matches!(
                find_store(&asset, Container::Avif),
                Err(ManifestError::TooComplex { .. })
            ));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_walk_fail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = find_store(&avif(&bytes), Container::Avif);
            let _ = kind(&bytes);
        }
    }
}
