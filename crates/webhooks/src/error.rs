//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

use colophon_imaging::ImagingError;

/// Errors of this crate, besides those of [`crate::verify`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// There is no such endpoint, or it is another tenant's.
    #[error("there is no such webhook; was it deleted?")]
    Unknown,
    /// A text that is no id of an endpoint.
    #[error("this is no id of a webhook; it is `wh_` and 32 hex digits")]
    Id,
    /// A secret or key that cannot be read.
    #[error(
        "this is no {0}; a secret is `whsec_` and 24 to 64 bytes in base64, a public key `whpk_` and 32, a private key `whsk_` and 64"
    )]
    Key(&'static str),
    /// An event that is not sent.
    #[error("there is no event `{0}`; events are job.completed and job.failed")]
    Event(String),
    /// More endpoints than are kept.
    #[error("a tenant has at most {0} webhooks; delete one first")]
    TooManyEndpoints(usize),
    /// More deliveries than are kept.
    #[error("{0} messages wait for their receivers already, which is the most")]
    TooManyDeliveries(usize),
    /// A text that is too long.
    #[error("an address or description is at most {0} bytes long")]
    TooLong(usize),
    /// No random numbers.
    #[error("the system gives no random numbers, so no secret can be drawn")]
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

impl WebhookError {
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
