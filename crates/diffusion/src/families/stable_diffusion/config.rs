//! What `unet/config.json` says, and the network's layers in the order they are computed in.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::DiffusionError;
use crate::nets::Result;

/// Bounds of what a file may ask for.
const MOST_STAGES: usize = 8;
const MOST_LAYERS: usize = 64;
const MOST_CHANNELS: usize = 1 << 16;

/// Settings of other networks of this class, and the values (as JSON) that leave it one of these.
const FIXED: [(&str, &[&str]); 26] = [
    ("act_fn", &["\"silu\"", "\"swish\""]),
    ("attention_type", &["\"default\""]),
    ("center_input_sample", &["false"]),
    ("class_embed_type", &[]),
    ("class_embeddings_concat", &["false"]),
    ("conv_in_kernel", &["3"]),
    ("conv_out_kernel", &["3"]),
    ("cross_attention_norm", &[]),
    ("downsample_padding", &["1"]),
    ("dual_cross_attention", &["false"]),
    ("encoder_hid_dim", &[]),
    ("encoder_hid_dim_type", &[]),
    ("flip_sin_to_cos", &["true"]),
    ("freq_shift", &["0", "0.0"]),
    ("mid_block_only_cross_attention", &["false"]),
    ("mid_block_scale_factor", &["1", "1.0"]),
    ("mid_block_type", &["\"UNetMidBlock2DCrossAttn\""]),
    ("num_attention_heads", &[]),
    ("num_class_embeds", &[]),
    ("only_cross_attention", &["false"]),
    ("resnet_out_scale_factor", &["1", "1.0"]),
    ("resnet_skip_time_act", &["false"]),
    ("resnet_time_scale_shift", &["\"default\""]),
    ("reverse_transformer_layers_per_block", &[]),
    ("time_cond_proj_dim", &[]),
    ("time_embedding_type", &["\"positional\""]),
];

/// `unet/config.json` of diffusers' `UNet2DConditionModel`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct UnetConfig {
    /// Latents of a side that it was trained for.
    #[serde(default)]
    sample_size: Option<usize>,
    pub(crate) in_channels: usize,
    out_channels: usize,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    pub(crate) block_out_channels: Vec<usize>,
    layers_per_block: Each,
    /// The number of heads, for all that its name says: diffusers read it so from the start.
    attention_head_dim: Each,
    #[serde(default = "one")]
    transformer_layers_per_block: Each,
    pub(crate) cross_attention_dim: usize,
    #[serde(default = "thirty_two")]
    pub(crate) norm_num_groups: usize,
    #[serde(default = "epsilon")]
    pub(crate) norm_eps: f64,
    /// Linear layers around the blocks of attention, not convolutions of one pixel.
    #[serde(default)]
    pub(crate) use_linear_projection: bool,
    #[serde(default)]
    addition_embed_type: Option<String>,
    #[serde(default)]
    addition_time_embed_dim: Option<usize>,
    #[serde(default)]
    projection_class_embeddings_input_dim: Option<usize>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A number for all stages or one for each.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Each {
    All(usize),
    One(Vec<usize>),
}

impl Each {
    /// Of a stage, 0 where there is none.
    fn of(&self, stage: usize) -> usize {
        match self {
            Self::All(number) => *number,
            Self::One(numbers) => numbers.get(stage).copied().unwrap_or(0),
        }
    }
}

fn one() -> Each {
    Each::All(1)
}

fn thirty_two() -> usize {
    32
}

fn epsilon() -> f64 {
    1e-5
}

/// Widths of what is added to the time (`text_time`): pooled text and six numbers on the picture's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    /// Of the pooled text.
    pub(crate) pooled: usize,
    /// Of the sines and cosines of one number.
    pub(crate) number: usize,
}

/// Numbers on the picture's size.
pub(crate) const SIZES: usize = 6;

impl UnetConfig {
    /// Refuses what is no network of this family, so that nothing later can fail for it.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |reason: String| {
            Err(DiffusionError::Description(format!(
                "unet/config.json: {reason}"
            )))
        };
        for (name, allowed) in FIXED {
            let value = self.others.get(name).unwrap_or(&Value::Null);
            if !value.is_null() && !allowed.contains(&value.to_string().as_str()) {
                return refuse(format!("{name} of {value} is not supported"));
            }
        }
        let stages = self.block_out_channels.len();
        if !(1..=MOST_STAGES).contains(&stages)
            || self.down_block_types.len() != stages
            || self.up_block_types.len() != stages
        {
            return refuse(format!(
                "1 to {MOST_STAGES} stages, of each a width and two kinds of blocks, are possible"
            ));
        }
        let known = |kind: &String, attends: &str, plain: &str| kind == attends || kind == plain;
        let down = self.down_block_types.iter();
        let up = self.up_block_types.iter();
        let strange = down
            .filter(|kind| !known(kind, "CrossAttnDownBlock2D", "DownBlock2D"))
            .chain(up.filter(|kind| !known(kind, "CrossAttnUpBlock2D", "UpBlock2D")))
            .next();
        if let Some(strange) = strange {
            return refuse(format!("blocks of the kind {strange:?} are not supported"));
        }
        for (stage, width) in self.block_out_channels.iter().enumerate() {
            let heads = self.attention_head_dim.of(stage);
            let (layers, deep) = (
                self.layers_per_block.of(stage),
                self.transformer_layers_per_block.of(stage),
            );
            let possible = (1..=MOST_CHANNELS).contains(width)
                && heads > 0
                && width.is_multiple_of(heads)
                && (1..=MOST_LAYERS).contains(&layers)
                && (1..=MOST_LAYERS).contains(&deep);
            if !possible {
                return refuse(format!(
                    "{width} channels in {heads} heads, {layers} layers and {deep} of attention in stage {stage}"
                ));
            }
        }
        if !self.block_out_channels[0].is_multiple_of(2) || self.in_channels != self.out_channels {
            return refuse(
                "an odd width, or other channels in than out, as for filling in pictures"
                    .to_owned(),
            );
        }
        self.added().map(drop)
    }

    /// What is added to the time.
    pub(crate) fn added(&self) -> Result<Option<Added>> {
        match self.addition_embed_type.as_deref() {
            None => return Ok(None),
            Some("text_time") => {}
            Some(other) => {
                return Err(DiffusionError::Description(format!(
                    "unet/config.json: addition_embed_type {other:?} is not supported"
                )));
            }
        }
        let number = self.addition_time_embed_dim.unwrap_or(0);
        let whole = self.projection_class_embeddings_input_dim.unwrap_or(0);
        let pooled = number
            .checked_mul(SIZES)
            .and_then(|sizes| whole.checked_sub(sizes));
        match pooled {
            Some(pooled) if pooled > 0 && number > 0 && number.is_multiple_of(2) => {
                Ok(Some(Added { pooled, number }))
            }
            _ => Err(DiffusionError::Description(format!(
                "unet/config.json: {whole} numbers beside the time, of which {SIZES} times {number} tell the size"
            ))),
        }
    }

    /// Latents of a side that it was trained for.
    pub(crate) fn trained_side(&self) -> usize {
        self.sample_size.unwrap_or(64).clamp(1, 512)
    }

    /// Width of the time as the layers are told it.
    pub(crate) fn time_width(&self) -> usize {
        4 * self.block_out_channels[0]
    }

    /// All layers between the first and the last convolution, in their order. The configuration was checked.
    pub(crate) fn units(&self) -> Vec<Unit> {
        let widths = &self.block_out_channels;
        let last = widths.len() - 1;
        let depth = |stage: usize, kind: &str| {
            kind.starts_with("CrossAttn").then(|| Depth {
                heads: self.attention_head_dim.of(stage),
                layers: self.transformer_layers_per_block.of(stage),
            })
        };
        let mut width = widths[0];
        let mut kept = vec![width];
        let mut units = Vec::new();
        for (stage, output) in widths.iter().enumerate() {
            let block = format!("down_blocks.{stage}");
            for index in 0..self.layers_per_block.of(stage) {
                let kind = Kind::Residual(depth(stage, &self.down_block_types[stage]));
                units.push(Unit::new(&block, index, kind, Skip::Keep, width, *output));
                width = *output;
                kept.push(width);
            }
            if stage < last {
                units.push(Unit::new(&block, 0, Kind::Halve, Skip::Keep, width, width));
                kept.push(width);
            }
        }
        let middle = [depth(last, "CrossAttn"), None];
        for (index, depth) in middle.into_iter().enumerate() {
            let kind = Kind::Residual(depth);
            units.push(Unit::new(
                "mid_block",
                index,
                kind,
                Skip::None,
                width,
                width,
            ));
        }
        for (up, stage) in (0..widths.len()).rev().enumerate() {
            let block = format!("up_blocks.{up}");
            let output = widths[stage];
            for index in 0..=self.layers_per_block.of(stage) {
                let kind = Kind::Residual(depth(stage, &self.up_block_types[up]));
                // As many were kept as are asked for: one a layer, one a halving, and the first.
                let input = width + kept.pop().unwrap_or(0);
                units.push(Unit::new(&block, index, kind, Skip::Join, input, output));
                width = output;
            }
            if up < last {
                units.push(Unit::new(&block, 0, Kind::Double, Skip::None, width, width));
            }
        }
        units
    }
}

/// Heads and number of the transformer layers after a residual layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) heads: usize,
    pub(crate) layers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A residual layer that is told the time, and attention after it.
    Residual(Option<Depth>),
    /// A convolution that halves both sides.
    Halve,
    /// Each pixel twice along both sides, then a convolution.
    Double,
}

/// What a layer has to do with those on the other side of the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// What comes out is kept for one of them.
    Keep,
    /// What the last of them kept is put beside what comes in.
    Join,
    None,
}

/// One step of the way through the network: what is held in memory at a time where layers are streamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Block by its name in diffusers, such as `down_blocks.1`.
    pub(crate) block: String,
    /// Number of the residual layer in the block.
    pub(crate) index: usize,
    pub(crate) kind: Kind,
    pub(crate) skip: Skip,
    /// Channels in, with those that are put beside.
    pub(crate) input: usize,
    pub(crate) output: usize,
}

impl Unit {
    fn new(block: &str, index: usize, kind: Kind, skip: Skip, input: usize, output: usize) -> Self {
        Self {
            block: block.to_owned(),
            index,
            kind,
            skip,
            input,
            output,
        }
    }
}
