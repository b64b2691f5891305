//! Low-rank changes (LoRA, arXiv 2106.09685) from the files that trainers write.
//!
//! | written by | names |
//! | --- | --- |
//! | peft, diffusers | `transformer.NAME.lora_A.weight`, `.lora_B.weight` |
//! | older diffusers | `NAME.lora.down.weight`, `.lora.up.weight` |
//! | ComfyUI, most trainers | `diffusion_model.NAME.lora_down.weight`, `.lora_up.weight`, `.alpha` |
//! | kohya | `lora_unet_NAME_WITH_UNDERSCORES.lora_down.weight`, and so on; text encoders `lora_te_`, `lora_te2_` |
//!
//! The change is `scale * alpha / rank * up * down`; without alpha, alpha is the rank.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;
use crate::info::AdapterFile;
use crate::weights::{Adapter, Weights};

/// A file of low-rank changes and how strongly it is to count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoraFile {
    /// A safetensors file.
    pub path: PathBuf,
    /// Factor, -10 to 10; 1 as it was trained.
    pub scale: f32,
}

/// Largest factor.
const MOST_SCALE: f32 = 10.0;
/// What may stand before the name of a layer.
const PREFIXES: [&str; 6] = [
    "base_model.model.",
    "transformer.",
    "unet.",
    "model.diffusion_model.",
    "diffusion_model.",
    "model.",
];
const KOHYA: [&str; 2] = ["lora_unet_", "lora_transformer_"];
/// Ends of the names of the two factors: down, then up.
const PAIRS: [(&str, &str); 5] = [
    (".lora_down.weight", ".lora_up.weight"),
    (".lora_A.weight", ".lora_B.weight"),
    (".lora_A.default.weight", ".lora_B.default.weight"),
    (".lora.down.weight", ".lora.up.weight"),
    (
        ".lora_linear_layer.down.weight",
        ".lora_linear_layer.up.weight",
    ),
];
/// Other kinds of changes, by a part of a name.
const OTHERS: [(&str, &str); 6] = [
    ("dora_scale", "DoRA"),
    ("lora_magnitude_vector", "DoRA"),
    ("hada_w", "LoHa"),
    ("lokr_w", "LoKr"),
    (".lora_mid.", "a Tucker decomposition"),
    (".diff_b", "full differences"),
];

/// A network that changes may be for, and what files call its layers.
pub(crate) struct Target<'a> {
    weights: &'a mut Weights,
    names: Names,
    /// What kohya's trainer writes before its layers.
    kohya: &'static [&'static str],
    /// What others do; any number of them, or exactly one where the network is not the main one.
    prefixes: &'static [&'static str],
    main: bool,
}

impl<'a> Target<'a> {
    /// The network that makes the picture. `other` is another name of a tensor that it has, if there is one.
    pub(crate) fn network(
        weights: &'a mut Weights,
        other: impl Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            names: Names::new(weights, other),
            weights,
            kohya: &KOHYA,
            prefixes: &PREFIXES,
            main: true,
        }
    }

    /// The first or second text encoder of CLIP, its tensors without `text_model.` before their names.
    pub(crate) fn clip(weights: &'a mut Weights, second: bool) -> Self {
        let other = |name: &str| Some(format!("text_model.{name}"));
        Self {
            names: Names::new(weights, other),
            weights,
            kohya: if second {
                &["lora_te2_"]
            } else {
                &["lora_te_", "lora_te1_"]
            },
            prefixes: if second {
                &["text_encoder_2."]
            } else {
                &["text_encoder."]
            },
            main: false,
        }
    }

    /// The weight that a file means by the name of a layer.
    fn find(&self, layer: &str) -> Option<&String> {
        if let Some(flat) = strip(layer, self.kohya) {
            return self.names.flat.get(flat);
        }
        if !self.main {
            return self.names.plain.get(strip(layer, self.prefixes)?);
        }
        let mut layer = layer;
        loop {
            if let Some(name) = self.names.plain.get(layer) {
                return Some(name);
            }
            layer = strip(layer, self.prefixes)?;
        }
    }
}

fn strip<'a>(layer: &'a str, prefixes: &[&str]) -> Option<&'a str> {
    prefixes
        .iter()
        .find_map(|prefix| layer.strip_prefix(prefix))
}

/// Puts the changes of a file onto the weights of networks, which keep them and add them where they are read. Every
/// layer of the file must be in one of them.
pub(crate) fn apply(
    file: &LoraFile,
    targets: &mut [Target<'_>],
) -> Result<AdapterFile, DiffusionError> {
    let changes = Weights::open(&file.path)?;
    let name = file.path.file_name().unwrap_or(file.path.as_os_str());
    let refuse = |reason: String| DiffusionError::Lora {
        file: name.to_string_lossy().into_owned(),
        reason,
    };
    if !file.scale.is_finite() || file.scale.abs() > MOST_SCALE {
        return Err(refuse(format!(
            "its factor {} is not from -{MOST_SCALE} to {MOST_SCALE}",
            file.scale
        )));
    }
    let names: Vec<String> = changes
        .tensors()
        .map(|tensor| tensor.name.to_owned())
        .collect();
    for (part, kind) in OTHERS {
        if names.iter().any(|name| name.contains(part)) {
            return Err(refuse(format!(
                "it holds {kind}, which is not supported; only plain LoRA is"
            )));
        }
    }
    let mut used = 0;
    let mut found: Vec<(usize, String, Adapter)> = Vec::new();
    for down_name in &names {
        let Some((layer, up_name)) = pair(down_name) else {
            continue;
        };
        if !changes.contains(&up_name) {
            return Err(refuse(format!("it has {down_name}, but not {up_name}")));
        }
        let mut known = targets.iter().enumerate();
        let known = known.find_map(|(index, target)| Some((index, target.find(layer)?)));
        let Some((index, weight)) = known else {
            return Err(refuse(format!(
                "the model has no layer {layer}; it was made for another model or part"
            )));
        };
        let adapter = read(
            &changes,
            down_name,
            &up_name,
            &format!("{layer}.alpha"),
            file.scale,
        )?;
        check(&adapter, targets[index].weights.shape(weight)?)
            .map_err(|reason| refuse(format!("{layer} {reason}")))?;
        used += 2 + usize::from(changes.contains(&format!("{layer}.alpha")));
        found.push((index, weight.clone(), adapter));
    }
    if found.is_empty() {
        return Err(refuse(
            "it holds no low-rank changes under any known names".to_owned(),
        ));
    }
    if used < names.len() {
        let ends = |name: &String| {
            let ends = PAIRS
                .iter()
                .flat_map(|(down, up)| [*down, *up])
                .chain([".alpha"]);
            ends.into_iter().any(|end| name.ends_with(end))
        };
        let strange = names.iter().find(|name| !ends(name)).unwrap_or(&names[0]);
        return Err(refuse(format!(
            "it holds more than pairs of factors, such as {strange}"
        )));
    }
    let layers = found.len();
    for (index, weight, adapter) in found {
        targets[index].weights.adapt(&weight, adapter);
    }
    let mut files = changes.files()?;
    Ok(AdapterFile {
        file: files.swap_remove(0),
        scale: file.scale,
        layers,
    })
}

/// The layer of a `down` factor, and the name of its `up`.
fn pair(down: &str) -> Option<(&str, String)> {
    PAIRS.iter().find_map(|(of_down, of_up)| {
        let layer = down.strip_suffix(of_down)?;
        Some((layer, format!("{layer}{of_up}")))
    })
}

fn read(
    changes: &Weights,
    down: &str,
    up: &str,
    alpha: &str,
    scale: f32,
) -> Result<Adapter, DiffusionError> {
    let values = |name: &str| -> Result<(Vec<f32>, usize), DiffusionError> {
        let shape = changes.shape(name)?.to_vec();
        Ok((
            changes.read(name, &shape)?,
            shape.first().copied().unwrap_or(0),
        ))
    };
    let (down, rank) = values(down)?;
    let (up, _) = values(up)?;
    let alpha = if changes.contains(alpha) {
        values(alpha)?.0.first().copied()
    } else {
        None
    };
    let factor = alpha.map_or(1.0, |alpha| alpha / rank.max(1) as f32);
    Ok(Adapter {
        down,
        up,
        rank,
        scale: scale * factor,
    })
}

/// The factors against the shape of what they change.
fn check(adapter: &Adapter, shape: &[usize]) -> Result<(), String> {
    let rows = shape.first().copied().unwrap_or(0);
    let columns: usize = shape.iter().skip(1).product();
    if adapter.rank > 0
        && adapter.up.len() == rows * adapter.rank
        && adapter.down.len() == columns * adapter.rank
    {
        return Ok(());
    }
    Err(format!(
        "is {rows} x {columns} in the model; the file has {} and {} values of rank {}",
        adapter.up.len(),
        adapter.down.len(),
        adapter.rank
    ))
}

/// Names of weights by what files of changes call their layers.
struct Names {
    plain: BTreeMap<String, String>,
    /// With underscores for dots, as kohya's trainer writes them.
    flat: BTreeMap<String, String>,
}

impl Names {
    fn new(weights: &Weights, other: impl Fn(&str) -> Option<String>) -> Self {
        let mut plain = BTreeMap::new();
        let names = || weights.tensors().map(|tensor| tensor.name);
        let others = names().filter_map(|name| Some((other(name)?, name)));
        // The names that they have here come last, and so go first.
        for (called, name) in others.chain(names().map(|name| (name.to_owned(), name))) {
            if let Some(layer) = called.strip_suffix(".weight") {
                plain.insert(layer.to_owned(), name.to_owned());
            }
        }
        let flat = plain
            .iter()
            .map(|(layer, name)| (layer.replace('.', "_"), name.clone()));
        Self {
            flat: flat.collect(),
            plain,
        }
    }
}
