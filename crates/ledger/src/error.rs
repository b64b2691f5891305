//! What can go wrong, told so that a person can act.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use colophon_tlog::{CheckpointError, TlogProofError};
use rusqlite::ErrorCode;

use crate::backup::BackupError;
use crate::decisions::DecisionError;
use crate::query::CursorError;
use crate::record::RecordError;
use crate::shards::{RecordAddress, RecordId, ShardName};
use crate::witnesses::WitnessFailure;

/// A ledger operation that failed. Cloneable, because one failed commit answers a whole group of callers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The record breaks a limit or contradicts itself; nothing was written.
    #[error("the record cannot be entered: {0}")]
    InvalidRecord(#[from] RecordError),
    /// The decision breaks a limit; nothing was written.
    #[error("the decision cannot be entered: {0}")]
    InvalidDecision(#[from] DecisionError),
    /// Not a cursor of this question.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// A question about verdicts, and no log of them.
    #[error("no decision was logged in this ledger yet: `colophon verify --log` does")]
    NoDecisions,
    /// The operating system refused.
    #[error("{doing} {path}: {message}", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// No space left; nothing was acknowledged.
    #[error("the disk is full ({path}): free some space and try again; no acknowledged record is lost", path = .path.display())]
    DiskFull {
        /// Where.
        path: PathBuf,
    },
    /// The database failed for a reason other than damage.
    #[error("the ledger database: {0}")]
    Database(String),
    /// Stored data is not what it should be.
    #[error(
        "the ledger is damaged: {0}; run `colophon ledger fsck` to see all of it, then restore the ledger folder from a backup"
    )]
    Damaged(String),
    /// Another process held the ledger for too long.
    #[error("another process is writing to this ledger; waited {} s: try again when it is done", .0.as_secs())]
    Busy(Duration),
    /// There is no ledger in the folder.
    #[error("there is no ledger in {path}", path = .0.display())]
    NotFound(PathBuf),
    /// The folder cannot be written to, and the database needs it.
    #[error("the ledger in {path} was not closed cleanly and its folder is read-only: open it once where it can be written to", path = .0.display())]
    NeedsRecovery(PathBuf),
    /// The folder does not let us write.
    #[error("the ledger folder {path} cannot be written to: check its owner and permissions, or use another home", path = .0.display())]
    NotWritable(PathBuf),
    /// The ledger was opened for reading only.
    #[error("the ledger is open for reading only")]
    ReadOnly,
    /// The ledger belongs to another key or log.
    #[error("the ledger was not signed by this key: {0}")]
    WrongKey(CheckpointError),
    /// Origin and key name differ.
    #[error("the ledger's origin {origin:?} must be the name of its key, {key:?}")]
    Origin {
        /// Origin asked for.
        origin: String,
        /// Name of the signer's key.
        key: String,
    },
    /// Not a ledger, or one of a later version.
    #[error(
        "the database is not a ledger this version understands (format {0}): use the version that made it, or begin a new ledger in another folder"
    )]
    Version(i64),
    /// The key that signs receipts could not be used.
    #[error("the receipt was not signed: {0}")]
    ReceiptSigner(String),
    /// No record was entered yet.
    #[error("the ledger is empty")]
    Empty,
    /// There is no such entry.
    #[error("the ledger has no entry {0}")]
    NoEntry(RecordAddress),
    /// The entry is an event, which has no manifest, no mark and nothing to erase.
    #[error("entry {0} is an event, not the record of a picture")]
    NoRecord(RecordId),
    /// The bytes were erased.
    #[error("the manifest of entry {0} was erased; `colophon ledger show` tells when and why")]
    Erased(RecordId),
    /// Nobody of this name is known.
    #[error("no record that still has its private part names this requester")]
    NoSubject,
    /// Redactions go with an erasure, the events of shards with their opening and end.
    #[error(
        "an event of this kind is entered by erasing, or by opening or sealing a shard, not by itself"
    )]
    NotByHand,
    /// The private parts are encrypted with another key.
    #[error(
        "the storage key is not the one that this ledger is encrypted with: give the key folder that belongs to it, or start the program again if the key was replaced just now"
    )]
    WrongStorageKey,
    /// Private parts cannot be written without it.
    #[error(
        "the storage key, which encrypts private parts, is needed for this: open the ledger with it"
    )]
    NoStorageKey,
    /// The entry's inclusion could not be proven.
    #[error("entry {id} cannot be proven: {reason}")]
    Unproven {
        /// The entry.
        id: RecordId,
        /// Why.
        reason: Unproven,
    },
    /// The shard is sealed: records go into its successor.
    #[error("the shard is sealed; open the ledger again")]
    Sealed,
    /// The records are durable, but too few witnesses cosigned for their publication.
    #[error(
        "the record is stored, but not published: {missing}; the next record or `colophon ledger publish` tries \
         again",
        missing = failures(.0)
    )]
    NoQuorum(Vec<WitnessFailure>),
    /// A record's time lies so far after the last one's that the clock is more likely wrong.
    #[error(
        "the record's time is {} days after the last one's, which would seal the shard {shard} early: set the clock \
         right, or run `colophon ledger seal` if it is right",
        .ahead / 86_400
    )]
    ClockAhead {
        /// The shard that would be sealed.
        shard: ShardName,
        /// Seconds between the last record and this one.
        ahead: i64,
    },
    /// The newest shard is open under another key.
    #[error(
        "the shard {0} is open under another key: seal it with that key before this one is used"
    )]
    OtherKey(ShardName),
    /// The folder holds a ledger of before shards.
    #[error(
        "{path} holds a ledger of an earlier version, without shards: use the version that made it, or another home",
        path = .0.display()
    )]
    NoShards(PathBuf),
    /// A copy that was not made, or not taken for a ledger.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A proof file that cannot be believed.
    #[error(transparent)]
    Proof(#[from] TlogProofError),
    /// The checkpoint could not be signed.
    #[error("the new checkpoint could not be signed: {0}")]
    Sign(CheckpointError),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers: {0}")]
    Random(String),
    /// An earlier failure stopped the writer; whether the records of that moment were entered shows on reopening.
    #[error("the ledger stopped writing after a failure; open it again to recover: {0}")]
    WriterStopped(Box<LedgerError>),
}

/// Why an entry is not proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unproven {
    /// The published checkpoint is missing, altered or signed by another key.
    #[error("the published checkpoint: {0}")]
    Checkpoint(String),
    /// The checkpoint does not reach to the entry.
    #[error("the published checkpoint covers only {0} entries")]
    NotCovered(u64),
    /// A tile is missing or unreadable.
    #[error("{0}")]
    Tile(String),
    /// Leaf, tiles and checkpoint do not agree.
    #[error(
        "the entry is not the one that the signed checkpoint covers: entry or hash tile was altered"
    )]
    Mismatch,
    /// A database row contradicts the leaf.
    #[error("the database row was altered: {0}")]
    Row(&'static str),
}

impl LedgerError {
    pub(crate) fn io(doing: &'static str, path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io {
                doing,
                path,
                message: error.to_string(),
            },
        }
    }

    pub(crate) fn database(path: &Path, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(format!("database file {}: {error}", path.display()))
            }
            Some(ErrorCode::DiskFull) => Self::DiskFull {
                path: path.to_owned(),
            },
            // SQLite says "I/O error" when it cannot lengthen a file or its shared memory.
            _ if extended_code(error).is_some_and(|code| GROWING_FAILED.contains(&code)) => {
                Self::DiskFull {
                    path: path.to_owned(),
                }
            }
            _ => Self::Database(error.to_string()),
        }
    }
}

/// Who did not cosign, and why.
fn failures(failures: &[WitnessFailure]) -> String {
    let each: Vec<String> = failures.iter().map(ToString::to_string).collect();
    if each.is_empty() {
        "too few witnesses cosigned".to_owned()
    } else {
        format!("too few witnesses cosigned ({})", each.join("; "))
    }
}

/// Extended codes of a write that found no room.
const GROWING_FAILED: [i32; 3] = [
    rusqlite::ffi::SQLITE_IOERR_WRITE,
    rusqlite::ffi::SQLITE_IOERR_SHMSIZE,
    rusqlite::ffi::SQLITE_IOERR_TRUNCATE,
];

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}
