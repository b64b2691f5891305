//! The table that ships: its verdicts on named cases, and its agreement with a second evaluator.

use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;

use colophon_policy::{
    Action, AssetHash, Binding, Camera, Contradiction, Facts, Finding, FingerprintMatch,
    LedgerState, ManifestAgreement, ManifestState, Statement, TableRule, Trace, Verdict,
    VerdictTable, WatermarkState,
};
use colophon_wording::{Language, Wording};
use proptest::prelude::*;

const SHIPPED: &str = include_str!("../../../../policies/verdicts.toml");

use crate::cases::{NOTHING, cases};

const VALUES: [(&str, &str); 6] = [
    ("signer", "Example Press"),
    ("generator", "Example Model"),
    ("issued-at", "2026-01-02T03:04:05Z"),
    ("record", "42"),
    ("source", "Example AI"),
    ("tool", "example-1"),
];

fn judged(facts: Facts) -> Verdict {
    let table = VerdictTable::built_in().unwrap();
    table.evaluate(facts, Wording::of(Language::English), &VALUES)
}

#[test]
fn named_cases_have_the_agreed_verdicts() {
    let mut snapshot = String::new();
    for (name, facts) in cases() {
        let verdict = judged(facts);
        let action = verdict.action.as_str();
        writeln!(
            snapshot,
            "{name}\n  {:?} {action} {}\n  {}",
            verdict.finding, verdict.rule_id, verdict.headline
        )
        .unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/verdicts.txt");
    if std::env::var_os("COLOPHON_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &snapshot).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        snapshot, golden,
        "run with COLOPHON_UPDATE_GOLDEN=1 if the change is meant"
    );
}

/// Evaluates the table as text, sharing no code with the crate.
fn second_evaluator(rules: &[toml::Table], facts: Facts) -> Option<String> {
    'rules: for rule in rules {
        if let Some(when) = rule.get("when") {
            for (signal, values) in when.as_table()? {
                let code = facts
                    .codes()
                    .into_iter()
                    .find(|code| code.split_once('=').unwrap().0 == signal)?;
                let value = code.split_once('=').unwrap().1;
                if !values
                    .as_array()?
                    .iter()
                    .any(|accepted| accepted.as_str() == Some(value))
                {
                    continue 'rules;
                }
            }
        }
        return Some(rule["verdict"].as_str()?.to_owned());
    }
    None
}

fn parsed_rules() -> Vec<toml::Table> {
    let file: toml::Table = toml::from_str(SHIPPED).unwrap();
    file["rule"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule.as_table().unwrap().clone())
        .collect()
}

/// Every fact with each of the values.
fn each<T: Copy>(all: &mut Vec<Facts>, values: &[T], set: impl Fn(&mut Facts, T)) {
    *all = all
        .iter()
        .flat_map(|facts| {
            values.iter().map(|&value| {
                let mut facts = *facts;
                set(&mut facts, value);
                facts
            })
        })
        .collect();
}

/// Small facts in every combination: those that do not speak of a manifest's statement, of traces or of
/// contradictions.
fn plain() -> impl Iterator<Item = Facts> {
    let mut all = vec![NOTHING];
    each(&mut all, ManifestState::ALL, |facts, value| {
        facts.manifest = value;
    });
    each(&mut all, WatermarkState::ALL, |facts, value| {
        facts.watermark = value;
    });
    each(&mut all, LedgerState::ALL, |facts, value| {
        facts.ledger = value;
    });
    each(&mut all, Binding::ALL, |facts, value| {
        facts.binding = value;
    });
    each(&mut all, ManifestAgreement::ALL, |facts, value| {
        facts.manifest_agreement = value;
    });
    each(&mut all, FingerprintMatch::ALL, |facts, value| {
        facts.fingerprint = value;
    });
    each(&mut all, AssetHash::ALL, |facts, value| {
        facts.asset_hash = value;
    });
    all.into_iter()
}

#[test]
fn a_second_evaluator_agrees_on_every_plain_combination() {
    let table = VerdictTable::built_in().unwrap();
    let rules = parsed_rules();
    assert_eq!(plain().count(), 7680);
    for facts in plain() {
        let expected = second_evaluator(&rules, facts).unwrap();
        let verdict = table.evaluate(facts, Wording::of(Language::English), &VALUES);
        assert_eq!(verdict.rule_id, expected, "{facts}");
    }
}

fn value<T: Copy + std::fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let of_ours = (
        value(ManifestState::ALL),
        value(WatermarkState::ALL),
        value(LedgerState::ALL),
        value(Binding::ALL),
        value(ManifestAgreement::ALL),
        value(FingerprintMatch::ALL),
        value(AssetHash::ALL),
    );
    let of_others = (
        value(Statement::ALL),
        value(Trace::ALL),
        value(Camera::ALL),
        value(Contradiction::ALL),
    );
    (of_ours, of_others).prop_map(|(ours, others)| Facts {
        manifest: ours.0,
        watermark: ours.1,
        ledger: ours.2,
        binding: ours.3,
        manifest_agreement: ours.4,
        fingerprint: ours.5,
        asset_hash: ours.6,
        statement: others.0,
        trace: others.1,
        camera: others.2,
        contradiction: others.3,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_second_evaluator_agrees(facts in any_facts()) {
        let table = table();
        let expected = second_evaluator(rules(), facts).unwrap();
        let verdict = table.evaluate(facts, Wording::of(Language::English), &VALUES);
        prop_assert_eq!(verdict.rule_id, expected);
    }

    #[test]
    fn rules_as_they_are_told_decide_as_the_table_does(facts in any_facts()) {
        let codes = facts.codes();
        let is_so = |signal: &str, value: &str| codes.contains(&format!("{signal}={value}"));
        let holds = |rule: &TableRule<'_>| {
            let mut conditions = rule.when.iter();
            conditions.all(|(signal, values)| values.iter().any(|value| is_so(signal, value)))
        };
        let first = table().rules().find(holds).map(|rule| rule.rule.to_owned());
        prop_assert_eq!(first, Some(judged(facts).rule_id));
    }

    #[test]
    fn contradictions_outrank_everything(facts in any_facts()) {
        let found = facts.ledger == LedgerState::Found;
        let contradiction = facts.ledger == LedgerState::FoundUnproven
            || (found && facts.binding == Binding::Different)
            || (found && facts.manifest_agreement == ManifestAgreement::Other)
            || facts.manifest == ManifestState::SignatureBad
            || facts.contradiction != Contradiction::None;
        let verdict = table().evaluate(facts, Wording::of(Language::English), &VALUES);
        if contradiction {
            prop_assert_eq!(verdict.finding, Finding::Flagged);
        }
        if verdict.action == Action::Escalate {
            prop_assert_eq!(verdict.finding, Finding::Flagged);
        }
    }

    #[test]
    fn nothing_is_said_only_when_all_was_checked_and_nothing_found(facts in any_facts()) {
        let verdict = table().evaluate(facts, Wording::of(Language::English), &VALUES);
        let expected = facts.manifest == ManifestState::Absent
            && facts.watermark == WatermarkState::Absent
            && facts.ledger == LedgerState::NotFound
            && facts.fingerprint == FingerprintMatch::None
            && facts.trace == Trace::None
            && facts.camera == Camera::None
            && facts.contradiction == Contradiction::None;
        prop_assert_eq!(verdict.finding == Finding::Nothing, expected);
    }

    /// Without any trace, statement or contradiction no verdict says that a model made the picture.
    #[test]
    fn no_verdict_speaks_of_a_model_without_evidence(facts in any_facts()) {
        let silent = Facts {
            statement: if facts.statement == Statement::None { Statement::None } else { Statement::Captured },
            trace: Trace::None,
            contradiction: Contradiction::None,
            watermark: WatermarkState::Absent,
            ledger: LedgerState::NotFound,
            fingerprint: FingerprintMatch::None,
            ..facts
        };
        // Our own signature is always labelled.
        let manifest = match silent.manifest {
            ManifestState::Local => ManifestState::Trusted,
            other => other,
        };
        let silent = Facts { manifest, ..silent };
        let verdict = table().evaluate(silent, Wording::of(Language::English), &VALUES);
        prop_assert!(!verdict.headline.contains("a model made"), "{}", verdict.headline);
        prop_assert!(verdict.action != Action::Label);
    }

    /// Whatever else is known, a sentence never says that a mark was read which was only matched, nor the
    /// other way round.
    #[test]
    fn a_matched_mark_is_said_to_be_matched(facts in any_facts()) {
        let verdict = table().evaluate(facts, Wording::of(Language::English), &VALUES);
        let says_matched = verdict.headline.contains("Matched by ledger");
        if says_matched || verdict.rule_id.contains("traced") {
            prop_assert_eq!(says_matched, facts.watermark == WatermarkState::Matched);
        }
    }
}

fn table() -> &'static VerdictTable {
    static TABLE: LazyLock<VerdictTable> = LazyLock::new(|| VerdictTable::built_in().unwrap());
    &TABLE
}

fn rules() -> &'static [toml::Table] {
    static RULES: LazyLock<Vec<toml::Table>> = LazyLock::new(parsed_rules);
    &RULES
}

#[test]
fn every_rule_of_the_table_has_sentences_in_every_language_and_no_other_has() {
    for language in Language::ALL {
        let wording = Wording::of(language);
        let ids: Vec<&str> = table().rule_ids().collect();
        for id in &ids {
            assert!(
                wording.has(&format!("verdict.{id}.headline")),
                "{language} {id}"
            );
        }
        let told = wording
            .keys()
            .filter(|key| key.starts_with("verdict."))
            .count();
        assert_eq!(told, 2 * ids.len(), "{language}");
    }
}

proptest! {
    /// Total, for any facts and any strings from a stranger's file; no placeholder is left over.
    #[test]
    fn every_evaluation_gives_a_full_verdict(facts in any_facts(), signer in ".{0,200}", german in any::<bool>()) {
        let wording = Wording::of(if german { Language::German } else { Language::English });
        let verdict = table().evaluate(facts, wording, &[("signer", &signer)]);
        prop_assert!(table().rule_ids().any(|id| id == verdict.rule_id));
        prop_assert!(!verdict.headline.is_empty() && !verdict.explanation.is_empty());
        for name in ["{generator}", "{issued-at}", "{record}", "{source}", "{tool}"] {
            prop_assert!(signer.contains(name) || !verdict.explanation.contains(name));
        }
        prop_assert_eq!(verdict.reasons, facts.codes());
    }
}
