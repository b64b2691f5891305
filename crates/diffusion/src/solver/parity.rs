//! Against the schedulers of diffusers 0.42.1; `tests/reference/schedulers.py` made the numbers.

use super::*;
use crate::schedule::Schedule;
use crate::schedule::reference;

const VALUES: usize = 4;

/// The script's `hashed`.
fn hashed(stream: u32) -> [f32; VALUES] {
    let mut values = [0.0; VALUES];
    for (i, value) in (0..).zip(&mut values) {
        let mut word = stream.wrapping_mul(0x9E37_79B9).wrapping_add(i);
        word = (word ^ (word >> 16)).wrapping_mul(0x85EB_CA6B);
        word = (word ^ (word >> 13)).wrapping_mul(0xC2B2_AE35);
        word ^= word >> 16;
        *value = (f64::from(word >> 8) / f64::from(1 << 23) - 1.0) as f32;
    }
    values
}

/// The script's toy network.
fn output(kind: PredictionKind, at: &Point, state: &[f32]) -> Vec<f32> {
    let bend = hashed(1);
    let value = |(x, bend): (&f32, &f32)| {
        let (x, bend) = (f64::from(*x), f64::from(*bend));
        let picture = 0.6 * x * at.alpha + 0.3 * bend * (x * x + at.sigma + 0.5).sqrt();
        let noise = (x - at.alpha * picture) / at.sigma;
        let value = match kind {
            PredictionKind::Epsilon => noise,
            PredictionKind::V => at.alpha * noise - at.sigma * picture,
            PredictionKind::FlowVelocity => noise - picture,
            PredictionKind::Sample => picture,
        };
        value as f32
    };
    state.iter().zip(&bend).map(value).collect()
}

/// Largest difference of any state of a run.
fn difference(name: &str, kind: SamplerKind, prediction: PredictionKind) -> f64 {
    let sigmas = reference("sigmas", name);
    let schedule = if prediction == PredictionKind::FlowVelocity {
        Schedule::flow(&sigmas).unwrap()
    } else {
        let levels: Vec<(f64, f64)> = sigmas.iter().map(|s| (*s, 0.0)).collect();
        Schedule::variance_preserving(&levels).unwrap()
    };
    let expected = reference("run", name);
    assert_eq!(expected.len(), VALUES * schedule.steps(), "{name}");
    let mut solver = Solver::new(kind, prediction, schedule).unwrap();
    let mut state = hashed(0);
    let mut worst = 0.0_f64;
    for expected in expected.chunks(VALUES) {
        let output = output(prediction, solver.point().unwrap(), &state);
        let mut noise =
            |step: usize, values: &mut [f32]| values.copy_from_slice(&hashed(100 + step as u32));
        solver.step(&mut state, &output, &mut noise).unwrap();
        for (found, expected) in state.iter().zip(expected) {
            worst = worst.max((f64::from(*found) - expected).abs());
        }
    }
    worst
}

#[test]
fn solvers_equal_those_of_diffusers() {
    let mut cases = vec![(
        "flow-euler".to_owned(),
        SamplerKind::FlowEuler,
        PredictionKind::FlowVelocity,
    )];
    let multistep = [
        ("dpmpp-2m", SamplerKind::DpmPp2M),
        ("unipc", SamplerKind::UniPc),
    ];
    for (name, prediction) in [
        ("epsilon", PredictionKind::Epsilon),
        ("v_prediction", PredictionKind::V),
        ("sample", PredictionKind::Sample),
    ] {
        cases.push((format!("ddim-{name}"), SamplerKind::Ddim, prediction));
        for (short, kind) in multistep {
            for steps in [1, 2, 9, 20] {
                cases.push((format!("{short}-{name}-{steps}"), kind, prediction));
            }
        }
        if prediction != PredictionKind::Sample {
            cases.push((
                format!("euler-a-{name}"),
                SamplerKind::EulerAncestral,
                prediction,
            ));
            cases.push((format!("euler-{name}"), SamplerKind::FlowEuler, prediction));
        }
    }
    for (short, kind) in multistep {
        for steps in [3, 10] {
            let name = format!("{short}-flow-{steps}");
            cases.push((name, kind, PredictionKind::FlowVelocity));
        }
    }
    for (name, kind, prediction) in cases {
        let worst = difference(&name, kind, prediction);
        assert!(worst < 2e-5, "{name}: {worst:e}");
    }
}
