//! Against diffusers and transformers; `tests/reference/families/qwen_image.py` made the numbers.

use candle_core::DType;

use super::*;
use crate::families::OpenOptions;
use crate::families::reference::{Fixture, Row, Run, largest, open, parts, row};
use crate::vae::AutoEncoder as _;

const PROMPTS: [&str; 3] = [
    "a red fox in the snow",
    "Ein Fuchs, zwei Äpfel — 狐狸!",
    "x",
];

pub(crate) const RUNS: [Run; 3] = [
    Run {
        name: "square",
        prompt: PROMPTS[0],
        negative: None,
        size: (48, 48),
        guidance: Some(1.0),
        steps: 3,
        seed: 7,
        source: None,
    },
    Run {
        name: "wide",
        prompt: PROMPTS[1],
        negative: Some("blurry"),
        size: (80, 48),
        guidance: Some(4.0),
        steps: 3,
        seed: 8,
        source: None,
    },
    Run {
        name: "strong",
        prompt: PROMPTS[0],
        negative: None,
        size: (48, 80),
        guidance: Some(7.5),
        steps: 3,
        seed: 9,
        source: None,
    },
];

const EDITS: [Run; 2] = [
    Run {
        name: "image",
        prompt: PROMPTS[0],
        negative: Some("blurry"),
        size: (48, 64),
        guidance: Some(3.0),
        steps: 4,
        seed: 11,
        source: Some((0.6, false)),
    },
    Run {
        name: "inpaint",
        prompt: PROMPTS[0],
        negative: Some("blurry"),
        size: (48, 64),
        guidance: Some(3.0),
        steps: 4,
        seed: 11,
        source: Some((0.8, true)),
    },
];

/// The parts of a folder, each by itself.
struct Networks {
    tokenizer: Tokenizer,
    text: Qwen,
    transformer: Transformer,
    vae: QwenVae,
}

fn networks(parts: &Parts<'_>, streamed: bool) -> Networks {
    let (folder, compute) = (&parts.folder, &parts.compute);
    let weights = |part: &str| parts.weights(part, None).unwrap().weights;
    let config = folder.config("transformer").unwrap();
    let vae = weights("vae");
    Networks {
        tokenizer: Tokenizer::open(&folder.part("tokenizer")).unwrap(),
        text: Qwen::new(
            weights("text_encoder"),
            text_config(folder.config("text_encoder").unwrap()).unwrap(),
            compute,
            streamed,
        )
        .unwrap(),
        transformer: Transformer::new(weights("transformer"), config, compute, streamed).unwrap(),
        vae: QwenVae::new(&Part::exact(&vae, compute), &folder.config("vae").unwrap()).unwrap(),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let fixture = Fixture::open("qwen_image");
    fixture.check_scripts();
    let folder = fixture.folder();
    let options = OpenOptions::default();
    let parts = parts(folder.path(), &options);
    let networks = networks(&parts, false);
    let mut rows = vec![
        text_encoder(&fixture, &networks),
        transformer(&fixture, &networks),
        row(
            "auto-encoder, decoding",
            &networks
                .vae
                .decode(&fixture.tensor("vae.latents"))
                .unwrap()
                .clamp(-1f32, 1f32)
                .unwrap(),
            &fixture.tensor("vae.decoded"),
            1e-4,
        ),
        row(
            "auto-encoder, encoding",
            &networks.vae.encode(&fixture.tensor("vae.picture")).unwrap(),
            &fixture.tensor("vae.encoded"),
            1e-4,
        ),
    ];
    let pipeline = open(folder.path());
    rows.push(largest(RUNS.iter().map(|run| run.row(&fixture, &pipeline))));
    rows.push(Row {
        part: "from a picture, with and without a mask",
        ..largest(EDITS.iter().map(|run| run.row(&fixture, &pipeline)))
    });
    rows
}

fn text_encoder(fixture: &Fixture, networks: &Networks) -> Row {
    largest((0..PROMPTS.len()).map(|index| {
        let ids = networks
            .tokenizer
            .ids(&TEMPLATE.replace("{}", PROMPTS[index]))
            .unwrap();
        assert_eq!(
            ids,
            fixture.integers(&format!("tokens.{index}")),
            "{}",
            PROMPTS[index]
        );
        let states = networks
            .text
            .forward(&networks.text.line(&ids).unwrap(), None, &[-1])
            .unwrap();
        let kept = states[0].narrow(1, PREFIX, ids.len() - PREFIX).unwrap();
        let expected = fixture.tensor(&format!("text.{index}"));
        row("text encoder", &kept.squeeze(0).unwrap(), &expected, 1e-4)
    }))
}

fn transformer(fixture: &Fixture, networks: &Networks) -> Row {
    largest(["odd", "plain", "two"].map(|name| {
        let tensor = |part: &str| fixture.tensor(&format!("transformer.{name}.{part}"));
        let grids = fixture.integers(&format!("transformer.{name}.grids"));
        let grids: Vec<Grid> = grids
            .chunks(2)
            .map(|pair| (pair[0] as usize, pair[1] as usize))
            .collect();
        let mask = fixture
            .has(&format!("transformer.{name}.mask"))
            .then(|| tensor("mask").to_dtype(DType::F32).unwrap());
        let time: Vec<f32> = tensor("time").to_vec1().unwrap();
        let found = networks.transformer.forward(
            &tensor("image"),
            &grids,
            &tensor("text"),
            mask.as_ref(),
            &time,
        );
        row("transformer", &found.unwrap(), &tensor("out"), 1e-4)
    }))
}
