//! `verify`: one report a file.

use std::path::Path;

use colophon_imaging::write_atomic;

use super::{Context, bulk};
use crate::args::Verify;
use crate::checker::Confined;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jobs;
use crate::report::render;

/// Runs `verify`.
pub fn run(context: &Context<'_>, options: &Verify) -> Result<Exit, Failure> {
    if options.heat_map.is_some() && options.files.len() > 1 {
        return Err(Failure::Request(
            "--heat-map is for one picture at a time".into(),
        ));
    }
    if options.bulk.is_asked_for() {
        return bulk::run(context, options);
    }
    let checker = Confined::new(context, options, options.files.len())?;
    let mut outcomes = Vec::new();
    jobs::in_order(
        &options.files,
        context,
        |path| checker.check_file(path),
        |checked| {
            let checked = checked?;
            let first = outcomes.is_empty();
            outcomes.push(checked.report.outcome);
            if let Some(path) = &options.heat_map {
                write_heat_map(context, path, checked.heat_map.as_deref())?;
            }
            if options.json {
                return context.printer.json(&checked.report);
            }
            if !first {
                context.printer.say("")?;
            }
            context.printer.say(&render(
                &checked.report,
                context.printer.width(),
                context.printer.is_verbose(),
            ))
        },
    )?;
    Ok(Exit::of(outcomes))
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
