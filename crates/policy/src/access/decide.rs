//! Decisions.

use std::fmt::Write as _;

use cedar_policy::PolicyId;
use serde::{Deserialize, Serialize};

use super::{AccessRequest, Effect, Obligations, Principals, Rule, Rules, cedar};
use crate::problem::Place;
use crate::{Bundle, PolicyHash};

/// A policy that determined a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RuleRef {
    /// Its id.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// Where it stands in the bundle.
    pub place: Place,
    /// Why, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What could be done, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl From<&Rule> for RuleRef {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id.clone(),
            effect: rule.effect,
            place: rule.place.clone(),
            reason: rule.reason.clone(),
            advice: rule.advice.clone(),
        }
    }
}

/// What the policies answer. Holds no prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// Whether it is allowed, under the obligations.
    pub allowed: bool,
    /// The policies that determined it, by id: all that permit, or all that forbid; none when nothing permits.
    pub rules: Vec<RuleRef>,
    /// What goes along with a permission; empty for a refusal.
    pub obligations: Obligations,
    /// Why it could not be decided, or could not be granted, and was therefore refused.
    pub failures: Vec<String>,
    /// The bundle that decided.
    pub policy_hash: PolicyHash,
}

impl Decision {
    /// A refusal in words: label, rule and place, reason, advice. `None` when it is allowed.
    pub fn refusal(&self) -> Option<String> {
        if self.allowed {
            return None;
        }
        let mut told = String::new();
        for failure in &self.failures {
            let _ = write!(told, "{}{failure}", separator(&told));
        }
        for rule in self
            .rules
            .iter()
            .filter(|rule| rule.effect == Effect::Forbid)
        {
            let _ = write!(
                told,
                "{}rule `{}` ({})",
                separator(&told),
                rule.id,
                rule.place
            );
            for text in [&rule.reason, &rule.advice].into_iter().flatten() {
                let _ = write!(told, ": {}", text.trim_end_matches('.'));
            }
        }
        if told.is_empty() {
            told.push_str(
                "no rule permits it; `colophon policy explain` tells what would have to change",
            );
        }
        Some(told)
    }

    fn refused(policy_hash: PolicyHash, failure: String) -> Self {
        Self {
            allowed: false,
            rules: Vec::new(),
            obligations: Obligations::default(),
            failures: vec![failure],
            policy_hash,
        }
    }
}

fn separator(before: &str) -> &'static str {
    if before.is_empty() { "" } else { "; " }
}

impl Bundle {
    /// Asks the policies.
    ///
    /// Refuses unless a policy permits and none forbids; refuses, and says so, when the question does not fit the
    /// schema or the vocabulary, when any policy cannot be evaluated, and when an obligation cannot be met.
    pub fn decide(&self, asked: &AccessRequest) -> Decision {
        let hash = self.hash();
        if !self.vocabulary().has_purpose(&asked.purpose) {
            let known = self.vocabulary().purposes().collect::<Vec<_>>().join(", ");
            let failure = format!(
                "the purpose `{}` is not in the vocabulary; purposes are {known}",
                asked.purpose
            );
            return Decision::refused(hash, failure);
        }
        let mut decision = match self.rules.ask(asked, self.principals()) {
            Ok(answer) => Decision {
                allowed: answer.allowed && answer.failures.is_empty(),
                rules: answer
                    .rules
                    .iter()
                    .map(|rule| RuleRef::from(*rule))
                    .collect(),
                obligations: Obligations::default(),
                failures: answer.failures,
                policy_hash: hash,
            },
            Err(failure) => return Decision::refused(hash, failure),
        };
        if decision.allowed {
            let ids = decision
                .rules
                .iter()
                .filter_map(|rule| self.rules.by_id.get(&rule.id));
            let all = ids.fold(Obligations::default(), |all, rule| {
                all.merge(rule.obligations.clone())
            });
            match asked
                .making
                .as_ref()
                .and_then(|making| all.broken_by(making))
            {
                Some(broken) => {
                    decision.allowed = false;
                    decision
                        .failures
                        .push(format!("an obligation cannot be met: {broken}"));
                }
                None => decision.obligations = all,
            }
        }
        decision
    }
}

/// What Cedar answers.
pub(super) struct Answer<'a> {
    pub allowed: bool,
    /// Determining policies, by id.
    pub rules: Vec<&'a Rule>,
    /// Policies that could not be evaluated.
    pub failures: Vec<String>,
}

impl Rules {
    pub(super) fn ask(
        &self,
        asked: &AccessRequest,
        principals: &Principals,
    ) -> Result<Answer<'_>, String> {
        let question = cedar::question(asked, principals, &self.schema)
            .map_err(|why| format!("the question does not fit the schema: {why}"))?;
        let response =
            self.authorizer
                .is_authorized(&question.request, &self.set, &question.entities);
        let about = |id: &PolicyId| self.by_id.get(AsRef::<str>::as_ref(id));
        let mut rules: Vec<&Rule> = response.diagnostics().reason().filter_map(about).collect();
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        let failures = response
            .diagnostics()
            .errors()
            .map(|error| format!("a policy cannot be evaluated, so nothing is allowed: {error}"))
            .collect();
        Ok(Answer {
            allowed: response.decision() == cedar_policy::Decision::Allow,
            rules,
            failures,
        })
    }
}
