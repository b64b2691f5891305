//! The log of decisions: what the rules made of requests and of checks. Kept apart from the ledger, because it may be
//! pruned; it holds nothing personal.

mod store;

use crate::error::LedgerError;
use crate::shards::RecordId;

pub use store::Decisions;

/// Longest text in a decision, bytes.
const MAX_TEXT: usize = 16 << 10;

/// Whether a request to issue a picture was let through, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuingDecision {
    /// Unix seconds, UTC.
    pub at: i64,
    /// Whether it was.
    pub allowed: bool,
    /// Ids of the rules that decided.
    pub rules: Vec<String>,
    /// Labels that screening put on the prompt; never the prompt.
    pub labels: Vec<String>,
    /// What was decided on, as one line of JSON; neither prompt nor requester, so that it can be kept.
    pub request: String,
    /// SHA-256 of the policy in force.
    pub policy: [u8; 32],
    /// The record that came of it.
    pub record: Option<RecordId>,
}

/// What the rules made of a picture that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckDecision {
    /// Unix seconds, UTC.
    pub at: i64,
    /// SHA-256 of the file.
    pub asset: [u8; 32],
    /// The facts judged, as `signal=value` codes.
    pub facts: Vec<String>,
    /// Id of the rule that matched.
    pub rule: String,
    /// What it means for programs.
    pub finding: String,
    /// What was recommended.
    pub action: String,
    /// SHA-256 of the policy in force.
    pub policy: [u8; 32],
    /// The record that the picture led to.
    pub record: Option<RecordId>,
}

/// How often the rules came to something on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// Rule, finding and action of a check, or `allow` or `deny` of a request.
    pub outcome: Outcome,
    /// How often.
    pub count: u64,
}

/// What the rules came to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A request.
    Issuing {
        /// Whether it was let through.
        allowed: bool,
    },
    /// A check.
    Check {
        /// Id of the rule that matched.
        rule: String,
        /// What it means for programs.
        finding: String,
        /// What was recommended.
        action: String,
    },
}

/// A decision that cannot be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// A text is longer than 16 KiB.
    #[error("{0} is longer than 16 KiB")]
    TooLong(&'static str),
    /// A code with a line break, or an empty one.
    #[error("{0} must be codes of one line each")]
    NotCodes(&'static str),
}

impl IssuingDecision {
    fn check(&self) -> Result<(), LedgerError> {
        codes("the rules", &self.rules)?;
        codes("the labels", &self.labels)?;
        short("the request", self.request.len())?;
        Ok(())
    }
}

impl CheckDecision {
    fn check(&self) -> Result<(), LedgerError> {
        codes("the facts", &self.facts)?;
        codes(
            "rule, finding and action",
            [&self.rule, &self.finding, &self.action],
        )?;
        Ok(())
    }
}

fn short(what: &'static str, bytes: usize) -> Result<(), DecisionError> {
    if bytes > MAX_TEXT {
        return Err(DecisionError::TooLong(what));
    }
    Ok(())
}

/// Codes stand one a line in the database.
fn codes<'a>(
    what: &'static str,
    codes: impl IntoIterator<Item = &'a String>,
) -> Result<(), DecisionError> {
    let mut bytes = 0;
    for code in codes {
        if code.is_empty() || code.contains('\n') {
            return Err(DecisionError::NotCodes(what));
        }
        bytes += code.len() + 1;
    }
    short(what, bytes)
}
