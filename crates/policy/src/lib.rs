//! Verdict table: what the rules make of all evidence.
//!
//! Each reader of a picture reports one value of a closed enum ([`Facts`]). An ordered table of rules
//! ([`VerdictTable`], TOML) turns the combination into one verdict; the first rule that matches wins.
//! The table is checked when it is loaded: every combination has a rule, and every rule is the first
//! for some combination. The SHA-256 of the table's meaning ([`PolicyHash`]) goes into records and
//! reports, so that a verdict can be recomputed later.

mod cover;
mod facts;
mod table;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

pub use facts::{
    AssetHash, Binding, Camera, Contradiction, Facts, FingerprintMatch, LedgerState,
    ManifestAgreement, ManifestState, Statement, Trace, WatermarkState,
};
pub use table::VerdictTable;

/// What a verdict means for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Evidence of the picture's origin was found and does not contradict itself.
    Evidence,
    /// Something that a person should look at: a contradiction, an alteration or damage.
    Flagged,
    /// All was checked and nothing was found.
    Nothing,
    /// Nothing was found, and something could not be checked.
    Unchecked,
}

/// What is recommended to whoever has to decide on a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing stands against showing it as it is.
    Allow,
    /// Show it with a label that says what was found.
    Label,
    /// A person should look at it.
    Review,
    /// A person with special knowledge or authority should look at it.
    Escalate,
}

impl Action {
    /// The code in tables and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Label => "label",
            Self::Review => "review",
            Self::Escalate => "escalate",
        }
    }
}

/// What the table makes of one picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Id of the rule that matched.
    pub rule_id: String,
    /// One plain sentence or two for people.
    pub headline: String,
    /// What it means for programs.
    pub finding: Finding,
    /// What is recommended.
    pub action: Action,
    /// Why, and what it does not mean.
    pub explanation: String,
    /// The facts judged, as `signal=value` codes.
    pub reasons: Vec<String>,
}

/// SHA-256 over the canonical form of a table: its meaning, not its layout or comments.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyHash(pub [u8; 32]);

impl fmt::Display for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyHash({self})")
    }
}

impl Serialize for PolicyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a verdict table is refused. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Longer than any sensible table.
    #[error("the verdict table is {bytes} bytes long; at most {limit} are read")]
    TooLong {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not TOML, an unknown field or an unknown value; the message names the line and what is allowed.
    #[error("the verdict table cannot be read: {0}")]
    Syntax(String),
    /// Two rules have the same id.
    #[error("line {line}: the rule id `{rule}` is used twice; give each rule its own")]
    DuplicateRule {
        /// The id.
        rule: String,
        /// Line of the second.
        line: usize,
    },
    /// A list of values is empty or repeats a value.
    #[error(
        "line {line}: rule `{rule}` lists no value or one value twice for `{signal}`; leave the signal out to accept any value"
    )]
    BadValueList {
        /// The rule.
        rule: String,
        /// The signal.
        signal: &'static str,
        /// Line of the rule.
        line: usize,
    },
    /// A sentence is empty, has an unknown placeholder or claims more than evidence can.
    #[error("line {line}: rule `{rule}`: {problem}")]
    BadSentence {
        /// The rule.
        rule: String,
        /// What is wrong and what is allowed.
        problem: String,
        /// Line of the rule.
        line: usize,
    },
    /// A rule that can never be the first to match.
    #[error(
        "line {line}: rule `{rule}` can never apply, because earlier rules take every case of it; move it up, narrow the earlier rules or delete it"
    )]
    Shadowed {
        /// The rule.
        rule: String,
        /// Its line.
        line: usize,
    },
    /// A combination that no rule takes.
    #[error(
        "no rule covers {facts} (and {others} other combinations); add a rule, or a last one without conditions"
    )]
    Uncovered {
        /// The first such combination, as `signal=value` codes.
        facts: Facts,
        /// How many more there are.
        others: u64,
    },
}
