//! `witness`: made, told of logs, answering, shown.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use colophon_provenance::rfc3339;
use colophon_server::{Limits, Server, Stop, witness_routes};
use colophon_witness::{KnownLog, WitnessFolder};
use serde_json::json;

use super::{Context, now, parse_key_or_file};
use crate::args::Witness;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{ALERT, GOOD, styled};
use crate::text::{clean, counted};

/// Runs `witness`.
pub fn run(context: &Context<'_>, command: &Witness) -> Result<Exit, Failure> {
    match command {
        Witness::Init {
            folder,
            name,
            ask_passphrase,
        } => init(context, &folder.dir, name, *ask_passphrase),
        Witness::AddLog {
            folder,
            key,
            single,
        } => add_log(context, &folder.dir, key, *single),
        Witness::Serve { folder, listen } => serve(context, &folder.dir, *listen),
        Witness::Show { folder, json } => show(context, &folder.dir, *json),
    }
}

fn init(
    context: &Context<'_>,
    dir: &Path,
    name: &str,
    ask_passphrase: bool,
) -> Result<Exit, Failure> {
    let passphrase = passphrase::to_protect(context.global, ask_passphrase)?;
    let key = {
        let _writing = context.interrupt.writing();
        WitnessFolder::new(dir).init(name, passphrase.as_ref())?
    };
    let printer = context.printer;
    printer.say(&format!("A witness made in {}", dir.display()))?;
    if passphrase.is_none() {
        printer.note("its key is not encrypted; only its file permissions protect it");
    }
    printer.say("Its verifier key, for the policies of those who trust it:")?;
    printer.say(&format!("  {key}"))?;
    printer.say("Next: colophon witness add-log, then colophon witness serve")?;
    Ok(Exit::DONE)
}

fn add_log(context: &Context<'_>, dir: &Path, key: &str, single: bool) -> Result<Exit, Failure> {
    let key = parse_key_or_file(key)?;
    let added = {
        let _writing = context.interrupt.writing();
        WitnessFolder::new(dir).add_log(&key, !single)?
    };
    let what = if single {
        "the log"
    } else {
        "every half-year of the ledger"
    };
    let name = clean(key.name());
    context.printer.say(&if added {
        format!("The witness cosigns for {what} {name}.")
    } else {
        format!("The witness knew {what} {name} already.")
    })?;
    Ok(Exit::DONE)
}

fn serve(context: &Context<'_>, dir: &Path, listen: SocketAddr) -> Result<Exit, Failure> {
    let folder = WitnessFolder::new(dir);
    let key = folder.key()?;
    let encrypted = folder.is_encrypted()?;
    let passphrase = passphrase::to_open_if(context.global, encrypted)?;
    let witness = Arc::new(folder.open(passphrase.as_ref())?);
    let server = Server::listen(listen)?;
    let printer = context.printer;
    printer.say(&format!(
        "Witness {} answers at http://{}",
        clean(key.name()),
        server.address()
    ))?;
    if !server.address().ip().is_loopback() {
        printer
            .note("this is plain HTTP, open to the network; put a proxy in front that does HTTPS");
    }
    // To standard error, each with the time: what a service manager keeps.
    let observer = Arc::new(|status: u16, why: &str| {
        eprintln!("{} {status} {}", rfc3339(now()), clean(why));
    });
    let stop = Stop::new();
    let routes = witness_routes(witness, observer);
    let stopper = stop.clone();
    context.interrupt.serve(
        move || stopper.stop(),
        || server.run(routes, Limits::default(), &stop),
    )?;
    Ok(Exit::DONE)
}

fn show(context: &Context<'_>, dir: &Path, json: bool) -> Result<Exit, Failure> {
    let folder = WitnessFolder::new(dir);
    let key = folder.key()?;
    let logs = folder.logs()?;
    let evidence = folder.evidence()?;
    let exit = Exit::sound(evidence.is_empty());
    if json {
        let paths: Vec<String> = evidence.iter().map(|path| super::name_of(path)).collect();
        context.printer.json(&json!({
            "name": key.name(),
            "verifier_key": key.to_string(),
            "logs": logs.iter().map(as_json).collect::<Vec<_>>(),
            "evidence": paths,
        }))?;
        return Ok(exit);
    }
    let say = |text: &str| context.printer.say(text);
    say(&format!("Witness {}", clean(key.name())))?;
    say(&format!("  verifier key  {key}"))?;
    for log in &logs {
        let name = clean(log.key.name());
        say(&match log.state.as_ref() {
            None => format!("  {name}: its half-years, as they come"),
            Some(state) => match &state.0 {
                None => format!("  {name}: nothing cosigned yet"),
                Some(last) => format!(
                    "  {name}: {}, cosigned {}",
                    counted(last.checkpoint.size.0 as usize, "record"),
                    rfc3339(last.time.0 as i64)
                ),
            },
        })?;
    }
    if logs.is_empty() {
        say("  knows no log yet: colophon witness add-log")?;
    }
    if evidence.is_empty() {
        say(&styled(GOOD, "No log was caught at a contradiction."))?;
    } else {
        let count = counted(evidence.len(), "contradiction");
        say(&styled(ALERT, &format!("{count}; look at the evidence:")))?;
        for path in &evidence {
            say(&format!("  {}", path.display()))?;
        }
    }
    Ok(exit)
}

fn as_json(log: &KnownLog) -> serde_json::Value {
    let last = log.state.as_ref().and_then(|state| state.0.as_ref());
    json!({
        "origin": log.key.name(),
        "verifier_key": log.key.to_string(),
        "half_years": log.state.is_none(),
        "size": last.map(|last| last.checkpoint.size.0),
        "root": last.map(|last| last.checkpoint.root.to_string()),
        "cosigned_at": last.map(|last| rfc3339(last.time.0 as i64)),
    })
}
