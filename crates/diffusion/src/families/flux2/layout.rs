//! Names of tensors in the original files of FLUX.2, which GGUF files and most single files keep, and those of
//! diffusers.

use super::transformer::SHIFT_FIRST;
use crate::error::DiffusionError;
use crate::weights::Weights;

/// Layers outside of blocks.
const OUTSIDE: [(&str, &str); 9] = [
    ("img_in", "x_embedder"),
    ("txt_in", "context_embedder"),
    (
        "time_in.in_layer",
        "time_guidance_embed.timestep_embedder.linear_1",
    ),
    (
        "time_in.out_layer",
        "time_guidance_embed.timestep_embedder.linear_2",
    ),
    (
        "double_stream_modulation_img.lin",
        "double_stream_modulation_img.linear",
    ),
    (
        "double_stream_modulation_txt.lin",
        "double_stream_modulation_txt.linear",
    ),
    (
        "single_stream_modulation.lin",
        "single_stream_modulation.linear",
    ),
    ("final_layer.adaLN_modulation.1", SHIFT_FIRST),
    ("final_layer.linear", "proj_out"),
];
/// Layers of a block of two streams; those of queries, keys and values in one are cut afterwards.
const DOUBLE: [(&str, &str); 12] = [
    ("img_attn.qkv", "attn.to_qkv"),
    ("img_attn.norm.query_norm", "attn.norm_q"),
    ("img_attn.norm.key_norm", "attn.norm_k"),
    ("img_attn.proj", "attn.to_out.0"),
    ("img_mlp.0", "ff.linear_in"),
    ("img_mlp.2", "ff.linear_out"),
    ("txt_attn.qkv", "attn.to_added_qkv"),
    ("txt_attn.norm.query_norm", "attn.norm_added_q"),
    ("txt_attn.norm.key_norm", "attn.norm_added_k"),
    ("txt_attn.proj", "attn.to_add_out"),
    ("txt_mlp.0", "ff_context.linear_in"),
    ("txt_mlp.2", "ff_context.linear_out"),
];
/// Layers of a block of one stream.
const SINGLE: [(&str, &str); 4] = [
    ("linear1", "attn.to_qkv_mlp_proj"),
    ("linear2", "attn.to_out"),
    ("norm.query_norm", "attn.norm_q"),
    ("norm.key_norm", "attn.norm_k"),
];
/// Layers that hold three in their rows, and those.
const FUSED: [(&str, [&str; 3]); 2] = [
    ("attn.to_qkv.weight", ["to_q", "to_k", "to_v"]),
    (
        "attn.to_added_qkv.weight",
        ["add_q_proj", "add_k_proj", "add_v_proj"],
    ),
];

/// Gives all tensors the names of diffusers; `width` is that of the transformer.
pub(super) fn plain(weights: &mut Weights, width: usize) -> Result<(), DiffusionError> {
    weights.rename(plain_name)?;
    for (fused, layers) in FUSED {
        let names = weights.tensors().map(|tensor| tensor.name);
        let blocks = names.filter_map(|name| name.strip_suffix(fused));
        let blocks: Vec<String> = blocks.map(str::to_owned).collect();
        for block in blocks {
            let parts = layers.map(|layer| (format!("{block}attn.{layer}.weight"), width));
            weights.split_rows(&format!("{block}{fused}"), &parts)?;
        }
    }
    Ok(())
}

fn plain_name(name: &str) -> Option<String> {
    let name = name.strip_prefix("model.diffusion_model.").unwrap_or(name);
    if name == "scaled_fp8" {
        return None;
    }
    let blocks = [
        ("double_blocks.", "transformer_blocks.", &DOUBLE[..]),
        ("single_blocks.", "single_transformer_blocks.", &SINGLE[..]),
    ];
    let renamed = blocks.iter().find_map(|(old, new, layers)| {
        let (index, within) = name.strip_prefix(old)?.split_once('.')?;
        Some(format!("{new}{index}.{}", layer_name(within, layers)?))
    });
    let renamed = renamed.or_else(|| layer_name(name, &OUTSIDE));
    Some(renamed.unwrap_or_else(|| name.to_owned()))
}

/// The new name of a layer's tensor; norms call their weight `scale` in the original files.
fn layer_name(name: &str, layers: &[(&str, &str)]) -> Option<String> {
    let (layer, kind) = name.rsplit_once('.')?;
    let (_, new) = layers.iter().find(|(old, _)| *old == layer)?;
    let kind = if kind == "scale" { "weight" } else { kind };
    Some(format!("{new}.{kind}"))
}
