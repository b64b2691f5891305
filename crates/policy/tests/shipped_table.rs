//! The table that ships: its verdicts on named cases, and its agreement with a second evaluator.

#![expect(clippy::unwrap_used, reason = "a panic is how a test helper fails")]

use std::fmt::Write;
use std::path::Path;

use colophon_policy::{
    AssetHash, Binding, Details, Facts, Finding, FingerprintMatch, LedgerState, ManifestAgreement,
    ManifestState, VerdictTable, WatermarkState,
};
use proptest::prelude::*;

const SHIPPED: &str = include_str!("../../../policies/verdicts.toml");

const NOTHING: Facts = Facts {
    manifest: ManifestState::Absent,
    watermark: WatermarkState::Absent,
    ledger: LedgerState::NotFound,
    binding: Binding::None,
    manifest_agreement: ManifestAgreement::None,
    fingerprint: FingerprintMatch::None,
    asset_hash: AssetHash::None,
};

/// A picture issued here, as released.
const ISSUED: Facts = Facts {
    manifest: ManifestState::Local,
    watermark: WatermarkState::Found,
    ledger: LedgerState::Found,
    binding: Binding::Same,
    manifest_agreement: ManifestAgreement::Same,
    fingerprint: FingerprintMatch::None,
    asset_hash: AssetHash::Exact,
};

/// The same after the metadata was stripped.
const STRIPPED: Facts = Facts {
    manifest: ManifestState::Absent,
    manifest_agreement: ManifestAgreement::None,
    asset_hash: AssetHash::None,
    ..ISSUED
};

#[expect(clippy::too_many_lines, reason = "a list of cases, read one by one")]
fn cases() -> Vec<(&'static str, Facts)> {
    use ManifestState as M;
    let signed = |manifest| Facts {
        manifest,
        ..NOTHING
    };
    vec![
        ("any picture from anywhere", NOTHING),
        ("issued here, untouched", ISSUED),
        (
            "issued here under a listed certificate",
            Facts {
                manifest: M::Trusted,
                ..ISSUED
            },
        ),
        (
            "issued elsewhere under our ledger, root unknown",
            Facts {
                manifest: M::Untrusted,
                ..ISSUED
            },
        ),
        (
            "issued here, certificate since expired",
            Facts {
                manifest: M::Expired,
                ..ISSUED
            },
        ),
        ("stripped", STRIPPED),
        (
            "stripped and too flat to compare",
            Facts {
                binding: Binding::Undecided,
                ..STRIPPED
            },
        ),
        (
            "stripped, private part erased",
            Facts {
                binding: Binding::None,
                ..STRIPPED
            },
        ),
        (
            "saved again, manifest kept",
            Facts {
                manifest: M::Altered,
                asset_hash: AssetHash::None,
                ..ISSUED
            },
        ),
        (
            "manifest damaged, mark intact",
            Facts {
                manifest: M::Malformed,
                ..STRIPPED
            },
        ),
        (
            "signature damaged, mark intact",
            Facts {
                manifest: M::SignatureBad,
                asset_hash: AssetHash::None,
                ..ISSUED
            },
        ),
        (
            "stripped and saved at a low quality",
            Facts {
                watermark: WatermarkState::Matched,
                ..STRIPPED
            },
        ),
        (
            "saved again at a low quality, manifest kept",
            Facts {
                manifest: M::Altered,
                watermark: WatermarkState::Matched,
                asset_hash: AssetHash::None,
                ..ISSUED
            },
        ),
        (
            "mark copied onto another picture",
            Facts {
                binding: Binding::Different,
                ..STRIPPED
            },
        ),
        (
            "mark copied onto a picture with a valid manifest",
            Facts {
                manifest: M::Trusted,
                manifest_agreement: ManifestAgreement::Other,
                binding: Binding::Different,
                ..STRIPPED
            },
        ),
        (
            "another signer's manifest over our picture",
            Facts {
                manifest: M::Untrusted,
                manifest_agreement: ManifestAgreement::Other,
                ..STRIPPED
            },
        ),
        (
            "ledger row changed",
            Facts {
                ledger: LedgerState::FoundUnproven,
                ..ISSUED
            },
        ),
        (
            "mark without a record",
            Facts {
                watermark: WatermarkState::Found,
                ..NOTHING
            },
        ),
        (
            "mark, no ledger at hand",
            Facts {
                watermark: WatermarkState::Found,
                ledger: LedgerState::NotChecked,
                ..NOTHING
            },
        ),
        ("a camera's listed signature", signed(M::Trusted)),
        ("a stranger's signature", signed(M::Untrusted)),
        ("a stranger's expired signature", signed(M::Expired)),
        ("our key, no record", signed(M::Local)),
        ("someone's file changed after signing", signed(M::Altered)),
        (
            "someone's file with a broken signature",
            signed(M::SignatureBad),
        ),
        ("someone's unreadable manifest", signed(M::Malformed)),
        ("manifest kept elsewhere", signed(M::RemoteOnly)),
        (
            "issued unmarked, untouched but for the manifest reader",
            Facts {
                manifest: M::NotChecked,
                watermark: WatermarkState::Absent,
                ..ISSUED
            },
        ),
        (
            "a look-alike",
            Facts {
                fingerprint: FingerprintMatch::Near,
                ..NOTHING
            },
        ),
        (
            "no watermark key",
            Facts {
                watermark: WatermarkState::NotChecked,
                ..NOTHING
            },
        ),
    ]
}

fn details() -> Details {
    Details {
        signer: Some("Example Press".to_owned()),
        generator: Some("Example Model".to_owned()),
        issued_at: Some("2026-01-02T03:04:05Z".to_owned()),
        record: Some(42),
    }
}

#[test]
fn named_cases_have_the_agreed_verdicts() {
    let table = VerdictTable::built_in().unwrap();
    let mut snapshot = String::new();
    for (name, facts) in cases() {
        let verdict = table.evaluate(facts, &details());
        writeln!(
            snapshot,
            "{name}\n  {:?} {}\n  {}",
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

#[test]
fn contradictions_outrank_everything() {
    let table = VerdictTable::built_in().unwrap();
    for facts in Facts::all() {
        let found = facts.ledger == LedgerState::Found;
        let unproven = facts.ledger == LedgerState::FoundUnproven;
        let contradiction = unproven
            || (found && facts.binding == Binding::Different)
            || (found && facts.manifest_agreement == ManifestAgreement::Other)
            || facts.manifest == ManifestState::SignatureBad;
        if contradiction {
            assert_eq!(
                table.evaluate(facts, &details()).finding,
                Finding::Flagged,
                "{facts}"
            );
        }
    }
}

#[test]
fn nothing_is_said_only_when_all_was_checked_and_nothing_found() {
    let table = VerdictTable::built_in().unwrap();
    for facts in Facts::all() {
        let nothing = table.evaluate(facts, &details()).finding == Finding::Nothing;
        let expected = facts.manifest == ManifestState::Absent
            && facts.watermark == WatermarkState::Absent
            && facts.ledger == LedgerState::NotFound
            && facts.fingerprint == FingerprintMatch::None;
        assert_eq!(nothing, expected, "{facts}");
    }
}

/// Whatever else is known, a sentence never says that a mark was read which was only matched, nor the
/// other way round.
#[test]
fn a_matched_mark_is_said_to_be_matched() {
    let table = VerdictTable::built_in().unwrap();
    let says_matched = |facts| {
        let verdict = table.evaluate(facts, &details());
        verdict.headline.contains("Matched by ledger")
    };
    for facts in Facts::all() {
        let rests_on_mark =
            says_matched(facts) || table.evaluate(facts, &details()).rule_id.contains("traced");
        if rests_on_mark {
            assert_eq!(
                says_matched(facts),
                facts.watermark == WatermarkState::Matched,
                "{facts}"
            );
        }
    }
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

#[test]
fn a_second_evaluator_agrees_on_every_combination() {
    let table = VerdictTable::built_in().unwrap();
    let rules = parsed_rules();
    assert_eq!(Facts::all().count(), 7680);
    for facts in Facts::all() {
        let expected = second_evaluator(&rules, facts).unwrap();
        assert_eq!(
            table.evaluate(facts, &details()).rule_id,
            expected,
            "{facts}"
        );
    }
}

fn value<T: Copy + std::fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn any_facts() -> impl Strategy<Value = Facts> {
    (
        value(ManifestState::ALL),
        value(WatermarkState::ALL),
        value(LedgerState::ALL),
        value(Binding::ALL),
        value(ManifestAgreement::ALL),
        value(FingerprintMatch::ALL),
        value(AssetHash::ALL),
    )
        .prop_map(
            |(
                manifest,
                watermark,
                ledger,
                binding,
                manifest_agreement,
                fingerprint,
                asset_hash,
            )| Facts {
                manifest,
                watermark,
                ledger,
                binding,
                manifest_agreement,
                fingerprint,
                asset_hash,
            },
        )
}

proptest! {
    /// Total, for any facts and any strings from a stranger's file; no placeholder is left over.
    #[test]
    fn every_evaluation_gives_a_full_verdict(facts in any_facts(), signer in ".{0,200}", generator in prop::option::of("[^{}]{0,50}")) {
        let table = VerdictTable::built_in().unwrap();
        let details = Details { signer: Some(signer), generator, ..Details::default() };
        let verdict = table.evaluate(facts, &details);
        prop_assert!(table.rule_ids().any(|id| id == verdict.rule_id));
        prop_assert!(!verdict.headline.is_empty() && !verdict.explanation.is_empty());
        for name in ["{generator}", "{issued-at}", "{record}"] {
            prop_assert!(!verdict.explanation.contains(name));
        }
        prop_assert_eq!(verdict.reasons, facts.codes());
    }

    /// Dropping any rule or swapping any two either fails to load or changes the policy hash.
    #[test]
    fn the_hash_tells_tables_apart(first in 0usize..35, second in 0usize..35, drop in any::<bool>()) {
        let mut rules = parsed_rules();
        let (first, second) = (first % rules.len(), second % rules.len());
        prop_assume!(drop || first != second);
        if drop {
            rules.remove(first);
        } else {
            rules.swap(first, second);
        }
        let list = rules.into_iter().map(toml::Value::Table).collect();
        let text = toml::Table::from_iter([("rule".to_owned(), toml::Value::Array(list))]).to_string();
        if let Ok(table) = VerdictTable::from_toml(&text) {
            prop_assert_ne!(table.hash(), VerdictTable::built_in().unwrap().hash());
        }
    }
}

#[test]
fn layout_and_comments_do_not_change_the_hash() {
    let plain = VerdictTable::from_toml(SHIPPED).unwrap();
    let list = parsed_rules().into_iter().map(toml::Value::Table).collect();
    let rewritten =
        toml::Table::from_iter([("rule".to_owned(), toml::Value::Array(list))]).to_string();
    assert_ne!(rewritten, SHIPPED);
    assert_eq!(
        VerdictTable::from_toml(&rewritten).unwrap().hash(),
        plain.hash()
    );
}
