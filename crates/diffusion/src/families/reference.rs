//! Fixtures that `tests/reference/families/*.py` made with diffusers and transformers, and what tests do with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use super::{OpenOptions, Parts};
use crate::pipeline::Pipeline;
use crate::progress::CancelToken;
use crate::request::{GenerateRequest, Seed, Size};

/// A model folder without values, inputs and outputs.
pub(crate) struct Fixture {
    text: Text,
    tensors: std::collections::HashMap<String, Tensor>,
}

#[derive(Deserialize)]
struct Text {
    /// SHA-256 of the scripts that made it.
    scripts: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    weights: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
}

/// One line of the table of differences.
pub(crate) struct Row {
    pub(crate) part: &'static str,
    pub(crate) difference: f32,
    pub(crate) allowed: f32,
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/families")
}

/// The scripts' `hashed`.
pub(crate) fn hashed(name: &str, count: usize) -> Vec<f32> {
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

/// The scripts' `weight`.
pub(crate) fn weight(name: &str, shape: &[usize]) -> Tensor {
    let mut values = hashed(name, shape.iter().product());
    if shape.len() >= 2 && !name.contains("gamma") {
        let inputs: usize = shape[1..].iter().product();
        let factor = (3.0 / inputs as f64).sqrt() as f32;
        values.iter_mut().for_each(|value| *value *= factor);
    } else if name.ends_with("running_var") {
        // Of batch norms; positive.
        values
            .iter_mut()
            .for_each(|value| *value = *value * 0.5 + 1.0);
    } else if name.ends_with("weight") || name.contains("gamma") {
        values
            .iter_mut()
            .for_each(|value| *value = *value * 0.1 + 1.0);
    } else {
        values.iter_mut().for_each(|value| *value *= 0.1);
    }
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

impl Fixture {
    pub(crate) fn open(name: &str) -> Self {
        let path = |extension: &str| scripts().join(format!("{name}.{extension}"));
        let text = std::fs::read_to_string(path("json")).unwrap();
        Self {
            text: serde_json::from_str(&text).unwrap(),
            tensors: candle_core::safetensors::load(path("safetensors"), &Device::Cpu).unwrap(),
        }
    }

    /// A tensor as it was put in.
    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        let tensor = self.tensors.get(name);
        tensor
            .unwrap_or_else(|| panic!("the fixture lacks {name}"))
            .clone()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Whole numbers.
    pub(crate) fn integers(&self, name: &str) -> Vec<u32> {
        let tensor = self.tensor(name).flatten_all().unwrap();
        tensor.to_dtype(DType::U32).unwrap().to_vec1().unwrap()
    }

    /// Writes the model folder.
    pub(crate) fn folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (place, text) in &self.text.files {
            let path = folder.path().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        for (place, shapes) in &self.text.weights {
            let tensors = shapes
                .iter()
                .map(|(name, shape)| (name.clone(), weight(name, shape)));
            let tensors: std::collections::HashMap<String, Tensor> = tensors.collect();
            candle_core::safetensors::save(&tensors, folder.path().join(place)).unwrap();
        }
        folder
    }

    /// Whether the scripts are still those that made it.
    pub(crate) fn check_scripts(&self) {
        use sha2::{Digest, Sha256};
        for (name, expected) in &self.text.scripts {
            let bytes = std::fs::read(scripts().join(name)).unwrap();
            let digest: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(
                &digest, expected,
                "{name} has changed: run it again, it makes the fixture"
            );
        }
    }
}

/// The largest difference of two tensors, as a row.
pub(crate) fn row(part: &'static str, found: &Tensor, expected: &Tensor, allowed: f32) -> Row {
    assert_eq!(found.dims(), expected.dims(), "{part}");
    let difference = (found.to_dtype(DType::F32).unwrap() - expected)
        .unwrap()
        .abs()
        .unwrap();
    let difference = difference
        .flatten_all()
        .unwrap()
        .max(0)
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    Row {
        part,
        difference,
        allowed,
    }
}

/// Joins rows of one part.
pub(crate) fn largest(rows: impl IntoIterator<Item = Row>) -> Row {
    let rows = rows.into_iter();
    rows.max_by(|a, b| a.difference.total_cmp(&b.difference))
        .unwrap()
}

/// A whole run: name, size, guidance, negative prompt, seed.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) prompt: &'static str,
    pub(crate) negative: Option<&'static str>,
    pub(crate) size: (u32, u32),
    pub(crate) guidance: Option<f32>,
    pub(crate) steps: u32,
    pub(crate) seed: u64,
}

impl Run {
    /// The largest difference of any colour of any pixel, 0 to 1; half a step of eight bits is rounding.
    pub(crate) fn row(&self, fixture: &Fixture, pipeline: &Pipeline) -> Row {
        let request = GenerateRequest {
            negative_prompt: self.negative.map(str::to_owned),
            size: Some(Size::new(self.size.0, self.size.1).unwrap()),
            guidance: self.guidance,
            steps: Some(self.steps),
            ..GenerateRequest::new(self.prompt, Seed(self.seed))
        };
        let image = pipeline.unrounded(&request).unwrap();
        let expected = fixture.tensor(&format!("run.{}.picture", self.name));
        let shape = (image.height as usize, image.width as usize, 3);
        let pixels = image.pixels.iter().map(|value| value.clamp(0.0, 1.0));
        let found = Tensor::from_iter(pixels, &Device::Cpu)
            .unwrap()
            .reshape(shape)
            .unwrap();
        row("whole pipeline", &found, &expected, 1e-3)
    }
}

/// A pipeline of a written folder.
pub(crate) fn open(folder: &Path) -> Pipeline {
    Pipeline::open(folder, &OpenOptions::default()).unwrap()
}

/// Parts of a written folder.
pub(crate) fn parts<'a>(folder: &Path, options: &'a OpenOptions) -> Parts<'a> {
    Parts::open(folder, options, false).unwrap().0
}

/// Makes a picture and drops it.
pub(crate) fn generate(pipeline: &Pipeline, request: &GenerateRequest) -> Vec<u8> {
    let cancel = CancelToken::new();
    let mut pictures = pipeline.generate(request, &mut |_| (), &cancel).unwrap();
    pictures.swap_remove(0).image.pixels
}
