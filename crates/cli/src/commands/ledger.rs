//! `ledger`: shown, listed, proven, checked. Nothing in this module writes to it.

use std::fs;
use std::path::{Path, PathBuf};

use colophon_imaging::write_atomic;
use colophon_ledger::{
    Ledger as Log, LogEntry, Problem, ProblemKind, RecordAddress, ShardInfo, ShardState,
    check_proof, unhex,
};
use colophon_provenance::rfc3339;
use colophon_watermark::Payload;
use serde_json::json;

use super::erase::{self, Asked};
use super::event::what_happened;
use super::record::{any_as_json, generator, is_proven, row, tell_any};
use super::{Context, audit, home_key, keeping, monitor, parse_key_or_file, receipt};
use crate::args::Ledger;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{ALERT, GOOD, describe, styled};
use crate::text::{clean, counted, wrapped};

/// A proof and a leaf are a few kilobytes; anything much larger is another file.
const MOST_PROOF_BYTES: u64 = 1 << 20;

/// Runs `ledger`.
pub fn run(context: &Context<'_>, command: &Ledger) -> Result<Exit, Failure> {
    match command {
        Ledger::Show {
            record: None, json, ..
        } => summary(context, *json),
        Ledger::Show {
            record: Some(record),
            json,
            private,
            manifest,
            ..
        } => show(
            context,
            record,
            &Shown {
                json: *json,
                private: *private,
                manifest: manifest.as_deref(),
            },
        ),
        Ledger::List {
            from, limit, json, ..
        } => list(context, *from, *limit as usize, *json),
        Ledger::Prove {
            record,
            out,
            overwrite,
            ..
        } => {
            let proof = out.clone().unwrap_or_else(|| {
                // A slash is no part of a file's name.
                let number = record.to_string().replace('/', "-");
                PathBuf::from(format!("record-{number}.tlog-proof"))
            });
            prove(context, *record, &proof, *overwrite)
        }
        Ledger::Receipt {
            record,
            out,
            key,
            overwrite,
            ..
        } => receipt::run(context, *record, out.as_deref(), key.as_deref(), *overwrite),
        Ledger::Check {
            proof,
            leaf,
            key,
            json,
        } => {
            let leaf = leaf.clone().unwrap_or_else(|| proof.with_extension("leaf"));
            check(context, proof, &leaf, key.as_deref(), *json)
        }
        Ledger::Erase {
            records,
            requester,
            reason,
            manifest,
            by,
            yes,
            json,
            ..
        } => erase::run(
            context,
            &Asked {
                records,
                requester: requester.as_deref(),
                reason: *reason,
                manifest: *manifest,
                by: by.as_deref(),
                yes: *yes,
                json: *json,
            },
        ),
        Ledger::Fsck { repair, json } => {
            if *repair {
                keeping::repair(context, *json)?;
            }
            check_all(context, *json)
        }
        Ledger::Backup { folder, json } => keeping::back_up(context, folder, *json),
        Ledger::Restore { folder, seen, json } => keeping::restore(context, folder, seen, *json),
        Ledger::Publish => keeping::publish(context),
        Ledger::Seal => keeping::seal(context),
        Ledger::Audit(command) => audit::run(context, command),
        Ledger::Monitor(options) => monitor::monitor(context, options),
        Ledger::Mirror(options) => monitor::copy(context, options),
        Ledger::Serve(options) => monitor::serve(context, options),
        Ledger::Witnesses { json } => monitor::witnesses(context, *json),
        Ledger::Evidence { file, key } => monitor::evidence(context, file, key),
    }
}

struct Shown<'a> {
    json: bool,
    private: bool,
    manifest: Option<&'a Path>,
}

/// The ledger of the home, for reading.
fn open(context: &Context<'_>) -> Result<Log, Failure> {
    Ok(context.home()?.open_ledger_read_only()?)
}

fn summary(context: &Context<'_>, json: bool) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let stats = ledger.stats()?;
    let shards = ledger.shards()?;
    let times = stats
        .first_and_last
        .map(|(first, last)| [rfc3339(first), rfc3339(last)]);
    if json {
        context.printer.json(&json!({
            "origin": stats.origin,
            "entries": stats.entries,
            "root": stats.root.to_string(),
            "first": times.as_ref().map(|times| &times[0]),
            "last": times.as_ref().map(|times| &times[1]),
            "database_bytes": stats.database_bytes,
            "shards": shards.iter().map(shard_json).collect::<Vec<_>>(),
            "verifier_key": ledger.verifier_key().to_string(),
        }))?;
        return Ok(Exit::DONE);
    }
    let say = |label: &str, value: &str| row(context, label, value);
    say("log", &stats.origin)?;
    say("entries", &stats.entries.to_string())?;
    if let Some([first, last]) = &times {
        say("first", first)?;
        say("last", last)?;
    }
    say("root", &stats.root.to_string())?;
    say("verifier key", &ledger.verifier_key().to_string())?;
    for shard in &shards {
        let size = match &shard.checkpoint {
            Ok(checkpoint) => counted(checkpoint.size.0 as usize, "record"),
            Err(error) => clean(&error.to_string()).into_owned(),
        };
        let state = match shard.state {
            ShardState::Open => "open",
            ShardState::Sealed { .. } => "sealed",
        };
        say("shard", &format!("{}  {state}  {size}", shard.name))?;
    }
    Ok(Exit::DONE)
}

/// A shard for programs.
fn shard_json(shard: &ShardInfo) -> serde_json::Value {
    let checkpoint = shard.checkpoint.as_ref().ok();
    json!({
        "name": shard.name.to_string(),
        "sealed": shard.state != ShardState::Open,
        "entries": checkpoint.map(|checkpoint| checkpoint.size.0),
        "root": checkpoint.map(|checkpoint| checkpoint.root.to_string()),
        "verifier_key": shard.key.to_string(),
        "problem": shard.checkpoint.as_ref().err().map(ToString::to_string),
    })
}

/// The entries that a number, an id or a hash names.
pub(super) fn find(ledger: &Log, record: &str) -> Result<Vec<LogEntry>, Failure> {
    let records = if let Ok(Payload(id)) = record.parse() {
        ledger.by_watermark_id(id)?
    } else if let Some(hash) = unhex(record) {
        ledger.by_asset_sha256(&hash)?
    } else if let Ok(address) = record.parse::<RecordAddress>() {
        return Ok(ledger.get(address)?.into_iter().collect());
    } else {
        ledger.by_manifest_id(record)?
    };
    let entries = records.into_iter().map(Box::new).map(LogEntry::Record);
    Ok(entries.collect())
}

/// That nothing goes by this name.
pub(super) fn no_such_record(record: &str) -> Failure {
    Failure::Request(format!(
        "the ledger has no record `{record}`; give its number, watermark id, the SHA-256 of the issued file or the manifest id"
    ))
}

fn show(context: &Context<'_>, record: &str, shown: &Shown<'_>) -> Result<Exit, Failure> {
    let ledger = if shown.private {
        let home = context.home()?;
        let passphrase = passphrase::to_open(context.global, &home.keys())?;
        home.open_ledger_unlocked(passphrase)?
    } else {
        open(context)?
    };
    let entries = find(&ledger, record)?;
    if entries.is_empty() {
        return Err(no_such_record(record));
    }
    if let (Some(path), Some(entry)) = (shown.manifest, entries.first()) {
        let _writing = context.interrupt.writing();
        write_atomic(path, &ledger.manifest_bytes(entry.id())?, false)?;
    }
    for entry in &entries {
        if shown.json {
            context.printer.json(&any_as_json(entry, shown.private))?;
        } else {
            tell_any(context, entry, shown.private)?;
        }
    }
    Ok(Exit::sound(entries.iter().all(is_proven)))
}

fn list(
    context: &Context<'_>,
    from: Option<RecordAddress>,
    limit: usize,
    json: bool,
) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let start = match from {
        Some(from) => Some(from),
        None => ledger.newest(limit as u64)?.map(RecordAddress::Exact),
    };
    let listed = match start {
        Some(start) => ledger.list(start, limit)?,
        None => Vec::new(),
    };
    for entry in &listed {
        if json {
            context.printer.json(&any_as_json(entry, false))?;
        } else {
            context.printer.say(&line(entry))?;
        }
    }
    if start.is_none() && !json {
        context.printer.say("The ledger has no records yet.")?;
    }
    Ok(Exit::sound(listed.iter().all(is_proven)))
}

/// An entry in one line.
fn line(entry: &LogEntry) -> String {
    let state = if is_proven(entry) {
        styled(GOOD, "proven")
    } else {
        styled(ALERT, "NOT PROVEN")
    };
    let (mark, what) = match entry {
        LogEntry::Record(record) => {
            let mark = match (record.watermark_id, record.erased()) {
                (Some(id), _) => Payload(id).to_string(),
                (None, Some(_)) => "erased".to_owned(),
                (None, None) => "no mark".to_owned(),
            };
            let what = generator(record).unwrap_or_else(|| "-".to_owned());
            (mark, clean(&what).into_owned())
        }
        LogEntry::Event(event) => {
            let what = what_happened(&event.event);
            ("event".to_owned(), clean(&what).into_owned())
        }
    };
    format!(
        "{:>12}  {}  {mark:<16}  {state}  {what}",
        entry.id().to_string(),
        rfc3339(entry.time())
    )
}

fn prove(
    context: &Context<'_>,
    record: RecordAddress,
    proof: &Path,
    overwrite: bool,
) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let entry = ledger
        .get(record)?
        .ok_or(colophon_ledger::LedgerError::NoEntry(record))?;
    let id = entry.id();
    let text = ledger.prove(id)?;
    let mut shards = ledger.shards()?.into_iter();
    let key = shards
        .find(|shard| shard.name == id.shard)
        .map_or_else(|| ledger.verifier_key().clone(), |shard| shard.key);
    let leaf = proof.with_extension("leaf");
    if leaf == proof {
        return Err(Failure::Request(
            "give the proof another extension than .leaf; the record itself gets that name".into(),
        ));
    }
    {
        let _writing = context.interrupt.writing();
        // The proof last: where it stands, its leaf does too.
        write_atomic(&leaf, entry.leaf(), overwrite)?;
        write_atomic(proof, text.as_bytes(), overwrite)?;
    }
    let printer = context.printer;
    printer.say(&format!("Proof of record {id}: {}", proof.display()))?;
    printer.say(&format!("The record itself:  {}", leaf.display()))?;
    printer.say(&format!(
        "To check it anywhere, without the ledger:\n  colophon ledger check {} --key {}",
        proof.display(),
        key
    ))?;
    Ok(Exit::DONE)
}

fn check(
    context: &Context<'_>,
    proof: &Path,
    leaf: &Path,
    key: Option<&str>,
    json: bool,
) -> Result<Exit, Failure> {
    let key = match key {
        None => home_key(context)?,
        Some(text) => parse_key_or_file(text)?,
    };
    let text = String::from_utf8(read_small(proof)?).map_err(|_| {
        Failure::Request(format!("{} is no proof: it is not text", proof.display()))
    })?;
    let leaf_bytes = read_small(leaf)?;
    let answer = check_proof(&text, &leaf_bytes, &key);
    let exit = Exit::sound(answer.is_ok());
    if json {
        let checkpoint = answer.as_ref().ok();
        context.printer.json(&json!({
            "proof": proof.display().to_string(),
            "proven": answer.is_ok(),
            "origin": checkpoint.map(|checkpoint| checkpoint.origin.clone()),
            "tree_size": checkpoint.map(|checkpoint| checkpoint.size.0),
            "root": checkpoint.map(|checkpoint| checkpoint.root.to_string()),
            "problem": answer.as_ref().err().map(|error| describe(error)),
        }))?;
        return Ok(exit);
    }
    match answer {
        Ok(checkpoint) => {
            context.printer.say(&styled(GOOD, "The proof holds."))?;
            context.printer.say(&format!(
                "{} is in the log {} of {}, signed with the key given.",
                leaf.display(),
                clean(&checkpoint.origin),
                counted(checkpoint.size.0 as usize, "record")
            ))?;
        }
        Err(error) => {
            context
                .printer
                .say(&styled(ALERT, "The proof does not hold."))?;
            context.printer.say(&clean(&describe(&error)))?;
        }
    }
    Ok(exit)
}

/// Reads a file that is small by its nature.
fn read_small(path: &Path) -> Result<Vec<u8>, Failure> {
    let about = fs::metadata(path).map_err(Failure::file("read", path))?;
    if !about.is_file() || about.len() > MOST_PROOF_BYTES {
        return Err(Failure::Request(format!(
            "{} is no proof, record or key: it is a folder or larger than {MOST_PROOF_BYTES} bytes",
            path.display()
        )));
    }
    fs::read(path).map_err(Failure::file("read", path))
}

fn check_all(context: &Context<'_>, json: bool) -> Result<Exit, Failure> {
    let home = context.home()?;
    let report = home.examine_ledger(passphrase::to_open(context.global, &home.keys())?)?;
    let exit = Exit::sound(report.is_sound());
    if json {
        let problems = report.problems.iter().map(|problem| {
            json!({ "kind": kebab(&format!("{:?}", problem.kind)), "shard": problem.shard.map(|shard| shard.to_string()), "index": problem.index, "file": problem.file, "what": problem.what })
        });
        context.printer.json(&json!({
            "sound": report.is_sound(),
            "tree_size": report.tree_size,
            "shards": report.shards,
            "entries": report.entries,
            "files": report.files,
            "problems": problems.collect::<Vec<_>>(),
            "omitted": report.omitted,
            "locked": report.locked,
        }))?;
        return Ok(exit);
    }
    for problem in &report.problems {
        for line in wrapped(&problem.to_string(), context.printer.width(), "- ", "  ") {
            context.printer.say(&line)?;
        }
    }
    if report.omitted > 0 {
        context
            .printer
            .say(&format!("and {} more", report.omitted))?;
    }
    let looked = format!(
        "{} and {}",
        counted(report.entries as usize, "record"),
        counted(report.files as usize, "file")
    );
    if report.locked > 0 {
        let parts = counted(report.locked as usize, "private part");
        context.printer.say(&format!(
            "{parts} not looked into: without the passphrase they are locked."
        ))?;
    }
    if report.is_sound() {
        context.printer.say(&styled(
            GOOD,
            &format!("The ledger is sound: {looked} derived anew."),
        ))?;
    } else {
        let count = counted(report.problems.len() + report.omitted as usize, "problem");
        let interrupted = |problem: &Problem| problem.kind == ProblemKind::Interrupted;
        let advice = if report.problems.iter().all(interrupted) {
            "Nothing is lost: the next stamp finishes it."
        } else {
            "`colophon ledger fsck --repair` rebuilds what can be derived; the rest comes from a backup."
        };
        context.printer.say(&styled(
            ALERT,
            &format!("{count} found in {looked}. {advice}"),
        ))?;
    }
    Ok(exit)
}

/// `RowChanged` as `row-changed`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_problems_are_stable_words() {
        assert_eq!(kebab("RowChanged"), "row-changed");
        assert_eq!(kebab("Root"), "root");
    }
}
