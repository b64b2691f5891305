//! Against diffusers and transformers; `tests/reference/families/z_image.py` made the numbers.

use candle_core::Tensor;

use super::*;
use crate::families::OpenOptions;
use crate::families::reference::model_folder::weight;
use crate::families::reference::{Fixture, Row, Run, generate, largest, open, parts, row};
use crate::lora::LoraFile;
use crate::request::{GenerateRequest, Seed};
use crate::vae::AutoEncoder;

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
        guidance: None,
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
        size: (32, 48),
        guidance: Some(3.0),
        steps: 4,
        seed: 11,
        source: Some((0.6, false)),
    },
    Run {
        name: "inpaint",
        prompt: PROMPTS[0],
        negative: Some("blurry"),
        size: (32, 48),
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
    vae: KlVae,
}

fn networks(parts: &Parts<'_>, streamed: bool) -> Networks {
    let (folder, compute) = (&parts.folder, &parts.compute);
    let weights = |part: &str| parts.weights(part, None).unwrap().weights;
    let config = folder.config("transformer").unwrap();
    let text_config = folder.config("text_encoder").unwrap();
    let vae = weights("vae");
    Networks {
        tokenizer: Tokenizer::open(&folder.part("tokenizer")).unwrap(),
        text: Qwen::new(weights("text_encoder"), text_config, compute, streamed).unwrap(),
        transformer: Transformer::new(weights("transformer"), config, compute, streamed).unwrap(),
        vae: KlVae::new(&Part::exact(&vae, compute), &folder.config("vae").unwrap()).unwrap(),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let fixture = Fixture::open("z_image");
    fixture.check_scripts();
    let folder = fixture.folder();
    let options = OpenOptions::default();
    let parts = parts(folder.path(), &options);
    let networks = networks(&parts, false);
    let clamped = |picture: Tensor| picture.clamp(-1f32, 1f32).unwrap();
    let mut rows = vec![
        text_encoder(&fixture, &networks),
        transformer(&fixture, &networks),
        row(
            "auto-encoder, decoding",
            &clamped(networks.vae.decode(&fixture.tensor("vae.latents")).unwrap()),
            &clamped(fixture.tensor("vae.decoded")),
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
        let expected = fixture.integers(&format!("tokens.{index}"));
        assert_eq!(ids, expected, "{}", PROMPTS[index]);
        let line = networks.text.line(&ids).unwrap();
        let states = networks.text.forward(&line, None, &[-2]).unwrap();
        let expected = fixture.tensor(&format!("text.{index}"));
        row(
            "text encoder",
            &states[0].squeeze(0).unwrap(),
            &expected,
            1e-4,
        )
    }))
}

fn transformer(fixture: &Fixture, networks: &Networks) -> Row {
    largest(["odd", "full", "two"].map(|name| {
        let tensor = |part: &str| fixture.tensor(&format!("transformer.{name}.{part}"));
        let time: Vec<f32> = tensor("time").to_vec1().unwrap();
        // One after the other here; the reference took them together.
        let pictures: Vec<Tensor> = (0..time.len())
            .map(|index| {
                let states = tensor(&format!("text.{index}")).unsqueeze(0).unwrap();
                let words = networks.transformer.words(&states).unwrap();
                let image = tensor("image").narrow(0, index, 1).unwrap();
                networks
                    .transformer
                    .forward(&image, &words, time[index])
                    .unwrap()
            })
            .collect();
        let found = Tensor::cat(&pictures, 0).unwrap();
        row("transformer", &found, &tensor("out"), 1e-4)
    }))
}

fn request() -> GenerateRequest {
    GenerateRequest {
        size: Some(Size::new(48, 32).unwrap()),
        steps: Some(2),
        guidance: Some(3.0),
        ..GenerateRequest::new(PROMPTS[0], Seed(3))
    }
}

#[test]
fn turbo_and_base_are_told_apart_by_their_shift() {
    let folder = Fixture::open("z_image").folder();
    let info = open(folder.path()).info().clone();
    assert_eq!((info.default_steps, info.default_guidance), (9, 1.0));
    let place = folder.path().join("scheduler/scheduler_config.json");
    let config = std::fs::read_to_string(&place).unwrap();
    std::fs::write(&place, config.replace("\"shift\": 3.0", "\"shift\": 6.0")).unwrap();
    let info = open(folder.path()).info().clone();
    assert_eq!((info.default_steps, info.default_guidance), (50, 5.0));
}

#[test]
fn streamed_blocks_and_original_names_give_the_same_picture() {
    let folder = Fixture::open("z_image").folder();
    let expected = generate(&open(folder.path()), &request());
    let options = OpenOptions {
        streamed: Some(true),
        ..OpenOptions::default()
    };
    let streamed = Pipeline::open(folder.path(), &options).unwrap();
    assert_eq!(generate(&streamed, &request()), expected);

    let place = folder.path().join("transformer");
    let file = place.join("diffusion_pytorch_model.safetensors");
    let original = folder.path().join("original.safetensors");
    rename_to_original(&file, &original);
    let options = OpenOptions {
        transformer: Some(original),
        ..OpenOptions::default()
    };
    let renamed = Pipeline::open(folder.path(), &options).unwrap();
    assert_eq!(generate(&renamed, &request()), expected);
}

/// Writes the tensors of a file under the names of the original model, queries, keys and values in one.
fn rename_to_original(from: &std::path::Path, to: &std::path::Path) {
    let mut tensors = candle_core::safetensors::load(from, &candle_core::Device::Cpu).unwrap();
    let blocks: Vec<String> = tensors
        .keys()
        .filter_map(|name| name.strip_suffix("to_q.weight").map(str::to_owned))
        .collect();
    for block in blocks {
        let three =
            ["q", "k", "v"].map(|n| tensors.remove(&format!("{block}to_{n}.weight")).unwrap());
        tensors.insert(
            format!("{block}qkv.weight"),
            Tensor::cat(&three, 0).unwrap(),
        );
    }
    let renamed = tensors.into_iter().map(|(name, tensor)| {
        let name = name
            .replace("all_x_embedder.2-1.", "x_embedder.")
            .replace("all_final_layer.2-1.", "final_layer.")
            .replace("attention.to_out.0.", "attention.out.")
            .replace("attention.norm_q.", "attention.q_norm.")
            .replace("attention.norm_k.", "attention.k_norm.");
        (format!("model.diffusion_model.{name}"), tensor)
    });
    let renamed: std::collections::HashMap<String, Tensor> = renamed.collect();
    candle_core::safetensors::save(&renamed, to).unwrap();
}

#[test]
fn impossible_configurations_are_refused() {
    let folder = Fixture::open("z_image").folder();
    let place = folder.path().join("transformer/config.json");
    let config = std::fs::read_to_string(&place).unwrap();
    for (from, to) in [
        (r#""dim": 384"#, r#""dim": 385"#),
        (r#""dim": 384"#, r#""dim": 99999999999"#),
        (r#""n_heads": 3"#, r#""n_heads": 0"#),
        (r#""in_channels": 16"#, r#""in_channels": 8"#),
        (r#""cap_feat_dim": 64"#, r#""cap_feat_dim": 65"#),
    ] {
        assert!(config.contains(from), "{from}");
        std::fs::write(&place, config.replace(from, to)).unwrap();
        let error = Pipeline::inspect(folder.path(), &OpenOptions::default(), None).unwrap_err();
        assert!(
            matches!(error, DiffusionError::Description(_)),
            "{to}: {error}"
        );
    }
}

/// What is lost is a little of the picture, not its kind.
#[test]
fn half_precision_makes_about_the_same_picture() {
    let folder = Fixture::open("z_image").folder();
    let expected = generate(&open(folder.path()), &request());
    let options = OpenOptions {
        precision: Some(Precision::Bf16),
        ..OpenOptions::default()
    };
    let half = Pipeline::open(folder.path(), &options).unwrap();
    let found = generate(&half, &request());
    let differences = found.iter().zip(&expected);
    let sum: u64 = differences.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum as f64 / expected.len() as f64;
    assert!(mean > 0.0 && mean < 12.0, "{mean} of 255");
}

#[test]
fn a_low_rank_change_is_one_of_the_weight() {
    let folder = Fixture::open("z_image").folder();
    let layer = "layers.1.attention.to_q";
    let file = folder
        .path()
        .join("transformer/diffusion_pytorch_model.safetensors");
    let mut tensors = candle_core::safetensors::load(&file, &candle_core::Device::Cpu).unwrap();
    let name = format!("{layer}.weight");
    let (outputs, inputs) = tensors[&name].dims2().unwrap();
    let factor = |name: &str, shape: &[usize]| {
        let values = weight(name, shape);
        Tensor::from_vec(values, shape, &candle_core::Device::Cpu).unwrap()
    };
    let (up, down) = (factor("up", &[outputs, 2]), factor("down", &[2, inputs]));
    let lora = folder.path().join("lora.safetensors");
    let pair = [
        (format!("transformer.{layer}.lora_B.weight"), up.clone()),
        (format!("transformer.{layer}.lora_A.weight"), down.clone()),
    ];
    let pair: std::collections::HashMap<String, Tensor> = pair.into_iter().collect();
    candle_core::safetensors::save(&pair, &lora).unwrap();
    let plain = generate(&open(folder.path()), &request());
    let options = OpenOptions {
        loras: vec![LoraFile {
            path: lora,
            scale: 0.5,
        }],
        ..OpenOptions::default()
    };
    let adapted = Pipeline::open(folder.path(), &options).unwrap();
    let adapted = generate(&adapted, &request());
    assert_ne!(adapted, plain);
    let change = (up.matmul(&down).unwrap() * 0.5).unwrap();
    let merged = (&tensors[&name] + change).unwrap();
    tensors.insert(name, merged);
    candle_core::safetensors::save(&tensors, &file).unwrap();
    let merged = generate(&open(folder.path()), &request());
    let most = adapted
        .iter()
        .zip(&merged)
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(most <= Some(1), "{most:?}");
}
