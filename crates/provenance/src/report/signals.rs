//! What is told of other generators' traces, of times, and of what does not go together.

use colophon_signals::{Class, Says, Source};
use serde::{Deserialize, Serialize};

/// One trace of a generator, a camera or a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignalEvidence {
    /// Whose, as a stable code.
    pub source: Source,
    /// Whose, for people.
    pub name: String,
    /// What it is worth.
    pub class: Class,
    /// What it says of how the picture came to be.
    pub says: Says,
    /// The product or model named.
    pub tool: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Where it stands.
    pub places: Vec<String>,
    /// What was found there.
    pub fields: Vec<FieldEvidence>,
    /// A sentence about this trace.
    pub note: Option<String>,
}

/// One value of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FieldEvidence {
    /// Its name.
    pub name: String,
    /// Its value; `None` when it may tell of a person and the report is a public one.
    pub value: Option<String>,
}

/// A mark that the file is said to carry and that cannot be read here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnreadableMarkEvidence {
    /// Its name.
    pub name: String,
    /// Whose, as a stable code.
    pub source: Source,
    /// What names it.
    pub named_by: String,
    /// Where its owner offers a check; nothing was sent there.
    pub check_at: Option<String>,
}

/// A time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimelineEntry {
    /// RFC 3339, as far as stated.
    pub when: String,
    /// What happened then, as a stable code such as `captured`.
    pub what: String,
    /// The same for people.
    pub sentence: String,
    /// Where it stands.
    pub place: String,
    /// Who vouches for it.
    pub grade: TimelineGrade,
}

/// Who vouches for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimelineGrade {
    /// Nobody: unsigned metadata.
    Declared,
    /// The signer of the manifest.
    Signed,
    /// A time-stamp authority.
    Stamped,
    /// The ledger.
    Logged,
}

/// Two findings that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contradiction {
    /// A stable code.
    pub code: String,
    /// The same for people.
    pub sentence: String,
}

/// The time of issuing that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CountedTime {
    /// [`TimelineGrade::Stamped`] or [`TimelineGrade::Logged`].
    pub source: TimelineGrade,
    /// The time, RFC 3339.
    pub when: String,
    /// The time-stamp authority, or the log.
    pub by: Option<String>,
    /// The same for people.
    pub sentence: String,
}
