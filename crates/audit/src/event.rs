//! Events in words for tables: a name, and what it says as `name=value`.

use colophon_calendar::rfc3339;
use colophon_ledger::{Actor, CertificateRef, EventKind, KeyAction, KeyEvent, Parts};

use crate::text::hex;

/// The event's name, and the facts that it tells.
pub(crate) fn describe(what: &EventKind) -> (&'static str, String) {
    match what {
        EventKind::Key(key) => describe_key(key),
        EventKind::PolicyPublished(it) => (
            "policy-published",
            facts(&[
                ("bundle_sha256", hex(&it.bundle_sha256)),
                ("note_sha256", hex(&it.note_sha256)),
            ]),
        ),
        EventKind::TrustList(it) => {
            let name = if it.imported {
                "trust-list-imported"
            } else {
                "trust-list-removed"
            };
            let told = facts(&[("name", it.name.clone()), ("sha256", hex(&it.sha256))]);
            (name, told)
        }
        EventKind::CertificateRevoked(it) => {
            let certificate = match &it.certificate {
                CertificateRef::Sha256(hash) => ("certificate_sha256", hex(hash)),
                CertificateRef::Serial { serial, .. } => ("serial", hex(serial)),
            };
            let told = facts(&[
                certificate,
                ("reason", it.reason.as_str().to_owned()),
                ("from", rfc3339(it.from)),
            ]);
            ("certificate-revoked", told)
        }
        EventKind::Redaction(it) => {
            let parts = match it.parts {
                Parts::Private => "private",
                Parts::Manifest => "manifest",
                Parts::All => "all",
            };
            let by = match &it.by {
                Actor::Role(role) => role.clone(),
                Actor::Committed(hash) => hex(hash),
            };
            let log = it.log.clone().unwrap_or_else(|| "this one".to_owned());
            let told = facts(&[
                ("log", log),
                ("record", it.record.to_string()),
                ("parts", parts.to_owned()),
                ("reason", it.reason.code().to_owned()),
                ("by", by),
            ]);
            ("redaction", told)
        }
        EventKind::ShardOpened(it) => {
            let previous = it.previous.as_ref();
            let previous = previous.map_or("none".to_owned(), |it| it.origin.clone());
            let told = facts(&[("base", it.base.clone()), ("previous", previous)]);
            ("shard-opened", told)
        }
        EventKind::ShardSealed => ("shard-sealed", String::new()),
        _ => ("other", String::new()),
    }
}

fn describe_key(key: &KeyEvent) -> (&'static str, String) {
    let mut told = vec![("role", key.role.clone()), ("key_id", hex(&key.key_id))];
    let name = match key.action {
        KeyAction::Created => "key-created",
        KeyAction::Activated => "key-activated",
        KeyAction::Retired => "key-retired",
        KeyAction::Revoked { reason: why, from } => {
            told.push(("reason", why.as_str().to_owned()));
            told.push(("from", rfc3339(from)));
            "key-revoked"
        }
    };
    (name, facts(&told))
}

fn facts(facts: &[(&str, String)]) -> String {
    let told: Vec<String> = facts
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    told.join("; ")
}
