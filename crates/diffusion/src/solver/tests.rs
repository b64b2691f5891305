use proptest::prelude::*;

use super::*;
use crate::schedule::Schedule;

const PREDICTIONS: [PredictionKind; 4] = [
    PredictionKind::Epsilon,
    PredictionKind::V,
    PredictionKind::FlowVelocity,
    PredictionKind::Sample,
];

/// Data of mean `mean` and deviation `spread`, for which the best estimate and the way of the
/// ODE are known in closed form.
struct Gaussian {
    mean: f64,
    spread: f64,
}

impl Gaussian {
    fn deviation(&self, at: &Point) -> f64 {
        (at.alpha * self.spread).hypot(at.sigma)
    }

    fn picture(&self, at: &Point, x: f64) -> f64 {
        let gain = at.alpha * self.spread * self.spread / self.deviation(at).powi(2);
        self.mean + gain * (x - at.alpha * self.mean)
    }

    /// What a network of a kind says.
    fn output(&self, kind: PredictionKind, at: &Point, x: f64) -> f64 {
        let picture = self.picture(at, x);
        let noise = (x - at.alpha * picture) / at.sigma;
        match kind {
            PredictionKind::Epsilon => noise,
            PredictionKind::V => at.alpha * noise - at.sigma * picture,
            PredictionKind::FlowVelocity => noise - picture,
            PredictionKind::Sample => picture,
        }
    }

    /// Where the ODE leads from `x`.
    fn exact(&self, from: &Point, to: &Point, x: f64) -> f64 {
        let scale = self.deviation(to) / self.deviation(from);
        to.alpha * self.mean + scale * (x - from.alpha * self.mean)
    }
}

const DATA: Gaussian = Gaussian {
    mean: 0.7,
    spread: 0.5,
};

/// Levels with equal steps of lambda, the last short of the picture.
fn even(process: Process, steps: usize) -> Schedule {
    let s = |i: usize| (1.5 - 3.0 * i as f64 / steps as f64).exp();
    match process {
        Process::Flow => {
            let sigmas: Vec<f64> = (0..=steps).map(|i| s(i) / (1.0 + s(i))).collect();
            Schedule::flow(&sigmas).unwrap()
        }
        Process::VariancePreserving => {
            let levels: Vec<(f64, f64)> = (0..=steps).map(|i| (s(i), 0.0)).collect();
            Schedule::variance_preserving(&levels).unwrap()
        }
    }
}

fn run(kind: SamplerKind, prediction: PredictionKind, schedule: &Schedule, start: f64) -> f64 {
    let mut solver = Solver::new(kind, prediction, schedule.clone()).unwrap();
    let mut state = [start as f32];
    while let Some(point) = solver.point().copied() {
        let output = [DATA.output(prediction, &point, f64::from(state[0])) as f32];
        let mut noise = |_: usize, values: &mut [f32]| values.fill(0.0);
        solver.step(&mut state, &output, &mut noise).unwrap();
    }
    f64::from(state[0])
}

fn error(kind: SamplerKind, process: Process, steps: usize) -> f64 {
    let schedule = even(process, steps);
    let (first, last) = (schedule.points()[0], *schedule.points().last().unwrap());
    let found = run(kind, PredictionKind::Sample, &schedule, 0.9);
    (found - DATA.exact(&first, &last, 0.9)).abs()
}

#[test]
fn the_error_falls_with_the_order_of_the_solver() {
    for process in [Process::Flow, Process::VariancePreserving] {
        for (kind, least) in [
            (SamplerKind::FlowEuler, 0.9),
            (SamplerKind::Ddim, 0.9),
            (SamplerKind::DpmPp2M, 1.8),
            (SamplerKind::UniPc, 1.8),
        ] {
            let (coarse, fine) = (error(kind, process, 10), error(kind, process, 40));
            let order = (coarse / fine).log2() / 2.0;
            assert!(
                order > least,
                "{kind} {process:?}: {order:.2} ({coarse:e}, {fine:e})"
            );
            assert!(least > 1.0 || order < 1.3, "{kind} {process:?}: {order:.2}");
        }
        // A higher order is worth it: at the same cost the error is a fraction.
        let at = |kind| error(kind, process, 16);
        assert!(at(SamplerKind::DpmPp2M) < 0.3 * at(SamplerKind::FlowEuler));
        assert!(at(SamplerKind::UniPc) < 0.3 * at(SamplerKind::FlowEuler));
    }
}

#[test]
fn all_predictions_lead_to_one_picture() {
    for process in [Process::Flow, Process::VariancePreserving] {
        let schedule = even(process, 12);
        for kind in SamplerKind::ALL {
            let found = PREDICTIONS.map(|prediction| run(kind, prediction, &schedule, -0.4));
            for value in found {
                assert!(
                    (value - found[3]).abs() < 2e-5,
                    "{kind} {process:?}: {found:?}"
                );
            }
        }
    }
}

/// The stochastic solver has the right distribution at the end: that of the data at that level.
#[test]
fn ancestral_noise_keeps_the_distribution() {
    // Of first order: with few steps the data come out too narrow.
    const STEPS: usize = 200;
    for process in [Process::Flow, Process::VariancePreserving] {
        let s = |i: usize| (3.0 - 6.0 * i as f64 / STEPS as f64).exp();
        let schedule = match process {
            Process::Flow => {
                let sigmas: Vec<f64> = (0..=STEPS).map(|i| s(i) / (1.0 + s(i))).collect();
                Schedule::flow(&sigmas).unwrap()
            }
            Process::VariancePreserving => {
                let levels: Vec<(f64, f64)> = (0..=STEPS).map(|i| (s(i), 0.0)).collect();
                Schedule::variance_preserving(&levels).unwrap()
            }
        };
        let last = *schedule.points().last().unwrap();
        let mut solver = Solver::new(
            SamplerKind::EulerAncestral,
            PredictionKind::Sample,
            schedule,
        )
        .unwrap();
        assert!(solver.is_stochastic());
        let seed = crate::request::Seed(5);
        let mut state = vec![0.0_f32; 8_000];
        crate::noise::fill_normal(seed, crate::noise::INITIAL_STREAM, &mut state);
        let first = *solver.point().unwrap();
        for value in &mut state {
            let x = first.alpha * DATA.mean + DATA.deviation(&first) * f64::from(*value);
            *value = x as f32;
        }
        while let Some(point) = solver.point().copied() {
            let output: Vec<f32> = state
                .iter()
                .map(|x| DATA.picture(&point, f64::from(*x)) as f32)
                .collect();
            let mut noise = |step: usize, values: &mut [f32]| {
                crate::noise::fill_normal(seed, crate::noise::step_stream(step), values);
            };
            solver.step(&mut state, &output, &mut noise).unwrap();
        }
        let n = state.len() as f64;
        let mean = state.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = state
            .iter()
            .map(|v| (f64::from(*v) - mean).powi(2))
            .sum::<f64>()
            / n;
        let expected = (last.alpha * DATA.mean, DATA.deviation(&last));
        let found = (mean, variance.sqrt());
        let near = |a: f64, b: f64| (a - b).abs() < 0.02;
        assert!(
            near(found.0, expected.0) && near(found.1, expected.1),
            "{process:?}: {found:?} for {expected:?}"
        );
    }
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let schedule = Schedule::flow(&[1.0, 0.5, 0.0]).unwrap();
    let refused = Solver::new(
        SamplerKind::FlowEuler,
        PredictionKind::Epsilon,
        schedule.clone(),
    );
    assert!(matches!(refused, Err(DiffusionError::Description(_))));

    let mut solver = Solver::new(SamplerKind::UniPc, PredictionKind::V, schedule).unwrap();
    let mut none = |_: usize, _: &mut [f32]| {};
    assert!(solver.estimate().is_empty());
    let wrong = solver.step(&mut [0.0; 2], &[0.0; 3], &mut none);
    assert!(matches!(wrong, Err(DiffusionError::ModelShape { .. })));
    for _ in 0..2 {
        solver.step(&mut [0.1; 2], &[0.2; 2], &mut none).unwrap();
    }
    assert!(solver.point().is_none());
    let over = solver.step(&mut [0.0; 2], &[0.0; 2], &mut none);
    assert!(matches!(over, Err(DiffusionError::Description(_))));
}

/// Falling sigmas from 1 or less to 0.
fn sigmas() -> impl Strategy<Value = Vec<f64>> {
    (
        proptest::collection::btree_set(1..1000_u32, 1..12),
        any::<bool>(),
    )
        .prop_map(|(set, full)| {
            let mut sigmas: Vec<f64> = set
                .into_iter()
                .rev()
                .map(|v| f64::from(v) / 1000.0)
                .collect();
            if full {
                sigmas.insert(0, 1.0);
            }
            sigmas.push(0.0);
            sigmas
        })
}

proptest! {
    /// Where the network always names one picture, every solver ends at it, over any levels and
    /// from any state: the infinite lambdas of both ends leave no trace.
    #[test]
    fn a_certain_network_is_followed(
        sigmas in sigmas(),
        kind in proptest::sample::select(SamplerKind::ALL.to_vec()),
        start in -4.0_f32..4.0,
        picture in -2.0_f32..2.0,
    ) {
        let schedule = Schedule::flow(&sigmas).unwrap();
        let steps = schedule.steps();
        let mut solver = Solver::new(kind, PredictionKind::Sample, schedule).unwrap();
        let mut state = [start];
        for _ in 0..steps {
            let mut noise = |step: usize, values: &mut [f32]| values.fill(step as f32);
            solver.step(&mut state, &[picture], &mut noise).unwrap();
            prop_assert!(state[0].is_finite());
            prop_assert_eq!(solver.estimate(), &[picture]);
        }
        prop_assert!(solver.point().is_none());
        prop_assert!((state[0] - picture).abs() < 1e-5, "{} for {picture}", state[0]);
    }

    /// Values do not mix: a run over many is many runs over one.
    #[test]
    fn values_are_solved_apart(
        sigmas in sigmas(),
        kind in proptest::sample::select(SamplerKind::ALL.to_vec()),
        start in proptest::array::uniform3(-3.0_f32..3.0),
    ) {
        let schedule = Schedule::flow(&sigmas).unwrap();
        let together = |mut state: Vec<f32>| {
            let mut solver = Solver::new(kind, PredictionKind::Sample, schedule.clone()).unwrap();
            while let Some(point) = solver.point().copied() {
                let output: Vec<f32> =
                    state.iter().map(|x| DATA.picture(&point, f64::from(*x)) as f32).collect();
                let mut noise = |_: usize, values: &mut [f32]| values.fill(0.5);
                solver.step(&mut state, &output, &mut noise).unwrap();
            }
            state
        };
        let apart: Vec<f32> = start.iter().flat_map(|x| together(vec![*x])).collect();
        prop_assert_eq!(together(start.to_vec()), apart);
    }
}
