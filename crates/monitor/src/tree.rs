//! The hash tiles of a tree, each checked before it is used.

use std::collections::BTreeMap;

use colophon_tlog::{Checkpoint, Hash, RightEdge, Tile, TileLevel, TreeSize, node_hash};

use crate::alarm::{Broken, Trouble};
use crate::source::{self, Source};

/// A tree as its tiles tell it. Whatever comes out is what the signed root hash says: the tiles of the right edge are
/// checked against the root, every other one against its parent.
pub(crate) struct Tree<'a> {
    source: &'a dyn Source,
    prefix: &'a str,
    size: TreeSize,
    /// Partial tiles, one a level at most.
    edge: BTreeMap<Tile, Vec<Hash>>,
    /// The full tile used last, one a level.
    recent: BTreeMap<u8, (u64, Vec<Hash>)>,
    /// Bytes got ahead of their use, not checked yet.
    ahead: BTreeMap<Tile, Vec<u8>>,
}

impl<'a> Tree<'a> {
    /// The tree of a checkpoint; fetches the right edge and checks it.
    pub(crate) fn open(
        source: &'a dyn Source,
        prefix: &'a str,
        checkpoint: &Checkpoint,
    ) -> Result<Self, Trouble> {
        let size = checkpoint.size;
        let mut edge = BTreeMap::new();
        let loaded = RightEdge::load(size, |tile| {
            let hashes = fetch(source, prefix, tile)?;
            edge.insert(tile, hashes.clone());
            Ok::<_, Trouble>(hashes)
        });
        let right = match loaded {
            Ok(right) => right,
            Err(colophon_tlog::EdgeError::Read(trouble)) => return Err(trouble),
            Err(error) => return Err(Broken::Tree(error.to_string()).into()),
        };
        let tree = Self {
            source,
            prefix,
            size,
            edge,
            recent: BTreeMap::new(),
            ahead: BTreeMap::new(),
        };
        if right.root() == checkpoint.root {
            Ok(tree)
        } else {
            Err(Broken::Root(right.root()).into())
        }
    }

    /// Fetches full tiles of level 0 that will be asked for in this order.
    pub(crate) fn fetch_ahead(&mut self, leaves: &[Tile]) {
        let wanted: Vec<Tile> = leaves.iter().copied().filter(Tile::is_full).collect();
        let found = source::tiles(self.source, self.prefix, &wanted);
        // What could not be had now is asked for, and its failure told, when it is needed.
        let found = wanted.into_iter().zip(found);
        self.ahead = found
            .filter_map(|(tile, bytes)| Some((tile, bytes.ok()??)))
            .collect();
    }

    /// The hashes of the tile `index` of `level`, as many as the tree has there.
    pub(crate) fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], Trouble> {
        let kind = TileLevel::Hashes(level);
        let width = Tile::available(kind, index, self.size.0);
        let tile = Tile::new(kind, index, width)
            .map_err(|_| Broken::Tree("a tile outside of the tree was needed".to_owned()))?;
        if !tile.is_full() {
            let found = self.edge.get(&tile);
            return found
                .map(Vec::as_slice)
                .ok_or_else(|| Broken::Tree("its right edge is incomplete".to_owned()).into());
        }
        let known = self.recent.get(&level).is_some_and(|(at, _)| *at == index);
        if !known {
            let hashes = match self.ahead.remove(&tile) {
                Some(bytes) => tile
                    .decode_hashes(&bytes)
                    .map_err(|_| Broken::Tile(tile.path()))?,
                None => fetch(self.source, self.prefix, tile)?,
            };
            let parent = self.tile(level + 1, index / 256)?;
            if parent.get((index % 256) as usize) != Some(&whole(&hashes)) {
                return Err(Broken::Tile(tile.path()).into());
            }
            self.recent.insert(level, (index, hashes));
        }
        Ok(self
            .recent
            .get(&level)
            .map_or(&[], |(_, hashes)| hashes.as_slice()))
    }
}

/// The hash over 2^n neighbouring hashes.
fn whole(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| node_hash(pair[0], pair[pair.len() - 1]))
            .collect();
    }
    row.first().copied().unwrap_or_else(Hash::empty_tree)
}

fn fetch(source: &dyn Source, prefix: &str, tile: Tile) -> Result<Vec<Hash>, Trouble> {
    let bytes = bytes(source, prefix, tile)?;
    tile.decode_hashes(&bytes)
        .map_err(|error| Broken::Tree(format!("{}: {error}", tile.path())).into())
}

/// The bytes of a hash tile, a full one in place of a partial one cut to what was asked for.
pub(crate) fn bytes(source: &dyn Source, prefix: &str, tile: Tile) -> Result<Vec<u8>, Trouble> {
    let bytes = source::tile(source, prefix, tile).map_err(Trouble::Source)?;
    let mut bytes = bytes.ok_or_else(|| Broken::Missing(tile.path()))?;
    if bytes.len() == usize::from(Tile::FULL) * 32 {
        bytes.truncate(usize::from(tile.width()) * 32);
    }
    Ok(bytes)
}
