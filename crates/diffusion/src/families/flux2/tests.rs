//! Against diffusers and transformers; `tests/reference/families/flux2.py` made the numbers.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Device;

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
        guidance: Some(1.0),
        steps: 3,
        seed: 7,
        source: None,
    },
    Run {
        name: "wide",
        prompt: PROMPTS[1],
        negative: Some("blurry"),
        size: (64, 48),
        guidance: None,
        steps: 3,
        seed: 8,
        source: None,
    },
    Run {
        name: "strong",
        prompt: PROMPTS[0],
        negative: None,
        size: (48, 64),
        guidance: Some(7.5),
        steps: 3,
        seed: 9,
        source: None,
    },
];

/// The parts of a folder, each by itself.
struct Networks {
    tokenizer: Tokenizer,
    text: Qwen,
    transformer: Transformer,
    vae: KlVae,
    template: TextTemplate,
}

fn networks(parts: &Parts<'_>, streamed: bool) -> Networks {
    let (folder, compute) = (&parts.folder, &parts.compute);
    let weights = |part: &str| parts.weights(part, None).unwrap().weights;
    let config: TransformerConfig = folder.config("transformer").unwrap();
    let mut transformer = weights("transformer");
    layout::plain(&mut transformer, &layout::layers(&config)).unwrap();
    let text_config = folder.config("text_encoder").unwrap();
    let vae = weights("vae");
    Networks {
        tokenizer: Tokenizer::open(&folder.part("tokenizer")).unwrap(),
        text: Qwen::new(weights("text_encoder"), text_config, compute, streamed).unwrap(),
        transformer: Transformer::new(transformer, config, compute, streamed).unwrap(),
        vae: KlVae::new(&Part::exact(&vae, compute), &folder.config("vae").unwrap()).unwrap(),
        template: describe(parts).unwrap().family.text,
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let fixture = Fixture::open("flux2");
    fixture.check_scripts();
    let folder = fixture.folder();
    let options = OpenOptions::default();
    let parts = parts(folder.path(), &options);
    let networks = networks(&parts, false);
    let clamped = |picture: Tensor| picture.clamp(-1f32, 1f32).unwrap();
    let mut rows = vec![
        text_encoder(&fixture, &networks, &parts.compute),
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
    rows
}

fn text_encoder(fixture: &Fixture, networks: &Networks, compute: &Compute) -> Row {
    let (tokenizer, template) = (&networks.tokenizer, &networks.template);
    let kept = Tensor::new(fixture.integers("rows"), &Device::Cpu).unwrap();
    largest((0..PROMPTS.len()).map(|index| {
        let prompt = PROMPTS[index];
        let ids = tokenizer.ids(&template.fill(prompt)).unwrap();
        let expected = fixture.integers(&format!("tokens.{index}"));
        assert_eq!(ids, expected, "{prompt}");
        let states = read(prompt, template, tokenizer, &networks.text, compute).unwrap();
        assert_eq!(states.dims()[..2], [1, TOKENS]);
        let found = states.squeeze(0).unwrap().index_select(&kept, 0).unwrap();
        let expected = fixture.tensor(&format!("text.{index}"));
        row("text encoder", &found, &expected, 1e-4)
    }))
}

fn transformer(fixture: &Fixture, networks: &Networks) -> Row {
    largest(["odd", "plain"].map(|name| {
        let tensor = |part: &str| fixture.tensor(&format!("transformer.{name}.{part}"));
        let grid = fixture.integers(&format!("transformer.{name}.grid"));
        let time: Vec<f32> = tensor("time").to_vec1().unwrap();
        let found = networks.transformer.forward(
            &tensor("image"),
            (grid[0] as usize, grid[1] as usize),
            &tensor("text"),
            &time,
        );
        row("transformer", &found.unwrap(), &tensor("out"), 1e-4)
    }))
}

fn request() -> GenerateRequest {
    GenerateRequest {
        size: Some(Size::new(48, 32).unwrap()),
        steps: Some(2),
        ..GenerateRequest::new(PROMPTS[0], Seed(3))
    }
}

#[test]
fn distilled_models_take_no_guidance() {
    let fixture = Fixture::open("flux2");
    let folder = fixture.folder();
    let info = open(folder.path()).info().clone();
    assert_eq!((info.default_steps, info.default_guidance), (50, 4.0));
    let index = folder.path().join("model_index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    let distilled = text.replace("\"is_distilled\": false", "\"is_distilled\": true");
    std::fs::write(&index, distilled).unwrap();
    let pipeline = open(folder.path());
    let info = pipeline.info();
    assert_eq!((info.default_steps, info.default_guidance), (4, 1.0));
    let guided = GenerateRequest {
        guidance: Some(3.0),
        ..request()
    };
    assert!(pipeline.check(&guided).is_err());
    let run = Run {
        guidance: None,
        ..RUNS[0]
    };
    let row = run.row(&fixture, &pipeline);
    assert!(row.difference <= row.allowed, "{}", row.difference);
}

#[test]
fn layers_beyond_those_used_are_not_loaded() {
    for (name, used) in [
        ("model.layers.27.mlp.up_proj.weight", true),
        ("model.layers.28.mlp.up_proj.weight", false),
        ("blk.27.ffn_up.weight", true),
        ("blk.35.ffn_up.weight", false),
        ("model.embed_tokens.weight", true),
        ("output_norm.weight", true),
    ] {
        assert_eq!(is_used(name), used, "{name}");
    }
}

#[test]
fn streamed_blocks_and_original_names_give_the_same_picture() {
    let folder = Fixture::open("flux2").folder();
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

/// Writes the tensors of a file under the names of the original model, queries, keys and values in one, and the shift
/// of the last modulation before its scale.
fn rename_to_original(from: &Path, to: &Path) {
    let mut tensors = candle_core::safetensors::load(from, &Device::Cpu).unwrap();
    for block in 0..2 {
        for (three, one) in [
            (["to_q", "to_k", "to_v"], "img_attn"),
            (["add_q_proj", "add_k_proj", "add_v_proj"], "txt_attn"),
        ] {
            let three = three.map(|layer| {
                let name = format!("transformer_blocks.{block}.attn.{layer}.weight");
                tensors.remove(&name).unwrap()
            });
            let fused = Tensor::cat(&three, 0).unwrap();
            tensors.insert(format!("double_blocks.{block}.{one}.qkv.weight"), fused);
        }
    }
    let last = tensors.remove("norm_out.linear.weight").unwrap();
    let halves = last.chunk(2, 0).unwrap();
    let swapped = Tensor::cat(&[&halves[1], &halves[0]], 0).unwrap();
    tensors.insert("final_layer.adaLN_modulation.1.weight".to_owned(), swapped);
    let names = [
        ("single_transformer_blocks.", "single_blocks."),
        ("transformer_blocks.", "double_blocks."),
        ("attn.to_qkv_mlp_proj.", "linear1."),
        ("attn.to_out.0.", "img_attn.proj."),
        ("attn.to_out.", "linear2."),
        ("attn.to_add_out.", "txt_attn.proj."),
        ("attn.norm_added_q.weight", "txt_attn.norm.query_norm.scale"),
        ("attn.norm_added_k.weight", "txt_attn.norm.key_norm.scale"),
        ("ff_context.linear_in.", "txt_mlp.0."),
        ("ff_context.linear_out.", "txt_mlp.2."),
        ("ff.linear_in.", "img_mlp.0."),
        ("ff.linear_out.", "img_mlp.2."),
        ("modulation_img.linear.", "modulation_img.lin."),
        ("modulation_txt.linear.", "modulation_txt.lin."),
        ("stream_modulation.linear.", "stream_modulation.lin."),
        ("x_embedder.", "img_in."),
        ("context_embedder.", "txt_in."),
        ("proj_out.", "final_layer.linear."),
        (
            "time_guidance_embed.timestep_embedder.linear_1.",
            "time_in.in_layer.",
        ),
        (
            "time_guidance_embed.timestep_embedder.linear_2.",
            "time_in.out_layer.",
        ),
    ];
    let renamed = tensors.into_iter().map(|(name, tensor)| {
        let norm = if name.starts_with("single") {
            "norm"
        } else {
            "img_attn.norm"
        };
        let mut name = names
            .iter()
            .fold(name, |name, (from, to)| name.replace(from, to));
        for (from, to) in [("q", "query_norm"), ("k", "key_norm")] {
            name = name.replace(
                &format!("attn.norm_{from}.weight"),
                &format!("{norm}.{to}.scale"),
            );
        }
        (name, tensor)
    });
    let renamed: HashMap<String, Tensor> = renamed.collect();
    candle_core::safetensors::save(&renamed, to).unwrap();
}

#[test]
fn impossible_configurations_are_refused() {
    let folder = Fixture::open("flux2").folder();
    let place = folder.path().join("transformer/config.json");
    let config = std::fs::read_to_string(&place).unwrap();
    for (from, to) in [
        (
            r#""attention_head_dim": 128"#,
            r#""attention_head_dim": 127"#,
        ),
        (r#""num_attention_heads": 2"#, r#""num_attention_heads": 0"#),
        (
            r#""num_attention_heads": 2"#,
            r#""num_attention_heads": 99999999999"#,
        ),
        (r#""in_channels": 128"#, r#""in_channels": 64"#),
        (
            r#""joint_attention_dim": 96"#,
            r#""joint_attention_dim": 97"#,
        ),
        (r#""mlp_ratio": 3.0"#, r#""mlp_ratio": -3.0"#),
        (r#""patch_size": 1"#, r#""patch_size": 2"#),
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
    let folder = Fixture::open("flux2").folder();
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

/// Under the original's name of a layer that is three here.
#[test]
fn a_low_rank_change_is_one_of_the_weights() {
    let folder = Fixture::open("flux2").folder();
    let file = folder
        .path()
        .join("transformer/diffusion_pytorch_model.safetensors");
    let mut tensors = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
    let names =
        ["to_q", "to_k", "to_v"].map(|layer| format!("transformer_blocks.1.attn.{layer}.weight"));
    let (outputs, inputs) = tensors[&names[0]].dims2().unwrap();
    let factor = |name: &str, shape: &[usize]| {
        Tensor::from_vec(weight(name, shape), shape, &Device::Cpu).unwrap()
    };
    let (up, down) = (
        factor("up", &[3 * outputs, 2]),
        factor("down", &[2, inputs]),
    );
    let lora = folder.path().join("lora.safetensors");
    let layer = "diffusion_model.double_blocks.1.img_attn.qkv";
    let pair = [
        (format!("{layer}.lora_B.weight"), up.clone()),
        (format!("{layer}.lora_A.weight"), down.clone()),
    ];
    let pair: HashMap<String, Tensor> = pair.into_iter().collect();
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
    assert_eq!(adapted.info().adapters[0].layers, 3);
    let adapted = generate(&adapted, &request());
    assert_ne!(adapted, plain);
    let change = (up.matmul(&down).unwrap() * 0.5).unwrap();
    for (name, change) in names.into_iter().zip(change.chunk(3, 0).unwrap()) {
        let merged = (&tensors[&name] + change).unwrap();
        tensors.insert(name, merged);
    }
    candle_core::safetensors::save(&tensors, &file).unwrap();
    let merged = generate(&open(folder.path()), &request());
    let pairs = adapted.iter().zip(&merged);
    let most = pairs.map(|(a, b)| a.abs_diff(*b)).max();
    assert!(most <= Some(1), "{most:?}");
}
