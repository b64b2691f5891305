//! How a model made a picture: public facts, and a commitment to the prompt.

use super::{Kind, MAX_PUBLIC_TEXT, NewRecord, RecordError, commitment, uint32};
use crate::cbor::{Decoder, Encoder, Malformed};

const PROMPT_DOMAIN: &[u8] = b"colophon.commitment.prompt.1\0";

/// Longest name of a weights file, licence or sampler in bytes.
const MAX_NAME: usize = 256;
const MAX_WEIGHTS: usize = 64;
const MAX_LICENSES: usize = 32;
const MAX_SEEDS: usize = 64;

/// Where the model ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// In the program that issued the picture.
    Embedded,
    /// On a server that was asked for the picture; what is said of the model is what was asked for.
    Remote,
}

/// One file of a model's weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsFile {
    /// Its name without folders, at most 256 bytes.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// How a model made a picture. All of it is public; the model's name and version are the record's generator.
///
/// In the leaf the CBOR array `[backend, model_id, weights, license, training_licenses, built_in, width, height,
/// seeds, steps, sampler, guidance, prompt_commitment]`: `backend` 1 for embedded and 2 for remote, `weights` an array
/// of `[file, sha256]`, `built_in` 0 or 1; `license`, `steps`, `sampler` and `guidance` may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Where the model ran.
    pub backend: Backend,
    /// Identifier of the model, at most 1,024 bytes.
    pub model_id: String,
    /// The files of its weights, at most 64; none when they are not known.
    pub weights: Vec<WeightsFile>,
    /// SPDX expression of the licence of the weights, at most 256 bytes.
    pub license: Option<String>,
    /// SPDX expressions of the licences of the training data, at most 32 of 256 bytes.
    pub training_licenses: Vec<String>,
    /// Whether it is the model that ships with the program.
    pub built_in: bool,
    /// Width of each picture that the model made, pixels.
    pub width: u32,
    /// Height of each picture that the model made, pixels.
    pub height: u32,
    /// Seeds of the pictures shown, in order, at most 64: one, several for a grid, none when it is not known.
    pub seeds: Vec<u64>,
    /// Denoising steps.
    pub steps: Option<u32>,
    /// Name of the sampler, at most 256 bytes.
    pub sampler: Option<String>,
    /// Guidance scale in thousandths.
    pub guidance_thousandths: Option<u32>,
    /// See [`prompt_commitment`].
    pub prompt_commitment: [u8; 32],
}

/// Commits to a prompt without telling it: `SHA-256("colophon.commitment.prompt.1\0" || salt || text)`, where `text`
/// is the deterministic CBOR array `[prompt, negative prompt or null]`.
///
/// Whoever has the salt can show what the prompt was, or try guesses: without the salt, nobody can.
#[must_use]
pub fn prompt_commitment(salt: &[u8; 32], prompt: &str, negative_prompt: Option<&str>) -> [u8; 32] {
    let mut text = Encoder::default();
    text.array(2)
        .text(prompt)
        .optional(negative_prompt, Encoder::text);
    commitment(PROMPT_DOMAIN, salt, &text.finish())
}

impl Generation {
    pub(super) fn encode(&self, out: &mut Encoder) {
        out.array(13)
            .uint(match self.backend {
                Backend::Embedded => 1,
                Backend::Remote => 2,
            })
            .text(&self.model_id)
            .array(self.weights.len() as u64);
        for weights in &self.weights {
            out.array(2).text(&weights.file).bytes(&weights.sha256);
        }
        out.optional(self.license.as_deref(), Encoder::text)
            .array(self.training_licenses.len() as u64);
        for license in &self.training_licenses {
            out.text(license);
        }
        out.uint(u64::from(self.built_in))
            .uint(u64::from(self.width))
            .uint(u64::from(self.height))
            .array(self.seeds.len() as u64);
        for seed in &self.seeds {
            out.uint(*seed);
        }
        out.optional(self.steps.map(u64::from), Encoder::uint)
            .optional(self.sampler.as_deref(), Encoder::text)
            .optional(self.guidance_thousandths.map(u64::from), Encoder::uint)
            .bytes(&self.prompt_commitment);
    }

    pub(super) fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.array(13)?;
        Ok(Self {
            backend: match input.uint()? {
                1 => Backend::Embedded,
                2 => Backend::Remote,
                _ => return Err(Malformed),
            },
            model_id: input.text()?,
            weights: list(input, MAX_WEIGHTS, |input| {
                input.array(2)?;
                Ok(WeightsFile {
                    file: input.text()?,
                    sha256: input.hash()?,
                })
            })?,
            license: input.optional(Decoder::text)?,
            training_licenses: list(input, MAX_LICENSES, Decoder::text)?,
            built_in: match input.uint()? {
                0 => false,
                1 => true,
                _ => return Err(Malformed),
            },
            width: uint32(input)?,
            height: uint32(input)?,
            seeds: list(input, MAX_SEEDS, Decoder::uint)?,
            steps: input.optional(uint32)?,
            sampler: input.optional(Decoder::text)?,
            guidance_thousandths: input.optional(uint32)?,
            prompt_commitment: input.hash()?,
        })
    }

    fn check(&self) -> Result<(), RecordError> {
        for (list, found, limit) in [
            ("files of weights", self.weights.len(), MAX_WEIGHTS),
            (
                "licences of training data",
                self.training_licenses.len(),
                MAX_LICENSES,
            ),
            ("seeds", self.seeds.len(), MAX_SEEDS),
        ] {
            if found > limit {
                return Err(RecordError::TooMany { list, limit });
            }
        }
        let short = |field: &'static str, text: &str, limit: usize| {
            if text.len() > limit {
                return Err(RecordError::TooLong { field, limit });
            }
            Ok(())
        };
        short("the model's id", &self.model_id, MAX_PUBLIC_TEXT)?;
        for weights in &self.weights {
            short("the name of a weights file", &weights.file, MAX_NAME)?;
        }
        for license in self.license.iter().chain(&self.training_licenses) {
            short("a licence", license, MAX_NAME)?;
        }
        short(
            "the sampler",
            self.sampler.as_deref().unwrap_or_default(),
            MAX_NAME,
        )
    }
}

/// What a generation goes with: its kind, and prompt and salt both or neither.
pub(super) fn check(record: &NewRecord) -> Result<(), RecordError> {
    let Some(generation) = &record.generation else {
        if record.negative_prompt.is_some() || record.prompt_salt.is_some() {
            return Err(RecordError::Generation(
                "a negative prompt and a salt belong to a generated picture",
            ));
        }
        return Ok(());
    };
    if record.kind != Kind::Generate {
        return Err(RecordError::Generation(
            "only a generated picture has facts of its generation",
        ));
    }
    generation.check()?;
    match (&record.prompt, &record.prompt_salt) {
        (Some(prompt), Some(salt)) => {
            let negative = record.negative_prompt.as_deref();
            if prompt_commitment(salt, prompt, negative) != generation.prompt_commitment {
                return Err(RecordError::Generation(
                    "the prompt is not the one committed to",
                ));
            }
            Ok(())
        }
        (None, None) if record.negative_prompt.is_none() => Ok(()),
        _ => Err(RecordError::Generation(
            "prompt, negative prompt and salt are kept together or not at all",
        )),
    }
}

fn list<'a, T>(
    input: &mut Decoder<'a>,
    most: usize,
    mut read: impl FnMut(&mut Decoder<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let items = input.any_array()?;
    if items > most as u64 {
        return Err(Malformed);
    }
    (0..items).map(|_| read(input)).collect()
}
