//! Fixtures that `tests/reference/families/*.py` made with diffusers and transformers, and what tests do with them.

use std::path::{Path, PathBuf};

use super::{OpenOptions, Parts};
use crate::device::Precision;
use crate::image::RgbImage;
use crate::pipeline::Pipeline;
use crate::progress::CancelToken;
use crate::request::{GenerateRequest, Seed, Size};
use crate::source::{PaintMask, SourcePicture};
use candle_core::{DType, Device, Tensor};

#[path = "../../../../tests/support/model_folder.rs"]
pub(crate) mod model_folder;

/// A model folder without values, inputs and outputs.
pub(crate) struct Fixture {
    text: serde_json::Value,
    tensors: std::collections::HashMap<String, Tensor>,
}

/// One line of the table of differences.
pub(crate) struct Row {
    pub(crate) part: &'static str,
    pub(crate) difference: f32,
    pub(crate) allowed: f32,
}

fn scripts() -> PathBuf {
    model_folder::fixtures(env!("CARGO_MANIFEST_DIR"))
}

impl Fixture {
    pub(crate) fn open(name: &str) -> Self {
        let tensors = scripts().join(format!("{name}.safetensors"));
        Self {
            text: model_folder::text(&scripts(), name),
            tensors: candle_core::safetensors::load(tensors, &Device::Cpu).unwrap(),
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
        model_folder::write(&self.text, folder.path(), 1.0);
        folder
    }

    /// The picture to start from.
    pub(super) fn source(&self, strength: f32, masked: bool) -> SourcePicture {
        let bytes = |name: &str| -> Vec<u8> {
            self.integers(name)
                .iter()
                .map(|value| *value as u8)
                .collect()
        };
        let (height, width, _) = self.tensor("source").dims3().unwrap();
        let (width, height) = (width as u32, height as u32);
        SourcePicture {
            image: RgbImage {
                width,
                height,
                pixels: bytes("source"),
            },
            strength,
            mask: masked.then(|| PaintMask {
                width,
                height,
                values: bytes("mask"),
            }),
        }
    }

    /// Whether the scripts are still those that made it.
    pub(crate) fn check_scripts(&self) {
        check_digests(&scripts(), &self.text["scripts"]);
    }
}

/// Whether scripts of a folder are still those with these hashes.
pub(crate) fn check_digests(folder: &Path, scripts: &serde_json::Value) {
    use sha2::{Digest, Sha256};
    for (name, expected) in scripts.as_object().unwrap() {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let digest = Sha256::digest(&bytes);
        let digest = digest
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(
            &digest, expected,
            "{name} has changed: run it again, it makes the fixture"
        );
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
    /// Strength of the fixture's source picture, and whether its mask counts.
    pub(crate) source: Option<(f32, bool)>,
}

impl Run {
    /// The largest difference of any colour of any pixel, 0 to 1; half a step of eight bits is rounding.
    pub(crate) fn row(&self, fixture: &Fixture, pipeline: &Pipeline) -> Row {
        let request = GenerateRequest {
            negative_prompt: self.negative.map(str::to_owned),
            size: Some(Size::new(self.size.0, self.size.1).unwrap()),
            guidance: self.guidance,
            steps: Some(self.steps),
            source: self
                .source
                .map(|(strength, masked)| fixture.source(strength, masked)),
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

/// A pipeline of a written folder, in the precision that the references were made in: an accelerator's own is less.
pub(crate) fn open(folder: &Path) -> Pipeline {
    let options = OpenOptions {
        precision: Some(Precision::F32),
        ..OpenOptions::default()
    };
    Pipeline::open(folder, &options).unwrap()
}

/// The largest difference of whole pipelines, on whatever device there is.
#[cfg(feature = "cuda")]
pub(crate) fn whole(name: &str, runs: &[Run]) -> Row {
    let fixture = Fixture::open(name);
    let folder = fixture.folder();
    let pipeline = open(folder.path());
    largest(runs.iter().map(|run| run.row(&fixture, &pipeline)))
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
