//! What can go wrong on the two ways.

use std::path::PathBuf;

/// Errors of this crate. Each message says what the user can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvenanceError {
    /// Reading, decoding, encoding or writing a picture failed.
    #[error(transparent)]
    Imaging(#[from] colophon_imaging::ImagingError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] colophon_keys::KeysError),
    /// The manifest cannot be written or read.
    #[error(transparent)]
    Manifest(#[from] colophon_manifest::ManifestError),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] colophon_ledger::LedgerError),
    /// No receipt can be signed.
    #[error("the key for receipts cannot be used: {0}")]
    ReceiptKey(String),
    /// A list of public keys cannot be signed.
    #[error("the list of keys could not be signed ({0}): run `colophon keys check`")]
    Note(colophon_ledger::NoteError),
    /// The policies are unusable.
    #[error("the policies in {folder} cannot be used: {}", .problems.brief(), folder = .folder.display())]
    Policy {
        /// Where they lie.
        folder: PathBuf,
        /// Everything that is wrong with them.
        problems: colophon_policy::Problems,
    },
    /// A bundle was not put in force.
    #[error(transparent)]
    Publish(Box<colophon_policy::PublishError>),
    /// The policies forbid it, or do not permit it.
    #[error("refused: {why}")]
    Refused {
        /// Labels of the prompt, rule with its place, reason, advice.
        why: String,
        /// What was asked and answered, without the prompt.
        decision: Box<colophon_policy::PastDecision>,
    },
    /// A prompt could not be judged, so nothing is made.
    #[error("{0}; nothing was made")]
    Screen(String),
    /// A decision has no written form, so it cannot be kept.
    #[error("the decision on the request cannot be kept: {0}; nothing was made, please report it")]
    Decision(String),
    /// No folder for the home is known.
    #[error(
        "there is no home folder: name one with --home or COLOPHON_HOME, or set XDG_DATA_HOME or HOME"
    )]
    NoHome,
    /// The settings file cannot be read or says something that cannot be.
    #[error("the settings in {path} cannot be used: {reason}", path = .path.display())]
    Config {
        /// The settings file, or a file that it names.
        path: PathBuf,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// The policy about witnesses cannot be followed.
    #[error("the witnesses named in {path} cannot be asked: {reason}; mend the file, or move it away to issue without witnesses", path = .path.display())]
    Witnesses {
        /// The policy's file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A trust list or a revocation cannot be taken.
    #[error("{0}")]
    Trust(String),
    /// A file of the home cannot be read or made.
    #[error("cannot {action} {path}: {source}; check that it exists and its permissions", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The input moves.
    #[error("the picture is an animation of {frames} frames; stamp one frame saved as a picture")]
    Animated {
        /// Its frames.
        frames: u32,
    },
    /// The input is for printing.
    #[error(
        "the picture has CMYK colours; convert it to RGB first, so that you see what is issued"
    )]
    Cmyk,
    /// The picture cannot carry a mark.
    #[error("{reason}; choose another picture, or issue it unmarked with --allow-unmarked")]
    CannotMark {
        /// Why.
        reason: String,
    },
    /// The picture already carries a mark that belongs to another picture.
    #[error(
        "the picture carries the mark {id:016x} of another picture (ledger record {record}); use a picture without it"
    )]
    ForeignMark {
        /// The id in the pixels.
        id: u64,
        /// The record that the id leads to.
        record: u64,
    },
    /// The result did not pass its own check.
    #[error(
        "the stamped picture did not pass its check before release ({what}); nothing was written"
    )]
    ReadBack {
        /// What did not fit, and what can be done.
        what: String,
    },
    /// The system gave no random numbers.
    #[error("the system's random number source failed ({0}); try again")]
    Random(String),
    /// An inner computation refused its own input.
    #[error("{0}; this is a defect, please report it")]
    Internal(String),
}

impl From<colophon_fingerprint::FingerprintError> for ProvenanceError {
    fn from(error: colophon_fingerprint::FingerprintError) -> Self {
        Self::Internal(error.to_string())
    }
}
