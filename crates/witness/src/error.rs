//! What can go wrong with a witness.

use std::io;
use std::path::{Path, PathBuf};

use colophon_keys::KeysError;
use colophon_tlog::{CheckpointError, KeyError};

/// Errors of this crate. None of them is a refusal: those are answers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The folder holds no witness.
    #[error("{0} holds no witness; make one with `colophon witness init`, or name its folder")]
    NoWitness(PathBuf),
    /// There is something already.
    #[error("{0} is not empty; a witness gets a folder of its own and never replaces another")]
    Exists(PathBuf),
    /// Another process answers for this witness.
    #[error("another process has the witness in {0} open; only one may answer for it")]
    Locked(PathBuf),
    /// The key file.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A name or a public key.
    #[error("{what}: {source}")]
    Name {
        /// Of what.
        what: &'static str,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The log is known, by another key.
    #[error(
        "the witness knows {origin} by another key; one log has one key, and a witness does not change it"
    )]
    OtherKey {
        /// The log.
        origin: String,
    },
    /// A file is missing or not what the witness wrote.
    #[error(
        "{path} {what}; the witness does not answer for this log until the file is restored from a backup that is not \
         older than its last cosignature",
        path = .path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The clock is behind the last cosignature.
    #[error(
        "the clock shows {now}, but the last cosignature was made at {last} (Unix seconds); set the clock right"
    )]
    Clock {
        /// The clock.
        now: u64,
        /// The last cosignature.
        last: u64,
    },
    /// The cosignature could not be made.
    #[error("the checkpoint cannot be cosigned: {0}")]
    Sign(#[from] CheckpointError),
    /// A write failed before: what the disk holds is not certain.
    #[error("the witness stopped because a write failed; look after the disk and start it again")]
    Stopped,
    /// A file could not be read or written.
    #[error("cannot {action} {path}; check the disk and the permissions", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl WitnessError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
