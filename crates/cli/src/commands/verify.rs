//! `verify`: one report a file.

use std::fs;
use std::io;
use std::path::Path;

use colophon_imaging::{read_bounded, read_bounded_from};
use colophon_provenance::{Home, Report, Verifier, VerifierOptions};

use super::{Context, is_stdin, name_of};
use crate::args::Verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jobs;
use crate::passphrase;
use crate::report::render;

/// Runs `verify`.
pub fn run(context: &Context<'_>, options: &Verify) -> Result<Exit, Failure> {
    // Without any folder to call home, manifests can still be checked.
    let home = context.home().ok();
    let passphrase = match &home {
        Some(home) => passphrase::to_open(context.global, &home.keys())?,
        None => None,
    };
    let trust_anchors = options
        .trust_anchor
        .iter()
        .map(|path| anchor(path))
        .collect::<Result<_, _>>()?;
    let verifier = open(
        home.as_ref(),
        VerifierOptions {
            passphrase,
            trust_anchors,
            scores: options.scores,
            ..VerifierOptions::default()
        },
    )?;
    let mut outcomes = Vec::new();
    jobs::in_order(
        &options.files,
        context,
        |path| examine(&verifier, path),
        |report| {
            let first = outcomes.is_empty();
            outcomes.push(report.outcome);
            if options.json {
                return context.printer.json(&report);
            }
            if !first {
                context.printer.say("")?;
            }
            context.printer.say(&render(
                &report,
                context.printer.width(),
                context.printer.is_verbose(),
            ))
        },
    )?;
    Ok(Exit::of(outcomes))
}

fn open(home: Option<&Home>, options: VerifierOptions) -> Result<Verifier, Failure> {
    Ok(Verifier::open(home, options)?)
}

/// Reads and checks one file; what goes wrong with it is part of the report.
fn examine(verifier: &Verifier, path: &Path) -> Report {
    let (name, read) = if is_stdin(path) {
        (
            "standard input".to_owned(),
            read_bounded_from(io::stdin().lock(), verifier.limits()),
        )
    } else {
        (name_of(path), read_bounded(path, verifier.limits()))
    };
    match read {
        Ok(bytes) => verifier.verify(&bytes, &name),
        Err(error) => verifier.unreadable(&error, &name),
    }
}

/// A trust anchor under the name of its file.
fn anchor(path: &Path) -> Result<(String, String), Failure> {
    let pem = fs::read_to_string(path).map_err(Failure::file("read the trust anchor", path))?;
    let name = path.file_stem().map_or_else(
        || "given".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    Ok((name, pem))
}
