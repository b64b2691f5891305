//! The log of decisions: shown, pruned, replayed; and what `verify --log` enters.

use colophon_audit::{Change, Example, checked, issued};
use colophon_ledger::{CheckDecision, Decisions, IssuingDecision, LedgerError, RecordId, unhex};
use colophon_policy::{AccessRequest, Facts};
use colophon_provenance::{Language, LedgerEvidence, Report, Wording, rfc3339};
use serde_json::{Map, Value, json};

use crate::args;
use crate::commands::{Context, now, policy};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{STRONG, styled};
use crate::text::{clean, counted, hex};

/// Examples told of each change.
const EXAMPLES: usize = 3;

/// The home's log of decisions, if anything was logged yet.
pub fn open(context: &Context<'_>) -> Result<Option<Decisions>, Failure> {
    Ok(Decisions::open_read_only(&context.home()?.ledger())?)
}

fn existing(context: &Context<'_>) -> Result<Decisions, Failure> {
    open(context)?.ok_or(Failure::Ledger(LedgerError::NoDecisions))
}

/// Enters what the rules made of a check. A file that could not be read has no hash and is not entered.
///
/// # Errors
/// [`Failure`] when it cannot be entered.
pub fn log_check(decisions: &Decisions, report: &Report) -> Result<(), Failure> {
    let asset = report.container.sha256.as_deref().and_then(unhex);
    let Some((asset, policy)) = asset.zip(unhex(&report.tool.policy)) else {
        return Ok(());
    };
    let record = report.evidence.ledger.as_ref();
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    decisions.enter_check(&CheckDecision {
        at: now(),
        asset,
        facts: report.verdict.reasons.clone(),
        rule: report.verdict.rule.clone(),
        finding: word(json!(report.verdict.finding)),
        action: word(json!(report.verdict.action)),
        policy,
        record: record.and_then(place_of),
    })?;
    Ok(())
}

/// The place of the record that a check led to.
pub fn place_of(found: &LedgerEvidence) -> Option<RecordId> {
    format!("{}/{}", found.shard, found.record).parse().ok()
}

/// Runs `ledger decisions`.
pub fn run(context: &Context<'_>, options: &args::Decisions) -> Result<Exit, Failure> {
    if let Some(before) = options.prune {
        existing(context)?;
        let decisions = Decisions::open(&context.home()?.ledger())?;
        let removed = decisions.prune(before)?;
        let removed = counted(removed as usize, "decision");
        context.printer.say(&format!("{removed} removed."))?;
        return Ok(Exit::DONE);
    }
    let decisions = existing(context)?;
    let limit = options.limit as usize;
    for (_, it) in decisions.issuing(None, limit)? {
        if options.json {
            context.printer.json(&issuing_json(&it))?;
        } else {
            let told = issued(it.allowed, &it.rules);
            let record = place(it.record.as_ref());
            tell(context, it.at, "request", &told, &record)?;
        }
    }
    for (_, it) in decisions.checks(None, limit)? {
        if options.json {
            context.printer.json(&check_json(&it))?;
        } else {
            let told = checked(&it.rule, &it.action);
            let record = place(it.record.as_ref());
            tell(context, it.at, "check", &told, &record)?;
        }
    }
    Ok(Exit::DONE)
}

fn tell(
    context: &Context<'_>,
    at: i64,
    what: &str,
    told: &str,
    record: &str,
) -> Result<(), Failure> {
    let line = format!("{}  {what:<7}  {record:>12}  {}", rfc3339(at), clean(told));
    context.printer.say(&line)
}

fn place(record: Option<&RecordId>) -> String {
    record.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn issuing_json(it: &IssuingDecision) -> Value {
    json!({
        "request": {
            "at": rfc3339(it.at),
            "allowed": it.allowed,
            "rules": it.rules,
            "labels": it.labels,
            "facts": serde_json::from_str(&it.request).unwrap_or(Value::Null),
            "policy": hex(&it.policy),
            "record": it.record.map(|id| id.to_string()),
        }
    })
}

fn check_json(it: &CheckDecision) -> Value {
    json!({
        "check": {
            "at": rfc3339(it.at),
            "asset_sha256": hex(&it.asset),
            "facts": it.facts,
            "rule": it.rule,
            "finding": it.finding,
            "action": it.action,
            "policy": hex(&it.policy),
            "record": it.record.map(|id| id.to_string()),
        }
    })
}

/// Runs `ledger replay`.
pub fn replay(context: &Context<'_>, options: &args::Replay) -> Result<Exit, Failure> {
    let decisions = existing(context)?;
    let bundle = policy::bundle(context, &options.policy)?;
    let wording = Wording::of(Language::English);
    let judge = |check: &CheckDecision| {
        let facts = facts_of(&check.facts)?;
        let verdict = bundle.table().evaluate(facts, wording, &[]);
        Some(checked(&verdict.rule_id, verdict.action.as_str()))
    };
    // With the labels that the prompt had then: the prompt is not kept.
    let decide = |issuing: &IssuingDecision| {
        let asked: AccessRequest = serde_json::from_str(&issuing.request).ok()?;
        let decision = bundle.decide(&asked);
        let mut rules: Vec<String> = decision.rules.into_iter().map(|rule| rule.id).collect();
        rules.sort();
        Some(issued(decision.allowed, &rules))
    };
    let replay = colophon_audit::replay(&decisions, options.last, EXAMPLES, judge, decide)?;
    let exit = Exit::sound(replay.changed() == 0);
    if options.json {
        let changes = replay.changes.iter().map(change_json);
        context.printer.json(&json!({
            "policy": bundle.hash(),
            "replayed": replay.replayed,
            "not_understood": replay.not_understood,
            "changed": replay.changed(),
            "changes": changes.collect::<Vec<_>>(),
        }))?;
        return Ok(exit);
    }
    let printer = context.printer;
    let replayed = counted(replay.replayed as usize, "decision");
    printer.say(&format!("{} of {replayed} would differ.", replay.changed()))?;
    if replay.not_understood > 0 {
        let count = counted(replay.not_understood as usize, "decision");
        printer.note(&format!("{count} of another version could not be replayed"));
    }
    for change in &replay.changes {
        let title = format!("{}: {} -> {}", change.count, change.before, change.after);
        printer.say(&styled(STRONG, &clean(&title)))?;
        for example in &change.examples {
            let (at, what) = match example {
                Example::Check(check) => (check.at, hex(&check.asset)),
                Example::Issuing(it) => (it.at, place(it.record.as_ref())),
            };
            printer.say(&format!("  {}  {what}", rfc3339(at)))?;
        }
    }
    Ok(exit)
}

fn change_json(change: &Change) -> Value {
    let examples = change.examples.iter().map(|example| match example {
        Example::Check(check) => check_json(check),
        Example::Issuing(it) => issuing_json(it),
    });
    json!({
        "before": change.before,
        "after": change.after,
        "count": change.count,
        "examples": examples.collect::<Vec<_>>(),
    })
}

/// The facts out of their `signal=value` codes; `None` when this version does not know them all.
fn facts_of(codes: &[String]) -> Option<Facts> {
    let mut fields = Map::new();
    for code in codes {
        let (signal, value) = code.split_once('=')?;
        fields.insert(signal.to_owned(), value.into());
    }
    serde_json::from_value(Value::Object(fields)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_read_back_from_their_codes() {
        let codes = [
            "manifest=absent",
            "statement=none",
            "watermark=found",
            "ledger=found",
            "binding=same",
            "manifest-agreement=none",
            "fingerprint=none",
            "asset-hash=none",
            "trace=none",
            "camera=none",
            "contradiction=none",
        ]
        .map(str::to_owned);
        let facts = facts_of(&codes).unwrap();
        assert_eq!(facts.codes(), codes);
        assert_eq!(facts_of(&codes[1..]), None, "one is missing");
        assert_eq!(facts_of(&["manifest=unheard-of".to_owned()]), None);
    }
}
