//! What a manifest says, bounded and cleaned for showing.

use serde::{Deserialize, Serialize};

use crate::{Generation, ManifestId, RevokedCertificate, Status, Verdicts};

/// Name and version of the validator behind every verdict.
pub const VALIDATOR: &str = "c2pa 0.90.22";

/// Most characters kept of any text from a manifest.
const MAX_TEXT: usize = 500;
/// Most entries kept of any list from a manifest.
pub(crate) const MAX_ENTRIES: usize = 64;

/// What reading a file found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "found")]
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

/// The active manifest: what it says and what it is worth. What may tell of a person is in [`Self::title`],
/// [`Ingredient::title`], [`ManifestNode::title`] and [`Self::personal`] alone.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ManifestReport {
    /// The active manifest's label.
    pub manifest_id: ManifestId,
    /// SHA-256 over the manifest store's bytes, hex: what a record of it is compared with.
    pub store_sha256: String,
    /// Version of the claim: 1 or 2.
    pub claim_version: Option<u8>,
    /// The program that wrote it.
    pub claim_generator: Option<Agent>,
    /// All programs named as its writers.
    pub claim_generators: Vec<Agent>,
    /// The specification version it claims to follow.
    pub spec_version: Option<String>,
    /// Who signed. Only a name, unless the trust verdict says otherwise.
    pub signer: Option<Signer>,
    /// Title of the picture. May tell of a person.
    pub title: Option<String>,
    /// Digital source types of all actions: IPTC short names where known, else as given.
    pub digital_source_types: Vec<String>,
    /// Actions in order.
    pub actions: Vec<Action>,
    /// Every program or model that an action names.
    pub software_agents: Vec<Agent>,
    /// Soft bindings in order.
    pub soft_bindings: Vec<SoftBinding>,
    /// Labels of all assertions, in order.
    pub assertion_labels: Vec<String>,
    /// `modelName` of the AI disclosure.
    pub model_name: Option<String>,
    /// What assertions and parameters of generators tell of model and operation; never a prompt.
    pub ai_parameters: Vec<NamedValue>,
    /// How a model made the picture, where a manifest of ours says so.
    pub generation: Option<Generation>,
    /// Our own assertion on the issuing.
    pub issuance: Option<Issuance>,
    /// Files it was made from, each with a state and, where it has a manifest, verdicts of its own.
    pub ingredients: Vec<Ingredient>,
    /// Whether there are more ingredients than [`crate::MAX_SHOWN_NODES`], or deeper ones than
    /// [`crate::MAX_SHOWN_DEPTH`], which are neither shown nor judged.
    pub ingredients_cut: bool,
    /// Places on the network that the manifest names. None of them was asked.
    pub references: Vec<Reference>,
    /// Labels of the assertions that may tell of a person.
    pub personal_labels: Vec<String>,
    /// What they say. For full reports only.
    #[serde(skip)]
    pub personal: Vec<NamedValue>,
    /// Whether the manifest was embedded in the file or came from elsewhere.
    pub embedded: bool,
    /// The verdicts.
    pub verdicts: Verdicts,
    /// The entry of this machine's own list about the certificate.
    #[serde(skip)]
    pub revoked_here: Option<RevokedCertificate>,
    /// The validator's crJSON form of the whole store, when asked for. Signers and time-stamp authorities share one
    /// list of anchors in it.
    #[serde(skip)]
    pub crjson: Option<String>,
    /// [`VALIDATOR`].
    pub validator: &'static str,
}

/// The manifest of an ingredient or of an earlier state, judged by itself.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ManifestNode {
    /// Its label.
    pub manifest_id: String,
    /// Version of the claim: 1 or 2.
    pub claim_version: Option<u8>,
    /// The programs that wrote it.
    pub claim_generators: Vec<Agent>,
    /// Who signed. Only a name, unless the trust verdict says otherwise.
    pub signer: Option<Signer>,
    /// Title of the picture. May tell of a person.
    pub title: Option<String>,
    /// Digital source types of all actions.
    pub digital_source_types: Vec<String>,
    /// Actions in order.
    pub actions: Vec<Action>,
    /// Every program or model that an action names.
    pub software_agents: Vec<Agent>,
    /// Labels of all assertions, in order.
    pub assertion_labels: Vec<String>,
    /// The verdicts; of its file's bytes nothing is known.
    pub verdicts: Verdicts,
    /// What it was made from.
    pub ingredients: Vec<Ingredient>,
}

/// A value with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedValue {
    /// Its name, such as `com.adobe.firefly.version`.
    pub name: String,
    /// The value as text.
    pub value: String,
}

/// A place on the network that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// What is to be had there.
    pub kind: ReferenceKind,
    /// Its address.
    pub url: String,
}

/// What is to be had at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReferenceKind {
    /// The manifest itself.
    Manifest,
    /// Whether the signer's certificate was revoked (OCSP).
    Ocsp,
    /// The keys of a person or organisation (`did:web`).
    Did,
    /// An assertion's content.
    CloudData,
    /// An ingredient, or information about it.
    Ingredient,
    /// Something else.
    Other,
}

impl ReferenceKind {
    /// The stable code, as serialised.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Ocsp => "ocsp",
            Self::Did => "did",
            Self::CloudData => "cloud-data",
            Self::Ingredient => "ingredient",
            Self::Other => "other",
        }
    }
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
    /// Name of the time-stamp authority as its certificate states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stamped_by: Option<String>,
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
    /// What it says in words.
    pub description: Option<String>,
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
    /// Title. May tell of a person.
    pub title: Option<String>,
    /// Media type.
    pub format: Option<String>,
    /// `parentOf`, `componentOf` or `inputTo`.
    pub relationship: String,
    /// Label of its own manifest.
    pub manifest_id: Option<String>,
    /// What its own manifest is worth.
    pub state: IngredientState,
    /// What failed: as recorded by the signer that took it in, and as found here.
    pub codes: Vec<Status>,
    /// Its manifest, unless it has none, was told of above in this tree, or lies too deep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Box<ManifestNode>>,
}

/// What an ingredient's manifest is worth. Never mixed into the verdicts on the file itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// It lies deeper than is looked at.
    NotChecked,
}

impl IngredientState {
    /// Every state.
    pub const ALL: &[Self] = &[
        Self::NoManifest,
        Self::Trusted,
        Self::Untrusted,
        Self::Problems,
        Self::NotChecked,
    ];

    /// The stable code, as serialised.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoManifest => "no-manifest",
            Self::Trusted => "trusted",
            Self::Untrusted => "untrusted",
            Self::Problems => "problems",
            Self::NotChecked => "not-checked",
        }
    }
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
