//! What differs between families of models, as data.

use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;
use crate::request::Size;
use crate::schedule::{Point, SigmaSchedule};
use crate::source::Cell;

/// Everything the sampler must know of a family. Licence, sizes and default steps belong to a
/// model and are in [`crate::ModelInfo`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Family {
    /// Stable identifier, such as `qwen-image`.
    pub name: String,
    /// How a prompt becomes the text encoder's input and output.
    pub text: TextTemplate,
    /// How time is told to the network.
    pub time: TimeConvention,
    /// What the network predicts.
    pub prediction: PredictionKind,
    /// The noise levels of a run.
    pub schedule: SigmaSchedule,
    /// How the prompt is given weight.
    pub guidance: GuidanceKind,
    /// How a picture lies in the latents; `None` where the conditioning decides it.
    pub latents: Option<LatentLayout>,
    /// Whether two seeds may have different conditionings of one prompt. If not, the prompt of a
    /// batch is encoded once.
    pub seeded_conditioning: bool,
}

/// How a prompt is put to the text encoder and what of its output is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextTemplate {
    /// Text around the prompt; `{}` stands for the prompt.
    pub template: String,
    /// Tokens of the template's beginning whose hidden states are dropped.
    pub dropped_tokens: usize,
    /// Most tokens used, after dropping.
    pub max_tokens: usize,
    /// Hidden layers used, side by side; -1 is the last, after the final norm, -2 the one before.
    pub hidden_layers: Vec<i32>,
    /// Stands in for an absent negative prompt.
    pub empty_negative: String,
}

impl TextTemplate {
    /// The template with the prompt in its place.
    #[must_use]
    pub fn fill(&self, prompt: &str) -> String {
        self.template.replacen("{}", prompt, 1)
    }
}

/// The number that tells a network how noisy its input is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum TimeConvention {
    /// `scale * sigma`; scale is 1 or 1000.
    Sigma {
        /// Factor.
        scale: f32,
    },
    /// `scale * (1 - sigma)`.
    OneMinusSigma {
        /// Factor.
        scale: f32,
    },
    /// The training step, 0 to 999, fractional between two of them.
    TrainingStep,
}

impl TimeConvention {
    /// What the network is told at `point`.
    #[must_use]
    pub fn of(self, point: &Point) -> f32 {
        let time = match self {
            Self::Sigma { scale } => f64::from(scale) * point.sigma,
            Self::OneMinusSigma { scale } => f64::from(scale) * (1.0 - point.sigma),
            Self::TrainingStep => point.training_step,
        };
        time as f32
    }
}

/// What a network's output means, for `x = alpha * x0 + sigma * epsilon`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PredictionKind {
    /// The noise, `epsilon`.
    Epsilon,
    /// `v = alpha * epsilon - sigma * x0` (Salimans and Ho, arXiv 2202.00512).
    V,
    /// `epsilon - x0`, the velocity of a straight flow.
    FlowVelocity,
    /// The data, `x0`.
    Sample,
}

/// How the prompt is given weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GuidanceKind {
    /// Not at all; one evaluation a step.
    None,
    /// The scale is an input of the network; one evaluation a step.
    Embedded,
    /// Classifier-free guidance: `u + scale * (c - u)`; two evaluations a step.
    ClassifierFree,
    /// As `ClassifierFree`, then each token gets the length it has in `c`. A token is the last
    /// axis of the latents.
    ClassifierFreeRescaled,
}

impl GuidanceKind {
    /// Whether a negative prompt has an effect.
    pub fn takes_negative_prompt(self) -> bool {
        matches!(self, Self::ClassifierFree | Self::ClassifierFreeRescaled)
    }

    /// Joins the two evaluations of a step into `conditional`; `token` is the length of the last
    /// axis. In `f32` whatever the network's precision: the difference cancels most digits.
    pub(crate) fn join(
        self,
        conditional: &mut [f32],
        unconditional: &[f32],
        scale: f32,
        token: usize,
    ) {
        let rescale = self == Self::ClassifierFreeRescaled;
        let token = token.max(1);
        for (c, u) in conditional
            .chunks_mut(token)
            .zip(unconditional.chunks(token))
        {
            let before = norm(c);
            for (c, u) in c.iter_mut().zip(u) {
                *c = u + scale * (*c - u);
            }
            let after = norm(c);
            if rescale && after > 0.0 {
                let factor = (before / after) as f32;
                for c in c {
                    *c *= factor;
                }
            }
        }
    }
}

/// Euclidean length.
fn norm(values: &[f32]) -> f64 {
    let squares = values.iter().map(|v| f64::from(*v) * f64::from(*v));
    squares.sum::<f64>().sqrt()
}

/// How a picture lies in the latents of an auto-encoder: `[channels, height, width]`, in the
/// sampler packed to `[tokens, channels * patch * patch]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatentLayout {
    /// Channels of the auto-encoder.
    pub channels: usize,
    /// Pixels of a side for one latent, such as 8.
    pub downscale: usize,
    /// Latents of a side for one token; 1 for networks that take the latents as they are.
    pub patch: usize,
    /// From the sampler's scale to the decoder's.
    pub scaling: LatentScaling,
}

/// From the sampler's scale (about unit variance) to the decoder's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LatentScaling {
    /// `z / factor + shift` for all channels.
    FactorShift {
        /// `scaling_factor`.
        factor: f32,
        /// `shift_factor`, 0 for none.
        shift: f32,
    },
    /// `z * std + mean` for each channel.
    PerChannel {
        /// Mean of each channel.
        mean: Vec<f32>,
        /// Standard deviation of each channel.
        std: Vec<f32>,
    },
    /// `z * std + mean` for each place within a token, of which there are `channels * patch^2`; the
    /// channel is the slowest index, then the row, then the column.
    PerPatchedChannel {
        /// Mean of each place.
        mean: Vec<f32>,
        /// Standard deviation of each place.
        std: Vec<f32>,
    },
}

impl LatentLayout {
    /// Rows and columns of latents for a picture.
    fn grid(&self, size: Size) -> (usize, usize) {
        let side = |pixels: u32| pixels as usize / self.downscale;
        (side(size.height()), side(size.width()))
    }

    /// Tokens of a picture, which dynamic shift depends on.
    pub fn tokens(&self, size: Size) -> usize {
        let (rows, columns) = self.grid(size);
        (rows / self.patch) * (columns / self.patch)
    }

    /// Shape in the sampler: `[tokens, channels * patch^2]`, or `[channels, rows, columns]` where
    /// the patch is 1.
    pub fn shape(&self, size: Size) -> Vec<usize> {
        let (rows, columns) = self.grid(size);
        if self.patch == 1 {
            vec![self.channels, rows, columns]
        } else {
            vec![self.tokens(size), self.channels * self.patch * self.patch]
        }
    }

    /// The decoder's input `[channels, rows, columns]` from the sampler's latents: unpacked and
    /// scaled. Within a token the channel is the slowest index, then the row, then the column.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::ModelShape`] where the latents are not those of a picture of `size`;
    /// [`DiffusionError::Description`] where mean and deviation are not one a channel.
    pub fn to_decoder(&self, latents: &[f32], size: Size) -> Result<Vec<f32>, DiffusionError> {
        let (rows, columns) = self.grid(size);
        let shape = self.shape(size);
        if latents.len() != shape.iter().product::<usize>() {
            return Err(DiffusionError::ModelShape {
                what: "latents",
                expected: shape,
                found: vec![latents.len()],
            });
        }
        let (scale, shift) = self.affine()?;
        let plane = rows * columns;
        let mut unpacked = vec![0.0; latents.len()];
        for (index, value) in unpacked.iter_mut().enumerate() {
            let from = self.packed(index, size);
            let place = self.place(index / plane, from);
            *value = latents[from] * scale[place] + shift[place];
        }
        Ok(unpacked)
    }

    /// The other way round: the sampler's latents from an encoder's `[channels, rows, columns]`.
    ///
    /// # Errors
    ///
    /// As [`LatentLayout::to_decoder`].
    pub fn from_encoder(&self, latents: &[f32], size: Size) -> Result<Vec<f32>, DiffusionError> {
        let (rows, columns) = self.grid(size);
        let shape = vec![self.channels, rows, columns];
        if latents.len() != shape.iter().product::<usize>() {
            return Err(DiffusionError::ModelShape {
                what: "latents",
                expected: shape,
                found: vec![latents.len()],
            });
        }
        let (scale, shift) = self.affine()?;
        let plane = rows * columns;
        let mut packed = vec![0.0; latents.len()];
        for (index, value) in latents.iter().enumerate() {
            let to = self.packed(index, size);
            let place = self.place(index / plane, to);
            packed[to] = (value - shift[place]) / scale[place];
        }
        Ok(packed)
    }

    /// For each of the sampler's latents a value that `of` gives for the pixels it stands for.
    pub(crate) fn of_cells(&self, size: Size, of: impl Fn(Cell) -> f32) -> Vec<f32> {
        let (rows, columns) = self.grid(size);
        let side = self.downscale;
        let mut values = vec![0.0; self.channels * rows * columns];
        for row in 0..rows {
            for column in 0..columns {
                let value = of((column * side, row * side, side, side));
                for channel in 0..self.channels {
                    let index = (channel * rows + row) * columns + column;
                    values[self.packed(index, size)] = value;
                }
            }
        }
        values
    }

    /// Where the sampler keeps the latent that `[channels, rows, columns]` has at `index`.
    fn packed(&self, index: usize, size: Size) -> usize {
        let (rows, columns) = self.grid(size);
        let plane = rows * columns;
        let patch = self.patch;
        if patch == 1 {
            return index;
        }
        let (channel, row, column) = (index / plane, index % plane / columns, index % columns);
        let token = (row / patch) * (columns / patch) + column / patch;
        let within = (channel * patch + row % patch) * patch + column % patch;
        token * self.channels * patch * patch + within
    }

    /// The place within a token of what the sampler keeps at `packed`, which is of `channel`.
    fn place(&self, channel: usize, packed: usize) -> usize {
        if self.patch == 1 {
            channel
        } else {
            packed % (self.channels * self.patch * self.patch)
        }
    }

    /// Factor and summand of each place within a token.
    fn affine(&self) -> Result<(Vec<f32>, Vec<f32>), DiffusionError> {
        let patch = self.patch * self.patch;
        let check = |mean: &[f32], std: &[f32], count: usize| {
            if mean.len() == count && std.len() == count {
                return Ok(());
            }
            Err(DiffusionError::Description(format!(
                "{} means and {} deviations for {count} channels",
                mean.len(),
                std.len(),
            )))
        };
        match &self.scaling {
            LatentScaling::FactorShift { factor, shift } => Ok((
                vec![1.0 / factor; self.channels * patch],
                vec![*shift; self.channels * patch],
            )),
            LatentScaling::PerChannel { mean, std } => {
                check(mean, std, self.channels)?;
                let spread = |values: &[f32]| {
                    let each = values.iter();
                    each.flat_map(|value| std::iter::repeat_n(*value, patch))
                        .collect()
                };
                Ok((spread(std), spread(mean)))
            }
            LatentScaling::PerPatchedChannel { mean, std } => {
                check(mean, std, self.channels * patch)?;
                Ok((std.clone(), mean.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
