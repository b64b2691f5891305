//! The maker that the options ask for, and what a terminal is shown while it works.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use colophon_diffusion::{GenerateRequest, Pipeline, Seed, SourcePicture};
use colophon_gateway::{Client, Dialect, ImagesRequest, Secret};
use colophon_imaging::{ImagingError, Limits, Picture, decode, read_bounded};
use colophon_provenance::Config;
use indicatif::HumanDuration;

use crate::args::{self, Generate};
use crate::commands::{Context, models};
use crate::failure::Failure;
use crate::making::{Made, Maker, MaskBy, SERVER_SIDE, Start, StartError, Watch};

/// Checks the request and everything else that can be told before any work is spent. `seed` is used where none was
/// asked for.
///
/// # Errors
/// [`Failure::Diffusion`], [`Failure::Gateway`], [`Failure::Request`] for options that belong to the other backend.
pub fn new(
    context: &Context<'_>,
    options: &Generate,
    prompt: &str,
    seed: u64,
) -> Result<Maker, Failure> {
    match options.backend {
        args::Backend::Embedded => local(context, options, prompt, seed),
        args::Backend::Openai => server(options, prompt, seed),
    }
}

fn local(
    context: &Context<'_>,
    options: &Generate,
    prompt: &str,
    seed: u64,
) -> Result<Maker, Failure> {
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
    let pipeline = match (&options.local.model, options.local.parts.first_given()) {
        (Some(model), _) => models::open(context, model, &options.local.parts)?,
        (None, None) => Pipeline::embedded()?,
        (None, Some(name)) => {
            return Err(Failure::Request(format!(
                "{name} is about a model folder; name one by --model, or leave it out"
            )));
        }
    };
    let request = GenerateRequest {
        negative_prompt: options.negative.clone(),
        size: options.size,
        steps: options.steps,
        guidance: options.guidance,
        sampler: options.sampler,
        ..GenerateRequest::new(prompt, Seed(options.seed.unwrap_or(seed)))
    };
    let multiple = pipeline.info().size_rule.multiple_of;
    let start = match &options.image {
        Some(path) => Some(start(context, options, path, multiple)?),
        None => None,
    };
    Maker::local(Arc::new(pipeline), request, start)
}

/// The file of the picture to start from, and the picture as the model takes it.
fn start(
    context: &Context<'_>,
    options: &Generate,
    path: &Path,
    multiple: u32,
) -> Result<(Vec<u8>, SourcePicture), Failure> {
    let limits = Config::load(Some(&context.home()?))?.limits();
    let (file, picture) = load(path, &limits)?;
    let mask = match &options.mask {
        Some(path) => Some(load(path, &limits)?.1),
        None => None,
    };
    let start = Start::new(
        &picture,
        mask.as_ref().map(|mask| (mask, MaskBy::White)),
        options.image_strength,
        options.size.map(|size| (size.width(), size.height())),
        multiple,
    )
    .map_err(|error| match error {
        StartError::Size { .. } => Failure::Request(format!(
            "{error}; leave --size out, or scale the picture first"
        )),
        other => other.into(),
    })?;
    if start.was_cut {
        let made = &start.picture.image;
        context.printer.note(&format!(
            "{} is cut to {}x{}, since the model makes multiples of {multiple} pixels",
            path.display(),
            made.width,
            made.height
        ));
    }
    Ok((file, start.picture))
}

fn load(path: &Path, limits: &Limits) -> Result<(Vec<u8>, Picture), Failure> {
    let named = |error: ImagingError| Failure::Request(format!("{}: {error}", path.display()));
    let file = read_bounded(path, limits).map_err(named)?;
    let picture = decode(&file, limits).map_err(named)?;
    Ok((file, picture))
}

fn server(options: &Generate, prompt: &str, seed: u64) -> Result<Maker, Failure> {
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
    let model = options.local.model.clone().unwrap_or_default();
    Maker::server(Arc::new(Client::new(backend)?), request, model)
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

/// A picture by the embedded model with everything as it chooses.
///
/// # Errors
/// [`Failure::Diffusion`].
pub fn embedded_picture(context: &Context<'_>, prompt: &str, seed: u64) -> Result<Made, Failure> {
    let request = GenerateRequest::new(prompt, Seed(seed));
    let maker = Maker::local(Arc::new(Pipeline::embedded()?), request, None)?;
    make(context, &maker, 0, 1)
}

/// Makes picture `number` of `count`, counted from 0, and shows how far it is. Ctrl-C stops it.
///
/// # Errors
/// As [`Maker::make`].
pub fn make(
    context: &Context<'_>,
    maker: &Maker,
    number: u32,
    count: u32,
) -> Result<Made, Failure> {
    let printer = context.printer;
    let which = which(number, count);
    // How many steps there are is told with the first of them.
    let bar = match maker {
        Maker::Local { .. } => printer.steps(1),
        Maker::Server { client, .. } => printer.waiting(format!("{which}asking {}", client.host())),
    };
    let made = maker.make(
        number,
        &mut Watch {
            progress: &mut |progress| {
                let left = progress.remaining.map_or(String::new(), |left| {
                    format!(", {} left", HumanDuration(left))
                });
                bar.set_message(format!(
                    "{which}step {} of {}{left}",
                    progress.step, progress.steps
                ));
                bar.set_length(u64::from(progress.steps));
                bar.set_position(u64::from(progress.step));
            },
            stop: &|| context.interrupt.is_stopping(),
        },
    );
    bar.finish_and_clear();
    let made = made?;
    for note in &made.notes {
        printer.note(note);
    }
    Ok(made)
}

/// "picture 2 of 4", or nothing for one.
fn which(number: u32, count: u32) -> String {
    if count == 1 {
        String::new()
    } else {
        format!("picture {} of {count}, ", number + 1)
    }
}
