//! `ledger erase`: what is personal in records goes, the log tells of it.

use std::io::{self, BufRead as _, IsTerminal as _};

use colophon_ledger::{By, Erasure, ErasureOutcome, ErasureTarget, LogEntry, Parts, RecordAddress};
use serde_json::json;

use super::{Context, now};
use crate::args::ErasureReason;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{CAUTION, GOOD, styled};
use crate::text::{clean, counted};

/// The role that the log names when nobody is.
const ROLE: &str = "operator";

/// What `ledger erase` was asked for.
pub struct Asked<'a> {
    pub records: &'a [String],
    pub requester: Option<&'a str>,
    pub reason: ErasureReason,
    pub manifest: bool,
    pub by: Option<&'a str>,
    pub yes: bool,
    pub json: bool,
}

/// Runs `ledger erase`.
pub fn run(context: &Context<'_>, asked: &Asked<'_>) -> Result<Exit, Failure> {
    let home = context.home()?;
    let passphrase = || passphrase::to_open(context.global, &home.keys());
    let target = match asked.requester {
        Some(name) => ErasureTarget::Subject(name.to_owned()),
        None => ErasureTarget::Records(records(context, asked.records)?),
    };
    if !asked.yes && !confirmed(context, &target, asked.manifest)? {
        return Err(Failure::Request("nothing was erased".into()));
    }
    let erasure = Erasure {
        target,
        parts: if asked.manifest {
            Parts::All
        } else {
            Parts::Private
        },
        reason: reason(asked.reason),
        by: match asked.by {
            Some(name) => By::Person(name.to_owned()),
            None => By::Role(ROLE.to_owned()),
        },
        at: now(),
    };
    let passphrase = passphrase()?;
    let outcome = {
        let _writing = context.interrupt.writing();
        home.erase(passphrase, &erasure)?
    };
    tell(context, &outcome, asked.json)?;
    Ok(Exit::sound(outcome.is_clean))
}

/// The records that the words name, each once.
fn records(context: &Context<'_>, words: &[String]) -> Result<Vec<RecordAddress>, Failure> {
    let ledger = context.home()?.open_ledger_read_only()?;
    let mut records = Vec::new();
    for word in words {
        let found = super::ledger::find(&ledger, word)?;
        if found.is_empty() {
            return Err(super::ledger::no_such_record(word));
        }
        records.extend(found.iter().map(LogEntry::id));
    }
    records.sort_unstable();
    records.dedup();
    Ok(records.into_iter().map(RecordAddress::Exact).collect())
}

fn confirmed(
    context: &Context<'_>,
    target: &ErasureTarget,
    manifest: bool,
) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Request(
            "there is no terminal to ask on: give --yes to erase without being asked".into(),
        ));
    }
    let what = match target {
        ErasureTarget::Records(records) => counted(records.len(), "record"),
        ErasureTarget::Subject(name) => format!("all records of {}", clean(name)),
    };
    let parts = if manifest {
        "private part and manifest"
    } else {
        "private part"
    };
    context.printer.say(&format!(
        "Erase the {parts} of {what}? This cannot be taken back. Type yes:"
    ))?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(Failure::Terminal)?;
    Ok(answer.trim() == "yes")
}

fn reason(asked: ErasureReason) -> colophon_ledger::ErasureReason {
    use colophon_ledger::ErasureReason as Told;
    match asked {
        ErasureReason::Request => Told::Request,
        ErasureReason::Retention => Told::Retention,
        ErasureReason::Legal => Told::Legal,
        ErasureReason::Mistake => Told::Mistake,
        ErasureReason::Content => Told::Content,
    }
}

fn tell(context: &Context<'_>, outcome: &ErasureOutcome, as_json: bool) -> Result<(), Failure> {
    let printer = context.printer;
    if as_json {
        let erased = outcome.erased.iter().map(|(record, receipt)| {
            json!({ "record": record.to_string(), "told_by": receipt.id().to_string() })
        });
        let already: Vec<String> = outcome.already.iter().map(ToString::to_string).collect();
        return printer.json(&json!({
            "erased": erased.collect::<Vec<_>>(),
            "already": already,
            "clean": outcome.is_clean,
        }));
    }
    for (record, receipt) in &outcome.erased {
        printer.say(&format!(
            "{}  record {record}; entry {} of the log tells of it",
            styled(GOOD, "erased"),
            receipt.id()
        ))?;
    }
    for record in &outcome.already {
        printer.say(&format!("record {record} had been erased before"))?;
    }
    if !outcome.is_clean {
        printer.say(&styled(
            CAUTION,
            "Another process was reading, so the database's write-ahead log still holds what was erased: run the same \
             command again when nobody reads.",
        ))?;
    }
    Ok(())
}
