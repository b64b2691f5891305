//! What is told of manifests, attached and recovered.

use colophon_manifest::IngredientState;
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
    /// Version of the claim: 1 or 2.
    pub claim_version: Option<u8>,
    /// The program that wrote it.
    pub claim_generator: Option<AgentEvidence>,
    /// All programs named as its writers.
    pub claim_generators: Vec<AgentEvidence>,
    /// The specification version that it claims to follow.
    pub spec_version: Option<String>,
    /// Who signed: only a name, unless the trust verdict says otherwise.
    pub signer: Option<SignerEvidence>,
    /// Title of the picture. May tell of a person.
    pub title: Option<String>,
    /// Digital source types of all actions.
    pub source_types: Vec<String>,
    /// Actions in order.
    pub actions: Vec<String>,
    /// What actions say of themselves in words.
    pub descriptions: Vec<String>,
    /// Every model or program that an action names.
    pub software_agents: Vec<AgentEvidence>,
    /// What generators tell of model and operation; never a prompt.
    pub ai_parameters: Vec<ValueEvidence>,
    /// Labels of all statements.
    pub assertions: Vec<String>,
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
    /// One sentence when some of them are neither shown nor judged.
    pub ingredients_note: Option<String>,
    /// Places on the network that it names. None of them was asked.
    pub references: Vec<ReferenceEvidence>,
    /// Labels of the statements that may tell of a person.
    pub personal_assertions: Vec<String>,
    /// What those say; of full reports only.
    pub personal: Vec<ValueEvidence>,
    /// Integrity, signature, time, trust, revocation and identity, each apart.
    pub verdicts: Option<VerdictsEvidence>,
    /// What this machine's own list says of the certificate.
    pub revoked: Option<RevokedEvidence>,
}

/// The verdicts on one manifest. None of them follows from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerdictsEvidence {
    /// Are the bytes and the statements those that were signed?
    pub integrity: VerdictEvidence,
    /// Does the signature check out?
    pub signature: VerdictEvidence,
    /// Is the time of signing known, and was the certificate in force then?
    pub time: VerdictEvidence,
    /// Does the certificate lead to a list?
    pub trust: VerdictEvidence,
    /// Was the certificate revoked?
    pub revocation: VerdictEvidence,
    /// Does a person or organisation besides the signer vouch for it?
    pub identity: VerdictEvidence,
}

/// One verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerdictEvidence {
    /// Its state, such as `intact`; of a listed signer with the kind of list, such as `trusted-official`.
    pub state: String,
    /// The list that anchors the signer.
    pub list: Option<String>,
    /// One sentence for people.
    pub sentence: String,
    /// The status codes behind it, failures first.
    pub codes: Vec<CodeEvidence>,
}

/// A status code of the specification or of the validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeEvidence {
    /// The code.
    pub code: String,
    /// What it means.
    pub sentence: String,
    /// Whether something failed.
    pub failed: bool,
}

/// A value with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ValueEvidence {
    /// Its name.
    pub name: String,
    /// The value as text.
    pub value: String,
}

/// A place on the network that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReferenceEvidence {
    /// What is to be had there: `manifest`, `ocsp`, `did`, `cloud-data`, `ingredient` or `other`.
    pub kind: String,
    /// The same for people.
    pub what: String,
    /// Its address.
    pub url: String,
}

/// An entry of this machine's own list of revoked certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RevokedEvidence {
    /// From when on, RFC 3339.
    pub from: String,
    /// Why, such as `keyCompromise`.
    pub reason: Option<String>,
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
    /// Name of the time-stamp authority as its certificate states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamped_by: Option<String>,
}

/// A file that the picture was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IngredientEvidence {
    /// Title. May tell of a person.
    pub title: Option<String>,
    /// Media type.
    pub format: Option<String>,
    /// Such as `parentOf`.
    pub relationship: String,
    /// Label of its manifest.
    pub manifest_id: Option<String>,
    /// What its manifest is worth.
    pub state: IngredientState,
    /// The same for people.
    pub sentence: String,
    /// What failed.
    pub codes: Vec<CodeEvidence>,
    /// Its manifest, where it has one and it was not told of before.
    pub manifest: Option<Box<NodeEvidence>>,
}

/// The manifest of an ingredient or of an earlier state, judged by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeEvidence {
    /// The programs that wrote it.
    pub claim_generators: Vec<AgentEvidence>,
    /// Who signed: only a name, unless the trust verdict says otherwise.
    pub signer: Option<SignerEvidence>,
    /// Title of the picture. May tell of a person.
    pub title: Option<String>,
    /// Digital source types of all actions.
    pub source_types: Vec<String>,
    /// Actions in order.
    pub actions: Vec<String>,
    /// Every model or program that an action names.
    pub software_agents: Vec<AgentEvidence>,
    /// The verdicts on it.
    pub verdicts: VerdictsEvidence,
    /// The files it was made from.
    pub ingredients: Vec<IngredientEvidence>,
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
