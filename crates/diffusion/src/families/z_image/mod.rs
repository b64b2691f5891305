//! Z-Image and Z-Image-Turbo (arXiv 2511.22699): a transformer of one stream, Qwen3, and the auto-encoder of FLUX.1.

mod transformer;

use candle_core::DType;

use crate::device::{Compute, Precision};
use crate::error::DiffusionError;
use crate::families::{Costs, Opening, Parts, names};
use crate::family::{
    Family, GuidanceKind, LatentLayout, PredictionKind, TextTemplate, TimeConvention,
};
use crate::image::FloatImage;
use crate::info::{ModelInfo, SizeRule};
use crate::lora::Fused;
use crate::model::{Branch, EncodeRequest, Latents, Model};
use crate::nets::Part;
use crate::pipeline::Pipeline;
use crate::request::Size;
use crate::sampler::SamplerKind;
use crate::schedule::{Shift, SigmaSchedule};
use crate::text::{Qwen, QwenConfig, Tokenizer};
use crate::vae::{Coder, KlConfig, KlVae, answer};
use crate::weights::Weights;
use transformer::{PATCH, Transformer, TransformerConfig, Words};

/// What the template of Qwen3 makes of a single message where it may think.
const TEMPLATE: &str = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n";
/// Most tokens with those of the template: what the released pipeline uses by default.
const MOST_TOKENS: usize = 512;
/// Bytes of attention scores that exist at a time, with their shares.
const SCORES: u64 = 2 << 26;
/// Turbo was distilled for a shift of 3; the base model is sampled with 6.
const MOST_SHIFT_OF_TURBO: f64 = 4.5;
/// Sizes of about a megapixel that the models' own demonstration offers.
const SIZES: [(u32, u32); 9] = [
    (1024, 1024),
    (1152, 896),
    (896, 1152),
    (1152, 864),
    (864, 1152),
    (1248, 832),
    (832, 1248),
    (1280, 720),
    (720, 1280),
];

struct ZImage {
    info: ModelInfo,
    family: Family,
    tokenizer: Tokenizer,
    text: Qwen,
    transformer: Transformer,
    coder: Coder<KlVae>,
}

/// Prompt and negative prompt.
struct Conditioning {
    with: Words,
    without: Option<Words>,
}

/// Reads the headers of a folder whose pipeline is `ZImagePipeline`.
pub(super) fn describe<'a>(parts: &'a Parts<'a>) -> Result<Opening<'a>, DiffusionError> {
    let (folder, options, compute) = (&parts.folder, parts.options, &parts.compute);
    let config: TransformerConfig = folder.config("transformer")?;
    let vae_config: KlConfig = folder.config("vae")?;
    let text_config: QwenConfig = folder.config("text_encoder")?;
    config.check()?;
    if vae_config.latent_channels != config.in_channels
        || text_config.hidden_size != config.cap_feat_dim
    {
        return Err(DiffusionError::Description(
            "transformer, auto-encoder and text encoder do not fit together".to_owned(),
        ));
    }
    let tokenizer = Tokenizer::open(&folder.part("tokenizer"))?;
    let mut transformer = parts.weights("transformer", options.transformer.as_deref())?;
    let text = parts.weights("text_encoder", options.text_encoder.as_deref())?;
    let mut vae = parts.weights("vae", None)?;
    let layers = layers(&config);
    plain(&mut transformer.weights, &layers)?;
    KlVae::rename(&mut vae.weights)?;
    let adapters = parts.adapt_as(&mut transformer.weights, &layers)?;
    // The sampler keeps latents as the auto-encoder does; the transformer makes its own tokens of them.
    let layout = LatentLayout {
        channels: vae_config.latent_channels,
        downscale: vae_config.downscale(),
        patch: 1,
        scaling: vae_config.scaling(),
    };
    let schedule = folder.schedule()?;
    let turbo = is_turbo(&schedule);
    let sizes: Result<Vec<Size>, _> = SIZES.iter().map(|(w, h)| Size::new(*w, *h)).collect();
    let parameters = [&transformer.weights, &text.weights, &vae.weights];
    let step = (layout.downscale * PATCH) as u32;
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
        default_steps: if turbo { 9 } else { 50 },
        default_guidance: if turbo { 1.0 } else { 5.0 },
        default_sampler: SamplerKind::FlowEuler,
        sizes: sizes?,
        size_rule: SizeRule {
            multiple_of: step,
            min_side: step,
            max_side: 4096,
            max_pixels: 4096 * 4096,
        },
    };
    let family = family(schedule, layout.clone());
    let costs = costs(
        &config,
        &vae_config,
        &layout,
        [&transformer.weights, &text.weights, &vae.weights],
        compute,
    );
    let load = move |info, family, streamed| {
        Pipeline::new(ZImage {
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
        })
    };
    Ok(Opening {
        info,
        family,
        costs,
        load: Box::new(load),
    })
}

/// Nothing else in a folder tells the two models apart.
fn is_turbo(schedule: &SigmaSchedule) -> bool {
    let SigmaSchedule::Flow { shift, .. } = schedule else {
        return false;
    };
    matches!(shift, Shift::Static(shift) if *shift <= MOST_SHIFT_OF_TURBO)
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
    // The embedding table of the text encoder stays, and of each list of blocks two.
    let streamed = of_transformer * 3 / (config.n_layers.max(3) as u64) + of_text / 4;
    let (width, layout, decoder) = (
        config.dim as u64,
        layout.clone(),
        vae_config.widest() as u64,
    );
    let activations = move |size: Size| {
        let tokens = (layout.tokens(size) / (PATCH * PATCH) + MOST_TOKENS) as u64;
        // In and out, modulated, queries, keys, values, and the wide middle twice; in f32 where norms are.
        tokens * width * 16 * 4 + SCORES
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
        name: "z-image".to_owned(),
        text: TextTemplate {
            template: TEMPLATE.to_owned(),
            dropped_tokens: 0,
            max_tokens: MOST_TOKENS,
            hidden_layers: vec![-2],
            empty_negative: String::new(),
        },
        time: TimeConvention::OneMinusSigma { scale: 1.0 },
        prediction: PredictionKind::FlowVelocity,
        schedule,
        // The reference joins `c + scale * (c - u)`, so its scale is one less than this one's: 0 there is 1 here.
        guidance: GuidanceKind::ClassifierFree,
        latents: Some(layout),
        seeded_conditioning: false,
    }
}

impl ZImage {
    fn read(&self, prompt: &str) -> Result<Words, DiffusionError> {
        let text = &self.family.text;
        let mut ids = self.tokenizer.ids(&text.fill(prompt))?;
        ids.truncate(text.max_tokens);
        if ids.is_empty() {
            return Err(DiffusionError::Description(
                "the tokenizer makes nothing of template and prompt".to_owned(),
            ));
        }
        let line = self.text.line(&ids)?;
        let states = self.text.forward(&line, None, &text.hidden_layers)?;
        self.transformer.words(&states[0])
    }
}

impl Model for ZImage {
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
        })
    }

    fn latent_shape(&self, size: Size, _: &Conditioning) -> Vec<usize> {
        self.coder.layout().shape(size)
    }

    fn tokens(&self, size: Size, _: &Conditioning) -> usize {
        self.coder.layout().tokens(size) / (PATCH * PATCH)
    }

    fn denoise(
        &self,
        latents: &Latents,
        time: f32,
        conditioning: &Conditioning,
        branch: Branch,
    ) -> Result<Latents, DiffusionError> {
        let words = match (branch, &conditioning.without) {
            (Branch::Unconditional, Some(words)) => words,
            _ => &conditioning.with,
        };
        let image = self.coder.tensor(latents)?;
        let direction = self.transformer.forward(&image, words, time)?;
        // It points to the picture, the sampler's velocity to the noise.
        let velocity = direction.to_dtype(DType::F32)?.neg()?;
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

/// Every layer that has another name in the original files, whose names most single files keep; they have queries, keys
/// and values in one.
fn layers(config: &TransformerConfig) -> Vec<Fused> {
    let one = |name: &str, ours: &str, rows: usize| Fused {
        name: name.to_owned(),
        parts: vec![(ours.to_owned(), rows)],
    };
    let modulation = "adaLN_modulation.1";
    let mut layers = vec![
        one("x_embedder", "all_x_embedder.2-1", config.dim),
        one(
            "final_layer.linear",
            "all_final_layer.2-1.linear",
            config.patch_values(),
        ),
        one(
            &format!("final_layer.{modulation}"),
            &format!("all_final_layer.2-1.{modulation}"),
            config.dim,
        ),
    ];
    for (kind, count) in config.blocks() {
        for index in 0..count {
            let attention = format!("{kind}.{index}.attention");
            let part = |name| (format!("{attention}.{name}"), config.dim);
            layers.push(Fused {
                name: format!("{attention}.qkv"),
                parts: ["to_q", "to_k", "to_v"].map(part).to_vec(),
            });
            layers.push(Fused {
                name: format!("{attention}.out"),
                parts: vec![part("to_out.0")],
            });
        }
    }
    layers
}

/// Gives the tensors of a file of either kind the names of diffusers.
fn plain(weights: &mut Weights, layers: &[Fused]) -> Result<(), DiffusionError> {
    const NORMS: [(&str, &str); 2] = [
        (".attention.q_norm.", ".attention.norm_q."),
        (".attention.k_norm.", ".attention.norm_k."),
    ];
    weights.rename(|name| {
        let name = name.strip_prefix("model.diffusion_model.").unwrap_or(name);
        // The second belongs to a layer that was never used.
        if matches!(name, "scaled_fp8" | "norm_final.weight") {
            return None;
        }
        let renamed = NORMS.iter().find(|(old, _)| name.contains(old));
        Some(renamed.map_or_else(|| name.to_owned(), |(old, new)| name.replacen(old, new, 1)))
    })?;
    names::unify(weights, layers)
}

#[cfg(test)]
pub(super) mod tests;
