//! `verify`: one report a file.

use std::fs;
use std::io;
use std::path::Path;

use colophon_imaging::{
    Channels, EncodeOptions, Format, Limits, Picture, Samples, decode, encode, read_bounded,
    read_bounded_from, write_atomic,
};
use colophon_provenance::{HeatMap, Home, Report, Verifier, VerifierOptions};

use super::{Context, bulk, is_stdin, name_of};
use crate::args::Verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jobs;
use crate::passphrase;
use crate::report::render;

/// Runs `verify`.
pub fn run(context: &Context<'_>, options: &Verify) -> Result<Exit, Failure> {
    if options.heat_map.is_some() && options.files.len() > 1 {
        return Err(Failure::Request(
            "--heat-map is for one picture at a time".into(),
        ));
    }
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
            full: options.full,
            language: options.lang,
            heat_map: options.heat_map.is_some(),
            ..VerifierOptions::default()
        },
    )?;
    if options.bulk.targets.are_asked_for() {
        return bulk::run(context, options, &verifier);
    }
    let mut outcomes = Vec::new();
    jobs::in_order(
        &options.files,
        context,
        |path| examine(&verifier, path),
        |(report, heat_map)| {
            let first = outcomes.is_empty();
            outcomes.push(report.outcome);
            if let Some(path) = &options.heat_map {
                write_heat_map(context, path, heat_map.transpose()?)?;
            }
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

/// Reads and checks one file; what goes wrong with it is part of the report. With it, when it was asked for,
/// the picture of the heat map.
fn examine(verifier: &Verifier, path: &Path) -> (Report, Option<Result<Vec<u8>, Failure>>) {
    let (name, read) = if is_stdin(path) {
        (
            "standard input".to_owned(),
            read_bounded_from(io::stdin().lock(), verifier.limits()),
        )
    } else {
        (name_of(path), read_bounded(path, verifier.limits()))
    };
    match read {
        Ok(bytes) => {
            let found = verifier.examine(&bytes, &name);
            let drawn = found
                .heat_map
                .map(|map| drawn(&map, &bytes, verifier.limits()));
            (found.report, drawn)
        }
        Err(error) => (verifier.unreadable(error, &name), None),
    }
}

/// The picture under its heat map, as PNG.
fn drawn(heat_map: &HeatMap, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Failure> {
    let picture = decode(bytes, limits)?;
    let (width, height) = (picture.width(), picture.height());
    let layer = heat_map.overlay(width as usize, height as usize);
    let mut samples = picture.to_rgb8();
    for (pixel, over) in samples.chunks_exact_mut(3).zip(layer.chunks_exact(4)) {
        let opacity = u16::from(over[3]);
        for (below, colour) in pixel.iter_mut().zip(over) {
            let mixed = u16::from(*below) * (255 - opacity) + u16::from(*colour) * opacity;
            *below = (mixed / 255) as u8;
        }
    }
    let drawn = Picture::new(width, height, Channels::Rgb, Samples::U8(samples))?;
    Ok(encode(&drawn, &EncodeOptions::new(Format::Png))?)
}

fn write_heat_map(
    context: &Context<'_>,
    path: &Path,
    drawn: Option<Vec<u8>>,
) -> Result<(), Failure> {
    let Some(drawn) = drawn else {
        context
            .printer
            .note("no mark was found, so no heat map was written");
        return Ok(());
    };
    let _writing = context.interrupt.writing();
    Ok(write_atomic(path, &drawn, false)?)
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
