//! Solvers of the way from noise to picture, written once for every kind of prediction.
//!
//! A network's output is first turned into its estimate of the picture, `x0`; every solver is
//! then a combination of state and estimates whose coefficients come from the noise levels:
//! coefficients in `f64`, state in `f32`. With `lambda = ln(alpha / sigma)`, a step from `s` to
//! `t` and `h = lambda_t - lambda_s`:
//!
//! | solver | order | source |
//! | --- | --- | --- |
//! | Euler, DDIM (eta 0) | 1 | Song et al., arXiv 2010.02502, equation 12; the two are one formula |
//! | Euler ancestral | 1, stochastic | k-diffusion's `sample_euler_ancestral`; for a flow its `_RF` form |
//! | DPM-Solver++ 2M | 2 | Lu et al., arXiv 2211.01095, algorithm 2 |
//! | `UniPC`, `bh2` | 2 with corrector | Zhao et al., arXiv 2302.04867 |
//!
//! The last step of a multistep solver, to `sigma = 0`, is of first order: `lambda` is infinite.

mod unipc;

use crate::error::DiffusionError;
use crate::family::PredictionKind;
use crate::sampler::SamplerKind;
use crate::schedule::{Point, Process, Schedule};

/// One run of a solver.
#[derive(Clone, Debug)]
pub struct Solver {
    kind: SamplerKind,
    prediction: PredictionKind,
    schedule: Schedule,
    /// Steps done.
    done: usize,
    /// The latest estimate of the picture, and the one before.
    estimates: [Vec<f32>; 2],
    unipc: unipc::Memory,
}

impl Solver {
    /// A run over `schedule`. The state it starts from is noise of unit variance, unscaled.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::Description`] where the network predicts noise and the schedule starts
    /// from nothing but noise: such a prediction says nothing there.
    pub fn new(
        kind: SamplerKind,
        prediction: PredictionKind,
        schedule: Schedule,
    ) -> Result<Self, DiffusionError> {
        if prediction == PredictionKind::Epsilon && schedule.points()[0].alpha <= 0.0 {
            return Err(DiffusionError::Description(
                "a network that predicts noise cannot start where alpha is 0".to_owned(),
            ));
        }
        Ok(Self {
            kind,
            prediction,
            schedule,
            done: 0,
            estimates: [Vec::new(), Vec::new()],
            unipc: unipc::Memory::default(),
        })
    }

    /// The level of the next evaluation of the network; `None` at the end of the run.
    pub fn point(&self) -> Option<&Point> {
        let points = self.schedule.points();
        points
            .get(self.done)
            .filter(|_| self.done < self.schedule.steps())
    }

    /// The levels of the run.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Steps done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Whether each step but the last draws fresh noise.
    pub fn is_stochastic(&self) -> bool {
        self.kind == SamplerKind::EulerAncestral
    }

    /// The latest estimate of the picture; empty before the first step.
    pub fn estimate(&self) -> &[f32] {
        &self.estimates[0]
    }

    /// One step: `latents` at the present level become those at the next. `output` is what the
    /// network predicted for them; `noise` fills a buffer with unit normal values of the step
    /// given, counted from 0, and is called by a stochastic solver alone.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::ModelShape`] where the lengths differ;
    /// [`DiffusionError::Description`] where the run is over.
    pub fn step(
        &mut self,
        latents: &mut [f32],
        output: &[f32],
        noise: &mut dyn FnMut(usize, &mut [f32]),
    ) -> Result<(), DiffusionError> {
        let Some(&now) = self.point() else {
            return Err(DiffusionError::Description(
                "the run has no more steps".to_owned(),
            ));
        };
        if output.len() != latents.len() {
            return Err(DiffusionError::ModelShape {
                what: "latents",
                expected: vec![latents.len()],
                found: vec![output.len()],
            });
        }
        let next = self.schedule.points()[self.done + 1];
        let estimate = picture(self.prediction, &now, latents, output);
        match self.kind {
            SamplerKind::FlowEuler | SamplerKind::Ddim => {
                let ratio = next.sigma / now.sigma;
                combine(
                    latents,
                    ratio,
                    &[(next.alpha - now.alpha * ratio, &estimate)],
                );
                self.remember(estimate);
            }
            SamplerKind::EulerAncestral => {
                let [keep, towards, fresh] = ancestral(self.schedule.process(), &now, &next);
                combine(latents, keep, &[(towards, &estimate)]);
                if fresh > 0.0 {
                    let mut values = vec![0.0; latents.len()];
                    noise(self.done, &mut values);
                    combine(latents, 1.0, &[(fresh, &values)]);
                }
                self.remember(estimate);
            }
            SamplerKind::DpmPp2M => {
                self.remember(estimate);
                self.dpm_pp_2m(latents, &now, &next);
            }
            SamplerKind::UniPc => self.unipc_step(latents, estimate),
        }
        self.done += 1;
        Ok(())
    }

    fn remember(&mut self, estimate: Vec<f32>) {
        self.estimates.swap(0, 1);
        self.estimates[0] = estimate;
    }

    /// The level before the present one, `back` steps ago.
    fn earlier(&self, back: usize) -> Option<&Point> {
        self.schedule.points().get(self.done.checked_sub(back)?)
    }

    fn dpm_pp_2m(&self, latents: &mut [f32], now: &Point, next: &Point) {
        let h = next.lambda() - now.lambda();
        let weight = -next.alpha * libm::expm1(-h);
        let keep = next.sigma / now.sigma;
        let [newest, before] = &self.estimates;
        match self.earlier(1) {
            Some(earlier) if next.sigma > 0.0 => {
                // Infinite ratios, where the run began at alpha 0, leave first order.
                let slope = h / (now.lambda() - earlier.lambda()) / 2.0;
                let weights = [(weight * (1.0 + slope), newest), (-weight * slope, before)];
                combine(latents, keep, &weights);
            }
            _ => combine(latents, keep, &[(weight, newest)]),
        }
    }
}

/// The estimate of the picture that a network's output stands for.
fn picture(prediction: PredictionKind, at: &Point, latents: &[f32], output: &[f32]) -> Vec<f32> {
    let Point { alpha, sigma, .. } = *at;
    // x0 = on_latents * x + on_output * output, solved from x = alpha * x0 + sigma * epsilon.
    let (on_latents, on_output) = match prediction {
        PredictionKind::Epsilon => (1.0 / alpha, -sigma / alpha),
        PredictionKind::V => {
            let scale = alpha * alpha + sigma * sigma;
            (alpha / scale, -sigma / scale)
        }
        PredictionKind::FlowVelocity => {
            let scale = alpha + sigma;
            (1.0 / scale, -sigma / scale)
        }
        PredictionKind::Sample => return output.to_vec(),
    };
    let mut estimate = latents.to_vec();
    combine(&mut estimate, on_latents, &[(on_output, output)]);
    estimate
}

/// `state = keep * state + sum of weight * values`.
fn combine<V: AsRef<[f32]> + ?Sized>(state: &mut [f32], keep: f64, terms: &[(f64, &V)]) {
    let keep = keep as f32;
    for value in state.iter_mut() {
        *value *= keep;
    }
    for (weight, values) in terms {
        let weight = *weight as f32;
        for (value, term) in state.iter_mut().zip(values.as_ref()) {
            *value += weight * term;
        }
    }
}

/// Factors of state, estimate and fresh noise of an ancestral step (eta 1).
fn ancestral(process: Process, now: &Point, next: &Point) -> [f64; 3] {
    if next.sigma <= 0.0 {
        return [0.0, next.alpha, 0.0];
    }
    match process {
        Process::Flow => {
            // Down to sigma'^2 / sigma, then up again along the flow's own mixing.
            let down = next.sigma * next.sigma / now.sigma;
            let shrink = next.alpha / (1.0 - down);
            let ratio = down / now.sigma;
            let fresh = (next.sigma * next.sigma - down * down * shrink * shrink).max(0.0);
            [shrink * ratio, shrink * (1.0 - ratio), fresh.sqrt()]
        }
        Process::VariancePreserving => {
            let (s, t) = (now.sigma / now.alpha, next.sigma / next.alpha);
            let up_squared = t * t * (s * s - t * t) / (s * s);
            let ratio = (t * t - up_squared).max(0.0).sqrt() / s;
            let alpha = next.alpha;
            [
                alpha * ratio / now.alpha,
                alpha * (1.0 - ratio),
                alpha * up_squared.max(0.0).sqrt(),
            ]
        }
    }
}

#[cfg(test)]
mod parity;
#[cfg(test)]
mod tests;
