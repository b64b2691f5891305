//! What is told of manifests, attached and recovered.

use colophon_manifest::{IngredientState, Verdicts};
use colophon_policy::ManifestState;
use serde::{Deserialize, Serialize};

/// A manifest: what it says and what it is worth.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ManifestEvidence {
    /// The value that the rules judge.
    pub state: ManifestState,
    /// Its label.
    pub id: Option<String>,
    /// One sentence when there is no manifest to show, such as one that is kept elsewhere.
    pub note: Option<String>,
    /// The program that wrote it.
    pub claim_generator: Option<AgentEvidence>,
    /// The specification version that it claims to follow.
    pub spec_version: Option<String>,
    /// Who signed: only a name, unless the trust verdict says otherwise.
    pub signer: Option<SignerEvidence>,
    /// Title of the picture.
    pub title: Option<String>,
    /// Digital source types of all actions.
    pub source_types: Vec<String>,
    /// Actions in order.
    pub actions: Vec<String>,
    /// The model or program of the first action.
    pub software_agent: Option<AgentEvidence>,
    /// The time claimed by the first action.
    pub claimed_time: Option<String>,
    /// How a model made the picture, as our own manifests say.
    pub generation: Option<GenerationEvidence>,
    /// Why the picture was issued without a mark, as our own manifests say.
    pub unmarked_reason: Option<String>,
    /// The log that records the picture, as our own manifests say.
    pub ledger_origin: Option<String>,
    /// The files it was made from.
    pub ingredients: Vec<IngredientEvidence>,
    /// Integrity, signature, time, trust, revocation and identity, each apart.
    pub verdicts: Option<Verdicts>,
}

/// A program or model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgentEvidence {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
}

/// How a model made a picture. Never what it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GenerationEvidence {
    /// `embedded`, in the program that issued the picture, or `remote`.
    pub backend: String,
    /// Identifier of the model.
    pub model_id: String,
    /// Whether it is the demonstration model that ships with the program.
    pub built_in: bool,
    /// Licence of the weights, SPDX.
    pub license: Option<String>,
    /// Licences of the training data, SPDX.
    pub training_licenses: Vec<String>,
    /// Files of the weights.
    pub weights: Vec<WeightsEvidence>,
    /// Width of each picture that the model made, pixels.
    pub width: u32,
    /// Height of each picture that the model made, pixels.
    pub height: u32,
    /// Seeds of the pictures shown, in order.
    pub seeds: Vec<u64>,
    /// Denoising steps.
    pub steps: Option<u32>,
    /// Name of the sampler.
    pub sampler: Option<String>,
    /// Guidance scale.
    pub guidance: Option<f64>,
}

/// One file of a model's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WeightsEvidence {
    /// Its name.
    pub file: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// Names in the signing certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignerEvidence {
    /// Organisation.
    pub organisation: Option<String>,
    /// Common name.
    pub common_name: Option<String>,
    /// SHA-256 of each certificate of the chain, leaf first, hex.
    pub chain_sha256: Vec<String>,
    /// Time of the time-stamp, when there is one.
    pub stamped_at: Option<String>,
}

/// A file that the picture was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IngredientEvidence {
    /// Title.
    pub title: Option<String>,
    /// Such as `parentOf`.
    pub relationship: String,
    /// Label of its manifest.
    pub manifest_id: Option<String>,
    /// What its manifest is worth.
    pub state: IngredientState,
}

/// A manifest taken from the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecoveredManifest {
    /// Whether every soft binding in it agrees with what was read from this picture. Only then
    /// does it count as this picture's.
    pub agrees: bool,
    /// Each soft binding.
    pub bindings: Vec<BindingAgreement>,
    /// The manifest. It was signed over the original file, so that its hash over the file does
    /// not fit this one is expected.
    pub manifest: ManifestEvidence,
}

/// One soft binding of a recovered manifest against the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BindingAgreement {
    /// Algorithm name.
    pub alg: String,
    /// Whether its value agrees.
    pub agrees: bool,
    /// How, or why not.
    pub how: String,
}
