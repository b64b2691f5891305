//! Past decisions under another bundle.

use serde::{Deserialize, Serialize};

use crate::access::{AccessRequest, Decision, Obligations};
use crate::{Bundle, Facts};

/// A decision as it is kept: the question, without the prompt, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum PastDecision {
    /// Of the policies.
    Access {
        /// What was asked.
        request: Box<AccessRequest>,
        /// What was answered.
        decision: Box<Decision>,
    },
    /// Of the verdict table.
    Verdict {
        /// The evidence.
        facts: Facts,
        /// Id of the rule.
        rule_id: String,
    },
}

/// What came of a question, as far as two answers are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Outcome {
    /// Of the policies.
    Access {
        /// Whether it is allowed.
        allowed: bool,
        /// Ids of the determining policies, sorted.
        rules: Vec<String>,
        /// What goes along.
        obligations: Obligations,
    },
    /// Of the verdict table.
    Verdict {
        /// Id of the rule.
        rule_id: String,
    },
}

impl Outcome {
    fn of(decision: &Decision) -> Self {
        let mut rules: Vec<String> = decision.rules.iter().map(|rule| rule.id.clone()).collect();
        rules.sort();
        Self::Access {
            allowed: decision.allowed,
            rules,
            obligations: decision.obligations.clone(),
        }
    }
}

/// A past decision beside what another bundle makes of the same question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// What came then.
    pub before: Outcome,
    /// What comes now.
    pub after: Outcome,
}

impl Replayed {
    /// Whether anything differs: answer, rule or obligations.
    pub fn differs(&self) -> bool {
        self.before != self.after
    }

    /// Whether the answer itself differs: allowed or not, or the verdict.
    pub fn turns(&self) -> bool {
        match (&self.before, &self.after) {
            (
                Outcome::Access {
                    allowed: before, ..
                },
                Outcome::Access { allowed: after, .. },
            ) => before != after,
            (before, after) => before != after,
        }
    }
}

/// Asks a bundle the question of a past decision. The labels of the prompt are those of that time: the prompt itself
/// is not kept.
pub fn replay(bundle: &Bundle, past: &PastDecision) -> Replayed {
    match past {
        PastDecision::Access { request, decision } => Replayed {
            before: Outcome::of(decision),
            after: Outcome::of(&bundle.decide(request)),
        },
        PastDecision::Verdict { facts, rule_id } => Replayed {
            before: Outcome::Verdict {
                rule_id: rule_id.clone(),
            },
            after: Outcome::Verdict {
                rule_id: bundle.table().rule_for(*facts).to_owned(),
            },
        },
    }
}
