//! What is known of a model and of a picture that it made.

use colophon_diffusion::{Generated, ModelInfo, WeightFile};
use colophon_gateway::ImagesRequest;
use colophon_provenance::{Backend, GenerationFacts, ModelFacts, WeightsFile};

use crate::text::clean;

/// Longest name of a model that is kept, characters.
const MOST_MODEL_CHARS: usize = 256;

/// Facts of a picture that was made in this program.
pub fn local(info: &ModelInfo, picture: &Generated, strength: Option<f32>) -> GenerationFacts {
    GenerationFacts {
        backend: Backend::Embedded,
        model: local_model(info),
        width: picture.size.width(),
        height: picture.size.height(),
        seeds: vec![picture.seed.0],
        steps: Some(picture.steps),
        // How much of a picture to start from was drawn anew belongs to the way from noise to picture.
        sampler: Some(match strength {
            Some(strength) => format!("{}, image strength {strength}", picture.sampler.name()),
            None => picture.sampler.name().to_owned(),
        }),
        guidance: Some(picture.guidance),
    }
}

/// Facts of a model in this program.
pub fn local_model(info: &ModelInfo) -> ModelFacts {
    let mut training_licenses: Vec<String> = Vec::new();
    for data in &info.training_data {
        if !training_licenses.contains(&data.license) {
            training_licenses.push(data.license.clone());
        }
    }
    ModelFacts {
        id: info.id.clone(),
        name: info.name.clone(),
        version: Some(info.version.clone()).filter(|version| !version.is_empty()),
        weights: weights_files(info),
        license: Some(info.license.clone()),
        training_licenses,
        built_in: info.built_in,
    }
}

/// The model's own files, then those of low-rank changes: `lora/FILE x SCALE`.
fn weights_files(info: &ModelInfo) -> Vec<WeightsFile> {
    let changes = info.adapters.iter().map(|adapter| WeightFile {
        name: format!("lora/{} x {}", adapter.file.name, adapter.scale),
        ..adapter.file.clone()
    });
    let files = info.weights.iter().cloned().chain(changes);
    files.filter_map(|file| weights_file(&file)).collect()
}

/// `None` for a hash that is none.
fn weights_file(file: &WeightFile) -> Option<WeightsFile> {
    let mut sha256 = [0; 32];
    let digits = file.sha256.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in sha256.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(WeightsFile {
        file: file.name.clone(),
        sha256,
    })
}

/// A server's name of its model as it can be signed and recorded; `None` for what is no name.
pub fn model_name(told: &str) -> Option<String> {
    let name: String = clean(told).trim().chars().take(MOST_MODEL_CHARS).collect();
    (!name.is_empty()).then_some(name)
}

/// Facts of a picture that a server makes or has made.
pub fn server(
    request: &ImagesRequest,
    model: &str,
    (width, height): (u32, u32),
) -> GenerationFacts {
    GenerationFacts {
        backend: Backend::Remote,
        model: ModelFacts {
            id: model.to_owned(),
            name: model.to_owned(),
            version: None,
            weights: Vec::new(),
            license: None,
            training_licenses: Vec::new(),
            built_in: false,
        },
        width,
        height,
        seeds: request.seed.into_iter().collect(),
        steps: request.steps,
        sampler: None,
        guidance: request.guidance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_a_server_is_made_safe() {
        assert_eq!(model_name("flux\u{1b}[2J\n").as_deref(), Some("flux[2J"));
        assert_eq!(model_name(" \u{0}\n "), None);
        assert_eq!(model_name(&"x".repeat(5_000)).unwrap().len(), 256);
    }

    #[test]
    fn a_hash_is_read_or_left_out() {
        let file = |sha256: String| WeightFile {
            name: "a.safetensors".to_owned(),
            bytes: 1,
            sha256,
        };
        let read = weights_file(&file("5a".repeat(32))).unwrap();
        assert_eq!(read.sha256, [0x5a; 32]);
        for bad in [String::new(), "zz".repeat(32), "5a".repeat(31)] {
            assert_eq!(weights_file(&file(bad)), None);
        }
    }
}
