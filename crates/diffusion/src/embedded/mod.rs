//! The model that is part of the program: small, quick, and honest about what it is.
//!
//! A layered text-to-image model. The **reader** turns a prompt into a scene: a background and up to
//! six objects, each with colour, size and place. The **painter**, a flow transformer, draws every
//! layer from noise, all of a picture in one batch; the **decoder** turns latents into pixels with
//! alpha. Then the layers are put over each other. Trained by `training/` on openly licensed art
//! alone; see `assets/miniature/MODEL_CARD.md`, and `docs/decisions/0010-layered-model.md` for why
//! it is built this way.

mod compose;
mod decoder;
mod nets;
mod painter;
mod reader;
mod scene;
mod winograd;
mod words;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::Deserialize;

use crate::device::Compute;
use crate::error::DiffusionError;
use crate::family::{Family, GuidanceKind, PredictionKind, TextTemplate, TimeConvention};
use crate::image::FloatImage;
use crate::info::{ModelInfo, SizeRule, TrainingData};
use crate::memory::{Available, MemoryPlan};
use crate::model::{Branch, EncodeRequest, Latents, Model};
use crate::pipeline::Pipeline;
use crate::request::Size;
use crate::sampler::SamplerKind;
use crate::schedule::{Shift, SigmaSchedule};
use crate::weights::Weights;
use decoder::Decoder;
use nets::Part;
use painter::{Condition, GRID, LATENT, Painter};
use reader::{Answers, Reader, Reading};
use scene::{Drawn, MOST, Names, Scene};
use words::Vocabulary;

const WEIGHTS: &[u8] = include_bytes!("../../assets/miniature/miniature.safetensors");
const SCENE: &str = include_str!("../../assets/miniature/scene.json");
const CARD: &str = include_str!("../../assets/miniature/model.json");

/// Longest side and most pixels of a picture.
const MOST_SIDE: u32 = 2048;

/// Facts of the model that its training writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    id: String,
    name: String,
    version: String,
    license: String,
    training_data: Vec<TrainingData>,
}

/// The networks and what their numbers mean.
struct Miniature {
    info: ModelInfo,
    family: Family,
    names: Names,
    reader: Reader,
    painter: Painter,
    decoder: Decoder,
    device: Device,
}

/// A scene and the painter's conditions for its layers.
struct Conditioning {
    scene: Scene,
    with: Condition,
    without: Condition,
}

impl Pipeline {
    /// The model that is part of the program. It runs on the processor: its networks are small, and
    /// so its pictures are the same bytes on every machine of a kind.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::NotEnoughMemory`]; what is wrong with the weights, if the program was
    /// built with others.
    pub fn embedded() -> Result<Self, DiffusionError> {
        let weights = Weights::embedded("miniature.safetensors", WEIGHTS)?;
        Self::new(Miniature::new(&weights, SCENE, CARD)?)
    }
}

impl Miniature {
    fn new(weights: &Weights, scene: &str, card: &str) -> Result<Self, DiffusionError> {
        let names = Names::parse(scene)?;
        let card: Card = serde_json::from_str(card)
            .map_err(|error| DiffusionError::Description(format!("model.json: {error}")))?;
        let plan = MemoryPlan {
            weights: 2 * 4 * weights.parameters(),
            activations: 64 << 20,
            decode: 256 << 20,
        };
        plan.check(&card.name, Available::now())?;
        let device = Compute::cpu().device().clone();
        let part = |prefix: &str| Part::new(weights, prefix, &device);
        let answers = Answers {
            concepts: names.concepts.len(),
            counts: MOST,
            colours: names.colours.len(),
            sizes: names.sizes.len(),
            relations: names.relations.len(),
            kinds: names.kinds.len(),
            styles: names.styles.len(),
        };
        let vocabulary = Vocabulary::new(names.words.clone());
        Ok(Self {
            reader: Reader::new(&part("reader"), vocabulary, answers)?,
            // Colour 0 is a layer's own.
            painter: Painter::new(
                &part("painter"),
                names.painter_rows(),
                names.colours.len() + 1,
            )?,
            decoder: Decoder::new(&part("decoder"), &part("latents"))?,
            info: info(card, weights)?,
            family: family(),
            names,
            device,
        })
    }

    fn tensor(&self, latents: &Latents) -> Result<Tensor, DiffusionError> {
        let values = latents.values.clone();
        Ok(Tensor::from_vec(
            values,
            latents.shape.as_slice(),
            &self.device,
        )?)
    }
}

fn info(card: Card, weights: &Weights) -> Result<ModelInfo, DiffusionError> {
    let square = Size::new(512, 512)?;
    Ok(ModelInfo {
        id: card.id,
        name: card.name,
        version: card.version,
        license: card.license,
        parameters: weights.parameters(),
        weights: weights.files()?,
        adapters: Vec::new(),
        training_data: card.training_data,
        built_in: true,
        default_steps: 12,
        // Scenes come out clearer than without; beyond 2 objects get blotches.
        default_guidance: 1.2,
        default_sampler: SamplerKind::FlowEuler,
        sizes: vec![
            square,
            Size::new(768, 768)?,
            Size::new(1024, 1024)?,
            Size::new(768, 512)?,
            Size::new(512, 768)?,
        ],
        size_rule: SizeRule {
            multiple_of: 8,
            min_side: 256,
            max_side: MOST_SIDE,
            max_pixels: u64::from(MOST_SIDE) * u64::from(MOST_SIDE),
        },
    })
}

fn family() -> Family {
    Family {
        name: "miniature".to_owned(),
        text: TextTemplate {
            template: "{}".to_owned(),
            dropped_tokens: 0,
            max_tokens: words::LONGEST,
            hidden_layers: vec![-1],
            empty_negative: String::new(),
        },
        time: TimeConvention::Sigma { scale: 1.0 },
        prediction: PredictionKind::Sample,
        schedule: SigmaSchedule::Flow {
            end: None,
            shift: Shift::Static(3.0),
            terminal: None,
        },
        guidance: GuidanceKind::ClassifierFree,
        // How many layers there are is the scene's matter.
        latents: None,
        seeded_conditioning: true,
    }
}

impl Model for Miniature {
    type Conditioning = Conditioning;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn family(&self) -> &Family {
        &self.family
    }

    fn encode(&self, request: &EncodeRequest<'_>) -> Result<Conditioning, DiffusionError> {
        let reading = self.reader.read(request.prompt)?;
        let avoided = match request.negative_prompt {
            Some(prompt) => self.reader.read(prompt)?,
            None => Reading::default(),
        };
        let scene = scene::compose(&self.names, &reading, &avoided, request.seed);
        let objects = scene.objects.iter().map(|object| &object.drawn);
        let layers = std::iter::once(&scene.background).chain(objects);
        let layers: Vec<(u32, u32)> = layers
            .map(|Drawn { row, colour, .. }| (*row, *colour))
            .collect();
        Ok(Conditioning {
            with: self.painter.condition(&layers)?,
            without: self.painter.unconditional(layers.len())?,
            scene,
        })
    }

    fn latent_shape(&self, _: Size, conditioning: &Conditioning) -> Vec<usize> {
        vec![1 + conditioning.scene.objects.len(), GRID * GRID, LATENT]
    }

    fn denoise(
        &self,
        latents: &Latents,
        time: f32,
        conditioning: &Conditioning,
        branch: Branch,
    ) -> Result<Latents, DiffusionError> {
        let condition = match branch {
            Branch::Conditional => &conditioning.with,
            Branch::Unconditional => &conditioning.without,
        };
        let clean = self
            .painter
            .forward(&self.tensor(latents)?, time, condition)?;
        Ok(Latents {
            shape: latents.shape.clone(),
            values: clean.flatten_all()?.to_vec1()?,
        })
    }

    fn decode(
        &self,
        latents: &Latents,
        size: Size,
        conditioning: &Conditioning,
    ) -> Result<FloatImage, DiffusionError> {
        let latents = self.tensor(latents)?;
        let layers = (0..latents.dim(0)?).into_par_iter();
        let layers = layers.map(|layer| self.decoder.forward(&latents.get(layer)?));
        let layers = layers.collect::<Result<Vec<_>, DiffusionError>>()?;
        Ok(compose::compose(&conditioning.scene, &layers, size))
    }

    fn describe(&self, conditioning: &Conditioning) -> Option<String> {
        Some(conditioning.scene.described.clone())
    }
}

#[cfg(test)]
mod tests;
