//! `ledger export` and `ledger check-export`.

use std::path::PathBuf;

use colophon_audit::{Completeness, check_export, export};
use colophon_keys::KeyStore;
use colophon_ledger::{Query, VerifierKey};
use colophon_tabular::Form;
use serde_json::json;

use super::{decided, which};
use crate::args::{CheckExport, Export};
use crate::commands::{Context, home_key, name_of, parse_key_or_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{ALERT, GOOD, styled};
use crate::text::{clean, counted, hex};

/// Runs `ledger export`.
pub fn run(context: &Context<'_>, options: &Export) -> Result<Exit, Failure> {
    let target = &options.target;
    let targets = [
        (&target.csv, Form::Csv),
        (&target.jsonl, Form::JsonLines),
        (&target.parquet, Form::Parquet),
    ];
    let chosen = targets
        .into_iter()
        .find_map(|(path, form)| Some((path.as_ref()?, form)));
    let Some((path, form)) = chosen else {
        return Err(Failure::Request(
            "name the table to write by --csv, --jsonl or --parquet".to_owned(),
        ));
    };
    let home = context.home()?;
    let passphrase = passphrase::to_open(context.global, &home.keys())?;
    let keys = KeyStore::open(&home.keys(), passphrase)?;
    let signer = home.note_signer(&keys)?;
    let ledger = home.read_ledger(&keys)?;
    let decisions = decided::open(context)?;
    let filter = which::filter(context, &options.which)?;
    let query = Query::new(&ledger, filter, decisions.as_ref(), options.private)?;
    let _writing = context.interrupt.writing();
    let exported = export(
        &query,
        path,
        form,
        options.private,
        options.overwrite,
        &*signer,
    )?;
    let rows = counted(exported.statement.rows as usize, "row");
    let printer = context.printer;
    printer.say(&format!("{rows} in {}", path.display()))?;
    printer.say(&format!("Statement: {}", exported.statement_file.display()))?;
    if options.private {
        printer.note("the table holds personal data: prompts, titles, requesters, fingerprints, ids of marks");
    }
    Ok(Exit::DONE)
}

/// Runs `ledger check-export`.
pub fn check(context: &Context<'_>, options: &CheckExport) -> Result<Exit, Failure> {
    let (key, copy) = sources(context, options)?;
    let report = check_export(&options.table, &key, copy.as_deref())?;
    let exit = Exit::sound(report.mismatches.is_empty());
    let completeness = match report.completeness {
        Completeness::NotChecked => "not-checked",
        Completeness::Rows => "rows",
        Completeness::Whole => "whole",
    };
    let statement = &report.statement;
    if options.json {
        let findings = report.mismatches.iter().map(ToString::to_string);
        context.printer.json(&json!({
            "table": name_of(&options.table),
            "sound": report.mismatches.is_empty(),
            "completeness": completeness,
            "findings": findings.collect::<Vec<_>>(),
            "filter": statement.filter.to_string(),
            "rows": statement.rows,
            "private": statement.private,
            "sha256": hex(&statement.sha256),
            "logs": statement.logs.iter().map(|log| json!({
                "origin": log.origin, "size": log.size.0, "root": log.root.to_string(), "rows": log.rows,
            })).collect::<Vec<_>>(),
        }))?;
        return Ok(exit);
    }
    let printer = context.printer;
    if report.mismatches.is_empty() {
        printer.say(&styled(GOOD, "The export is what its statement says."))?;
    } else {
        printer.say(&styled(ALERT, "The export is not what it should be."))?;
        for mismatch in &report.mismatches {
            printer.say(&format!("- {}", clean(&mismatch.to_string())))?;
        }
    }
    let rows = counted(statement.rows as usize, "row");
    printer.say(&format!("Stated: {rows} by {}", statement.filter))?;
    for log in &statement.logs {
        printer.say(&format!(
            "        {} of {} entries, root {}",
            clean(&log.origin),
            log.size.0,
            log.root
        ))?;
    }
    printer.say(match report.completeness {
        Completeness::NotChecked => {
            "That nothing is missing was not checked: give a copy of the log by --copy."
        }
        Completeness::Rows => {
            "Every row was held against the log. The filter rests on private facts, so that nobody can tell from the log alone whether rows are missing."
        }
        Completeness::Whole => {
            "Every entry of the log was looked at again: these rows against all that the filter admits."
        }
    })?;
    Ok(exit)
}

/// The key, and the copy of the log to check against.
fn sources(
    context: &Context<'_>,
    options: &CheckExport,
) -> Result<(VerifierKey, Option<PathBuf>), Failure> {
    let Some(text) = &options.key else {
        let home = context.home()?;
        let own = Some(home.ledger()).filter(|folder| folder.is_dir());
        return Ok((home_key(context)?, options.copy.clone().or(own)));
    };
    Ok((parse_key_or_file(text)?, options.copy.clone()))
}
