//! What is told.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::WebhookError;

/// Kinds of events; their names are public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// Every picture of a job has a row.
    #[serde(rename = "job.completed")]
    JobCompleted,
    /// A job cannot go on.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// Somebody tries whether messages arrive. Every endpoint gets it.
    #[serde(rename = "webhook.test")]
    Test,
}

impl EventKind {
    /// Those that an endpoint can ask for.
    pub const CHOICES: [Self; 2] = [Self::JobCompleted, Self::JobFailed];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JobCompleted => "job.completed",
            Self::JobFailed => "job.failed",
            Self::Test => "webhook.test",
        }
    }
}

impl FromStr for EventKind {
    type Err = WebhookError;

    fn from_str(name: &str) -> Result<Self, WebhookError> {
        Self::CHOICES
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| WebhookError::Event(name.to_owned()))
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id, the same whenever it is told: letters, digits and `_`.
    pub id: String,
    /// What kind.
    pub kind: EventKind,
    /// When it happened, Unix seconds.
    pub at: i64,
    /// Ids, counts and addresses; no personal data.
    pub data: Value,
}

impl Event {
    /// The message: one line of JSON with `type`, `timestamp` and `data`.
    pub fn body(&self) -> String {
        json!({
            "type": self.kind.as_str(),
            "timestamp": colophon_calendar::rfc3339(self.at),
            "data": self.data,
        })
        .to_string()
    }
}
