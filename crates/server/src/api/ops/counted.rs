//! Checks that are counted by what came of them.

use std::sync::Arc;
use std::time::Instant;

use colophon_imaging::Limits;
use colophon_provenance::{Language, Outcome, Report, ReportError};

use super::Metrics;
use crate::api::ports::{CheckFailure, Checked, Checks, Children, Wanted};

/// Counts what it hands on.
pub(crate) struct Counted {
    pub checks: Arc<dyn Checks>,
    pub metrics: Arc<Metrics>,
}

impl Checks for Counted {
    fn check(&self, name: &str, bytes: &[u8], wanted: Wanted) -> Result<Checked, CheckFailure> {
        let begun = Instant::now();
        let checked = self.checks.check(name, bytes, wanted);
        let outcome = match &checked {
            Ok(checked) => match checked.report.outcome {
                Outcome::EvidenceFound => "evidence-found",
                Outcome::Flagged => "flagged",
                Outcome::NothingFound => "nothing-found",
                Outcome::CouldNotCheck => "could-not-check",
            },
            Err(_) => "failed",
        };
        self.metrics.checked(outcome, begun.elapsed().as_secs_f64());
        checked
    }

    fn unchecked(
        &self,
        name: &str,
        why: ReportError,
        language: Language,
    ) -> Result<Report, CheckFailure> {
        self.checks.unchecked(name, why, language)
    }

    fn limits(&self) -> Limits {
        self.checks.limits()
    }

    fn at_once(&self) -> usize {
        self.checks.at_once()
    }

    fn renew(&self) {
        self.checks.renew();
    }

    fn children(&self) -> Children {
        self.checks.children()
    }
}
