//! What ends a command early.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use colophon_accounts::AccountsError;
use colophon_audit::AuditError;
use colophon_batch::BatchError;
use colophon_diffusion::DiffusionError;
use colophon_gateway::GatewayError;
use colophon_imaging::ImagingError;
use colophon_keys::KeysError;
use colophon_ledger::LedgerError;
use colophon_policy::Problems;
use colophon_provenance::ProvenanceError;
use colophon_watermark::WatermarkError;

/// Why a command could not do its work. Each message says what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A picture or a file.
    #[error(transparent)]
    Imaging(#[from] ImagingError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// API keys.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// An audit of the ledger.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The mark.
    #[error(transparent)]
    Watermark(#[from] WatermarkError),
    /// Issuing, verifying or the home.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    /// A policy bundle.
    #[error("the policy bundle cannot be used: {}", .0.brief())]
    Policy(Problems),
    /// The model.
    #[error(transparent)]
    Diffusion(#[from] DiffusionError),
    /// The picture to start from.
    #[error(transparent)]
    Start(#[from] crate::making::StartError),
    /// The images server.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// A witness.
    #[error(transparent)]
    Witness(#[from] colophon_witness::WitnessError),
    /// A server.
    #[error(transparent)]
    Server(#[from] colophon_server::ServerError),
    /// The settings of a server.
    #[error(transparent)]
    Settings(#[from] colophon_server::SettingError),
    /// What people said of the checks.
    #[error(transparent)]
    Feedback(#[from] colophon_server::FeedbackError),
    /// A ledger that is watched.
    #[error(transparent)]
    Monitor(#[from] colophon_monitor::Trouble),
    /// What a monitor remembers.
    #[error(transparent)]
    MonitorState(#[from] colophon_monitor::StateError),
    /// A run over many pictures.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// What is kept of jobs cannot be read or written.
    #[error(transparent)]
    Jobs(#[from] colophon_jobs::JobsError),
    /// What is kept of webhooks cannot be read or written.
    #[error(transparent)]
    Webhooks(#[from] colophon_webhooks::WebhookError),
    /// A child process that checks pictures.
    #[error(transparent)]
    Sandbox(#[from] colophon_sandbox::Failure),
    /// The parent of this child process.
    #[error(transparent)]
    Serve(#[from] colophon_sandbox::ServeError),
    /// Parent and child do not understand each other.
    #[error(
        "the check's own message cannot be read; the program may have been replaced while it ran: start it again"
    )]
    Internal(#[source] serde_json::Error),
    /// Standard output.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    /// A file that is no picture.
    #[error("cannot {action} {path}; check its name, its permissions and the disk", path = .path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The terminal.
    #[error("cannot ask for the passphrase; name a file with it by --passphrase-file")]
    Terminal(#[source] io::Error),
    /// Ctrl-C cannot be watched for.
    #[error("cannot watch for Ctrl-C")]
    Interrupt(#[source] io::Error),
    /// The request cannot be.
    #[error("{0}")]
    Request(String),
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Policy(problems)
    }
}

impl Failure {
    /// For [`Result::map_err`] on a file operation.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// Whether the reader of our output has gone away, which is no error.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(
            self,
            Self::Output(error) | Self::Batch(BatchError::Output(error))
                if error.kind() == ErrorKind::BrokenPipe
        )
    }
}
