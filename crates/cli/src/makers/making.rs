//! Orders of the service, for the makers that `generate` has too.

use std::sync::Arc;

use colophon_diffusion::{DiffusionError, GenerateRequest, Pipeline, SamplerKind, Seed, Size};
use colophon_gateway::{Client, Dialect, GatewayError, ImagesRequest};
use colophon_imaging::{ImagingError, Limits, decode};
use colophon_provenance::GenerationFacts;
use colophon_server::{
    Effort, MadeImage, MadePixels, MakeFailure, Making, Order, Pixels, StartPicture, Step, Watcher,
};

use crate::failure::Failure;
use crate::making::{
    IMAGE_STRENGTH, MadePicture, Maker, MaskBy, SERVER_SIDE, Start, StartError, Watch,
};

/// An order that a maker took.
struct Taken {
    maker: Maker,
    ignored: Vec<&'static str>,
}

/// An order for a model in this program.
///
/// # Errors
/// [`MakeFailure`].
pub fn local(
    pipeline: Arc<Pipeline>,
    order: Order,
    limits: &Limits,
) -> Result<Box<dyn Making>, MakeFailure> {
    let info = pipeline.info();
    let size = order
        .size
        .map(|(width, height)| Size::new(width, height))
        .transpose()
        .map_err(|error| refused(&error.into()))?;
    let steps = order
        .steps
        .unwrap_or_else(|| order.effort.steps(info.default_steps));
    // Rounded up, so that there are never more of them.
    let previews = (order.previews > 0).then(|| steps.div_ceil(order.previews + 1));
    let request = GenerateRequest {
        negative_prompt: order.negative_prompt,
        size,
        steps: Some(steps),
        guidance: order.guidance,
        sampler: order.sampler.as_deref().map(sampler).transpose()?,
        previews_every: previews,
        ..GenerateRequest::new(order.prompt, Seed(order.seed))
    };
    let multiple = info.size_rule.multiple_of;
    let start = match order.start {
        Some(start) => {
            let picture = picture(&start, order.size, multiple, limits)?;
            Some((start.file, picture.picture))
        }
        None => None,
    };
    let maker = Maker::local(pipeline, request, start).map_err(|failure| refused(&failure))?;
    Ok(Box::new(Taken {
        maker,
        ignored: Vec::new(),
    }))
}

fn sampler(name: &str) -> Result<SamplerKind, MakeFailure> {
    name.parse()
        .map_err(|error: DiffusionError| refused(&error.into()))
}

fn picture(
    start: &StartPicture,
    size: Option<(u32, u32)>,
    multiple: u32,
    limits: &Limits,
) -> Result<Start, MakeFailure> {
    let read = |file: &[u8], field| {
        decode(file, limits).map_err(|error: ImagingError| MakeFailure::Order {
            field: Some(field),
            reason: error.to_string(),
        })
    };
    let picture = read(&start.file, "image")?;
    let mask = match &start.mask {
        Some(mask) => Some(read(mask, "mask")?),
        None => None,
    };
    // What a mask leaves open is drawn anew, as clients of the OpenAI API expect.
    let unless_told = if mask.is_some() { 1.0 } else { IMAGE_STRENGTH };
    Start::new(
        &picture,
        mask.as_ref().map(|mask| (mask, MaskBy::Transparency)),
        start.strength.unwrap_or(unless_told),
        size,
        multiple,
    )
    .map_err(|error| refused(&error.into()))
}

/// An order for an images server.
///
/// # Errors
/// [`MakeFailure`].
pub fn server(
    client: Arc<Client>,
    model: String,
    order: &Order,
) -> Result<Box<dyn Making>, MakeFailure> {
    let not_taken = |field: &'static str| MakeFailure::Order {
        field: Some(field),
        reason: format!("the model {model} runs on another server, which is not asked for that"),
    };
    if order.start.is_some() {
        return Err(not_taken("image"));
    }
    if order.sampler.is_some() {
        return Err(not_taken("colophon.sampler"));
    }
    let takes_seeds = client.backend().dialect != Dialect::OpenAi;
    let (width, height) = order.size.unwrap_or((SERVER_SIDE, SERVER_SIDE));
    let request = ImagesRequest {
        model: Some(model.clone()),
        negative_prompt: order.negative_prompt.clone(),
        seed: (takes_seeds || order.seed_is_asked).then_some(order.seed),
        steps: order.steps,
        guidance: order.guidance,
        ..ImagesRequest::new(order.prompt.clone(), width, height)
    };
    let mut ignored = Vec::new();
    if order.effort != Effort::Own {
        ignored.push("quality");
    }
    if order.previews > 0 {
        ignored.push("partial_images");
    }
    let maker = Maker::server(client, request, model).map_err(|failure| refused(&failure))?;
    Ok(Box::new(Taken { maker, ignored }))
}

impl Making for Taken {
    fn facts(&self) -> GenerationFacts {
        self.maker.facts()
    }

    fn source(&self) -> Option<&[u8]> {
        self.maker.source()
    }

    fn ignored(&self) -> Vec<&'static str> {
        self.ignored.clone()
    }

    fn make(&self, number: u32, watcher: &mut Watcher<'_>) -> Result<MadeImage, MakeFailure> {
        let step = &mut watcher.step;
        let made = self.maker.make(
            number,
            &mut Watch {
                progress: &mut |progress| {
                    step(Step {
                        done: progress.step,
                        of: progress.steps,
                        preview: progress.preview.map(|image| Pixels {
                            width: image.width,
                            height: image.height,
                            rgb: image.pixels,
                        }),
                    });
                },
                stop: watcher.stop,
            },
        );
        let made = made.map_err(|failure| refused(&failure))?;
        Ok(MadeImage {
            picture: match made.picture {
                MadePicture::Pixels(image) => MadePixels::Pixels(Pixels {
                    width: image.width,
                    height: image.height,
                    rgb: image.pixels,
                }),
                MadePicture::File(bytes) => MadePixels::File(bytes),
            },
            facts: made.facts,
            understood: made.understood,
            notes: made.notes,
        })
    }
}

/// Why a maker made nothing, in the words of a request over HTTP.
pub fn refused(failure: &Failure) -> MakeFailure {
    let order = |field: Option<&'static str>| MakeFailure::Order {
        field,
        reason: failure.to_string(),
    };
    match failure {
        Failure::Diffusion(error) => by_diffusion(error),
        Failure::Gateway(error) => by_gateway(error),
        Failure::Start(error @ StartError::Size { .. }) => MakeFailure::Order {
            field: Some("size"),
            reason: format!("{error}; leave `size` out, or send the picture in another size"),
        },
        Failure::Start(StartError::Small { .. }) => order(Some("image")),
        Failure::Start(StartError::Mask { .. }) => order(Some("mask")),
        other => MakeFailure::Failed(crate::printer::describe(other)),
    }
}

fn by_diffusion(error: &DiffusionError) -> MakeFailure {
    let order = |field| MakeFailure::Order {
        field,
        reason: error.to_string(),
    };
    match error {
        DiffusionError::EmptyPrompt(which)
        | DiffusionError::PromptTooLong { which, .. }
        | DiffusionError::ControlCharacter { which, .. } => order(Some(match *which {
            "prompt" => "prompt",
            _ => "colophon.negative_prompt",
        })),
        DiffusionError::InvalidSize { .. } | DiffusionError::UnsupportedSize { .. } => {
            order(Some("size"))
        }
        DiffusionError::OutOfRange { name, .. } => order(match *name {
            "steps" => Some("colophon.steps"),
            "guidance" => Some("colophon.guidance"),
            _ => None,
        }),
        DiffusionError::UnknownSampler { .. } => order(Some("colophon.sampler")),
        DiffusionError::Source(_) => order(Some("image")),
        DiffusionError::NotTaken { what, .. } => order(Some(match *what {
            "negative prompt" => "colophon.negative_prompt",
            "guidance" => "colophon.guidance",
            _ => "image",
        })),
        DiffusionError::Cancelled => MakeFailure::Stopped,
        DiffusionError::NotEnoughMemory { .. } => MakeFailure::NoRoom(error.to_string()),
        _ => MakeFailure::Failed(error.to_string()),
    }
}

fn by_gateway(error: &GatewayError) -> MakeFailure {
    let reason = error.to_string();
    match error {
        GatewayError::Request { field, .. } | GatewayError::Unsupported { field, .. } => {
            MakeFailure::Order {
                field: field_of(field),
                reason,
            }
        }
        GatewayError::Cancelled => MakeFailure::Stopped,
        GatewayError::ContentPolicy { .. } => MakeFailure::Forbidden(reason),
        GatewayError::Refused { error, .. } => MakeFailure::Order {
            field: None,
            reason: format!("the server that makes the pictures refuses the request: {error}"),
        },
        GatewayError::Busy { retry_after, .. } => MakeFailure::Busy {
            reason: "the server that makes the pictures is busy".to_owned(),
            after: retry_after.map(|wait| wait.as_secs().min(3_600) as u32),
        },
        GatewayError::TimedOut { .. } => MakeFailure::TimedOut(
            "the server that makes the pictures did not answer in time".to_owned(),
        ),
        // Its address is the operator's affair; the operator's log has the rest.
        _ => {
            eprintln!("note: no picture from the images server: {error}");
            MakeFailure::Upstream("the server that makes the pictures failed".to_owned())
        }
    }
}

/// A field of the gateway's by the name that callers know.
fn field_of(field: &str) -> Option<&'static str> {
    Some(match field {
        "prompt" => "prompt",
        "negative prompt" => "colophon.negative_prompt",
        "model" => "model",
        "width" | "height" => "size",
        "seed" => "colophon.seed",
        "steps" => "colophon.steps",
        "guidance" | "true CFG" => "colophon.guidance",
        _ => return None,
    })
}
