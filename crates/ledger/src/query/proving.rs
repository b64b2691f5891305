//! Proving neighbouring entries together.

use colophon_tlog::{Checkpoint, Hash, LeafIndex, Tile, TileLevel, leaf_hash, verify_inclusion};

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
    tile: Option<(u64, Result<Vec<Hash>, Unproven>)>,
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
        let hashes = match &self.tile {
            Some((known, hashes)) if *known == number => hashes,
            _ => {
                let hashes = self.verified_tile(number, index);
                &self.tile.insert((number, hashes)).1
            }
        };
        let hashes = hashes.as_ref().map_err(Clone::clone)?;
        match hashes.get((index % WIDTH) as usize) {
            Some(hash) if *hash == leaf_hash(leaf) => Ok(Inclusion {
                tree_size: self.checkpoint.size,
                root: self.checkpoint.root,
            }),
            _ => Err(Unproven::Mismatch),
        }
    }

    fn verified_tile(&self, number: u64, index: u64) -> Result<Vec<Hash>, Unproven> {
        let unreadable = |error: &dyn std::error::Error| Unproven::Tile(error.to_string());
        let width = Tile::available(TileLevel::Hashes(0), number, self.size());
        let tile = Tile::new(TileLevel::Hashes(0), number, width).map_err(|e| unreadable(&e))?;
        let bytes = self.reader.tile(tile).map_err(|e| unreadable(&e))?;
        let hashes = tile.decode_hashes(&bytes).map_err(|e| unreadable(&e))?;
        let leaf = hashes.get((index % WIDTH) as usize).copied();
        let leaf = leaf.ok_or(Unproven::NotCovered(self.size()))?;
        let proof = self.reader.inclusion_proof(index, &self.checkpoint)?;
        let (size, root) = (self.checkpoint.size, self.checkpoint.root);
        verify_inclusion(&proof, LeafIndex(index), size, leaf, root)
            .map_err(|_| Unproven::Mismatch)?;
        Ok(hashes)
    }
}
