//! Tamper-evident ledger of issued pictures: records, durable group-committed log, index, fsck.
//!
//! One folder holds a C2SP `tlog-tiles` log (`checkpoint`, `tile/...`) and a `SQLite` database (`ledger.sqlite`) with
//! the index, the manifests and the erasable private parts. Each issued picture is one [`NewRecord`]; its public
//! facts and salted commitments become the log's leaf ([`PublicRecord`], deterministic CBOR), everything personal
//! stays in the database.
//!
//! The order of writing, so that a crash at any point loses nothing that was acknowledged:
//! 1. new tiles and the new root are computed in memory from the right edge of the tree;
//! 2. all files of the batch are written to the journal (`staged`) and synced;
//! 3. one database transaction inserts the rows and replaces the signed checkpoint, if it is still the expected one:
//!    the only commit point;
//! 4. the files are written to their places and the checkpoint is published, then callers are answered;
//! 5. once no more records wait, the files are synced and the journal is emptied.
//!
//! Beside them lie `lock` (held while a group is committed) and `ledger.sums` (check sums of the database's pages).
//!
//! Opening for writing replays the journal. [`fsck`] re-derives everything and names what is wrong.

mod backup;
mod cbor;
mod db;
mod decisions;
mod derive;
mod entry;
mod erase;
mod error;
mod event;
mod facets;
mod files;
mod fingerprints;
mod fsck;
mod journal;
mod leaf;
mod ledger;
mod pagesum;
mod query;
mod random;
mod reader;
mod record;
mod sequencer;
mod shard;
mod shards;
#[cfg(test)]
mod simulation;
mod store;
mod text;
mod vault;
mod witnesses;
mod writer;

pub use backup::{Backup, BackupError, RestoreOptions, backup, backup_to_file, restore};
pub use decisions::{CheckDecision, DecisionError, Decisions, IssuingDecision, Outcome, Tally};
pub use entry::{Entry, Erased, EventEntry, Inclusion, LogEntry, Private};
pub use erase::{By, Erasure, ErasureOutcome, ErasureTarget};
pub use error::{LedgerError, Unproven};
pub use event::{
    Actor, CertificateRef, CertificateRevoked, ErasureReason, Event, EventKind, KeyAction,
    KeyEvent, Parts, PolicyPublished, PreviousShard, Redaction, RevocationReason, ShardOpened,
    TrustListEvent,
};
pub use fsck::{
    FsckOptions, FsckReport, Problem, ProblemKind, RepairReport, fsck, fsck_with, repair,
};
pub use leaf::Leaf;
pub use ledger::{Ledger, LedgerOptions, ReadOptions, Rewrapped, ShardInfo, check_proof};
pub use query::{Cursor, CursorError, Entries, Filter, FilterError, Hit, Likeness, Page, Query};
pub use reader::Stats;
pub use record::{
    Agent, Backend, Generation, Kind, NewRecord, PrivatePart, PublicRecord, RecordError,
    WeightsFile, prompt_commitment, requester_commitment,
};
pub use shards::{AddressError, RecordAddress, RecordId, ShardName};
pub use text::{hex, unhex};
pub use vault::StorageKey;
pub use witnesses::{CosignRequest, Refusal, WitnessFailure, Witnesses, Witnessing};
pub use writer::Receipt;

pub use colophon_tlog::{
    Checkpoint, Hash, LeafIndex, Note, NoteError, NoteSigner, Receipt as CoseReceipt, ReceiptError,
    ReceiptKey, ReceiptSigner, ShardState, TreeSize, VerifierKey, WitnessPolicy,
};
