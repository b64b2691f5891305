//! FLUX.1 schnell and dev (Black Forest Labs, 2024): a transformer of two streams and then one, T5 and the pooled
//! output of CLIP, and an auto-encoder of 16 channels. dev is told its guidance scale; schnell has none.

mod names;
mod transformer;

use candle_core::Tensor;

use crate::device::Precision;
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
use crate::text::{Clip, ClipConfig, T5, T5Config, Tokenizer};
use crate::vae::{Coder, KlConfig, KlVae, answer};
use crate::weights::Weights;
use transformer::{Grid, Told, Transformer, TransformerConfig};

/// Latents of a side for one token.
const PATCH: usize = 2;
/// Tokens that the prompt is filled up to for T5, padding being text like all else: in schnell and in dev.
const TOKENS: [usize; 2] = [256, 512];
/// Bytes of attention scores that exist at a time, with their shares.
const SCORES: u64 = 2 << 26;
/// About a megapixel, of which the models were trained with many shapes.
const SIZES: [(u32, u32); 7] = [
    (1024, 1024),
    (1360, 768),
    (768, 1360),
    (1152, 896),
    (896, 1152),
    (1216, 832),
    (832, 1216),
];

struct Flux {
    info: ModelInfo,
    family: Family,
    text: Texts,
    transformer: Transformer,
    coder: Coder<KlVae>,
}

/// Both text encoders and their tokenizers.
struct Texts {
    clip_tokenizer: Tokenizer,
    clip: Clip,
    /// Tokens that CLIP has positions for.
    clip_tokens: usize,
    t5_tokenizer: Tokenizer,
    t5: T5,
    t5_tokens: usize,
}

/// What a prompt becomes.
struct Conditioning {
    /// T5's hidden states, `[1, tokens, width]`.
    text: Tensor,
    /// CLIP's pooled output, `[1, width]`.
    pooled: Tensor,
    guidance: f32,
    grid: Grid,
}

/// Reads the headers of a folder whose pipeline is `FluxPipeline`. Where other weights of the text encoder are named,
/// they are T5's.
pub(super) fn describe<'a>(parts: &'a Parts<'a>) -> Result<Opening<'a>, DiffusionError> {
    let (folder, options, compute) = (&parts.folder, parts.options, &parts.compute);
    let config: TransformerConfig = folder.config("transformer")?;
    config.check()?;
    let vae_config: KlConfig = folder.config("vae")?;
    let clip_config: ClipConfig = folder.config("text_encoder")?;
    let t5_config: T5Config = folder.config("text_encoder_2")?;
    check(&config, &vae_config, &clip_config, &t5_config)?;
    let clip_tokenizer = Tokenizer::open(&folder.part("tokenizer"))?;
    let t5_tokenizer = Tokenizer::open(&folder.part("tokenizer_2"))?;
    let mut transformer = parts.weights("transformer", options.transformer.as_deref())?;
    let clip = parts.weights("text_encoder", None)?;
    let t5 = parts.weights("text_encoder_2", options.text_encoder.as_deref())?;
    let mut vae = parts.weights("vae", None)?;
    let layers = names::layers(&config);
    names::unify(&mut transformer.weights, &layers)?;
    let adapters = parts.adapt_as(&mut transformer.weights, &layers)?;
    KlVae::rename(&mut vae.weights)?;
    let layout = LatentLayout {
        channels: vae_config.latent_channels,
        downscale: vae_config.downscale(),
        patch: PATCH,
        scaling: vae_config.scaling(),
    };
    let sizes: Result<Vec<Size>, _> = SIZES.iter().map(|(w, h)| Size::new(*w, *h)).collect();
    let all = [&transformer, &clip, &t5, &vae];
    let files = all.map(|part| part.files.as_slice());
    let step = (layout.downscale * layout.patch) as u32;
    let info = ModelInfo {
        id: folder.id(),
        name: folder.name(),
        version: String::new(),
        license: folder.license(),
        parameters: all.map(|part| part.weights.parameters()).iter().sum(),
        weights: files.concat(),
        adapters,
        training_data: Vec::new(),
        built_in: false,
        default_steps: if config.guidance_embeds { 28 } else { 4 },
        default_guidance: if config.guidance_embeds { 3.5 } else { 1.0 },
        default_sampler: SamplerKind::FlowEuler,
        sizes: sizes?,
        size_rule: SizeRule {
            multiple_of: step,
            min_side: step,
            max_side: 4096,
            max_pixels: 4096 * 4096,
        },
    };
    let family = family(folder.schedule()?, layout.clone(), config.guidance_embeds);
    let costs = costs(
        &config,
        &t5_config,
        &layout,
        vae_config.widest(),
        all.map(|part| &part.weights),
        compute.precision(),
    );
    let load = move |info, family: Family, streamed| {
        let text = Texts {
            clip_tokenizer,
            clip_tokens: clip_config.max_position_embeddings,
            clip: Clip::new(clip.weights, clip_config, compute)?,
            t5_tokenizer,
            t5_tokens: family.text.max_tokens,
            t5: T5::new(t5.weights, t5_config, compute, streamed)?,
        };
        Pipeline::new(Flux {
            info,
            family,
            text,
            transformer: Transformer::new(transformer.weights, config, compute, streamed)?,
            coder: Coder::new(
                KlVae::new(&Part::exact(&vae.weights, compute), &vae_config)?,
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

/// Whether the networks fit each other.
fn check(
    config: &TransformerConfig,
    vae: &KlConfig,
    clip: &ClipConfig,
    t5: &T5Config,
) -> Result<(), DiffusionError> {
    let fit = [
        (
            "channels of the auto-encoder",
            vae.latent_channels.checked_mul(PATCH * PATCH),
            config.in_channels,
        ),
        (
            "width of CLIP",
            Some(clip.hidden_size),
            config.pooled_projection_dim,
        ),
        ("width of T5", Some(t5.d_model), config.joint_attention_dim),
    ];
    match fit
        .iter()
        .find(|(_, found, wanted)| *found != Some(*wanted))
    {
        None => Ok(()),
        Some((what, _, wanted)) => Err(DiffusionError::Description(format!(
            "the {what} does not fit the transformer, which takes {wanted}; they belong to different models"
        ))),
    }
}

/// `weights` are those of transformer, CLIP, T5 and auto-encoder.
fn costs(
    config: &TransformerConfig,
    t5_config: &T5Config,
    layout: &LatentLayout,
    decoder: usize,
    weights: [&Weights; 4],
    large: Precision,
) -> Costs {
    let [transformer, clip, t5, vae] = weights;
    let fixed = vae.resident_bytes(Precision::F32) + clip.resident_bytes(large);
    let (of_transformer, of_t5) = (transformer.resident_bytes(large), t5.resident_bytes(large));
    let streamed = (of_transformer as f64 * config.streamed_share()) as u64
        + t5_config.streamed_bytes(of_t5, large);
    let (width, layout, decoder) = (config.width() as u64, layout.clone(), decoder as u64);
    let words = TOKENS[usize::from(config.guidance_embeds)];
    let activations = move |size: Size| {
        let tokens = (layout.tokens(size) + words) as u64;
        // One stream in and out, modulated, queries, keys, values and what they mix to, the wide middle, and both of
        // these side by side; in f32 where norms are.
        tokens * width * 20 * 4 + SCORES
    };
    Costs {
        resident: of_transformer + of_t5 + fixed,
        streamed: streamed + fixed,
        activations: Box::new(activations),
        decode: Box::new(move |size| size.pixels() * decoder * 4 * 4),
    }
}

fn family(schedule: SigmaSchedule, layout: LatentLayout, guided: bool) -> Family {
    Family {
        name: "flux-1".to_owned(),
        text: TextTemplate {
            template: "{}".to_owned(),
            dropped_tokens: 0,
            max_tokens: TOKENS[usize::from(guided)],
            hidden_layers: vec![-1],
            empty_negative: String::new(),
        },
        time: TimeConvention::Sigma { scale: 1.0 },
        prediction: PredictionKind::FlowVelocity,
        schedule,
        guidance: if guided {
            GuidanceKind::Embedded
        } else {
            GuidanceKind::None
        },
        latents: Some(layout),
        seeded_conditioning: false,
    }
}

impl Texts {
    /// T5's hidden states `[1, tokens, width]` and CLIP's pooled output `[1, width]`.
    fn read(&self, prompt: &str) -> Result<(Tensor, Tensor), DiffusionError> {
        let (of_clip, of_t5) = self.ids(prompt)?;
        let pooled = self.clip.forward(&[of_clip])?.pooled;
        Ok((self.t5.forward(&[of_t5], None)?, pooled))
    }

    /// Tokens of CLIP and of T5, filled up.
    fn ids(&self, prompt: &str) -> Result<(Vec<u32>, Vec<u32>), DiffusionError> {
        let of_clip = self.clip_tokenizer.padded(prompt, self.clip_tokens, true)?;
        let of_t5 = self.t5_tokenizer.padded(prompt, self.t5_tokens, true)?;
        Ok((of_clip.ids, of_t5.ids))
    }
}

impl Model for Flux {
    type Conditioning = Conditioning;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn family(&self) -> &Family {
        &self.family
    }

    fn encode(&self, request: &EncodeRequest<'_>) -> Result<Conditioning, DiffusionError> {
        let (text, pooled) = self.text.read(&self.family.text.fill(request.prompt))?;
        Ok(Conditioning {
            text,
            pooled,
            guidance: request.guidance,
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
        _: Branch,
    ) -> Result<Latents, DiffusionError> {
        let image = self.coder.tensor(latents)?;
        let told = Told {
            text: &conditioning.text,
            pooled: &conditioning.pooled,
            time: &[time],
            guidance: &[conditioning.guidance],
        };
        let velocity = self.transformer.forward(&image, conditioning.grid, &told)?;
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
