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
    /// A symmetric key has the wrong length.
    #[error("key file {path} holds {bytes} bytes instead of 32: restore it from a backup")]
    SymmetricKeyLength {
        /// The file.
        path: PathBuf,
        /// Bytes found.
        bytes: usize,
    },
    /// The folder has no key of a role.
    #[error(
        "{dir} has no {role} key yet, as an earlier version made it: the next `stamp`, `generate` or `keys` command that writes adds it"
    )]
    NotMade {
        /// The key folder.
        dir: PathBuf,
        /// The role.
        role: &'static str,
    },
    /// A key's private part is not a file of this folder.
    #[error(
        "the private part of the {role} key {id} is not in this folder: it was destroyed when the key was retired, or lives in a token or on another machine"
    )]
    NotInAFile {
        /// The role.
        role: &'static str,
        /// The key's id.
        id: String,
    },
    /// The role has had keys, but none is in use.
    #[error("no {role} key is in use: run `colophon keys rotate` to make one")]
    NoActiveKey {
        /// The role.
        role: &'static str,
    },
    /// No key, or several, go by a name.
    #[error(
        "{name} names {count} keys: give a role, or more digits of one key's id as `colophon keys list` shows it"
    )]
    NoSuchKey {
        /// What was asked for.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// A key cannot be used in this way.
    #[error("the {role} key cannot be {action}: {reason}")]
    CannotChange {
        /// The role.
        role: &'static str,
        /// What was tried, a participle.
        action: &'static str,
        /// Why, and what can be done.
        reason: String,
    },
    /// A token did not do what was asked.
    #[error(
        "cannot {action} `{key}` in the token `{token}` ({reason}): check module, labels and PIN file"
    )]
    Token {
        /// The token's label.
        token: String,
        /// The key's label.
        key: String,
        /// What was tried, as a verb.
        action: &'static str,
        /// The module's words.
        reason: String,
    },
    /// A remote signer did not do what was asked.
    #[error(
        "the remote signer {url} does not sign ({reason}): check that it runs and that its token is right"
    )]
    Remote {
        /// Its address.
        url: String,
        /// Why.
        reason: String,
    },
    /// A token or remote signer gave a signature that its own public key does not confirm.
    #[error(
        "the {role} key gave a wrong signature: nothing was signed; check the token or remote signer that holds it"
    )]
    WrongSignature {
        /// The role.
        role: &'static str,
    },
    /// A certificate cannot be installed.
    #[error("the certificate was not installed: {0}")]
    Certificate(String),
    /// A backup cannot be read.
    #[error("{path} cannot be restored: {reason}")]
    Backup {
        /// The file.
        path: PathBuf,
        /// Why, and what can be done.
        reason: String,
    },
    /// A key was asked to sign for another role's purpose.
    #[error("the {role} key does not sign for `{purpose}`: one key serves one role")]
    WrongPurpose {
        /// The key's role.
        role: &'static str,
        /// What was asked for.
        purpose: &'static str,
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
