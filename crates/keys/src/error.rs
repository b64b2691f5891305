//! What can go wrong with keys.

use std::path::PathBuf;

/// Errors of this crate. Every message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The key folder does not exist.
    #[error("there are no keys in {0}: run `colophon keys init`")]
    NoKeys(PathBuf),
    /// `init` found something where the keys would go.
    #[error(
        "{0} already holds keys or other files: nothing was changed; choose another home or move that folder away"
    )]
    AlreadyExists(PathBuf),
    /// A file of the key folder is missing.
    #[error(
        "key file {0} is missing: restore it from a backup, or run `colophon keys check` for a full list"
    )]
    Missing(PathBuf),
    /// The file system refused.
    #[error(
        "cannot {action} {path}: {source}; check that the folder exists, is writable and has room"
    )]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is encrypted and no passphrase was given.
    #[error("key file {0} is encrypted: give its passphrase")]
    PassphraseNeeded(PathBuf),
    /// The passphrase does not open a file that is otherwise whole.
    #[error(
        "wrong passphrase for key file {0}: the file itself is unchanged, try the passphrase again"
    )]
    WrongPassphrase(PathBuf),
    /// A file is not what `init` wrote.
    #[error("key file {path} is damaged ({what}): restore it from a backup")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// A private key and its public part do not belong together.
    #[error("key file {path} does not belong to {public}: restore both from the same backup")]
    Mismatch {
        /// The private key's file.
        path: PathBuf,
        /// The certificate or public key file.
        public: PathBuf,
    },
    /// The watermark key has the wrong length.
    #[error(
        "watermark key file {path} holds {bytes} bytes instead of 32: restore it from a backup"
    )]
    WatermarkKeyLength {
        /// The file.
        path: PathBuf,
        /// Bytes found.
        bytes: usize,
    },
    /// A name or other option cannot stand in a certificate or note.
    #[error("{field}: {reason}")]
    BadOption {
        /// Which option.
        field: &'static str,
        /// Why, and what is allowed.
        reason: String,
    },
    /// The system's random source failed.
    #[error("the system's random number source failed ({0}): no keys were made; try again")]
    Random(String),
    /// Building a certificate or a key file failed.
    #[error("could not encode {what}: {reason}; this is a defect, please report it")]
    Encode {
        /// What was being built.
        what: &'static str,
        /// The encoder's words.
        reason: String,
    },
}

impl KeysError {
    pub(crate) fn encode(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Encode {
            what,
            reason: reason.to_string(),
        }
    }
}
