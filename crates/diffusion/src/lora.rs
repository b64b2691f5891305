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

/// A layer that files call by another name than a network does, or that the network has in parts.
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

/// A network that changes may be for, and what files call its layers.
pub(crate) struct Target<'a> {
    weights: &'a mut Weights,
    names: Names,
    /// What kohya's trainer writes before its layers.
    kohya: &'static [&'static str],
    /// What others do: any number of these, or exactly one where the network is not the main one.
    prefixes: &'static [&'static str],
    main: bool,
}

impl<'a> Target<'a> {
    /// The network that makes the picture. `fused` has other names of its layers.
    pub(crate) fn network(weights: &'a mut Weights, fused: &[Fused]) -> Self {
        Self {
            names: Names::new(weights, fused),
            weights,
            kohya: &KOHYA,
            prefixes: &PREFIXES,
            main: true,
        }
    }

    /// The first or second text encoder of CLIP, its tensors without `text_model.` before their names.
    pub(crate) fn clip(weights: &'a mut Weights, second: bool) -> Self {
        let longer: Vec<Fused> = layers(weights)
            .map(|layer| Fused {
                name: format!("text_model.{layer}"),
                parts: vec![(layer.to_owned(), 0)],
            })
            .collect();
        let (kohya, prefixes): (&[&str], &[&str]) = if second {
            (&["lora_te2_"], &["text_encoder_2."])
        } else {
            (&["lora_te_", "lora_te1_"], &["text_encoder."])
        };
        Self {
            names: Names::new(weights, &longer),
            weights,
            kohya,
            prefixes,
            main: false,
        }
    }

    /// The weights that a file means by the name of a layer.
    fn find(&self, layer: &str) -> Option<&Vec<String>> {
        if let Some(flat) = strip(layer, self.kohya) {
            return self.names.flat.get(flat);
        }
        if !self.main {
            return self.names.plain.get(strip(layer, self.prefixes)?);
        }
        let mut layer = layer;
        loop {
            if let Some(names) = self.names.plain.get(layer) {
                return Some(names);
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

/// Names of tensors without what says that they are weights.
fn layers(weights: &Weights) -> impl Iterator<Item = &str> {
    weights
        .tensors()
        .filter_map(|tensor| tensor.name.strip_suffix(".weight"))
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
        let Some((index, parts)) = known else {
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
        let shapes: Result<Vec<&[usize]>, _> = parts
            .iter()
            .map(|part| targets[index].weights.shape(part))
            .collect();
        let adapters =
            cut(&adapter, &shapes?).map_err(|reason| refuse(format!("{layer} {reason}")))?;
        used += 2 + usize::from(changes.contains(&format!("{layer}.alpha")));
        let parts = parts.iter().zip(adapters);
        found.extend(parts.map(|(part, adapter)| (index, part.clone(), adapter)));
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

/// Names of weights by what files of changes call their layers.
struct Names {
    plain: BTreeMap<String, Vec<String>>,
    /// With underscores for dots, as kohya's trainer writes them.
    flat: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn new(weights: &Weights, fused: &[Fused]) -> Self {
        let mut plain: BTreeMap<String, Vec<String>> = layers(weights)
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
}
