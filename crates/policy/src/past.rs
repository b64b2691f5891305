//! Decisions as they are kept.

use serde::{Deserialize, Serialize};

use crate::access::{AccessRequest, Decision};

/// A question, without the prompt, and what came of it. [`crate::Bundle::decide`] answers the same question under other
/// policies; the labels of the prompt are then those of that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PastDecision {
    /// What was asked.
    pub request: AccessRequest,
    /// What was answered.
    pub decision: Decision,
}
