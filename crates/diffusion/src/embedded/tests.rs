//! The model against the framework it was trained in, on the weights that ship.

use proptest::prelude::*;

use super::*;
use crate::noise;
use crate::progress::CancelToken;
use crate::request::{GenerateRequest, Seed};

/// Made by `training/export.py`.
const FIXTURE: &[u8] = include_bytes!("../../tests/reference/miniature.safetensors");
const PROMPTS: [&str; 3] = [
    "a red fox in the snow",
    "two green apples on a blue background",
    "a cartoon robot next to a small yellow umbrella at night",
];
const CLOSE: f32 = 1e-3;

fn model() -> Miniature {
    let weights = Weights::embedded("miniature.safetensors", WEIGHTS).unwrap();
    Miniature::new(&weights, SCENE, CARD).unwrap()
}

fn largest_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let differences = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

/// All of a tensor of the fixture.
fn theirs(fixture: &Weights, name: &str) -> (Vec<usize>, Vec<f32>) {
    let shape = fixture.tensors().find(|t| t.name == name).unwrap().shape;
    (shape.to_vec(), fixture.read(name, shape).unwrap())
}

/// Runs the default sampler on fixed layers, as `generate` does.
fn latents(model: &Miniature, layers: &[(u32, u32)]) -> Tensor {
    let condition = model.painter.condition(layers).unwrap();
    let nothing = model.painter.unconditional(layers.len()).unwrap();
    let shape = [layers.len(), GRID * GRID, LATENT];
    let mut values = vec![0.0; shape.iter().product()];
    noise::fill_normal(Seed(1), noise::INITIAL_STREAM, &mut values);
    let Miniature { info, family, .. } = model;
    let schedule = family.schedule.build(info.default_steps, 36).unwrap();
    let mut solver =
        crate::solver::Solver::new(info.default_sampler, family.prediction, schedule).unwrap();
    let mut fresh = |step: usize, values: &mut [f32]| {
        noise::fill_normal(Seed(1), noise::step_stream(step), values);
    };
    while let Some(point) = solver.point() {
        let time = family.time.of(point);
        let x = Tensor::from_vec(values.clone(), &shape, &model.device).unwrap();
        let clean = model.painter.forward(&x, time, &condition).unwrap();
        let other = model.painter.forward(&x, time, &nothing).unwrap();
        let guided = &other + (clean - &other).unwrap() * f64::from(info.default_guidance);
        let guided: Vec<f32> = guided.unwrap().flatten_all().unwrap().to_vec1().unwrap();
        solver.step(&mut values, &guided, &mut fresh).unwrap();
    }
    Tensor::from_vec(values, &shape, &model.device).unwrap()
}

#[test]
fn networks_equal_the_training_framework() {
    let model = model();
    let fixture = Weights::embedded("fixture", FIXTURE).unwrap();
    for (number, prompt) in PROMPTS.iter().enumerate() {
        let named = |name: &str| theirs(&fixture, &format!("{number}.{name}"));
        let answers = model.reader.answers(&words::split(prompt)).unwrap();
        for (name, ours) in [
            ("concept", &answers.concept),
            ("kind", &answers.kind),
            ("style", &answers.style),
        ] {
            let ours: Vec<f32> = ours.flatten_all().unwrap().to_vec1().unwrap();
            let difference = largest_difference(&ours, &named(name).1);
            assert!(difference < CLOSE, "{prompt}: {name} {difference}");
        }
        let layers = named("layers").1;
        let layers: Vec<(u32, u32)> = layers
            .chunks(2)
            .map(|l| (l[0] as u32, l[1] as u32))
            .collect();
        let latents = latents(&model, &layers);
        let ours: Vec<f32> = latents.flatten_all().unwrap().to_vec1().unwrap();
        let difference = largest_difference(&ours, &named("latents").1);
        assert!(difference < CLOSE, "{prompt}: latents {difference}");
        let mut pixels = Vec::new();
        for layer in 0..layers.len() {
            let decoded = model
                .decoder
                .forward(&latents.get(layer).unwrap())
                .unwrap()
                .0;
            let side = decoder::SIDE;
            for line in decoded
                .chunks(side)
                .collect::<Vec<_>>()
                .chunks(side)
                .flat_map(|plane| plane.iter().skip(3).step_by(8))
            {
                pixels.extend(line.iter().skip(5).step_by(8));
            }
        }
        let difference = largest_difference(&pixels, &named("pixels").1);
        assert!(difference < CLOSE, "{prompt}: pixels {difference}");
    }
}

#[test]
fn prompts_mean_what_they_say() {
    let model = model();
    let read = |prompt: &str| model.reader.read(prompt).unwrap();
    let concept = |name: &str| model.names.concepts.iter().position(|c| c == name).unwrap();
    let colour = |name: &str| 1 + model.names.colours.iter().position(|c| c == name).unwrap();
    let kind = |name: &str| {
        1 + model
            .names
            .kinds
            .iter()
            .position(|k| k.name == name)
            .unwrap()
    };

    let reading = read("two green apples on a blue background");
    assert_eq!(reading.mentions.len(), 1, "{reading:?}");
    let apples = reading.mentions[0];
    assert_eq!(
        (apples.concept, apples.count, apples.colour),
        (concept("red apple"), 2, colour("green"))
    );
    assert_eq!(
        (reading.kind, reading.kind_colour),
        (kind("plain"), colour("blue"))
    );

    let reading = read("a cartoon of a small yellow robot next to three big cats at night");
    let names: Vec<_> = reading
        .mentions
        .iter()
        .map(|m| (m.concept, m.count, m.colour, m.size))
        .collect();
    assert_eq!(
        names,
        [
            (concept("robot"), 1, colour("yellow"), 1),
            (concept("cat"), 3, 0, 2)
        ]
    );
    assert_eq!((reading.kind, reading.style), (kind("night"), 3));

    // A word that was never seen, by its trigrams; a synonym; an empty reading.
    assert_eq!(
        read("a strawberri").mentions[0].concept,
        concept("strawberry")
    );
    assert_eq!(read("the burger").mentions[0].concept, concept("hamburger"));
    assert_eq!(read("…"), Reading::default());
    assert_eq!(read("xqzzt").mentions.len(), 1, "the likeliest object");
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let pipeline = Pipeline::embedded().unwrap();
    let mut request = GenerateRequest::new("a panda and a blue balloon", Seed(5));
    request.steps = Some(3);
    request.size = Some(Size::new(256, 320).unwrap());
    let run = |request: &GenerateRequest| {
        pipeline
            .generate(request, &mut |_| (), &CancelToken::default())
            .unwrap()
    };
    let first = run(&request);
    assert_eq!(first, run(&request));
    assert_eq!((first[0].image.width, first[0].image.height), (256, 320));
    assert_ne!(
        first[0].image,
        run(&GenerateRequest {
            seed: Seed(6),
            ..request.clone()
        })[0]
            .image
    );
    // A picture does not depend on its batch.
    request.seed = Seed(4);
    request.count = 2;
    assert_eq!(first[0].image, run(&request)[1].image);
}

#[test]
fn wrong_weights_are_named() {
    let weights = |bytes: &'static [u8]| Weights::embedded("w", bytes);
    assert!(weights(&WEIGHTS[..WEIGHTS.len() - 1]).is_err());
    let scene = SCENE.replacen("\"crocodile\"", "\"crocodile\",\"one more\"", 1);
    let whole = weights(WEIGHTS).unwrap();
    assert!(Miniature::new(&whole, &scene, CARD).is_err());
    let fewer_words = SCENE.replacen("\"fox\",", "", 1);
    let error = Miniature::new(&whole, &fewer_words, CARD).err().unwrap();
    assert!(error.to_string().contains("reader.word.weight"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_scene_lies_in_the_picture(
        mentions in prop::collection::vec((0usize..300, 1usize..7, 0usize..12, 0usize..3, 0usize..8), 0..8),
        kind in 0usize..21, seed: u64,
    ) {
        let names = Names::parse(SCENE).unwrap();
        let mentions = mentions.into_iter().map(|(concept, count, colour, size, relation)| {
            reader::Mention { concept, count, colour, size, relation }
        });
        let reading = Reading { mentions: mentions.collect(), kind, ..Reading::default() };
        let scene = scene::compose(&names, &reading, &Reading::default(), Seed(seed));
        prop_assert!(scene.objects.len() <= MOST);
        prop_assert_eq!(scene.objects.is_empty(), reading.mentions.is_empty());
        for object in &scene.objects {
            prop_assert!((0.0..=1.0).contains(&object.x) && (0.0..=1.0).contains(&object.y), "{:?}", object);
            prop_assert!((0.1..1.0).contains(&object.side), "{:?}", object);
            prop_assert!((object.drawn.row as usize) < names.painter_rows());
        }
    }
}
