//! Model folders as diffusers' `save_pretrained` writes them: `model_index.json` names the pipeline, and each part has
//! a folder of its own with `config.json` and weights.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::DiffusionError;
use crate::schedule::{Shift, SigmaSchedule, Spacing};
use crate::weights::Weights;

/// Most bytes of a file of JSON.
const MOST_JSON: u64 = 64 << 20;
/// Stands for a licence that a folder does not tell.
const UNKNOWN: &str = "LicenseRef-unknown";
/// The file that makes a folder one of a model.
pub(crate) const INDEX: &str = "model_index.json";

/// Bytes of a file, refused beyond `most`.
///
/// # Errors
///
/// [`DiffusionError::Io`], [`DiffusionError::ModelFolder`] where it is longer.
pub(crate) fn read_limited(path: &Path, most: u64) -> Result<Vec<u8>, DiffusionError> {
    let refused = |error| DiffusionError::io("reading", path, &error);
    let file = std::fs::File::open(path).map_err(refused)?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(refused)?;
    if bytes.len() as u64 > most {
        return Err(DiffusionError::ModelFolder {
            path: path.to_owned(),
            reason: format!("it is longer than the {most} bytes allowed"),
        });
    }
    Ok(bytes)
}

/// A file of JSON.
///
/// # Errors
///
/// As [`read_limited`]; [`DiffusionError::ModelFolder`] where it is none or lacks something.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DiffusionError> {
    let bytes = read_limited(path, MOST_JSON)?;
    serde_json::from_slice(&bytes).map_err(|error| DiffusionError::ModelFolder {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// The files that diffusers and transformers read of a part where it has several, in this order. Older repositories
/// have other precisions and unaveraged weights beside; half precision alone is taken as well.
const WEIGHTS: [&str; 6] = [
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "model.safetensors.index.json",
    "model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.fp16.safetensors",
];

/// An opened folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    index: Value,
}

impl Folder {
    /// Reads the index.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::ModelFolder`] where it is none.
    pub(crate) fn open(path: &Path) -> Result<Self, DiffusionError> {
        let index = path.join(INDEX);
        if !index.is_file() {
            return Err(DiffusionError::ModelFolder {
                path: path.to_owned(),
                reason: format!("it has no {INDEX}, which folders of models for diffusers have"),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            index: read_json(&index)?,
        })
    }

    /// The class of the pipeline.
    pub(crate) fn class(&self) -> &str {
        self.index["_class_name"].as_str().unwrap_or_default()
    }

    /// A switch of the index.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.index[name].as_bool()
    }

    /// The folder's own name.
    pub(crate) fn name(&self) -> String {
        let path = self
            .path
            .canonicalize()
            .unwrap_or_else(|_| self.path.clone());
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| "model".to_owned())
    }

    /// The folder's name as an identifier.
    pub(crate) fn id(&self) -> String {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || ".-_".contains(c) {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        self.name().chars().map(plain).collect()
    }

    /// The licence that the model card names in its front matter, as the hub's cards do it.
    pub(crate) fn license(&self) -> String {
        self.license_of_card().unwrap_or_else(|| UNKNOWN.to_owned())
    }

    fn license_of_card(&self) -> Option<String> {
        let card = read_limited(&self.path.join("README.md"), 1 << 20).ok()?;
        let card = String::from_utf8(card).ok()?;
        let front = card.strip_prefix("---")?.split("\n---").next()?;
        let value = |key: &str| {
            let line = front.lines().find_map(|line| line.strip_prefix(key))?;
            let value = line.trim().trim_matches(['"', '\'']);
            (!value.is_empty() && value.len() <= 100).then(|| value.to_owned())
        };
        let license = value("license:")?;
        match license.as_str() {
            "other" => value("license_name:"),
            _ => Some(spdx(&license)),
        }
    }

    /// A part's folder.
    pub(crate) fn part(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A part's `config.json`.
    ///
    /// # Errors
    ///
    /// As [`read_json`].
    pub(crate) fn config<T: DeserializeOwned>(&self, part: &str) -> Result<T, DiffusionError> {
        read_json(&self.part(part).join("config.json"))
    }

    /// A part's weights.
    ///
    /// # Errors
    ///
    /// As [`Weights::open`].
    pub(crate) fn weights(&self, part: &str) -> Result<Weights, DiffusionError> {
        let folder = self.part(part);
        let mut named = WEIGHTS.iter().map(|name| folder.join(name));
        let named = named.find(|path| path.is_file());
        Weights::open(named.as_deref().unwrap_or(&folder))
    }

    /// The schedule that `scheduler/scheduler_config.json` describes.
    ///
    /// # Errors
    ///
    /// As [`read_json`]; [`DiffusionError::ModelFolder`] where it describes one that is not known.
    pub(crate) fn schedule(&self) -> Result<SigmaSchedule, DiffusionError> {
        let path = self.part("scheduler").join("scheduler_config.json");
        let config: Value = read_json(&path)?;
        schedule(&config).map_err(|reason| DiffusionError::ModelFolder { path, reason })
    }
}

/// The hub writes licences in lower case.
fn spdx(license: &str) -> String {
    match license {
        "apache-2.0" => "Apache-2.0".to_owned(),
        "mit" => "MIT".to_owned(),
        "creativeml-openrail-m" => "CreativeML-OpenRAIL-M".to_owned(),
        "openrail++" => "OpenRAIL++-M".to_owned(),
        other => other.to_owned(),
    }
}

fn schedule(config: &Value) -> Result<SigmaSchedule, String> {
    let class = config["_class_name"].as_str().unwrap_or_default();
    let number = |name: &str, otherwise: f64| config[name].as_f64().unwrap_or(otherwise);
    if class == "FlowMatchEulerDiscreteScheduler" {
        for name in [
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "invert_sigmas",
            "stochastic_sampling",
        ] {
            if config[name].as_bool() == Some(true) {
                return Err(format!("{name} is not supported"));
            }
        }
        let kind = config["time_shift_type"].as_str().unwrap_or("exponential");
        let shift = if config["use_dynamic_shifting"].as_bool() == Some(true) {
            if kind != "exponential" {
                return Err(format!(
                    "a time shift of the type {kind:?} is not supported"
                ));
            }
            Shift::Dynamic {
                base_shift: number("base_shift", 0.5),
                max_shift: number("max_shift", 1.15),
                base_tokens: number("base_image_seq_len", 256.0),
                max_tokens: number("max_image_seq_len", 4096.0),
            }
        } else {
            Shift::Static(number("shift", 1.0))
        };
        return Ok(SigmaSchedule::Flow {
            end: None,
            shift,
            terminal: config["shift_terminal"].as_f64(),
        });
    }
    let betas = config["beta_schedule"].as_str().unwrap_or("linear");
    if betas != "scaled_linear" {
        return Err(format!(
            "the noise levels of {class} with {betas:?} betas are not supported"
        ));
    }
    let spacing = config["timestep_spacing"].as_str();
    let karras = config["use_karras_sigmas"].as_bool() == Some(true);
    let spacing = match (karras, spacing) {
        (true, _) => Spacing::Karras,
        (false, Some("trailing")) => Spacing::Trailing,
        (false, Some("linspace")) => Spacing::Linspace,
        (false, Some("leading") | None) => Spacing::Leading {
            offset: config["steps_offset"].as_u64().unwrap_or(0).min(1000) as u32,
        },
        (false, Some(other)) => return Err(format!("timestep_spacing {other:?} is not supported")),
    };
    Ok(SigmaSchedule::ScaledLinear {
        beta_start: number("beta_start", 0.000_1),
        beta_end: number("beta_end", 0.02),
        training_steps: number("num_train_timesteps", 1000.0) as u32,
        spacing,
        ddim_ends_trained: config["set_alpha_to_one"].as_bool() == Some(false),
    })
}
