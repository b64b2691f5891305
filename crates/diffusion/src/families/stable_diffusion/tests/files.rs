//! What is read from files beside numbers: defaults, other names, damaged configurations, low-rank changes.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

#[test]
fn defaults_are_those_of_the_released_models() {
    let inspect = |folder: &Path| Pipeline::inspect(folder, &OpenOptions::default(), None).unwrap();
    let first = Fixture::open("stable_diffusion_1").folder();
    let found = inspect(first.path());
    assert_eq!(found.info.default_sampler, SamplerKind::DpmPp2M);
    assert_eq!(found.info.default_guidance, 7.5);
    assert_eq!(found.info.sizes[0], Size::new(32, 32).unwrap());
    assert!(found.info.sizes.contains(&Size::new(48, 32).unwrap()));
    assert_eq!(found.family.name, "stable-diffusion");
    let second = inspect(Fixture::open("stable_diffusion_2").folder().path());
    assert_eq!(second.info.default_sampler, SamplerKind::Ddim);
    assert_eq!(second.family.prediction, crate::family::PredictionKind::V);
    let fixture = Fixture::open("stable_diffusion_xl");
    let third = inspect(fixture.folder().path());
    assert_eq!(third.info.default_sampler, SamplerKind::FlowEuler);
    assert_eq!(third.info.default_guidance, 5.0);
    assert_eq!(third.family.name, "stable-diffusion-xl");
    let turbo = inspect(turbo_folder(&fixture).path());
    assert_eq!(turbo.info.default_sampler, SamplerKind::EulerAncestral);
    assert_eq!(
        (turbo.info.default_steps, turbo.info.default_guidance),
        (1, 1.0)
    );
    assert!(turbo.streamed.weights < turbo.resident.weights);
}

#[test]
fn layers_read_again_in_each_evaluation_give_the_same() {
    let fixture = Fixture::open("stable_diffusion_xl");
    let folder = fixture.folder();
    let options = OpenOptions::default();
    let parts = parts(folder.path(), &options);
    let row = network(&fixture, &unet(&parts, true));
    assert!(row.difference <= 1e-4, "{:e}", row.difference);
}

#[test]
fn of_several_files_of_a_part_the_usual_one_is_read() {
    let folder = Fixture::open("stable_diffusion_1").folder();
    let expected = generate(&open(folder.path()), &request(&FIRST[0]));
    let unet = folder.path().join("unet");
    let file = unet.join("diffusion_pytorch_model.safetensors");
    let other = unet.join("diffusion_pytorch_model.non_ema.safetensors");
    std::fs::write(other, b"not read").unwrap();
    assert_eq!(
        generate(&open(folder.path()), &request(&FIRST[0])),
        expected
    );
    let half = unet.join("diffusion_pytorch_model.fp16.safetensors");
    std::fs::rename(file, half).unwrap();
    assert_eq!(
        generate(&open(folder.path()), &request(&FIRST[0])),
        expected
    );
}

/// Writes the network's file with its original names, beside tensors of other networks.
fn original(folder: &Path, part: &Path) {
    let config: UnetConfig =
        serde_json::from_slice(&std::fs::read(folder.join("unet/config.json")).unwrap()).unwrap();
    let names = Names::new(&config.units());
    let file = folder.join("unet/diffusion_pytorch_model.safetensors");
    let tensors = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
    let mut renamed: HashMap<String, Tensor> = tensors
        .into_iter()
        .map(|(name, tensor)| {
            let original = names.original(&name).unwrap_or_else(|| panic!("{name}"));
            (format!("model.diffusion_model.{original}"), tensor)
        })
        .collect();
    let other = Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap();
    renamed.insert("first_stage_model.decoder.conv_in.bias".to_owned(), other);
    candle_core::safetensors::save(&renamed, part).unwrap();
}

#[test]
fn a_file_with_the_original_names_is_the_same_network() {
    for name in [
        "stable_diffusion_1",
        "stable_diffusion_2",
        "stable_diffusion_xl",
    ] {
        let folder = Fixture::open(name).folder();
        let single = folder.path().join("single.safetensors");
        original(folder.path(), &single);
        let options = OpenOptions {
            transformer: Some(single),
            ..OpenOptions::default()
        };
        let run = request(&SECOND[0]);
        let expected = generate(&open(folder.path()), &run);
        let found = generate(&Pipeline::open(folder.path(), &options).unwrap(), &run);
        assert_eq!(found, expected, "{name}");
    }
}

/// Names as the first checkpoints have them, not as this program thinks they are.
#[test]
fn original_names_are_those_of_the_published_files() {
    let config: UnetConfig = serde_json::from_value(json!({
        "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "layers_per_block": 2, "attention_head_dim": [5, 10, 20], "transformer_layers_per_block": [1, 2, 10],
        "cross_attention_dim": 2048,
    }))
    .unwrap();
    let names = Names::new(&config.units());
    for (original, plain) in [
        ("input_blocks.0.0.weight", "conv_in.weight"),
        (
            "input_blocks.3.0.op.bias",
            "down_blocks.0.downsamplers.0.conv.bias",
        ),
        (
            "input_blocks.4.0.skip_connection.weight",
            "down_blocks.1.resnets.0.conv_shortcut.weight",
        ),
        (
            "input_blocks.8.1.transformer_blocks.9.attn2.to_k.weight",
            "down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_k.weight",
        ),
        (
            "middle_block.2.in_layers.0.bias",
            "mid_block.resnets.1.norm1.bias",
        ),
        (
            "middle_block.1.proj_out.weight",
            "mid_block.attentions.0.proj_out.weight",
        ),
        (
            "output_blocks.2.2.conv.weight",
            "up_blocks.0.upsamplers.0.conv.weight",
        ),
        (
            "output_blocks.5.1.norm.weight",
            "up_blocks.1.attentions.2.norm.weight",
        ),
        (
            "output_blocks.8.0.emb_layers.1.weight",
            "up_blocks.2.resnets.2.time_emb_proj.weight",
        ),
        ("label_emb.0.2.bias", "add_embedding.linear_2.bias"),
        ("out.2.weight", "conv_out.weight"),
    ] {
        assert_eq!(names.plain(original).as_deref(), Some(plain));
        assert_eq!(names.original(plain).as_deref(), Some(original));
        let prefixed = format!("model.diffusion_model.{original}");
        assert_eq!(names.plain(&prefixed).as_deref(), Some(plain));
    }
    // The last of an entry without attention.
    let config: UnetConfig = serde_json::from_value(json!({
        "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types":
            ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        "layers_per_block": 2, "attention_head_dim": 8, "cross_attention_dim": 768,
    }))
    .unwrap();
    let names = Names::new(&config.units());
    let plain = names.plain("output_blocks.2.1.conv.weight");
    assert_eq!(
        plain.as_deref(),
        Some("up_blocks.0.upsamplers.0.conv.weight")
    );
    assert_eq!(names.plain("cond_stage_model.transformer.x"), None);
    let residuals = |unit: &&config::Unit| matches!(unit.kind, Kind::Residual(_));
    assert_eq!(config.units().iter().filter(residuals).count(), 8 + 2 + 12);
    assert!(config.units()[..].iter().all(|unit| unit.input > 0));
}

#[test]
fn configurations_that_are_impossible_are_refused() {
    let change: [(&str, Value, &str); 12] = [
        ("attention_head_dim", json!(0), "0 heads"),
        ("attention_head_dim", json!([2, 3, 2]), "3 heads"),
        ("attention_head_dim", json!([2]), "0 heads"),
        ("block_out_channels", json!([]), "stages"),
        ("layers_per_block", json!(1_000_000), "1000000 layers"),
        (
            "transformer_layers_per_block",
            json!([1, 0, 1]),
            "0 of attention",
        ),
        ("norm_num_groups", json!(0), "groups"),
        ("down_block_types", json!(["A", "B", "C"]), "\"A\""),
        ("class_embed_type", json!("timestep"), "class_embed_type"),
        (
            "addition_embed_type",
            json!("text_time"),
            "numbers beside the time",
        ),
        ("in_channels", json!(9), "filling in"),
        ("cross_attention_dim", json!(31), "31"),
    ];
    for (name, value, reason) in change {
        let folder = Fixture::open("stable_diffusion_1").folder();
        edit(&folder.path().join("unet/config.json"), |config| {
            config[name] = value;
        });
        let error = Pipeline::open(folder.path(), &OpenOptions::default()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

/// The folders of version 2 contradict themselves so.
#[test]
fn older_folders_tell_the_filling_token_in_a_file_of_its_own() {
    let folder = Fixture::open("stable_diffusion_2").folder();
    let tokenizer = folder.path().join("tokenizer");
    edit(&tokenizer.join("tokenizer_config.json"), |config| {
        config["pad_token"] = json!("<|endoftext|>");
        config["added_tokens_decoder"] = json!({});
    });
    let ids = || {
        let tokenizer = Tokenizer::open(&tokenizer).unwrap();
        tokenizer.padded("x", 5, true).unwrap().ids
    };
    let (before, end) = (ids(), ids()[2]);
    assert_eq!(before[3..], [end, end]);
    let map =
        json!({ "pad_token": "!", "eos_token": { "content": "<|endoftext|>", "lstrip": false } });
    std::fs::write(tokenizer.join("special_tokens_map.json"), map.to_string()).unwrap();
    let after = ids();
    assert_eq!(after[..3], before[..3]);
    assert_eq!(after[3..], [33, 33]);
}

#[test]
fn schedulers_that_are_not_followed_are_refused() {
    for (name, value) in [
        ("rescale_betas_zero_snr", json!(true)),
        ("prediction_type", json!("flow_prediction")),
        ("final_sigmas_type", json!("sigma_min")),
        ("trained_betas", json!([0.1, 0.2])),
        ("use_exponential_sigmas", json!(true)),
    ] {
        let folder = Fixture::open("stable_diffusion_1").folder();
        edit(
            &folder.path().join("scheduler/scheduler_config.json"),
            |config| {
                config[name] = value;
            },
        );
        let error = Pipeline::open(folder.path(), &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Noise of about a third, a stream for each.
fn drawn(stream: u64, shape: &[usize]) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    crate::noise::fill_normal(Seed(3), stream, &mut values);
    for value in &mut values {
        *value *= 0.3;
    }
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Writes a file of changes of rank 2 and adds them to the folder's own weights, too: `(weights file, tensor, name of
/// the layer in the file, whether there is an alpha)`.
fn change(folder: &Path, file: &Path, layers: &[(&str, &str, &str, bool)]) {
    let mut changes = HashMap::new();
    for (stream, (weights, tensor, layer, alpha)) in (0..).zip(layers) {
        let path = folder.join(weights);
        let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        let old = tensors[*tensor].clone();
        let mut shape = old.dims().to_vec();
        let up = drawn(2 * stream, &[shape[0], 2]);
        shape[0] = 2;
        let down = drawn(2 * stream + 1, &shape);
        let factor = if *alpha { 3.0 / 2.0 } else { 1.0 };
        let change = up.matmul(&down.flatten_from(1).unwrap()).unwrap();
        let change = (change.reshape(old.dims()).unwrap() * (0.5 * factor)).unwrap();
        tensors.insert((*tensor).to_owned(), (old + change).unwrap());
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let up = match shape.len() {
            4 => up.reshape((up.dims()[0], 2, 1, 1)).unwrap(),
            _ => up,
        };
        changes.insert(format!("{layer}.lora_up.weight"), up);
        changes.insert(format!("{layer}.lora_down.weight"), down);
        if *alpha {
            let alpha = Tensor::new(3.0_f32, &Device::Cpu).unwrap();
            changes.insert(format!("{layer}.alpha"), alpha);
        }
    }
    candle_core::safetensors::save(&changes, file).unwrap();
}

#[test]
fn low_rank_changes_are_found_by_all_names_of_their_layers() {
    const NETWORK: &str = "unet/diffusion_pytorch_model.safetensors";
    let fixture = Fixture::open("stable_diffusion_xl");
    let (plain, changed) = (fixture.folder(), fixture.folder());
    let file = plain.path().join("changes.safetensors");
    // Of the two, one is saved with the longer names.
    let mlp = "text_model.encoder.layers.0.mlp.fc1.weight";
    let q = "encoder.layers.0.self_attn.q_proj.weight";
    let layers = [
        (
            NETWORK,
            "down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q.weight",
            "lora_unet_input_blocks_3_1_transformer_blocks_1_attn1_to_q",
            true,
        ),
        (
            NETWORK,
            "up_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj.weight",
            "lora_unet_up_blocks_0_attentions_0_transformer_blocks_0_ff_net_0_proj",
            true,
        ),
        (
            NETWORK,
            "down_blocks.0.resnets.0.conv1.weight",
            "lora_unet_down_blocks_0_resnets_0_conv1",
            false,
        ),
        (
            NETWORK,
            "mid_block.resnets.1.conv2.weight",
            "diffusion_model.middle_block.2.out_layers.3",
            false,
        ),
        (
            "text_encoder/model.safetensors",
            q,
            "text_encoder.text_model.encoder.layers.0.self_attn.q_proj",
            false,
        ),
        (
            "text_encoder_2/model.safetensors",
            mlp,
            "lora_te2_text_model_encoder_layers_0_mlp_fc1",
            true,
        ),
    ];
    change(changed.path(), &file, &layers);
    let run = request(&THIRD[1]);
    let options = OpenOptions {
        loras: vec![crate::lora::LoraFile {
            path: file,
            scale: 0.5,
        }],
        ..OpenOptions::default()
    };
    let pipeline = Pipeline::open(plain.path(), &options).unwrap();
    assert_eq!(pipeline.info().adapters[0].layers, layers.len());
    let found = generate(&pipeline, &run);
    let expected = generate(&open(changed.path()), &run);
    assert_ne!(expected, generate(&open(plain.path()), &run));
    let most = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
    assert!(most.max().unwrap() <= 1);
}
