//! Names of a FLUX transformer's layers: those of the original files (`double_blocks`, `single_blocks`; ComfyUI's
//! single files and GGUF have them too) beside those of diffusers.
//!
//! The original keeps queries, keys and values in one layer, and in the single blocks what enters the feed-forward
//! layers too. The last modulation has the shift first there and the scale first in diffusers, so here they are two
//! layers.

use std::collections::BTreeMap;

use super::transformer::TransformerConfig;
use crate::error::DiffusionError;
use crate::families::names;
use crate::lora::Fused;
use crate::weights::Weights;

/// What ComfyUI's files put before all names.
const PREFIXES: [&str; 2] = ["model.diffusion_model.", "diffusion_model."];
/// Tensors of a layer that are cut like its rows, and those that are one number for all of it.
const ROWS: [&str; 3] = ["weight.scale", "weight", "bias"];
const WHOLE: [&str; 2] = ["scale_weight", "weight_scale"];
/// Beginnings of diffusers' names.
const OWN: [&str; 6] = [
    "transformer_blocks.",
    "single_transformer_blocks.",
    "time_text_embed.",
    "context_embedder.",
    "x_embedder.",
    "proj_out.",
];

/// Every layer that has another name in the original, and diffusers' last modulation.
pub(super) fn layers(config: &TransformerConfig) -> Vec<Fused> {
    let width = config.width();
    let mut layers = Vec::new();
    let mut add = |name: String, parts: &[(String, usize)]| {
        layers.push(Fused {
            name,
            parts: parts.to_vec(),
        });
    };
    let one = |name: &str, rows: usize| vec![(name.to_owned(), rows)];
    add("img_in".to_owned(), &one("x_embedder", width));
    add("txt_in".to_owned(), &one("context_embedder", width));
    let last = config.in_channels;
    add("final_layer.linear".to_owned(), &one("proj_out", last));
    for (original, ours) in [
        ("time_in", "timestep_embedder"),
        ("vector_in", "text_embedder"),
        ("guidance_in", "guidance_embedder"),
    ] {
        for (layer, number) in [("in_layer", 1), ("out_layer", 2)] {
            let ours = format!("time_text_embed.{ours}.linear_{number}");
            add(format!("{original}.{layer}"), &one(&ours, width));
        }
    }
    let [shift, scale] = ["norm_out.shift", "norm_out.scale"].map(|name| (name.to_owned(), width));
    let original = "final_layer.adaLN_modulation.1".to_owned();
    add(original, &[shift.clone(), scale.clone()]);
    add("norm_out.linear".to_owned(), &[scale, shift]);
    for index in 0..config.num_layers {
        for (original, ours) in DOUBLE {
            let ours: Vec<(String, usize)> = ours
                .iter()
                .map(|(name, times)| (format!("transformer_blocks.{index}.{name}"), times * width))
                .collect();
            add(format!("double_blocks.{index}.{original}"), &ours);
        }
    }
    for index in 0..config.num_single_layers {
        for (original, ours) in SINGLE {
            let ours: Vec<(String, usize)> = ours
                .iter()
                .map(|(name, times)| {
                    let name = format!("single_transformer_blocks.{index}.{name}");
                    (name, times * width)
                })
                .collect();
            add(format!("single_blocks.{index}.{original}"), &ours);
        }
    }
    layers
}

/// A layer's name in a block and the names of its parts, with their rows in widths.
type InBlock = (&'static str, &'static [(&'static str, usize)]);

const DOUBLE: [InBlock; 10] = [
    ("img_mod.lin", &[("norm1.linear", 6)]),
    ("txt_mod.lin", &[("norm1_context.linear", 6)]),
    (
        "img_attn.qkv",
        &[("attn.to_q", 1), ("attn.to_k", 1), ("attn.to_v", 1)],
    ),
    (
        "txt_attn.qkv",
        &[
            ("attn.add_q_proj", 1),
            ("attn.add_k_proj", 1),
            ("attn.add_v_proj", 1),
        ],
    ),
    ("img_attn.proj", &[("attn.to_out.0", 1)]),
    ("txt_attn.proj", &[("attn.to_add_out", 1)]),
    ("img_mlp.0", &[("ff.net.0.proj", 4)]),
    ("img_mlp.2", &[("ff.net.2", 1)]),
    ("txt_mlp.0", &[("ff_context.net.0.proj", 4)]),
    ("txt_mlp.2", &[("ff_context.net.2", 1)]),
];

const SINGLE: [InBlock; 3] = [
    ("modulation.lin", &[("norm.linear", 3)]),
    (
        "linear1",
        &[
            ("attn.to_q", 1),
            ("attn.to_k", 1),
            ("attn.to_v", 1),
            ("proj_mlp", 4),
        ],
    ),
    ("linear2", &[("proj_out", 1)]),
];

/// Norms of queries and keys: they are no layers, and the original calls their weight `scale`.
const NORMS: [(&str, &str, &str, &str); 6] = [
    (
        "double_blocks.",
        "img_attn.norm.query_norm",
        "transformer_blocks.",
        "attn.norm_q",
    ),
    (
        "double_blocks.",
        "img_attn.norm.key_norm",
        "transformer_blocks.",
        "attn.norm_k",
    ),
    (
        "double_blocks.",
        "txt_attn.norm.query_norm",
        "transformer_blocks.",
        "attn.norm_added_q",
    ),
    (
        "double_blocks.",
        "txt_attn.norm.key_norm",
        "transformer_blocks.",
        "attn.norm_added_k",
    ),
    (
        "single_blocks.",
        "norm.query_norm",
        "single_transformer_blocks.",
        "attn.norm_q",
    ),
    (
        "single_blocks.",
        "norm.key_norm",
        "single_transformer_blocks.",
        "attn.norm_k",
    ),
];

/// Gives the tensors of a file of either kind the names and cuts that the transformer asks for. What is none of its
/// tensors, such as the other networks of a file that has them all, is left out.
pub(super) fn unify(weights: &mut Weights, layers: &[Fused]) -> Result<(), DiffusionError> {
    let by_name: BTreeMap<&str, &Fused> = layers
        .iter()
        .map(|layer| (layer.name.as_str(), layer))
        .collect();
    weights.rename(|name| {
        let prefix = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
        let name = prefix.unwrap_or(name);
        let kinds = ROWS.iter().chain(&WHOLE);
        let known = kinds.into_iter().find_map(|kind| {
            let layer = name.strip_suffix(kind)?.strip_suffix('.')?;
            Some((by_name.get(layer)?, kind))
        });
        if let Some((layer, kind)) = known {
            return Some(match layer.parts.as_slice() {
                [(ours, _)] => format!("{ours}.{kind}"),
                _ => name.to_owned(),
            });
        }
        norm(name).or_else(|| {
            let own = OWN.iter().any(|start| name.starts_with(start));
            own.then(|| name.to_owned())
        })
    })?;
    let fused: Vec<Fused> = layers
        .iter()
        .filter(|layer| layer.parts.len() > 1)
        .cloned()
        .collect();
    names::unify(weights, &fused)
}

/// The name of a norm of the original.
fn norm(name: &str) -> Option<String> {
    NORMS.iter().find_map(|(blocks, original, own, ours)| {
        let (index, rest) = name.strip_prefix(blocks)?.split_once('.')?;
        let kind = rest.strip_prefix(original)?;
        matches!(kind, ".scale" | ".weight").then(|| format!("{own}{index}.{ours}.weight"))
    })
}
