use proptest::prelude::*;

use super::*;

/// Numbers that diffusers 0.42.1 gave; see `tests/reference/schedulers.py`.
pub(crate) fn reference(what: &str, name: &str) -> Vec<f64> {
    let text = include_str!("../../tests/reference/schedulers.txt");
    let prefix = format!("{what} {name} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
    let numbers = line
        .unwrap_or_else(|| panic!("no {what} {name}"))
        .split(' ');
    numbers.map(|number| number.parse().unwrap()).collect()
}

fn close(found: &[f64], expected: &[f64], tolerance: f64, name: &str) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let scale = expected.abs().max(1.0);
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "{name}: {found} for {expected}"
        );
    }
}

const QWEN: SigmaSchedule = SigmaSchedule::Flow {
    end: None,
    shift: Shift::Dynamic {
        base_shift: 0.5,
        max_shift: 0.9,
        base_tokens: 256.0,
        max_tokens: 8192.0,
    },
    terminal: Some(0.02),
};

fn stable_diffusion(spacing: Spacing) -> SigmaSchedule {
    SigmaSchedule::ScaledLinear {
        beta_start: 0.00085,
        beta_end: 0.012,
        training_steps: 1000,
        spacing,
        ddim_ends_trained: false,
    }
}

fn sigmas(schedule: &Schedule) -> Vec<f64> {
    schedule.points().iter().map(|point| point.sigma).collect()
}

/// `s = sigma / alpha` and the training steps.
fn levels(schedule: &Schedule) -> (Vec<f64>, Vec<f64>) {
    let points = schedule.points();
    let s = points
        .iter()
        .map(|point| point.sigma / point.alpha)
        .collect();
    let steps = points[..schedule.steps()].iter().map(|p| p.training_step);
    (s, steps.collect())
}

#[test]
fn dynamic_shift_has_the_published_values() {
    let SigmaSchedule::Flow { shift, .. } = QWEN else {
        unreachable!()
    };
    for (tokens, mu) in [(6889, 0.834325), (4096, 0.693548), (6032, 0.791129)] {
        assert!(
            (shift.mu(tokens, 50) - mu).abs() < 1e-6,
            "{tokens}: {}",
            shift.mu(tokens, 50)
        );
    }
    let sigmas = sigmas(&QWEN.build(50, 6889).unwrap());
    assert_eq!(sigmas.len(), 51);
    close(&sigmas[..3], &[1.0, 0.990988, 0.981768], 1e-6, "first");
    close(&sigmas[48..], &[0.063783, 0.02, 0.0], 1e-6, "last");
}

/// Numbers that `compute_empirical_mu` of diffusers 0.42.1 gave for tokens and steps.
#[test]
fn empirical_shift_is_the_published_functions() {
    let rows = [
        (9, 1, 1.9673743218197284),
        (9, 4, 1.944622800737019),
        (256, 10, 1.9207028538144),
        (1024, 4, 2.0306897079499455),
        (1024, 50, 1.7019562073086316),
        (4096, 1, 2.3086469856581564),
        (4096, 4, 2.291179894115571),
        (4096, 50, 2.0233511571292637),
        (4096, 200, 1.1499965800000003),
        (4300, 4, 2.3084780705406316),
        (4301, 4, 1.18469693),
        (4301, 200, 1.18469693),
        (9216, 1, 2.01665898),
    ];
    for (tokens, steps, mu) in rows {
        let found = Shift::FLUX2.mu(tokens, steps);
        assert!(
            (found - mu).abs() < 1e-12,
            "{tokens}, {steps}: {found} for {mu}"
        );
    }
    let schedule = SigmaSchedule::Flow {
        end: None,
        shift: Shift::FLUX2,
        terminal: None,
    };
    let factor = 2.291179894115571_f64.exp();
    let expected: Vec<f64> = [1.0, 0.75, 0.5, 0.25]
        .iter()
        .map(|s| factor / (factor + 1.0 / s - 1.0))
        .chain([0.0])
        .collect();
    close(
        &sigmas(&schedule.build(4, 4096).unwrap()),
        &expected,
        1e-12,
        "four steps",
    );
}

#[test]
fn flow_schedules_equal_those_of_diffusers() {
    for (name, steps, tokens) in [
        ("qwen-1328-50", 50, 6889),
        ("qwen-1024-20", 20, 4096),
        ("qwen-1664x928-8", 8, 6032),
    ] {
        let schedule = QWEN.build(steps, tokens).unwrap();
        close(&sigmas(&schedule), &reference("sigmas", name), 1e-6, name);
    }
    let sd3 = SigmaSchedule::Flow {
        end: Some(reference("sigmas", "sd3-min")[0]),
        shift: Shift::Static(3.0),
        terminal: None,
    };
    let schedule = sd3.build(28, 0).unwrap();
    close(
        &sigmas(&schedule),
        &reference("sigmas", "sd3-28"),
        1e-6,
        "sd3",
    );
    assert_eq!(schedule.process(), Process::Flow);
}

#[test]
fn schedules_of_stable_diffusion_equal_those_of_diffusers() {
    for (short, spacing) in [
        ("leading", Spacing::Leading { offset: 1 }),
        ("trailing", Spacing::Trailing),
        ("linspace", Spacing::Linspace),
    ] {
        for count in [7, 16, 20] {
            let name = format!("sd-{short}-{count}");
            let schedule = stable_diffusion(spacing).build(count, 0).unwrap();
            let (s, steps) = levels(&schedule);
            close(&s, &reference("sigmas", &name), 2e-5, &name);
            close(&steps, &reference("steps", &name), 1e-6, &name);
        }
    }
    let schedule = stable_diffusion(Spacing::Karras).build(12, 0).unwrap();
    let (s, steps) = levels(&schedule);
    close(&s, &reference("sigmas", "sd-karras-12"), 2e-5, "karras");
    // That scheduler rounds its time steps, this crate does not.
    let rounded: Vec<f64> = steps.iter().map(|step| step.round()).collect();
    close(&rounded, &reference("steps", "sd-karras-12"), 0.0, "karras");
}

#[test]
fn one_step_goes_all_the_way() {
    let schedule = QWEN.build(1, 4096).unwrap();
    assert_eq!(sigmas(&schedule), [1.0, 0.0]);
    assert_eq!(schedule.steps(), 1);
    let last = schedule.points()[1];
    assert_eq!((last.alpha, last.lambda()), (1.0, f64::INFINITY));
}

#[test]
fn impossible_schedules_are_refused() {
    let stable = stable_diffusion(Spacing::Trailing);
    for (schedule, steps) in [
        (&QWEN, 0),
        (&QWEN, MAX_STEPS + 1),
        (&stable, 0),
        (&stable, 1001),
    ] {
        let error = schedule.build(steps, 4096).unwrap_err();
        assert!(
            matches!(error, DiffusionError::OutOfRange { .. }),
            "{error}"
        );
    }
    let wrong = |beta_start, beta_end, training_steps| SigmaSchedule::ScaledLinear {
        beta_start,
        beta_end,
        training_steps,
        spacing: Spacing::Karras,
        ddim_ends_trained: false,
    };
    for schedule in [
        wrong(0.02, 0.01, 1000),
        wrong(-1.0, 0.01, 1000),
        wrong(0.001, 1.5, 1000),
        wrong(f64::NAN, 0.01, 1000),
        wrong(0.001, 0.01, u32::MAX),
        SigmaSchedule::Flow {
            end: Some(2.0),
            shift: Shift::Static(1.0),
            terminal: None,
        },
        SigmaSchedule::Flow {
            end: None,
            shift: Shift::Static(f64::NAN),
            terminal: None,
        },
    ] {
        let error = schedule.build(8, 0).unwrap_err();
        assert!(matches!(error, DiffusionError::Description(_)), "{error}");
    }
    for bad in [
        &[0.5][..],
        &[],
        &[0.5, 0.5, 0.0],
        &[0.5, 0.7],
        &[1.5, 0.0],
        &[f64::NAN, 0.0],
    ] {
        assert!(Schedule::flow(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn schedules_are_written_and_read() {
    let empirical = SigmaSchedule::Flow {
        end: None,
        shift: Shift::FLUX2,
        terminal: None,
    };
    let diffusion = stable_diffusion(Spacing::Leading { offset: 1 });
    for schedule in [QWEN, empirical, diffusion] {
        let json = serde_json::to_string(&schedule).unwrap();
        assert_eq!(
            serde_json::from_str::<SigmaSchedule>(&json).unwrap(),
            schedule
        );
    }
}

proptest! {
    /// Any number of steps gives strictly falling levels from all noise to none.
    #[test]
    fn levels_fall_for_any_number_of_steps(
        steps in 1..=400_u32,
        tokens in 64..20_000_usize,
        shift in 0.5..12.0_f64,
    ) {
        let plain = SigmaSchedule::Flow { end: None, shift: Shift::Static(shift), terminal: None };
        let empirical = SigmaSchedule::Flow { end: None, shift: Shift::FLUX2, terminal: None };
        for schedule in [QWEN, plain, empirical] {
            let built = schedule.build(steps, tokens).unwrap();
            prop_assert_eq!(built.steps(), steps as usize);
            prop_assert_eq!(built.points()[0].sigma, 1.0);
            prop_assert_eq!(built.points()[steps as usize].sigma, 0.0);
        }
        let spacings = [Spacing::Leading { offset: 1 }, Spacing::Trailing, Spacing::Linspace, Spacing::Karras];
        for spacing in spacings {
            let built = stable_diffusion(spacing).build(steps, 0).unwrap();
            prop_assert_eq!(built.steps(), steps as usize);
            for point in built.points() {
                let unit = point.alpha * point.alpha + point.sigma * point.sigma;
                prop_assert!((unit - 1.0).abs() < 1e-12);
                prop_assert!((0.0..=999.0).contains(&point.training_step));
            }
        }
    }
}

/// diffusers' scheduler with `base_shift = max_shift = ln 3` and no terminal, 4 steps, as the Lightning changes of
/// Qwen-Image come with it.
#[test]
fn a_static_shift_of_three_is_lightnings_schedule() {
    let own = SigmaSchedule::Flow {
        end: None,
        shift: Shift::Dynamic {
            base_shift: 0.5,
            max_shift: 0.9,
            base_tokens: 256.0,
            max_tokens: 8192.0,
        },
        terminal: Some(0.02),
    };
    let schedule = own.with_shift(3.0).unwrap().build(4, 6889).unwrap();
    let sigmas: Vec<f64> = schedule.points().iter().map(|point| point.sigma).collect();
    for (found, expected) in sigmas.iter().zip([1.0, 0.9, 0.75, 0.5, 0.0]) {
        assert!((found - expected).abs() < 1e-12, "{sigmas:?}");
    }
    let later = schedule.from_step(2).unwrap();
    assert_eq!(later.steps(), 2);
    assert!(later.from_step(2).is_err());
}
