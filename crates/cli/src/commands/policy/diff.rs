//! `policy diff`.

use colophon_policy::{BundleDiff, Decision, Named, Problems};

use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{CAUTION, FAINT, STRONG, styled};
use crate::text::clean;

/// Compares; that two bundles differ is no failure.
pub fn run(context: &Context<'_>, old: &str, new: &str, json: bool) -> Result<Exit, Failure> {
    let (old, new) = (super::bundle(context, old)?, super::bundle(context, new)?);
    let diff = BundleDiff::of(&old, &new).map_err(Problems::from)?;
    if json {
        context.printer.json(&diff)?;
    } else {
        tell(context, &diff)?;
    }
    Ok(Exit::DONE)
}

fn tell(context: &Context<'_>, diff: &BundleDiff) -> Result<(), Failure> {
    let printer = context.printer;
    printer.say(&format!("{} {}", styled(STRONG, "Old"), diff.old))?;
    printer.say(&format!("{} {}", styled(STRONG, "New"), diff.new))?;
    for (what, named) in [
        ("file", &diff.files),
        ("policy", &diff.policies),
        ("verdict rule", &diff.verdict_rules),
    ] {
        names(context, what, named)?;
    }
    printer.say(&format!(
        "{} of {} combinations of evidence are judged differently",
        diff.changed_combinations, diff.combinations
    ))?;
    for change in &diff.verdicts {
        printer.say(&format!(
            "  {}: {} -> {}",
            change.combinations,
            clean(&change.old),
            styled(CAUTION, &clean(&change.new))
        ))?;
        printer.say(&format!(
            "    {}",
            styled(FAINT, &format!("such as {}", change.example.join(" ")))
        ))?;
    }
    for change in &diff.access {
        let what = format!(
            "{}: {} -> {}",
            change.name,
            answer(&change.old),
            answer(&change.new)
        );
        printer.say(&format!("  question {}", clean(&what)))?;
    }
    if diff.files.is_empty() {
        printer.say("The bundles are the same.")?;
    }
    Ok(())
}

fn names(context: &Context<'_>, what: &str, named: &Named) -> Result<(), Failure> {
    for (word, names) in [
        ("added", &named.added),
        ("removed", &named.removed),
        ("changed", &named.changed),
    ] {
        for name in names {
            context
                .printer
                .say(&format!("  {word:<7} {what} {}", clean(name)))?;
        }
    }
    Ok(())
}

fn answer(decision: &Decision) -> String {
    let rules: Vec<&str> = decision.rules.iter().map(|rule| rule.id.as_str()).collect();
    let by = if rules.is_empty() {
        "no rule".to_owned()
    } else {
        rules.join(", ")
    };
    format!(
        "{} by {by}",
        if decision.allowed {
            "allowed"
        } else {
            "refused"
        }
    )
}
