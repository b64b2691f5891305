//! Past decisions under other rules.

use colophon_audit::{Example, checked, issued, replay};
use colophon_ledger::{CheckDecision, Decisions, IssuingDecision};

use crate::common::{check, issuing};

fn decisions(dir: &std::path::Path) -> Decisions {
    let decisions = Decisions::open(dir).unwrap();
    for n in 0..1_200 {
        let rule = if n % 2 == 0 { "recorded" } else { "altered" };
        decisions.enter_check(&check(n, rule, "label")).unwrap();
    }
    for n in 0..10 {
        decisions.enter_issuing(&issuing(n, true)).unwrap();
    }
    decisions
}

#[test]
fn the_same_rules_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let replay = replay(
        &decisions(dir.path()),
        u64::MAX,
        3,
        |check| Some(checked(&check.rule, &check.action)),
        |issuing| Some(issued(issuing.allowed, &issuing.rules)),
    )
    .unwrap();
    assert_eq!((replay.replayed, replay.changed()), (1_210, 0));
}

#[test]
fn changes_are_counted_with_the_newest_as_examples() {
    let dir = tempfile::tempdir().unwrap();
    let stricter = |check: &CheckDecision| match check.rule.as_str() {
        "altered" => Some(checked("altered", "review")),
        _ => None,
    };
    let denied = |issuing: &IssuingDecision| Some(issued(false, &issuing.rules));
    let replay = replay(&decisions(dir.path()), 1_000, 2, stricter, denied).unwrap();
    assert_eq!((replay.replayed, replay.not_understood), (1_010, 500));
    let told: Vec<_> = replay
        .changes
        .iter()
        .map(|change| (change.before.as_str(), change.after.as_str(), change.count))
        .collect();
    assert_eq!(
        told,
        [
            ("altered (label)", "altered (review)", 500),
            (
                "allow by team-may-generate",
                "deny by team-may-generate",
                10
            )
        ]
    );
    let newest = Example::Check(check(1_199, "altered", "label"));
    assert_eq!(replay.changes[0].examples[0], newest);
    assert_eq!(replay.changes[0].examples.len(), 2);
}
