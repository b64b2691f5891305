//! Appending leaves: the right edge of the tree and the tiles that change.

use alloc::vec::Vec;

use crate::hash::{Hash, TreeSize, node_hash};
use crate::tile::{Tile, TileError, TileLevel};

/// The partial tiles at the right edge: all that is needed to append leaves and to know the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RightEdge {
    size: u64,
    /// Hashes of the partial tile of each level, fewer than 256 a level.
    levels: Vec<Vec<Hash>>,
}

/// A hash tile to store after an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileWrite {
    /// Where it belongs.
    pub tile: Tile,
    /// Its whole content.
    pub hashes: Vec<Hash>,
}

impl TileWrite {
    /// The tile file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }
}

/// The right edge could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError<E> {
    /// The reader failed.
    #[error(transparent)]
    Read(E),
    /// The reader answered with the wrong number of hashes.
    #[error(transparent)]
    Tile(TileError),
}

impl RightEdge {
    /// The edge of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads the edge of a stored tree of `size` leaves; `read` returns the hashes of the named tile.
    /// Compare [`RightEdge::root`] with the signed root afterwards: the edge determines it.
    ///
    /// # Errors
    /// What `read` returns, or a tile of the wrong width.
    pub fn load<E>(
        size: TreeSize,
        mut read: impl FnMut(Tile) -> Result<Vec<Hash>, E>,
    ) -> Result<Self, EdgeError<E>> {
        let mut levels = Vec::new();
        for level in 0..8_u8 {
            let items = size.0 >> (8 * u32::from(level));
            if items == 0 {
                break;
            }
            let width = (items % 256) as u16;
            let hashes = if width == 0 {
                Vec::new()
            } else {
                let tile = Tile::new(TileLevel::Hashes(level), items / 256, width)
                    .map_err(EdgeError::Tile)?;
                let hashes = read(tile).map_err(EdgeError::Read)?;
                if hashes.len() != usize::from(width) {
                    return Err(EdgeError::Tile(TileError::Length {
                        width,
                        found: hashes.len() * 32,
                    }));
                }
                hashes
            };
            levels.push(hashes);
        }
        Ok(Self {
            size: size.0,
            levels,
        })
    }

    /// Leaves so far.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// The Merkle tree hash (RFC 6962 section 2.1).
    pub fn root(&self) -> Hash {
        // The complete subtrees ("peaks") from the rightmost, smallest one upwards.
        let mut root: Option<Hash> = None;
        for hashes in &self.levels {
            let mut end = hashes.len();
            while end > 0 {
                let run = 1 << end.trailing_zeros();
                let peak = complete_subtree(&hashes[end - run..end]);
                root = Some(root.map_or(peak, |right| node_hash(peak, right)));
                end -= run;
            }
        }
        root.unwrap_or_else(Hash::empty_tree)
    }

    /// Appends leaf hashes and returns every hash tile that changed: the tiles that became full, in order, and
    /// the new partial tile of each touched level.
    pub fn append(&mut self, leaves: &[Hash]) -> Vec<TileWrite> {
        let before: Vec<u64> = (0..8).map(|level| self.size >> (8 * level)).collect();
        let mut writes = Vec::new();
        for leaf in leaves {
            self.push(0, *leaf, &mut writes);
            self.size += 1;
        }
        for (level, hashes) in self.levels.iter().enumerate() {
            let items = self.size >> (8 * level);
            if items != before[level] && !hashes.is_empty() {
                writes.extend(tile_write(level, items / 256, hashes.clone()));
            }
        }
        writes
    }

    fn push(&mut self, level: usize, hash: Hash, writes: &mut Vec<TileWrite>) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(hash);
        if self.levels[level].len() == usize::from(Tile::FULL) {
            let hashes = core::mem::take(&mut self.levels[level]);
            let parent = complete_subtree(&hashes);
            let index = self.size >> (8 * (level + 1));
            writes.extend(tile_write(level, index, hashes));
            self.push(level + 1, parent, writes);
        }
    }
}

/// `None` never happens: a level holds 1 to 256 hashes and a `u64` tree has 8 tile levels.
fn tile_write(level: usize, index: u64, hashes: Vec<Hash>) -> Option<TileWrite> {
    let level = TileLevel::Hashes(u8::try_from(level).ok()?);
    let tile = Tile::new(level, index, u16::try_from(hashes.len()).ok()?).ok()?;
    Some(TileWrite { tile, hashes })
}

/// Root of a complete subtree; `hashes.len()` is a power of two.
fn complete_subtree(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two());
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = pairs(&row);
    }
    row[0]
}

/// The nodes over neighbouring pairs; a last hash without a neighbour has none yet.
pub(crate) fn pairs(hashes: &[Hash]) -> Vec<Hash> {
    let (pairs, _) = hashes.as_chunks::<2>();
    let nodes = pairs.iter().map(|[left, right]| node_hash(*left, *right));
    nodes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    /// RFC 6962 section 2.1, word for word.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::empty_tree(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(naive_root(&leaves[..split]), naive_root(&leaves[split..]))
            }
        }
    }

    fn leaves(range: core::ops::Range<u64>) -> Vec<Hash> {
        range.map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn roots_match_the_definition_across_tile_borders() {
        let all = leaves(0..66_000);
        for size in [
            0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_000,
        ] {
            let mut edge = RightEdge::new();
            edge.append(&all[..size]);
            assert_eq!(edge.root(), naive_root(&all[..size]), "size {size}");
        }
    }

    proptest! {
        #[test]
        fn batches_agree_and_reload(cuts in proptest::collection::vec(0_u64..700, 1..6)) {
            let mut stored = BTreeMap::new();
            let mut edge = RightEdge::new();
            let mut size = 0;
            for cut in cuts {
                for write in edge.append(&leaves(size..size + cut)) {
                    prop_assert_eq!(write.tile.decode_hashes(&write.bytes()).unwrap(), write.hashes.clone());
                    stored.insert(write.tile.path(), write.hashes);
                }
                size += cut;
                prop_assert_eq!(edge.root(), naive_root(&leaves(0..size)));
                let loaded = RightEdge::load(TreeSize(size), |tile| stored.get(&tile.path()).cloned().ok_or(()));
                prop_assert_eq!(loaded.unwrap().root(), edge.root());
            }
        }
    }
}
