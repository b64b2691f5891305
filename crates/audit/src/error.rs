//! What can go wrong, told so that a person can act.

use std::io;
use std::path::{Path, PathBuf};

use colophon_ledger::{LedgerError, NoteError, RecordError};
use colophon_tabular::ReadError;

/// Why an audit could not be done. What an audit finds is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The statement could not be signed.
    #[error("the statement could not be signed: {0}")]
    Sign(NoteError),
    /// A note that is no statement, or whose signature is wrong.
    #[error("the statement cannot be believed: {0}")]
    Statement(String),
    /// The table.
    #[error(transparent)]
    Table(#[from] ReadError),
    /// An entry that is not in the signed log, so that nothing can be stated of it.
    #[error(
        "entry {index} of {log} is not proven ({reason}), so that it cannot be exported; run `colophon ledger fsck`"
    )]
    Unproven {
        /// Origin of the log.
        log: String,
        /// The entry.
        index: u64,
        /// Why.
        reason: String,
    },
    /// Bytes that are no leaf.
    #[error("entry {index} of {log} cannot be read by this version: {reason}")]
    Leaf {
        /// Origin of the log.
        log: String,
        /// The entry.
        index: u64,
        /// Why.
        reason: RecordError,
    },
    /// A copy of a log with a file missing or wrong.
    #[error("{path} is not the copy of the log that it should be: {what}", path = .path.display())]
    Folder {
        /// The folder or the file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A chosen output that is there already.
    #[error("{} exists already; choose another name or pass --overwrite", .0.display())]
    Exists(PathBuf),
    /// Reading or writing failed.
    #[error("cannot {action} {path}: {source}; check the name, the permissions and the space left", path = .path.display())]
    Io {
        /// A verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Whoever reads what is written as it comes takes no more.
    #[error("the rest could not be handed over: {0}")]
    Stream(io::Error),
    /// The bundle could not be packed.
    #[error("the bundle could not be packed: {0}")]
    Pack(String),
}

impl AuditError {
    /// For [`Result::map_err`] on a file operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
