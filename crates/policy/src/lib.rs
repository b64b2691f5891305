//! Policies: who may do what, what a prompt might ask for, and what becomes of evidence.
//!
//! A [`Bundle`] is a folder that decides as a whole: Cedar policies with their schema ([`Bundle::decide`]), word lists
//! that screen prompts ([`Bundle::screen`]), the verdict table, the vocabulary that all of them use, and tests. It is
//! named by one hash ([`PolicyHash`]), which goes into records and reports, and signed as a note.
//!
//! The verdict table: each reader of a picture reports one value of a closed enum ([`Facts`]). An ordered table of
//! rules ([`VerdictTable`], TOML) turns the combination into one verdict; the first rule that matches wins. The table
//! is checked when it is loaded: every combination has a rule, and every rule is the first for some combination.

mod access;
mod bundle;
mod codes;
mod cover;
mod diff;
mod facts;
mod files;
mod golden;
mod past;
mod problem;
mod reload;
mod screen;
mod store;
mod table;
mod vocabulary;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

pub use access::{
    AccessRequest, Change, Considered, Decision, Effect, Explanation, LoraName, Making,
    MarkStrength, Obligations, Operation, Principal, PrincipalKind, Principals, Resource, Rule,
    RuleRef, SignerClass, UNSTATED,
};
pub use bundle::{Bundle, check_note, sign, verdict_table};
pub use diff::{AccessChange, BundleDiff, Named, VerdictChange};
pub use facts::{
    AssetHash, Binding, Camera, Contradiction, Facts, FingerprintMatch, LedgerState,
    ManifestAgreement, ManifestState, Statement, Trace, WatermarkState,
};
pub use files::{Files, LISTING_HEAD, NOTE_FILE};
pub use golden::CaseOutcome;
pub use past::PastDecision;
pub use problem::{Place, Problem, Problems};
pub use reload::{Reloaded, Reloader};
pub use screen::{Label, Lexicon, Screen, Screening, Severity, normalise};
pub use store::{InForce, Origin, PublishError, Published, Store};
pub use table::{TableRule, VerdictTable};
pub use vocabulary::Vocabulary;

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

/// SHA-256 of a bundle's canonical listing ([`Files::listing`]); 64 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl FromStr for PolicyHash {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(());
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| ())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| ())?;
        }
        Ok(Self(hash))
    }
}

impl<'de> Deserialize<'de> for PolicyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|()| serde::de::Error::custom("a bundle's hash has 64 hexadecimal digits"))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
