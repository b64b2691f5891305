//! Decisions: default, precedence, failing closed, obligations, explanations.

use std::sync::LazyLock;

use crate::common::{asked_by, labelled, maker, making, owner, shipped, shipped_with};
use colophon_policy::{
    AccessRequest, Bundle, Effect, Making, MarkStrength, Operation, Principal, PrincipalKind,
    Resource, Severity, SignerClass,
};
use proptest::prelude::*;

const PERMIT: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

fn only(cedar: &str) -> Bundle {
    Bundle::load(shipped_with("default.cedar", cedar)).unwrap()
}

#[test]
fn a_refusal_names_rule_place_reason_and_advice() {
    let decision = shipped().decide(&asked_by(owner(), labelled("incitement", Severity::Severe)));
    assert!(!decision.allowed);
    let rule = &decision.rules[0];
    assert_eq!(
        (rule.id.as_str(), rule.effect, rule.place.file.as_str()),
        ("no-severe-prompt", Effect::Forbid, "default.cedar")
    );
    let cedar =
        String::from_utf8(shipped().files().get("default.cedar").unwrap().to_vec()).unwrap();
    let line = cedar.lines().nth(rule.place.line - 1).unwrap();
    assert_eq!(line, "@id(\"no-severe-prompt\")");
    let told = decision.refusal().unwrap();
    assert!(
        told.contains("rule `no-severe-prompt` (default.cedar:"),
        "{told}"
    );
    assert!(told.contains("not made here"), "{told}");
}

#[test]
fn a_policy_that_cannot_be_evaluated_refuses() {
    // Cedar itself would pass over the policy and permit.
    let overflow = format!(
        "{PERMIT}@id(\"broken\")\n@reason(\"r\")\nforbid (principal, action == Colophon::Action::\"generate\", resource)\nwhen {{ context.width * 9223372036854775807 > 0 }};\n"
    );
    let bundle = only(&overflow);
    let decision = bundle.decide(&asked_by(owner(), making()));
    assert!(!decision.allowed);
    assert!(decision.failures[0].contains("broken"), "{decision:?}");
    assert!(decision.refusal().unwrap().contains("cannot be evaluated"));
    let explained = bundle.explain(&asked_by(owner(), making()));
    assert!(
        explained
            .considered
            .iter()
            .any(|each| each.rule.id == "broken" && each.failure.is_some())
    );
}

#[test]
fn what_does_not_fit_is_refused_and_says_so() {
    let bundle = only(PERMIT);
    let ask = |change: &dyn Fn(&mut AccessRequest)| {
        let mut request = asked_by(owner(), making());
        change(&mut request);
        bundle.decide(&request)
    };
    assert!(ask(&|_| ()).allowed);
    let cases: [&dyn Fn(&mut AccessRequest); 6] = [
        &|request| request.making = None,
        &|request| request.action = Operation::Query,
        &|request| {
            request.resource = Resource::Ledger {
                name: "l".to_owned(),
            }
        },
        &|request| request.purpose = "fun".to_owned(),
        &|request| request.time = i64::MAX,
        &|request| {
            request.principal = Principal {
                owner: true,
                ..Principal::named(PrincipalKind::Service, "s")
            };
        },
    ];
    for (number, case) in cases.into_iter().enumerate() {
        let decision = ask(case);
        assert!(
            !decision.allowed && !decision.failures.is_empty(),
            "{number}: {decision:?}"
        );
    }
}

#[test]
fn time_decides_where_a_policy_says_so() {
    let dated = format!(
        "{PERMIT}@id(\"from-december\")\n@reason(\"marks are required from 2 December 2026\")\nforbid (principal, action == Colophon::Action::\"generate\", resource)\nwhen {{ context.allowUnmarked && context.time >= datetime(\"2026-12-02\") }};\n"
    );
    let bundle = only(&dated);
    let ask = |time| {
        let unmarked = Making {
            allow_unmarked: true,
            ..making()
        };
        bundle
            .decide(&AccessRequest {
                time,
                ..asked_by(owner(), unmarked)
            })
            .allowed
    };
    assert!(ask(1_796_169_599));
    assert!(!ask(1_796_169_600));
}

#[test]
fn obligations_of_all_permits_count_and_what_cannot_be_met_refuses() {
    let bundle = only(
        "@id(\"a\")\n@min_strength(\"strong\")\npermit (principal, action, resource);\n@id(\"b\")\n@min_strength(\"subtle\")\n@add_labels(\"gore sexual\")\npermit (principal, action, resource);\n",
    );
    let decision = bundle.decide(&asked_by(owner(), making()));
    assert_eq!(
        decision.obligations.min_strength,
        Some(MarkStrength::Strong)
    );
    assert_eq!(decision.obligations.add_labels.len(), 2);
    let listed =
        only("@id(\"a\")\n@signer_class(\"listed\")\npermit (principal, action, resource);\n");
    let refused = listed.decide(&asked_by(owner(), making()));
    assert!(
        !refused.allowed && refused.failures[0].contains("`listed`"),
        "{refused:?}"
    );
    let with_listed = Making {
        signer: SignerClass::Listed,
        ..making()
    };
    assert!(listed.decide(&asked_by(owner(), with_listed)).allowed);
}

#[test]
fn teams_of_the_bundle_count() {
    let bundle = Bundle::load(shipped_with(
        "principals.toml",
        "[teams]\nmakers = [\"user:ida\"]\nauditors = []\n",
    ))
    .unwrap();
    let ida = Principal::named(PrincipalKind::User, "ida");
    let other = Principal::named(PrincipalKind::Service, "ida");
    assert!(bundle.decide(&asked_by(ida, making())).allowed);
    assert!(!bundle.decide(&asked_by(other, making())).allowed);
}

#[test]
fn an_explanation_tells_what_would_be_enough() {
    let bundle = shipped();
    let changes = |request: &AccessRequest| -> Vec<String> {
        let explanation = bundle.explain(request);
        assert_eq!(explanation.considered.len(), bundle.rules().count());
        explanation
            .changes
            .into_iter()
            .map(|change| change.what)
            .collect()
    };
    let unmarked = Making {
        allow_unmarked: true,
        ..making()
    };
    let told = changes(&asked_by(maker(), unmarked));
    assert_eq!(
        told,
        [
            "asked by the owner of the home",
            "without a picture that may go unmarked"
        ]
    );
    let large = Making {
        width: 4096,
        ..making()
    };
    assert!(
        changes(&asked_by(maker(), large))
            .contains(&"with no side longer than 2048 pixels".to_owned())
    );
    let stranger = Principal::named(PrincipalKind::User, "x");
    let grave = changes(&asked_by(stranger, labelled("self-harm", Severity::Grave)));
    assert_eq!(grave, ["asked by the owner of the home"]);
    assert!(changes(&asked_by(owner(), making())).is_empty());
    // Two changes are told where one is not enough.
    let two = Making {
        allow_unmarked: true,
        ..labelled("incitement", Severity::Severe)
    };
    let told = changes(&asked_by(maker(), two));
    assert!(
        told.iter().any(|change| change.contains(", and ")),
        "{told:?}"
    );
}

fn any_request() -> impl Strategy<Value = AccessRequest> {
    let principal = (
        proptest::sample::select(PrincipalKind::ALL),
        "\\PC{0,8}",
        any::<bool>(),
        proptest::collection::vec(prop_oneof!["makers", "auditors", "\\PC{0,4}"], 0..3),
    )
        .prop_map(|(kind, name, owner, teams)| Principal {
            kind,
            name,
            owner,
            teams,
        });
    let resource = prop_oneof![
        ("\\PC{0,8}", any::<bool>(), any::<bool>()).prop_map(|(name, built_in, remote)| {
            Resource::Model {
                name,
                built_in,
                remote,
            }
        }),
        "\\PC{0,8}".prop_map(|name| Resource::Signer {
            name,
            class: SignerClass::Local
        }),
        "\\PC{0,8}".prop_map(|name| Resource::Ledger { name }),
    ];
    let made = (
        any::<u32>(),
        any::<u32>(),
        any::<bool>(),
        "\\PC{0,8}",
        proptest::option::of(proptest::sample::select(vec![
            Severity::Minor,
            Severity::Grave,
            Severity::Severe,
        ])),
    )
        .prop_map(|(width, height, allow_unmarked, source, severity)| {
            let base = severity.map_or_else(making, |severity| labelled("gore", severity));
            Making {
                width,
                height,
                allow_unmarked,
                source,
                ..base
            }
        });
    let action = proptest::sample::select(Operation::ALL);
    (
        principal,
        action,
        resource,
        any::<i64>(),
        prop_oneof!["unstated", "art", "\\PC{0,6}"],
        any::<bool>(),
        proptest::option::of(made),
    )
        .prop_map(
            |(principal, action, resource, time, purpose, personal, making)| AccessRequest {
                principal,
                action,
                resource,
                time,
                purpose,
                personal,
                making,
            },
        )
}

/// Figures for docs/decisions/0022-policies.md.
#[test]
fn a_decision_takes_less_than_a_picture() {
    let clock = std::time::Instant::now();
    let bundle = shipped();
    let loading = clock.elapsed();
    let request = asked_by(maker(), making());
    let clock = std::time::Instant::now();
    for _ in 0..100 {
        assert!(bundle.decide(&request).allowed);
    }
    let deciding = clock.elapsed() / 100;
    println!("loading {loading:?}, a decision {deciding:?}");
    assert!(deciding < std::time::Duration::from_millis(100));
}

static SHIPPED: LazyLock<Bundle> = LazyLock::new(shipped);
static NO_FORBID: LazyLock<Bundle> = LazyLock::new(|| only(PERMIT));
static ALL_FORBID: LazyLock<Bundle> = LazyLock::new(|| {
    only(&format!(
        "{PERMIT}@id(\"none\")\n@reason(\"r\")\nforbid (principal, action, resource);\n"
    ))
});

proptest! {
    #[test]
    fn no_question_panics_and_each_answer_has_a_ground(request in any_request()) {
        let decision = SHIPPED.decide(&request);
        if decision.allowed {
            prop_assert!(decision.failures.is_empty());
            prop_assert!(!decision.rules.is_empty());
            prop_assert!(decision.rules.iter().all(|rule| rule.effect == Effect::Permit));
            prop_assert_eq!(decision.refusal(), None);
        } else {
            prop_assert!(decision.obligations.is_empty());
            prop_assert!(decision.refusal().is_some());
        }
        prop_assert_eq!(SHIPPED.decide(&request), decision);
    }

    #[test]
    fn a_forbid_outweighs_every_permit(request in any_request()) {
        let fits = NO_FORBID.decide(&request).allowed;
        let forbidden = ALL_FORBID.decide(&request);
        prop_assert!(!forbidden.allowed);
        if fits {
            prop_assert!(forbidden.rules.iter().all(|rule| rule.id == "none"));
        }
    }

    #[test]
    fn nothing_severe_is_ever_allowed(mut request in any_request()) {
        request.making = Some(labelled("gore", Severity::Severe));
        if matches!(request.action, Operation::Generate | Operation::Stamp) {
            prop_assert!(!SHIPPED.decide(&request).allowed);
        }
    }

    #[test]
    fn requests_are_kept_as_they_are(request in any_request()) {
        let text = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(serde_json::from_str::<AccessRequest>(&text).unwrap(), request);
    }
}
