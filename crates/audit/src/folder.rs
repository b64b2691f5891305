//! A copy of a log: the ledger's own folder, a mirror, or files fetched in any other way.

use std::fs;
use std::path::{Path, PathBuf};

use colophon_ledger::ShardName;
use colophon_tlog::{Hash, RightEdge, Tile, TileLevel, TreeSize, decode_bundle, leaf_hash};

use crate::AuditError;

/// Longest bundle: 256 entries of 65,535 bytes with their lengths.
const MAX_BUNDLE: u64 = 256 * 65_537;

/// A folder with the files of a log as C2SP `tlog-tiles` lays them out. Nothing in it is believed before the root of
/// its tree was derived.
#[derive(Clone, Debug)]
pub struct LogFolder {
    dir: PathBuf,
}

impl LogFolder {
    /// The folder of the log `origin` within the copy `dir` of the ledger `base`: that of its shard, or `dir` itself.
    pub fn within(dir: &Path, base: &str, origin: &str) -> Self {
        let shard = ShardName::of_origin(base, origin).map(|shard| dir.join(shard.to_string()));
        Self {
            dir: shard
                .filter(|folder| folder.is_dir())
                .unwrap_or_else(|| dir.to_owned()),
        }
    }

    /// Hands every leaf of the tree of this size to `each`, in order, and returns the root derived from them.
    ///
    /// # Errors
    /// [`AuditError::Folder`] when entries are missing; whatever `each` returns.
    pub fn each_leaf(
        &self,
        size: TreeSize,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), AuditError>,
    ) -> Result<Hash, AuditError> {
        let mut edge = RightEdge::new();
        let mut index = 0;
        let mut bundle = 0;
        while index < size.0 {
            let width = Tile::available(TileLevel::Entries, bundle, size.0);
            let bytes = self.bundle(bundle, width)?;
            let wrong = |what: String| AuditError::Folder {
                path: self.dir.clone(),
                what: format!("entry bundle {bundle}: {what}"),
            };
            let entries = first_entries(&bytes, width).map_err(wrong)?;
            let mut hashes = Vec::with_capacity(entries.len());
            for entry in entries {
                hashes.push(leaf_hash(entry));
                each(index, entry)?;
                index += 1;
            }
            edge.append(&hashes);
            bundle += 1;
        }
        Ok(edge.root())
    }

    /// The bytes of a bundle that has at least so many entries: the log may have grown since.
    fn bundle(&self, number: u64, width: u16) -> Result<Vec<u8>, AuditError> {
        let of_width = |width| Tile::new(TileLevel::Entries, number, width).ok();
        let wider = (width..=Tile::FULL).rev();
        let found = wider.filter_map(of_width).find_map(|tile| {
            let path = self.dir.join(tile.path());
            path.is_file().then_some(path)
        });
        let missing = || AuditError::Folder {
            path: self.dir.clone(),
            what: format!("entry bundle {number} is missing"),
        };
        let path = found.ok_or_else(missing)?;
        let about = fs::metadata(&path).map_err(AuditError::io("read", &path))?;
        if about.len() > MAX_BUNDLE {
            return Err(AuditError::Folder {
                path,
                what: "larger than any bundle".to_owned(),
            });
        }
        fs::read(&path).map_err(AuditError::io("read", &path))
    }
}

/// The first entries of a bundle that may hold more.
fn first_entries(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, String> {
    let mut end = 0;
    for _ in 0..width {
        let length = bytes.get(end..end + 2).ok_or("too short")?;
        end += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    let bytes = bytes.get(..end).ok_or("too short")?;
    decode_bundle(bytes, width).map_err(|error| error.to_string())
}
