//! What can go wrong, told apart by who can put it right.

use std::io;
use std::path::{Path, PathBuf};

use crate::Format;

/// Who is at fault, for exit codes and HTTP statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file is not a sound picture.
    Picture,
    /// The file is larger in some measure than we accept.
    Limit,
    /// The file is of a kind we do not handle.
    Unsupported,
    /// The caller asked for something that cannot be.
    Request,
    /// The machine (disk, permissions) refused.
    System,
}

/// Errors of this crate. Each message says what the user can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImagingError {
    /// There are no bytes at all.
    #[error("the file is empty; check that it was copied or downloaded whole")]
    Empty,
    /// The content is of a known kind that is refused by name.
    #[error("this is {found}; {advice}")]
    Unsupported {
        /// The kind, with its article: "a TIFF picture".
        found: &'static str,
        /// What the user can do instead.
        advice: &'static str,
    },
    /// The content is of no kind that we know.
    #[error("this is no picture we know; give a PNG, JPEG, WebP, GIF or BMP file")]
    Unknown,
    /// The file ends before the picture does.
    #[error("the {format} picture is cut short; copy or download it again")]
    Truncated {
        /// The sniffed format.
        format: Format,
    },
    /// The file contradicts its format.
    #[error(
        "the {format} picture is damaged ({reason}); open and save it again in a picture editor"
    )]
    Decoding {
        /// The sniffed format.
        format: Format,
        /// What the reader stumbled over.
        reason: String,
    },
    /// A bound of [`crate::Limits`] is exceeded; nothing was decoded.
    #[error("the picture's {what} is {found}, more than the {allowed} allowed; {advice}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// Its size.
        found: u64,
        /// The bound.
        allowed: u64,
        /// What the user can do.
        advice: &'static str,
    },
    /// The picture cannot be written in the format asked for.
    #[error("the picture cannot be written as {format}: {reason}")]
    Encoding {
        /// The format asked for.
        format: Format,
        /// Why not, and what to do instead.
        reason: String,
    },
    /// An argument is out of its range.
    #[error("{0}")]
    Parameter(String),
    /// The path names a folder.
    #[error("{} is a folder; name a file", .0.display())]
    IsFolder(PathBuf),
    /// The output exists and was not to be replaced.
    #[error("{} exists already; choose another name or pass --overwrite", .0.display())]
    AlreadyExists(PathBuf),
    /// Reading or writing failed.
    #[error("cannot {action} {}: {source}; {}", .path.display(), io_advice(.source))]
    Io {
        /// "read", "write", ...
        action: &'static str,
        /// The file or folder concerned.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl ImagingError {
    /// Who is at fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Empty | Self::Truncated { .. } | Self::Decoding { .. } => Fault::Picture,
            Self::Limit { .. } => Fault::Limit,
            Self::Unsupported { .. } | Self::Unknown => Fault::Unsupported,
            Self::Encoding { .. }
            | Self::Parameter(_)
            | Self::IsFolder(_)
            | Self::AlreadyExists(_) => Fault::Request,
            Self::Io { .. } => Fault::System,
        }
    }

    pub(crate) fn decoding(format: Format, reason: impl Into<String>) -> Self {
        Self::Decoding {
            format,
            reason: reason.into(),
        }
    }

    pub(crate) fn encoding(format: Format, reason: impl Into<String>) -> Self {
        Self::Encoding {
            format,
            reason: reason.into(),
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_path_buf(),
            source,
        }
    }
}

/// What the user can do about a refusal of the system.
fn io_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "check the name",
        io::ErrorKind::PermissionDenied => "check the permissions",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder that can be written",
        _ => "check the disk or the stream",
    }
}
