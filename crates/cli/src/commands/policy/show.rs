//! `policy show`.

use std::fs;
use std::path::Path;

use colophon_policy::{Bundle, Effect, Origin, Rule};
use serde_json::json;

use super::files;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{FAINT, STRONG, styled};
use crate::text::clean;

/// Tells what a bundle holds.
pub fn run(context: &Context<'_>, name: &str, json: bool) -> Result<Exit, Failure> {
    let in_force = match (name, context.home()) {
        ("current", Ok(home)) => Some(home.policies_in_force()?),
        _ => None,
    };
    let (origin, signers) = match &in_force {
        Some(it) => (Some(it.origin), it.signers.clone()),
        None => (None, Vec::new()),
    };
    let bundle = match in_force {
        Some(it) => Bundle::load(it.files)?,
        None => super::bundle(context, name)?,
    };
    let printer = context.printer;
    if json {
        printer.json(&json!({
            "policy_hash": bundle.hash(),
            "origin": origin,
            "signers": signers,
            "files": bundle.files().iter().map(|(path, _)| path).collect::<Vec<_>>(),
            "policies": bundle.rules().collect::<Vec<_>>(),
            "verdict_rules": bundle.table().rule_ids().collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::DONE);
    }
    printer.say(&format!("{} {}", styled(STRONG, "Bundle"), bundle.hash()))?;
    if let Some(origin) = origin {
        let told = match origin {
            Origin::Shipped => "part of the program",
            Origin::ShippedWithTable => {
                "part of the program, with this home's verdict table; not signed"
            }
            Origin::Folder => "files in this home as they are; not signed",
            Origin::Published => "published",
        };
        let by = if signers.is_empty() {
            String::new()
        } else {
            format!(", signed by {}", signers.join(", "))
        };
        printer.say(&format!(
            "  {}",
            styled(FAINT, &clean(&format!("{told}{by}")))
        ))?;
    }
    for rule in bundle.rules() {
        let effect = effect(rule.effect);
        printer.say(&format!(
            "  {effect:<7} {} {}",
            rule.id,
            styled(FAINT, &rule.place.to_string())
        ))?;
        for line in more(rule) {
            printer.say(&format!("          {}", styled(FAINT, &clean(&line))))?;
        }
    }
    let rules = bundle.table().rule_ids().count();
    printer.say(&format!(
        "  {rules} verdict rules, {} terms to screen prompts by",
        bundle.lexicon().terms()
    ))?;
    Ok(Exit::DONE)
}

/// Reason and obligations of a policy, a line each.
fn more(rule: &Rule) -> Vec<String> {
    let mut lines: Vec<String> = rule.reason.iter().cloned().collect();
    let asked = &rule.obligations;
    lines.extend(
        asked
            .min_strength
            .map(|least| format!("asks for a mark of at least `{}`", least.as_str())),
    );
    lines.extend(
        asked
            .signer_class
            .map(|class| format!("asks for a signer of class `{}`", class.as_str())),
    );
    lines.extend(
        asked
            .max_side
            .map(|side| format!("asks for no side longer than {side} pixels")),
    );
    if !asked.add_labels.is_empty() {
        let labels: Vec<&str> = asked.add_labels.iter().map(String::as_str).collect();
        lines.push(format!("adds {}", labels.join(", ")));
    }
    lines
}

/// The word for people.
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    }
}

/// Writes the files of a bundle, to start one's own from.
pub fn write(context: &Context<'_>, name: &str, folder: &Path) -> Result<Exit, Failure> {
    let files = files(context, name)?;
    if folder
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        return Err(Failure::Request(format!(
            "{} is not empty; name a new folder",
            folder.display()
        )));
    }
    for (path, bytes) in files.iter() {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Failure::file("make the folder", parent))?;
        }
        fs::write(&path, bytes).map_err(Failure::file("write", &path))?;
    }
    let place = clean(&folder.display().to_string()).into_owned();
    let count = files.iter().count();
    context.printer.say(&format!(
        "{count} files in {place}; change them, then: colophon policy check {place}"
    ))?;
    Ok(Exit::DONE)
}
