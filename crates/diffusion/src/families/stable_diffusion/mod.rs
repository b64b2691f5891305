//! Stable Diffusion 1 and 2 (arXiv 2112.10752) and XL (arXiv 2307.01952) with their distilled forms: diffusers'
//! `StableDiffusionPipeline` and `StableDiffusionXLPipeline`.

mod config;
mod names;
mod scheduler;
mod text;
mod unet;

use candle_core::{DType, Tensor};

use crate::device::{Compute, Precision};
use crate::error::DiffusionError;
use crate::families::{Costs, Opened, Opening, Parts};
use crate::family::{Family, GuidanceKind, LatentLayout, TextTemplate, TimeConvention};
use crate::image::FloatImage;
use crate::info::{ModelInfo, SizeRule};
use crate::lora::{Fused, Target};
use crate::model::{Branch, EncodeRequest, Latents, Model};
use crate::nets::Part;
use crate::pipeline::Pipeline;
use crate::request::Size;
use crate::text::{Clip, ClipConfig, Tokenizer};
use crate::vae::{Coder, KlConfig, KlVae, answer};
use crate::weights::Weights;
use config::UnetConfig;
use names::Names;
use scheduler::Sampling;
use text::{Prompt, Reader, Readers};
use unet::{Text, Unet};

/// Bytes of attention scores that exist at a time, with their shares.
const SCORES: u64 = 2 << 26;
/// Longest side of a picture in pixels.
const MOST_SIDE: u32 = 2048;
/// Sizes with the pixels of 1024 x 1024 that XL was trained for (arXiv 2307.01952, appendix I).
const XL_SIZES: [(u32, u32); 9] = [
    (1024, 1024),
    (1152, 896),
    (896, 1152),
    (1216, 832),
    (832, 1216),
    (1344, 768),
    (768, 1344),
    (1536, 640),
    (640, 1536),
];

struct StableDiffusion {
    info: ModelInfo,
    family: Family,
    readers: Readers,
    unet: Unet,
    coder: Coder<KlVae>,
}

/// What a prompt and a size are to the network.
struct Conditioning {
    with: Prompt,
    without: Option<Prompt>,
    /// Height and width of the picture that is made and, in XL's terms, of the one it was cut from, which is the
    /// same; between them where it was cut, which is nowhere.
    sizes: [f32; config::SIZES],
}

/// Reads the headers of a folder whose pipeline is `StableDiffusionPipeline`.
pub(super) fn describe<'a>(parts: &'a Parts<'a>) -> Result<Opening<'a>, DiffusionError> {
    open(parts, false)
}

/// Reads the headers of a folder whose pipeline is `StableDiffusionXLPipeline`.
pub(super) fn describe_xl<'a>(parts: &'a Parts<'a>) -> Result<Opening<'a>, DiffusionError> {
    open(parts, true)
}

/// An encoder whose headers were read.
struct Closed {
    tokenizer: Tokenizer,
    config: ClipConfig,
    opened: Opened,
}

impl Closed {
    fn open(parts: &Parts<'_>, suffix: &str) -> Result<Self, DiffusionError> {
        let part = format!("text_encoder{suffix}");
        let instead = parts.options.text_encoder.as_deref();
        let config: ClipConfig = parts.folder.config(&part)?;
        if config.num_hidden_layers == 0 {
            return Err(DiffusionError::Description(format!(
                "{part}/config.json names no layers"
            )));
        }
        let mut opened = parts.weights(&part, instead.filter(|_| suffix.is_empty()))?;
        // Newer exports leave this away; the names of low-rank changes are looked up without it.
        opened.weights.rename(|name| {
            let name = name.strip_prefix("text_model.").unwrap_or(name);
            Some(name.to_owned())
        })?;
        Ok(Self {
            tokenizer: Tokenizer::open(&parts.folder.part(&format!("tokenizer{suffix}")))?,
            config,
            opened,
        })
    }

    fn load(self, compute: &Compute) -> Result<Reader, DiffusionError> {
        Ok(Reader {
            length: self.config.max_position_embeddings,
            tokenizer: self.tokenizer,
            clip: Clip::new(self.opened.weights, self.config, compute)?,
        })
    }
}

fn open<'a>(parts: &'a Parts<'a>, xl: bool) -> Result<Opening<'a>, DiffusionError> {
    let (folder, options, compute) = (&parts.folder, parts.options, &parts.compute);
    let config: UnetConfig = folder.config("unet")?;
    config.check()?;
    let vae_config: KlConfig = folder.config("vae")?;
    let sampling = Sampling::open(folder, (!xl).then_some(1))?;
    let mut unet = parts.weights("unet", options.transformer.as_deref())?;
    let mut vae = parts.weights("vae", None)?;
    let names = Names::new(&config.units());
    unet.weights.rename(|name| names.plain(name))?;
    KlVae::rename(&mut vae.weights)?;
    let suffixes: &[&str] = if xl { &["", "_2"] } else { &[""] };
    let mut texts: Vec<Closed> = suffixes
        .iter()
        .map(|suffix| Closed::open(parts, suffix))
        .collect::<Result<_, _>>()?;
    check_together(&config, &vae_config, &texts, xl)?;
    let original = original(&names, &unet.weights);
    let network = Target::network(&mut unet.weights, &original);
    let clips = texts.iter_mut().enumerate();
    let clips = clips.map(|(index, text)| Target::clip(&mut text.opened.weights, index > 0));
    let mut targets: Vec<Target<'_>> = [network].into_iter().chain(clips).collect();
    let adapters = parts.adapt_all(&mut targets)?;
    drop(targets);
    let layout = LatentLayout {
        channels: vae_config.latent_channels,
        downscale: vae_config.downscale(),
        patch: 1,
        scaling: vae_config.scaling(),
    };
    let opened: Vec<&Opened> = [&unet]
        .into_iter()
        .chain(texts.iter().map(|text| &text.opened))
        .chain([&vae])
        .collect();
    let info = info(parts, &config, &layout, &sampling, xl, &opened, adapters)?;
    let weights: Vec<&Weights> = texts.iter().map(|text| &text.opened.weights).collect();
    let costs = costs(
        &config,
        &vae_config,
        &layout,
        &unet.weights,
        &weights,
        &vae.weights,
        compute,
    );
    let length = texts
        .first()
        .map_or(0, |text| text.config.max_position_embeddings);
    let family = family(sampling, layout.clone(), length, xl);
    let zeros_for_empty = folder.flag("force_zeros_for_empty_prompt").unwrap_or(true);
    let load = move |info, family, streamed| {
        let mut readers = texts.into_iter().map(|text| text.load(compute));
        let mut next = || {
            readers.next().unwrap_or_else(|| {
                Err(DiffusionError::Description(
                    "a text encoder is missing".to_owned(),
                ))
            })
        };
        let readers = if xl {
            Readers::Two {
                readers: Box::new([next()?, next()?]),
                zeros_for_empty,
            }
        } else {
            Readers::One(Box::new(next()?))
        };
        Pipeline::new(StableDiffusion {
            info,
            family,
            readers,
            unet: Unet::new(unet.weights, config, compute, streamed)?,
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

/// The layers' older names, for low-rank changes: trainers of XL use them.
fn original(names: &Names, unet: &Weights) -> Vec<Fused> {
    let layers = unet
        .tensors()
        .filter_map(|tensor| tensor.name.strip_suffix(".weight"));
    layers
        .filter_map(|layer| {
            let original = names.original(&format!("{layer}.weight"))?;
            Some(Fused {
                name: original.strip_suffix(".weight")?.to_owned(),
                parts: vec![(layer.to_owned(), 0)],
            })
        })
        .collect()
}

/// Whether the parts of a folder belong to each other.
fn check_together(
    config: &UnetConfig,
    vae: &KlConfig,
    texts: &[Closed],
    xl: bool,
) -> Result<(), DiffusionError> {
    let refuse = |reason: String| Err(DiffusionError::Description(reason));
    if vae.latent_channels != config.in_channels {
        return refuse(format!(
            "the network is for latents of {} channels, the auto-encoder for {}",
            config.in_channels, vae.latent_channels
        ));
    }
    let width: usize = texts.iter().map(|text| text.config.hidden_size).sum();
    if width != config.cross_attention_dim {
        return refuse(format!(
            "the network reads text of {} numbers a token, the text encoders give {width}",
            config.cross_attention_dim
        ));
    }
    let length = |text: &Closed| text.config.max_position_embeddings;
    if texts.iter().any(|text| length(text) != length(&texts[0])) {
        return refuse("the text encoders read texts of different lengths".to_owned());
    }
    let pooled = config.added()?.map(|added| added.pooled);
    let given = texts
        .last()
        .filter(|_| xl)
        .map(|text| text.config.projection_dim);
    if pooled != given {
        return refuse(format!(
            "the network is told {pooled:?} numbers of the whole text, the text encoder gives {given:?}"
        ));
    }
    Ok(())
}

fn info(
    parts: &Parts<'_>,
    config: &UnetConfig,
    layout: &LatentLayout,
    sampling: &Sampling,
    xl: bool,
    opened: &[&Opened],
    adapters: Vec<crate::info::AdapterFile>,
) -> Result<ModelInfo, DiffusionError> {
    let folder = &parts.folder;
    let step = layout.downscale as u32;
    let (default_steps, default_guidance) = match (sampling.distilled, xl) {
        (true, _) => (1, 1.0),
        (false, true) => (50, 5.0),
        (false, false) => (50, 7.5),
    };
    Ok(ModelInfo {
        id: folder.id(),
        name: folder.name(),
        version: String::new(),
        license: folder.license(),
        parameters: opened.iter().map(|part| part.weights.parameters()).sum(),
        weights: opened.iter().flat_map(|part| part.files.clone()).collect(),
        adapters,
        training_data: Vec::new(),
        built_in: false,
        default_steps,
        default_guidance,
        default_sampler: sampling.sampler,
        sizes: sizes((config.trained_side() * layout.downscale) as u32, step, xl)?,
        size_rule: SizeRule {
            multiple_of: step,
            min_side: step,
            max_side: MOST_SIDE,
            max_pixels: u64::from(MOST_SIDE) * u64::from(MOST_SIDE),
        },
    })
}

/// The square that the network was trained for and what goes with it; all of them are multiples of `step`.
fn sizes(side: u32, step: u32, xl: bool) -> Result<Vec<Size>, DiffusionError> {
    let side = side.min(MOST_SIDE / step * step);
    if xl && side == 1024 {
        return XL_SIZES.iter().map(|(w, h)| Size::new(*w, *h)).collect();
    }
    let long = (side * 3 / 2).min(MOST_SIDE) / step * step;
    let mut sizes = vec![(side, side)];
    if !xl && long > side {
        sizes.extend([(long, side), (side, long)]);
    }
    sizes.into_iter().map(|(w, h)| Size::new(w, h)).collect()
}

fn costs(
    config: &UnetConfig,
    vae_config: &KlConfig,
    layout: &LatentLayout,
    unet: &Weights,
    texts: &[&Weights],
    vae: &Weights,
    compute: &Compute,
) -> Costs {
    let large = compute.precision();
    let of_texts: u64 = texts.iter().map(|text| text.resident_bytes(large)).sum();
    let fixed = of_texts + vae.resident_bytes(Precision::F32);
    let of_unet = unet.resident_bytes(large);
    let (width, layout) = (config.block_out_channels[0] as u64, layout.clone());
    let decoder = vae_config.widest() as u64;
    let activations = move |size: Size| {
        // At full size, for both evaluations: what is kept for the way back, and a layer's own; in f32 where norms are.
        2 * layout.tokens(size) as u64 * width * 24 * 4 + SCORES
    };
    Costs {
        resident: of_unet + fixed,
        // The heaviest layers are an eighth of XL's network, and two are in memory.
        streamed: of_unet / 4 + fixed,
        activations: Box::new(activations),
        decode: Box::new(move |size| size.pixels() * decoder * 4 * 4),
    }
}

fn family(sampling: Sampling, layout: LatentLayout, length: usize, xl: bool) -> Family {
    let name = if xl {
        "stable-diffusion-xl"
    } else {
        "stable-diffusion"
    };
    Family {
        name: name.to_owned(),
        text: TextTemplate {
            template: "{}".to_owned(),
            dropped_tokens: 0,
            max_tokens: length,
            hidden_layers: vec![if xl { -2 } else { -1 }],
            empty_negative: String::new(),
        },
        time: TimeConvention::TrainingStep,
        prediction: sampling.prediction,
        schedule: sampling.schedule,
        guidance: GuidanceKind::ClassifierFree,
        latents: Some(layout),
        seeded_conditioning: false,
    }
}

impl StableDiffusion {
    /// One evaluation for each prompt, all of the same latents and time.
    fn evaluate(
        &self,
        latents: &Latents,
        time: f32,
        prompts: &[&Prompt],
        sizes: &[f32],
    ) -> Result<Vec<Latents>, DiffusionError> {
        let one = self.coder.tensor(latents)?;
        let batch = Tensor::cat(&vec![one; prompts.len()], 0)?;
        let states: Vec<&Tensor> = prompts.iter().map(|prompt| &prompt.states).collect();
        let pooled: Option<Vec<&Tensor>> = prompts
            .iter()
            .map(|prompt| prompt.pooled.as_ref())
            .collect();
        let added = pooled.map(|pooled| -> Result<_, DiffusionError> {
            Ok((Tensor::cat(&pooled, 0)?, sizes.repeat(prompts.len())))
        });
        let text = Text {
            states: Tensor::cat(&states, 0)?,
            added: added.transpose()?,
        };
        let output = self
            .unet
            .forward(&batch, &vec![time; prompts.len()], &text)?
            .to_dtype(DType::F32)?;
        (0..prompts.len())
            .map(|index| answer(latents, &output.get(index)?))
            .collect()
    }
}

impl Model for StableDiffusion {
    type Conditioning = Conditioning;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn family(&self) -> &Family {
        &self.family
    }

    fn encode(&self, request: &EncodeRequest<'_>) -> Result<Conditioning, DiffusionError> {
        let with = self.readers.read(request.prompt)?;
        let without = (request.guidance > 1.0)
            .then(|| self.readers.read_negative(request.negative_prompt, &with));
        let (height, width) = (request.size.height() as f32, request.size.width() as f32);
        Ok(Conditioning {
            without: without.transpose()?,
            with,
            sizes: [height, width, 0.0, 0.0, height, width],
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
        let prompt = match (branch, &conditioning.without) {
            (Branch::Unconditional, Some(prompt)) => prompt,
            _ => &conditioning.with,
        };
        let mut both = self.evaluate(latents, time, &[prompt], &conditioning.sizes)?;
        Ok(both.swap_remove(0))
    }

    fn denoise_both(
        &self,
        latents: &Latents,
        time: f32,
        conditioning: &Conditioning,
    ) -> Result<(Latents, Latents), DiffusionError> {
        let with = &conditioning.with;
        let without = conditioning.without.as_ref().unwrap_or(with);
        let mut both = self.evaluate(latents, time, &[with, without], &conditioning.sizes)?;
        let second = both.swap_remove(1);
        Ok((both.swap_remove(0), second))
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
