//! Tiny model folders for tests, in the layout of diffusers: what `crates/diffusion/tests/reference/families/*.py`
//! wrote down of them, with weights made from their names.
//!
//! Include it by `#[path = "../../tests/support/model_folder.rs"] mod model_folder;`; it needs `serde_json` and nothing
//! else.
#![allow(
    dead_code,
    reason = "each test program that includes this file uses a part of it"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Folder of the fixtures, from that of a crate.
pub fn fixtures(crate_folder: &str) -> PathBuf {
    let crates = Path::new(crate_folder).parent().unwrap().to_owned();
    crates.join("diffusion/tests/reference/families")
}

/// The scripts' `hashed`: numbers from -1 to 1 that depend on the name alone.
pub fn hashed(name: &str, count: usize) -> Vec<f32> {
    let seed = name.bytes().fold(0x811C_9DC5_u32, |value, byte| {
        (value ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let value = |index: usize| {
        let mut word = (index as u32).wrapping_mul(0x9E37_79B9).wrapping_add(seed);
        word = (word ^ (word >> 16)).wrapping_mul(0x85EB_CA6B);
        word = (word ^ (word >> 13)).wrapping_mul(0xC2B2_AE35);
        word ^= word >> 16;
        (f64::from(word >> 8) / f64::from(1 << 23) - 1.0) as f32
    };
    (0..count).map(value).collect()
}

/// The scripts' `weight`: matrices keep the variance of what they are multiplied with, norms are about 1, biases small.
pub fn weight(name: &str, shape: &[usize]) -> Vec<f32> {
    let mut values = hashed(name, shape.iter().product());
    if shape.len() >= 2 && !name.contains("gamma") {
        let inputs: usize = shape[1..].iter().product();
        let factor = (3.0 / inputs as f64).sqrt() as f32;
        for value in &mut values {
            *value *= factor;
        }
    } else if name.ends_with("running_var") {
        // Variances of batch norms are positive.
        for value in &mut values {
            *value = *value * 0.5 + 1.0;
        }
    } else if name.ends_with("weight") || name.contains("gamma") {
        for value in &mut values {
            *value = *value * 0.1 + 1.0;
        }
    } else {
        for value in &mut values {
            *value *= 0.1;
        }
    }
    values
}

/// A safetensors file of `f32` tensors.
pub fn safetensors(tensors: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, (shape, values)) in tensors {
        let start = end;
        end += 4 * values.len();
        let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
        header.insert(name.clone(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    for (_, values) in tensors.values() {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}

/// Writes the model folder of a fixture's text (`NAME.json`) into `folder`. `contrast` is that of its pictures: 1 as the
/// fixture has it, which is noise from black to white.
pub fn write(text: &Value, folder: &Path, contrast: f32) {
    for (place, content) in text["files"].as_object().unwrap() {
        let path = folder.join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.as_str().unwrap()).unwrap();
    }
    for (place, shapes) in text["weights"].as_object().unwrap() {
        let tensor = |(name, shape): (&String, &Value)| {
            let shape: Vec<usize> = serde_json::from_value(shape.clone()).unwrap();
            let mut values = weight(name, &shape);
            if name.contains("decoder.conv_out") {
                for value in &mut values {
                    *value *= contrast;
                }
            }
            (name.clone(), (shape, values))
        };
        let tensors = shapes.as_object().unwrap().iter().map(tensor).collect();
        fs::write(folder.join(place), safetensors(&tensors)).unwrap();
    }
}

/// Reads a fixture's text.
pub fn text(fixtures: &Path, name: &str) -> Value {
    let text = fs::read_to_string(fixtures.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Bits of a 16-bit float, rounded to nearest; for scales, which are normal numbers.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 255) as i32 - 127 + 15;
    if exponent <= 0 {
        return 0;
    }
    let rounded = ((exponent as u32) << 10 | bits >> 13 & 0x3ff) + (bits >> 12 & 1);
    (bits >> 16 & 0x8000) as u16 | rounded as u16
}

/// `Q8_0`: blocks of 32 values, a 16-bit scale and a byte each.
fn q8_0(values: &[f32]) -> Vec<u8> {
    let block = |values: &[f32]| {
        let largest = values
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        let scale = largest / 127.0;
        let quantised = values
            .iter()
            .map(move |value| (value / scale.max(1e-30)).round() as i8 as u8);
        half(scale)
            .to_le_bytes()
            .into_iter()
            .chain(quantised)
            .collect::<Vec<u8>>()
    };
    values.chunks(32).flat_map(block).collect()
}

/// A GGUF file (version 3) with the tensors of a fixture's part: matrices as `Q8_0`, the rest as `f32`.
pub fn gguf(text: &Value, part: &str, architecture: &str) -> Vec<u8> {
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut tensors: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, shapes) in text["weights"].as_object().unwrap() {
        if place.split('/').next() == Some(part) {
            let shapes: BTreeMap<String, Vec<usize>> =
                serde_json::from_value(shapes.clone()).unwrap();
            tensors.extend(shapes);
        }
    }
    let mut head = [b"GGUF".to_vec(), 3_u32.to_le_bytes().to_vec()].concat();
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend(1_u64.to_le_bytes());
    head.extend(
        [
            string("general.architecture"),
            8_u32.to_le_bytes().to_vec(),
            string(architecture),
        ]
        .concat(),
    );
    let mut data = Vec::new();
    for (name, shape) in &tensors {
        let values = weight(name, shape);
        let is_matrix = shape.len() == 2 && shape[1].is_multiple_of(32);
        let bytes = if is_matrix {
            q8_0(&values)
        } else {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        head.extend(string(name));
        head.extend((shape.len() as u32).to_le_bytes());
        head.extend(
            shape
                .iter()
                .rev()
                .flat_map(|axis| (*axis as u64).to_le_bytes()),
        );
        head.extend(if is_matrix { 8_u32 } else { 0_u32 }.to_le_bytes());
        head.extend((data.len() as u64).to_le_bytes());
        data.extend(bytes);
        data.resize(data.len().next_multiple_of(32), 0);
    }
    head.resize(head.len().next_multiple_of(32), 0);
    head.extend(data);
    head
}
