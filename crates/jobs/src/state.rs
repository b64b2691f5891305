//! What is written of a job: its description and where it stands.

use std::collections::BTreeMap;
use std::fmt;

use colophon_accounts::Tenant;
use colophon_batch::Summary;
use serde::{Deserialize, Serialize};

use crate::JobId;

/// Form of `job.json`.
pub(crate) const VERSION: u32 = 1;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing of it is checked yet.
    Queued,
    /// Its pictures are checked.
    Running,
    /// The server stopped in the middle of it, and has not read yet how far it was.
    Interrupted,
    /// Every picture has a row.
    Done,
    /// It cannot go on; rows that it has stay.
    Failed,
    /// Somebody called it off; rows that it has stay.
    Cancelled,
}

impl State {
    /// Its code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more comes.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a job checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Files that were sent with it.
    Files,
    /// Addresses that are fetched.
    Urls,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Files, Self::Urls];

    /// Its code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Urls => "urls",
        }
    }
}

/// Counts over the rows of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows.
    pub rows: u64,
    /// Rows by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Rows by recommended action.
    pub actions: BTreeMap<String, u64>,
    /// Rows by kind of error.
    pub errors: BTreeMap<String, u64>,
    /// Rows whose bytes came before; while the job goes on, of those known as such when they were sent.
    pub duplicates: u64,
}

impl From<&Summary> for Counts {
    fn from(summary: &Summary) -> Self {
        Self {
            rows: summary.rows,
            outcomes: summary.outcomes.clone(),
            actions: summary.actions.clone(),
            errors: summary.errors.clone(),
            duplicates: summary.duplicates,
        }
    }
}

/// `job.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Description {
    pub colophon_job: u32,
    pub id: JobId,
    pub tenant: Tenant,
    /// Name of the key or person; for the operator's eyes.
    pub by: Option<String>,
    pub kind: Kind,
    /// Language of the reports, its code.
    pub language: String,
    /// The endpoint that is told of the end, if it is not all of the tenant's.
    pub webhook: Option<String>,
    pub inputs: u64,
    /// Files of an archive that were passed over.
    pub passed: u64,
    /// Bytes stored.
    pub bytes: u64,
    pub created: i64,
    pub state: State,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    /// How often the server stopped in the middle of it.
    pub interruptions: u32,
    /// Why it failed.
    pub failure: Option<String>,
    /// Counts at its end.
    pub counts: Option<Counts>,
    /// Whether those who wait for its end were told.
    pub told: bool,
}
