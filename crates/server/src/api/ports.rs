//! What the service is handed, because it is made of crates that know no HTTP or must not be known here.

use std::sync::Arc;

use colophon_imaging::Limits;
use colophon_provenance::{Language, Report, ReportError};

/// The present, Unix seconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What is wanted beside the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Language of its sentences.
    pub language: Language,
    /// The picture under its heat map.
    pub heat_map: bool,
    /// The picture small.
    pub thumbnail: bool,
    /// The validator's own report on the manifest; holds all that the manifest says, also of persons.
    pub crjson: bool,
}

/// What came of one picture.
#[derive(Debug)]
pub struct Checked {
    /// The report, without personal data.
    pub report: Report,
    /// PNG, if asked for and if there is a mark.
    pub heat_map: Option<Vec<u8>>,
    /// If asked for and decoded.
    pub thumbnail: Option<Small>,
    /// crJSON, if asked for and if there is a manifest.
    pub crjson: Option<Vec<u8>>,
}

/// A picture made small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Small {
    /// JPEG, without metadata.
    pub jpeg: Vec<u8>,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Why no check could be set up, whatever the picture.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CheckFailure(pub String);

/// Checks pictures of strangers, confined; for use from many threads.
pub trait Checks: Send + Sync {
    /// Checks the bytes of one file. What is wrong with them is part of the report.
    ///
    /// # Errors
    /// [`CheckFailure`].
    fn check(&self, name: &str, bytes: &[u8], wanted: Wanted) -> Result<Checked, CheckFailure>;

    /// A report that says why a file was not checked.
    ///
    /// # Errors
    /// [`CheckFailure`].
    fn unchecked(
        &self,
        name: &str,
        why: ReportError,
        language: Language,
    ) -> Result<Report, CheckFailure>;

    /// The bounds on pictures.
    fn limits(&self) -> Limits;

    /// Most pictures that are checked at once.
    fn at_once(&self) -> usize;

    /// Checks from now on by the policies as they are in the files now.
    fn renew(&self) {}

    /// What became of the children that check.
    fn children(&self) -> Children {
        Children::default()
    }
}

/// Counts of the confined children of a service, since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Children {
    /// Alive now.
    pub alive: usize,
    /// Started.
    pub started: u64,
    /// Ended by what they looked at, or because they took too long.
    pub failed: u64,
}

/// Posts messages to addresses that callers name; blocks, 15 seconds at most.
pub trait Posts: Send + Sync {
    /// Whether messages may be posted there at all, as far as that can be told without asking anyone.
    ///
    /// # Errors
    /// Why not, as a sentence.
    fn admits(&self, address: &str) -> Result<(), String>;

    /// Posts JSON with headers of its own and returns the status of the answer and its `retry-after`, seconds. No
    /// redirect is followed.
    ///
    /// # Errors
    /// Why there is no answer, as a sentence that tells nothing of private networks.
    fn post(
        &self,
        address: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Result<(u16, Option<i64>), String>;
}

/// Fetches files from addresses that callers name; for use from many threads. It is the fetcher that decides which
/// addresses are asked, redirects and what names resolve to included.
pub trait Fetches: Send + Sync {
    /// The file at an address, at most `most` bytes.
    ///
    /// # Errors
    /// [`FetchFailure`].
    fn fetch(&self, address: &str, most: usize) -> Result<Vec<u8>, FetchFailure>;
}

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct FetchFailure {
    /// What it is.
    pub trouble: FetchTrouble,
    /// In words that whoever asked may read: nothing of private networks, not even which names there are.
    pub said: String,
}

/// What kept a file from being fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchTrouble {
    /// Such an address is not asked, or there is nothing at it that may be.
    Refused,
    /// More bytes than allowed.
    TooLarge,
    /// More time than allowed.
    TimedOut,
    /// The server was asked, and did not answer with a file.
    Failed,
}
