//! Who makes pictures, and what is known of how: one way for `generate` and for the service.

mod facts;
mod source;

use std::sync::Arc;

use colophon_diffusion::{
    CancelToken, GenerateRequest, Pipeline, Progress, RgbImage, SourcePicture,
};
use colophon_gateway::{Client, ImagesRequest};
use colophon_provenance::{Backend, GenerationFacts, ModelOutput};

use crate::failure::Failure;

pub use source::{MaskBy, Start, StartError};

/// Side of a picture from a server where none is asked for, pixels: what all of them can make.
pub const SERVER_SIDE: u32 = 1024;
/// How much of a picture to start from is drawn anew unless told.
pub const IMAGE_STRENGTH: f32 = 0.6;

/// A picture as its maker returned it.
pub struct Made {
    pub picture: MadePicture,
    pub facts: GenerationFacts,
    /// What the model made of the prompt, where it can tell.
    pub understood: Option<String>,
    /// How it differs from what was asked, for people.
    pub notes: Vec<String>,
}

/// Pixels or a file.
pub enum MadePicture {
    Pixels(RgbImage),
    File(Vec<u8>),
}

impl MadePicture {
    /// For the issuer.
    pub fn into_output(self, buffer: &mut Vec<u8>) -> ModelOutput<'_> {
        match self {
            Self::Pixels(image) => ModelOutput::Pixels {
                width: image.width,
                height: image.height,
                rgb: image.pixels,
            },
            Self::File(bytes) => {
                *buffer = bytes;
                ModelOutput::File(buffer)
            }
        }
    }
}

/// The caller's side while a picture is made.
pub struct Watch<'a> {
    /// Told before the first step and after each; by models in this program.
    pub progress: &'a mut dyn FnMut(Progress),
    /// Asked now and then whether the picture is no longer wanted.
    pub stop: &'a dyn Fn() -> bool,
}

/// A model with the request that each picture starts from.
pub enum Maker {
    /// In this program.
    Local {
        pipeline: Arc<Pipeline>,
        request: Box<GenerateRequest>,
        /// The file of the picture to start from.
        source: Option<Vec<u8>>,
    },
    /// On an images server.
    Server {
        client: Arc<Client>,
        request: Box<ImagesRequest>,
        model: String,
    },
}

impl Maker {
    /// A model in this program, after everything is checked that can be told before any work is spent.
    ///
    /// # Errors
    /// [`Failure::Diffusion`].
    pub fn local(
        pipeline: Arc<Pipeline>,
        mut request: GenerateRequest,
        start: Option<(Vec<u8>, SourcePicture)>,
    ) -> Result<Self, Failure> {
        let (file, picture) = start.unzip();
        request.source = picture;
        pipeline.check(&request)?;
        Ok(Self::Local {
            pipeline,
            request: Box::new(request),
            source: file,
        })
    }

    /// An images server, which is asked for the model of this name; empty where it runs only one.
    ///
    /// # Errors
    /// [`Failure::Gateway`] for a request that cannot be sent to any.
    pub fn server(
        client: Arc<Client>,
        request: ImagesRequest,
        model: String,
    ) -> Result<Self, Failure> {
        request.check()?;
        Ok(Self::Server {
            client,
            request: Box::new(request),
            model,
        })
    }

    /// The file of the picture to start from, where there is one.
    pub fn source(&self) -> Option<&[u8]> {
        match self {
            Self::Local { source, .. } => source.as_deref(),
            Self::Server { .. } => None,
        }
    }

    /// Seed of picture `number`, counted from 0, where one is known.
    pub fn seed(&self, number: u32) -> Option<u64> {
        match self {
            Self::Local { request, .. } => Some(request.seed.of_picture(number).0),
            Self::Server { request, .. } => Some(request.seed?.wrapping_add(u64::from(number))),
        }
    }

    /// Width and height asked for, pixels.
    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Local {
                pipeline, request, ..
            } => {
                if let Some(source) = &request.source {
                    return (source.image.width, source.image.height);
                }
                let size = request.size.or(pipeline.info().sizes.first().copied());
                size.map_or((0, 0), |size| (size.width(), size.height()))
            }
            Self::Server { request, .. } => (request.width, request.height),
        }
    }

    /// What is known of a picture before it is made.
    pub fn facts(&self) -> GenerationFacts {
        let (width, height) = self.size();
        match self {
            Self::Local {
                pipeline, request, ..
            } => {
                let info = pipeline.info();
                GenerationFacts {
                    backend: Backend::Embedded,
                    model: facts::local_model(info),
                    width,
                    height,
                    seeds: vec![request.seed.0],
                    steps: Some(request.steps.unwrap_or(info.default_steps)),
                    sampler: None,
                    guidance: Some(request.guidance.unwrap_or(info.default_guidance)),
                }
            }
            Self::Server { request, model, .. } => facts::server(request, model, (width, height)),
        }
    }

    /// Makes picture `number`, counted from 0.
    ///
    /// # Errors
    /// [`Failure::Diffusion`], [`Failure::Gateway`]; a run that was stopped among them.
    pub fn make(&self, number: u32, watch: &mut Watch<'_>) -> Result<Made, Failure> {
        match self {
            Self::Local {
                pipeline, request, ..
            } => {
                let request = GenerateRequest {
                    seed: request.seed.of_picture(number),
                    ..(**request).clone()
                };
                run(pipeline, &request, watch)
            }
            Self::Server {
                client,
                request,
                model,
            } => {
                let request = ImagesRequest {
                    seed: self.seed(number),
                    ..(**request).clone()
                };
                ask(client, &request, model, watch)
            }
        }
    }
}

fn run(
    pipeline: &Pipeline,
    request: &GenerateRequest,
    watch: &mut Watch<'_>,
) -> Result<Made, Failure> {
    let cancel = CancelToken::new();
    let pictures = pipeline.generate(
        request,
        &mut |progress| {
            (watch.progress)(progress);
            if (watch.stop)() {
                cancel.cancel();
            }
        },
        &cancel,
    );
    // One was asked for, so that one comes.
    let picture = pictures?.into_iter().next().ok_or_else(|| {
        Failure::Request("the model returned no picture; please report this".to_owned())
    })?;
    let strength = request.source.as_ref().map(|source| source.strength);
    let facts = facts::local(pipeline.info(), &picture, strength);
    Ok(Made {
        picture: MadePicture::Pixels(picture.image),
        facts,
        understood: picture.described,
        notes: Vec::new(),
    })
}

fn ask(
    client: &Client,
    request: &ImagesRequest,
    model: &str,
    watch: &Watch<'_>,
) -> Result<Made, Failure> {
    let answer = client.generate(request, watch.stop)?;
    let mut notes: Vec<String> = answer.deviations.iter().map(ToString::to_string).collect();
    let told = answer.model.as_deref().and_then(facts::model_name);
    if let Some(told) = told.as_deref().filter(|told| *told != model) {
        notes.push(format!(
            "the server says that the model is {told}, not {model} as asked for; the record follows the server"
        ));
    }
    let picture = answer.pictures.into_iter().next().ok_or_else(|| {
        Failure::Request("the server returned no picture; see its log".to_owned())
    })?;
    if picture.revised_prompt.is_some() {
        notes.push("the server changed the prompt before it made the picture; the record commits to the prompt sent".to_owned());
    }
    let size = (picture.width, picture.height);
    Ok(Made {
        facts: facts::server(request, told.as_deref().unwrap_or(model), size),
        picture: MadePicture::File(picture.bytes),
        understood: None,
        notes,
    })
}
