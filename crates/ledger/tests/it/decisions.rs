//! The log of decisions.

use std::fs;

use colophon_ledger::{
    CheckDecision, DecisionError, Decisions, IssuingDecision, LeafIndex, LedgerError, Outcome,
    RecordId,
};
use proptest::prelude::*;

use crate::common::TempDir;

const DAY: i64 = 86_400;

fn place(index: u64) -> RecordId {
    RecordId {
        shard: "2026h2".parse().unwrap(),
        index: LeafIndex(index),
    }
}

fn check(at: i64, rule: &str) -> CheckDecision {
    CheckDecision {
        at,
        asset: [3; 32],
        facts: vec!["manifest=absent".to_owned(), "ledger=found".to_owned()],
        rule: rule.to_owned(),
        finding: "flagged".to_owned(),
        action: "review".to_owned(),
        policy: [4; 32],
        record: Some(place(7)),
    }
}

fn issuing(at: i64, allowed: bool) -> IssuingDecision {
    IssuingDecision {
        at,
        allowed,
        rules: vec!["a".to_owned(), "b".to_owned()],
        labels: Vec::new(),
        request: "{\"width\":512}".to_owned(),
        policy: [4; 32],
        record: allowed.then(|| place(7)),
    }
}

#[test]
fn decisions_are_read_back_the_newest_first() {
    let dir = TempDir::new();
    let decisions = Decisions::open(dir.path()).unwrap();
    for n in 0..5 {
        decisions
            .enter_check(&check(n, &format!("rule-{n}")))
            .unwrap();
        decisions.enter_issuing(&issuing(n, n % 2 == 0)).unwrap();
    }
    let reader = Decisions::open_read_only(dir.path()).unwrap().unwrap();
    let first = reader.checks(None, 2).unwrap();
    let rest = reader.checks(Some(first[1].0), 9).unwrap();
    let ids: Vec<i64> = first.iter().chain(&rest).map(|(id, _)| *id).collect();
    assert_eq!(ids, [5, 4, 3, 2, 1]);
    assert_eq!(rest[0].1, check(2, "rule-2"));
    assert_eq!(reader.issuing(None, 1).unwrap()[0].1, issuing(4, true));
    assert_eq!(reader.issuing_of(place(7)).unwrap().len(), 3);
    assert_eq!(reader.checks_of(place(7), &[0; 32], 9).unwrap().len(), 5);
    assert_eq!(reader.checks_of(place(8), &[3; 32], 9).unwrap().len(), 5);
    assert_eq!(reader.checks_of(place(8), &[0; 32], 9).unwrap(), []);
}

#[test]
fn there_is_no_log_before_the_first_decision() {
    let dir = TempDir::new();
    assert!(Decisions::open_read_only(dir.path()).unwrap().is_none());
    fs::write(dir.path().join("decisions.sqlite"), "something else").unwrap();
    assert!(Decisions::open_read_only(dir.path()).is_err());
    assert!(Decisions::open(dir.path()).is_err());
}

#[test]
fn tallies_count_by_day_and_outcome() {
    let dir = TempDir::new();
    let decisions = Decisions::open(dir.path()).unwrap();
    for at in [5, DAY - 1, DAY] {
        decisions.enter_check(&check(at, "altered")).unwrap();
    }
    decisions.enter_issuing(&issuing(2 * DAY, false)).unwrap();
    let found: Vec<_> = decisions
        .tallies()
        .unwrap()
        .into_iter()
        .map(|it| {
            (
                it.day,
                it.count,
                matches!(it.outcome, Outcome::Check { .. }),
            )
        })
        .collect();
    assert_eq!(found, [(2, 1, false), (0, 2, true), (1, 1, true)]);
}

#[test]
fn what_is_pruned_is_gone_from_the_disk() {
    let dir = TempDir::new();
    let decisions = Decisions::open(dir.path()).unwrap();
    for n in 0..3_000 {
        decisions
            .enter_check(&check(n, "rule-of-the-old-days"))
            .unwrap();
    }
    decisions.enter_check(&check(5_000, "kept")).unwrap();
    let size = || {
        fs::metadata(dir.path().join("decisions.sqlite"))
            .unwrap()
            .len()
    };
    assert_eq!(decisions.prune(0).unwrap(), 0);
    let before = size();
    assert_eq!(decisions.prune(4_000).unwrap(), 3_000);
    assert!(size() < before / 2, "{} of {before}", size());
    for file in fs::read_dir(dir.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let old = b"rule-of-the-old-days";
        assert!(!bytes.windows(old.len()).any(|window| window == old));
    }
    // Numbers are not used again, so that a page goes on where it ended.
    assert_eq!(decisions.checks(None, 9).unwrap()[0].0, 3_001);
}

#[test]
fn decisions_beyond_the_limits_are_refused() {
    let dir = TempDir::new();
    let decisions = Decisions::open(dir.path()).unwrap();
    let refused = |decision: IssuingDecision, error| {
        assert_eq!(
            decisions.enter_issuing(&decision),
            Err(LedgerError::InvalidDecision(error))
        );
    };
    refused(
        IssuingDecision {
            request: "x".repeat(20_000),
            ..issuing(0, true)
        },
        DecisionError::TooLong("the request"),
    );
    refused(
        IssuingDecision {
            labels: vec!["two\nlines".to_owned()],
            ..issuing(0, true)
        },
        DecisionError::NotCodes("the labels"),
    );
    assert_eq!(
        decisions.enter_check(&check(0, "")),
        Err(LedgerError::InvalidDecision(DecisionError::NotCodes(
            "rule, finding and action"
        )))
    );
    assert_eq!(decisions.issuing(None, 9).unwrap(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_decision_reads_back(
        at: i64,
        allowed: bool,
        codes in proptest::collection::vec("[^\n\r]{1,9}", 0..5),
        request in ".{0,40}",
        index: u64,
    ) {
        let dir = TempDir::new();
        let decisions = Decisions::open(dir.path()).unwrap();
        let made = IssuingDecision {
            at,
            allowed,
            rules: codes.clone(),
            labels: codes.clone(),
            request,
            policy: [1; 32],
            record: Some(place(index)),
        };
        decisions.enter_issuing(&made).unwrap();
        prop_assert_eq!(&decisions.issuing(None, 2).unwrap()[0].1, &made);
        prop_assert_eq!(decisions.issuing_of(place(index)).unwrap(), [made]);
    }
}
