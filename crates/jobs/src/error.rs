//! What can go wrong with a job as a whole.

use std::io;
use std::path::{Path, PathBuf};

use colophon_archive::ArchiveError;
use colophon_batch::BatchError;
use colophon_imaging::ImagingError;

use crate::State;

/// Errors of this crate. What is wrong with one picture is a row of the results instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// There is no such job, or it is another tenant's.
    #[error("there is no such job; was it deleted, or is its time over?")]
    Unknown,
    /// A text that is no id of a job.
    #[error("this is no id of a job; it is `job_` and 32 hex digits")]
    Id,
    /// Nothing to check.
    #[error("there is nothing to check; send pictures or addresses of some")]
    Empty,
    /// More inputs than a job takes.
    #[error("a job takes at most {0} pictures; send several smaller ones")]
    TooManyInputs(usize),
    /// More bytes than a job takes.
    #[error("a job takes at most {0} bytes; send several smaller ones")]
    TooManyBytes(u64),
    /// An address or name that is too long.
    #[error("a name or address is at most {0} bytes long")]
    LongName(usize),
    /// The tenant has too many jobs.
    #[error(
        "there are {0} jobs open already, which is the most; wait for some to end, or cancel some"
    )]
    TooManyOpen(usize),
    /// Too many jobs are kept.
    #[error("{0} jobs are kept already, which is the most; delete some that have ended")]
    TooManyKept(usize),
    /// All jobs together hold too much.
    #[error("the jobs that wait hold as many bytes as are kept; try again when some have ended")]
    Full,
    /// The job is in a state in which this cannot be done.
    #[error("the job is {0}")]
    State(State),
    /// The archive as a whole.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The rows.
    #[error(transparent)]
    Rows(#[from] BatchError),
    /// A file of a job is not as it was written.
    #[error("{} is damaged; its job cannot go on", .0.display())]
    Damaged(PathBuf),
    /// Another process works on these jobs.
    #[error("another server works on the jobs in {}; stop it first", .0.display())]
    InUse(PathBuf),
    /// No random numbers.
    #[error("the system gives no random numbers, so no id can be drawn")]
    Random,
    /// Reading or writing failed.
    #[error("cannot {action} {}: {source}; check the permissions and the space left", .path.display())]
    Io {
        /// A verb.
        action: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file could not be written whole.
    #[error(transparent)]
    Write(#[from] ImagingError),
}

impl JobsError {
    /// For [`Result::map_err`] on a file operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// Whether the disk or a quota is full.
    pub fn is_full_disk(&self) -> bool {
        let kind = match self {
            Self::Io { source, .. }
            | Self::Rows(BatchError::Io { source, .. })
            | Self::Write(ImagingError::Io { source, .. }) => source.kind(),
            _ => return false,
        };
        matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}
