//! `verify-worker`: the child that looks into pictures. Started by the program itself, never by a person.

use std::fs;
use std::path::PathBuf;

use colophon_keys::Passphrase;
use colophon_provenance::{Home, Report, Verifier, VerifierOptions};
use colophon_sandbox::{Caps, Reply, Request, Rules, confine, serve};

use super::pictures::{thumbnail, under_heat_map};
use crate::args::{Cli, Worker};
use crate::checker::{Header, PASSPHRASE, part};
use crate::exit::Exit;
use crate::failure::Failure;

/// Sets up a verifier, shuts itself in and answers. To be called before any thread is started.
///
/// # Errors
/// [`Failure`] when the parent is gone. What keeps the verifier from being set up is told to the parent.
pub fn run(cli: &Cli, options: &Worker) -> Result<Exit, Failure> {
    let home = Home::resolve(cli.global.home.as_deref()).ok();
    let verifier = open(home.as_ref(), options);
    let rules = Rules {
        // The ledger grows while pictures are checked; keys and settings were read.
        readable: home.map(|home| home.ledger()).into_iter().collect(),
        ..Rules::default()
    };
    let confinement = confine(&rules);
    let caps = Caps {
        body: usize::MAX,
        ..Caps::default()
    };
    let layers: Vec<String> = confinement
        .layers()
        .into_iter()
        .map(str::to_owned)
        .collect();
    match verifier {
        Ok(mut verifier) => {
            verifier.confined_by(layers);
            let mut answer = |request: Request<'_>| answer(&verifier, request);
            serve(&confinement, &caps, &mut answer)?;
        }
        Err(failure) => {
            let told = crate::printer::describe(&failure);
            serve(&confinement, &caps, |_| {
                Reply::default().with(part::FAILURE, told.clone().into_bytes())
            })?;
        }
    }
    Ok(Exit::DONE)
}

fn open(home: Option<&Home>, options: &Worker) -> Result<Verifier, Failure> {
    let passphrase = std::env::var(PASSPHRASE)
        .ok()
        .map(Passphrase::new)
        .transpose()?;
    let trust_anchors = options
        .trust_anchor
        .iter()
        .map(anchor)
        .collect::<Result<_, _>>()?;
    let verifier = VerifierOptions {
        passphrase,
        trust_anchors,
        ..VerifierOptions::default()
    };
    Ok(Verifier::open(home, verifier)?)
}

/// A trust anchor under the name of its file.
fn anchor(path: &PathBuf) -> Result<(String, String), Failure> {
    let pem = fs::read_to_string(path).map_err(Failure::file("read the trust anchor", path))?;
    let name = path.file_stem().map_or_else(
        || "given".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    Ok((name, pem))
}

fn answer(verifier: &Verifier, request: Request<'_>) -> Reply {
    let failed = |error: &dyn std::fmt::Display| {
        Reply::default().with(part::FAILURE, error.to_string().into_bytes())
    };
    let header: Header = match serde_json::from_slice(request.header) {
        Ok(header) => header,
        Err(error) => return failed(&error),
    };
    let wants = header.wants;
    let verifier = verifier.reporting(wants.report);
    let Some((store, bytes)) = request.body.split_at_checked(header.store) else {
        return failed(&"a manifest store is longer than the request");
    };
    if let Some(error) = header.error {
        let report = verifier.unchecked(bytes, error, &header.name);
        return with_report(&report).unwrap_or_else(|error| failed(&error));
    }
    let store = (!store.is_empty()).then_some(store);
    let found = verifier.examine_with_store(bytes, store, &header.name);
    let mut reply = match with_report(&found.report) {
        Ok(reply) => reply,
        Err(error) => return failed(&error),
    };
    if let Some(map) = found.heat_map.filter(|_| wants.drawn_heat_map)
        && let Ok(drawn) = under_heat_map(&map, bytes, verifier.limits())
    {
        reply = reply.with(part::HEAT_MAP, drawn);
    }
    if let Some(crjson) = found.crjson {
        reply = reply.with(part::CRJSON, crjson.into_bytes());
    }
    if wants.thumbnail
        && found.report.error.is_none()
        && let Ok(small) = thumbnail(bytes, verifier.limits())
    {
        reply = reply.with(part::THUMBNAIL, small);
    }
    reply
}

fn with_report(report: &Report) -> serde_json::Result<Reply> {
    Ok(Reply::default().with(part::REPORT, serde_json::to_vec(report)?))
}
