//! In what the solvers of Stable Diffusion differ, in diffusers, beside their formulas: which steps of the training
//! they use, how loud the noise is that they start from, and where they end.

use super::{Point, Schedule, SigmaSchedule, Spacing, interpolate, linspace, scaled_linear};
use crate::error::DiffusionError;
use crate::sampler::SamplerKind;

impl SigmaSchedule {
    /// The levels of a run as [`SigmaSchedule::build`] gives them, but for a solver; and the factor of the noise that
    /// it starts from.
    ///
    /// A run starts from noise alone, although of the first level's state a share of `alpha` should be picture (less
    /// than 0.07 at the last training step). Most solvers take noise of unit variance for it. Euler's two do where
    /// steps are spaced with an offset (`init_noise_sigma` is `sqrt(s^2 + 1)`, in their scale); else they take the
    /// level's own share of noise, `sigma`.
    ///
    /// # Errors
    ///
    /// As [`SigmaSchedule::build`].
    pub(crate) fn of_sampler(
        &self,
        sampler: SamplerKind,
        steps: u32,
        tokens: usize,
    ) -> Result<(Schedule, f32), DiffusionError> {
        let mut schedule = self.build(steps, tokens)?;
        let Self::ScaledLinear {
            beta_start,
            beta_end,
            training_steps,
            spacing,
            ddim_ends_trained,
        } = *self
        else {
            return Ok((schedule, 1.0));
        };
        let mut scale = 1.0;
        match sampler {
            SamplerKind::FlowEuler | SamplerKind::EulerAncestral => {
                if matches!(spacing, Spacing::Trailing | Spacing::Linspace) {
                    scale = schedule.points[0].sigma as f32;
                }
            }
            SamplerKind::DpmPp2M | SamplerKind::UniPc => {
                if let Some(used) = multistep(spacing, training_steps, steps) {
                    let trained = scaled_linear(beta_start, beta_end, training_steps);
                    let mut levels: Vec<(f64, f64)> = used
                        .into_iter()
                        .map(|step| (interpolate(&trained, step), step))
                        .collect();
                    levels.push((0.0, 0.0));
                    schedule = Schedule::variance_preserving(&levels)?;
                }
            }
            SamplerKind::Ddim => {
                if ddim_ends_trained {
                    end_trained(&mut schedule, beta_start);
                }
            }
        }
        Ok((schedule, scale))
    }
}

/// The training steps that multistep solvers use where they are others: of one step more than there is, all but the
/// last, and whole ones.
fn multistep(spacing: Spacing, training_steps: u32, steps: u32) -> Option<Vec<f64>> {
    let last = f64::from(training_steps - 1);
    match spacing {
        Spacing::Leading { offset } => {
            let ratio = training_steps / (steps + 1);
            let step = |i: u32| (f64::from(i * ratio) + f64::from(offset)).min(last);
            Some((1..=steps).rev().map(step).collect())
        }
        Spacing::Linspace => {
            let all = linspace(last, 0.0, steps + 1).map(f64::round_ties_even);
            Some(all.take(steps as usize).collect())
        }
        Spacing::Trailing | Spacing::Karras => None,
    }
}

/// Puts the noise of the first training step in place of none at the end of a run. Where the last step is evaluated
/// at that very level it would change nothing; then the end stays as it is.
fn end_trained(schedule: &mut Schedule, beta_start: f64) {
    let end = Point {
        alpha: (1.0 - beta_start).sqrt(),
        sigma: beta_start.sqrt(),
        training_step: 0.0,
    };
    if let [.., before, last] = schedule.points.as_mut_slice()
        && before.sigma > end.sigma * (1.0 + 1e-9)
    {
        *last = end;
    }
}
