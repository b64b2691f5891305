//! What a manifest is to say.

use serde::Serialize;

use crate::report::MAX_ENTRIES;
use crate::{Agent, DigitalSourceType, ManifestError};

/// The specification version stated in `claim_generator_info`, as `SemVer`: strict validators
/// refuse `2.4`.
pub const SPEC_VERSION: &str = "2.4.0";

/// Longest title, reason or name, in characters.
const MAX_TEXT: usize = 500;

/// Everything a manifest states.
#[derive(Debug, Clone)]
pub struct ManifestSpec<'a> {
    /// The program that writes the manifest: this product.
    pub claim_generator: Agent,
    /// How the picture came into being.
    pub origin: Origin<'a>,
    /// The model or tool that made or changed the picture; `softwareAgent` of the first action
    /// and `modelName` of the AI disclosure.
    pub software_agent: Option<Agent>,
    /// How a model made the picture; adds the model's licences to the AI disclosure.
    pub generation: Option<Generation>,
    /// When, RFC 3339 in UTC with seconds, such as `2026-11-23T12:00:00Z`.
    pub when: String,
    /// Title of the picture, at most 500 characters.
    pub title: Option<String>,
    /// The 64-bit watermark id in the pixels.
    pub watermark_id: Option<u64>,
    /// The 256-bit perceptual hash of the pixels.
    pub fingerprint: Option<[u8; 32]>,
    /// What others may do with the picture.
    pub training_use: TrainingUse,
    /// Why the picture carries no watermark, when it carries none.
    pub unmarked_reason: Option<String>,
    /// The log that records this picture (C2SP origin line).
    pub ledger_origin: Option<String>,
}

/// How a model made the picture: the model in the AI disclosure, the rest in our own assertion
/// `io.colophon.generation`. There is no place for a prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// `embedded` or `remote`: where the model ran.
    pub backend: String,
    /// `modelIdentifier` of the AI disclosure, at most 500 characters.
    pub model_id: String,
    /// Each file of the model's weights: its name and SHA-256, at most 64.
    pub weights: Vec<WeightsFile>,
    /// SPDX expression of the licence of the weights.
    pub license: Option<String>,
    /// SPDX expressions of the licences of the training data, at most 64.
    pub training_licenses: Vec<String>,
    /// What else the AI disclosure says of the model, such as that it is a demonstration.
    pub note: Option<String>,
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
    /// Guidance scale.
    pub guidance: Option<f64>,
}

/// One file of a model's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WeightsFile {
    /// Its name without folders.
    pub file: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// How the picture came into being: the first action of the manifest.
#[derive(Debug, Clone)]
pub enum Origin<'a> {
    /// `c2pa.created` with this source type: no earlier manifest exists.
    Created(DigitalSourceType),
    /// `c2pa.opened` with a parent: the input carried a manifest, or was another file.
    Opened {
        /// The file that was opened.
        parent: Parent<'a>,
        /// Adds `c2pa.edited` with this source type, such as inpainting over a photograph.
        edit: Option<DigitalSourceType>,
    },
}

/// The file a picture was derived from.
#[derive(Clone, Copy)]
pub struct Parent<'a> {
    /// The whole file, with its manifest when it has one.
    pub bytes: &'a [u8],
    /// Its media type.
    pub mime: &'a str,
    /// Its title.
    pub title: &'a str,
}

impl std::fmt::Debug for Parent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parent")
            .field("bytes", &self.bytes.len())
            .field("mime", &self.mime)
            .finish_non_exhaustive()
    }
}

/// The answer of `cawg.training-mining` to all four questions: data mining, inference, training
/// of models, training of generative models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrainingUse {
    /// Allowed.
    Allowed,
    /// Not allowed.
    #[default]
    NotAllowed,
}

impl TrainingUse {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::NotAllowed => "notAllowed",
        }
    }
}

impl ManifestSpec<'_> {
    /// The source type a trained model accounts for, if any.
    pub(crate) fn ai_source(&self) -> Option<DigitalSourceType> {
        let (Origin::Created(source)
        | Origin::Opened {
            edit: Some(source), ..
        }) = self.origin
        else {
            return None;
        };
        source.is_ai().then_some(source)
    }

    pub(crate) fn check(&self) -> Result<(), ManifestError> {
        let agent = self.software_agent.as_ref();
        let mut texts = vec![
            ("claim generator name", Some(&self.claim_generator.name)),
            (
                "claim generator version",
                self.claim_generator.version.as_ref(),
            ),
            ("software agent name", agent.map(|agent| &agent.name)),
            (
                "software agent version",
                agent.and_then(|agent| agent.version.as_ref()),
            ),
            ("title", self.title.as_ref()),
            ("reason for no watermark", self.unmarked_reason.as_ref()),
            ("ledger origin", self.ledger_origin.as_ref()),
        ];
        if let Some(generation) = &self.generation {
            generation.check()?;
            texts.extend(generation.texts());
        }
        for (field, text) in texts {
            let bad = |text: &String| {
                text.is_empty()
                    || text.chars().count() > MAX_TEXT
                    || text.chars().any(char::is_control)
            };
            if text.is_some_and(bad) {
                return Err(ManifestError::BadSpec {
                    field,
                    reason: format!(
                        "must be 1 to {MAX_TEXT} characters without control characters"
                    ),
                });
            }
        }
        if !is_utc_time(&self.when) {
            return Err(ManifestError::BadSpec {
                field: "when",
                reason: "must be a UTC time such as 2026-11-23T12:00:00Z".to_owned(),
            });
        }
        if self.watermark_id.is_none() == self.unmarked_reason.is_none() {
            let reason =
                "either a watermark id or a reason why there is none must be given, not both"
                    .to_owned();
            return Err(ManifestError::BadSpec {
                field: "watermark id",
                reason,
            });
        }
        Ok(())
    }
}

impl Generation {
    fn texts(&self) -> impl Iterator<Item = (&'static str, Option<&String>)> {
        let one = [
            ("backend", Some(&self.backend)),
            ("model id", Some(&self.model_id)),
            ("model licence", self.license.as_ref()),
            ("note on the model", self.note.as_ref()),
            ("sampler", self.sampler.as_ref()),
        ];
        let files = self
            .weights
            .iter()
            .map(|each| ("weights file", Some(&each.file)));
        let licenses = self.training_licenses.iter();
        one.into_iter()
            .chain(files)
            .chain(licenses.map(|each| ("training data licence", Some(each))))
    }

    fn check(&self) -> Result<(), ManifestError> {
        for (field, found) in [
            ("weights", self.weights.len()),
            ("training data licences", self.training_licenses.len()),
            ("seeds", self.seeds.len()),
        ] {
            if found > MAX_ENTRIES {
                let reason = format!("must be at most {MAX_ENTRIES}");
                return Err(ManifestError::BadSpec { field, reason });
            }
        }
        if self.guidance.is_some_and(|scale| !scale.is_finite()) {
            return Err(ManifestError::BadSpec {
                field: "guidance",
                reason: "must be a finite number".to_owned(),
            });
        }
        Ok(())
    }
}

/// `YYYY-MM-DDThh:mm:ssZ` by shape; the calendar is the caller's matter.
fn is_utc_time(text: &str) -> bool {
    let shape = b"dddd-dd-ddTdd:dd:ddZ";
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(byte, &kind)| {
            if kind == b'd' {
                byte.is_ascii_digit()
            } else {
                byte == kind
            }
        })
}
