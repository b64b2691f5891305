//! FLUX.2 klein (Black Forest Labs): a transformer of two streams and then one, three layers of Qwen3 side by side,
//! and an auto-encoder of 32 channels.

mod layout;
mod transformer;

use candle_core::{D, Tensor};

use crate::device::{Compute, Precision};
use crate::error::DiffusionError;
use crate::families::{Costs, Opening, Parts};
use crate::family::{
    Family, GuidanceKind, LatentLayout, PredictionKind, TextTemplate, TimeConvention,
};
use crate::image::FloatImage;
use crate::info::{ModelInfo, SizeRule};
use crate::model::{Branch, EncodeRequest, Latents, Model};
use crate::nets::Part;
use crate::pipeline::Pipeline;
use crate::request::Size;
use crate::sampler::SamplerKind;
use crate::schedule::{Shift, SigmaSchedule};
use crate::text::{Qwen, QwenConfig, Tokenizer, there};
use crate::vae::{Coder, KlConfig, KlVae, PatchNormConfig, answer};
use crate::weights::Weights;
use transformer::{Grid, Transformer, TransformerConfig};

/// What the template of Qwen3 makes of a single message where it may not think.
const TEMPLATE: &str =
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
/// Tokens with those of the template. Shorter prompts are filled up; the transformer looks at what fills up too.
const TOKENS: usize = 512;
/// Hidden states of the text encoder that are used, side by side.
const STATES: [i32; 3] = [9, 18, 27];
/// Layers of it that are loaded: one more than those, so that the last state is not taken for the normed one.
const LAYERS: usize = 28;
/// Bytes of attention scores that exist at a time, with their shares.
const SCORES: u64 = 2 << 26;
/// Sizes of about a megapixel; the model takes any up to four.
const SIZES: [(u32, u32); 7] = [
    (1024, 1024),
    (1152, 896),
    (896, 1152),
    (1248, 832),
    (832, 1248),
    (1344, 768),
    (768, 1344),
];

struct Flux2 {
    info: ModelInfo,
    family: Family,
    tokenizer: Tokenizer,
    text: Qwen,
    transformer: Transformer,
    coder: Coder<KlVae>,
    compute: Compute,
}

/// Hidden states of prompt and negative prompt, `[1, tokens, 3 * width]`.
struct Conditioning {
    with: Tensor,
    without: Option<Tensor>,
    grid: Grid,
}

/// Reads the headers of a folder whose pipeline is `Flux2KleinPipeline`, and the auto-encoder's statistics.
pub(super) fn describe<'a>(parts: &'a Parts<'a>) -> Result<Opening<'a>, DiffusionError> {
    let (folder, options, compute) = (&parts.folder, parts.options, &parts.compute);
    let config: TransformerConfig = folder.config("transformer")?;
    let vae_config: KlConfig = folder.config("vae")?;
    let norm: PatchNormConfig = folder.config("vae")?;
    let mut text_config: QwenConfig = folder.config("text_encoder")?;
    let patch = norm.patch()?;
    config.check()?;
    if !config.in_channels.is_multiple_of(patch * patch)
        || config.in_channels / (patch * patch) != vae_config.latent_channels
        || !config.joint_attention_dim.is_multiple_of(STATES.len())
        || config.joint_attention_dim / STATES.len() != text_config.hidden_size
    {
        return Err(DiffusionError::Description(
            "transformer, auto-encoder and text encoder do not fit together".to_owned(),
        ));
    }
    let tokenizer = Tokenizer::open(&folder.part("tokenizer"))?;
    let mut transformer = parts.weights("transformer", options.transformer.as_deref())?;
    let mut text = parts.weights("text_encoder", options.text_encoder.as_deref())?;
    let mut vae = parts.weights("vae", None)?;
    let layers = layout::layers(&config);
    layout::plain(&mut transformer.weights, &layers)?;
    KlVae::rename(&mut vae.weights)?;
    let adapters = parts.adapt_as(&mut transformer.weights, &layers)?;
    let layout = LatentLayout {
        channels: vae_config.latent_channels,
        downscale: vae_config.downscale(),
        patch,
        scaling: norm.scaling(&vae.weights, vae_config.latent_channels)?,
    };
    let distilled = folder.flag("is_distilled") == Some(true);
    let sizes: Result<Vec<Size>, _> = SIZES.iter().map(|(w, h)| Size::new(*w, *h)).collect();
    let parameters = [&transformer.weights, &text.weights, &vae.weights];
    let step = (layout.downscale * layout.patch) as u32;
    let info = ModelInfo {
        id: folder.id(),
        name: folder.name(),
        version: String::new(),
        license: folder.license(),
        parameters: parameters.iter().map(|weights| weights.parameters()).sum(),
        weights: [&transformer.files[..], &text.files, &vae.files].concat(),
        adapters,
        training_data: Vec::new(),
        built_in: false,
        default_steps: if distilled { 4 } else { 50 },
        default_guidance: if distilled { 1.0 } else { 4.0 },
        default_sampler: SamplerKind::FlowEuler,
        sizes: sizes?,
        size_rule: SizeRule {
            multiple_of: step,
            min_side: step,
            max_side: 4096,
            max_pixels: 4096 * 4096,
        },
    };
    text.weights
        .rename(|name| is_used(name).then(|| name.to_owned()))?;
    text_config.num_hidden_layers = text_config.num_hidden_layers.min(LAYERS);
    let family = family(schedule(folder.schedule()?), layout.clone(), distilled);
    let costs = costs(
        &config,
        &vae_config,
        &layout,
        [&transformer.weights, &text.weights, &vae.weights],
        compute,
    );
    let load = move |info, family, streamed| {
        Pipeline::new(Flux2 {
            info,
            family,
            tokenizer,
            text: Qwen::new(text.weights, text_config, compute, streamed)?,
            transformer: Transformer::new(transformer.weights, config, compute, streamed)?,
            coder: Coder::new(
                KlVae::new(&Part::exact(&vae.weights, compute), &vae_config)?,
                layout,
                options.tile,
                compute,
            ),
            compute: compute.clone(),
        })
    };
    Ok(Opening {
        info,
        family,
        costs,
        load: Box::new(load),
    })
}

/// Whether a tensor of the text encoder is not of a layer beyond those used, by the names of `transformers` or of
/// llama.cpp.
fn is_used(name: &str) -> bool {
    let number = |before: &str| {
        let (_, rest) = name.split_once(before)?;
        rest.split('.').next()?.parse::<usize>().ok()
    };
    let layer = number("layers.").or_else(|| number("blk."));
    layer.is_none_or(|layer| layer < LAYERS)
}

/// The scheduler's own numbers of a dynamic shift are not those the model is sampled with.
fn schedule(found: SigmaSchedule) -> SigmaSchedule {
    match found {
        SigmaSchedule::Flow {
            end,
            shift: Shift::Dynamic { .. },
            terminal,
        } => SigmaSchedule::Flow {
            end,
            shift: Shift::FLUX2,
            terminal,
        },
        other => other,
    }
}

fn costs(
    config: &TransformerConfig,
    vae_config: &KlConfig,
    layout: &LatentLayout,
    [transformer, text, vae]: [&Weights; 3],
    compute: &Compute,
) -> Costs {
    let large = compute.precision();
    let fixed = vae.resident_bytes(Precision::F32);
    let (of_transformer, of_text) = (
        transformer.resident_bytes(large),
        text.resident_bytes(large),
    );
    // The embedding table of the text encoder stays, and of each list of blocks two; one of two streams is as large
    // as about two of one.
    let blocks = (2 * config.num_layers + config.num_single_layers).max(4) as u64;
    let streamed = of_transformer * 4 / blocks + of_text / 4;
    let (width, layout, decoder) = (
        config.width() as u64,
        layout.clone(),
        vae_config.widest() as u64,
    );
    let activations = move |size: Size| {
        let tokens = (layout.tokens(size) + TOKENS) as u64;
        // In and out, modulated, queries, keys, values, and the wide middle twice; in f32 where norms are.
        tokens * width * 22 * 4 + SCORES
    };
    Costs {
        resident: of_transformer + of_text + fixed,
        streamed: streamed + fixed,
        activations: Box::new(activations),
        decode: Box::new(move |size| size.pixels() * decoder * 4 * 4),
    }
}

fn family(schedule: SigmaSchedule, layout: LatentLayout, distilled: bool) -> Family {
    Family {
        name: "flux2-klein".to_owned(),
        text: TextTemplate {
            template: TEMPLATE.to_owned(),
            dropped_tokens: 0,
            max_tokens: TOKENS,
            hidden_layers: STATES.to_vec(),
            empty_negative: String::new(),
        },
        time: TimeConvention::Sigma { scale: 1.0 },
        prediction: PredictionKind::FlowVelocity,
        schedule,
        guidance: if distilled {
            GuidanceKind::None
        } else {
            GuidanceKind::ClassifierFree
        },
        latents: Some(layout),
        seeded_conditioning: false,
    }
}

/// Hidden states of a prompt, `[1, tokens, 3 * width]`.
fn read(
    prompt: &str,
    text: &TextTemplate,
    tokenizer: &Tokenizer,
    encoder: &Qwen,
    compute: &Compute,
) -> Result<Tensor, DiffusionError> {
    let padded = tokenizer.padded(&text.fill(prompt), text.max_tokens, false)?;
    let used = there(padded.used, text.max_tokens, compute)?;
    let line = encoder.line(&padded.ids)?;
    let states = encoder.forward(&line, Some(&used), &text.hidden_layers)?;
    Ok(Tensor::cat(&states, D::Minus1)?)
}

impl Flux2 {
    fn read(&self, prompt: &str) -> Result<Tensor, DiffusionError> {
        let text = &self.family.text;
        read(prompt, text, &self.tokenizer, &self.text, &self.compute)
    }
}

impl Model for Flux2 {
    type Conditioning = Conditioning;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn family(&self) -> &Family {
        &self.family
    }

    fn encode(&self, request: &EncodeRequest<'_>) -> Result<Conditioning, DiffusionError> {
        let empty = self.family.text.empty_negative.as_str();
        let guided = self.family.guidance.takes_negative_prompt() && request.guidance > 1.0;
        let without = guided.then(|| self.read(request.negative_prompt.unwrap_or(empty)));
        Ok(Conditioning {
            with: self.read(request.prompt)?,
            without: without.transpose()?,
            grid: self.coder.grid(request.size),
        })
    }

    fn latent_shape(&self, size: Size, _: &Conditioning) -> Vec<usize> {
        self.coder.layout().shape(size)
    }

    fn denoise(
        &self,
        latents: &Latents,
        time: f32,
        conditioning: &Conditioning,
        branch: Branch,
    ) -> Result<Latents, DiffusionError> {
        let text = match (branch, &conditioning.without) {
            (Branch::Unconditional, Some(text)) => text,
            _ => &conditioning.with,
        };
        let image = self.coder.tensor(latents)?;
        let velocity = self
            .transformer
            .forward(&image, conditioning.grid, text, &[time])?;
        answer(latents, &velocity)
    }

    fn decode(
        &self,
        latents: &Latents,
        size: Size,
        _: &Conditioning,
    ) -> Result<FloatImage, DiffusionError> {
        self.coder.decode(latents, size)
    }

    fn encode_picture(&self, picture: &FloatImage, size: Size) -> Result<Latents, DiffusionError> {
        self.coder.encode(picture, size)
    }
}

#[cfg(test)]
pub(super) mod tests;
