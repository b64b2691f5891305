//! Tables that must not load, and what the message tells.

use colophon_policy::{PolicyError, VerdictTable};

fn rule(id: &str, when: &str) -> String {
    format!(
        "[[rule]]\nverdict = \"{id}\"\nfinding = \"nothing\"\naction = \"allow\"\nheadline = \"Nothing was found.\"\nexplain = \"None.\"\n{when}\n"
    )
}

/// Combinations of all values: 10 * 7 * 4 * 4 * 4 * 3 * 2 * 2 * 5 * 2 * 6.
const ALL: u64 = 3_225_600;
const ALL_BUT_ONE: u64 = ALL - 1;
/// Without those with one of two manifest states and one of four watermark states, and the one named.
const REST: u64 = ALL - ALL / 20 - 1;

fn refusal(text: &str) -> PolicyError {
    VerdictTable::from_toml(text).unwrap_err()
}

#[test]
fn one_catch_all_rule_is_a_table() {
    let table = VerdictTable::from_toml(&rule("only", "")).unwrap();
    assert_eq!(table.rule_ids().collect::<Vec<_>>(), ["only"]);
}

#[test]
fn a_gap_is_named() {
    let error = refusal(&rule(
        "some",
        "when = { manifest = [\"absent\", \"trusted\"], watermark = [\"absent\"] }",
    ));
    assert!(
        matches!(error, PolicyError::Uncovered { others: REST, .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("manifest=absent statement=none watermark=found"),
        "{error}"
    );
    assert!(matches!(
        refusal("rule = []"),
        PolicyError::Uncovered {
            others: ALL_BUT_ONE,
            ..
        }
    ));
}

#[test]
fn a_shadowed_rule_is_named_with_its_line() {
    let error = refusal(
        &[
            rule("wide", "when = { watermark = [\"found\"] }"),
            rule(
                "dead",
                "when = { watermark = [\"found\"], ledger = [\"found\"] }",
            ),
            rule("rest", ""),
        ]
        .concat(),
    );
    assert_eq!(
        error,
        PolicyError::Shadowed {
            rule: "dead".to_owned(),
            line: 8
        }
    );
}

#[test]
fn a_rule_shadowed_by_two_together_is_named() {
    let error = refusal(
        &[
            rule("first", "when = { fingerprint = [\"near\"] }"),
            rule("second", "when = { fingerprint = [\"none\"] }"),
            rule("dead", ""),
        ]
        .concat(),
    );
    assert_eq!(
        error,
        PolicyError::Shadowed {
            rule: "dead".to_owned(),
            line: 15
        }
    );
}

#[test]
fn unknown_names_are_refused_with_the_allowed_ones() {
    for (text, parts) in [
        (
            rule("a", "when = { watermark = [\"fonud\"] }"),
            ["fonud", "`not-checked`", "line 7"],
        ),
        (
            rule("a", "when = { watermrak = [\"found\"] }"),
            ["watermrak", "`manifest-agreement`", "line 7"],
        ),
        (
            rule("a", "").replace("allow", "block"),
            ["block", "`escalate`", "line 4"],
        ),
        (
            rule("a", "").replace("nothing\"\naction", "fine\"\naction"),
            ["fine", "`flagged`", "line 3"],
        ),
    ] {
        let message = refusal(&text).to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} not in {message}");
        }
    }
}

#[test]
fn bad_rules_are_refused() {
    let twice = [rule("a", "when = { ledger = [\"found\"] }"), rule("a", "")].concat();
    assert_eq!(
        refusal(&twice),
        PolicyError::DuplicateRule {
            rule: "a".to_owned(),
            line: 8
        }
    );
    for list in ["[]", "[\"found\", \"found\"]"] {
        let error = refusal(&rule("a", &format!("when = {{ ledger = {list} }}")));
        assert_eq!(
            error,
            PolicyError::BadValueList {
                rule: "a".to_owned(),
                signal: "ledger",
                line: 1
            }
        );
    }
    for sentence in ["", "By {whom}.", "This is fake."] {
        let error = refusal(&rule("a", "").replace("None.", sentence));
        assert!(
            matches!(error, PolicyError::BadSentence { line: 1, .. }),
            "{error}"
        );
    }
    assert!(matches!(
        refusal(&"#".repeat(300_000)),
        PolicyError::TooLong { .. }
    ));
    assert!(matches!(refusal("rule = 3"), PolicyError::Syntax(_)));
}
