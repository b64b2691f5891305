//! `policy explain`.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use colophon_policy::{
    AccessRequest, Bundle, Explanation, LoraName, Making, MarkStrength, Obligations, Operation,
    Principal, Resource, SignerClass,
};
use serde_json::json;

use super::show::effect;
use crate::args::{ExplainPolicy, Strength};
use crate::commands::{Context, is_stdin, issuing, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{ALERT, FAINT, GOOD, STRONG, styled};
use crate::text::clean;

/// Longest request read, bytes.
const MOST_REQUEST_BYTES: u64 = 1 << 20;

/// Asks, and tells the answer with what led to it. A refusal is a finding, not a failure.
pub fn run(context: &Context<'_>, options: &ExplainPolicy) -> Result<Exit, Failure> {
    let bundle = super::bundle(context, &options.bundle)?;
    let request = match &options.request {
        Some(path) => read(path)?,
        None => asked(options, &bundle)?,
    };
    let explanation = bundle.explain(&request);
    if options.json {
        context
            .printer
            .json(&json!({ "request": request, "explanation": explanation }))?;
    } else {
        tell(context, &request, &explanation)?;
    }
    Ok(Exit::sound(explanation.decision.allowed))
}

fn read(path: &Path) -> Result<AccessRequest, Failure> {
    let mut text = String::new();
    let read = if is_stdin(path) {
        io::stdin()
            .lock()
            .take(MOST_REQUEST_BYTES)
            .read_to_string(&mut text)
    } else {
        fs::File::open(path)
            .and_then(|file| file.take(MOST_REQUEST_BYTES).read_to_string(&mut text))
    };
    read.map_err(Failure::file("read the request", path))?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::Request(format!(
            "{} is no request: {error}; docs/policy.md shows one",
            path.display()
        ))
    })
}

fn asked(options: &ExplainPolicy, bundle: &Bundle) -> Result<AccessRequest, Failure> {
    let action = options.action;
    let mut principal = options.requester.clone().unwrap_or_else(Principal::owner);
    principal.teams.clone_from(&options.team);
    let resource = match action {
        Operation::Generate => Resource::Model {
            name: options
                .model
                .clone()
                .unwrap_or_else(|| "built-in".to_owned()),
            built_in: options.model.is_none(),
            remote: options.remote,
        },
        Operation::Stamp | Operation::RotateKey => Resource::Signer {
            name: "claim-signer".to_owned(),
            class: SignerClass::Local,
        },
        _ => Resource::Ledger {
            name: "ledger".to_owned(),
        },
    };
    let makes = matches!(action, Operation::Generate | Operation::Stamp);
    Ok(AccessRequest {
        principal,
        action,
        resource,
        time: now(),
        purpose: options.purpose.clone(),
        personal: options.personal,
        making: makes.then(|| making(options, bundle)).transpose()?,
    })
}

fn making(options: &ExplainPolicy, bundle: &Bundle) -> Result<Making, Failure> {
    let prompt = match (&options.prompt, &options.prompt_file) {
        (Some(text), _) => Some(text.clone()),
        (None, Some(path)) => Some(issuing::prompt_in(path)?),
        (None, None) => None,
    };
    let screening = prompt.map(|prompt| bundle.screen(&prompt)).transpose();
    let name = |name: &String| LoraName {
        name: name.clone(),
        sha256: String::new(),
    };
    Ok(Making {
        width: options.size.width(),
        height: options.size.height(),
        steps: options.steps,
        loras: options.lora.iter().map(name).collect(),
        strength: match options.strength {
            Strength::Subtle => MarkStrength::Subtle,
            Strength::Standard => MarkStrength::Standard,
            Strength::Strong => MarkStrength::Strong,
        },
        allow_unmarked: options.allow_unmarked,
        source: options.source.to_string(),
        signer: SignerClass::Local,
        prompt: screening.map_err(Failure::Request)?.unwrap_or_default(),
    })
}

fn tell(
    context: &Context<'_>,
    request: &AccessRequest,
    explanation: &Explanation,
) -> Result<(), Failure> {
    let printer = context.printer;
    let decision = &explanation.decision;
    let answer = if decision.allowed {
        styled(GOOD, "Allowed")
    } else {
        styled(ALERT, "Refused")
    };
    let who = if request.principal.owner {
        "the owner".to_owned()
    } else {
        request.principal.name.clone()
    };
    printer.say(&format!(
        "{answer}  {} for {}",
        request.action.as_str(),
        clean(&who)
    ))?;
    for label in request
        .making
        .iter()
        .flat_map(|making| &making.prompt.labels)
    {
        let reasons = label.reasons.join(", ");
        printer.say(&clean(&format!(
            "  label   {} ({}: {reasons})",
            label.code,
            label.severity.as_str()
        )))?;
    }
    for rule in &decision.rules {
        printer.say(&format!(
            "  rule    {} {}",
            styled(STRONG, &rule.id),
            styled(FAINT, &format!("{}, {}", effect(rule.effect), rule.place))
        ))?;
        for text in [&rule.reason, &rule.advice].into_iter().flatten() {
            printer.say(&format!("          {}", clean(text)))?;
        }
    }
    if decision.rules.is_empty() && decision.failures.is_empty() {
        printer.say("  rule    none permits it")?;
    }
    for failure in &decision.failures {
        printer.say(&format!("  because {}", clean(failure)))?;
    }
    for line in obligations(&decision.obligations) {
        printer.say(&format!("  asks    {}", clean(&line)))?;
    }
    for change in &explanation.changes {
        printer.say(&format!(
            "  allowed {}",
            clean(&format!("if it were {}", change.what))
        ))?;
    }
    if !decision.allowed && explanation.changes.is_empty() {
        printer.say("  allowed under no one or two changes of the question")?;
    }
    if printer.is_verbose() {
        for each in &explanation.considered {
            let holds = if each.holds { "holds" } else { "does not hold" };
            printer.say(&styled(
                FAINT,
                &format!("  {} {}: {holds}", each.rule.place, each.rule.id),
            ))?;
        }
    }
    printer.say(&format!(
        "  policy  {}",
        styled(FAINT, &decision.policy_hash.to_string())
    ))
}

fn obligations(asked: &Obligations) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(
        asked
            .min_strength
            .map(|least| format!("mark at least `{}`", least.as_str())),
    );
    lines.extend(
        asked
            .signer_class
            .map(|class| format!("signer of class `{}`", class.as_str())),
    );
    lines.extend(
        asked
            .max_side
            .map(|side| format!("no side longer than {side} pixels")),
    );
    lines.extend(
        asked
            .add_labels
            .iter()
            .map(|label| format!("label `{label}`")),
    );
    lines
}
