//! `stamp`: mark, sign and record pictures.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use colophon_imaging::{Format, read_bounded};
use colophon_provenance::{Destination, Issued, Issuer, StampRequest};
use serde_json::json;

use super::{Context, issuing, name_of, now};
use crate::args::{OutputFormat, Stamp};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jobs;
use crate::printer::describe;

/// Runs `stamp`.
pub fn run(context: &Context<'_>, options: &Stamp) -> Result<Exit, Failure> {
    let jobs = destinations(options)?;
    let request = request(options)?;
    let home = context.home()?;
    let passphrase = issuing::passphrase(context, &home)?;
    // Held until the ledger is closed again, which is done properly after Ctrl-C too.
    let _writing = context.interrupt.writing();
    let issuer = issuing::open(context, &home, passphrase, &options.issue)?;
    let mut exit = Exit::DONE;
    let work = |(input, path): &(PathBuf, PathBuf)| {
        let destination = Destination {
            path: path.clone(),
            overwrite: options.issue.overwrite,
        };
        (input.clone(), one(&issuer, &request, input, destination))
    };
    jobs::in_order(&jobs, context, work, |(input, answer)| {
        if answer.is_err() {
            exit = Exit::FAILED;
        }
        tell(context, options.issue.json, &input, answer)
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
    let mut request = request.clone();
    request.options.issued_at = now();
    Ok(issuer.stamp(&bytes, &request, destination)?)
}

/// Each input with its output.
fn destinations(options: &Stamp) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let jobs: Vec<(PathBuf, PathBuf)> = match (&options.issue.out, &options.issue.out_dir) {
        (Some(out), _) if options.files.len() == 1 => vec![(options.files[0].clone(), out.clone())],
        (_, Some(folder)) => {
            let place = |file: &PathBuf| {
                Ok((
                    file.clone(),
                    folder.join(output_name(file, options.issue.format)?),
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

fn request(options: &Stamp) -> Result<StampRequest, Failure> {
    Ok(StampRequest {
        generator: options.generator.clone(),
        generator_version: options.generator_version.clone(),
        prompt: options
            .prompt_file
            .as_deref()
            .map(issuing::prompt_in)
            .transpose()?,
        keep_metadata: !options.strip_metadata,
        options: issuing::options(&options.issue),
        ..StampRequest::new(options.source, now())
    })
}

fn tell(
    context: &Context<'_>,
    json: bool,
    input: &Path,
    answer: Result<Issued, Failure>,
) -> Result<(), Failure> {
    let file = name_of(input);
    match answer {
        Ok(issued) if json => context.printer.json(&issuing::with_file(&file, &issued)?),
        Ok(issued) => issuing::tell(context, &issued),
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
