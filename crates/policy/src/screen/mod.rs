//! Screening of prompts: labels for a policy to judge, never a decision of its own.
//!
//! A [`Screen`] reads a prompt and names what it might ask for, each label with a severity and the codes of what
//! led to it. The engine that ships is a lexicon ([`Lexicon`]); a learned classifier is mounted through the same
//! trait. What a screen says is evidence for the policies; labels and the engine's version are kept with the
//! decision, the prompt is not.

mod lexicon;
mod normalise;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use lexicon::Lexicon;
pub use normalise::normalise;

/// How much a label weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; lawful and common.
    Minor,
    /// May harm; a person should answer for it.
    Grave,
    /// Not to be made.
    Severe,
}

impl Severity {
    /// The code in files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minor => "minor",
            Self::Grave => "grave",
            Self::Severe => "severe",
        }
    }
}

/// What a prompt might ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Code of the vocabulary.
    pub code: String,
    /// The greatest severity that anything led to.
    pub severity: Severity,
    /// Codes of what led to it, sorted, each once. Not the words.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// What one or more engines say of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Screening {
    /// Labels, by code.
    pub labels: Vec<Label>,
    /// Names and versions of the engines asked, in order; none when there was no prompt.
    pub engines: Vec<String>,
}

impl Screening {
    /// What both say: the union of labels, the greater severity of each, all reasons, all engines.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let mut labels: BTreeMap<String, Label> = BTreeMap::new();
        for label in self.labels.into_iter().chain(other.labels) {
            match labels.get_mut(&label.code) {
                Some(known) => {
                    known.severity = known.severity.max(label.severity);
                    known.reasons.extend(label.reasons);
                    known.reasons.sort();
                    known.reasons.dedup();
                }
                None => {
                    labels.insert(label.code.clone(), label);
                }
            }
        }
        let mut engines = self.engines;
        for engine in other.engines {
            if !engines.contains(&engine) {
                engines.push(engine);
            }
        }
        Self {
            labels: labels.into_values().collect(),
            engines,
        }
    }

    /// Codes of the labels of at least this severity.
    pub fn at_least(&self, severity: Severity) -> impl Iterator<Item = &str> {
        let weighty = self
            .labels
            .iter()
            .filter(move |label| label.severity >= severity);
        weighty.map(|label| label.code.as_str())
    }
}

/// Names what a prompt might ask for.
///
/// A learned classifier implements this over its own runtime and is put beside the lexicon with
/// [`crate::Bundle::screen_with`]. It must give the same answer for the same prompt, must not keep the prompt, and
/// must put into its version whatever changes its answers (model, weights, thresholds). One that fails returns an
/// error, and the request is refused.
pub trait Screen: Send + Sync {
    /// Name and version, such as `lexicon-1/5f0c1d2e`.
    fn version(&self) -> String;

    /// Labels for a prompt, by code.
    ///
    /// # Errors
    /// Why the prompt could not be judged, for people; without the prompt.
    fn labels(&self, prompt: &str) -> Result<Vec<Label>, String>;
}
