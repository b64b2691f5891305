//! RFC 6962 Merkle tree mathematics, C2SP tiles, checkpoints, signed notes, cosignatures and proofs, COSE receipts.
//!
//! The crate is pure: no I/O, no clock, no randomness, `no_std` with `alloc`. Callers bring the bytes.
//!
//! - [`leaf_hash`], [`node_hash`], [`struct@Hash`], [`TreeSize`], [`LeafIndex`]: RFC 6962 section 2.1.
//! - [`RightEdge`]: appending leaves and naming the tiles that change (C2SP `tlog-tiles`).
//! - [`HashReader`], [`TileReader`], [`TileSource`], [`root`], [`prove_inclusion`], [`prove_consistency`]: reading a stored tree.
//! - [`verify_inclusion`], [`verify_consistency`]: checking what somebody else proved.
//! - [`Follower`], [`rederive`]: whether a log only ever grew; [`ForkEvidence`] when it did not.
//! - [`Note`], [`VerifierKey`], [`NoteSigner`]: C2SP `signed-note`; [`Checkpoint`]: C2SP `tlog-checkpoint`;
//!   [`TlogProof`]: C2SP `tlog-proof`.
//! - [`cosign`], [`CosignerKey`], [`Cosigner`]: C2SP `tlog-cosignature`; [`AddCheckpoint`], [`decide`]: C2SP `tlog-witness`;
//!   [`WitnessPolicy`]: C2SP `tlog-policy`; [`ShardList`]: the list that ties a log's shards.
//! - [`Receipt`]: COSE receipts (RFC 9942).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cbor;
mod checkpoint;
mod cosignature;
mod edge;
mod evidence;
mod follow;
mod hash;
mod key;
mod note;
mod policy;
mod proof;
mod receipt;
mod shard_list;
mod tile;
mod tlog_proof;
mod tree;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{UnixTime, cosign};
pub use edge::{EdgeError, RightEdge, TileWrite};
pub use evidence::Evidence;
pub use follow::{
    Derived, EvidenceError, FollowError, Followed, Follower, ForkEvidence, RederiveError, rederive,
};
pub use hash::{Hash, LeafIndex, ParseHashError, TreeSize, leaf_hash, node_hash};
pub use key::{
    Cosigner, CosignerKey, Ed25519Cosigner, Ed25519Signer, KeyError, NamedKey, NoteSigner,
    VerifierKey,
};
pub use note::{Note, NoteError, NoteSignature};
pub use policy::{
    Met, NotMet, PolicyError, PolicyErrorReason, PolicyLog, PolicyWitness, WitnessPolicy, Witnessed,
};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use receipt::{
    Ed25519ReceiptSigner, Receipt, ReceiptError, ReceiptKey, ReceiptProof, ReceiptSigner,
};
pub use shard_list::{ListedShard, ShardList, ShardListError, ShardState};
pub use tile::{BundleError, Tile, TileError, TileLevel, decode_bundle, encode_bundle_entry};
pub use tlog_proof::{TlogProof, TlogProofError};
pub use tree::{
    HashReader, TileNodes, TileReader, TileSource, TreeError, prove_consistency, prove_inclusion,
    root,
};
pub use witness::{AddCheckpoint, MalformedRequest, WitnessDecision, decide, parse_size_body};
