//! The tests that a bundle brings: questions, evidence and prompts with the answers that are expected.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::access::{AccessRequest, Obligations};
use crate::files::{syntax_problem, text_of};
use crate::problem::{Place, Problem};
use crate::{Bundle, Facts};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TestFile {
    #[serde(default)]
    access: Vec<Spanned<AccessCase>>,
    #[serde(default)]
    verdict: Vec<Spanned<VerdictCase>>,
    #[serde(default)]
    prompt: Vec<Spanned<PromptCase>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AccessCase {
    name: String,
    request: AccessRequest,
    expect: Expected,
    /// Determining policies, all of them.
    rules: Option<BTreeSet<String>>,
    obligations: Option<Obligations>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Expected {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct VerdictCase {
    name: String,
    facts: Facts,
    /// Id of the rule.
    expect: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct PromptCase {
    name: String,
    text: String,
    /// Codes of the labels, all of them.
    labels: BTreeSet<String>,
}

/// How one test came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseOutcome {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What came instead of what was expected; `None` when it passed.
    pub failure: Option<String>,
}

impl CaseOutcome {
    /// Whether what was expected came.
    pub fn passed(&self) -> bool {
        self.failure.is_none()
    }
}

/// A test's question, for trying it on another bundle.
pub(crate) struct Asked {
    pub name: String,
    pub request: AccessRequest,
}

impl Bundle {
    /// Runs the bundle's own tests, in the order of files and lines.
    ///
    /// # Errors
    /// Test files that cannot be read.
    pub fn test(&self) -> Result<Vec<CaseOutcome>, Vec<Problem>> {
        let mut outcomes = Vec::new();
        for (path, text, file) in self.test_files()? {
            let outcome = |name: &str, span, failure| CaseOutcome {
                name: name.to_owned(),
                place: Place::of(path, text, &span),
                failure,
            };
            let mut of_file = Vec::new();
            for case in &file.access {
                of_file.push(outcome(
                    &case.get_ref().name,
                    case.span(),
                    self.access_failure(case.get_ref()),
                ));
            }
            for case in &file.verdict {
                of_file.push(outcome(
                    &case.get_ref().name,
                    case.span(),
                    self.verdict_failure(case.get_ref()),
                ));
            }
            for case in &file.prompt {
                of_file.push(outcome(
                    &case.get_ref().name,
                    case.span(),
                    self.prompt_failure(case.get_ref()),
                ));
            }
            of_file.sort_by_key(|outcome| outcome.place.line);
            outcomes.extend(of_file);
        }
        Ok(outcomes)
    }

    /// The questions of the tests.
    pub(crate) fn asked_in_tests(&self) -> Result<Vec<Asked>, Vec<Problem>> {
        let files = self.test_files()?;
        let cases = files.into_iter().flat_map(|(_, _, file)| file.access);
        let asked = cases.map(Spanned::into_inner).map(|case| Asked {
            name: case.name,
            request: case.request,
        });
        Ok(asked.collect())
    }

    fn test_files(&self) -> Result<Vec<(&str, &str, TestFile)>, Vec<Problem>> {
        let mut read = Vec::new();
        let mut problems = Vec::new();
        for (path, bytes) in self.files().of_kind("tests/", ".toml") {
            let parse =
                |text| toml::from_str(text).map_err(|error| syntax_problem(path, text, &error));
            match text_of(path, bytes).and_then(|text| Ok((text, parse(text)?))) {
                Ok((text, file)) => read.push((path, text, file)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(read)
        } else {
            Err(problems)
        }
    }

    fn access_failure(&self, case: &AccessCase) -> Option<String> {
        let decision = self.decide(&case.request);
        let came = if decision.allowed {
            Expected::Allow
        } else {
            Expected::Deny
        };
        let rules: BTreeSet<String> = decision.rules.iter().map(|rule| rule.id.clone()).collect();
        let list = |rules: &BTreeSet<String>| match rules.len() {
            0 => "no rule".to_owned(),
            _ => rules
                .iter()
                .map(|id| format!("`{id}`"))
                .collect::<Vec<_>>()
                .join(", "),
        };
        if came != case.expect {
            let word = if decision.allowed {
                "allowed"
            } else {
                "refused"
            };
            let why = decision.failures.join("; ");
            return Some(format!(
                "it was {word} by {}{}{why}",
                list(&rules),
                if why.is_empty() { "" } else { ": " }
            ));
        }
        if case
            .rules
            .as_ref()
            .is_some_and(|expected| *expected != rules)
        {
            return Some(format!("it was determined by {}", list(&rules)));
        }
        let other = case
            .obligations
            .as_ref()
            .is_some_and(|expected| *expected != decision.obligations);
        other.then(|| format!("the obligations were {:?}", decision.obligations))
    }

    fn verdict_failure(&self, case: &VerdictCase) -> Option<String> {
        let came = self.table().rule_for(case.facts);
        (came != case.expect).then(|| format!("the verdict was `{came}`"))
    }

    fn prompt_failure(&self, case: &PromptCase) -> Option<String> {
        let screening = match self.screen(&case.text) {
            Ok(screening) => screening,
            Err(why) => return Some(why),
        };
        let came: BTreeSet<String> = screening
            .labels
            .into_iter()
            .map(|label| label.code)
            .collect();
        let told = if came.is_empty() {
            "none".to_owned()
        } else {
            came.iter().cloned().collect::<Vec<_>>().join(", ")
        };
        (came != case.labels).then(|| format!("the labels were {told}"))
    }
}
