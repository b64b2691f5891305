//! Proving neighbouring entries together.

use std::sync::Arc;

use colophon_tlog::{Checkpoint, Tile, TileNodes, leaf_hash};

use crate::entry::Inclusion;
use crate::error::Unproven;
use crate::reader::Reader;

/// Leaves of a full tile.
const WIDTH: u64 = Tile::FULL as u64;

/// Proves entries against one checkpoint. The tree is climbed once a tile of 256 neighbours: the proof of one leaf
/// hashes all its neighbours in, so that a proof that holds vouches for the whole tile.
pub(super) struct Prover<'a> {
    reader: &'a Reader,
    checkpoint: Checkpoint,
    /// The last tile: its number and its hashes, or what is wrong with it.
    tile: Option<(u64, Result<Arc<TileNodes>, Unproven>)>,
}

impl<'a> Prover<'a> {
    pub fn new(reader: &'a Reader, checkpoint: Checkpoint) -> Self {
        Self {
            reader,
            checkpoint,
            tile: None,
        }
    }

    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Entries that can be proven.
    pub fn size(&self) -> u64 {
        self.checkpoint.size.0
    }

    /// Whether the leaf stands at its index.
    pub fn prove(&mut self, index: u64, leaf: &[u8]) -> Result<Inclusion, Unproven> {
        let number = index / WIDTH;
        let nodes = match &self.tile {
            Some((known, nodes)) if *known == number => nodes,
            _ => {
                let nodes = self.reader.proven_neighbours(index, &self.checkpoint);
                &self.tile.insert((number, nodes)).1
            }
        };
        let nodes = nodes.as_ref().map_err(Clone::clone)?;
        match nodes.hashes().get((index % WIDTH) as usize) {
            Some(hash) if *hash == leaf_hash(leaf) => Ok(Inclusion {
                tree_size: self.checkpoint.size,
                root: self.checkpoint.root,
            }),
            _ => Err(Unproven::Mismatch),
        }
    }
}
