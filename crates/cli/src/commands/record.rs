//! How an entry of the ledger is shown.

use colophon_ledger::{Backend, Entry, Erased, Generation, Kind, LogEntry, Private, PrivatePart};
use colophon_provenance::rfc3339;
use colophon_watermark::Payload;
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::printer::{ALERT, FAINT, STRONG, styled};
use crate::text::{clean, counted, hex};

/// An entry that the signed log does not cover is a finding.
pub fn is_proven(entry: &LogEntry) -> bool {
    entry.inclusion().is_ok()
}

/// The entry for programs; title, prompt and names only if `private`.
pub fn any_as_json(entry: &LogEntry, private: bool) -> Value {
    match entry {
        LogEntry::Record(record) => as_json(record, private),
        LogEntry::Event(event) => super::event::as_json(event, private),
    }
}

/// Shows the entry to people; title, prompt and names only if `private`.
pub fn tell_any(context: &Context<'_>, entry: &LogEntry, private: bool) -> Result<(), Failure> {
    match entry {
        LogEntry::Record(record) => tell(context, record, private),
        LogEntry::Event(event) => super::event::tell(context, event, private),
    }
}

/// An erasure for programs.
fn erased_json(erased: &Erased) -> Value {
    json!({
        "on": rfc3339(erased.at),
        "reason": erased.reason.code(),
        "told_by": erased.event.to_string(),
    })
}

fn kind(entry: &Entry) -> &'static str {
    match entry.record.kind {
        Kind::Generate => "generate",
        Kind::Stamp => "stamp",
        _ => "other",
    }
}

/// The model or program with its version.
pub fn generator(entry: &Entry) -> Option<String> {
    let agent = entry.record.generator.as_ref()?;
    Some(match &agent.version {
        Some(version) => format!("{} {version}", agent.name),
        None => agent.name.clone(),
    })
}

/// The record for programs; title and prompt only if `private`.
fn as_json(entry: &Entry, private: bool) -> Value {
    let record = &entry.record;
    let part = entry.part();
    let mut value = json!({
        "shard": entry.shard.to_string(),
        "index": entry.index.0,
        "issued_at": rfc3339(record.issued_at),
        "kind": kind(entry),
        "generator": record.generator.as_ref().map(|agent| json!({ "name": agent.name, "version": agent.version })),
        "generation": record.generation.as_ref().map(generation_json),
        "source_type": record.source_type,
        "width": record.width,
        "height": record.height,
        "marked": record.is_marked(),
        "watermark_id": entry.watermark_id.map(|id| Payload(id).to_string()),
        "private": private_state(entry),
        "private_erased": entry.erased().map(erased_json),
        "manifest_erased": entry.manifest_erased.as_ref().map(erased_json),
        "requester_known": record.requester_commitment.is_some(),
        "fingerprint": part.and_then(|part| part.fingerprint).map(|hash| hex(&hash)),
        "unmarked_reason": part.and_then(|part| part.unmarked_reason.clone()),
        "asset_sha256": hex(&record.asset_sha256),
        "manifest_id": record.manifest_id,
        "manifest_sha256": hex(&record.manifest_sha256),
        "signer_key_id": hex(&record.signer_key_id),
        "policy_hash": hex(&record.policy_hash),
        "proven": entry.inclusion.is_ok(),
        "tree_size": entry.inclusion.as_ref().ok().map(|inclusion| inclusion.tree_size.0),
        "problem": entry.inclusion.as_ref().err().map(ToString::to_string),
    });
    if private {
        value["title"] = json!(part.and_then(|part| part.title.clone()));
        value["prompt"] = json!(part.and_then(|part| part.prompt.clone()));
        value["negative_prompt"] = json!(part.and_then(|part| part.negative_prompt.clone()));
        value["requester"] = json!(part.and_then(|part| part.requester.clone()));
        value["prompt_salt"] = json!(
            part.and_then(|part| part.prompt_salt)
                .map(|salt| hex(&salt))
        );
    }
    value
}

fn generation_json(it: &Generation) -> Value {
    let weights: Vec<Value> = it
        .weights
        .iter()
        .map(|file| json!({ "file": file.file, "sha256": hex(&file.sha256) }))
        .collect();
    json!({
        "backend": backend(it),
        "model_id": it.model_id,
        "built_in": it.built_in,
        "license": it.license,
        "training_licenses": it.training_licenses,
        "weights": weights,
        "width": it.width,
        "height": it.height,
        "seeds": it.seeds,
        "steps": it.steps,
        "sampler": it.sampler,
        "guidance": it.guidance_thousandths.map(|it| f64::from(it) / 1e3),
        "prompt_commitment": hex(&it.prompt_commitment),
    })
}

fn backend(it: &Generation) -> &'static str {
    match it.backend {
        Backend::Embedded => "embedded",
        _ => "remote",
    }
}

/// Shows the record to people; title and prompt only if `private`.
fn tell(context: &Context<'_>, entry: &Entry, private: bool) -> Result<(), Failure> {
    let record = &entry.record;
    context
        .printer
        .say(&styled(STRONG, &format!("Record {}", entry.id())))?;
    let say = |label: &str, value: &str| row(context, label, value);
    say("issued", &rfc3339(record.issued_at))?;
    say("kind", kind(entry))?;
    say(
        "generator",
        generator(entry).as_deref().unwrap_or("not stated"),
    )?;
    if let Some(it) = &record.generation {
        say("model", &format!("{} ({})", it.model_id, backend(it)))?;
        for file in &it.weights {
            say("weights", &format!("{} {}", hex(&file.sha256), file.file))?;
        }
        let seeds: Vec<String> = it.seeds.iter().map(u64::to_string).collect();
        if !seeds.is_empty() {
            say("seed", &seeds.join(", "))?;
        }
        if let Some(steps) = it.steps {
            let sampler = it.sampler.as_deref().unwrap_or("a sampler not stated");
            say("steps", &format!("{steps}, {sampler}"))?;
        }
        say("commitment", &hex(&it.prompt_commitment))?;
    }
    say("source type", &record.source_type)?;
    say(
        "size",
        &format!("{} x {} pixels", record.width, record.height),
    )?;
    let part = entry.part();
    let mark = match entry.watermark_id {
        Some(id) => Payload(id).to_string(),
        None if record.is_marked() => "known only as a commitment".to_owned(),
        None => {
            let reason = part.and_then(|part| part.unmarked_reason.as_deref());
            format!("none: {}", reason.unwrap_or("issued without one"))
        }
    };
    say("watermark id", &mark)?;
    say("file sha-256", &hex(&record.asset_sha256))?;
    say("manifest", &record.manifest_id)?;
    tell_erased(context, entry)?;
    match part {
        Some(part) if private => tell_private(context, part)?,
        None if private && entry.private == Private::Locked => {
            say("private part", "locked: give the passphrase of the keys")?;
        }
        _ => {}
    }
    match &entry.inclusion {
        Ok(inclusion) => {
            let size = counted(inclusion.tree_size.0 as usize, "record");
            say("proof", &format!("included in the signed log of {size}"))
        }
        Err(reason) => context
            .printer
            .say(&styled(ALERT, &format!("not proven: {reason}"))),
    }
}

fn tell_private(context: &Context<'_>, part: &PrivatePart) -> Result<(), Failure> {
    let say = |label: &str, value: Option<&str>| row(context, label, value.unwrap_or("none"));
    say("title", part.title.as_deref())?;
    say("prompt", part.prompt.as_deref())?;
    if part.negative_prompt.is_some() {
        say("negative", part.negative_prompt.as_deref())?;
    }
    if part.requester.is_some() {
        say("requester", part.requester.as_deref())?;
    }
    Ok(())
}

fn tell_erased(context: &Context<'_>, entry: &Entry) -> Result<(), Failure> {
    let parts = [
        ("private part", entry.erased()),
        ("kept manifest", entry.manifest_erased.as_ref()),
    ];
    for (label, erased) in parts {
        if let Some(erased) = erased {
            let when = rfc3339(erased.at);
            let (why, event) = (erased.reason.code(), erased.event);
            let text = format!("erased on {when} ({why}); entry {event} tells of it");
            row(context, label, &text)?;
        }
    }
    Ok(())
}

fn private_state(entry: &Entry) -> &'static str {
    match entry.private {
        Private::Open(_) => "open",
        Private::Locked => "locked",
        Private::Erased(_) => "erased",
        Private::Missing => "missing",
    }
}

/// One labelled line.
pub fn row(context: &Context<'_>, label: &str, value: &str) -> Result<(), Failure> {
    context.printer.say(&format!(
        "{} {}",
        styled(FAINT, &format!("{label:<13}")),
        clean(value)
    ))
}
