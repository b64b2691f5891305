//! The journal (`staged`): the files of every batch that is committed but perhaps not yet durable in place.
//!
//! A sequence of bundles, each `magic, old size, new size, payload length, SHA-256 of all this and the payload,
//! payload`; the payload is a sequence of `path length (u16), path, content length (u32), content`. Big-endian.

use std::path::PathBuf;

use colophon_tlog::Tile;
use sha2::{Digest, Sha256};

use crate::error::LedgerError;
use crate::files::Files;
use crate::store::{Access, StoredFile};

const MAGIC: &[u8; 8] = b"CLPHSTG1";
const HEADER: usize = 8 + 8 + 8 + 8;
/// Far above what a journal holds before it is emptied; a larger file is damage.
const MAX_JOURNAL: u64 = 1 << 30;

/// One batch's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub old_size: u64,
    pub new_size: u64,
    pub files: Vec<(Tile, Vec<u8>)>,
}

impl Bundle {
    fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        for (tile, bytes) in &self.files {
            let path = tile.path();
            // Paths are below 60 bytes and tiles below 17 MB.
            payload.extend((path.len() as u16).to_be_bytes());
            payload.extend(path.as_bytes());
            payload.extend((bytes.len() as u32).to_be_bytes());
            payload.extend(bytes);
        }
        let mut out = MAGIC.to_vec();
        out.extend(self.old_size.to_be_bytes());
        out.extend(self.new_size.to_be_bytes());
        out.extend((payload.len() as u64).to_be_bytes());
        let digest = Sha256::new()
            .chain_update(&out)
            .chain_update(&payload)
            .finalize();
        out.extend(digest);
        out.extend(payload);
        out
    }

    /// Reads the first bundle and returns what follows it; `None` for a torn or altered one.
    fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let number = |at: usize| Some(u64::from_be_bytes(header[at..at + 8].try_into().ok()?));
        let (mut payload, rest) = rest.split_at_checked(usize::try_from(number(24)?).ok()?)?;
        let expected = Sha256::new()
            .chain_update(header)
            .chain_update(payload)
            .finalize();
        if !header.starts_with(MAGIC) || expected[..] != digest[..] {
            return None;
        }
        let mut files = Vec::new();
        while !payload.is_empty() {
            let (length, after) = payload.split_first_chunk::<2>()?;
            let (path, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let (length, after) = after.split_first_chunk::<4>()?;
            let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            files.push((
                Tile::parse_path(std::str::from_utf8(path).ok()?).ok()?,
                content.to_vec(),
            ));
            payload = after;
        }
        Some((
            Self {
                old_size: number(8)?,
                new_size: number(16)?,
                files,
            },
            rest,
        ))
    }
}

/// The journal file, open for writing. Touched only under the ledger's lock.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Box<dyn StoredFile>,
    path: PathBuf,
}

impl Journal {
    pub fn open(files: &Files) -> Result<Self, LedgerError> {
        let path = files.journal();
        let file = files.open(&path, Access::Write)?;
        Ok(Self { file, path })
    }

    /// Bytes in it; zero when nothing waits.
    pub fn len(&self) -> Result<u64, LedgerError> {
        self.file
            .len()
            .map_err(|error| self.error("cannot read", &error))
    }

    /// Appends a bundle and makes it durable.
    pub fn append(&mut self, bundle: &Bundle) -> Result<(), LedgerError> {
        let write = || {
            self.file.write_at(self.file.len()?, &bundle.encode())?;
            self.file.sync()
        };
        write().map_err(|error| self.error("cannot write", &error))
    }

    /// Empties it. Needs no sync: replaying a bundle again changes nothing.
    pub fn clear(&mut self) -> Result<(), LedgerError> {
        self.file
            .set_len(0)
            .map_err(|error| self.error("cannot empty", &error))
    }

    /// Makes the emptying durable, where nobody may come to replay what is left.
    pub fn sync(&self) -> Result<(), LedgerError> {
        self.file
            .sync()
            .map_err(|error| self.error("cannot sync", &error))
    }

    fn error(&self, doing: &'static str, error: &std::io::Error) -> LedgerError {
        LedgerError::io(doing, &self.path, error)
    }

    /// All whole bundles of a journal file; what follows the first torn one was never committed.
    pub fn read(files: &Files) -> Result<Vec<Bundle>, LedgerError> {
        let bytes = files
            .read_bounded(&files.journal(), MAX_JOURNAL)?
            .unwrap_or_default();
        let (mut bundles, mut rest) = (Vec::new(), &bytes[..]);
        while let Some((bundle, after)) = Bundle::decode(rest) {
            bundles.push(bundle);
            rest = after;
        }
        Ok(bundles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_tlog::TileLevel;
    use proptest::prelude::*;

    fn bundle() -> Bundle {
        let tile = |level, width| Tile::new(level, 1_234, width).unwrap();
        Bundle {
            old_size: 3,
            new_size: 5,
            files: vec![
                (tile(TileLevel::Entries, 256), vec![1, 2, 3]),
                (tile(TileLevel::Hashes(1), 7), vec![]),
            ],
        }
    }

    proptest! {
        #[test]
        fn torn_and_altered_bundles_are_dropped(at: proptest::sample::Index, bit in 0..8_u8) {
            let whole = bundle().encode();
            let mut two = whole.clone();
            two.extend(&whole);
            let (first, rest) = Bundle::decode(&two).unwrap();
            prop_assert_eq!(first, bundle());
            prop_assert_eq!(rest, &whole[..]);
            prop_assert_eq!(Bundle::decode(&whole[..at.index(whole.len())]), None);
            let mut altered = whole.clone();
            altered[at.index(whole.len())] ^= 1 << bit;
            prop_assert_eq!(Bundle::decode(&altered), None);
        }
    }
}
