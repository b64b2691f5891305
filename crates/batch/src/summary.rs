//! Counts over a run.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use colophon_provenance::Outcome;

use crate::Row;

/// What a run comes to. Its size does not grow with the pictures, but for one number a group that has two or more.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Rows.
    pub rows: u64,
    /// Those among them that an earlier run had finished.
    pub resumed: u64,
    /// Files in folders that are no pictures.
    pub skipped: u64,
    /// Rows by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Rows by recommended action.
    pub actions: BTreeMap<String, u64>,
    /// Rows by source of the strongest trace.
    pub traces: BTreeMap<String, u64>,
    /// Rows by kind of error.
    pub errors: BTreeMap<String, u64>,
    /// Rows whose bytes came before.
    pub duplicates: u64,
    /// Whether the run was stopped before its end.
    pub stopped: bool,
    /// How long it took.
    pub elapsed: Duration,
    groups: HashSet<i64>,
}

impl Summary {
    /// Groups of two or more pictures that look alike.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Rows a second, without those of an earlier run.
    pub fn rate(&self) -> f64 {
        (self.rows - self.resumed) as f64 / self.elapsed.as_secs_f64().max(1e-3)
    }

    /// The exit code of all rows together: see [`Outcome::exit_code_of_all`].
    pub fn exit_code(&self) -> u8 {
        const ALL: [Outcome; 4] = [
            Outcome::EvidenceFound,
            Outcome::Flagged,
            Outcome::CouldNotCheck,
            Outcome::NothingFound,
        ];
        Outcome::exit_code_of_all(ALL.into_iter().filter(|outcome| {
            let code = serde_json::to_value(outcome).unwrap_or_default();
            code.as_str()
                .is_some_and(|code| self.outcomes.contains_key(code))
        }))
    }

    /// Counts a row.
    pub fn add(&mut self, row: &Row) {
        self.rows += 1;
        count(&mut self.outcomes, row.outcome.as_ref());
        count(&mut self.actions, row.action.as_ref());
        count(&mut self.traces, row.trace_source.as_ref());
        count(&mut self.errors, row.error_kind.as_ref());
        self.duplicates += u64::from(row.duplicate_of.is_some());
        if let Some(first) = row.group.filter(|_| row.group != row.row) {
            self.groups.insert(first);
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, code: Option<&String>) {
    if let Some(code) = code {
        *counts.entry(code.clone()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outcome_decides_however_many_there_are() {
        let mut summary = Summary::default();
        assert_eq!(summary.exit_code(), 0);
        for (outcome, code) in [
            ("evidence-found", 0),
            ("nothing-found", 3),
            ("flagged", 1),
            ("could-not-check", 2),
            ("evidence-found", 2),
        ] {
            summary.add(&Row {
                outcome: Some(outcome.into()),
                ..Row::default()
            });
            assert_eq!(summary.exit_code(), code, "after {outcome}");
        }
    }

    #[test]
    fn a_group_counts_from_its_second_picture_on() {
        let mut summary = Summary::default();
        for (row, group) in [
            (1, Some(1)),
            (2, Some(2)),
            (3, Some(1)),
            (4, Some(1)),
            (5, None),
        ] {
            summary.add(&Row {
                row: Some(row),
                group,
                ..Row::default()
            });
        }
        assert_eq!(summary.groups(), 1);
    }
}
