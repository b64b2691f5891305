//! A message on its way to one endpoint.

use colophon_accounts::Tenant;
use serde::{Deserialize, Serialize};

use crate::{EndpointId, EventKind, Headers};

/// A message that is not delivered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Id of the event.
    pub event: String,
    /// What kind.
    pub kind: EventKind,
    /// Whose it is.
    pub tenant: Tenant,
    /// Where it goes.
    pub endpoint: EndpointId,
    /// What is posted.
    pub body: String,
    /// Since when it waits, Unix seconds.
    pub created: i64,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next.
    pub next: i64,
}

impl Delivery {
    /// Name of its file.
    pub(crate) fn file(&self) -> String {
        format!("{}.{}.json", self.event, self.endpoint)
    }
}

/// A message to post now. Say what came of it with [`crate::Hooks::done`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Where to.
    pub url: String,
    /// Headers of its own; the body is `application/json`.
    pub headers: Headers,
    /// The body.
    pub body: String,
    pub(crate) delivery: Delivery,
    /// Whether there is a file of it.
    pub(crate) kept: bool,
}

/// What a receiver answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// HTTP status.
    pub status: u16,
    /// `retry-after` in seconds, if it is there.
    pub retry_after: Option<i64>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Delivered,
    /// It is tried again at this time, Unix seconds.
    Again(i64),
    /// It is given up.
    GivenUp,
    /// The receiver wants no more: nothing is sent to it from now on.
    Gone,
}
