//! `ledger` for auditors: asked, exported, explained, counted, replayed.

mod decided;
mod explain;
mod export;
mod which;

use std::io;

use colophon_audit::{PUBLIC_COLUMNS, Row, Statistics, charts, page};
use colophon_ledger::{Entries, Hit, Ledger as Log, Query, RecordError};
use colophon_provenance::rfc3339;
use colophon_tabular::{Form, Table};
use serde_json::json;

use super::Context;
use crate::args::{Audit, Stats};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{ALERT, GOOD, styled};
use crate::text::{clean, counted};

pub use decided::log_check;

/// Entries taken from the ledger at once.
const PAGE: usize = 500;

/// Runs a command.
pub fn run(context: &Context<'_>, command: &Audit) -> Result<Exit, Failure> {
    match command {
        Audit::Query(options) => query(context, options),
        Audit::Export(options) => export::run(context, options),
        Audit::CheckExport(options) => export::check(context, options),
        Audit::Explain(options) => explain::run(context, options),
        Audit::Stats(options) => stats(context, options),
        Audit::Decisions(options) => decided::run(context, options),
        Audit::Replay(options) => decided::replay(context, options),
    }
}

/// The ledger of the home, for reading.
fn open(context: &Context<'_>) -> Result<Log, Failure> {
    Ok(context.home()?.open_ledger_read_only()?)
}

fn query(context: &Context<'_>, options: &crate::args::Query) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let decisions = decided::open(context)?;
    let filter = which::filter(context, &options.which)?;
    let mut query = Query::new(&ledger, filter, decisions.as_ref(), false)?;
    if options.newest {
        query = query.newest_first();
    }
    let mut csv = if options.csv {
        let table = Form::Csv.table(io::stdout(), "", PUBLIC_COLUMNS);
        Some(table.map_err(Failure::Output)?)
    } else {
        None
    };
    let (mut left, mut sound) = (options.limit as usize, true);
    let mut next = Some(options.cursor.unwrap_or_else(|| query.start()));
    while let Some(from) = next.filter(|_| left > 0) {
        let page = query.page(from, left.min(PAGE))?;
        for hit in &page.hits {
            sound &= hit.inclusion.is_ok();
            match &mut csv {
                Some(table) => table_row(&mut **table, hit)?,
                None if options.json => {
                    let told = Row::json_of(hit).map_err(|reason| unreadable(hit, &reason))?;
                    context.printer.json(&told)?;
                }
                None => tell(context, hit)?,
            }
        }
        left -= page.hits.len();
        next = page.next;
    }
    if let Some(table) = csv {
        table.finish().map_err(Failure::Output)?;
    }
    if let Some(cursor) = next {
        let cursor = cursor.to_string();
        if options.json {
            context.printer.json(&json!({ "next": cursor }))?;
        } else {
            let more = format!("there is more; go on with --cursor {cursor}");
            context.printer.note(&more);
        }
    }
    Ok(Exit::sound(sound))
}

fn row(hit: &Hit) -> Result<Row, Failure> {
    Row::of(hit).map_err(|reason| unreadable(hit, &reason))
}

fn unreadable(hit: &Hit, reason: &RecordError) -> Failure {
    Failure::Request(format!(
        "entry {} cannot be read by this version: {reason}",
        hit.id
    ))
}

fn table_row(table: &mut dyn Table, hit: &Hit) -> Result<(), Failure> {
    table.row(&row(hit)?.cells(false)).map_err(Failure::Output)
}

fn tell(context: &Context<'_>, hit: &Hit) -> Result<(), Failure> {
    let row = row(hit)?.to_json();
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let about = match text("type").as_str() {
        "picture" => {
            let generator = text("generator");
            let made = if generator.is_empty() {
                "-"
            } else {
                &generator
            };
            format!("{:<8}  {made}", text("kind"))
        }
        event => format!("{event}  {}", text("event")),
    };
    let state = match &hit.inclusion {
        Ok(_) => styled(GOOD, "proven"),
        Err(_) => styled(ALERT, "NOT PROVEN"),
    };
    context.printer.say(&format!(
        "{:>12}  {}  {state}  {}",
        hit.id.to_string(),
        text("time"),
        clean(&about)
    ))
}

fn stats(context: &Context<'_>, options: &Stats) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let decisions = decided::open(context)?;
    let filter = which::filter(context, &options.which)?;
    let query = Query::new(&ledger, filter, decisions.as_ref(), false)?;
    let counts = Statistics::count(&query, decisions.as_ref())?;
    let _writing = context.interrupt.writing();
    if let Some(path) = &options.html {
        let what = format!(
            "The ledger {}, entries by {}; {} UTC",
            ledger.verifier_key().name(),
            query.filter(),
            rfc3339(super::now())
        );
        colophon_imaging::write_atomic(path, page(&counts, &what).as_bytes(), false)?;
    }
    if let Some(folder) = &options.svg {
        std::fs::create_dir_all(folder).map_err(Failure::file("make the folder", folder))?;
        for (name, svg) in charts(&counts) {
            let path = folder.join(format!("{name}.svg"));
            colophon_imaging::write_atomic(&path, svg.as_bytes(), false)?;
        }
    }
    if options.json {
        context.printer.json(&counts)?;
        return Ok(Exit::DONE);
    }
    let printer = context.printer;
    let pictures = counted(counts.pictures as usize, "picture");
    let mut about = format!("{pictures}, {} of them unmarked", counts.unmarked);
    // Not asked for is not none.
    if query.filter().entries != Entries::Pictures {
        about = format!("{about}; {}", counted(counts.events as usize, "event"));
    }
    printer.say(&about)?;
    for (title, counts) in [
        ("by model", &counts.by_model),
        ("by signer", &counts.by_signer),
        ("by week", &counts.by_week),
        ("checks by rule", &counts.checks_by_rule),
        ("requests", &counts.requests),
    ] {
        for (name, count) in counts {
            printer.say(&format!("{title:<15} {count:>9}  {}", clean(name)))?;
        }
    }
    Ok(Exit::DONE)
}
