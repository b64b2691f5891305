//! Past decisions under other rules.

use colophon_ledger::{CheckDecision, Decisions, IssuingDecision, LedgerError};

/// Decisions read at once.
const PAGE: usize = 500;

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Decisions looked at.
    pub replayed: u64,
    /// Decisions whose facts the other rules do not understand, as those of another version.
    pub not_understood: u64,
    /// What would be decided differently, most frequent first.
    pub changes: Vec<Change>,
}

/// Decisions that would differ in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was decided.
    pub before: String,
    /// What would be.
    pub after: String,
    /// How many.
    pub count: u64,
    /// Some of them, the newest first.
    pub examples: Vec<Example>,
}

/// A decision that would differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Example {
    /// On a picture that was checked.
    Check(CheckDecision),
    /// On a request.
    Issuing(IssuingDecision),
}

impl Replay {
    /// How many decisions would differ.
    pub fn changed(&self) -> u64 {
        self.changes.iter().map(|change| change.count).sum()
    }

    fn note(
        &mut self,
        before: String,
        after: Option<String>,
        examples: usize,
        it: impl FnOnce() -> Example,
    ) {
        self.replayed += 1;
        let Some(after) = after else {
            self.not_understood += 1;
            return;
        };
        if before == after {
            return;
        }
        let known = self
            .changes
            .iter()
            .position(|it| it.before == before && it.after == after);
        let at = known.unwrap_or_else(|| {
            self.changes.push(Change {
                before,
                after,
                count: 0,
                examples: Vec::new(),
            });
            self.changes.len() - 1
        });
        let change = &mut self.changes[at];
        change.count += 1;
        if change.examples.len() < examples {
            change.examples.push(it());
        }
    }
}

/// Puts the facts of the last checks and of the last requests, at most `last` of each, before other rules. `judge` and
/// `decide` tell what those make of them, in the words of [`checked`] and [`issued`], or `None` for facts that they do
/// not understand. Each change keeps so many `examples`.
///
/// # Errors
/// [`LedgerError`] when the log of decisions cannot be read.
pub fn replay(
    decisions: &Decisions,
    last: u64,
    examples: usize,
    judge: impl Fn(&CheckDecision) -> Option<String>,
    decide: impl Fn(&IssuingDecision) -> Option<String>,
) -> Result<Replay, LedgerError> {
    let mut replay = Replay::default();
    newest(
        last,
        |before, limit| decisions.checks(before, limit),
        |check| {
            let (before, after) = (checked(&check.rule, &check.action), judge(&check));
            replay.note(before, after, examples, || Example::Check(check));
        },
    )?;
    newest(
        last,
        |before, limit| decisions.issuing(before, limit),
        |issuing| {
            let (before, after) = (issued(issuing.allowed, &issuing.rules), decide(&issuing));
            replay.note(before, after, examples, || Example::Issuing(issuing));
        },
    )?;
    replay
        .changes
        .sort_by_key(|change| std::cmp::Reverse(change.count));
    Ok(replay)
}

/// What was made of a check: `rule (action)`.
pub fn checked(rule: &str, action: &str) -> String {
    format!("{rule} ({action})")
}

/// What was made of a request: `allow by rules` or `deny by rules`.
pub fn issued(allowed: bool, rules: &[String]) -> String {
    let word = if allowed { "allow" } else { "deny" };
    match rules {
        [] => word.to_owned(),
        rules => format!("{word} by {}", rules.join(", ")),
    }
}

/// Hands over the newest decisions, page by page.
fn newest<T>(
    last: u64,
    read: impl Fn(Option<i64>, usize) -> Result<Vec<(i64, T)>, LedgerError>,
    mut each: impl FnMut(T),
) -> Result<(), LedgerError> {
    let (mut left, mut before) = (last, None);
    while left > 0 {
        let page = read(before, PAGE.min(left.try_into().unwrap_or(PAGE)))?;
        let Some((oldest, _)) = page.last() else {
            break;
        };
        before = Some(*oldest);
        left -= page.len() as u64;
        for (_, decision) in page {
            each(decision);
        }
    }
    Ok(())
}
