//! What a verifier found. The JSON form is public: field names and order are stable, additions
//! raise nothing, any other change raises [`Report::VERSION`].

mod manifest;
mod signals;
mod watermark;

use colophon_imaging::{Fault, ImagingError};
use colophon_policy::{Action, Binding, Finding};
use serde::{Deserialize, Serialize};

pub use manifest::{
    AgentEvidence, BindingAgreement, CodeEvidence, GenerationEvidence, IngredientEvidence,
    ManifestEvidence, NodeEvidence, RecoveredManifest, ReferenceEvidence, RevokedEvidence,
    SignerEvidence, ValueEvidence, VerdictEvidence, VerdictsEvidence, WeightsEvidence,
};
pub use signals::{
    Contradiction, CountedTime, FieldEvidence, SignalEvidence, TimelineEntry, TimelineGrade,
    UnreadableMarkEvidence,
};
pub(crate) use watermark::compared_ids;
pub use watermark::{
    FaintMark, Geometry, HeatMapEvidence, MarkSource, MarkStrength, WatermarkEvidence,
};

/// Everything found about one picture. Holds no prompt, no place and no name of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// [`Report::VERSION`].
    pub colophon_report: u32,
    /// Name of the file, as given.
    pub file: String,
    /// The answer in one word.
    pub outcome: Outcome,
    /// Why the picture could not be decoded.
    pub error: Option<ReportError>,
    /// The file as such.
    pub container: Container,
    /// What the rules make of the evidence.
    pub verdict: ReportVerdict,
    /// The evidence.
    pub evidence: Evidence,
    /// What was not checked, and why.
    pub not_checked: Vec<NotChecked>,
    /// Who checked, and against what.
    pub tool: Tool,
    /// Milliseconds that it took.
    pub elapsed_ms: u64,
}

impl Report {
    /// Version of the JSON form.
    pub const VERSION: u32 = 3;

    /// Exit code for this report alone: see [`Outcome::exit_code`].
    pub fn exit_code(&self) -> u8 {
        self.outcome.exit_code()
    }
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Evidence of the origin was found and does not contradict itself.
    EvidenceFound,
    /// A person should look.
    Flagged,
    /// Nothing was found, and something could not be checked.
    CouldNotCheck,
    /// All was checked, nothing was found.
    NothingFound,
}

impl Outcome {
    /// 0 evidence found, 1 flagged, 2 could not check, 3 nothing found.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::EvidenceFound => 0,
            Self::Flagged => 1,
            Self::CouldNotCheck => 2,
            Self::NothingFound => 3,
        }
    }

    /// The code for many files: 2 if any could not be checked, else 1 if any is flagged, else 3
    /// if nothing was found in any, else 0 (also for no files).
    pub fn exit_code_of_all(outcomes: impl IntoIterator<Item = Self>) -> u8 {
        const WORST_FIRST: [u8; 4] = [2, 1, 3, 0];
        let codes: Vec<u8> = outcomes.into_iter().map(Self::exit_code).collect();
        let worst = WORST_FIRST.into_iter().find(|code| codes.contains(code));
        worst.unwrap_or(0)
    }
}

impl From<Finding> for Outcome {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Evidence => Self::EvidenceFound,
            Finding::Flagged => Self::Flagged,
            Finding::Nothing => Self::NothingFound,
            Finding::Unchecked => Self::CouldNotCheck,
        }
    }
}

/// Why a picture could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReportError {
    /// `picture`, `limit`, `unsupported`, `request` or `system`: who can put it right; `crashed`, `timed-out` or
    /// `out-of-memory` when the process that looked at the picture ended.
    pub kind: String,
    /// What is wrong and what can be done.
    pub message: String,
}

impl From<&ImagingError> for ReportError {
    fn from(error: &ImagingError) -> Self {
        let kind = match error.fault() {
            Fault::Picture => "picture",
            Fault::Limit => "limit",
            Fault::Unsupported => "unsupported",
            Fault::Request => "request",
            Fault::System => "system",
        };
        Self::new(kind, error.to_string())
    }
}

impl ReportError {
    /// An error of a kind.
    pub fn new(kind: &str, message: String) -> Self {
        Self {
            kind: kind.to_owned(),
            message,
        }
    }
}

/// The file as such.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Container {
    /// `PNG`, `JPEG`, ... by content; `None` for no format we know.
    pub format: Option<String>,
    /// Width in pixels, upright.
    pub width: Option<u32>,
    /// Height in pixels, upright.
    pub height: Option<u32>,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, hex; `None` when nothing could be read.
    pub sha256: Option<String>,
    /// Bytes after the picture's end, which viewers do not show.
    pub trailing_bytes: u64,
}

/// What the rules make of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReportVerdict {
    /// Id of the rule that matched.
    pub rule: String,
    /// For programs.
    pub finding: Finding,
    /// What is recommended, by the policy.
    pub action: Action,
    /// One plain sentence or two.
    pub headline: String,
    /// Why, and what it does not mean.
    pub explanation: String,
    /// The facts judged, `signal=value`.
    pub reasons: Vec<String>,
    /// What does not go together, gravest first.
    pub contradictions: Vec<Contradiction>,
}

/// The evidence, by reader.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The manifest in the file.
    pub manifest: Option<ManifestEvidence>,
    /// This home's mark in the pixels.
    pub watermark: Option<WatermarkEvidence>,
    /// A match with the ledger that the content does not confirm.
    pub faint_mark: Option<FaintMark>,
    /// The record that mark, file or manifest leads to.
    pub ledger: Option<LedgerEvidence>,
    /// The manifest kept with that record, when the file does not carry it.
    pub recovered_manifest: Option<RecoveredManifest>,
    /// The perceptual hash.
    pub fingerprint: Option<FingerprintEvidence>,
    /// Traces of other generators, cameras and programs, strongest first.
    pub signals: Vec<SignalEvidence>,
    /// Marks that the file is said to carry and that cannot be read here.
    pub unreadable_marks: Vec<UnreadableMarkEvidence>,
    /// Times stated, stamped and logged, earliest first.
    pub timeline: Vec<TimelineEntry>,
    /// The time of issuing that counts: a trusted time-stamp's, else the ledger's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_time: Option<CountedTime>,
}

/// How a record was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matched {
    /// By the mark in the pixels, read or matched.
    Watermark,
    /// By the file's SHA-256.
    AssetHash,
    /// By the manifest in the file.
    Manifest,
}

/// Public facts of a ledger record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LedgerEvidence {
    /// Its number in its shard.
    pub record: u64,
    /// The shard of the log that holds it, such as `2026h2`.
    pub shard: String,
    /// Name of the log.
    pub origin: String,
    /// How it was found, strongest first.
    pub matched_by: Vec<Matched>,
    /// Time of issue, RFC 3339.
    pub issued_at: String,
    /// `generate` or `stamp`.
    pub kind: String,
    /// The model or program recorded.
    pub generator: Option<AgentEvidence>,
    /// How the model made the picture; of records of kind `generate`.
    pub generation: Option<GenerationEvidence>,
    /// The digital source type recorded.
    pub source_type: String,
    /// SHA-256 of the issued file, hex.
    pub asset_sha256: String,
    /// Label of the recorded manifest.
    pub manifest_id: String,
    /// Width of the issued picture, pixels.
    pub width: u32,
    /// Height of the issued picture, pixels.
    pub height: u32,
    /// Whether it was issued with a mark.
    pub marked: bool,
    /// Whether the record is in the signed log.
    pub inclusion: InclusionEvidence,
    /// Picture against record.
    pub comparison: Comparison,
    /// What was erased of it since.
    pub erased: Option<ErasedEvidence>,
}

/// An erasure in a record. Its public facts and its place in the log stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErasedEvidence {
    /// When, RFC 3339.
    pub on: String,
    /// `request`, `retention`, `legal`, `mistake` or `content`.
    pub reason: String,
    /// `private` for prompt, title, requester, mark and fingerprint; `manifest` for the manifest's bytes.
    pub parts: Vec<String>,
}

/// Whether a record is in the signed log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InclusionEvidence {
    /// Proven against the signed checkpoint.
    pub proven: bool,
    /// Entries under that checkpoint.
    pub tree_size: Option<u64>,
    /// Its root, hex.
    pub root: Option<String>,
    /// Why it is not proven.
    pub problem: Option<String>,
}

/// Whether the picture shows what the record's picture showed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The value that the rules judge.
    pub binding: Binding,
    /// Normalised cross-correlation of local contrast, -1..=1; `None` when it was not needed.
    pub score: Option<f32>,
    /// How far the best position stands out from chance, standard deviations.
    pub strength: Option<f32>,
    /// Share of the examined picture that the issued one covers, 0..=1.
    pub overlap: Option<f32>,
}

/// The perceptual hash of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FingerprintEvidence {
    /// PDQ hash, hex.
    pub hash: String,
    /// PDQ quality, 0..=100; hashes below 50 are not compared.
    pub quality: u8,
    /// The most similar record, when nothing stronger led to one.
    pub nearest: Option<Nearest>,
}

/// A record whose picture looks alike: a weak sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Nearest {
    /// Its number in its shard.
    pub record: u64,
    /// The shard of the log that holds it.
    pub shard: String,
    /// Differing bits, 0..=31.
    pub distance: u32,
    /// Time of issue, RFC 3339.
    pub issued_at: String,
    /// The model or program recorded.
    pub generator: Option<AgentEvidence>,
}

/// Something that was not checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NotChecked {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

impl NotChecked {
    /// Something that was not checked, and why.
    pub fn new(what: &str, why: &str) -> Self {
        Self {
            what: what.to_owned(),
            why: why.to_owned(),
        }
    }
}

/// Who checked, and against what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tool {
    /// `colophon`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The manifest validator.
    pub validator: String,
    /// Hash of the policies (SHA-256 of the bundle's listing), hex.
    pub policy: String,
    /// The trust lists asked.
    pub trust_lists: Vec<TrustListEvidence>,
    /// Language of the sentences.
    pub language: String,
    /// What confined the readers: `landlock`, `seccomp`, `rlimits`; empty when they ran unconfined.
    pub confinement: Vec<String>,
}

/// A trust list that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrustListEvidence {
    /// Its name.
    pub name: String,
    /// Its kind, which is the colour of the trust that it gives: `official`, `legacy` or `local`.
    pub kind: String,
    /// When it was issued, `YYYY-MM-DD`, where known.
    pub issued: Option<String>,
    /// When it was to be replaced, `YYYY-MM-DD`, where known.
    pub next_update: Option<String>,
    /// Whether that day has passed.
    pub stale: bool,
}

impl TrustListEvidence {
    /// A list of this machine, which nobody dates.
    pub(crate) fn local(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: "local".to_owned(),
            issued: None,
            next_update: None,
            stale: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{self, CouldNotCheck, EvidenceFound, Flagged, NothingFound};

    #[test]
    fn the_worst_of_many_decides() {
        let code = |outcomes: &[Outcome]| Outcome::exit_code_of_all(outcomes.iter().copied());
        assert_eq!(
            code(&[EvidenceFound, NothingFound, Flagged, CouldNotCheck]),
            2
        );
        assert_eq!(code(&[EvidenceFound, NothingFound, Flagged]), 1);
        assert_eq!(code(&[EvidenceFound, NothingFound]), 3);
        assert_eq!(code(&[EvidenceFound]), 0);
        assert_eq!(code(&[]), 0);
    }
}
