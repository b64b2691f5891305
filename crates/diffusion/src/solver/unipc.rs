//! `UniPC` with `B(h) = e^h - 1` ("bh2"), predicting the picture.
//!
//! Each new evaluation of the network first corrects the step that led to it, then predicts the
//! next one; so the corrector costs no evaluation of its own.

use super::{Solver, combine};
use crate::schedule::Point;

/// What the corrector needs of the step before.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// State before that step.
    state: Vec<f32>,
    /// Its order, 1 or 2; 0 before the first step.
    order: usize,
}

/// The functions of a step of size `h` in `lambda`.
struct Phi {
    /// `e^-h - 1`, which is `B(h)` too.
    first: f64,
    /// Right-hand side of the order conditions.
    conditions: [f64; 2],
}

impl Phi {
    fn new(h: f64) -> Self {
        let first = libm::expm1(-h);
        let second = first / -h - 1.0;
        let third = second / -h - 0.5;
        Self {
            first,
            conditions: [second / first, 2.0 * third / first],
        }
    }
}

impl Solver {
    pub(super) fn unipc_step(&mut self, latents: &mut [f32], estimate: Vec<f32>) {
        let points = self.schedule.points();
        let (now, next) = (points[self.done], points[self.done + 1]);
        self.correct(latents, &estimate, &now);
        self.remember(estimate);
        self.unipc.state = latents.to_vec();
        // Order 2 needs a step before, and lambda must be finite at its end.
        self.unipc.order = if self.done > 0 && next.sigma > 0.0 {
            2
        } else {
            1
        };
        self.predict(latents, &now, &next);
    }

    /// Replaces the state at `now` by a better one, from what the network says about it.
    fn correct(&self, latents: &mut [f32], estimate: &[f32], now: &Point) {
        let (Some(before), 1..) = (self.earlier(1), self.unipc.order) else {
            return;
        };
        let h = now.lambda() - before.lambda();
        let phi = Phi::new(h);
        let keep = now.sigma / before.sigma;
        let scale = now.alpha * phi.first;
        let [newest, earlier] = &self.estimates;
        latents.copy_from_slice(&self.unipc.state);
        let mut on_new = 0.5;
        let mut on_earlier = 0.0;
        if let (Some(first), 2) = (self.earlier(2), self.unipc.order) {
            let ratio = (first.lambda() - before.lambda()) / h;
            // Two equations: a + b = c0, ratio * a + b = c1.
            let [c0, c1] = phi.conditions;
            let a = (c1 - c0) / (ratio - 1.0);
            on_new = c0 - a;
            on_earlier = a / ratio;
        }
        let on_newest = scale * (on_new + on_earlier - 1.0);
        combine(
            latents,
            keep,
            &[(on_newest, newest.as_slice()), (-scale * on_new, estimate)],
        );
        if on_earlier != 0.0 {
            combine(latents, 1.0, &[(-scale * on_earlier, earlier)]);
        }
    }

    fn predict(&self, latents: &mut [f32], now: &Point, next: &Point) {
        let h = next.lambda() - now.lambda();
        let scale = next.alpha * libm::expm1(-h);
        let keep = next.sigma / now.sigma;
        let [newest, earlier] = &self.estimates;
        match self.earlier(1) {
            Some(before) if self.unipc.order == 2 => {
                let half = 0.5 * h / (before.lambda() - now.lambda());
                let weights = [(scale * (half - 1.0), newest), (-scale * half, earlier)];
                combine(latents, keep, &weights);
            }
            _ => combine(latents, keep, &[(-scale, newest)]),
        }
    }
}
