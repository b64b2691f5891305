//! Why a decision came out as it did, and what would turn a refusal.

use cedar_policy::{PolicyId, PolicySet};
use serde::Serialize;

use super::{AccessRequest, Decision, Making, Principal, Resource, RuleRef, SignerClass, cedar};
use crate::Bundle;

/// A policy with what it says of one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Considered {
    /// The policy.
    #[serde(flatten)]
    pub rule: RuleRef,
    /// Whether it holds for the question.
    pub holds: bool,
    /// Why it could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A change of the question that turns its refusal, found by asking again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// What would be different, in words.
    pub what: String,
}

/// A decision with what led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// Every policy of the bundle, by id.
    pub considered: Vec<Considered>,
    /// Of a refusal: single changes each of which would be enough; without one, pairs.
    pub changes: Vec<Change>,
}

impl Bundle {
    /// Decides and tells why.
    pub fn explain(&self, asked: &AccessRequest) -> Explanation {
        let decision = self.decide(asked);
        Explanation {
            considered: self.considered(asked),
            changes: if decision.allowed {
                Vec::new()
            } else {
                self.changes(asked)
            },
            decision,
        }
    }

    fn considered(&self, asked: &AccessRequest) -> Vec<Considered> {
        let Ok(question) = cedar::question(asked, self.principals(), &self.rules.schema) else {
            return Vec::new();
        };
        let alone = |id: &str| {
            let policy = self.rules.set.policy(&PolicyId::new(id))?.clone();
            let set = PolicySet::from_policies([policy]).ok()?;
            Some(
                self.rules
                    .authorizer
                    .is_authorized(&question.request, &set, &question.entities),
            )
        };
        let consider = |rule| {
            let rule = RuleRef::from(rule);
            let response = alone(&rule.id)?;
            let diagnostics = response.diagnostics();
            Some(Considered {
                holds: diagnostics.reason().next().is_some(),
                failure: diagnostics.errors().next().map(ToString::to_string),
                rule,
            })
        };
        self.rules.iter().filter_map(consider).collect()
    }

    fn changes(&self, asked: &AccessRequest) -> Vec<Change> {
        let enough = |request: &AccessRequest| self.decide(request).allowed;
        let singles = self.candidates(asked);
        let found: Vec<Change> = singles
            .iter()
            .filter(|(_, request)| enough(request))
            .map(|(what, _)| Change { what: what.clone() })
            .collect();
        if !found.is_empty() {
            return found;
        }
        let mut pairs = Vec::new();
        for (number, (first, request)) in singles.iter().enumerate() {
            let further = self.candidates(request);
            for (second, request) in &further {
                // Each pair once: the second change is one that comes after the first.
                let later = singles
                    .iter()
                    .skip(number + 1)
                    .any(|(what, _)| what == second);
                if later && enough(request) {
                    pairs.push(Change {
                        what: format!("{first}, and {second}"),
                    });
                }
            }
        }
        pairs
    }

    /// The question with one thing different.
    fn candidates(&self, asked: &AccessRequest) -> Vec<(String, AccessRequest)> {
        let mut all = Vec::new();
        let mut with = |what: String, change: &dyn Fn(&mut AccessRequest)| {
            let mut request = asked.clone();
            change(&mut request);
            if request != *asked {
                all.push((what, request));
            }
        };
        with("asked by the owner of the home".to_owned(), &|request| {
            request.principal = Principal::owner();
        });
        for team in self.principals().teams() {
            with(
                format!("asked by a member of the team `{team}`"),
                &|request| {
                    if !request.principal.teams.iter().any(|known| known == team) {
                        request.principal.teams.push(team.to_owned());
                    }
                },
            );
        }
        for purpose in self.vocabulary().purposes() {
            with(format!("for the purpose `{purpose}`"), &|request| {
                purpose.clone_into(&mut request.purpose);
            });
        }
        with("without personal data".to_owned(), &|request| {
            request.personal = false;
        });
        with(
            "by the model that is part of the program".to_owned(),
            &|request| {
                if let Resource::Model {
                    built_in, remote, ..
                } = &mut request.resource
                {
                    (*built_in, *remote) = (true, false);
                }
            },
        );
        if let Some(making) = &asked.making {
            self.making_candidates(making, &mut |what, making| {
                with(what, &|request| request.making = Some(making.clone()));
            });
        }
        all
    }

    fn making_candidates(&self, making: &Making, with: &mut dyn FnMut(String, Making)) {
        with(
            "without a picture that may go unmarked".to_owned(),
            Making {
                allow_unmarked: false,
                ..making.clone()
            },
        );
        let mut listed = Making {
            signer: SignerClass::Listed,
            ..making.clone()
        };
        with(
            "signed under a public trust list".to_owned(),
            listed.clone(),
        );
        for strength in super::MarkStrength::ALL {
            listed = Making {
                strength: *strength,
                ..making.clone()
            };
            with(
                format!("with a mark of strength `{}`", strength.as_str()),
                listed.clone(),
            );
        }
        let mut sides: Vec<u32> = self
            .rules
            .iter()
            .filter_map(|rule| rule.obligations.max_side)
            .collect();
        sides.sort_unstable();
        sides.dedup();
        for side in sides.into_iter().rev() {
            let smaller = Making {
                width: making.width.min(side),
                height: making.height.min(side),
                ..making.clone()
            };
            with(format!("with no side longer than {side} pixels"), smaller);
        }
        if !making.loras.is_empty() {
            with(
                "without low-rank changes of the model".to_owned(),
                Making {
                    loras: Vec::new(),
                    ..making.clone()
                },
            );
        }
        let mut innocent = making.clone();
        innocent.prompt.labels.clear();
        if making.prompt.labels.len() > 1 {
            for label in &making.prompt.labels {
                let mut without = making.clone();
                without
                    .prompt
                    .labels
                    .retain(|other| other.code != label.code);
                with(
                    format!("with a prompt that is not labelled `{}`", label.code),
                    without,
                );
            }
        }
        with("with a prompt that is not labelled".to_owned(), innocent);
    }
}
