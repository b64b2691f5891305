//! `ledger monitor`, `mirror`, `serve`, `witnesses` and `evidence`: for whoever watches a ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use colophon_gateway::LogClient;
use colophon_imaging::write_atomic;
use colophon_monitor::{
    Alarm, Broken, Entry, Folder, Known, LIST, Look, Sighting, Source, SourceError, Trouble, Watch,
    look, mirror,
};
use colophon_provenance::{hex, rfc3339};
use colophon_server::{Limits, Server, Stop, log_routes};
use colophon_tlog::{ForkEvidence, VerifierKey, WitnessPolicy};
use serde_json::{Value, json};

use super::{Context, home_key, now, parse_key_or_file};
use crate::args::{Mirror, Monitor, Remote, Serve};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{ALERT, GOOD, styled};
use crate::text::{clean, wrapped};

/// A policy is a few lines.
const MOST_POLICY: u64 = 64 << 10;
/// Evidence is two notes and a proof.
const MOST_EVIDENCE: u64 = 2_100_000;

/// The files of a log over the network.
struct OverHttp(LogClient);

impl Source for OverHttp {
    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(path, limit)?)
    }
}

impl Remote {
    fn open(&self) -> Result<Box<dyn Source>, Failure> {
        if self.source.starts_with("https://") || self.source.starts_with("http://") {
            let client = LogClient::new(&self.source, self.root_certificates.as_deref())?;
            return Ok(Box::new(OverHttp(client)));
        }
        let folder = PathBuf::from(&self.source);
        if folder.is_dir() {
            return Ok(Box::new(Folder(folder)));
        }
        Err(Failure::Request(format!(
            "{} is neither an address (https://...) nor a folder",
            clean(&self.source)
        )))
    }

    fn key(&self, context: &Context<'_>) -> Result<VerifierKey, Failure> {
        match &self.key {
            Some(text) => parse_key_or_file(text),
            None => home_key(context),
        }
    }
}

/// Runs `ledger monitor`.
pub fn monitor(context: &Context<'_>, options: &Monitor) -> Result<Exit, Failure> {
    let key = options.remote.key(context)?;
    let source = options.remote.open()?;
    let policy = options.policy.as_deref().map(read_policy).transpose()?;
    let watch = Watch {
        keys: options.watch_key.clone(),
        models: options.watch_model.clone(),
        events: options.watch_events,
    };
    let mut known = match &options.state {
        Some(path) => Known::load(path)?,
        None => Known::default(),
    };
    let mut rolled_back = false;
    loop {
        let mut found = Look::default();
        let looked = look(&*source, &key, &mut known, &watch, &mut found)
            .and_then(|()| witnessed(&known, policy.as_ref()));
        {
            let _writing = context.interrupt.writing();
            if let Some(path) = &options.state {
                known.save(path)?;
            }
        }
        let again = options.every.is_some();
        match looked {
            Err(Trouble::Alarm(alarm)) => {
                // A cache on the way may be behind once; a log that is stays so.
                let behind = matches!(alarm.broken, Broken::RolledBack { .. });
                if again && behind && !rolled_back {
                    rolled_back = true;
                    context
                        .printer
                        .note(&format!("{}; looking again", alarm.broken));
                } else {
                    tell(context, options.remote.json, &known, &found, Some(&alarm))?;
                    raise(context, &alarm, &options.evidence)?;
                    return Ok(Exit::FINDING);
                }
            }
            Err(Trouble::Source(error)) if again => {
                context.printer.note(&clean(&error.to_string()));
            }
            Err(trouble) => return Err(trouble.into()),
            Ok(()) => {
                rolled_back = false;
                tell(context, options.remote.json, &known, &found, None)?;
            }
        }
        match options.every {
            Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
            None => return Ok(Exit::DONE),
        }
    }
}

/// Whether the newest checkpoint has the cosignatures that the policy asks for.
fn witnessed(known: &Known, policy: Option<&WitnessPolicy>) -> Result<(), Trouble> {
    let (Some(policy), Some((origin, log))) = (policy, known.logs.iter().next_back()) else {
        return Ok(());
    };
    match policy.check_quorum(&log.shown.note) {
        Ok(_) => Ok(()),
        Err(error) => Err(Trouble::Alarm(Box::new(Alarm {
            origin: origin.clone(),
            broken: Broken::Unwitnessed(error.to_string()),
            before: None,
            now: Some(log.shown.note.clone()),
        }))),
    }
}

fn tell(
    context: &Context<'_>,
    json: bool,
    known: &Known,
    found: &Look,
    alarm: Option<&Alarm>,
) -> Result<(), Failure> {
    let printer = context.printer;
    if json {
        let logs = known.logs.iter().map(|(origin, log)| {
            json!({
                "origin": origin,
                "size": log.shown.checkpoint.size.0,
                "root": log.shown.checkpoint.root.to_string(),
                "sealed": log.sealed,
            })
        });
        return printer.json(&json!({
            "sound": alarm.is_none(),
            "looked_at": rfc3339(now()),
            "new": found.new,
            "logs": logs.collect::<Vec<_>>(),
            "sightings": found.sightings.iter().map(sighting_json).collect::<Vec<_>>(),
            "alarm": alarm.map(|alarm| json!({
                "log": alarm.origin,
                "kind": alarm.broken.code(),
                "what": alarm.broken.to_string(),
            })),
        }));
    }
    for sighting in &found.sightings {
        printer.say(&sighting_line(sighting))?;
    }
    if alarm.is_some() {
        return Ok(());
    }
    for (origin, log) in &known.logs {
        let size = format!("{} entries", log.shown.checkpoint.size);
        let sealed = if log.sealed { ", sealed" } else { "" };
        printer.say(&format!("{}: {size}{sealed}", clean(origin)))?;
    }
    let new = format!("Nothing wrong found; {} new.", found.new);
    printer.say(&styled(GOOD, &new))
}

fn sighting_json(sighting: &Sighting) -> Value {
    let mut value = json!({
        "log": sighting.log,
        "index": sighting.index,
        "time": rfc3339(sighting.time),
    });
    let about = match &sighting.entry {
        Entry::Record(record) => json!({
            "record": {
                "generator": record.generator.as_ref().map(|agent| &agent.name),
                "signer": hex(&record.signer_key_id),
                "asset_sha256": hex(&record.asset_sha256),
                "manifest_id": record.manifest_id,
            }
        }),
        Entry::Event(event) => json!({ "event": event_words(&event.what) }),
    };
    if let (Some(value), Value::Object(about)) = (value.as_object_mut(), about) {
        value.extend(about);
    }
    value
}

fn sighting_line(sighting: &Sighting) -> String {
    let what = match &sighting.entry {
        Entry::Record(record) => format!(
            "record of {}, signer {}, file {}",
            record
                .generator
                .as_ref()
                .map_or("an unnamed program", |agent| &agent.name),
            &hex(&record.signer_key_id)[..16],
            &hex(&record.asset_sha256)[..16],
        ),
        Entry::Event(event) => event_words(&event.what),
    };
    let line = format!(
        "{}  {}/{}  {what}",
        rfc3339(sighting.time),
        sighting.log,
        sighting.index
    );
    clean(&line).into_owned()
}

/// An event in a few words.
fn event_words(what: &colophon_ledger::EventKind) -> String {
    use colophon_ledger::{EventKind, KeyAction};
    match what {
        EventKind::Key(key) => {
            let action = match key.action {
                KeyAction::Created => "created",
                KeyAction::Activated => "activated",
                KeyAction::Retired => "retired",
                KeyAction::Revoked { .. } => "revoked",
            };
            format!("key {} ({}) {action}", &hex(&key.key_id)[..16], key.role)
        }
        EventKind::PolicyPublished(policy) => {
            format!("policy {} published", &hex(&policy.bundle_sha256)[..16])
        }
        EventKind::TrustList(list) => {
            let action = if list.imported { "imported" } else { "removed" };
            format!("trust list {} {action}", list.name)
        }
        EventKind::CertificateRevoked(_) => "certificate revoked".to_owned(),
        EventKind::Redaction(redaction) => format!("record {} redacted", redaction.record),
        EventKind::ShardOpened(_) => "log opened".to_owned(),
        EventKind::ShardSealed => "log sealed".to_owned(),
        _ => "event of another kind".to_owned(),
    }
}

/// Cries out and leaves the evidence.
fn raise(context: &Context<'_>, alarm: &Alarm, folder: &Path) -> Result<(), Failure> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let log: String = alarm.origin.chars().take(60).map(plain).collect();
    let name = format!("evidence-{log}-{}-{}.txt", alarm.broken.code(), now());
    let path = folder.join(name);
    {
        let _writing = context.interrupt.writing();
        write_atomic(&path, alarm.evidence().as_bytes(), true)?;
    }
    let text = format!("ALARM: {}: {}", alarm.origin, alarm.broken);
    for line in wrapped(&clean(&text), context.printer.width(), "", "  ") {
        context.printer.say(&styled(ALERT, &line))?;
    }
    context
        .printer
        .say(&format!("Evidence: {}", path.display()))
}

/// Runs `ledger mirror`.
pub fn copy(context: &Context<'_>, options: &Mirror) -> Result<Exit, Failure> {
    let key = options.remote.key(context)?;
    let source = options.remote.open()?;
    let mirrored = {
        // Each file is put in place as a whole: it may be stopped anywhere.
        mirror(&*source, &key, &options.folder)
    };
    let mirrored = match mirrored {
        Ok(mirrored) => mirrored,
        Err(Trouble::Alarm(alarm)) => {
            raise(context, &alarm, &options.evidence)?;
            context.printer.say("The copy stays as it was.")?;
            return Ok(Exit::FINDING);
        }
        Err(trouble) => return Err(trouble.into()),
    };
    if options.remote.json {
        let logs = mirrored.logs.iter().map(|(origin, (before, after))| {
            json!({ "origin": origin, "before": before, "size": after })
        });
        context.printer.json(&json!({
            "logs": logs.collect::<Vec<_>>(),
            "fetched": mirrored.fetched,
            "kept": mirrored.kept,
            "written": mirrored.written,
        }))?;
        return Ok(Exit::DONE);
    }
    for (origin, (before, after)) in &mirrored.logs {
        let new = after - before;
        context
            .printer
            .say(&format!("{}: {after} entries, {new} new", clean(origin)))?;
    }
    let done = format!(
        "Copied to {}, every file checked.",
        options.folder.display()
    );
    context.printer.say(&styled(GOOD, &done))?;
    Ok(Exit::DONE)
}

/// Runs `ledger serve`.
pub fn serve(context: &Context<'_>, options: &Serve) -> Result<Exit, Failure> {
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => context.home()?.ledger(),
    };
    if !folder.is_dir() {
        return Err(Failure::Request(format!(
            "{} is no folder",
            folder.display()
        )));
    }
    let server = Server::listen(options.listen)?;
    let address = server.address();
    let printer = context.printer;
    printer.say(&format!(
        "The log in {} is at http://{address}",
        folder.display()
    ))?;
    if !address.ip().is_loopback() {
        printer
            .note("this is plain HTTP, open to the network; put a proxy in front that does HTTPS");
    }
    let stop = Stop::new();
    let stopper = stop.clone();
    context.interrupt.serve(
        move || stopper.stop(),
        || server.run(log_routes(folder, &[LIST]), Limits::default(), &stop),
    )?;
    Ok(Exit::DONE)
}

/// Runs `ledger witnesses`: what the home's policy asks for, and who cosigned the newest checkpoint.
pub fn witnesses(context: &Context<'_>, json: bool) -> Result<Exit, Failure> {
    let home = context.home()?;
    let Some(policy) = home.witness_policy()? else {
        if json {
            context.printer.json(&json!({ "policy": null }))?;
        } else {
            context.printer.say(&format!(
                "No witness is asked for. To ask for some, write a policy (c2sp.org/tlog-policy) to {}",
                home.witness_policy_file().display()
            ))?;
        }
        return Ok(Exit::DONE);
    };
    let known = colophon_monitor::what_is_there(&Folder(home.ledger()), &home_key(context)?)
        .map_err(Failure::from)?;
    let newest = known.logs.values().next_back().map(|log| &log.shown);
    let met = newest.map(|shown| policy.check_quorum(&shown.note));
    let cosigned = |key| newest.and_then(|shown| shown.note.verify_cosignature(key).ok());
    let sound = met.as_ref().is_none_or(Result::is_ok);
    if json {
        let witnesses = policy.witnesses().iter().map(|witness| {
            json!({
                "name": witness.name,
                "verifier_key": witness.key.to_string(),
                "url": witness.url,
                "cosigned_at": cosigned(&witness.key).map(|time| rfc3339(time.0 as i64)),
            })
        });
        context.printer.json(&json!({
            "policy": home.witness_policy_file().display().to_string(),
            "size": newest.map(|shown| shown.checkpoint.size.0),
            "quorum": met.as_ref().map(Result::is_ok),
            "witnesses": witnesses.collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::sound(sound));
    }
    let say = |text: &str| context.printer.say(text);
    for witness in policy.witnesses() {
        let state = cosigned(&witness.key).map_or_else(
            || "has not cosigned the newest checkpoint".to_owned(),
            |time| format!("cosigned {}", rfc3339(time.0 as i64)),
        );
        let url = witness.url.as_deref().unwrap_or("no address, never asked");
        say(&clean(&format!("{}  {state}  ({url})", witness.name)))?;
    }
    match met {
        None => say("Nothing is in the ledger yet.")?,
        Some(Ok(_)) => say(&styled(GOOD, "The newest checkpoint has its quorum."))?,
        Some(Err(error)) => say(&styled(ALERT, &clean(&error.to_string())))?,
    }
    Ok(Exit::sound(sound))
}

/// Runs `ledger evidence`: whether a file proves that a log signed two histories.
pub fn evidence(context: &Context<'_>, file: &Path, key: &str) -> Result<Exit, Failure> {
    let text = read_small(file, MOST_EVIDENCE)?;
    let key = parse_key_or_file(key)?;
    let proved = ForkEvidence::parse(&text).and_then(|evidence| evidence.verify(&key));
    match proved {
        Ok(()) => {
            let text = format!(
                "Proved: {} signed two trees that cannot both be true.",
                clean(key.name())
            );
            context.printer.say(&styled(ALERT, &text))?;
            Ok(Exit::FINDING)
        }
        Err(error) => {
            let text = format!("This proves nothing: {error}");
            context.printer.say(&clean(&text))?;
            Ok(Exit::FAILED)
        }
    }
}

fn read_policy(path: &Path) -> Result<WitnessPolicy, Failure> {
    let text = read_small(path, MOST_POLICY)?;
    WitnessPolicy::parse(text.as_bytes())
        .map_err(|error| Failure::Request(format!("{}: {error}", path.display())))
}

fn read_small(path: &Path, limit: u64) -> Result<String, Failure> {
    let about = std::fs::metadata(path).map_err(Failure::file("read", path))?;
    if !about.is_file() || about.len() > limit {
        return Err(Failure::Request(format!(
            "{} is not such a file: it is a folder or larger than {limit} bytes",
            path.display()
        )));
    }
    std::fs::read_to_string(path).map_err(Failure::file("read", path))
}
