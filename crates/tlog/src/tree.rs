//! Reading a stored tree: roots and proofs (RFC 6962 section 2.1).

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::edge::pairs;
use crate::hash::{Hash, LeafIndex, TreeSize, node_hash};
use crate::proof::ProofError;
use crate::tile::{Tile, TileError, TileLevel};

/// Gives the hashes of complete subtrees of one stored tree.
pub trait HashReader {
    /// Why a hash could not be read.
    type Error;

    /// Root of the complete subtree over the leaves `index * 2^level .. (index + 1) * 2^level`.
    ///
    /// # Errors
    /// When the hash cannot be read.
    fn subtree(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// A root or a proof could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError<E> {
    /// The reader failed.
    #[error(transparent)]
    Read(E),
    /// The question is about a place outside the tree.
    #[error(transparent)]
    Proof(ProofError),
}

/// The tree hash over the first `size` leaves.
///
/// # Errors
/// What the reader returns.
pub fn root<R: HashReader>(reader: &mut R, size: TreeSize) -> Result<Hash, R::Error> {
    if size.0 == 0 {
        Ok(Hash::empty_tree())
    } else {
        range(reader, 0, size.0)
    }
}

/// Inclusion proof of a leaf, from its sibling up to the root's child.
///
/// # Errors
/// [`TreeError::Proof`] when `index` is not below `size`; [`TreeError::Read`].
pub fn prove_inclusion<R: HashReader>(
    reader: &mut R,
    index: LeafIndex,
    size: TreeSize,
) -> Result<Vec<Hash>, TreeError<R::Error>> {
    if index.0 >= size.0 {
        return Err(TreeError::Proof(ProofError::OutOfRange));
    }
    let (mut low, mut high) = (0, size.0);
    let mut siblings = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index.0 < middle {
            siblings.push((middle, high));
            high = middle;
        } else {
            siblings.push((low, middle));
            low = middle;
        }
    }
    siblings
        .into_iter()
        .rev()
        .map(|(low, high)| range(reader, low, high))
        .collect::<Result<_, _>>()
        .map_err(TreeError::Read)
}

/// Consistency proof from the tree of `old` leaves to the tree of `new` leaves.
///
/// # Errors
/// [`TreeError::Proof`] when `old` is larger than `new`; [`TreeError::Read`].
pub fn prove_consistency<R: HashReader>(
    reader: &mut R,
    old: TreeSize,
    new: TreeSize,
) -> Result<Vec<Hash>, TreeError<R::Error>> {
    if old > new {
        return Err(TreeError::Proof(ProofError::OutOfRange));
    }
    if old.0 == 0 || old == new {
        return Ok(Vec::new());
    }
    // RFC 6962's SUBPROOF, walking down to the old tree's last complete subtree.
    let (mut low, mut high) = (0, new.0);
    let mut parts = Vec::new();
    while high != old.0 {
        let middle = low + split(high - low);
        if old.0 <= middle {
            parts.push((middle, high));
            high = middle;
        } else {
            parts.push((low, middle));
            low = middle;
        }
    }
    if low > 0 {
        parts.push((low, high));
    }
    parts
        .into_iter()
        .rev()
        .map(|(low, high)| range(reader, low, high))
        .collect::<Result<_, _>>()
        .map_err(TreeError::Read)
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// Tree hash over the leaves `low..high`, a range that RFC 6962's recursion visits (so it starts at a multiple of
/// its size rounded up to a power of two).
fn range<R: HashReader>(reader: &mut R, low: u64, high: u64) -> Result<Hash, R::Error> {
    let count = high - low;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return reader.subtree(level, low >> level);
    }
    let middle = low + split(count);
    let left = range(reader, low, middle)?;
    Ok(node_hash(left, range(reader, middle, high)?))
}

/// The hashes of one tile, with the roots of all complete subtrees over them.
///
/// A proof through a tile needs nearly all of these roots, so they are computed once: 255 node hashes and 16 KB for a
/// full tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileNodes {
    /// Row `r` holds the roots over `2^r` neighbouring hashes each.
    rows: Vec<Vec<Hash>>,
}

impl TileNodes {
    /// Reads the bytes of a hash tile.
    ///
    /// # Errors
    /// [`TileError::Length`] when they are not as many as the tile's width says.
    pub fn decode(tile: Tile, bytes: &[u8]) -> Result<Self, TileError> {
        let mut rows = alloc::vec![tile.decode_hashes(bytes)?];
        while let Some(next) = rows
            .last()
            .filter(|row| row.len() > 1)
            .map(|row| pairs(row))
        {
            rows.push(next);
        }
        Ok(Self { rows })
    }

    /// The hashes that the tile itself holds.
    pub fn hashes(&self) -> &[Hash] {
        self.rows.first().map_or(&[], Vec::as_slice)
    }

    /// Root over the hashes `index * 2^row .. (index + 1) * 2^row` of the tile; `None` where it holds fewer.
    fn root(&self, row: usize, index: u64) -> Option<Hash> {
        let index = usize::try_from(index).ok()?;
        self.rows.get(row)?.get(index).copied()
    }
}

/// Where [`TileReader`] gets hash tiles from: a function that reads their bytes, or something that keeps what it read.
pub trait TileSource {
    /// Why a tile could not be read.
    type Error: From<TileError>;

    /// The hashes of a tile.
    ///
    /// # Errors
    /// When it cannot be read, or is malformed.
    fn nodes(&mut self, tile: Tile) -> Result<Arc<TileNodes>, Self::Error>;
}

impl<F, E> TileSource for F
where
    F: FnMut(Tile) -> Result<Vec<u8>, E>,
    E: From<TileError>,
{
    type Error = E;

    fn nodes(&mut self, tile: Tile) -> Result<Arc<TileNodes>, E> {
        Ok(Arc::new(TileNodes::decode(tile, &self(tile)?)?))
    }
}

/// A [`HashReader`] over hash tiles.
///
/// It only asks for tiles that a tree of the given size has.
#[derive(Debug)]
pub struct TileReader<S> {
    size: TreeSize,
    source: S,
    /// The last tile, because neighbouring questions fall into the same one.
    last: Option<(Tile, Arc<TileNodes>)>,
}

impl<S: TileSource> TileReader<S> {
    /// Reads the tiles of the tree of `size` leaves.
    pub fn new(size: TreeSize, source: S) -> Self {
        Self {
            size,
            source,
            last: None,
        }
    }
}

impl<S: TileSource> HashReader for TileReader<S> {
    type Error = S::Error;

    fn subtree(&mut self, level: u32, index: u64) -> Result<Hash, S::Error> {
        // A subtree of 2^level leaves is the root over 2^(level % 8) neighbouring hashes of a tile at level / 8.
        let row = level % 8;
        let tile_level = TileLevel::Hashes((level / 8) as u8);
        let tile_index = index >> (8 - row);
        let width = Tile::available(tile_level, tile_index, self.size.0);
        let tile = Tile::new(tile_level, tile_index, width)?;
        let nodes = match self.last.take() {
            Some((known, nodes)) if known == tile => nodes,
            _ => self.source.nodes(tile)?,
        };
        let within = index & ((1 << (8 - row)) - 1);
        let root = nodes.root(row as usize, within);
        self.last = Some((tile, nodes));
        Ok(root.ok_or(TileError::Coordinate)?)
    }
}
