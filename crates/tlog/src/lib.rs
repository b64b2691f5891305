//! RFC 6962 Merkle tree mathematics, C2SP tiles, checkpoints, signed notes and proofs.
//!
//! The crate is pure: no I/O, no clock, no randomness, `no_std` with `alloc`. Callers bring the bytes.
//!
//! - [`leaf_hash`], [`node_hash`], [`struct@Hash`], [`TreeSize`], [`LeafIndex`]: RFC 6962 section 2.1.
//! - [`RightEdge`]: appending leaves and naming the tiles that change (C2SP `tlog-tiles`).
//! - [`HashReader`], [`TileReader`], [`root`], [`prove_inclusion`], [`prove_consistency`]: reading a stored tree.
//! - [`verify_inclusion`], [`verify_consistency`]: checking what somebody else proved.
//! - [`Note`], [`VerifierKey`], [`NoteSigner`]: C2SP `signed-note`; [`Checkpoint`]: C2SP `tlog-checkpoint`;
//!   [`TlogProof`]: C2SP `tlog-proof`.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod checkpoint;
mod edge;
mod hash;
mod note;
mod proof;
mod tile;
mod tlog_proof;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use edge::{EdgeError, RightEdge, TileWrite};
pub use hash::{Hash, LeafIndex, ParseHashError, TreeSize, leaf_hash, node_hash};
pub use note::{Ed25519Signer, KeyError, Note, NoteError, NoteSignature, NoteSigner, VerifierKey};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use tile::{BundleError, Tile, TileError, TileLevel, decode_bundle, encode_bundle_entry};
pub use tlog_proof::{TlogProof, TlogProofError};
pub use tree::{HashReader, TileReader, TreeError, prove_consistency, prove_inclusion, root};
