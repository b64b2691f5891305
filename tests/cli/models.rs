//! Models of one's own: a tiny one in the layout of diffusers, what stands in for its parts, what is recorded of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use colophon_imaging::{Channels, Limits, Picture, Samples, decode};
use serde_json::{Value, json};

use crate::model_folder;
use crate::support::{Bench, png, scene};

pub const PROMPT: &str = "a red fox in the snow";
pub const QUICK: [&str; 6] = ["--steps", "2", "--seed", "7", "--size", "512x512"];

/// A bench with a model in the folder `tiny`.
pub fn bench() -> (Bench, Value) {
    let bench = Bench::new();
    let text = model_folder::text(&fixtures(), "qwen_image");
    model_folder::write(&text, &bench.path("tiny"), 0.3);
    let card = "---\nlicense: apache-2.0\n---\n# A tiny model\n";
    fs::write(bench.path("tiny/README.md"), card).unwrap();
    (bench, text)
}

fn fixtures() -> std::path::PathBuf {
    model_folder::fixtures(env!("CARGO_MANIFEST_DIR"))
}

/// Low-rank changes of one layer, in the names that ComfyUI's trainers write.
fn lora(path: &Path, layer: &str, rows: usize, columns: usize) {
    let mut tensors = BTreeMap::new();
    let mut put = |end: &str, shape: Vec<usize>| {
        let name = format!("diffusion_model.{layer}.{end}");
        let values = model_folder::weight(&name, &shape);
        tensors.insert(name, (shape, values));
    };
    put("lora_down.weight", vec![4, columns]);
    put("lora_up.weight", vec![rows, 4]);
    tensors.insert(
        format!("diffusion_model.{layer}.alpha"),
        (vec![], vec![8.0]),
    );
    fs::write(path, model_folder::safetensors(&tensors)).unwrap();
}

/// Makes a picture and returns what ledger and manifest tell of its generation.
fn made(bench: &Bench, name: &str, options: &[&str]) -> Value {
    let arguments = [
        &["generate", PROMPT, "--model", "tiny", "-o", name],
        &QUICK[..],
        options,
    ]
    .concat();
    bench.run(&arguments).code(0).says("by tiny");
    let report = bench
        .run(&["verify", "--json", name])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(report["verdict"]["rule"], "issued-and-unchanged");
    let of_ledger = report["evidence"]["ledger"]["generation"].clone();
    let of_manifest = &report["evidence"]["manifest"]["generation"];
    for fact in [
        "weights", "license", "built_in", "seeds", "steps", "sampler",
    ] {
        assert_eq!(of_manifest[fact], of_ledger[fact], "{fact}");
    }
    of_ledger
}

fn files(generation: &Value) -> Vec<&str> {
    let files = generation["weights"].as_array().unwrap().iter();
    files.map(|file| file["file"].as_str().unwrap()).collect()
}

#[test]
fn a_model_folder_makes_pictures_whose_record_names_what_ran() {
    let (bench, text) = bench();
    let plain = made(&bench, "plain.png", &[]);
    assert_eq!(
        (&plain["license"], &plain["built_in"]),
        (&json!("Apache-2.0"), &json!(false))
    );
    assert_eq!(plain["guidance"], 4.0);
    assert_eq!(
        files(&plain),
        [
            "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
            "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
            "text_encoder/model.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
        ]
    );
    fs::write(
        bench.path("tiny.gguf"),
        model_folder::gguf(&text, "transformer", "qwen_image"),
    )
    .unwrap();
    let quantised = made(&bench, "gguf.png", &["--transformer", "tiny.gguf"]);
    assert_eq!(files(&quantised)[0], "transformer/tiny.gguf");
    assert_eq!(files(&quantised)[1..], files(&plain)[2..]);

    lora(
        &bench.path("style.safetensors"),
        "transformer_blocks.0.attn.to_q",
        256,
        256,
    );
    let changed = made(
        &bench,
        "lora.png",
        &["--lora", "style.safetensors:0.5", "--memory", "streamed"],
    );
    assert_eq!(files(&changed)[4], "lora/style.safetensors x 0.5");

    fs::write(
        bench.path("tiny/README.md"),
        "---\nlicense: other\nlicense_name: no-sale-1.0\n---\n",
    )
    .unwrap();
    bench
        .run(
            &[
                &["generate", PROMPT, "--model", "tiny", "-o", "named.png"],
                &QUICK[..],
            ]
            .concat(),
        )
        .code(0)
        .says("the licence of this model is no-sale-1.0");

    let pixels = |name: &str| fs::read(bench.path(name)).unwrap();
    assert_ne!(pixels("plain.png"), pixels("lora.png"));
    let info = bench
        .run(&[
            "models",
            "info",
            "tiny",
            "--json",
            "--lora",
            "style.safetensors:0.5",
        ])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(info["family"], "qwen-image");
    assert_eq!(info["adapters"][0]["layers"], 1);
    assert!(
        info["memory"]["streamed"]["peak"].as_u64() < info["memory"]["resident"]["peak"].as_u64()
    );
    bench
        .run(&["models", "info", "tiny", "--size", "1328x1328"])
        .code(0)
        .says("licence no-sale-1.0")
        .says("at the peak");
}

#[test]
fn what_cannot_be_opened_is_told_and_leaves_nothing() {
    let (bench, _) = bench();
    let refused = |options: &[&str], says: &str| {
        let arguments = [&["generate", PROMPT, "-o", "x.png"], options].concat();
        bench.run(&arguments).code(2).says(says);
        assert!(!bench.path("x.png").exists());
    };
    refused(&["--model", "absent"], "colophon models pull");
    refused(&["--model", "tiny/model_index.json"], "is no folder");
    refused(&["--transformer", "x.gguf"], "name one by --model");
    refused(&["--model", "tiny", "--size", "100x100"], "multiples of 16");
    refused(&["--model", "tiny", "--shift", "0"], "above 0");
    refused(
        &["--model", "tiny", "--transformer", "absent.gguf"],
        "opening the weights",
    );
    lora(&bench.path("other.safetensors"), "blocks.7.attn", 8, 8);
    refused(
        &["--model", "tiny", "--lora", "other.safetensors"],
        "made for another model",
    );
    lora(
        &bench.path("wide.safetensors"),
        "transformer_blocks.0.attn.to_q",
        256,
        128,
    );
    refused(
        &["--model", "tiny", "--lora", "wide.safetensors"],
        "256 x 256",
    );
    refused(
        &["--model", "tiny", "--lora", "wide.safetensors:99"],
        "factor 99",
    );

    let shard = bench.path("tiny/transformer/diffusion_pytorch_model-00002-of-00002.safetensors");
    let whole = fs::read(&shard).unwrap();
    fs::write(&shard, &whole[..whole.len() - 9]).unwrap();
    refused(&["--model", "tiny"], "cut short");
    let mut nan = whole.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&shard, nan).unwrap();
    refused(&["--model", "tiny"], "NaN");
    fs::remove_file(&shard).unwrap();
    refused(&["--model", "tiny"], "opening the weights");
    fs::write(
        bench.path("tiny/model_index.json"),
        r#"{"_class_name": "OtherPipeline"}"#,
    )
    .unwrap();
    refused(&["--model", "tiny"], "QwenImagePipeline");
    fs::write(bench.path("tiny/model_index.json"), "{").unwrap();
    refused(&["--model", "tiny"], "model_index.json");
}

/// A bench with the tiny model, a picture of 523 x 517 pixels, and a mask for it.
fn with_a_photo() -> Bench {
    let (bench, _) = bench();
    let (width, height) = (523, 517);
    bench.write("photo.png", &png(&scene(3, width, height)));
    let white = |x: u32, y: u32| {
        if (100..300).contains(&x) && (150..350).contains(&y) {
            255
        } else {
            0
        }
    };
    let mask = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [white(x, y); 3]))
        .collect();
    let mask = Picture::new(width, height, Channels::Rgb, Samples::U8(mask)).unwrap();
    bench.write("mask.png", &png(&mask));
    bench
}

#[test]
fn a_picture_from_a_picture_names_its_parent_and_keeps_what_the_mask_keeps() {
    let bench = with_a_photo();
    let edit = [
        "generate",
        PROMPT,
        "--model",
        "tiny",
        "--image",
        "photo.png",
        "--mask",
        "mask.png",
    ];
    let arguments = [
        &edit[..],
        &[
            "--image-strength",
            "0.5",
            "--steps",
            "4",
            "--seed",
            "7",
            "-o",
            "new.png",
        ],
    ]
    .concat();
    bench.run(&arguments).code(0).says("is cut to 512x512");
    let report = bench
        .run(&["verify", "--json", "new.png"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(report["verdict"]["rule"], "issued-and-unchanged");
    let manifest = &report["evidence"]["manifest"];
    assert_eq!(
        manifest["generation"]["sampler"],
        "euler, image strength 0.5"
    );
    let parent = &manifest["ingredients"][0];
    assert_eq!(parent["relationship"], "parentOf");
    let text = manifest.to_string();
    assert!(
        text.contains("compositeWithTrainedAlgorithmicMedia"),
        "{text}"
    );

    // Outside the mask nothing but the watermark has changed; inside all has.
    let load =
        |name: &str| decode(&fs::read(bench.path(name)).unwrap(), &Limits::default()).unwrap();
    let old = load("photo.png").crop(5, 2, 512, 512).unwrap();
    let new = load("new.png");
    let psnr = |x: u32, y: u32, width: u32, height: u32| {
        let old = old.crop(x, y, width, height).unwrap();
        old.psnr(&new.crop(x, y, width, height).unwrap()).unwrap()
    };
    assert!(psnr(320, 0, 192, 512) > 40.0 && psnr(0, 0, 512, 140) > 40.0);
    assert!(psnr(110, 160, 180, 180) < 30.0);
}

#[test]
fn a_picture_that_cannot_be_started_from_is_refused() {
    let bench = with_a_photo();
    let refused = |options: &[&str], says: &str| {
        bench
            .run(&[&["generate", PROMPT, "-o", "x.png"], options].concat())
            .code(2)
            .says(says);
    };
    fs::remove_file(bench.path("tiny/README.md")).unwrap();
    refused(&["--image", "photo.png"], "picture to start from");
    refused(
        &[
            "--model",
            "tiny",
            "--image",
            "photo.png",
            "--size",
            "256x256",
        ],
        "leave --size out",
    );
    refused(
        &[
            "--model",
            "tiny",
            "--image",
            "photo.png",
            "--image-strength",
            "0",
        ],
        "strength 0",
    );
    bench.write("small.png", &png(&scene(3, 64, 64)));
    refused(
        &[
            "--model",
            "tiny",
            "--image",
            "photo.png",
            "--mask",
            "small.png",
        ],
        "of one size",
    );
    refused(
        &["--model", "tiny", "--image", "tiny/model_index.json"],
        "tiny/model_index.json",
    );
}

#[test]
fn every_family_issues_pictures() {
    let bench = Bench::new();
    for (fixture, family) in [
        ("flux_schnell", "flux"),
        ("flux_dev", "flux"),
        ("flux2", "flux2"),
        ("z_image", "z-image"),
        ("stable_diffusion_1", "stable-diffusion"),
        ("stable_diffusion_2", "stable-diffusion"),
        ("stable_diffusion_xl", "stable-diffusion-xl"),
    ] {
        let text = model_folder::text(&fixtures(), fixture);
        model_folder::write(&text, &bench.path(fixture), 0.2);
        let out = format!("{fixture}.png");
        // The picture of a network without training may be too busy for a mark; that it is issued is what counts here.
        let arguments = [
            "generate",
            PROMPT,
            "--model",
            fixture,
            "-o",
            &out,
            "--allow-unmarked",
        ];
        bench
            .run(&[&arguments[..], &QUICK].concat())
            .code(0)
            .says(&format!("by {fixture}"));
        let report = bench.run(&["verify", "--json", &out]).json().remove(0);
        let generation = &report["evidence"]["ledger"]["generation"];
        let recorded = files(generation);
        // Fixtures may have a file beside the folder's own.
        let places = text["weights"].as_object().unwrap().keys();
        for place in places.filter(|place| place.contains('/')) {
            assert!(
                recorded.contains(&place.as_str()),
                "{fixture}: {place} is not in {recorded:?}"
            );
        }
        assert_eq!(generation["seeds"], json!([7]), "{fixture}");
        let info = bench
            .run(&["models", "info", fixture, "--json"])
            .code(0)
            .json()
            .remove(0);
        assert!(
            info["family"].as_str().unwrap().starts_with(family),
            "{info}"
        );
    }
}
