//! What a person, a record or a manifest should know of a model.

use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;
use crate::request::Size;
use crate::sampler::SamplerKind;

/// Facts of a model: what it is, what it was made from, what it does by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Stable identifier, such as `qwen-image-2512`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// SPDX identifier or name of the licence of the weights.
    pub license: String,
    /// Number of weights in all networks.
    pub parameters: u64,
    /// The files the weights came from, with their hashes.
    pub weights: Vec<WeightFile>,
    /// Low-rank changes put onto the weights, in their order.
    pub adapters: Vec<AdapterFile>,
    /// What it was trained on, as far as it was told.
    pub training_data: Vec<TrainingData>,
    /// Whether the weights are part of the program.
    pub built_in: bool,
    /// Steps where a request names none.
    pub default_steps: u32,
    /// Guidance where a request names none; 1 for models without.
    pub default_guidance: f32,
    /// Solver where a request names none.
    pub default_sampler: SamplerKind,
    /// Sizes it was trained for; the first is the default, so there is at least one.
    pub sizes: Vec<Size>,
    /// Sizes it can make.
    pub size_rule: SizeRule,
}

/// One file of weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightFile {
    /// Its name, without folders.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

/// One file of low-rank changes (LoRA).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdapterFile {
    /// The file.
    pub file: WeightFile,
    /// The factor it was added with.
    pub scale: f32,
    /// Weights that it changed.
    pub layers: usize,
}

/// One set a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingData {
    /// Name of the set.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SPDX identifier or name of its licence.
    pub license: String,
}

/// Which sizes a model can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeRule {
    /// Both sides are multiples of this many pixels, at least 1.
    pub multiple_of: u32,
    /// Shortest side in pixels.
    pub min_side: u32,
    /// Longest side in pixels.
    pub max_side: u32,
    /// Most pixels in all.
    pub max_pixels: u64,
}

impl ModelInfo {
    /// # Errors
    ///
    /// [`DiffusionError::UnsupportedSize`] where the model cannot make `size`.
    pub fn check_size(&self, size: Size) -> Result<(), DiffusionError> {
        let SizeRule {
            multiple_of,
            min_side,
            max_side,
            max_pixels,
        } = self.size_rule;
        let refuse = |rule: String| {
            Err(DiffusionError::UnsupportedSize {
                model: self.name.clone(),
                found: size.to_string(),
                rule,
            })
        };
        let sides = [size.width(), size.height()];
        if sides
            .iter()
            .any(|side| !(min_side..=max_side).contains(side))
        {
            return refuse(format!("give sides from {min_side} to {max_side} pixels"));
        }
        if sides.iter().any(|side| side % multiple_of.max(1) != 0) {
            let near = sides.map(|side| {
                let rounded = (side + multiple_of / 2) / multiple_of * multiple_of;
                rounded.clamp(min_side.next_multiple_of(multiple_of), max_side)
            });
            return refuse(format!(
                "give sides that are multiples of {multiple_of} pixels, such as {}x{}",
                near[0], near[1]
            ));
        }
        if size.pixels() > max_pixels {
            return refuse(format!(
                "{} pixels are more than the {max_pixels} allowed",
                size.pixels()
            ));
        }
        Ok(())
    }
}
