use super::*;

fn point(sigma: f64, training_step: f64) -> Point {
    Point {
        alpha: 1.0 - sigma,
        sigma,
        training_step,
    }
}

#[test]
fn time_is_told_as_each_family_wants_it() {
    let at = point(0.25, 12.5);
    assert_eq!(TimeConvention::Sigma { scale: 1.0 }.of(&at), 0.25);
    assert_eq!(TimeConvention::Sigma { scale: 1000.0 }.of(&at), 250.0);
    assert_eq!(TimeConvention::OneMinusSigma { scale: 1.0 }.of(&at), 0.75);
    assert_eq!(TimeConvention::TrainingStep.of(&at), 12.5);
}

#[test]
fn the_prompt_takes_its_place_once() {
    let text = TextTemplate {
        template: "<s>{}</s>".to_owned(),
        dropped_tokens: 1,
        max_tokens: 8,
        hidden_layers: vec![-1],
        empty_negative: " ".to_owned(),
    };
    assert_eq!(text.fill("a {} in braces"), "<s>a {} in braces</s>");
}

#[test]
fn guidance_moves_away_from_the_unconditional() {
    let (c, u) = ([1.0, 2.0, 3.0, 0.0], [0.0, 2.0, 4.0, 1.0]);
    let join = |kind: GuidanceKind, scale, token| {
        let mut joined = c;
        kind.join(&mut joined, &u, scale, token);
        joined
    };
    assert_eq!(
        join(GuidanceKind::ClassifierFree, 3.0, 2),
        [3.0, 2.0, 1.0, -2.0]
    );
    assert_eq!(join(GuidanceKind::ClassifierFree, 1.0, 2), c);
    assert_eq!(join(GuidanceKind::ClassifierFree, 0.0, 2), u);

    let rescaled = join(GuidanceKind::ClassifierFreeRescaled, 3.0, 2);
    let lengths = |values: [f32; 4]| [norm(&values[..2]), norm(&values[2..])];
    for (found, expected) in lengths(rescaled).into_iter().zip(lengths(c)) {
        assert!((found - expected).abs() < 1e-6, "{rescaled:?}");
    }
    let ratio = rescaled[0] / rescaled[1];
    assert!(
        (ratio - 1.5).abs() < 1e-6,
        "the direction stays: {rescaled:?}"
    );
    // Nothing has no direction and stays nothing.
    let mut nothing = [0.0; 2];
    GuidanceKind::ClassifierFreeRescaled.join(&mut nothing, &[0.0; 2], 4.0, 2);
    assert_eq!(nothing, [0.0; 2]);
}

#[test]
fn only_two_kinds_of_guidance_take_a_negative_prompt() {
    assert!(GuidanceKind::ClassifierFree.takes_negative_prompt());
    assert!(GuidanceKind::ClassifierFreeRescaled.takes_negative_prompt());
    assert!(!GuidanceKind::None.takes_negative_prompt());
    assert!(!GuidanceKind::Embedded.takes_negative_prompt());
}

fn layout(patch: usize, scaling: LatentScaling) -> LatentLayout {
    LatentLayout {
        channels: 2,
        downscale: 8,
        patch,
        scaling,
    }
}

const UNSCALED: LatentScaling = LatentScaling::FactorShift {
    factor: 1.0,
    shift: 0.0,
};

#[test]
fn the_shape_of_latents_follows_the_picture() {
    let size = Size::new(1664, 928).unwrap();
    let packed = layout(2, UNSCALED);
    assert_eq!(packed.tokens(size), 104 * 58);
    assert_eq!(packed.shape(size), [104 * 58, 8]);
    let plain = layout(1, UNSCALED);
    assert_eq!(plain.shape(size), [2, 116, 208]);
}

/// `view(c, h/2, 2, w/2, 2)`, `permute(h, w, c, row, column)`, undone.
#[test]
fn tokens_are_unpacked_channel_slowest() {
    let size = Size::new(32, 16).unwrap();
    let (rows, columns) = (2, 4);
    let mut packed = Vec::new();
    for (row, column) in [(0, 0), (0, 2)] {
        for channel in 0..2 {
            for (r, c) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                packed.push(((channel * rows + row + r) * columns + column + c) as f32);
            }
        }
    }
    let unpacked = layout(2, UNSCALED).to_decoder(&packed, size).unwrap();
    let expected: Vec<f32> = (0..16).map(|i: u8| f32::from(i)).collect();
    assert_eq!(unpacked, expected);
    assert_eq!(
        layout(1, UNSCALED).to_decoder(&expected, size).unwrap(),
        expected
    );
}

#[test]
fn latents_are_scaled_for_the_decoder() {
    let size = Size::new(8, 8).unwrap();
    let both = LatentScaling::FactorShift {
        factor: 0.5,
        shift: 0.25,
    };
    assert_eq!(
        layout(1, both).to_decoder(&[1.0, -1.0], size).unwrap(),
        [2.25, -1.75]
    );
    let each = LatentScaling::PerChannel {
        mean: vec![1.0, 0.0],
        std: vec![2.0, 3.0],
    };
    assert_eq!(
        layout(1, each).to_decoder(&[1.0, -1.0], size).unwrap(),
        [3.0, -3.0]
    );
    let short = LatentScaling::PerChannel {
        mean: vec![1.0],
        std: vec![2.0],
    };
    let error = layout(1, short).to_decoder(&[1.0, -1.0], size).unwrap_err();
    assert!(matches!(error, DiffusionError::Description(_)), "{error}");
    let error = layout(1, UNSCALED).to_decoder(&[1.0], size).unwrap_err();
    assert!(
        matches!(error, DiffusionError::ModelShape { .. }),
        "{error}"
    );
}

#[test]
fn places_of_a_patch_are_scaled_each_by_itself() {
    let scaling = LatentScaling::PerPatchedChannel {
        mean: (0..8_u8).map(f32::from).collect(),
        std: vec![10.0; 8],
    };
    let size = Size::new(16, 16).unwrap();
    let latents = [1.0; 8];
    let expected: Vec<f32> = (10..18_u8).map(f32::from).collect();
    assert_eq!(
        layout(2, scaling.clone())
            .to_decoder(&latents, size)
            .unwrap(),
        expected
    );
    let error = layout(1, scaling).to_decoder(&latents, size).unwrap_err();
    assert!(matches!(error, DiffusionError::Description(_)), "{error}");
}
