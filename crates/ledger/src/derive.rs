//! Tiles and bundles derived from the rows.

use colophon_tlog::{Hash, RightEdge, Tile, TileLevel, TreeSize, encode_bundle_entry, leaf_hash};

use crate::db::Db;
use crate::error::LedgerError;
use crate::files::Files;

/// Entries of one bundle.
const BUNDLE: u64 = 256;

/// What was derived.
pub(crate) struct Derived {
    /// Root of the tree.
    pub root: Hash,
    /// Files that were not there, or otherwise.
    pub files: usize,
}

/// Writes the tiles and bundles of a tree of `size` entries from the rows of the database. The files are durable
/// afterwards; what else lies there stays.
pub(crate) fn write_tiles(db: &Db, files: &Files, size: TreeSize) -> Result<Derived, LedgerError> {
    let mut edge = RightEdge::new();
    let mut written = Vec::new();
    for start in (0..size.0).step_by(BUNDLE as usize) {
        let count = BUNDLE.min(size.0 - start);
        let (mut bundle, mut leaves) = (Vec::new(), Vec::new());
        for (index, row) in (start..).zip(db.entries(start, count as usize)?) {
            if row.index != index {
                break;
            }
            encode_bundle_entry(&mut bundle, &row.leaf)
                .map_err(|error| LedgerError::Damaged(error.to_string()))?;
            leaves.push(leaf_hash(&row.leaf));
        }
        if leaves.len() as u64 != count {
            let missing = start + leaves.len() as u64;
            return Err(LedgerError::Damaged(format!(
                "the row of entry {missing} is missing"
            )));
        }
        for write in edge.append(&leaves) {
            // Of a tile at the right edge only the widest version is wanted.
            let whole = Tile::available(write.tile.level(), write.tile.index(), size.0);
            if write.tile.width() == whole {
                put(files, &mut written, write.tile, &write.bytes())?;
            }
        }
        let tile = Tile::new(TileLevel::Entries, start / BUNDLE, count as u16)
            .map_err(|error| LedgerError::Damaged(error.to_string()))?;
        put(files, &mut written, tile, &bundle)?;
    }
    let paths: Vec<&str> = written.iter().map(String::as_str).collect();
    files.sync_all(&paths)?;
    Ok(Derived {
        root: edge.root(),
        files: written.len(),
    })
}

/// Writes anew those narrower versions of the tiles at the right edge that are there and wrong; tells how many.
/// The wide versions must be right.
pub(crate) fn write_partials(db: &Db, files: &Files, size: TreeSize) -> Result<usize, LedgerError> {
    let mut written = Vec::new();
    for level in (0..8).map(TileLevel::Hashes).chain([TileLevel::Entries]) {
        let beside = match level {
            TileLevel::Entries => TileLevel::Hashes(0),
            level @ TileLevel::Hashes(_) => level,
        };
        let width_at = |index| Tile::available(beside, index, size.0);
        // The last tile of a level is the only one that has narrower versions.
        let Some(index) = last_tile(beside, size) else {
            continue;
        };
        let Ok(wide) = Tile::new(level, index, width_at(index)) else {
            continue;
        };
        let folder = format!("{}.p", wide.full().path());
        for item in files.list(&folder)? {
            let width = item.name.parse().ok().filter(|width| *width < wide.width());
            let narrow = width.and_then(|width| Tile::new(level, index, width).ok());
            if let Some(narrow) = narrow {
                let bytes = narrow_bytes(db, files, wide, narrow)?;
                put(files, &mut written, narrow, &bytes)?;
            }
        }
    }
    let paths: Vec<&str> = written.iter().map(String::as_str).collect();
    files.sync_all(&paths)?;
    Ok(written.len())
}

/// Index of the last tile of a level, if the tree has one there.
fn last_tile(level: TileLevel, size: TreeSize) -> Option<u64> {
    let TileLevel::Hashes(level) = level else {
        return None;
    };
    // A tile at this level holds the roots of 256^level leaves each.
    let hashes = size.0.checked_shr(u32::from(level) * 8).unwrap_or(0);
    hashes.checked_sub(1).map(|last| last / BUNDLE)
}

/// What a narrower version of a tile holds: its beginning.
fn narrow_bytes(db: &Db, files: &Files, wide: Tile, narrow: Tile) -> Result<Vec<u8>, LedgerError> {
    if narrow.level() != TileLevel::Entries {
        let mut bytes = files.read_tile(wide)?;
        bytes.truncate(usize::from(narrow.width()) * 32);
        return Ok(bytes);
    }
    let mut bundle = Vec::new();
    for row in db.entries(narrow.index() * BUNDLE, usize::from(narrow.width()))? {
        encode_bundle_entry(&mut bundle, &row.leaf)
            .map_err(|error| LedgerError::Damaged(error.to_string()))?;
    }
    Ok(bundle)
}

/// Puts a file in place unless it is there with that content already.
fn put(
    files: &Files,
    written: &mut Vec<String>,
    tile: Tile,
    bytes: &[u8],
) -> Result<(), LedgerError> {
    if files.read_tile_file(tile)?.as_deref() != Some(bytes) {
        let path = tile.path();
        files.put(&path, bytes)?;
        written.push(path);
    }
    Ok(())
}
