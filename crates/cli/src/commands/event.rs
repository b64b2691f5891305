//! How an event of the ledger is shown.

use colophon_ledger::{
    Actor, CertificateRef, Event, EventEntry, EventKind, KeyAction, Parts, Redaction,
};
use colophon_provenance::rfc3339;
use serde_json::{Value, json};

use super::Context;
use super::record::row;
use crate::failure::Failure;
use crate::printer::{ALERT, STRONG, styled};
use crate::text::{counted, hex};

/// The event in one line.
pub fn what_happened(event: &Event) -> String {
    match &event.what {
        EventKind::Key(key) => {
            let action = match key.action {
                KeyAction::Created => "created",
                KeyAction::Activated => "activated",
                KeyAction::Retired => "retired",
                KeyAction::Revoked { .. } => "revoked",
            };
            format!("key {action}: {}", key.role)
        }
        EventKind::PolicyPublished(it) => {
            format!("policy published: {}", hex(&it.bundle_sha256[..8]))
        }
        EventKind::TrustList(it) if it.imported => format!("trust list imported: {}", it.name),
        EventKind::TrustList(it) => format!("trust list removed: {}", it.name),
        EventKind::CertificateRevoked(_) => "certificate revoked".to_owned(),
        EventKind::Redaction(it) => format!("{} of record {} erased", parts(it), erased_record(it)),
        EventKind::ShardOpened(_) => "shard opened".to_owned(),
        EventKind::ShardSealed => "shard sealed".to_owned(),
        _ => "an event of a later version".to_owned(),
    }
}

fn parts(redaction: &Redaction) -> &'static str {
    match redaction.parts {
        Parts::Private => "private part",
        Parts::Manifest => "manifest",
        Parts::All => "private part and manifest",
    }
}

fn erased_record(redaction: &Redaction) -> String {
    match &redaction.log {
        Some(log) => format!("{log} {}", redaction.record),
        None => redaction.record.to_string(),
    }
}

/// What the kind of event tells, as label and value.
fn details(event: &Event) -> Vec<(&'static str, String)> {
    match &event.what {
        EventKind::Key(key) => {
            let mut told = vec![("role", key.role.clone()), ("key_id", hex(&key.key_id))];
            let public = key.public_key.as_ref();
            told.extend(public.map(|it| ("public_key", hex(it))));
            if let KeyAction::Revoked { reason, from } = key.action {
                told.push(("reason", reason.as_str().to_owned()));
                told.push(("from", rfc3339(from)));
            }
            told
        }
        EventKind::PolicyPublished(it) => vec![
            ("bundle", hex(&it.bundle_sha256)),
            ("note", hex(&it.note_sha256)),
        ],
        EventKind::TrustList(it) => vec![("list", it.name.clone()), ("sha256", hex(&it.sha256))],
        EventKind::CertificateRevoked(it) => {
            let mut told = match &it.certificate {
                CertificateRef::Sha256(hash) => vec![("certificate", hex(hash))],
                CertificateRef::Serial {
                    issuer_sha256,
                    serial,
                } => vec![("issuer", hex(issuer_sha256)), ("serial", hex(serial))],
            };
            told.push(("reason", it.reason.as_str().to_owned()));
            told.push(("from", rfc3339(it.from)));
            told
        }
        EventKind::Redaction(it) => {
            let mut told = vec![
                ("record", erased_record(it)),
                ("parts", parts(it).to_owned()),
                ("reason", it.reason.code().to_owned()),
            ];
            told.push(match &it.by {
                Actor::Role(role) => ("role", role.clone()),
                Actor::Committed(hash) => ("by_commitment", hex(hash)),
            });
            told
        }
        EventKind::ShardOpened(it) => {
            let mut told = vec![("ledger", it.base.clone())];
            if let Some(previous) = &it.previous {
                told.push(("previous", previous.origin.clone()));
                told.push(("size", previous.size.to_string()));
                told.push(("root", hex(&previous.root)));
            }
            told
        }
        _ => Vec::new(),
    }
}

/// The event for programs; who did it only if `private`.
pub fn as_json(entry: &EventEntry, private: bool) -> Value {
    let details: serde_json::Map<String, Value> = details(&entry.event)
        .into_iter()
        .map(|(label, value)| (label.to_owned(), value.into()))
        .collect();
    let mut value = json!({
        "shard": entry.shard.to_string(),
        "index": entry.index.0,
        "time": rfc3339(entry.event.time),
        "event": what_happened(&entry.event),
        "details": details,
        "proven": entry.inclusion.is_ok(),
        "tree_size": entry.inclusion.as_ref().ok().map(|inclusion| inclusion.tree_size.0),
        "problem": entry.inclusion.as_ref().err().map(ToString::to_string),
    });
    if private {
        value["by"] = json!(entry.by);
    }
    value
}

/// Shows the event to people; who did it only if `private`.
pub fn tell(context: &Context<'_>, entry: &EventEntry, private: bool) -> Result<(), Failure> {
    let title = format!("Event {}/{}", entry.shard, entry.index);
    context.printer.say(&styled(STRONG, &title))?;
    row(context, "time", &rfc3339(entry.event.time))?;
    row(context, "what", &what_happened(&entry.event))?;
    for (label, value) in details(&entry.event) {
        row(context, &label.replace('_', " "), &value)?;
    }
    if private && let Some(by) = &entry.by {
        row(context, "by", by)?;
    }
    match &entry.inclusion {
        Ok(inclusion) => {
            let size = counted(inclusion.tree_size.0 as usize, "record");
            row(
                context,
                "proof",
                &format!("included in the signed log of {size}"),
            )
        }
        Err(reason) => context
            .printer
            .say(&styled(ALERT, &format!("not proven: {reason}"))),
    }
}
