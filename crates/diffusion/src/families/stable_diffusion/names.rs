//! Names of the network's layers in the files that the models were first published in, which single files and most
//! programs but diffusers still use: layers counted through on either side of the middle.

use super::config::{Kind, Skip, Unit};

/// What may stand before all names of the network.
const PREFIX: &str = "model.diffusion_model.";
/// Layers outside of the two lists: there, and in diffusers.
const SINGLE: [(&str, &str); 7] = [
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("label_emb.0.0", "add_embedding.linear_1"),
    ("label_emb.0.2", "add_embedding.linear_2"),
    ("input_blocks.0.0", "conv_in"),
    ("out.0", "conv_norm_out"),
    ("out.2", "conv_out"),
];
/// The same within a residual layer.
const RESIDUAL: [(&str, &str); 6] = [
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
];
/// Other networks of a single file.
const OTHERS: [&str; 7] = [
    "first_stage_model.",
    "cond_stage_model.",
    "conditioner.",
    "model_ema.",
    "text_encoders.",
    "vae.",
    "embedders.",
];

/// Beginnings of names, there and in diffusers.
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    pub(crate) fn new(units: &[Unit]) -> Self {
        let plain = SINGLE
            .iter()
            .map(|(old, new)| ((*old).to_owned(), (*new).to_owned()));
        let mut names = Self(plain.collect());
        // Number and next free place of the list's present entry.
        let (mut input, mut middle, mut output, mut place) = (0, 0, 0, 0);
        for unit in units {
            let Unit { block, index, .. } = unit;
            let residual = format!("{block}.resnets.{index}");
            let attention = format!("{block}.attentions.{index}");
            let depth = match unit.kind {
                Kind::Residual(depth) => depth,
                Kind::Halve => {
                    input += 1;
                    let old = format!("input_blocks.{input}.0.op");
                    names.add(old, format!("{block}.downsamplers.0.conv"));
                    continue;
                }
                Kind::Double => {
                    // Part of the entry before it.
                    let old = format!("output_blocks.{}.{place}.conv", output - 1);
                    names.add(old, format!("{block}.upsamplers.0.conv"));
                    continue;
                }
            };
            let (first, second) = match unit.skip {
                Skip::Keep => {
                    input += 1;
                    (
                        format!("input_blocks.{input}.0"),
                        format!("input_blocks.{input}.1"),
                    )
                }
                Skip::Join => {
                    place = if depth.is_some() { 2 } else { 1 };
                    output += 1;
                    let list = format!("output_blocks.{}", output - 1);
                    (format!("{list}.0"), format!("{list}.1"))
                }
                Skip::None => {
                    let own = format!("middle_block.{middle}");
                    middle += 2;
                    (own, format!("middle_block.{}", middle - 1))
                }
            };
            for (old, new) in RESIDUAL {
                names.add(format!("{first}.{old}"), format!("{residual}.{new}"));
            }
            if depth.is_some() {
                names.add(second, attention);
            }
        }
        names
    }

    fn add(&mut self, old: String, new: String) {
        self.0.push((old, new));
    }

    /// The name in diffusers of a tensor of either kind of file; nothing for those of other networks.
    pub(crate) fn plain(&self, name: &str) -> Option<String> {
        if name == "scaled_fp8" || OTHERS.iter().any(|other| name.starts_with(other)) {
            return None;
        }
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        if name == "scaled_fp8" {
            return None;
        }
        let renamed = self.0.iter().find_map(|(old, new)| {
            let rest = name.strip_prefix(old.as_str())?;
            rest.starts_with('.').then(|| format!("{new}{rest}"))
        });
        Some(renamed.unwrap_or_else(|| name.to_owned()))
    }

    /// The older name of a tensor that has diffusers' name, if it has another.
    pub(crate) fn original(&self, name: &str) -> Option<String> {
        self.0.iter().find_map(|(old, new)| {
            let rest = name.strip_prefix(new.as_str())?;
            rest.starts_with('.').then(|| format!("{old}{rest}"))
        })
    }
}
