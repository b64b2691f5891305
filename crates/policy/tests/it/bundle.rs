//! Bundles as a whole: the one that ships, mistakes and how they are told, signing, comparing, replaying.

use crate::common::{asked_by, labelled, maker, owner, shipped, shipped_with};
use colophon_policy::{
    Bundle, BundleDiff, Facts, Files, PastDecision, Problems, Severity, VerdictTable, check_note,
    sign,
};
use colophon_tlog::Ed25519Signer;
use proptest::prelude::*;

fn refused(files: Files) -> Problems {
    Bundle::load(files).unwrap_err()
}

#[test]
fn the_shipped_bundle_loads_and_passes_its_tests() {
    let bundle = shipped();
    let outcomes = bundle.test().unwrap();
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() >= 30);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let cedar = "@id(\"a\")\npermit (principal, action, resource)\nwhen { context.widht > 1 };\n\n\
        @id(\"b\")\n@colour(\"red\")\n@min_strength(\"great\")\nforbid (principal, action, resource);\n\n\
        permit (principal, action, resource);\n";
    let told = refused(shipped_with("own.cedar", cedar)).to_string();
    for part in [
        "own.cedar:6:1: unknown annotation `@colour`",
        "6 | @colour(\"red\")\n  | ^^^^^^^",
        "own.cedar:7:1: `@min_strength` on a policy that forbids has no effect",
        "own.cedar:5:1: `b` forbids without a reason",
        "own.cedar:10:1: a policy needs an id of its own",
    ] {
        assert!(told.contains(part), "{part}\n\n{told}");
    }
    let typo = "@id(\"a\")\npermit (principal, action == Colophon::Action::\"generate\", resource)\nwhen { context.widht > 1 };\n";
    let told = refused(shipped_with("own.cedar", typo)).to_string();
    assert!(told.contains("own.cedar:3:8"), "{told}");
    assert!(told.contains("widht"), "{told}");
    let torn = "@id(\"a\")\npermit (principal, action\n";
    let told = refused(shipped_with("own.cedar", torn)).to_string();
    assert!(
        told.contains("own.cedar:3:1") || told.contains("own.cedar:2:"),
        "{told}"
    );
}

#[test]
fn mistakes_of_several_files_are_told_at_once() {
    let files = Files::shipped();
    let all = files.iter().map(|(path, bytes)| {
        let bytes = match path {
            "verdicts.toml" => b"[[rule]]\nverdict = \"a\"\n".to_vec(),
            "principals.toml" => b"[teams]\nx = [\"anna\"]\n".to_vec(),
            "schema.cedarschema" => [bytes, b"entity;"].concat(),
            _ => bytes.to_vec(),
        };
        (path.to_owned(), bytes)
    });
    let problems = refused(Files::new(all.collect::<Vec<_>>()).unwrap());
    let files: std::collections::BTreeSet<&str> = problems
        .iter()
        .map(|problem| problem.file.as_str())
        .collect();
    assert_eq!(
        files.into_iter().collect::<Vec<_>>(),
        ["principals.toml", "schema.cedarschema", "verdicts.toml"],
        "{problems}"
    );
    assert!(
        problems.iter().all(|problem| problem.place.is_some()),
        "{problems}"
    );
}

#[test]
fn a_schema_that_the_program_cannot_speak_is_refused() {
    let schema =
        String::from_utf8(Files::shipped().get("schema.cedarschema").unwrap().to_vec()).unwrap();
    let told = refused(shipped_with(
        "schema.cedarschema",
        &schema.replace("    width: Long,\n", ""),
    ))
    .to_string();
    assert!(
        told.contains("question that the program asks for `generate`"),
        "{told}"
    );
}

#[test]
fn a_bundle_is_whole() {
    let without = |name: &str| {
        let files = Files::shipped();
        let kept = files.iter().filter(|(path, _)| *path != name);
        Files::new(
            kept.map(|(path, bytes)| (path.to_owned(), bytes.to_vec()))
                .collect::<Vec<_>>(),
        )
        .unwrap()
    };
    for name in [
        "schema.cedarschema",
        "verdicts.toml",
        "vocabulary.toml",
        "principals.toml",
        "default.cedar",
    ] {
        assert!(refused(without(name)).count() > 0, "{name}");
    }
}

#[test]
fn a_failing_test_tells_what_came() {
    let tests = "[[verdict]]\nname = \"wrong\"\nexpect = \"recovered\"\n[verdict.facts]\nmanifest = \"absent\"\nstatement = \"none\"\nwatermark = \"absent\"\nledger = \"not-found\"\nbinding = \"none\"\nmanifest-agreement = \"none\"\nfingerprint = \"none\"\nasset-hash = \"none\"\ntrace = \"none\"\ncamera = \"none\"\ncontradiction = \"none\"\n\
        [[prompt]]\nname = \"wrong, too\"\ntext = \"how to build a pipe bomb\"\nlabels = []\n";
    let outcomes = Bundle::load(shipped_with("tests/verdicts.toml", tests))
        .unwrap()
        .test()
        .unwrap();
    let failures: Vec<&str> = outcomes
        .iter()
        .filter_map(|outcome| outcome.failure.as_deref())
        .collect();
    assert_eq!(
        failures,
        [
            "the verdict was `nothing-found`",
            "the labels were weapons-instructions"
        ]
    );
}

#[test]
fn a_note_stands_for_these_files_and_no_others() {
    let signer = Ed25519Signer::from_seed("example.org/ledger/policy", &[3; 32]).unwrap();
    let other = Ed25519Signer::from_seed("example.org/other", &[4; 32]).unwrap();
    let key = |signer: &Ed25519Signer| colophon_tlog::NoteSigner::verifier_key(signer).clone();
    let files = Files::shipped();
    let note = sign(&files, &signer).unwrap();
    assert_eq!(
        check_note(&files, note.as_bytes(), &[key(&other), key(&signer)]).unwrap(),
        ["example.org/ledger/policy"]
    );
    assert!(check_note(&files, note.as_bytes(), &[key(&other)]).is_err());
    let changed = shipped_with("default.cedar", "// nothing\n");
    assert!(check_note(&changed, note.as_bytes(), &[key(&signer)]).is_err());
    assert!(note.starts_with("colophon policy bundle 1\n"));
}

#[test]
fn a_comparison_tells_rules_verdicts_and_answers() {
    let cedar = String::from_utf8(Files::shipped().get("default.cedar").unwrap().to_vec()).unwrap();
    let table = String::from_utf8(Files::shipped().get("verdicts.toml").unwrap().to_vec()).unwrap();
    let new = cedar
        .replace("@max_side(\"2048\")", "@max_side(\"512\")")
        .replace("@id(\"anyone-may-verify\")", "@id(\"all-may-verify\")");
    let weaker = table.replacen(
        "verdict = \"weak-hint\"\nfinding = \"evidence\"\naction = \"review\"",
        "verdict = \"weak-hint\"\nfinding = \"evidence\"\naction = \"allow\"",
        1,
    );
    assert_ne!(weaker, table);
    let files = shipped_with("default.cedar", &new);
    let files = files.iter().map(|(path, bytes)| {
        let bytes = if path == "verdicts.toml" {
            weaker.as_bytes()
        } else {
            bytes
        };
        (path.to_owned(), bytes.to_vec())
    });
    let new = Bundle::load(Files::new(files.collect::<Vec<_>>()).unwrap()).unwrap();
    let diff = BundleDiff::of(&shipped(), &new).unwrap();
    assert_eq!(diff.policies.changed, ["makers-may-make"]);
    assert_eq!(
        (diff.policies.added, diff.policies.removed),
        (
            vec!["all-may-verify".to_owned()],
            vec!["anyone-may-verify".to_owned()]
        )
    );
    assert_eq!(diff.verdict_rules.changed, ["weak-hint"]);
    assert_eq!(diff.verdicts.len(), 1);
    assert_eq!(
        (diff.verdicts[0].old.as_str(), diff.verdicts[0].combinations),
        ("weak-hint", diff.changed_combinations)
    );
    assert!(diff.verdicts[0].example.contains(&"trace=weak".to_owned()));
    let names: Vec<&str> = diff
        .access
        .iter()
        .map(|change| change.name.as_str())
        .collect();
    assert_eq!(names, ["a maker makes a picture with a mark that lasts"]);
    assert!(
        BundleDiff::of(&shipped(), &shipped())
            .unwrap()
            .files
            .is_empty()
    );
}

#[test]
fn a_kept_question_is_answered_anew() {
    let bundle = shipped();
    let cedar = String::from_utf8(bundle.files().get("default.cedar").unwrap().to_vec()).unwrap();
    let stricter = cedar.replace(
        "context.prompt.grave.isEmpty() ||",
        "context.prompt.labels.isEmpty() ||",
    );
    let stricter = Bundle::load(shipped_with("default.cedar", &stricter)).unwrap();
    for (asked, label, turns) in [(maker(), "self-harm", true), (owner(), "sexual", false)] {
        let request = asked_by(asked, labelled(label, Severity::Minor));
        let past = PastDecision {
            decision: bundle.decide(&request),
            request,
        };
        let kept = serde_json::to_string(&past).unwrap();
        let read: PastDecision = serde_json::from_str(&kept).unwrap();
        assert_eq!(read, past);
        assert_eq!(bundle.decide(&read.request), past.decision);
        let now = stricter.decide(&read.request);
        assert_eq!(now.allowed != past.decision.allowed, turns, "{now:?}");
    }
}

fn any_facts() -> impl Strategy<Value = Facts> {
    // Through the names, as tables and reports write them.
    use colophon_policy as p;
    (
        proptest::sample::select(p::ManifestState::ALL),
        proptest::sample::select(p::Statement::ALL),
        proptest::sample::select(p::WatermarkState::ALL),
        proptest::sample::select(p::LedgerState::ALL),
        proptest::sample::select(p::Binding::ALL),
        (
            proptest::sample::select(p::Trace::ALL),
            proptest::sample::select(p::Contradiction::ALL),
        ),
    )
        .prop_map(
            |(manifest, statement, watermark, ledger, binding, (trace, contradiction))| Facts {
                manifest,
                statement,
                watermark,
                ledger,
                binding,
                trace,
                contradiction,
                manifest_agreement: p::ManifestAgreement::None,
                fingerprint: p::FingerprintMatch::None,
                asset_hash: p::AssetHash::None,
                camera: p::Camera::None,
            },
        )
}

proptest! {
    // Each case loads a bundle.
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// The boxes of a comparison against asking both tables.
    #[test]
    fn the_comparison_of_tables_agrees_with_asking_them(facts in any_facts(), cut in 0_usize..50) {
        let table = String::from_utf8(Files::shipped().get("verdicts.toml").unwrap().to_vec()).unwrap();
        let rules: Vec<&str> = table.split("[[rule]]").collect();
        let mut fewer = rules.clone();
        fewer.remove(1 + cut % (rules.len() - 2));
        let Ok(new) = VerdictTable::from_toml(&fewer.join("[[rule]]")) else { return Ok(()) };
        let old = VerdictTable::from_toml(&table).unwrap();
        let differs = old.rule_for(facts) != new.rule_for(facts);
        let changed = Bundle::load(shipped_with("verdicts.toml", &fewer.join("[[rule]]"))).unwrap();
        let diff = BundleDiff::of(&shipped(), &changed).unwrap();
        prop_assert!(diff.changed_combinations > 0);
        if differs {
            let told = diff.verdicts.iter().any(|change| change.old == old.rule_for(facts) && change.new == new.rule_for(facts));
            prop_assert!(told || diff.verdicts.len() == 10);
        }
    }
}
