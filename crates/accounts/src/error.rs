//! What can go wrong with accounts.

use std::io;
use std::path::{Path, PathBuf};

/// Errors of this crate. Each message says what the user can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}; check its permissions and the disk", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file says what cannot be.
    #[error("{path} cannot be used: {what}; remove it, or put it back from a backup", path = .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// There is no such key.
    #[error("there is no key {0}; `colophon access list` shows all")]
    NoKey(String),
    /// More keys than are looked through.
    #[error("there are {0} keys already; remove files of revoked ones from the folder `access`")]
    TooMany(usize),
    /// What a key is to be cannot be.
    #[error("{0}")]
    Invalid(String),
    /// No random numbers.
    #[error("the system's random number source failed ({0}); try again")]
    Random(#[from] getrandom::Error),
}

impl AccountsError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            what: what.into(),
        }
    }

    /// Whether the disk has no room.
    pub fn is_no_space(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Io { source, .. } if full.contains(&source.kind()))
    }
}
