//! What an issuer is told of a picture that a model made, and what of it goes where.

use colophon_ledger::prompt_commitment;
use colophon_manifest::Agent;

use crate::{IssueOptions, hex};

pub use colophon_ledger::{Backend, WeightsFile};

/// What the manifest says of the model that ships with the program.
pub(crate) const BUILT_IN: &str = "built-in demo model";

/// A picture as it came from a model.
#[derive(Debug)]
pub enum ModelOutput<'a> {
    /// Pixels made in this program.
    Pixels {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// `3 * width * height` values of 8-bit sRGB, rows from the top.
        rgb: Vec<u8>,
    },
    /// A file that a backend returned: PNG, JPEG, WebP, GIF or BMP.
    File(&'a [u8]),
}

/// A generated picture: how it was made, and how it is issued.
#[derive(Debug, Clone)]
pub struct GeneratedRequest {
    /// How it was made; public.
    pub facts: GenerationFacts,
    /// What the model was asked for. In no public place.
    pub prompt: Prompt,
    /// The file of the picture that it was made from, if there is one. It becomes the parent in the manifest, which
    /// then says that the picture is a composite with what a model made.
    pub source_picture: Option<Vec<u8>>,
    /// How it is issued.
    pub options: IssueOptions,
}

/// What a model was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What the picture shows, at most 1 MiB.
    pub text: String,
    /// What it was not to show, at most 1 MiB.
    pub negative: Option<String>,
    /// Whether both are kept in the erasable part of the record. The record's commitment to them
    /// is made in either case.
    pub keep: bool,
}

/// How a model made a picture, or the pictures of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationFacts {
    /// Where the model ran.
    pub backend: Backend,
    /// The model.
    pub model: ModelFacts,
    /// Width of each picture that the model made, pixels.
    pub width: u32,
    /// Height of each picture that the model made, pixels.
    pub height: u32,
    /// Seeds of the pictures shown, in order, at most 64; none when they are not known.
    pub seeds: Vec<u64>,
    /// Denoising steps.
    pub steps: Option<u32>,
    /// Name of the sampler.
    pub sampler: Option<String>,
    /// Guidance scale; kept to thousandths.
    pub guidance: Option<f32>,
}

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFacts {
    /// Stable identifier; no address.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Version of the weights.
    pub version: Option<String>,
    /// The files of the weights, at most 64; none when they are not known.
    pub weights: Vec<WeightsFile>,
    /// SPDX expression of the licence of the weights.
    pub license: Option<String>,
    /// SPDX expressions of the licences of the training data, each once, at most 32.
    pub training_licenses: Vec<String>,
    /// Whether it is the model that ships with the program.
    pub built_in: bool,
}

impl GenerationFacts {
    pub(crate) fn agent(&self) -> Agent {
        Agent {
            name: self.model.name.clone(),
            version: self.model.version.clone(),
        }
    }

    /// The scale in thousandths; none for what is no scale.
    fn guidance_thousandths(&self) -> Option<u32> {
        let scaled = self.guidance? * 1e3;
        (scaled.is_finite() && scaled >= 0.0).then(|| scaled.round() as u32)
    }
}

/// A guidance scale from its thousandths.
pub(crate) fn guidance(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1e3
}

/// The name of a backend in manifests, reports and JSON.
pub(crate) fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Embedded => "embedded",
        _ => "remote",
    }
}

/// What the erasable part of a record keeps of the prompt.
#[derive(Default)]
pub(crate) struct KeptPrompt {
    pub text: Option<String>,
    pub negative: Option<String>,
    pub salt: Option<[u8; 32]>,
}

impl KeptPrompt {
    /// A prompt told when stamping has no commitment of its own.
    pub fn of_stamp(text: Option<String>) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }

    /// The salt alone would only serve to try guesses.
    pub fn of_generated(request: &GeneratedRequest, salt: [u8; 32]) -> Self {
        let prompt = &request.prompt;
        if !prompt.keep {
            return Self::default();
        }
        Self {
            text: Some(prompt.text.clone()),
            negative: prompt.negative.clone(),
            salt: Some(salt),
        }
    }
}

/// The public facts of a generation, with the prompt as a commitment.
pub(crate) struct Committed<'a> {
    facts: &'a GenerationFacts,
    pub salt: [u8; 32],
    pub commitment: [u8; 32],
}

impl<'a> Committed<'a> {
    pub fn new(request: &'a GeneratedRequest, salt: [u8; 32]) -> Self {
        let prompt = &request.prompt;
        Self {
            facts: &request.facts,
            salt,
            commitment: prompt_commitment(&salt, &prompt.text, prompt.negative.as_deref()),
        }
    }

    pub fn in_manifest(&self) -> colophon_manifest::Generation {
        let (facts, model) = (self.facts, &self.facts.model);
        colophon_manifest::Generation {
            backend: backend_name(facts.backend).to_owned(),
            model_id: model.id.clone(),
            weights: model
                .weights
                .iter()
                .map(|each| colophon_manifest::WeightsFile {
                    file: each.file.clone(),
                    sha256: hex(&each.sha256),
                })
                .collect(),
            license: model.license.clone(),
            training_licenses: model.training_licenses.clone(),
            note: model.built_in.then(|| BUILT_IN.to_owned()),
            width: facts.width,
            height: facts.height,
            seeds: facts.seeds.clone(),
            steps: facts.steps,
            sampler: facts.sampler.clone(),
            guidance: facts.guidance_thousandths().map(guidance),
        }
    }

    pub fn in_record(&self) -> colophon_ledger::Generation {
        let (facts, model) = (self.facts, &self.facts.model);
        colophon_ledger::Generation {
            backend: facts.backend,
            model_id: model.id.clone(),
            weights: model.weights.clone(),
            license: model.license.clone(),
            training_licenses: model.training_licenses.clone(),
            built_in: model.built_in,
            width: facts.width,
            height: facts.height,
            seeds: facts.seeds.clone(),
            steps: facts.steps,
            sampler: facts.sampler.clone(),
            guidance_thousandths: facts.guidance_thousandths(),
            prompt_commitment: self.commitment,
        }
    }
}
