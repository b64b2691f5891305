//! Low-rank changes against peft as diffusers calls it; `tests/reference/families/lora.py` made the files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::families::OpenOptions;
use crate::families::reference::model_folder::{self, fixtures, gguf, safetensors};
use crate::families::reference::{Fixture, parts, row};
use crate::lora::{LoraFile, Target, apply};

fn file(name: &str, scale: f32) -> LoraFile {
    let name = format!("lora_{name}.safetensors");
    let path = fixtures(env!("CARGO_MANIFEST_DIR")).join(name);
    LoraFile { path, scale }
}

/// What the transformer of a folder gives with changes, from its own weights or those of another file.
fn output(folder: &Path, weights: Option<&Path>, files: &[LoraFile], inputs: &Fixture) -> Tensor {
    let options = OpenOptions::default();
    let parts = parts(folder, &options);
    let mut weights = parts.weights("transformer", weights).unwrap().weights;
    for file in files {
        let found = apply(file, &mut [Target::network(&mut weights, &[])]).unwrap();
        assert!(found.layers >= 3);
    }
    let config = parts.folder.config("transformer").unwrap();
    let transformer = Transformer::new(weights, config, &parts.compute, false).unwrap();
    let tensor = |name: &str| inputs.tensor(&format!("transformer.plain.{name}"));
    let (time, image, text) = (tensor("time"), tensor("image"), tensor("text"));
    let time: Vec<f32> = time.to_vec1().unwrap();
    transformer
        .forward(&image, &[(4, 6)], &text, None, &time)
        .unwrap()
}

#[test]
fn changes_are_those_of_peft() {
    let (inputs, expected) = (Fixture::open("qwen_image"), Fixture::open("lora"));
    expected.check_scripts();
    let folder = inputs.folder();
    let mut table =
        String::from("| Changes | Largest difference | Allowed |\n| --- | --- | --- |\n");
    let cases = [
        ("plain", vec![]),
        ("adapter.1.0", vec![file("adapter", 1.0)]),
        ("adapter.0.7", vec![file("adapter", 0.7)]),
        ("pipeline.1.0", vec![file("pipeline", 1.0)]),
        ("pipeline.0.7", vec![file("pipeline", 0.7)]),
        ("both", vec![file("adapter", 0.7), file("pipeline", 1.0)]),
        ("both", vec![file("pipeline", 1.0), file("adapter", 0.7)]),
    ];
    for (name, files) in cases {
        let found = output(folder.path(), None, &files, &inputs);
        let row = row("transformer", &found, &expected.tensor(name), 1e-4);
        writeln!(
            table,
            "| {name} | {:.1e} | {:.0e} |",
            row.difference, row.allowed
        )
        .unwrap();
        assert!(
            row.difference <= row.allowed,
            "{name}: {:e}",
            row.difference
        );
    }
    println!("{table}");
}

/// Root mean square of a tensor's values.
fn rms(x: &Tensor) -> f32 {
    let mean = x.sqr().unwrap().mean_all().unwrap();
    mean.to_scalar::<f32>().unwrap().sqrt()
}

/// Beside blocks of eight bits the change does what it does to the values that they stand for. What differs is that
/// the other factor of each product is rounded to eight bits, with and without the change.
#[test]
fn blocks_with_changes_are_their_values_with_changes() {
    let inputs = Fixture::open("qwen_image");
    let folder = inputs.folder();
    let text = model_folder::text(&fixtures(env!("CARGO_MANIFEST_DIR")), "qwen_image");
    let blocks = folder.path().join("blocks.gguf");
    std::fs::write(&blocks, gguf(&text, "transformer", "qwen_image")).unwrap();
    let weights = Weights::open(&blocks).unwrap();
    let values = |name: &str, shape: &[usize]| (shape.to_vec(), weights.read(name, shape).unwrap());
    let values: BTreeMap<String, (Vec<usize>, Vec<f32>)> = weights
        .tensors()
        .map(|tensor| (tensor.name.to_owned(), values(tensor.name, tensor.shape)))
        .collect();
    let dense = folder.path().join("dense.safetensors");
    std::fs::write(&dense, safetensors(&values)).unwrap();
    let run =
        |weights: &Path, files: &[LoraFile]| output(folder.path(), Some(weights), files, &inputs);
    let files = [file("adapter", 1.0), file("pipeline", 0.7)];
    let plain = (run(&blocks, &[]), run(&dense, &[]));
    let changed = (run(&blocks, &files), run(&dense, &files));
    let size = rms(&changed.1);
    let without = rms(&(&plain.0 - &plain.1).unwrap()) / rms(&plain.1);
    let with = rms(&(&changed.0 - &changed.1).unwrap()) / size;
    let change = rms(&(&changed.1 - &plain.1).unwrap()) / size;
    println!("rounding {without:.1e} without, {with:.1e} with changes, which are {change:.1e}");
    assert!(change > 0.1 && without < 0.015 && with < 0.015);
}
