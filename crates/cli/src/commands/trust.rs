//! `trust`: lists of authorities, and certificates that are no longer trusted.

use std::fs;
use std::path::Path;

use colophon_gateway::{FetchLimits, fetch_guarded};
use colophon_ledger::EventKind;
use colophon_manifest::{CertificateName, ListContent, ListKind, ListUse, RevokedCertificate};
use colophon_provenance::trust::{
    AnchorFacts, ListFile, Listed, Lists, Revocations, certificate, moment,
};
use colophon_provenance::{Home, ProvenanceError, TrustTold, rfc3339};
use serde_json::json;

use super::{Context, now};
use crate::args::{Import, Kind, Revoke, Trust, Update, Usage};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{ALERT, CAUTION, FAINT, STRONG, styled};
use crate::text::{clean, counted, hex};

/// Files as C2PA publishes them, and the names of the lists here.
const PUBLISHED: [(&str, &str); 2] = [
    ("C2PA-TRUST-LIST.json", "c2pa"),
    ("C2PA-TSA-TRUST-LIST.json", "c2pa-tsa"),
];
/// Largest file read, bytes.
const MAX_BYTES: u64 = 4 << 20;

/// Runs `trust`.
pub fn run(context: &Context<'_>, command: &Trust) -> Result<Exit, Failure> {
    match command {
        Trust::List { json } => list(context, *json),
        Trust::Import(options) => import(context, options),
        Trust::Show { name, json } => show(context, name, *json),
        Trust::Remove { name } => {
            let home = context.home()?;
            let event = home.list_removed(name);
            changing(context, event.as_slice(), || {
                Lists::load(Some(&home))?.remove(&home, name)
            })?;
            context.printer.say(&format!("Removed {name}."))?;
            Ok(Exit::DONE)
        }
        Trust::Update(options) => update(context, options),
        Trust::Revoke(options) => revoke(context, options),
    }
}

fn list(context: &Context<'_>, as_json: bool) -> Result<Exit, Failure> {
    // Without any folder to call home there are still the lists that ship.
    let home = context.home().ok();
    let lists = Lists::load(home.as_ref())?;
    let revocations = Revocations::load(home.as_ref())?;
    let printer = context.printer;
    if as_json {
        for each in lists.all() {
            printer.json(&facts(each))?;
        }
        for entry in revocations.all() {
            printer.json(&json!({
                "revoked": name(&entry.certificate), "from": rfc3339(entry.from), "reason": entry.reason,
            }))?;
        }
        return Ok(Exit::DONE);
    }
    for each in lists.all() {
        heading(context, each)?;
    }
    for entry in revocations.all() {
        let reason = entry
            .reason
            .as_deref()
            .map_or_else(String::new, |it| format!(", {}", clean(it)));
        printer.say(&format!(
            "{} {} from {}{reason}",
            styled(ALERT, "revoked"),
            name(&entry.certificate),
            rfc3339(entry.from)
        ))?;
    }
    Ok(Exit::DONE)
}

/// Name, kind and dates of a list.
fn heading(context: &Context<'_>, each: &Listed) -> Result<(), Failure> {
    let list = &each.list;
    let printer = context.printer;
    printer.say(&styled(STRONG, &list.name))?;
    let certificates = AnchorFacts::of(&list.anchors).len();
    let line = format!(
        "  {}, for {}, {}{}, issued {}{}",
        list.kind.code(),
        match list.usage {
            ListUse::TimeStamps => "time-stamps",
            _ => "signers",
        },
        counted(certificates, "anchor"),
        singles(list),
        list.issued.as_deref().unwrap_or("at an unknown date"),
        if each.built_in {
            ", ships with the program"
        } else {
            ""
        },
    );
    printer.say(&styled(FAINT, &line))?;
    if list.is_stale(&rfc3339(now())[..10]) {
        let day = list.next_update.as_deref().unwrap_or_default();
        printer.say(&styled(
            CAUTION,
            &format!("  was to be replaced by {day}: `colophon trust update` takes in a newer one"),
        ))?;
    }
    Ok(())
}

fn singles(list: &ListFile) -> String {
    let hashes = list
        .allowed
        .lines()
        .filter(|line| line.len() == 44 && line.ends_with('='));
    let count = AnchorFacts::of(&list.allowed).len() + hashes.count();
    if count == 0 {
        String::new()
    } else {
        format!(" and {}", counted(count, "single signer"))
    }
}

fn facts(each: &Listed) -> serde_json::Value {
    let list = &each.list;
    json!({
        "name": list.name, "kind": list.kind, "usage": list.usage, "issued": list.issued,
        "next_update": list.next_update, "stale": list.is_stale(&rfc3339(now())[..10]),
        "source": list.source, "license": list.license, "built_in": each.built_in,
        "anchors": AnchorFacts::of(&list.anchors).len(), "key_usages": list.key_usages,
    })
}

fn show(context: &Context<'_>, wanted: &str, as_json: bool) -> Result<Exit, Failure> {
    let home = context.home().ok();
    let lists = Lists::load(home.as_ref())?;
    let each = lists
        .get(wanted)
        .ok_or_else(|| Failure::Request(format!("there is no trust list `{}`", clean(wanted))))?;
    let list = &each.list;
    let anchors = AnchorFacts::of(&list.anchors);
    let signers = AnchorFacts::of(&list.allowed);
    if as_json {
        let told = |all: &[AnchorFacts]| {
            let one = |it: &AnchorFacts| json!({ "subject": it.subject, "sha256": it.sha256, "not_after": rfc3339(it.not_after) });
            all.iter().map(one).collect::<Vec<_>>()
        };
        let mut value = facts(each);
        value["certificates"] = json!(told(&anchors));
        value["signers"] = json!(told(&signers));
        context.printer.json(&value)?;
        return Ok(Exit::DONE);
    }
    heading(context, each)?;
    for (label, text) in [("source", &list.source), ("licence", &list.license)] {
        if let Some(text) = text {
            context
                .printer
                .say(&format!("  {label}: {}", clean(text)))?;
        }
    }
    for fact in anchors.iter().chain(&signers) {
        let until = rfc3339(fact.not_after);
        context.printer.say(&format!(
            "  {} {} (to {})",
            fact.sha256.get(..16).unwrap_or_default(),
            clean(&fact.subject),
            &until[..10]
        ))?;
    }
    Ok(Exit::DONE)
}

fn import(context: &Context<'_>, options: &Import) -> Result<Exit, Failure> {
    let mut content = ListContent::default();
    for path in &options.files {
        content.join(parsed(path)?);
    }
    content.issued = content.issued.or_else(|| options.issued.clone());
    content.next_update = content.next_update.or_else(|| options.next_update.clone());
    let kind = match options.kind {
        Kind::Official => ListKind::Official,
        Kind::Legacy => ListKind::Legacy,
        Kind::Local => ListKind::Local,
    };
    let usage = match options.usage {
        Usage::Signers => ListUse::Signers,
        Usage::TimeStamps => ListUse::TimeStamps,
    };
    keep(context, &options.name, kind, usage, content, None)?;
    Ok(Exit::DONE)
}

fn keep(
    context: &Context<'_>,
    name: &str,
    kind: ListKind,
    usage: ListUse,
    content: ListContent,
    source: Option<String>,
) -> Result<(), Failure> {
    let home = context.home()?;
    let mut lists = Lists::load(Some(&home))?;
    let mut list = ListFile::new(name, kind, usage, content)?;
    list.source = source;
    let event = Home::list_taken_in(&list)?;
    changing(context, &[event], || lists.keep(&home, list))?;
    match lists.get(name) {
        Some(each) => heading(context, each),
        None => Ok(()),
    }
}

fn update(context: &Context<'_>, options: &Update) -> Result<Exit, Failure> {
    if let Some(url) = &options.from {
        let bytes = fetch_guarded(url, &FetchLimits::default())?;
        official(context, "list.json", &bytes, Some(url.clone()))?;
        return Ok(Exit::DONE);
    }
    // The command line asks for one of the two.
    let Some(path) = &options.path else {
        return Ok(Exit::FAILED);
    };
    if !path.is_dir() {
        official(context, &file_name(path), &read(path)?, None)?;
        return Ok(Exit::DONE);
    }
    let found: Vec<_> = PUBLISHED
        .iter()
        .map(|(file, _)| path.join(file))
        .filter(|file| file.is_file())
        .collect();
    if found.is_empty() {
        return Err(Failure::Request(format!(
            "{} holds neither {} nor {}",
            path.display(),
            PUBLISHED[0].0,
            PUBLISHED[1].0
        )));
    }
    for file in found {
        official(context, &file_name(&file), &read(&file)?, None)?;
    }
    Ok(Exit::DONE)
}

/// Takes in a list in the form in which C2PA publishes it, which tells dates and use.
fn official(
    context: &Context<'_>,
    file: &str,
    bytes: &[u8],
    source: Option<String>,
) -> Result<(), Failure> {
    let content = ListContent::parse(file, bytes).map_err(ProvenanceError::from)?;
    let (Some(usage), Some(_)) = (content.usage, &content.issued) else {
        return Err(Failure::Request(
            "this is not the JSON form in which C2PA publishes its lists; `colophon trust import` takes others".into(),
        ));
    };
    let name = if usage == ListUse::TimeStamps {
        PUBLISHED[1].1
    } else {
        PUBLISHED[0].1
    };
    keep(context, name, ListKind::Official, usage, content, source)
}

fn revoke(context: &Context<'_>, options: &Revoke) -> Result<Exit, Failure> {
    let path = Path::new(&options.what);
    let file = path.is_file().then(|| read(path)).transpose()?;
    let from = match &options.from {
        Some(text) => Some(moment(text).ok_or_else(|| {
            Failure::Request("--from is a day such as 2026-08-05 or an RFC 3339 time".into())
        })?),
        None => None,
    };
    let crl = file
        .as_deref()
        .and_then(|bytes| RevokedCertificate::of_crl(bytes).ok());
    let mut entries = match crl {
        Some(entries) => entries,
        None => vec![RevokedCertificate {
            certificate: certificate(&options.what, file.as_deref())?,
            from: from.unwrap_or_else(now),
            reason: None,
        }],
    };
    for entry in &mut entries {
        entry.from = from.unwrap_or(entry.from);
        entry.reason = options.reason.clone().or_else(|| entry.reason.take());
    }
    let home = context.home()?;
    let events = home.certificates_revoked(&entries)?;
    let added = changing(context, &events, || {
        Revocations::load(Some(&home))?.add(&home, entries)
    })?;
    context.printer.say(&format!(
        "{} added to the list of revoked ones.",
        counted(added, "certificate")
    ))?;
    Ok(Exit::DONE)
}

/// Makes a change of the lists, which the home's ledger is told of, if it has one.
fn changing<T>(
    context: &Context<'_>,
    events: &[EventKind],
    change: impl FnOnce() -> Result<T, ProvenanceError>,
) -> Result<T, Failure> {
    let home = context.home()?;
    let words = passphrase::to_open(context.global, &home.keys())?;
    let (changed, told) = {
        let _writing = context.interrupt.writing();
        home.change_trust(events, words, now(), change)?
    };
    if let TrustTold::Waiting(why) = told {
        context.printer.note(&format!(
            "the ledger has not taken the event yet ({why}); the next command that writes to it enters it"
        ));
    }
    Ok(changed)
}

fn name(certificate: &CertificateName) -> String {
    match certificate {
        CertificateName::Sha256(sha256) => hex(sha256),
        CertificateName::Serial {
            issuer_sha256,
            serial,
        } => {
            format!(
                "serial {} of issuer {}",
                hex(serial),
                &hex(issuer_sha256)[..16]
            )
        }
    }
}

fn parsed(path: &Path) -> Result<ListContent, Failure> {
    let content = ListContent::parse(&file_name(path), &read(path)?);
    Ok(content.map_err(ProvenanceError::from)?)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let about = fs::metadata(path).map_err(Failure::file("read", path))?;
    if about.len() > MAX_BYTES {
        return Err(Failure::Request(format!(
            "{} is larger than 4 MiB",
            path.display()
        )));
    }
    fs::read(path).map_err(Failure::file("read", path))
}
