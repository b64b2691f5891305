//! `stamp`: mark, sign and record pictures.

use std::collections::HashSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use colophon_imaging::{Format, read_bounded};
use colophon_provenance::{Destination, Issued, Issuer, StampRequest, Strength};
use serde_json::json;

use super::{Context, name_of, now};
use crate::args::{OutputFormat, Stamp};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jobs;
use crate::passphrase;
use crate::printer::{CAUTION, FAINT, GOOD, describe, styled};
use crate::text::clean;

/// Longest prompt that a record takes, bytes.
const MOST_PROMPT_BYTES: u64 = 1 << 20;

/// Runs `stamp`.
pub fn run(context: &Context<'_>, options: &Stamp) -> Result<Exit, Failure> {
    let jobs = destinations(options)?;
    let request = request(options)?;
    let home = context.home()?;
    let passphrase = if home.has_keys() {
        passphrase::to_open(context.global, &home.keys())?
    } else {
        passphrase::to_protect(context.global, false)?
    };
    // Held until the ledger is closed again, which is done properly after Ctrl-C too.
    let _writing = context.interrupt.writing();
    if let Some(folder) = &options.out_dir {
        fs::create_dir_all(folder).map_err(Failure::file("make the folder", folder))?;
    }
    let issuer = Issuer::open(&home, passphrase, now())?;
    if issuer.made_home() {
        context.printer.note(&format!(
            "first use: made keys and a ledger in {}; the signing chain is local, on no public list",
            home.root.display()
        ));
    }
    let mut exit = Exit::DONE;
    let work = |(input, path): &(PathBuf, PathBuf)| {
        let destination = Destination {
            path: path.clone(),
            overwrite: options.overwrite,
        };
        (input.clone(), one(&issuer, &request, input, destination))
    };
    jobs::in_order(&jobs, context, work, |(input, answer)| {
        if answer.is_err() {
            exit = Exit::FAILED;
        }
        tell(context, options.json, &input, answer)
    })?;
    Ok(exit)
}

fn one(
    issuer: &Issuer,
    request: &StampRequest,
    input: &Path,
    destination: Destination,
) -> Result<Issued, Failure> {
    let bytes = read_bounded(input, issuer.limits())?;
    Ok(issuer.stamp(
        &bytes,
        &StampRequest {
            issued_at: now(),
            ..request.clone()
        },
        destination,
    )?)
}

/// Each input with its output.
fn destinations(options: &Stamp) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let jobs: Vec<(PathBuf, PathBuf)> = match (&options.out, &options.out_dir) {
        (Some(out), _) if options.files.len() == 1 => vec![(options.files[0].clone(), out.clone())],
        (_, Some(folder)) => {
            let place = |file: &PathBuf| {
                Ok((
                    file.clone(),
                    folder.join(output_name(file, options.format)?),
                ))
            };
            options
                .files
                .iter()
                .map(place)
                .collect::<Result<_, Failure>>()?
        }
        _ => {
            return Err(Failure::Request(
                "several pictures need --out-dir instead of --out".into(),
            ));
        }
    };
    let mut seen = HashSet::new();
    match jobs.iter().find(|(_, path)| !seen.insert(path)) {
        Some((_, path)) => Err(Failure::Request(format!(
            "two of the pictures would be written to {}; stamp them into different folders",
            path.display()
        ))),
        None => Ok(jobs),
    }
}

/// The input's own name, with the extension of the format it will have.
fn output_name(input: &Path, format: Option<OutputFormat>) -> Result<PathBuf, Failure> {
    let name = input.file_name().map(PathBuf::from);
    let name =
        name.ok_or_else(|| Failure::Request(format!("{} names no file", input.display())))?;
    let own = name
        .extension()
        .and_then(|extension| extension.to_str())
        .and_then(Format::from_extension);
    Ok(match (format, own) {
        (Some(format), _) => name.with_extension(Format::from(format).extension()),
        (None, Some(own)) if own.can_encode() => name,
        (None, _) => name.with_extension(Format::Png.extension()),
    })
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Png => Self::Png,
            OutputFormat::Jpeg => Self::Jpeg,
            OutputFormat::Webp => Self::WebP,
        }
    }
}

fn request(options: &Stamp) -> Result<StampRequest, Failure> {
    Ok(StampRequest {
        generator: options.generator.clone(),
        generator_version: options.generator_version.clone(),
        title: options.title.clone(),
        prompt: options.prompt_file.as_deref().map(prompt).transpose()?,
        embed: options.strength.map(|name| Strength::from(name).options()),
        format: options.format.map(Format::from),
        jpeg_quality: options.quality,
        keep_metadata: !options.strip_metadata,
        allow_unmarked: options.allow_unmarked,
        ..StampRequest::new(options.source, now())
    })
}

fn prompt(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MOST_PROMPT_BYTES + 1).read_to_string(&mut text))
        .map_err(Failure::file("read the prompt file", path))?;
    if text.len() as u64 > MOST_PROMPT_BYTES {
        return Err(Failure::Request(format!(
            "the prompt in {} is longer than {MOST_PROMPT_BYTES} bytes",
            path.display()
        )));
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

fn tell(
    context: &Context<'_>,
    json: bool,
    input: &Path,
    answer: Result<Issued, Failure>,
) -> Result<(), Failure> {
    let file = name_of(input);
    match answer {
        Ok(issued) if json => context.printer.json(&with_file(&file, &issued)?),
        Ok(issued) => tell_issued(context, &issued),
        Err(failure) if json => context
            .printer
            .json(&json!({ "file": file, "error": describe(&failure) })),
        Err(failure) => {
            context
                .printer
                .failure(&Failure::Request(format!("{file}: {}", describe(&failure))));
            Ok(())
        }
    }
}

/// What was issued, headed by the input's name.
fn with_file(file: &str, issued: &Issued) -> Result<serde_json::Value, Failure> {
    let mut line = json!({ "file": file });
    let about = serde_json::to_value(issued).map_err(|error| Failure::Output(error.into()))?;
    if let (Some(line), serde_json::Value::Object(about)) = (line.as_object_mut(), about) {
        line.extend(about);
    }
    Ok(line)
}

fn tell_issued(context: &Context<'_>, issued: &Issued) -> Result<(), Failure> {
    let printer = context.printer;
    let path = name_of(&issued.path);
    let mark = match (&issued.watermark_id, &issued.unmarked_reason) {
        (Some(id), _) => format!("id {id}"),
        (None, reason) => styled(
            CAUTION,
            &format!(
                "no mark: {}",
                clean(reason.as_deref().unwrap_or("none could be put in"))
            ),
        ),
    };
    printer.say(&format!(
        "{}  record {}, {mark}",
        styled(GOOD, &clean(&path)),
        issued.record
    ))?;
    if printer.is_verbose() {
        let steps = &issued.elapsed;
        let decibels =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1} dB"));
        for line in [
            format!(
                "{} {} x {}, {} bytes, sha-256 {}",
                issued.format, issued.width, issued.height, issued.bytes, issued.sha256
            ),
            format!(
                "mark {}, file {}, margin {}",
                decibels(issued.psnr_mark),
                decibels(issued.psnr_file),
                issued
                    .margin
                    .map_or("-".to_owned(), |it| format!("{it:.0}"))
            ),
            format!("manifest {}", issued.manifest_id),
            format!("leaf {}", issued.leaf_hash),
            format!(
                "decode {:.0}, mark {:.0}, encode {:.0}, sign {:.0}, read back {:.0}, store {:.0} ms",
                steps.decode_ms,
                steps.mark_ms,
                steps.encode_ms,
                steps.sign_ms,
                steps.read_back_ms,
                steps.store_ms
            ),
        ] {
            printer.say(&format!("  {}", styled(FAINT, &line)))?;
        }
    }
    Ok(())
}
