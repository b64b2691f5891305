//! Against diffusers and transformers; `tests/reference/families/flux.py` made the numbers.

use std::collections::HashMap;
use std::path::Path;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{Device, IndexOp};

use candle_core::DType;

use super::*;
use crate::families::OpenOptions;
use crate::families::reference::model_folder::{hashed, weight};
use crate::families::reference::{Fixture, Row, Run, largest, open, parts, row};
use crate::lora::LoraFile;
use crate::vae::AutoEncoder as _;

const PROMPTS: [&str; 2] = ["a red fox in the snow", "Ein Fuchs, zwei Äpfel — 狐狸!"];

fn long_prompt() -> String {
    "the fox  and the hare ".repeat(36)
}

const fn run(name: &'static str, prompt: usize, size: (u32, u32), guidance: f32) -> Run {
    Run {
        name,
        prompt: PROMPTS[prompt % 2],
        negative: None,
        size,
        guidance: Some(guidance),
        steps: 3,
        seed: 7 + prompt as u64,
        source: None,
    }
}

pub(crate) const SCHNELL: [Run; 2] = [
    run("square", 0, (48, 48), 0.0),
    run("wide", 1, (80, 48), 1.0),
];
pub(crate) const DEV: [Run; 3] = [
    run("square", 0, (48, 48), 3.5),
    run("tall", 1, (32, 80), 1.0),
    run("strong", 2, (48, 32), 7.5),
];

/// The scripts' `inputs`.
fn inputs(name: &str, shape: &[usize]) -> Tensor {
    let mut values = hashed(&format!("input {name}"), shape.iter().product());
    for value in &mut values {
        *value *= 1.7;
    }
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn weights(parts: &Parts<'_>, part: &str) -> Weights {
    parts.weights(part, None).unwrap().weights
}

fn texts(parts: &Parts<'_>, guided: bool) -> Texts {
    let (folder, compute) = (&parts.folder, &parts.compute);
    let tokenizer = |name: &str| Tokenizer::open(&folder.part(name)).unwrap();
    let clip = folder.config("text_encoder").unwrap();
    Texts {
        clip_tokenizer: tokenizer("tokenizer"),
        clip: Clip::new(weights(parts, "text_encoder"), clip, compute).unwrap(),
        clip_tokens: 77,
        t5_tokenizer: tokenizer("tokenizer_2"),
        t5: t5(parts, weights(parts, "text_encoder_2")),
        t5_tokens: TOKENS[usize::from(guided)],
    }
}

fn t5(parts: &Parts<'_>, weights: Weights) -> T5 {
    let config = parts.folder.config("text_encoder_2").unwrap();
    T5::new(weights, config, &parts.compute, false).unwrap()
}

/// Of weights with any names.
fn network(parts: &Parts<'_>, mut weights: Weights, streamed: bool) -> Transformer {
    let config: TransformerConfig = parts.folder.config("transformer").unwrap();
    names::unify(&mut weights, &names::layers(&config)).unwrap();
    Transformer::new(weights, config, &parts.compute, streamed).unwrap()
}

pub(crate) fn rows(name: &'static str) -> Vec<Row> {
    let guided = name == "flux_dev";
    let fixture = Fixture::open(name);
    fixture.check_scripts();
    let folder = fixture.folder();
    let options = OpenOptions::default();
    let parts = parts(folder.path(), &options);
    let [t5, clip] = text_encoders(&fixture, &texts(&parts, guided));
    let vae = KlVae::new(
        &Part::exact(&weights(&parts, "vae"), &parts.compute),
        &parts.folder.config("vae").unwrap(),
    )
    .unwrap();
    let decoded = vae.decode(&inputs("latents", &[1, 16, 6, 5])).unwrap();
    let picture = inputs("picture", &[1, 3, 48, 40]);
    let encoded = vae.encode(&picture.clamp(-1f32, 1f32).unwrap()).unwrap();
    let transformer = network(&parts, weights(&parts, "transformer"), false);
    let cases = [("odd", (5, 7), 2, 9), ("plain", (4, 6), 1, 1)];
    let pipeline = open(folder.path());
    let runs = if guided { &DEV[..] } else { &SCHNELL[..] };
    vec![
        t5,
        clip,
        largest(cases.map(|case| {
            let expected = fixture.tensor(&format!("transformer.{}", case.0));
            row(
                "transformer",
                &velocity(&transformer, case),
                &expected,
                1e-4,
            )
        })),
        row(
            "auto-encoder, decoding",
            &decoded,
            &fixture.tensor("vae.decoded"),
            1e-4,
        ),
        row(
            "auto-encoder, encoding",
            &encoded,
            &fixture.tensor("vae.encoded"),
            1e-4,
        ),
        largest(runs.iter().map(|run| run.row(&fixture, &pipeline))),
    ]
}

/// T5, with padding as text and with padding hidden, and CLIP.
fn text_encoders(fixture: &Fixture, texts: &Texts) -> [Row; 2] {
    let long = long_prompt();
    let prompts = [PROMPTS[0], PROMPTS[1], long.as_str()];
    let (mut of_t5, mut of_clip) = (Vec::new(), Vec::new());
    for (index, prompt) in prompts.into_iter().enumerate() {
        let (clip_ids, t5_ids) = texts.ids(prompt).unwrap();
        for (name, ids) in [("clip", clip_ids), ("t5", t5_ids)] {
            let expected = fixture.integers(&format!("tokens.{name}.{index}"));
            assert_eq!(ids, expected, "{name}: {prompt}");
        }
        let (states, pooled) = texts.read(prompt).unwrap();
        let count = states.dim(1).unwrap();
        let ends = [
            states.i((0, ..24)).unwrap(),
            states.i((0, count - 8..)).unwrap(),
        ];
        let ends = Tensor::cat(&ends, 0).unwrap();
        let expected = |name: &str| fixture.tensor(&format!("{name}.{index}"));
        of_t5.push(row("T5", &ends, &expected("text"), 1e-4));
        let pooled = pooled.squeeze(0).unwrap();
        of_clip.push(row("CLIP", &pooled, &expected("pooled"), 1e-4));
    }
    let hidden = masked(fixture, &texts.t5);
    of_t5.push(row("T5", &hidden, &fixture.tensor("masked.out"), 1e-4));
    [largest(of_t5), largest(of_clip)]
}

/// T5 with padding hidden.
fn masked(fixture: &Fixture, t5: &T5) -> Tensor {
    let ids = fixture.integers("masked.ids");
    let ids: Vec<Vec<u32>> = ids.chunks(ids.len() / 2).map(<[u32]>::to_vec).collect();
    t5.forward(&ids, Some(&fixture.tensor("masked.mask")))
        .unwrap()
}

/// What rounding to few bits is held against: single values may be off by more.
fn mean_difference(found: &Tensor, expected: &Tensor) -> f32 {
    let difference = (found - expected).unwrap().abs().unwrap();
    difference.mean_all().unwrap().to_scalar().unwrap()
}

type Case = (&'static str, Grid, usize, usize);

fn velocity(transformer: &Transformer, (name, grid, batch, words): Case) -> Tensor {
    let input = |part: &str, shape: &[usize]| inputs(&format!("{name} {part}"), shape);
    let told = Told {
        text: &input("text", &[batch, words, 32]),
        pooled: &input("pooled", &[batch, 32]),
        time: &[0.83534, 0.2][..batch],
        guidance: &[3.5, 1.25][..batch],
    };
    let image = input("image", &[batch, grid.0 * grid.1, 64]);
    transformer.forward(&image, grid, &told).unwrap()
}

/// Tensors in a GGUF file, matrices in blocks where `quantised`.
fn write_gguf(path: &Path, tensors: &[(String, Tensor)], quantised: bool) {
    let stored: Vec<(&str, QTensor)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let blocks = quantised && tensor.rank() == 2 && tensor.dim(1).unwrap() % 32 == 0;
            let kind = if blocks {
                GgmlDType::Q8_0
            } else {
                GgmlDType::F32
            };
            (name.as_str(), QTensor::quantize(tensor, kind).unwrap())
        })
        .collect();
    let stored: Vec<(&str, &QTensor)> = stored.iter().map(|(name, t)| (*name, t)).collect();
    let mut file = std::fs::File::create(path).unwrap();
    gguf_file::write(&mut file, &[], &stored).unwrap();
}

/// All tensors of a file by name, each with `prefix` before it.
fn tensors(path: &Path, prefix: &str) -> Vec<(String, Tensor)> {
    let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    tensors
        .into_iter()
        .map(|(name, tensor)| (format!("{prefix}{name}"), tensor))
        .collect()
}

#[test]
fn files_with_the_original_names_are_read() {
    let fixture = Fixture::open("flux_dev");
    let folder = fixture.folder();
    let options = OpenOptions::default();
    let parts = parts(folder.path(), &options);
    let original = folder.path().join("original.safetensors");
    let expected = fixture.tensor("transformer.original");
    let read = |path: &Path, streamed: bool| {
        let network = network(&parts, Weights::open(path).unwrap(), streamed);
        velocity(&network, ("original", (3, 4), 1, 5))
    };
    let check = |path: &Path, streamed: bool| {
        let row = row("transformer", &read(path, streamed), &expected, 1e-4);
        assert!(
            row.difference <= row.allowed,
            "{}: {}",
            path.display(),
            row.difference
        );
    };
    check(&original, false);
    check(&original, true);

    // With ComfyUI's prefix and other networks in the file.
    let mut all: HashMap<String, Tensor> = tensors(&original, "model.diffusion_model.")
        .into_iter()
        .collect();
    all.insert("vae.decoder.conv_in.bias".to_owned(), inputs("x", &[4]));
    let whole = folder.path().join("whole.safetensors");
    candle_core::safetensors::save(&all, &whole).unwrap();
    check(&whole, false);

    let plain = folder.path().join("plain.gguf");
    write_gguf(&plain, &tensors(&original, ""), false);
    check(&plain, false);
    let blocks = folder.path().join("blocks.gguf");
    write_gguf(&blocks, &tensors(&original, ""), true);
    let mean = mean_difference(&read(&blocks, false), &expected);
    assert!(mean < 0.03, "{mean}");
}

#[test]
fn blocks_that_are_read_again_and_half_precision_make_the_same_picture() {
    let fixture = Fixture::open("flux_dev");
    let folder = fixture.folder();
    let row = |streamed: bool, precision: Precision| {
        let options = OpenOptions {
            streamed: Some(streamed),
            precision: Some(precision),
            ..OpenOptions::default()
        };
        let pipeline = Pipeline::open(folder.path(), &options).unwrap();
        DEV[0].row(&fixture, &pipeline).difference
    };
    let streamed = row(true, Precision::F32);
    assert!(streamed <= 1e-3, "{streamed}");
    let half = row(false, Precision::Bf16);
    assert!(half <= 0.2, "{half}");
}

#[test]
fn the_factor_of_a_layer_goes_to_all_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::open("flux_dev").folder();
    let original = fixture.path().join("original.safetensors");
    let mut all: HashMap<String, Tensor> = tensors(&original, "").into_iter().collect();
    let layer = "double_blocks.0.img_attn.qkv";
    let name = format!("{layer}.weight");
    let values = all[&name].to_dtype(DType::F8E4M3).unwrap();
    all.insert(name, values.clone());
    let factor = Tensor::new(0.5_f32, &Device::Cpu).unwrap();
    all.insert(format!("{layer}.scale_weight"), factor);
    let path = folder.path().join("scaled.safetensors");
    candle_core::safetensors::save(&all, &path).unwrap();
    let options = OpenOptions::default();
    let parts = parts(fixture.path(), &options);
    let config: TransformerConfig = parts.folder.config("transformer").unwrap();
    let mut weights = Weights::open(&path).unwrap();
    names::unify(&mut weights, &names::layers(&config)).unwrap();
    let width = config.width();
    let name = "transformer_blocks.0.attn.to_v.weight";
    let found = weights.read(name, &[width, width]).unwrap();
    let expected = values.to_dtype(DType::F32).unwrap().i(2 * width..).unwrap();
    let expected = (expected * 0.5).unwrap().flatten_all().unwrap();
    assert_eq!(found, expected.to_vec1::<f32>().unwrap());
}

#[test]
fn t5_of_llama_cpp_is_read() {
    let fixture = Fixture::open("flux_schnell");
    let folder = fixture.folder();
    let options = OpenOptions::default();
    let parts = parts(folder.path(), &options);
    let path = folder.path().join("text_encoder_2/model.safetensors");
    let renamed: Vec<(String, Tensor)> = tensors(&path, "")
        .into_iter()
        .map(|(name, tensor)| (llama_name(&name), tensor))
        .collect();
    let read = |name: &str, quantised: bool| {
        let path = folder.path().join(name);
        write_gguf(&path, &renamed, quantised);
        masked(&fixture, &t5(&parts, Weights::open(&path).unwrap()))
    };
    let expected = fixture.tensor("masked.out");
    let plain = row("T5", &read("plain.gguf", false), &expected, 1e-4);
    assert!(plain.difference <= plain.allowed, "{}", plain.difference);
    let mean = mean_difference(&read("blocks.gguf", true), &expected);
    assert!(mean < 0.03, "{mean}");
}

/// What llama.cpp's converter calls a tensor.
fn llama_name(name: &str) -> String {
    let name = name
        .replace("encoder.block.", "enc.blk.")
        .replace("encoder.final_layer_norm", "enc.output_norm")
        .replace("shared", "token_embd");
    [
        (
            "layer.0.SelfAttention.relative_attention_bias",
            "attn_rel_b",
        ),
        ("layer.0.SelfAttention.", "attn_"),
        ("layer.0.layer_norm", "attn_norm"),
        ("layer.1.layer_norm", "ffn_norm"),
        ("layer.1.DenseReluDense.wi_0", "ffn_gate"),
        ("layer.1.DenseReluDense.wi_1", "ffn_up"),
        ("layer.1.DenseReluDense.wo", "ffn_down"),
    ]
    .iter()
    .fold(name, |name, (from, to)| name.replace(from, to))
}

#[test]
fn changes_of_the_original_layers_reach_their_parts() {
    let folder = Fixture::open("flux_dev").folder();
    let lora = folder.path().join("kohya.safetensors");
    let (width, rank) = (128, 4);
    let layer = "lora_unet_single_blocks_1_linear1";
    let factor = |name: &str, shape: [usize; 2]| {
        Tensor::from_vec(weight(name, &shape), &shape, &Device::Cpu).unwrap()
    };
    let (down, up) = (
        factor("down", [rank, width]),
        factor("up", [7 * width, rank]),
    );
    let changes: HashMap<String, Tensor> = [
        (format!("{layer}.lora_down.weight"), down.clone()),
        (format!("{layer}.lora_up.weight"), up.clone()),
        (
            format!("{layer}.alpha"),
            Tensor::new(2.0_f32, &Device::Cpu).unwrap(),
        ),
    ]
    .into();
    candle_core::safetensors::save(&changes, &lora).unwrap();
    let plain = OpenOptions::default();
    let options = OpenOptions {
        loras: vec![LoraFile {
            path: lora,
            scale: 0.5,
        }],
        ..OpenOptions::default()
    };
    let config: TransformerConfig = parts(folder.path(), &plain)
        .folder
        .config("transformer")
        .unwrap();
    let layers = names::layers(&config);
    let read = |options: &OpenOptions, name: &str, rows: usize| {
        let parts = parts(folder.path(), options);
        let mut weights = weights(&parts, "transformer");
        names::unify(&mut weights, &layers).unwrap();
        parts.adapt_as(&mut weights, &layers).unwrap();
        let name = format!("single_transformer_blocks.1.{name}.weight");
        let values = weights.read(&name, &[rows, width]).unwrap();
        Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    };
    for (name, start, rows) in [
        ("attn.to_q", 0, width),
        ("attn.to_v", 2 * width, width),
        ("proj_mlp", 3 * width, 4 * width),
    ] {
        let change = (read(&options, name, rows) - read(&plain, name, rows)).unwrap();
        let own = up.i(start..start + rows).unwrap();
        let expected = (own.matmul(&down).unwrap() * 0.25).unwrap();
        assert!(
            row("low rank", &change, &expected, 0.0).difference < 1e-6,
            "{name}"
        );
    }
    let info = Pipeline::inspect(folder.path(), &options, None)
        .unwrap()
        .info;
    assert_eq!(info.adapters[0].layers, 4);
}

#[test]
fn folders_that_contradict_themselves_are_refused() {
    let folder = Fixture::open("flux_dev").folder();
    let edit = |part: &str, from: &str, to: &str| {
        let path = folder.path().join(part).join("config.json");
        let before = std::fs::read_to_string(&path).unwrap();
        assert!(before.contains(from), "{before}");
        std::fs::write(&path, before.replace(from, to)).unwrap();
        let error = Pipeline::open(folder.path(), &OpenOptions::default());
        std::fs::write(&path, before).unwrap();
        error.unwrap_err().to_string()
    };
    for (part, from, to, says) in [
        (
            "transformer",
            "\"num_attention_heads\": 4",
            "\"num_attention_heads\": 0",
            "heads",
        ),
        (
            "transformer",
            "\"num_layers\": 1",
            "\"num_layers\": 100000000",
            "thousand",
        ),
        (
            "transformer",
            "\"in_channels\": 64",
            "\"in_channels\": 384",
            "channels",
        ),
        (
            "transformer",
            "\"guidance_embeds\": true",
            "\"guidance_embeds\": false",
            "dev",
        ),
        (
            "transformer",
            "\"patch_size\": 1",
            "\"patch_size\": 2",
            "variant",
        ),
        ("transformer", "    8,", "    9,", "axes_dims_rope"),
        ("text_encoder_2", "gated-gelu", "relu", "gated-gelu"),
        ("text_encoder_2", "\"d_model\": 32", "\"d_model\": 48", "T5"),
        (
            "text_encoder_2",
            "\"relative_attention_num_buckets\": 32",
            "\"relative_attention_num_buckets\": 2",
            "buckets",
        ),
    ] {
        let error = edit(part, from, to);
        assert!(error.contains(says), "{to}: {error}");
    }
}
