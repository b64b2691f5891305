//! What an issuer is asked for, and what it answers.

use std::path::{Path, PathBuf};

use colophon_imaging::ImagingError;
use colophon_policy::{PastDecision, Principal, UNSTATED};
use serde::Serialize;

use crate::{DigitalSourceType, EmbedOptions, Format, ProvenanceError};

/// What to say about an existing picture and how to write it.
#[derive(Debug, Clone)]
pub struct StampRequest {
    /// How the picture came into being.
    pub source: DigitalSourceType,
    /// The model or program that made it; public.
    pub generator: Option<String>,
    /// Its version; without a generator it is ignored.
    pub generator_version: Option<String>,
    /// Prompt: kept in the erasable part of the ledger record only.
    pub prompt: Option<String>,
    /// Whether EXIF, XMP, IPTC and texts of the input go into the output. The colour profile and
    /// the density always do.
    pub keep_metadata: bool,
    /// What is not about the input.
    pub options: IssueOptions,
}

impl StampRequest {
    /// A request with nothing optional said: metadata kept, mark required.
    pub fn new(source: DigitalSourceType, issued_at: i64) -> Self {
        Self {
            source,
            generator: None,
            generator_version: None,
            prompt: None,
            keep_metadata: true,
            options: IssueOptions::new(issued_at),
        }
    }
}

/// How a picture is issued, wherever it comes from.
#[derive(Debug, Clone)]
pub struct IssueOptions {
    /// Title, at most 500 characters: in the manifest, so public.
    pub title: Option<String>,
    /// Strength of the mark; `None` goes by the home's settings.
    pub embed: Option<EmbedOptions>,
    /// Output format; `None` goes by the output's extension, then by the input.
    pub format: Option<Format>,
    /// JPEG quality, 1..=100, used as it is; `None` chooses one that keeps [`crate::LEAST_PSNR`]
    /// where a JPEG can.
    pub jpeg_quality: Option<u8>,
    /// Issue a picture that has no room for a mark without one, and say so.
    pub allow_unmarked: bool,
    /// Who asks; the owner of the home unless someone else is named.
    pub principal: Principal,
    /// Why, a code of the policies' vocabulary.
    pub purpose: String,
    /// The id to mark with, for tests; `None` draws one at random.
    pub payload: Option<u64>,
    /// The present, Unix seconds.
    pub issued_at: i64,
}

impl IssueOptions {
    /// Nothing optional said: mark required.
    pub fn new(issued_at: i64) -> Self {
        Self {
            title: None,
            embed: None,
            format: None,
            jpeg_quality: None,
            allow_unmarked: false,
            principal: Principal::owner(),
            purpose: UNSTATED.to_owned(),
            payload: None,
            issued_at,
        }
    }

    /// The format of the output: the one asked for, else that of its name, else the input's, else
    /// PNG.
    ///
    /// # Errors
    /// [`ProvenanceError::Imaging`] for one that cannot carry a manifest of ours.
    pub fn output_format(&self, path: &Path, input: Format) -> Result<Format, ProvenanceError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let named = extension.and_then(Format::from_extension);
        let format = match self.format.or(named) {
            Some(format) => format,
            None if input.can_encode() => input,
            None => Format::Png,
        };
        if format.can_encode() {
            return Ok(format);
        }
        Err(ProvenanceError::Imaging(ImagingError::Parameter(format!(
            "{format} files cannot carry a manifest of ours; name the output .png, .jpg or .webp"
        ))))
    }
}

/// Where the issued picture goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The file.
    pub path: PathBuf,
    /// Whether a file that is already there is replaced.
    pub overwrite: bool,
}

/// A picture that was issued.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Issued {
    /// The file written.
    pub path: PathBuf,
    /// Its format.
    pub format: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Number of the ledger record in its shard.
    pub record: u64,
    /// Shard and number of the ledger record, such as `2026h2/17`: the name that stays. Not in the command line's line of JSON,
    /// which tells the number.
    #[serde(skip)]
    pub record_id: String,
    /// RFC 6962 leaf hash of the record, hex.
    pub leaf_hash: String,
    /// The id in the pixels, 16 hex digits.
    pub watermark_id: Option<String>,
    /// The input carried this home's mark already, and it was kept.
    pub mark_kept: bool,
    /// Label of the manifest.
    pub manifest_id: String,
    /// The input's manifest became an ingredient of the new one.
    pub ingredient_kept: bool,
    /// The 256-bit perceptual hash of the issued pixels, hex.
    pub fingerprint: Option<String>,
    /// PSNR of the marked pixels against the input, dB; `None` when no mark was added.
    pub psnr_mark: Option<f64>,
    /// PSNR of the decoded file against the input, dB; `None` when nothing differs.
    pub psnr_file: Option<f64>,
    /// Margin of the mark after JPEG 50, standard deviations; `None` when no mark was added.
    pub margin: Option<f64>,
    /// JPEG quality used.
    pub jpeg_quality: Option<u8>,
    /// Whether the signing chain is local, that is, on no public list.
    pub local_chain: bool,
    /// Why the picture carries no mark, when it carries none.
    pub unmarked_reason: Option<String>,
    /// The record's commitment to the prompt, hex; of generated pictures only.
    pub prompt_commitment: Option<String>,
    /// Its salt, hex: with it and the prompt anyone can check the commitment. The record keeps it
    /// only together with the prompt.
    pub prompt_salt: Option<String>,
    /// Time of issue, RFC 3339.
    pub issued_at: String,
    /// Hash of the policies that allowed it, hex.
    pub policy_hash: String,
    /// Codes of the prompt's labels, and of those that the policies add.
    pub labels: Vec<String>,
    /// What was asked of the policies and what they answered. Names who asked, so it is not told unasked.
    #[serde(skip)]
    pub decision: PastDecision,
    /// What the steps took.
    pub elapsed: Steps,
}

/// Milliseconds that each step took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Steps {
    /// Decoding the input.
    pub decode_ms: f64,
    /// Making and adding the mark.
    pub mark_ms: f64,
    /// Encoding, with the search for a quality.
    pub encode_ms: f64,
    /// Signing the manifest.
    pub sign_ms: f64,
    /// Reading everything back from the final bytes.
    pub read_back_ms: f64,
    /// Writing the file and the ledger record.
    pub store_ms: f64,
}
