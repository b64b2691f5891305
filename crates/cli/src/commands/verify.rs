//! `verify`: one report a file.

use std::path::Path;

use colophon_imaging::write_atomic;

use colophon_ledger::Decisions;
use colophon_provenance::{Report, Wording};
use colophon_rendering::html::{self, Attachments, Image, ImageKind, MOST_REPORTS, TooMany};
use colophon_rendering::terminal::render;

use super::audit::log_check;
use super::pictures::thumbnail_size;
use super::{Context, bulk};
use crate::args::Verify;
use crate::checker::{Confined, Setup, Wants};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jobs;

/// Runs `verify`.
pub fn run(context: &Context<'_>, options: &Verify) -> Result<Exit, Failure> {
    let for_one = options.heat_map.is_some() || options.crjson.is_some();
    if for_one && options.files.len() > 1 {
        return Err(Failure::Request(
            "--heat-map and --crjson are for one picture at a time".into(),
        ));
    }
    if options.html.is_some() && options.files.len() > MOST_REPORTS {
        let problem = TooMany(options.files.len());
        return Err(Failure::Request(problem.to_string()));
    }
    if options.bulk.targets.are_asked_for() {
        return bulk::run(context, options);
    }
    let checker = Confined::new(context, Setup::of(options), options.files.len())?;
    let wants = Wants::of(options);
    let wording = Wording::of(options.lang);
    let decisions = decisions(context, options)?;
    let mut outcomes = Vec::new();
    let mut page = Vec::new();
    jobs::in_order(
        &options.files,
        context,
        |path| checker.check_file(path, wants),
        |checked| {
            let checked = checked?;
            let first = outcomes.is_empty();
            outcomes.push(checked.report.outcome);
            if let Some(decisions) = &decisions {
                log_check(decisions, &checked.report)?;
            }
            if let Some(path) = &options.heat_map {
                write_heat_map(context, path, checked.heat_map.as_deref())?;
            }
            if let Some(path) = &options.crjson {
                write_crjson(context, path, checked.crjson.as_deref())?;
            }
            if options.json {
                context.printer.json(&checked.report)?;
            } else {
                if !first {
                    context.printer.say("")?;
                }
                context.printer.say(&render(
                    &checked.report,
                    wording,
                    context.printer.width(),
                    context.printer.is_verbose(),
                ))?;
            }
            if options.html.is_some() {
                let attachments = attachments(&checked.report, checked.thumbnail.as_deref());
                page.push((checked.report, attachments));
            }
            Ok(())
        },
    )?;
    if let Some(path) = &options.html {
        write_page(context, path, &page, wording)?;
    }
    Ok(Exit::of(outcomes))
}

/// The log of decisions, if the check is to be noted.
///
/// # Errors
/// [`Failure`] when it cannot be opened.
pub fn decisions(context: &Context<'_>, options: &Verify) -> Result<Option<Decisions>, Failure> {
    if !options.log {
        return Ok(None);
    }
    Ok(Some(Decisions::open(&context.home()?.ledger())?))
}

fn write_heat_map(context: &Context<'_>, path: &Path, drawn: Option<&[u8]>) -> Result<(), Failure> {
    let Some(drawn) = drawn else {
        context
            .printer
            .note("no mark was found, so no heat map was written");
        return Ok(());
    };
    let _writing = context.interrupt.writing();
    Ok(write_atomic(path, drawn, false)?)
}

fn write_crjson(context: &Context<'_>, path: &Path, crjson: Option<&[u8]>) -> Result<(), Failure> {
    let Some(crjson) = crjson else {
        context
            .printer
            .note("there is no manifest that can be read, so no crJSON was written");
        return Ok(());
    };
    let _writing = context.interrupt.writing();
    Ok(write_atomic(path, crjson, false)?)
}

/// The small picture that the child made, as large as it must be.
fn attachments(report: &Report, thumbnail: Option<&[u8]>) -> Attachments {
    let container = &report.container;
    match (thumbnail, container.width, container.height) {
        (Some(bytes), Some(width), Some(height)) => {
            let (width, height) = thumbnail_size(width, height);
            Attachments::with_thumbnail(Image::new(ImageKind::Jpeg, width, height, bytes))
        }
        _ => Attachments::default(),
    }
}

fn write_page(
    context: &Context<'_>,
    path: &Path,
    reports: &[(Report, Attachments)],
    wording: &Wording,
) -> Result<(), Failure> {
    let reports: Vec<(&Report, &Attachments)> = reports
        .iter()
        .map(|(report, attachments)| (report, attachments))
        .collect();
    let page =
        html::pages(&reports, wording).map_err(|problem| Failure::Request(problem.to_string()))?;
    let _writing = context.interrupt.writing();
    Ok(write_atomic(path, page.as_bytes(), false)?)
}
