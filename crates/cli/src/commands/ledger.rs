//! `ledger`: shown, listed, proven, checked. Nothing here writes to it.

use std::fs;
use std::path::{Path, PathBuf};

use colophon_imaging::write_atomic;
use colophon_ledger::{Entry, Ledger as Log, Problem, ProblemKind, VerifierKey, check_proof, fsck};
use colophon_provenance::rfc3339;
use colophon_watermark::Payload;
use serde_json::json;

use super::Context;
use super::record::{as_json, generator, is_proven, row, tell};
use crate::args::Ledger;
use crate::exit::Exit;
use crate::failure::Failure;
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
        } => show(
            context,
            record,
            &Shown {
                json: *json,
                private: *private,
                manifest: manifest.as_deref(),
            },
        ),
        Ledger::List { from, limit, json } => list(context, *from, *limit as usize, *json),
        Ledger::Prove {
            index,
            out,
            overwrite,
        } => {
            let proof = out
                .clone()
                .unwrap_or_else(|| PathBuf::from(format!("record-{index}.tlog-proof")));
            prove(context, *index, &proof, *overwrite)
        }
        Ledger::Check {
            proof,
            leaf,
            key,
            json,
        } => {
            let leaf = leaf.clone().unwrap_or_else(|| proof.with_extension("leaf"));
            check(context, proof, &leaf, key.as_deref(), *json)
        }
        Ledger::Fsck { json } => check_all(context, *json),
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

/// The verifier key of the home's ledger.
fn home_key(context: &Context<'_>) -> Result<VerifierKey, Failure> {
    let facts = colophon_keys::describe(&context.home()?.keys())?;
    parse_key(&facts.ledger.verifier_key)
}

fn parse_key(text: &str) -> Result<VerifierKey, Failure> {
    text.trim()
        .parse()
        .map_err(|error| Failure::Request(format!("{error}")))
}

fn summary(context: &Context<'_>, json: bool) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let stats = ledger.stats()?;
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
            "verifier_key": ledger.verifier_key().to_string(),
        }))?;
        return Ok(Exit::DONE);
    }
    let say = |label: &str, value: &str| row(context, label, value);
    say("log", &stats.origin)?;
    say("records", &stats.entries.to_string())?;
    if let Some([first, last]) = &times {
        say("first", first)?;
        say("last", last)?;
    }
    say("root", &stats.root.to_string())?;
    say("verifier key", &ledger.verifier_key().to_string())?;
    Ok(Exit::DONE)
}

/// The entries that a number, an id or a hash names.
fn find(ledger: &Log, record: &str) -> Result<Vec<Entry>, Failure> {
    if let Ok(Payload(id)) = record.parse() {
        return Ok(ledger.by_watermark_id(id)?);
    }
    if let Some(hash) = sha256(record) {
        return Ok(ledger.by_asset_sha256(&hash)?);
    }
    if let Ok(index) = record.parse() {
        return Ok(ledger.get(index)?.into_iter().collect());
    }
    Ok(ledger.by_manifest_id(record)?)
}

/// 64 hexadecimal digits.
fn sha256(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

fn show(context: &Context<'_>, record: &str, shown: &Shown<'_>) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let entries = find(&ledger, record)?;
    if entries.is_empty() {
        return Err(Failure::Request(format!(
            "the ledger has no record `{record}`; give its number, watermark id, the SHA-256 of the issued file or the manifest id"
        )));
    }
    if let (Some(path), Some(entry)) = (shown.manifest, entries.first()) {
        let _writing = context.interrupt.writing();
        write_atomic(path, &ledger.manifest_bytes(entry.index.0)?, false)?;
    }
    for entry in &entries {
        if shown.json {
            context.printer.json(&as_json(entry, shown.private))?;
        } else {
            tell(context, entry, shown.private)?;
        }
    }
    Ok(Exit::sound(entries.iter().all(is_proven)))
}

fn list(
    context: &Context<'_>,
    from: Option<u64>,
    limit: usize,
    json: bool,
) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let entries = ledger.stats()?.entries;
    let from = from.unwrap_or_else(|| entries.saturating_sub(limit as u64));
    let listed = ledger.list(from, limit)?;
    for entry in &listed {
        if json {
            context.printer.json(&as_json(entry, false))?;
            continue;
        }
        let id = entry.private.as_ref().and_then(|part| part.watermark_id);
        let id = id.map_or_else(|| "no mark".to_owned(), |id| Payload(id).to_string());
        let state = if is_proven(entry) {
            styled(GOOD, "proven")
        } else {
            styled(ALERT, "NOT PROVEN")
        };
        let generator = generator(entry).unwrap_or_else(|| "-".to_owned());
        context.printer.say(&format!(
            "{:>7}  {}  {id:<16}  {state}  {}",
            entry.index.0,
            rfc3339(entry.record.issued_at),
            clean(&generator)
        ))?;
    }
    if entries == 0 && !json {
        context.printer.say("The ledger has no records yet.")?;
    }
    Ok(Exit::sound(listed.iter().all(is_proven)))
}

fn prove(
    context: &Context<'_>,
    index: u64,
    proof: &Path,
    overwrite: bool,
) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let text = ledger.prove(index)?;
    let entry = ledger
        .get(index)?
        .ok_or(colophon_ledger::LedgerError::NoEntry(index))?;
    let leaf = proof.with_extension("leaf");
    if leaf == proof {
        return Err(Failure::Request(
            "give the proof another extension than .leaf; the record itself gets that name".into(),
        ));
    }
    {
        let _writing = context.interrupt.writing();
        // The proof last: where it stands, its leaf does too.
        write_atomic(&leaf, &entry.leaf, overwrite)?;
        write_atomic(proof, text.as_bytes(), overwrite)?;
    }
    let printer = context.printer;
    printer.say(&format!("Proof of record {index}: {}", proof.display()))?;
    printer.say(&format!("The record itself:  {}", leaf.display()))?;
    printer.say(&format!(
        "To check it anywhere, without the ledger:\n  colophon ledger check {} --key {}",
        proof.display(),
        ledger.verifier_key()
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
        Some(text) if Path::new(text).is_file() => {
            parse_key(&String::from_utf8_lossy(&read_small(Path::new(text))?))?
        }
        Some(text) => parse_key(text)?,
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
    let report = fsck(&context.home()?.ledger(), &home_key(context)?)?;
    let exit = Exit::sound(report.is_sound());
    if json {
        let problems = report.problems.iter().map(|problem| {
            json!({ "kind": kebab(&format!("{:?}", problem.kind)), "index": problem.index, "file": problem.file, "what": problem.what })
        });
        context.printer.json(&json!({
            "sound": report.is_sound(),
            "tree_size": report.tree_size,
            "entries": report.entries,
            "files": report.files,
            "problems": problems.collect::<Vec<_>>(),
            "omitted": report.omitted,
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
            "Restore the ledger folder from a backup."
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

    #[test]
    fn a_hash_is_64_digits() {
        assert_eq!(sha256(&"0a".repeat(32)), Some([10; 32]));
        assert_eq!(sha256(&"é".repeat(32)), None);
        assert_eq!(sha256("12"), None);
    }
}
