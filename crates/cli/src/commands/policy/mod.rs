//! `policy`: bundles shown, checked, tried, compared, put in force.

mod diff;
mod explain;
mod show;

use std::path::Path;

use colophon_policy::{Bundle, CaseOutcome, Files, Principal, Problems};
use serde_json::json;

use super::{Context, issuing, now};
use crate::args::Policy;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{ALERT, FAINT, GOOD, STRONG, styled};
use crate::text::{clean, counted};

/// Runs `policy`.
pub fn run(context: &Context<'_>, command: &Policy) -> Result<Exit, Failure> {
    match command {
        Policy::Show {
            bundle,
            write: Some(folder),
            ..
        } => show::write(context, bundle, folder),
        Policy::Show { bundle, json, .. } => show::run(context, bundle, *json),
        Policy::Check { bundle, json } => check(context, bundle, *json),
        Policy::Test { bundle, json } => test(context, bundle, *json),
        Policy::Explain(options) => explain::run(context, options),
        Policy::Diff { old, new, json } => diff::run(context, old, new, *json),
        Policy::Publish {
            folder,
            requester,
            json,
        } => publish(context, folder, requester.clone(), *json),
    }
}

/// The files that `name` means: a folder, a word, or a hash.
fn files(context: &Context<'_>, name: &str) -> Result<Files, Failure> {
    let home = || context.home();
    match name {
        "shipped" => return Ok(Files::shipped()),
        // Without any folder to call home the shipped one is in force.
        "current" => {
            return match context.home() {
                Ok(home) => Ok(home.policies_in_force()?.files),
                Err(_) => Ok(Files::shipped()),
            };
        }
        _ => {}
    }
    let hash = match name {
        "previous" => Some(home()?.policy_store().previous()?.ok_or_else(|| {
            Failure::Request("no bundle was replaced yet; name a folder or `shipped`".to_owned())
        })?),
        name => name.parse().ok(),
    };
    match hash {
        Some(hash) => {
            let home = home()?;
            let keys = home.policy_verifier_keys()?;
            Ok(home.policy_store().published(hash, &keys)?.files)
        }
        None => Ok(Files::read(Path::new(name))?),
    }
}

pub(super) fn bundle(context: &Context<'_>, name: &str) -> Result<Bundle, Failure> {
    Ok(Bundle::load(files(context, name)?)?)
}

/// A bundle that does not load is the finding that was asked for; one that cannot be found is a failure.
fn check(context: &Context<'_>, name: &str, json: bool) -> Result<Exit, Failure> {
    let read = if Path::new(name).is_dir() {
        Files::read(Path::new(name))
    } else {
        Ok(files(context, name)?)
    };
    let checked = read.and_then(|files| {
        let bundle = Bundle::load(files)?;
        let tests = bundle.test().map_err(Problems::from)?;
        Ok((bundle, tests.len()))
    });
    let printer = context.printer;
    match &checked {
        Ok((bundle, tests)) if json => printer.json(&json!({
            "sound": true, "policy_hash": bundle.hash(), "policies": bundle.rules().count(),
            "verdict_rules": bundle.table().rule_ids().count(), "terms": bundle.lexicon().terms(),
            "tests": tests, "problems": [],
        }))?,
        Err(problems) if json => printer.json(&json!({
            "sound": false, "problems": problems.iter().collect::<Vec<_>>(),
        }))?,
        Ok((bundle, tests)) => {
            printer.say(&styled(GOOD, "Nothing is wrong with the bundle."))?;
            let rules = bundle.table().rule_ids().count();
            printer.say(&format!(
                "  {} policies, {rules} verdict rules, {} terms, {}",
                bundle.rules().count(),
                bundle.lexicon().terms(),
                counted(*tests, "test")
            ))?;
            printer.say(&format!("  {}", styled(FAINT, &bundle.hash().to_string())))?;
        }
        Err(problems) => {
            for problem in problems.iter() {
                tell_lines(context, &problem.to_string())?;
                printer.say("")?;
            }
            printer.say(&styled(ALERT, &counted(problems.count(), "problem")))?;
        }
    }
    Ok(Exit::sound(checked.is_ok()))
}

/// Text of several lines, each made safe.
fn tell_lines(context: &Context<'_>, text: &str) -> Result<(), Failure> {
    for line in text.lines() {
        context.printer.say(&clean(line))?;
    }
    Ok(())
}

fn test(context: &Context<'_>, name: &str, json: bool) -> Result<Exit, Failure> {
    let outcomes = bundle(context, name)?.test().map_err(Problems::from)?;
    let printer = context.printer;
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    for outcome in &outcomes {
        if json {
            printer.json(outcome)?;
        } else if let Some(failure) = &outcome.failure {
            let CaseOutcome { name, place, .. } = outcome;
            printer.say(&format!("{} {}", styled(ALERT, "failed"), clean(name)))?;
            printer.say(&format!("  {}", clean(&format!("{place}: {failure}"))))?;
        } else if printer.is_verbose() {
            printer.say(&format!(
                "{} {}",
                styled(GOOD, "passed"),
                clean(&outcome.name)
            ))?;
        }
    }
    if !json {
        let passed = outcomes.len() - failed;
        printer.say(&format!(
            "{} passed, {failed} failed",
            counted(passed, "test")
        ))?;
    }
    Ok(Exit::sound(failed == 0))
}

fn publish(
    context: &Context<'_>,
    folder: &Path,
    requester: Option<Principal>,
    json: bool,
) -> Result<Exit, Failure> {
    let files = Files::read(folder)?;
    let home = context.home()?;
    let passphrase = issuing::passphrase(context, &home)?;
    let principal = requester.unwrap_or_else(Principal::owner);
    let published = {
        let _writing = context.interrupt.writing();
        home.publish_policies(files, principal, passphrase, now())?
    };
    let printer = context.printer;
    if json {
        printer.json(&published)?;
        return Ok(Exit::DONE);
    }
    printer.say(&format!(
        "{} {}",
        styled(STRONG, "In force"),
        published.hash
    ))?;
    printer.say(&format!("  before    {}", published.before))?;
    printer.say(&format!(
        "  signed    {}",
        clean(
            &published
                .folder
                .join(colophon_policy::NOTE_FILE)
                .display()
                .to_string()
        )
    ))?;
    Ok(Exit::DONE)
}
