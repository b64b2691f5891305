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

mod cbor;
mod db;
mod error;
mod files;
mod fsck;
mod journal;
mod ledger;
mod pagesum;
mod reader;
mod record;
mod sequencer;
mod writer;

pub use error::{LedgerError, Unproven};
pub use fsck::{FsckReport, Problem, ProblemKind, fsck};
pub use ledger::{Ledger, LedgerOptions, check_proof};
pub use reader::{Entry, Inclusion, Stats};
pub use record::{
    Agent, Backend, Generation, Kind, NewRecord, PrivatePart, PublicRecord, RecordError,
    WeightsFile, prompt_commitment,
};
pub use writer::Receipt;

pub use colophon_tlog::{
    Checkpoint, Hash, LeafIndex, NoteError, NoteSigner, TreeSize, VerifierKey,
};
