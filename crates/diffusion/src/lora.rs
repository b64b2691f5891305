//! Low-rank changes (LoRA, arXiv 2106.09685) from the files that trainers write.
//!
//! | written by | names |
//! | --- | --- |
//! | peft, diffusers | `transformer.NAME.lora_A.weight`, `.lora_B.weight` |
//! | older diffusers | `NAME.lora.down.weight`, `.lora.up.weight` |
//! | ComfyUI, most trainers | `diffusion_model.NAME.lora_down.weight`, `.lora_up.weight`, `.alpha` |
//! | kohya | `lora_unet_NAME_WITH_UNDERSCORES.lora_down.weight`, and so on |
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

/// A layer that files call by one name and a network has in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fused {
    /// Its name in files.
    pub(crate) name: String,
    /// Layers of the network in the order of the rows, and how many rows each has.
    pub(crate) parts: Vec<(String, usize)>,
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

/// Puts the changes of a file onto a network's weights, which keep them and add them where they are read. Every layer
/// of the file must be one of the network's.
pub(crate) fn apply(file: &LoraFile, weights: &mut Weights) -> Result<AdapterFile, DiffusionError> {
    apply_as(file, weights, &[])
}

/// The same where files may have other names for layers, `fused`.
pub(crate) fn apply_as(
    file: &LoraFile,
    weights: &mut Weights,
    fused: &[Fused],
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
    let targets = Targets::new(weights, fused);
    let mut used = 0;
    let mut found: Vec<(String, Adapter)> = Vec::new();
    for down_name in &names {
        let Some((layer, up_name)) = pair(down_name) else {
            continue;
        };
        if !changes.contains(&up_name) {
            return Err(refuse(format!("it has {down_name}, but not {up_name}")));
        }
        let Some(parts) = targets.find(layer) else {
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
        let shapes: Result<Vec<&[usize]>, _> =
            parts.iter().map(|part| weights.shape(part)).collect();
        let adapters =
            cut(&adapter, &shapes?).map_err(|reason| refuse(format!("{layer} {reason}")))?;
        used += 2 + usize::from(changes.contains(&format!("{layer}.alpha")));
        found.extend(parts.into_iter().zip(adapters));
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
    for (target, adapter) in found {
        weights.adapt(&target, adapter);
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

/// The factors against the shapes of what they change; of several, each gets its own rows.
fn cut(adapter: &Adapter, shapes: &[&[usize]]) -> Result<Vec<Adapter>, String> {
    let rows_of = |shape: &[usize]| shape.first().copied().unwrap_or(0);
    let columns_of = |shape: &[usize]| shape.iter().skip(1).product::<usize>();
    let rows: usize = shapes.iter().map(|shape| rows_of(shape)).sum();
    let columns = shapes.first().map_or(0, |shape| columns_of(shape));
    let fits = adapter.rank > 0
        && adapter.up.len() == rows * adapter.rank
        && adapter.down.len() == columns * adapter.rank
        && shapes.iter().all(|shape| columns_of(shape) == columns);
    if !fits {
        return Err(format!(
            "is {rows} x {columns} in the model; the file has {} and {} values of rank {}",
            adapter.up.len(),
            adapter.down.len(),
            adapter.rank
        ));
    }
    let mut up = adapter.up.as_slice();
    let part = |shape: &&[usize]| {
        let (own, rest) = up.split_at(rows_of(shape) * adapter.rank);
        up = rest;
        Adapter {
            down: adapter.down.clone(),
            up: own.to_vec(),
            ..*adapter
        }
    };
    Ok(shapes.iter().map(part).collect())
}

/// Names of weights by what files of changes call them.
struct Targets {
    plain: BTreeMap<String, Vec<String>>,
    /// With underscores for dots, as kohya's trainer writes them.
    flat: BTreeMap<String, Vec<String>>,
}

impl Targets {
    fn new(weights: &Weights, fused: &[Fused]) -> Self {
        let layers = weights
            .tensors()
            .filter_map(|tensor| tensor.name.strip_suffix(".weight"));
        let mut plain: BTreeMap<String, Vec<String>> = layers
            .map(|layer| (layer.to_owned(), vec![format!("{layer}.weight")]))
            .collect();
        for layer in fused {
            let parts = layer.parts.iter();
            let parts: Vec<String> = parts.map(|(name, _)| format!("{name}.weight")).collect();
            if parts.iter().all(|part| weights.contains(part)) {
                plain.entry(layer.name.clone()).or_insert(parts);
            }
        }
        let flat = plain
            .iter()
            .map(|(layer, names)| (layer.replace('.', "_"), names.clone()));
        Self {
            flat: flat.collect(),
            plain,
        }
    }

    fn find(&self, layer: &str) -> Option<Vec<String>> {
        if let Some(flat) = KOHYA.iter().find_map(|prefix| layer.strip_prefix(prefix)) {
            return self.flat.get(flat).cloned();
        }
        let mut layer = layer;
        loop {
            if let Some(names) = self.plain.get(layer) {
                return Some(names.clone());
            }
            layer = PREFIXES
                .iter()
                .find_map(|prefix| layer.strip_prefix(prefix))?;
        }
    }
}
