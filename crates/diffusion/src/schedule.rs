//! Noise levels on the way from noise to picture.
//!
//! A point of the way is `x = alpha * x0 + sigma * epsilon`. A flow (rectified flow, flow matching)
//! has `alpha = 1 - sigma`; the diffusion of Stable Diffusion and its kin is variance preserving,
//! `alpha^2 + sigma^2 = 1`. Schedulers that count in `s = sigma / alpha` (Karras et al., arXiv
//! 2206.00364; "sigmas" in diffusers' `EulerDiscreteScheduler`) scale their state by `1 / alpha`
//! against the one here.

mod of_sampler;

use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;
use crate::request::MAX_STEPS;

/// How signal and noise are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Process {
    /// `alpha = 1 - sigma`.
    Flow,
    /// `alpha^2 + sigma^2 = 1`.
    VariancePreserving,
}

/// One noise level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Share of the picture, 0 to 1.
    pub alpha: f64,
    /// Share of the noise, 0 to 1.
    pub sigma: f64,
    /// The training step of this level, fractional between two of them.
    pub training_step: f64,
}

impl Point {
    /// Half the logarithm of the signal-to-noise ratio, `ln(alpha / sigma)`; infinite at the ends.
    pub(crate) fn lambda(&self) -> f64 {
        libm::log(self.alpha) - libm::log(self.sigma)
    }
}

/// The levels of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    process: Process,
    points: Vec<Point>,
}

impl Schedule {
    /// Levels of a flow from its sigmas, from noise to picture; the last is where the run ends,
    /// 0 for a picture.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::Description`] where they do not fall strictly, leave 0 to 1, or are
    /// fewer than two.
    pub fn flow(sigmas: &[f64]) -> Result<Self, DiffusionError> {
        let point = |sigma: &f64| Point {
            alpha: 1.0 - sigma,
            sigma: *sigma,
            training_step: 1000.0 * sigma,
        };
        Self::new(Process::Flow, sigmas.iter().map(point).collect())
    }

    /// Levels of a variance-preserving diffusion from `(s, training step)`, where
    /// `s = sigma / alpha`; the last is where the run ends, `s = 0` for a picture.
    ///
    /// # Errors
    ///
    /// As [`Schedule::flow`].
    pub fn variance_preserving(levels: &[(f64, f64)]) -> Result<Self, DiffusionError> {
        let point = |&(s, training_step): &(f64, f64)| {
            let alpha = 1.0 / (1.0 + s * s).sqrt();
            Point {
                alpha,
                sigma: s * alpha,
                training_step,
            }
        };
        let points = levels.iter().map(point).collect();
        Self::new(Process::VariancePreserving, points)
    }

    fn new(process: Process, points: Vec<Point>) -> Result<Self, DiffusionError> {
        let falls = points.windows(2).all(|pair| pair[0].sigma > pair[1].sigma);
        let inside = points.iter().all(|p| (0.0..=1.0).contains(&p.sigma));
        if falls && inside && points.len() >= 2 {
            Ok(Self { process, points })
        } else {
            let sigmas: Vec<f64> = points.iter().map(|p| p.sigma).collect();
            Err(DiffusionError::Description(format!(
                "noise levels must fall from 1 to 0: {sigmas:?}"
            )))
        }
    }

    /// The way from step `first` on, counted from 0.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::Description`] where no step is left.
    pub fn from_step(mut self, first: usize) -> Result<Self, DiffusionError> {
        if first >= self.steps() {
            let reason = format!("step {first} of {}", self.steps());
            return Err(DiffusionError::Description(reason));
        }
        self.points.drain(..first);
        Ok(self)
    }

    /// How signal and noise are mixed.
    pub fn process(&self) -> Process {
        self.process
    }

    /// The levels, one more than there are steps.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Steps, at least 1.
    pub fn steps(&self) -> usize {
        self.points.len() - 1
    }
}

/// How a family spaces its levels, for any number of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SigmaSchedule {
    /// Flow: sigma from 1 to `end` in equal steps, shifted, stretched, then 0.
    Flow {
        /// The last sigma before shifting; `None` for 1 / steps.
        end: Option<f64>,
        /// Towards more noise.
        shift: Shift,
        /// The last sigma before 0 is stretched to this (`shift_terminal`).
        terminal: Option<f64>,
    },
    /// Stable Diffusion: the square root of beta grows in equal steps (`scaled_linear`).
    ScaledLinear {
        /// First beta, such as 0.00085.
        beta_start: f64,
        /// Last beta, such as 0.012.
        beta_end: f64,
        /// Steps of the training, such as 1000; at most 10 000.
        training_steps: u32,
        /// Which of them are used.
        spacing: Spacing,
        /// Whether DDIM, and no other solver, ends at the noise of the first training step and not at none
        /// (`set_alpha_to_one` is false).
        #[serde(default)]
        ddim_ends_trained: bool,
    },
}

/// Shift of a flow's sigma towards more noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shift {
    /// `shift * s / (1 + (shift - 1) * s)`; 1 leaves all as it is.
    Static(f64),
    /// `e^mu / (e^mu + 1/s - 1)` where `mu` grows in a straight line with the number of tokens,
    /// also beyond the ends.
    Dynamic {
        /// `mu` at `base_tokens`.
        base_shift: f64,
        /// `mu` at `max_tokens`.
        max_shift: f64,
        /// `base_image_seq_len`.
        base_tokens: f64,
        /// `max_image_seq_len`.
        max_tokens: f64,
    },
    /// As `Dynamic`, but `mu` depends on the number of steps too: it is known for two numbers of
    /// steps and goes in a straight line between and beyond them. Of pictures with more than
    /// `most_tokens` only that of `many` counts (`compute_empirical_mu` of diffusers' FLUX.2).
    Empirical {
        /// `mu` of few steps.
        few: FittedMu,
        /// `mu` of many steps.
        many: FittedMu,
        /// Most tokens for which the number of steps matters.
        most_tokens: usize,
    },
}

/// `mu = slope * tokens + offset`, as fitted for one number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedMu {
    /// The number of steps.
    pub steps: u32,
    /// `mu` for each token.
    pub slope: f64,
    /// `mu` without tokens.
    pub offset: f64,
}

impl FittedMu {
    fn of(self, tokens: usize) -> f64 {
        self.slope * tokens as f64 + self.offset
    }
}

impl Shift {
    /// What FLUX.2 was published with.
    pub(crate) const FLUX2: Self = Self::Empirical {
        few: FittedMu {
            steps: 10,
            slope: 8.738_095_24e-5,
            offset: 1.898_333_33,
        },
        many: FittedMu {
            steps: 200,
            slope: 0.000_169_27,
            offset: 0.456_666_66,
        },
        most_tokens: 4300,
    };

    /// `mu` of the dynamic shifts for a number of tokens and steps; the logarithm of the static one.
    pub fn mu(self, tokens: usize, steps: u32) -> f64 {
        match self {
            Self::Static(shift) => libm::log(shift),
            Self::Empirical {
                few,
                many,
                most_tokens,
            } => {
                let of_many = many.of(tokens);
                if tokens > most_tokens {
                    return of_many;
                }
                let span = f64::from(many.steps) - f64::from(few.steps);
                let slope = (of_many - few.of(tokens)) / span;
                of_many + slope * (f64::from(steps) - f64::from(many.steps))
            }
            Self::Dynamic {
                base_shift,
                max_shift,
                base_tokens,
                max_tokens,
            } => {
                let slope = (max_shift - base_shift) / (max_tokens - base_tokens);
                base_shift + (tokens as f64 - base_tokens) * slope
            }
        }
    }

    fn apply(self, sigma: f64, tokens: usize, steps: u32) -> f64 {
        // No shift moves pure noise; rounding would, to beyond 1 for some factors below 1.
        if sigma >= 1.0 {
            return sigma;
        }
        let factor = match self {
            Self::Static(shift) => shift,
            Self::Dynamic { .. } | Self::Empirical { .. } => libm::exp(self.mu(tokens, steps)),
        };
        factor * sigma / (1.0 + (factor - 1.0) * sigma)
    }
}

/// Which training steps are used (Lin et al., arXiv 2305.08891, table 2; diffusers'
/// `timestep_spacing`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spacing {
    /// Multiples of the rounded-down ratio plus `offset` (`steps_offset`).
    Leading {
        /// Added to each.
        offset: u32,
    },
    /// From the last one down in equal steps.
    Trailing,
    /// From the last one to the first in equal steps, not rounded.
    Linspace,
    /// Equal steps of `s^(1/7)` over all of training (Karras et al., equation 5, rho 7).
    Karras,
}

impl SigmaSchedule {
    /// The same with a static shift and nothing stretched, as models distilled to a few steps want it; `None` for a
    /// schedule that is not one of a flow.
    #[must_use]
    pub fn with_shift(&self, shift: f64) -> Option<Self> {
        match self {
            Self::Flow { end, .. } => Some(Self::Flow {
                end: *end,
                shift: Shift::Static(shift),
                terminal: None,
            }),
            Self::ScaledLinear { .. } => None,
        }
    }

    /// The levels of a run; `tokens` counts for the dynamic shifts alone.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::OutOfRange`] where `steps` is 0 or above what the family has;
    /// [`DiffusionError::Description`] where the numbers of the family are impossible.
    pub fn build(&self, steps: u32, tokens: usize) -> Result<Schedule, DiffusionError> {
        let most = match self {
            Self::Flow { .. } => MAX_STEPS,
            Self::ScaledLinear { training_steps, .. } => MAX_STEPS.min(*training_steps),
        };
        if !(1..=most).contains(&steps) {
            return Err(DiffusionError::OutOfRange {
                name: "steps",
                found: steps.to_string(),
                allowed: format!("1 to {most}"),
            });
        }
        match *self {
            Self::Flow {
                end,
                shift,
                terminal,
            } => Schedule::flow(&flow_sigmas(steps, tokens, end, shift, terminal)),
            Self::ScaledLinear {
                beta_start,
                beta_end,
                training_steps,
                spacing,
                ..
            } => {
                let possible = (1..=10_000).contains(&training_steps)
                    && 0.0 < beta_start
                    && beta_start <= beta_end
                    && beta_end < 1.0;
                if !possible {
                    return Err(DiffusionError::Description(format!(
                        "betas from {beta_start} to {beta_end} in {training_steps} steps"
                    )));
                }
                let trained = scaled_linear(beta_start, beta_end, training_steps);
                let mut levels = spacing.levels(&trained, steps);
                levels.push((0.0, 0.0));
                Schedule::variance_preserving(&levels)
            }
        }
    }
}

fn flow_sigmas(
    steps: u32,
    tokens: usize,
    end: Option<f64>,
    shift: Shift,
    terminal: Option<f64>,
) -> Vec<f64> {
    let end = end.unwrap_or(1.0 / f64::from(steps));
    let mut sigmas: Vec<f64> = linspace(1.0, end, steps)
        .map(|sigma| shift.apply(sigma, tokens, steps))
        .collect();
    // With one step the last sigma is the first, and stretching would divide by zero.
    if let (Some(terminal), Some(&last)) = (terminal, sigmas.last())
        && last < 1.0
    {
        let scale = (1.0 - terminal) / (1.0 - last);
        for sigma in &mut sigmas {
            *sigma = 1.0 - (1.0 - *sigma) * scale;
        }
    }
    sigmas.push(0.0);
    sigmas
}

/// `count` values from `start` to `end`, both met exactly; `start` alone where `count` is 1.
fn linspace(start: f64, end: f64, count: u32) -> impl Iterator<Item = f64> {
    let last = f64::from(count.max(2) - 1);
    (0..count).map(move |i| {
        let share = f64::from(i) / last;
        start * (1.0 - share) + end * share
    })
}

/// `s = sigma / alpha` after each training step.
fn scaled_linear(beta_start: f64, beta_end: f64, training_steps: u32) -> Vec<f64> {
    let mut alpha_squared = 1.0;
    linspace(beta_start.sqrt(), beta_end.sqrt(), training_steps)
        .map(|root| {
            alpha_squared *= 1.0 - root * root;
            ((1.0 - alpha_squared) / alpha_squared).sqrt()
        })
        .collect()
}

impl Spacing {
    /// `(s, training step)` of each step, from noise to picture.
    fn levels(self, trained: &[f64], steps: u32) -> Vec<(f64, f64)> {
        let all = trained.len() as f64;
        let last = all - 1.0;
        let at = |step: f64| {
            let step = step.clamp(0.0, last);
            (interpolate(trained, step), step)
        };
        match self {
            Self::Leading { offset } => {
                let ratio = trained.len() as u32 / steps;
                let step = |i: u32| f64::from(i * ratio) + f64::from(offset);
                (0..steps).rev().map(step).map(at).collect()
            }
            Self::Trailing => {
                let ratio = all / f64::from(steps);
                let step = |i: u32| (all - f64::from(i) * ratio).round_ties_even() - 1.0;
                (0..steps).map(step).map(at).collect()
            }
            Self::Linspace => linspace(last, 0.0, steps).map(at).collect(),
            Self::Karras => {
                let root = |step: usize| libm::pow(trained[step], 1.0 / 7.0);
                linspace(root(trained.len() - 1), root(0), steps)
                    .map(|root| {
                        let s = libm::pow(root, 7.0);
                        (s, training_step(trained, s))
                    })
                    .collect()
            }
        }
    }
}

/// The value at a fractional index.
fn interpolate(values: &[f64], index: f64) -> f64 {
    let low = index.floor() as usize;
    let high = (low + 1).min(values.len() - 1);
    values[low] + (values[high] - values[low]) * (index - low as f64)
}

/// The fractional training step of a level, by linear interpolation of `ln s`.
fn training_step(trained: &[f64], s: f64) -> f64 {
    let high = trained.partition_point(|value| *value < s);
    if high == 0 {
        return 0.0;
    }
    if high == trained.len() {
        return (trained.len() - 1) as f64;
    }
    let (low, above) = (libm::log(trained[high - 1]), libm::log(trained[high]));
    (high - 1) as f64 + (libm::log(s) - low) / (above - low)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::reference;
