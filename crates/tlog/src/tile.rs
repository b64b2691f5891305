//! Tile coordinates and entry bundles (C2SP `tlog-tiles`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::hash::{Hash, parse_decimal};

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileLevel {
    /// An entry bundle: the leaves themselves, under `tile/entries/`.
    Entries,
    /// Hashes at tile level 0 to 7, each hash over `256^level` leaves. (A `u64` tree never needs more.)
    Hashes(u8),
}

/// One tile file: its level, its index within the level, and how many items it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: TileLevel,
    index: u64,
    width: u16,
}

/// A tile coordinate, path or content that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// Width outside 1 to 256, or level above 7.
    #[error("no such tile: width must be 1 to 256 and level 0 to 7")]
    Coordinate,
    /// The path does not have the form `tile/<L>/<N>[.p/<W>]`.
    #[error("not a tile path: {0:?}")]
    Path(String),
    /// A hash tile whose length is not `width * 32` bytes.
    #[error("a hash tile of width {width} must be {} bytes long, found {found}", usize::from(*.width) * 32)]
    Length {
        /// Width the coordinate promises.
        width: u16,
        /// Bytes found.
        found: usize,
    },
}

impl Tile {
    /// Items in a full tile.
    pub const FULL: u16 = 256;

    /// Makes a coordinate; `width` is 1 to 256, hash levels are 0 to 7.
    ///
    /// # Errors
    /// [`TileError::Coordinate`] when out of range.
    pub fn new(level: TileLevel, index: u64, width: u16) -> Result<Self, TileError> {
        let level_fits = !matches!(level, TileLevel::Hashes(8..));
        if level_fits && (1..=Self::FULL).contains(&width) {
            Ok(Self {
                level,
                index,
                width,
            })
        } else {
            Err(TileError::Coordinate)
        }
    }

    /// What it holds.
    pub fn level(&self) -> TileLevel {
        self.level
    }

    /// Its index within the level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Items in it, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds all 256 items, so that it never changes again.
    pub fn is_full(&self) -> bool {
        self.width == Self::FULL
    }

    /// The full tile at the same place.
    #[must_use]
    pub fn full(&self) -> Self {
        Self {
            width: Self::FULL,
            ..*self
        }
    }

    /// Items available at tile number `index` of `level` in a tree of `size` leaves, 0 to 256.
    pub fn available(level: TileLevel, index: u64, size: u64) -> u16 {
        let items = match level {
            TileLevel::Entries => size,
            TileLevel::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
        };
        let start = index.saturating_mul(256);
        // At most 256, so it fits.
        items.saturating_sub(start).min(256) as u16
    }

    /// The file's path below the log's prefix, for example `tile/0/x001/067.p/12`.
    pub fn path(&self) -> String {
        let mut path = match self.level {
            TileLevel::Entries => String::from("tile/entries/"),
            TileLevel::Hashes(level) => format!("tile/{level}/"),
        };
        let mut groups = Vec::new();
        let mut rest = self.index;
        loop {
            groups.push(rest % 1000);
            rest /= 1000;
            if rest == 0 {
                break;
            }
        }
        let elements = groups
            .iter()
            .enumerate()
            .rev()
            .map(|(position, group)| match position {
                0 => format!("{group:03}"),
                _ => format!("x{group:03}/"),
            });
        path.extend(elements);
        if self.is_full() {
            path
        } else {
            format!("{path}.p/{}", self.width)
        }
    }

    /// Reads what [`Tile::path`] writes; every other spelling is refused.
    ///
    /// # Errors
    /// [`TileError::Path`].
    pub fn parse_path(path: &str) -> Result<Self, TileError> {
        // Accepting exactly the canonical spelling: parse leniently, then compare.
        Self::parse_loose(path)
            .filter(|tile| tile.path() == path)
            .ok_or_else(|| TileError::Path(String::from(path)))
    }

    fn parse_loose(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = match level {
            "entries" => TileLevel::Entries,
            number => TileLevel::Hashes(u8::try_from(parse_decimal(number)?).ok()?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, u16::try_from(parse_decimal(width)?).ok()?),
            None => (rest, Self::FULL),
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        Self::new(level, index, width).ok()
    }

    /// Splits a hash tile's bytes into its hashes.
    ///
    /// # Errors
    /// [`TileError::Length`] when the bytes are not exactly `width` hashes.
    pub fn decode_hashes(&self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if hashes.len() != usize::from(self.width) || !rest.is_empty() {
            return Err(TileError::Length {
                width: self.width,
                found: bytes.len(),
            });
        }
        Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
    }
}

/// An entry or an entry bundle that breaks the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The format's length field has 16 bits.
    #[error(
        "a log entry may hold at most 65,535 bytes, this one has {0}: shorten the record's texts"
    )]
    EntryTooLong(usize),
    /// The bundle ends within an entry.
    #[error("the entry bundle is cut off within entry {0}")]
    Truncated(usize),
    /// The bundle does not hold as many entries as its coordinate says.
    #[error("the entry bundle holds {found} entries instead of {expected}")]
    Count {
        /// Entries promised.
        expected: usize,
        /// Entries found.
        found: usize,
    },
}

/// Appends one entry with its big-endian 16-bit length to a bundle.
///
/// # Errors
/// [`BundleError::EntryTooLong`] above 65,535 bytes; `bundle` is then unchanged.
pub fn encode_bundle_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Splits an entry bundle into exactly `width` entries.
///
/// # Errors
/// [`BundleError::Truncated`] or [`BundleError::Count`].
pub fn decode_bundle(mut bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let truncated = BundleError::Truncated(entries.len());
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(truncated)?;
        let (entry, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or(truncated)?;
        entries.push(entry);
        bytes = rest;
    }
    if entries.len() != usize::from(width) {
        return Err(BundleError::Count {
            expected: usize::from(width),
            found: entries.len(),
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_follow_tlog_tiles() {
        let path = |level, index, width| Tile::new(level, index, width).unwrap().path();
        assert_eq!(
            path(TileLevel::Hashes(0), 1_234_067, 256),
            "tile/0/x001/x234/067"
        );
        assert_eq!(path(TileLevel::Hashes(2), 0, 1), "tile/2/000.p/1");
        assert_eq!(
            path(TileLevel::Entries, 1000, 255),
            "tile/entries/x001/000.p/255"
        );
        for bad in [
            "tile/0/1",
            "tile/00/001",
            "tile/8/000",
            "tile/0/x000/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/../001",
            "/tile/0/000",
            "tile/0/000/",
            "tile/entries/x001/x000",
            "checkpoint",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(Tile::parse_path(bad).is_err(), "{bad}");
        }
        assert!(Tile::new(TileLevel::Hashes(0), 0, 0).is_err());
        assert!(Tile::new(TileLevel::Hashes(0), 0, 257).is_err());
    }

    #[test]
    fn availability_matches_the_specifications_example() {
        // "a tree of size 70,000": 273 full level-0 tiles, then 112, one full level 1, then 17, then 1.
        let wide = |level, index| Tile::available(TileLevel::Hashes(level), index, 70_000);
        assert_eq!((wide(0, 272), wide(0, 273), wide(0, 274)), (256, 112, 0));
        assert_eq!(
            (wide(1, 0), wide(1, 1), wide(2, 0), wide(3, 0)),
            (256, 17, 1, 0)
        );
    }

    proptest! {
        #[test]
        fn paths_round_trip(level in 0_u8..9, index: u64, width in 1_u16..=256) {
            let level = if level == 8 { TileLevel::Entries } else { TileLevel::Hashes(level) };
            let tile = Tile::new(level, index, width).unwrap();
            prop_assert_eq!(Tile::parse_path(&tile.path()), Ok(tile));
        }

        #[test]
        fn any_text_is_refused_or_canonical(text in "(tile/)?[0-9a-z./]{0,24}") {
            if let Ok(tile) = Tile::parse_path(&text) {
                prop_assert_eq!(tile.path(), text);
            }
        }

        #[test]
        fn bundles_round_trip(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..30)) {
            let mut bytes = Vec::new();
            for entry in &entries {
                encode_bundle_entry(&mut bytes, entry).unwrap();
            }
            let width = entries.len() as u16;
            prop_assert_eq!(decode_bundle(&bytes, width).unwrap(), entries);
            prop_assert!(decode_bundle(&bytes, width + 1).is_err());
            prop_assert!(decode_bundle(&bytes[..bytes.len() - 1], width).is_err());
        }

        #[test]
        fn any_bytes_decode_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), width in 0_u16..300) {
            let _ = decode_bundle(&bytes, width);
        }
    }
}
