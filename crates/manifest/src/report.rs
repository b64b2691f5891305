//! What a manifest says, bounded and cleaned for showing.

use serde::{Deserialize, Serialize};

use crate::{Generation, ManifestId, Verdicts};

/// Name and version of the validator behind every verdict.
pub const VALIDATOR: &str = "c2pa 0.90.22";

/// Most characters kept of any text from a manifest.
const MAX_TEXT: usize = 500;
/// Most entries kept of any list from a manifest.
pub(crate) const MAX_ENTRIES: usize = 64;

/// What reading a file found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase", tag = "found")]
#[non_exhaustive]
pub enum Reading {
    /// The file carries no manifest.
    Absent,
    /// The file names a manifest elsewhere; it was not fetched.
    Remote {
        /// Where it says the manifest is.
        url: String,
    },
    /// There is manifest data, but it cannot be parsed at all.
    Unreadable {
        /// One sentence for people.
        sentence: String,
        /// The validator's words.
        reason: String,
    },
    /// A manifest was read.
    Manifest(Box<ManifestReport>),
}

impl Reading {
    /// The manifest, if one was read.
    pub fn manifest(&self) -> Option<&ManifestReport> {
        match self {
            Self::Manifest(report) => Some(report),
            _ => None,
        }
    }
}

/// One manifest: what it says and what it is worth. Authors, places and other personal data that
/// a manifest may hold are left out.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ManifestReport {
    /// The active manifest's label.
    pub manifest_id: ManifestId,
    /// SHA-256 over the manifest store's bytes, hex: what a record of it is compared with.
    pub store_sha256: String,
    /// The program that wrote it.
    pub claim_generator: Option<Agent>,
    /// The specification version it claims to follow.
    pub spec_version: Option<String>,
    /// Who signed. Only a name, unless the trust verdict says otherwise.
    pub signer: Option<Signer>,
    /// Title of the picture.
    pub title: Option<String>,
    /// Digital source types of all actions: IPTC short names where known, else as given.
    pub digital_source_types: Vec<String>,
    /// Actions in order.
    pub actions: Vec<Action>,
    /// Soft bindings in order.
    pub soft_bindings: Vec<SoftBinding>,
    /// `modelName` of the AI disclosure.
    pub model_name: Option<String>,
    /// How a model made the picture, where a manifest of ours says so.
    pub generation: Option<Generation>,
    /// Our own assertion on the issuing.
    pub issuance: Option<Issuance>,
    /// Files it was made from, each with a state of its own.
    pub ingredients: Vec<Ingredient>,
    /// Whether the manifest was embedded in the file or came from elsewhere.
    pub embedded: bool,
    /// The five verdicts.
    pub verdicts: Verdicts,
    /// [`VALIDATOR`].
    pub validator: &'static str,
}

/// A program or model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Name.
    pub name: String,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The signing certificate's names.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Signer {
    /// Subject organisation.
    pub organisation: Option<String>,
    /// Subject common name.
    pub common_name: Option<String>,
    /// SHA-256 over each certificate's DER in the order of the chain, hex.
    pub chain_sha256: Vec<String>,
    /// Signature algorithm.
    pub algorithm: Option<String>,
    /// Time of the time-stamp, RFC 3339, when there is one.
    pub stamped_at: Option<String>,
}

/// One action.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Action {
    /// Such as `c2pa.created`.
    pub action: String,
    /// IPTC short name where known, else as given.
    pub digital_source_type: Option<String>,
    /// Program or model.
    pub software_agent: Option<Agent>,
    /// The time claimed.
    pub when: Option<String>,
}

/// One soft binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SoftBinding {
    /// Algorithm name.
    pub alg: String,
    /// The value's bytes; text values (written by some other products) are their UTF-8 bytes.
    #[serde(serialize_with = "as_hex")]
    pub value: Vec<u8>,
}

/// Our own assertion `io.colophon.issuance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Issuance {
    /// Why there is no watermark.
    pub unmarked_reason: Option<String>,
    /// The log that records the picture.
    pub ledger_origin: Option<String>,
}

/// One ingredient.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Ingredient {
    /// Title.
    pub title: Option<String>,
    /// Media type.
    pub format: Option<String>,
    /// `parentOf`, `componentOf` or `inputTo`.
    pub relationship: String,
    /// Label of its own manifest.
    pub manifest_id: Option<String>,
    /// What its own manifest is worth.
    pub state: IngredientState,
    /// Failure codes about it.
    pub codes: Vec<String>,
}

/// What an ingredient's manifest is worth. Never mixed into the verdicts on the file itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum IngredientState {
    /// It has no manifest.
    NoManifest,
    /// Nothing against it; its signer is trusted.
    Trusted,
    /// Nothing against it, but its signer is on no list.
    Untrusted,
    /// Something does not fit: see the codes.
    Problems,
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |text, byte| {
            text + &format!("{byte:02x}")
        })
}

/// Text from outside, made safe to print: bounded, without control and direction characters.
pub(crate) fn clean(text: &str) -> String {
    let unsafe_char = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .filter(|&c| !unsafe_char(c))
        .take(MAX_TEXT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_validator_named_is_the_one_built_in() {
        assert_eq!(VALIDATOR, format!("c2pa {}", c2pa::VERSION));
    }

    #[test]
    fn text_from_outside_is_safe_to_print() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\n"), "a[31mbc");
        assert_eq!(clean(&"x".repeat(1000)).len(), MAX_TEXT);
    }
}
