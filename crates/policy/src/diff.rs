//! What is different between two bundles.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::access::{Decision, Rule};
use crate::problem::Problem;
use crate::{Bundle, Facts, PolicyHash};

/// Most examples told of each kind.
const MOST_EXAMPLES: usize = 10;

/// Names that one of two bundles has, or both with another meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Named {
    /// Only in the new one.
    pub added: Vec<String>,
    /// Only in the old one.
    pub removed: Vec<String>,
    /// In both, and not the same.
    pub changed: Vec<String>,
}

impl Named {
    fn of<T: PartialEq>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> Self {
        let without = |one: &BTreeMap<String, T>, other: &BTreeMap<String, T>| {
            one.keys()
                .filter(|name| !other.contains_key(*name))
                .cloned()
                .collect()
        };
        let differs = |(name, value): (&String, &T)| {
            new.get(name)
                .is_some_and(|other| other != value)
                .then(|| name.clone())
        };
        Self {
            added: without(new, old),
            removed: without(old, new),
            changed: old.iter().filter_map(differs).collect(),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Combinations of evidence that two verdict tables judge differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictChange {
    /// Rule of the old table.
    pub old: String,
    /// Rule of the new table.
    pub new: String,
    /// How many combinations.
    pub combinations: u64,
    /// The first of them, as `signal=value` codes.
    pub example: Vec<String>,
}

/// A question of the tests of either bundle that is answered differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessChange {
    /// Name of the test.
    pub name: String,
    /// The old answer.
    pub old: Decision,
    /// The new answer.
    pub new: Decision,
}

/// What is different between two bundles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleDiff {
    /// The old bundle.
    pub old: PolicyHash,
    /// The new bundle.
    pub new: PolicyHash,
    /// Files by path.
    pub files: Named,
    /// Policies by id: effect, conditions, obligations, reason, advice; not layout or comments.
    pub policies: Named,
    /// Verdict rules by id: conditions, finding, action, own sentences; not their order, which shows in the verdicts.
    pub verdict_rules: Named,
    /// How many combinations of evidence there are.
    pub combinations: u64,
    /// How many are judged by another rule, or by the same with another action or finding.
    pub changed_combinations: u64,
    /// The largest changes first, at most ten.
    pub verdicts: Vec<VerdictChange>,
    /// Questions of the tests that are answered differently.
    pub access: Vec<AccessChange>,
}

impl BundleDiff {
    /// Compares two bundles.
    ///
    /// # Errors
    /// Test files of either that cannot be read.
    pub fn of(old: &Bundle, new: &Bundle) -> Result<Self, Vec<Problem>> {
        let policies = |bundle: &Bundle| {
            bundle
                .rules()
                .map(|rule| (rule.id.clone(), meaning(rule)))
                .collect()
        };
        let files = |bundle: &Bundle| {
            bundle
                .files()
                .iter()
                .map(|(path, bytes)| (path.to_owned(), bytes.to_vec()))
                .collect()
        };
        let (changed_combinations, verdicts) = verdicts(old, new);
        Ok(Self {
            old: old.hash(),
            new: new.hash(),
            files: Named::of::<Vec<u8>>(&files(old), &files(new)),
            policies: Named::of::<Rule>(&policies(old), &policies(new)),
            verdict_rules: Named::of(&old.table().meanings(), &new.table().meanings()),
            combinations: crate::VerdictTable::combinations(),
            changed_combinations,
            verdicts,
            access: access(old, new)?,
        })
    }
}

/// A rule without its place, which moves with every line above it.
fn meaning(rule: &Rule) -> Rule {
    let mut rule = rule.clone();
    rule.place.file.clear();
    (rule.place.line, rule.place.column, rule.place.last_line) = (0, 0, 0);
    rule
}

fn verdicts(old: &Bundle, new: &Bundle) -> (u64, Vec<VerdictChange>) {
    let mut changes: BTreeMap<(String, String), (u64, Facts)> = BTreeMap::new();
    let mut all = 0;
    old.table()
        .differences(new.table(), |old, new, combinations, first| {
            all += combinations;
            let change = changes
                .entry((old.to_owned(), new.to_owned()))
                .or_insert((0, first));
            change.0 += combinations;
            if first.values() < change.1.values() {
                change.1 = first;
            }
        });
    let mut told: Vec<VerdictChange> = changes
        .into_iter()
        .map(|((old, new), (combinations, first))| VerdictChange {
            old,
            new,
            combinations,
            example: first.codes(),
        })
        .collect();
    told.sort_by_key(|change| std::cmp::Reverse(change.combinations));
    told.truncate(MOST_EXAMPLES);
    (all, told)
}

fn access(old: &Bundle, new: &Bundle) -> Result<Vec<AccessChange>, Vec<Problem>> {
    let mut asked = old.asked_in_tests()?;
    asked.extend(new.asked_in_tests()?);
    let mut seen = BTreeSet::new();
    let mut changes = Vec::new();
    for case in asked {
        let (before, after) = (old.decide(&case.request), new.decide(&case.request));
        let differs = before.allowed != after.allowed || before.obligations != after.obligations;
        if differs && seen.insert(format!("{:?}", case.request)) {
            changes.push(AccessChange {
                name: case.name,
                old: before,
                new: after,
            });
        }
    }
    Ok(changes)
}
