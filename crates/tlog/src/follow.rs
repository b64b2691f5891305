//! Following a log: does every new checkpoint extend the last one that was believed?

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::edge::{RightEdge, TileWrite};
use crate::hash::{Hash, LeafIndex, TreeSize, leaf_hash};
use crate::key::VerifierKey;
use crate::note::Note;
use crate::proof::consistency_roots;
use crate::tile::{BundleError, Tile, TileError, TileLevel, decode_bundle};
use crate::tree::{TileReader, prove_consistency, root};

/// Header line of an evidence file.
const HEADER: &str = "colophon-fork/v1";
/// A `u64` tree is at most 64 levels high.
const MAX_HASHES: usize = 64;
/// Longest evidence file accepted, in bytes: two notes and a proof.
const MAX_FILE: usize = 2_100_000;

/// Remembers the last checkpoint of a log that was found consistent, and judges the next.
#[derive(Clone, Debug)]
pub struct Follower {
    key: VerifierKey,
    trusted: Option<(Note, Checkpoint)>,
}

/// What a new checkpoint is to the trusted one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The same size and root.
    Same,
    /// It extends the trusted tree, and is now the trusted one.
    Extended {
        /// Size before; 0 when nothing was trusted before.
        from: TreeSize,
        /// What is trusted now.
        to: Checkpoint,
    },
    /// The log signed two histories. What was trusted stays trusted.
    Fork(ForkEvidence),
    /// The log shows an older, smaller tree, or one of which the tiles do not tell whether it is an older one. What was
    /// trusted stays trusted. A cache may be behind; if it lasts, the log took records back.
    Rollback {
        /// What it shows.
        to: Checkpoint,
    },
}

/// A checkpoint could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError<E> {
    /// The new checkpoint cannot be read or believed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The tiles cannot be read.
    #[error(transparent)]
    Read(E),
    /// The tiles do not lead to the root that the log signed.
    #[error(
        "the log's tiles do not lead to the root that it signed for {size} leaves: tiles were altered or are missing"
    )]
    Tiles {
        /// Size of the signed tree.
        size: TreeSize,
    },
}

impl Follower {
    /// Follows the log of `key` from nothing: the first checkpoint is believed as it is signed.
    pub fn new(key: VerifierKey) -> Self {
        Self { key, trusted: None }
    }

    /// Goes on from the signed checkpoint that was trusted last.
    ///
    /// # Errors
    /// [`CheckpointError`] when `trusted` is not one of this log's.
    pub fn resume(key: VerifierKey, trusted: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(trusted)?;
        let checkpoint = Checkpoint::of_note(&note, &key)?;
        let trusted = Some((note, checkpoint));
        Ok(Self { key, trusted })
    }

    /// The checkpoint that is trusted, and the note it stands in: what to keep for [`Follower::resume`].
    pub fn trusted(&self) -> Option<(&Note, &Checkpoint)> {
        self.trusted
            .as_ref()
            .map(|(note, checkpoint)| (note, checkpoint))
    }

    /// Judges the signed checkpoint `note`; `read` returns the bytes of a hash tile that the log serves now. Reads
    /// some tens of tiles at most, whatever the size.
    ///
    /// # Errors
    /// [`FollowError`]; what was trusted stays trusted.
    pub fn follow<F, E>(&mut self, note: &[u8], mut read: F) -> Result<Followed, FollowError<E>>
    where
        F: FnMut(Tile) -> Result<Vec<u8>, E>,
        E: From<TileError>,
    {
        let note = Note::parse(note).map_err(CheckpointError::Note)?;
        let new = Checkpoint::of_note(&note, &self.key)?;
        let Some((old_note, old)) = &self.trusted else {
            reaches(&new, &mut read)?;
            return Ok(self.extend(TreeSize(0), note, new));
        };
        let evidence = |proof| ForkEvidence::new(old_note, note.clone(), proof);
        if new.size == old.size {
            return Ok(if new.root == old.root {
                Followed::Same
            } else {
                Followed::Fork(evidence(Vec::new()))
            });
        }
        if new.size < old.size {
            // Only the tiles of the larger tree tell; a log that rolled back may serve them no more.
            let proof = prove_prefix(&new, old, &mut read).unwrap_or(None);
            return Ok(match proof {
                Some(proof) => Followed::Fork(evidence(proof)),
                None => Followed::Rollback { to: new },
            });
        }
        reaches(&new, &mut read)?;
        if let Some(proof) = prove_prefix(old, &new, &mut read).map_err(FollowError::Read)? {
            return Ok(Followed::Fork(evidence(proof)));
        }
        let from = old.size;
        Ok(self.extend(from, note, new))
    }

    fn extend(&mut self, from: TreeSize, note: Note, to: Checkpoint) -> Followed {
        self.trusted = Some((note, to.clone()));
        Followed::Extended { from, to }
    }
}

/// Whether the tiles lead to the signed root.
fn reaches<F, E>(signed: &Checkpoint, read: &mut F) -> Result<(), FollowError<E>>
where
    F: FnMut(Tile) -> Result<Vec<u8>, E>,
    E: From<TileError>,
{
    let found = root(&mut TileReader::new(signed.size, read), signed.size);
    if found.map_err(FollowError::Read)? == signed.root {
        Ok(())
    } else {
        Err(FollowError::Tiles { size: signed.size })
    }
}

/// `None` when the first leaves of the `large` tree are the `small` one, as far as the tiles tell; otherwise the proof,
/// first hash included, that they are another tree.
fn prove_prefix<F, E>(
    small: &Checkpoint,
    large: &Checkpoint,
    read: &mut F,
) -> Result<Option<Vec<Hash>>, E>
where
    F: FnMut(Tile) -> Result<Vec<u8>, E>,
    E: From<TileError>,
{
    if small.size.0 == 0 {
        return Ok(None);
    }
    let mut reader = TileReader::new(large.size, read);
    let mut proof = match prove_consistency(&mut reader, small.size, large.size) {
        Ok(proof) => proof,
        Err(crate::tree::TreeError::Read(error)) => return Err(error),
        // Never: the sizes are in order.
        Err(crate::tree::TreeError::Proof(_)) => return Ok(None),
    };
    if small.size.0.is_power_of_two() {
        proof.insert(0, root(&mut reader, small.size)?);
    }
    Ok(proof_of_fork(&proof, small, large).then_some(proof))
}

/// Whether `proof` shows that the `large` tree starts with other leaves than the `small` one.
fn proof_of_fork(proof: &[Hash], small: &Checkpoint, large: &Checkpoint) -> bool {
    let Some((first, rest)) = proof.split_first() else {
        return small.size == large.size && small.root != large.root;
    };
    consistency_roots(*first, rest, small.size, large.size)
        .is_ok_and(|(old, new)| new == large.root && old != small.root)
}

/// Two checkpoints, both signed by the log, that cannot both be true: anybody who knows the log's key can check it.
///
/// `Display` writes the evidence file: the line `colophon-fork/v1`, the hashes in base64, an empty line, and the two
/// signed notes, the smaller tree's first. For trees of different sizes the hashes are the consistency proof of RFC
/// 6962 section 2.1.2 with its first hash always written out: they lead to the larger tree's signed root, and to
/// another root than the signed one for the smaller size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkEvidence {
    /// The smaller tree, or the one that was seen first.
    pub older: Note,
    /// The larger tree, or the one that was seen second.
    pub newer: Note,
    /// Empty when both have the same size.
    pub proof: Vec<Hash>,
}

/// An evidence file that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Not an evidence file.
    #[error("not a fork's evidence (colophon-fork/v1): {0}")]
    Malformed(&'static str),
    /// One of the checkpoints is not this log's.
    #[error("a checkpoint in the evidence: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Both can be true.
    #[error("the evidence proves no fork: its two checkpoints do not contradict each other")]
    NoFork,
}

impl ForkEvidence {
    fn new(trusted: &Note, found: Note, proof: Vec<Hash>) -> Self {
        let size = |note: &Note| {
            Checkpoint::parse_text(note.text())
                .ok()
                .map(|checkpoint| checkpoint.size)
        };
        let (older, newer) = if size(&found) < size(trusted) {
            (found, trusted.clone())
        } else {
            (trusted.clone(), found)
        };
        Self {
            older,
            newer,
            proof,
        }
    }

    /// Checks that the log of `key` signed both checkpoints and that they contradict each other.
    ///
    /// # Errors
    /// [`EvidenceError`] when the evidence proves nothing.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), EvidenceError> {
        let older = Checkpoint::of_note(&self.older, key)?;
        let newer = Checkpoint::of_note(&self.newer, key)?;
        if proof_of_fork(&self.proof, &older, &newer) {
            Ok(())
        } else {
            Err(EvidenceError::NoFork)
        }
    }

    /// Reads an evidence file of at most 2.1 MB.
    ///
    /// # Errors
    /// [`EvidenceError::Malformed`], [`EvidenceError::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, EvidenceError> {
        let malformed = EvidenceError::Malformed;
        if text.len() > MAX_FILE {
            return Err(malformed("longer than 2.1 MB"));
        }
        // Checkpoints hold no empty lines, so the parts are: head, text, signatures, text, signatures.
        let parts: Vec<&str> = text.splitn(5, "\n\n").collect();
        let [head, text1, signatures1, text2, signatures2] = parts[..] else {
            return Err(malformed("expected a proof and two signed checkpoints"));
        };
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed("the first line is another"));
        }
        let proof: Vec<Hash> = lines
            .take(MAX_HASHES + 1)
            .map(|line| Hash::from_base64(line).map_err(|_| malformed("a line is not a hash")))
            .collect::<Result<_, _>>()?;
        if proof.len() > MAX_HASHES {
            return Err(malformed("more than 64 hashes"));
        }
        let note = |note: String| Note::parse(note.as_bytes()).map_err(CheckpointError::Note);
        Ok(Self {
            older: note(format!("{text1}\n\n{signatures1}\n"))?,
            newer: note(format!("{text2}\n\n{signatures2}"))?,
            proof,
        })
    }
}

impl fmt::Display for ForkEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        for hash in &self.proof {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}\n{}", self.older, self.newer)
    }
}

/// What [`rederive`] comes across, in order.
#[derive(Debug)]
pub enum Derived<'a> {
    /// A leaf's bytes.
    Entry(LeafIndex, &'a [u8]),
    /// A hash tile computed from the leaves: what the log must serve, and what a mirror stores.
    Tile(TileWrite),
}

/// The leaves do not lead to the signed root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RederiveError<E> {
    /// A bundle cannot be read, or the visitor stopped.
    #[error(transparent)]
    Read(E),
    /// A bundle that is none.
    #[error("{path}: {error}")]
    Bundle {
        /// Its path in the log.
        path: String,
        /// What is wrong.
        error: BundleError,
    },
    /// The signed tree is smaller than what is known.
    #[error("the signed tree has fewer leaves than are known already")]
    Smaller,
    /// The leaves are not what the log signed.
    #[error(
        "the log's entries do not lead to the root that it signed for {size} leaves: entries were altered or are missing"
    )]
    Root {
        /// Size of the signed tree.
        size: TreeSize,
    },
}

/// Derives the signed tree anew from `known` (its first leaves, as verified before) and the log's entry bundles:
/// `read` returns a bundle's bytes, `visit` sees every new leaf and every tile that follows from them, none of it to be
/// believed before this function has returned `Ok`. Consistency follows: the new tree was built on the known one.
/// Partial tiles are visited again as they grow; the last visit of a place holds what the signed tree has there.
///
/// # Errors
/// [`RederiveError`].
pub fn rederive<E>(
    known: RightEdge,
    signed: &Checkpoint,
    mut read: impl FnMut(Tile) -> Result<Vec<u8>, E>,
    mut visit: impl FnMut(Derived<'_>) -> Result<(), E>,
) -> Result<RightEdge, RederiveError<E>> {
    let mut edge = known;
    if edge.size() > signed.size {
        return Err(RederiveError::Smaller);
    }
    while edge.size() < signed.size {
        let start = edge.size().0;
        let width = Tile::available(TileLevel::Entries, start / 256, signed.size.0);
        let Ok(tile) = Tile::new(TileLevel::Entries, start / 256, width) else {
            return Err(RederiveError::Smaller);
        };
        let bytes = read(tile).map_err(RederiveError::Read)?;
        let entries = decode_bundle(&bytes, width).map_err(|error| RederiveError::Bundle {
            path: tile.path(),
            error,
        })?;
        let fresh = &entries[(start % 256) as usize..];
        for (index, entry) in (start..).zip(fresh) {
            visit(Derived::Entry(LeafIndex(index), entry)).map_err(RederiveError::Read)?;
        }
        let leaves: Vec<Hash> = fresh.iter().map(|entry| leaf_hash(entry)).collect();
        for write in edge.append(&leaves) {
            visit(Derived::Tile(write)).map_err(RederiveError::Read)?;
        }
    }
    if edge.root() == signed.root {
        Ok(edge)
    } else {
        Err(RederiveError::Root { size: signed.size })
    }
}

#[cfg(test)]
mod tests;
