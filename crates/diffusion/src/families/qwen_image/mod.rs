//! Qwen-Image and Qwen-Image-2512 (arXiv 2508.02324): a transformer of two streams, the text part of Qwen2.5-VL, and
//! an auto-encoder it shares with a family of films.

mod transformer;

use candle_core::Tensor;
use serde_json::Value;

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
use crate::schedule::SigmaSchedule;
use crate::text::{Qwen, QwenConfig, Tokenizer};
use crate::vae::{Coder, QwenVae, QwenVaeConfig, answer};
use crate::weights::Weights;
use transformer::{Grid, Transformer, TransformerConfig};

pub(crate) const TEMPLATE: &str = "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n";
/// Tokens of the template before the prompt.
pub(crate) const PREFIX: usize = 34;
/// Most tokens after those: what the released pipeline uses by default.
const MOST_TOKENS: usize = 512;
/// Bytes of attention scores that exist at a time, with their shares.
const SCORES: u64 = 2 << 26;
/// Sizes the released models were trained for.
const SIZES: [(u32, u32); 7] = [
    (1328, 1328),
    (1664, 928),
    (928, 1664),
    (1472, 1104),
    (1104, 1472),
    (1584, 1056),
    (1056, 1584),
];

struct QwenImage {
    info: ModelInfo,
    family: Family,
    tokenizer: Tokenizer,
    text: Qwen,
    transformer: Transformer,
    coder: Coder<QwenVae>,
}

/// Hidden states of prompt and negative prompt.
struct Conditioning {
    with: Tensor,
    without: Option<Tensor>,
    grid: Grid,
}

/// Reads the headers of a folder whose pipeline is `QwenImagePipeline`.
pub(super) fn describe<'a>(parts: &'a Parts<'a>) -> Result<Opening<'a>, DiffusionError> {
    let (folder, options, compute) = (&parts.folder, parts.options, &parts.compute);
    let config: TransformerConfig = folder.config("transformer")?;
    let vae_config: QwenVaeConfig = folder.config("vae")?;
    let text_config = text_config(folder.config("text_encoder")?)?;
    let tokenizer = Tokenizer::open(&folder.part("tokenizer"))?;
    let mut transformer = parts.weights("transformer", options.transformer.as_deref())?;
    let text = parts.weights("text_encoder", options.text_encoder.as_deref())?;
    let vae = parts.weights("vae", None)?;
    transformer.weights.rename(plain_name)?;
    let adapters = parts.adapt(&mut transformer.weights)?;
    let layout = LatentLayout {
        channels: vae_config.z_dim,
        downscale: vae_config.downscale(),
        patch: config.patch_size,
        scaling: vae_config.scaling(),
    };
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
        default_steps: 50,
        default_guidance: 4.0,
        default_sampler: SamplerKind::FlowEuler,
        sizes: sizes?,
        size_rule: SizeRule {
            multiple_of: step,
            min_side: step,
            max_side: 4096,
            max_pixels: 4096 * 4096,
        },
    };
    let family = family(folder.schedule()?, layout.clone());
    let costs = costs(
        &config,
        &vae_config,
        &layout,
        &transformer.weights,
        &text.weights,
        &vae.weights,
        compute,
    );
    let load = move |info, family, streamed| {
        Pipeline::new(QwenImage {
            info,
            family,
            tokenizer,
            text: Qwen::new(text.weights, text_config, compute, streamed)?,
            transformer: Transformer::new(transformer.weights, config, compute, streamed)?,
            coder: Coder::new(
                QwenVae::new(&Part::exact(&vae.weights, compute), &vae_config)?,
                layout,
                options.tile,
                compute,
            ),
        })
    };
    Ok(Opening {
        info,
        family,
        costs,
        load: Box::new(load),
    })
}

fn costs(
    config: &TransformerConfig,
    vae_config: &QwenVaeConfig,
    layout: &LatentLayout,
    transformer: &Weights,
    text: &Weights,
    vae: &Weights,
    compute: &Compute,
) -> Costs {
    let large = compute.precision();
    let fixed = vae.resident_bytes(Precision::F32);
    let (of_transformer, of_text) = (
        transformer.resident_bytes(large),
        text.resident_bytes(large),
    );
    // The embedding table of the text encoder stays, and of each list of blocks two.
    let streamed = of_transformer * 2 / (config.num_layers.max(2) as u64) + of_text / 4;
    let (width, layout, decoder) = (
        config.width() as u64,
        layout.clone(),
        vae_config.widest() as u64,
    );
    let activations = move |size: Size| {
        let tokens = (layout.tokens(size) + MOST_TOKENS) as u64;
        // Two streams in and out, modulated, queries, keys, values, and the wide middle twice; in f32 where norms are.
        tokens * width * 20 * 4 + SCORES
    };
    Costs {
        resident: of_transformer + of_text + fixed,
        streamed: streamed + fixed,
        activations: Box::new(activations),
        decode: Box::new(move |size| size.pixels() * decoder * 4 * 4),
    }
}

fn family(schedule: SigmaSchedule, layout: LatentLayout) -> Family {
    Family {
        name: "qwen-image".to_owned(),
        text: TextTemplate {
            template: TEMPLATE.to_owned(),
            dropped_tokens: PREFIX,
            max_tokens: MOST_TOKENS,
            hidden_layers: vec![-1],
            empty_negative: " ".to_owned(),
        },
        time: TimeConvention::Sigma { scale: 1.0 },
        prediction: PredictionKind::FlowVelocity,
        schedule,
        guidance: GuidanceKind::ClassifierFreeRescaled,
        latents: Some(layout),
        seeded_conditioning: false,
    }
}

impl QwenImage {
    /// Hidden states of the tokens after the template's prefix, `[1, tokens, width]`.
    fn read(&self, prompt: &str) -> Result<Tensor, DiffusionError> {
        let text = &self.family.text;
        let mut ids = self.tokenizer.ids(&text.fill(prompt))?;
        let most = text.dropped_tokens + text.max_tokens;
        ids.truncate(most);
        if ids.len() <= text.dropped_tokens {
            return Err(DiffusionError::Description(format!(
                "the tokenizer makes {} tokens of template and prompt, of which {} belong to the template",
                ids.len(),
                text.dropped_tokens
            )));
        }
        let states = self
            .text
            .forward(&self.text.line(&ids)?, None, &text.hidden_layers)?;
        let kept = ids.len() - text.dropped_tokens;
        Ok(states[0].narrow(1, text.dropped_tokens, kept)?)
    }
}

impl Model for QwenImage {
    type Conditioning = Conditioning;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn family(&self) -> &Family {
        &self.family
    }

    fn encode(&self, request: &EncodeRequest<'_>) -> Result<Conditioning, DiffusionError> {
        let empty = self.family.text.empty_negative.as_str();
        let without =
            (request.guidance > 1.0).then(|| self.read(request.negative_prompt.unwrap_or(empty)));
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
        let velocity =
            self.transformer
                .forward(&image, &[conditioning.grid], text, None, &[time])?;
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

/// Newer exports keep the text part's numbers in a part of their own.
fn text_config(config: Value) -> Result<QwenConfig, DiffusionError> {
    let text = match config.get("text_config") {
        Some(text) if text.is_object() => text.clone(),
        _ => config,
    };
    serde_json::from_value(text)
        .map_err(|error| DiffusionError::Description(format!("text_encoder/config.json: {error}")))
}

/// ComfyUI's single files put their own prefix before the names of diffusers.
fn plain_name(name: &str) -> Option<String> {
    let name = name.strip_prefix("model.diffusion_model.").unwrap_or(name);
    let marker = ["scaled_fp8", "__index_timestep_zero__"];
    (!marker.contains(&name)).then(|| name.to_owned())
}

#[cfg(test)]
mod lora_tests;
#[cfg(test)]
pub(super) mod tests;
