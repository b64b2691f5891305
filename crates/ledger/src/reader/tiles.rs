//! Proofs from the hash tiles, which are kept once they were read.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use colophon_tlog::{
    Checkpoint, Hash, LeafIndex, Tile, TileError, TileLevel, TileNodes, TileReader, TileSource,
    TreeError, prove_inclusion, verify_inclusion,
};
use hashlink::LruCache;

use crate::error::Unproven;
use crate::files::Files;

/// Tiles kept, of 16 KB each. Those above the leaves' own are 240 where a log has 15 million entries; the others hold
/// what was looked up last.
const KEPT: usize = 1024;

/// The hash tiles of one shard.
pub(super) struct Tiles {
    files: Files,
    /// What was read, right or wrong: what cannot be proven with it is tried again without.
    kept: Mutex<LruCache<Tile, Arc<TileNodes>>>,
}

impl fmt::Debug for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiles").finish_non_exhaustive()
    }
}

impl Tiles {
    pub fn new(files: Files) -> Self {
        Self {
            files,
            kept: Mutex::new(LruCache::new(KEPT)),
        }
    }

    /// The hashes that lead from a leaf to the root of a checkpoint, as they were checked to do.
    pub fn prove(
        &self,
        index: LeafIndex,
        leaf: Hash,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<Hash>, Unproven> {
        self.twice(|| climb(self, index, leaf, checkpoint))
    }

    /// The whole tile at the leaves' level with the leaf at `index`, read now. The proof of one leaf hashes all its
    /// neighbours in, so a tile through which one is proven is right in all its hashes.
    pub fn prove_tile(
        &self,
        index: LeafIndex,
        checkpoint: &Checkpoint,
    ) -> Result<Arc<TileNodes>, Unproven> {
        self.twice(|| {
            let size = checkpoint.size.0;
            let width = u64::from(Tile::FULL);
            let level = TileLevel::Hashes(0);
            let number = index.0 / width;
            let tile = Tile::new(level, number, Tile::available(level, number, size));
            // A tile beyond the end has no width.
            let tile = tile.map_err(|_| Unproven::NotCovered(size))?;
            let nodes = self.read(tile).map_err(|TileFault(why)| why)?;
            let leaf = nodes.hashes().get((index.0 % width) as usize).copied();
            let leaf = leaf.ok_or(Unproven::NotCovered(size))?;
            let through = Through {
                tile,
                nodes: &nodes,
                others: self,
            };
            climb(through, index, leaf, checkpoint)?;
            Ok(nodes)
        })
    }

    /// Tries again without what was kept: a tile may have been damaged when it was read, and repaired since.
    fn twice<T>(&self, prove: impl Fn() -> Result<T, Unproven>) -> Result<T, Unproven> {
        prove().or_else(|_| {
            self.kept().clear();
            prove()
        })
    }

    fn read(&self, tile: Tile) -> Result<Arc<TileNodes>, TileFault> {
        let bytes = self.files.read_tile(tile);
        let bytes = bytes.map_err(|error| TileFault(Unproven::Tile(error.to_string())))?;
        Ok(Arc::new(TileNodes::decode(tile, &bytes)?))
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<Tile, Arc<TileNodes>>> {
        // Each tile is put in whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Proves a leaf and checks the proof.
fn climb(
    tiles: impl TileSource<Error = TileFault>,
    index: LeafIndex,
    leaf: Hash,
    checkpoint: &Checkpoint,
) -> Result<Vec<Hash>, Unproven> {
    let (size, root) = (checkpoint.size, checkpoint.root);
    let mut tiles = TileReader::new(size, tiles);
    let hashes = prove_inclusion(&mut tiles, index, size).map_err(|error| match error {
        TreeError::Read(TileFault(why)) => why,
        _ => Unproven::NotCovered(size.0),
    })?;
    verify_inclusion(&hashes, index, size, leaf, root)
        .map(|()| hashes)
        .map_err(|_| Unproven::Mismatch)
}

/// Why a tile gave no hashes.
pub(super) struct TileFault(Unproven);

impl From<TileError> for TileFault {
    fn from(error: TileError) -> Self {
        Self(Unproven::Tile(error.to_string()))
    }
}

impl TileSource for &Tiles {
    type Error = TileFault;

    fn nodes(&mut self, tile: Tile) -> Result<Arc<TileNodes>, TileFault> {
        if let Some(nodes) = self.kept().get(&tile) {
            return Ok(Arc::clone(nodes));
        }
        let nodes = self.read(tile)?;
        self.kept().insert(tile, Arc::clone(&nodes));
        Ok(nodes)
    }
}

/// One tile at hand, the others from where they are kept.
struct Through<'a> {
    tile: Tile,
    nodes: &'a Arc<TileNodes>,
    others: &'a Tiles,
}

impl TileSource for Through<'_> {
    type Error = TileFault;

    fn nodes(&mut self, tile: Tile) -> Result<Arc<TileNodes>, TileFault> {
        if tile == self.tile {
            return Ok(Arc::clone(self.nodes));
        }
        let mut others = self.others;
        others.nodes(tile)
    }
}
