//! Following one log: from what was seen of it to what it shows now.

use colophon_tlog::{
    Checkpoint, CheckpointError, FollowError, Followed, Follower, Note, Tile, TileLevel, TreeSize,
    VerifierKey, decode_bundle, leaf_hash,
};

use crate::alarm::{Broken, Trouble};
use crate::source::{self, MOST_NOTE, Source};
use crate::tree::Tree;

/// Bundles fetched at a time.
const AT_A_TIME: u64 = 32;

/// What is told of a log on the way; everything was checked before.
pub(crate) trait Visitor {
    /// An entry that was not seen before.
    fn entry(&mut self, index: u64, leaf: &[u8]) -> Result<(), Trouble>;

    /// A tile or bundle with new content: its bytes, as wide as the tree has it.
    fn tile(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Trouble>;

    /// Whether [`Visitor::tile`] is to be told of hash tiles above those of the entries too.
    fn wants_all_tiles(&self) -> bool;
}

/// A signed checkpoint that was found to grow out of all before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// As the log signed it, witnesses' cosignatures included.
    pub note: Note,
}

impl Shown {
    /// Reads a signed checkpoint of the log with this key.
    ///
    /// # Errors
    /// An alarm: it is not signed by the key.
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<Self, Trouble> {
        let note = Note::parse(bytes);
        let opened = note
            .clone()
            .map_err(Into::into)
            .and_then(|note| Checkpoint::of_note(&note, key));
        match (note, opened) {
            (Ok(note), Ok(checkpoint)) => Ok(Self { checkpoint, note }),
            (note, opened) => {
                let why = opened.err().map(|error| error.to_string());
                let broken = Broken::Unsigned(why.unwrap_or_default());
                Err(Trouble::from(broken).of(key.name(), None, note.ok().as_ref()))
            }
        }
    }
}

/// Follows the log below `prefix` from `seen` on: its checkpoint must be signed, must grow out of the one seen, and
/// every new entry must be in the tree at its place.
pub(crate) fn follow(
    source: &dyn Source,
    prefix: &str,
    key: &VerifierKey,
    seen: Option<&Shown>,
    visitor: &mut dyn Visitor,
) -> Result<Shown, Trouble> {
    let before = seen.map(|seen| &seen.note);
    let path = format!("{prefix}checkpoint");
    let bytes = source.get(&path, MOST_NOTE).map_err(Trouble::Source)?;
    let bytes =
        bytes.ok_or_else(|| Trouble::from(Broken::Missing(path)).of(key.name(), before, None))?;
    let shown = Shown::open(&bytes, key)?;
    let grown = grows(source, prefix, key, seen, &shown)
        .and_then(|()| read(source, prefix, seen, &shown, visitor));
    grown.map_err(|trouble| trouble.of(key.name(), before, Some(&shown.note)))?;
    Ok(shown)
}

/// Whether the checkpoint shown is the one seen or grew out of it.
fn grows(
    source: &dyn Source,
    prefix: &str,
    key: &VerifierKey,
    seen: Option<&Shown>,
    shown: &Shown,
) -> Result<(), Trouble> {
    let Some(seen) = seen else {
        return Ok(());
    };
    let unsigned = |error: CheckpointError| Trouble::from(Broken::Unsigned(error.to_string()));
    let mut follower =
        Follower::resume(key.clone(), seen.note.to_string().as_bytes()).map_err(unsigned)?;
    let read = |tile: Tile| crate::tree::bytes(source, prefix, tile);
    match follower.follow(shown.note.to_string().as_bytes(), read) {
        Ok(Followed::Same | Followed::Extended { .. }) => Ok(()),
        Ok(Followed::Fork(evidence)) => Err(Broken::Fork(Box::new(evidence)).into()),
        Ok(Followed::Rollback { to }) => Err(Broken::RolledBack {
            from: seen.checkpoint.size,
            to: to.size,
        }
        .into()),
        Err(FollowError::Read(trouble)) => Err(trouble),
        Err(FollowError::Checkpoint(error)) => Err(unsigned(error)),
        Err(error) => Err(Broken::Tree(error.to_string()).into()),
    }
}

/// Reads what is new between the checkpoint seen and the one shown.
fn read(
    source: &dyn Source,
    prefix: &str,
    seen: Option<&Shown>,
    shown: &Shown,
    visitor: &mut dyn Visitor,
) -> Result<(), Trouble> {
    let now = &shown.checkpoint;
    let from = seen.map_or(TreeSize(0), |seen| seen.checkpoint.size);
    if from == now.size && seen.is_some() {
        return Ok(());
    }
    let mut tree = Tree::open(source, prefix, now)?;
    entries(source, prefix, &mut tree, from, now.size, visitor)?;
    if visitor.wants_all_tiles() {
        upper_tiles(&mut tree, from, now.size, visitor)?;
    }
    Ok(())
}

/// All entries from `from` on, against the tiles of level 0.
fn entries(
    source: &dyn Source,
    prefix: &str,
    tree: &mut Tree<'_>,
    from: TreeSize,
    size: TreeSize,
    visitor: &mut dyn Visitor,
) -> Result<(), Trouble> {
    let end = size.0.div_ceil(256);
    let mut next = from.0 / 256;
    while next < end {
        let part = next..end.min(next + AT_A_TIME);
        next = part.end;
        let of = |level: TileLevel| -> Vec<Tile> {
            let tile = |index| Tile::new(level, index, Tile::available(level, index, size.0)).ok();
            part.clone().filter_map(tile).collect()
        };
        tree.fetch_ahead(&of(TileLevel::Hashes(0)));
        let bundles = of(TileLevel::Entries);
        let found = source::tiles(source, prefix, &bundles);
        for (bundle, bytes) in bundles.into_iter().zip(found) {
            let bytes = bytes.map_err(Trouble::Source)?;
            let bytes = bytes.ok_or_else(|| Broken::Missing(bundle.path()))?;
            one_bundle(tree, bundle, &bytes, from, visitor)?;
        }
    }
    Ok(())
}

fn one_bundle(
    tree: &mut Tree<'_>,
    bundle: Tile,
    bytes: &[u8],
    from: TreeSize,
    visitor: &mut dyn Visitor,
) -> Result<(), Trouble> {
    let unreadable = |what: String| Broken::Bundle(format!("{}: {what}", bundle.path()));
    // A full bundle stands in for a partial one that is gone.
    let leaves = decode_bundle(bytes, bundle.width())
        .or_else(|error| decode_bundle(bytes, Tile::FULL).map_err(|_| error))
        .map_err(|error| unreadable(error.to_string()))?;
    let leaves = &leaves[..usize::from(bundle.width())];
    let hashes = tree.tile(0, bundle.index())?.to_vec();
    let mut exact = Vec::with_capacity(bytes.len());
    for (index, (leaf, hash)) in (bundle.index() * 256..).zip(leaves.iter().zip(&hashes)) {
        if leaf_hash(leaf) != *hash {
            return Err(Broken::Entry(index).into());
        }
        colophon_tlog::encode_bundle_entry(&mut exact, leaf)
            .map_err(|error| unreadable(error.to_string()))?;
        if index >= from.0 {
            visitor.entry(index, leaf)?;
        }
    }
    visitor.tile(bundle, &exact)?;
    if let Ok(tile) = Tile::new(TileLevel::Hashes(0), bundle.index(), bundle.width()) {
        visitor.tile(tile, &flat(&hashes))?;
    }
    Ok(())
}

/// The tiles of level 1 and above that have new content.
fn upper_tiles(
    tree: &mut Tree<'_>,
    from: TreeSize,
    size: TreeSize,
    visitor: &mut dyn Visitor,
) -> Result<(), Trouble> {
    for level in 1..8_u8 {
        let shift = 8 * u32::from(level);
        let (first, end) = ((from.0 >> shift) / 256, (size.0 >> shift).div_ceil(256));
        if size.0 >> shift == 0 || size.0 >> shift == from.0 >> shift {
            break;
        }
        for index in first..end {
            let hashes = tree.tile(level, index)?.to_vec();
            let width = hashes.len() as u16;
            if let Ok(tile) = Tile::new(TileLevel::Hashes(level), index, width) {
                visitor.tile(tile, &flat(&hashes))?;
            }
        }
    }
    Ok(())
}

fn flat(hashes: &[colophon_tlog::Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}
