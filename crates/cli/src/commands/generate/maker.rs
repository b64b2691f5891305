//! Who makes the pictures, and what is known of how.

use std::time::Duration;

use colophon_diffusion::{
    CancelToken, GenerateRequest, Generated, ModelInfo, Pipeline, RgbImage, Seed, WeightFile,
};
use colophon_gateway::{Client, Dialect, ImagesRequest, Secret};
use colophon_provenance::{Backend, GenerationFacts, ModelFacts, ModelOutput, WeightsFile};
use indicatif::HumanDuration;

use crate::args::{self, Generate};
use crate::commands::generate::source;
use crate::commands::{Context, models};
use crate::failure::Failure;
use crate::text::clean;

/// Side of a picture from a server where none is asked for, pixels: what all of them can make.
const SERVER_SIDE: u32 = 1024;
/// Longest name of a model that is kept, characters.
const MOST_MODEL_CHARS: usize = 256;

/// A picture as its maker returned it.
pub struct Made {
    pub picture: MadePicture,
    pub facts: GenerationFacts,
    /// What the model made of the prompt, where it can tell.
    pub understood: Option<String>,
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

/// A maker with the request that each picture starts from.
pub enum Maker {
    Embedded {
        pipeline: Box<Pipeline>,
        request: GenerateRequest,
        /// The file of the picture to start from.
        source: Option<Vec<u8>>,
    },
    Server {
        client: Box<Client>,
        request: ImagesRequest,
        model: String,
    },
}

impl Maker {
    /// Checks the request and everything else that can be told before any work is spent. `seed` is
    /// used where none was asked for.
    ///
    /// # Errors
    /// [`Failure::Diffusion`], [`Failure::Gateway`], [`Failure::Request`] for options that belong to
    /// the other backend.
    pub fn new(
        context: &Context<'_>,
        options: &Generate,
        prompt: &str,
        seed: u64,
    ) -> Result<Self, Failure> {
        match options.backend {
            args::Backend::Embedded => Self::embedded(context, options, prompt, seed),
            args::Backend::Openai => Self::server(options, prompt, seed),
        }
    }

    fn embedded(
        context: &Context<'_>,
        options: &Generate,
        prompt: &str,
        seed: u64,
    ) -> Result<Self, Failure> {
        for (name, is_given) in [
            ("--url", options.server.url.is_some()),
            ("--dialect", options.server.dialect.is_some()),
            ("--api-key-file", options.server.api_key_file.is_some()),
            ("--api-key-env", options.server.api_key_env.is_some()),
            ("--allow-plain-http", options.server.allow_plain_http),
            ("--allow-other-hosts", options.server.allow_other_hosts),
            (
                "--root-certificates",
                options.server.root_certificates.is_some(),
            ),
        ] {
            if is_given {
                return Err(Failure::Request(format!(
                    "{name} is about a server; add --backend openai, or leave it out"
                )));
            }
        }
        let request = GenerateRequest {
            negative_prompt: options.negative.clone(),
            size: options.size,
            steps: options.steps,
            guidance: options.guidance,
            sampler: options.sampler,
            ..GenerateRequest::new(prompt, Seed(options.seed.unwrap_or(seed)))
        };
        let pipeline = match (&options.local.model, options.local.parts.first_given()) {
            (Some(model), _) => models::open(context, model, &options.local.parts)?,
            (None, None) => Pipeline::embedded()?,
            (None, Some(name)) => {
                return Err(Failure::Request(format!(
                    "{name} is about a model folder; name one by --model, or leave it out"
                )));
            }
        };
        let mut request = request;
        let source = match &options.image {
            Some(path) => {
                let (file, picture) = source::read(
                    context,
                    options,
                    path,
                    pipeline.info().size_rule.multiple_of,
                )?;
                request.source = Some(picture);
                Some(file)
            }
            None => None,
        };
        pipeline.check(&request)?;
        Ok(Self::Embedded {
            pipeline: Box::new(pipeline),
            request,
            source,
        })
    }

    fn server(options: &Generate, prompt: &str, seed: u64) -> Result<Self, Failure> {
        let image = options.image.as_ref().map(|_| "--image");
        let sampler = options.sampler.map(|_| "--sampler").or(image);
        if let Some(name) = sampler.or(options.local.parts.first_given()) {
            return Err(Failure::Request(format!(
                "{name} is for models in this program; servers choose it themselves"
            )));
        }
        let mut backend =
            colophon_gateway::Backend::new(options.server.url.clone().unwrap_or_default());
        if let Some(dialect) = options.server.dialect {
            backend.dialect = dialect;
        }
        backend.timeout = Duration::from_secs(options.server.timeout);
        backend.allow_plain_http = options.server.allow_plain_http;
        backend.allow_other_hosts = options.server.allow_other_hosts;
        backend
            .root_certificates
            .clone_from(&options.server.root_certificates);
        backend.api_key = api_key(options)?;
        let (width, height) = options.size.map_or((SERVER_SIDE, SERVER_SIDE), |size| {
            (size.width(), size.height())
        });
        let request = ImagesRequest {
            model: options.local.model.clone(),
            negative_prompt: options.negative.clone(),
            // OpenAI's own servers take none.
            seed: options
                .seed
                .or((backend.dialect != Dialect::OpenAi).then_some(seed)),
            steps: options.steps,
            guidance: options.guidance,
            ..ImagesRequest::new(prompt, width, height)
        };
        request.check()?;
        Ok(Self::Server {
            client: Box::new(Client::new(backend)?),
            request,
            model: options.local.model.clone().unwrap_or_default(),
        })
    }

    /// The file of the picture to start from, where there is one.
    pub fn source(&self) -> Option<&[u8]> {
        match self {
            Self::Embedded { source, .. } => source.as_deref(),
            Self::Server { .. } => None,
        }
    }

    /// Seed of picture `number`, counted from 0, where one is known.
    pub fn seed(&self, number: u32) -> Option<u64> {
        match self {
            Self::Embedded { request, .. } => Some(request.seed.of_picture(number).0),
            Self::Server { request, .. } => Some(request.seed?.wrapping_add(u64::from(number))),
        }
    }

    /// Width and height asked for, pixels.
    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Embedded {
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
            Self::Embedded {
                pipeline, request, ..
            } => {
                let info = pipeline.info();
                GenerationFacts {
                    backend: Backend::Embedded,
                    model: embedded_model(info),
                    width,
                    height,
                    seeds: vec![request.seed.0],
                    steps: Some(request.steps.unwrap_or(info.default_steps)),
                    sampler: None,
                    guidance: Some(request.guidance.unwrap_or(info.default_guidance)),
                }
            }
            Self::Server { request, model, .. } => server_facts(request, model, (width, height)),
        }
    }

    /// Makes picture `number` of `count`, counted from 0. Ctrl-C stops it.
    ///
    /// # Errors
    /// [`Failure::Diffusion`], [`Failure::Gateway`]; a cancelled run among them.
    pub fn make(&self, context: &Context<'_>, number: u32, count: u32) -> Result<Made, Failure> {
        match self {
            Self::Embedded {
                pipeline, request, ..
            } => {
                let request = GenerateRequest {
                    seed: request.seed.of_picture(number),
                    ..request.clone()
                };
                run(context, pipeline, &request, number, count)
            }
            Self::Server {
                client,
                request,
                model,
            } => {
                let request = ImagesRequest {
                    seed: self.seed(number),
                    ..request.clone()
                };
                ask(context, client, &request, model, number, count)
            }
        }
    }
}

fn api_key(options: &Generate) -> Result<Option<Secret>, Failure> {
    if let Some(path) = &options.server.api_key_file {
        return Ok(Some(Secret::from_file(path)?));
    }
    let Some(name) = &options.server.api_key_env else {
        return Ok(None);
    };
    match Secret::from_env(name)? {
        Some(key) => Ok(Some(key)),
        None => Err(Failure::Request(format!(
            "the environment variable {name} is not set or empty; set it to the API key"
        ))),
    }
}

/// "picture 2 of 4", or nothing for one.
fn which(number: u32, count: u32) -> String {
    if count == 1 {
        String::new()
    } else {
        format!("picture {} of {count}, ", number + 1)
    }
}

/// A picture by the embedded model with everything as it chooses.
///
/// # Errors
/// [`Failure::Diffusion`].
pub fn embedded_picture(context: &Context<'_>, prompt: &str, seed: u64) -> Result<Made, Failure> {
    let pipeline = Pipeline::embedded()?;
    let request = GenerateRequest::new(prompt, Seed(seed));
    run(context, &pipeline, &request, 0, 1)
}

fn run(
    context: &Context<'_>,
    pipeline: &Pipeline,
    request: &GenerateRequest,
    number: u32,
    count: u32,
) -> Result<Made, Failure> {
    let cancel = CancelToken::new();
    // How many steps there are is told with the first of them.
    let bar = context.printer.steps(1);
    let which = which(number, count);
    let pictures = pipeline.generate(
        request,
        &mut |progress| {
            let left = progress.remaining.map_or(String::new(), |left| {
                format!(", {} left", HumanDuration(left))
            });
            bar.set_message(format!(
                "{which}step {} of {}{left}",
                progress.step, progress.steps
            ));
            bar.set_length(u64::from(progress.steps));
            bar.set_position(u64::from(progress.step));
            if context.interrupt.is_stopping() {
                cancel.cancel();
            }
        },
        &cancel,
    );
    bar.finish_and_clear();
    // One was asked for, so that one comes.
    let picture = pictures?.into_iter().next().ok_or_else(|| {
        Failure::Request("the model returned no picture; please report this".to_owned())
    })?;
    let strength = request.source.as_ref().map(|source| source.strength);
    let facts = embedded_facts(pipeline.info(), &picture, strength);
    Ok(Made {
        picture: MadePicture::Pixels(picture.image),
        facts,
        understood: picture.described,
    })
}

fn embedded_facts(info: &ModelInfo, picture: &Generated, strength: Option<f32>) -> GenerationFacts {
    GenerationFacts {
        backend: Backend::Embedded,
        model: embedded_model(info),
        width: picture.size.width(),
        height: picture.size.height(),
        seeds: vec![picture.seed.0],
        steps: Some(picture.steps),
        // How much of a picture to start from was drawn anew belongs to the way from noise to picture.
        sampler: Some(match strength {
            Some(strength) => format!("{}, image strength {strength}", picture.sampler.name()),
            None => picture.sampler.name().to_owned(),
        }),
        guidance: Some(picture.guidance),
    }
}

fn embedded_model(info: &ModelInfo) -> ModelFacts {
    let mut training_licenses: Vec<String> = Vec::new();
    for data in &info.training_data {
        if !training_licenses.contains(&data.license) {
            training_licenses.push(data.license.clone());
        }
    }
    ModelFacts {
        id: info.id.clone(),
        name: info.name.clone(),
        version: Some(info.version.clone()).filter(|version| !version.is_empty()),
        weights: weights_files(info),
        license: Some(info.license.clone()),
        training_licenses,
        built_in: info.built_in,
    }
}

/// The model's own files, then those of low-rank changes: `lora/FILE x SCALE`.
fn weights_files(info: &ModelInfo) -> Vec<WeightsFile> {
    let changes = info.adapters.iter().map(|adapter| WeightFile {
        name: format!("lora/{} x {}", adapter.file.name, adapter.scale),
        ..adapter.file.clone()
    });
    let files = info.weights.iter().cloned().chain(changes);
    files.filter_map(|file| weights_file(&file)).collect()
}

/// `None` for a hash that is none.
fn weights_file(file: &WeightFile) -> Option<WeightsFile> {
    let mut sha256 = [0; 32];
    let digits = file.sha256.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in sha256.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(WeightsFile {
        file: file.name.clone(),
        sha256,
    })
}

fn ask(
    context: &Context<'_>,
    client: &Client,
    request: &ImagesRequest,
    model: &str,
    number: u32,
    count: u32,
) -> Result<Made, Failure> {
    let printer = context.printer;
    let bar = printer.waiting(format!("{}asking {}", which(number, count), client.host()));
    let answer = client.generate(request, &|| context.interrupt.is_stopping());
    bar.finish_and_clear();
    let answer = answer?;
    for deviation in &answer.deviations {
        printer.note(&deviation.to_string());
    }
    let told = answer.model.as_deref().and_then(model_name);
    if let Some(told) = told.as_deref().filter(|told| *told != model) {
        printer.note(&format!(
            "the server says that the model is {told}, not {model} as asked for; the record follows the server"
        ));
    }
    let picture = answer.pictures.into_iter().next().ok_or_else(|| {
        Failure::Request("the server returned no picture; see its log".to_owned())
    })?;
    if picture.revised_prompt.is_some() {
        printer.note("the server changed the prompt before it made the picture; the record commits to the prompt sent");
    }
    let size = (picture.width, picture.height);
    let facts = server_facts(request, told.as_deref().unwrap_or(model), size);
    Ok(Made {
        picture: MadePicture::File(picture.bytes),
        facts,
        understood: None,
    })
}

/// A server's name of its model as it can be signed and recorded; `None` for what is no name.
fn model_name(told: &str) -> Option<String> {
    let name: String = clean(told).trim().chars().take(MOST_MODEL_CHARS).collect();
    (!name.is_empty()).then_some(name)
}

fn server_facts(
    request: &ImagesRequest,
    model: &str,
    (width, height): (u32, u32),
) -> GenerationFacts {
    GenerationFacts {
        backend: Backend::Remote,
        model: ModelFacts {
            id: model.to_owned(),
            name: model.to_owned(),
            version: None,
            weights: Vec::new(),
            license: None,
            training_licenses: Vec::new(),
            built_in: false,
        },
        width,
        height,
        seeds: request.seed.into_iter().collect(),
        steps: request.steps,
        sampler: None,
        guidance: request.guidance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_a_server_is_made_safe() {
        assert_eq!(model_name("flux\u{1b}[2J\n").as_deref(), Some("flux[2J"));
        assert_eq!(model_name(" \u{0}\n "), None);
        assert_eq!(model_name(&"x".repeat(5_000)).unwrap().len(), 256);
    }

    #[test]
    fn a_hash_is_read_or_left_out() {
        let file = |sha256: String| WeightFile {
            name: "a.safetensors".to_owned(),
            bytes: 1,
            sha256,
        };
        let read = weights_file(&file("5a".repeat(32))).unwrap();
        assert_eq!(read.sha256, [0x5a; 32]);
        for bad in [String::new(), "zz".repeat(32), "5a".repeat(31)] {
            assert_eq!(weights_file(&file(bad)), None);
        }
    }
}
