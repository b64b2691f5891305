//! Names of layers in the original files of FLUX.2, which GGUF files and most single files keep, beside those of
//! diffusers. The last modulation has the shift first there and the scale first in diffusers, so here they are two
//! layers.

use super::transformer::TransformerConfig;
use crate::error::DiffusionError;
use crate::families::names;
use crate::lora::Fused;
use crate::weights::Weights;

/// What single files put before all names.
const PREFIX: &str = "model.diffusion_model.";
/// The two layers of the last modulation.
pub(super) const SHIFT: &str = "norm_out.shift";
pub(super) const SCALE: &str = "norm_out.scale";

/// A layer's name in a block, and those of its parts.
type InBlock = (&'static str, &'static [&'static str]);

/// Layers of a block of two streams.
const DOUBLE: [InBlock; 8] = [
    ("img_attn.qkv", &["attn.to_q", "attn.to_k", "attn.to_v"]),
    ("img_attn.proj", &["attn.to_out.0"]),
    ("img_mlp.0", &["ff.linear_in"]),
    ("img_mlp.2", &["ff.linear_out"]),
    (
        "txt_attn.qkv",
        &["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
    ),
    ("txt_attn.proj", &["attn.to_add_out"]),
    ("txt_mlp.0", &["ff_context.linear_in"]),
    ("txt_mlp.2", &["ff_context.linear_out"]),
];
/// Layers of a block of one stream.
const SINGLE: [InBlock; 2] = [
    ("linear1", &["attn.to_qkv_mlp_proj"]),
    ("linear2", &["attn.to_out"]),
];
/// Norms of queries and keys in both kinds of blocks; the original calls their weight `scale`.
const NORMS: [(&str, &str); 6] = [
    ("img_attn.norm.query_norm", "attn.norm_q"),
    ("img_attn.norm.key_norm", "attn.norm_k"),
    ("txt_attn.norm.query_norm", "attn.norm_added_q"),
    ("txt_attn.norm.key_norm", "attn.norm_added_k"),
    ("norm.query_norm", "attn.norm_q"),
    ("norm.key_norm", "attn.norm_k"),
];
/// Names that blocks have in the original and in diffusers.
const BLOCKS: [(&str, &str); 2] = [
    ("double_blocks.", "transformer_blocks."),
    ("single_blocks.", "single_transformer_blocks."),
];

/// Every layer that has another name in the original, and diffusers' last modulation.
pub(super) fn layers(config: &TransformerConfig) -> Vec<Fused> {
    let (width, hidden) = (config.width(), config.hidden());
    let mut layers = Vec::new();
    let mut add = |name: String, parts: Vec<(String, usize)>| layers.push(Fused { name, parts });
    let time = "time_guidance_embed.timestep_embedder.linear_";
    for (original, ours, rows) in [
        ("img_in", "x_embedder".to_owned(), width),
        ("txt_in", "context_embedder".to_owned(), width),
        ("time_in.in_layer", format!("{time}1"), width),
        ("time_in.out_layer", format!("{time}2"), width),
        (
            "final_layer.linear",
            "proj_out".to_owned(),
            config.in_channels,
        ),
    ] {
        add(original.to_owned(), vec![(ours, rows)]);
    }
    for (name, pieces) in [
        ("double_stream_modulation_img", 6),
        ("double_stream_modulation_txt", 6),
        ("single_stream_modulation", 3),
    ] {
        let ours = format!("{name}.linear");
        add(format!("{name}.lin"), vec![(ours, pieces * width)]);
    }
    let [shift, scale] = [SHIFT, SCALE].map(|name| (name.to_owned(), width));
    let original = "final_layer.adaLN_modulation.1".to_owned();
    add(original, vec![shift.clone(), scale.clone()]);
    add("norm_out.linear".to_owned(), vec![scale, shift]);
    let counts = [config.num_layers, config.num_single_layers];
    for ((kind, count), of_kind) in BLOCKS.iter().zip(counts).zip([&DOUBLE[..], &SINGLE[..]]) {
        for index in 0..count {
            for (original, parts) in of_kind {
                let rows = match *original {
                    "img_mlp.0" | "txt_mlp.0" => 2 * hidden,
                    "linear1" => 3 * width + 2 * hidden,
                    _ => width,
                };
                let part = |name: &&str| (format!("{}{index}.{name}", kind.1), rows);
                let parts = parts.iter().map(part).collect();
                add(format!("{}{index}.{original}", kind.0), parts);
            }
        }
    }
    layers
}

/// Gives all tensors of a file of either kind the names that the transformer asks for.
pub(super) fn plain(weights: &mut Weights, layers: &[Fused]) -> Result<(), DiffusionError> {
    weights.rename(|name| {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        let marker = name == "scaled_fp8";
        (!marker).then(|| norm(name).unwrap_or_else(|| name.to_owned()))
    })?;
    names::unify(weights, layers)
}

/// The name of a norm of the original.
fn norm(name: &str) -> Option<String> {
    let (name, kind) = name.rsplit_once('.')?;
    if !matches!(kind, "scale" | "weight") {
        return None;
    }
    let block = |(original, ours): &(&str, &str)| {
        let (index, within) = name.strip_prefix(original)?.split_once('.')?;
        let (_, norm) = NORMS.iter().find(|(original, _)| *original == within)?;
        Some(format!("{ours}{index}.{norm}.weight"))
    };
    BLOCKS.iter().find_map(block)
}
