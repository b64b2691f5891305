//! The two ways: [`Issuer`] (a picture out) and [`Verifier`] (a picture in).
//!
//! This crate joins the others and knows neither HTTP nor command lines. An issuer turns a picture
//! into a marked, signed and recorded one; a verifier turns the bytes of any picture into a
//! [`Report`]. Both live on a [`Home`], the folder with keys, ledger and settings; a verifier also
//! works without one, and then says what it could not check.

mod admission;
mod asking;
mod attest;
mod binding;
mod config;
mod decided;
mod error;
mod facts;
mod generated;
mod home;
mod issue;
mod keeping;
mod key_admin;
mod key_events;
mod lookup;
mod make;
mod mark_keys;
mod origin;
mod policies;
mod preview;
mod read_back;
mod report;
mod request;
mod signing;
mod time;
mod told;
pub mod trust;
mod trust_events;
mod verify;
mod witnesses;

pub use asking::{Asked, Policies, ask_policies};
pub use attest::Attester;
pub use colophon_calendar::rfc3339;
pub use config::{
    AnchorKind, AnchorList, Config, Origin, Setting, ShownSetting, Strength, ValueOrigin, Written,
    WrittenValue,
};
pub use error::ProvenanceError;
pub use generated::{
    Backend, GeneratedRequest, GenerationFacts, ModelFacts, ModelOutput, Prompt, WeightsFile,
};
pub use home::{Home, InitOptions};
pub use issue::Issuer;
pub use key_admin::{KeyAdmin, KeyChange};
pub use make::{MarkedFile, mark_only};
pub use preview::{PREVIEW_SIDE, preview_file};
pub use report::{
    AgentEvidence, BindingAgreement, CodeEvidence, Comparison, Container, Contradiction,
    CountedTime, ErasedEvidence, Evidence, FaintMark, FieldEvidence, FingerprintEvidence,
    GenerationEvidence, Geometry, HeatMapEvidence, InclusionEvidence, IngredientEvidence,
    LedgerEvidence, ManifestEvidence, MarkSource, MarkStrength, Matched, Nearest, NodeEvidence,
    NotChecked, Outcome, RecoveredManifest, ReferenceEvidence, Report, ReportError, ReportVerdict,
    RevokedEvidence, SignalEvidence, SignerEvidence, TimelineEntry, TimelineGrade, Tool,
    TrustListEvidence, UnreadableMarkEvidence, ValueEvidence, VerdictEvidence, VerdictsEvidence,
    WatermarkEvidence, WeightsEvidence,
};
pub use request::{Destination, IssueOptions, Issued, StampRequest, Steps};
pub use signing::TimeStamps;
pub use trust_events::TrustTold;
pub use verify::{Examination, ReportOptions, Verifier, VerifierOptions};
pub use witnesses::{WITNESS_POLICY_FILE, WayToWitnesses};

pub use colophon_fingerprint::MATCH_DISTANCE;
pub use colophon_imaging::{Format, Limits};
pub use colophon_keys::Passphrase;
pub use colophon_manifest::{
    DigitalSourceType, FINGERPRINT_ALG, ManifestError, SignerError, WATERMARK_ALG, active_manifest,
};
pub use colophon_policy::{Action, Finding};
pub use colophon_signals::{Class, Says, Source};
pub use colophon_watermark::{EmbedOptions, HeatMap};
pub use colophon_wording::{Language, UnknownLanguage, Wording};

/// Lowest PSNR, in dB, of marked pixels against those that came in.
pub const LEAST_PSNR: f64 = 42.0;

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
