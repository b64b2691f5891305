//! The words that lists and policies may use: labels and purposes, each with its meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::files::syntax_problem;
use crate::problem::Problem;

/// Path in a bundle.
pub(crate) const VOCABULARY: &str = "vocabulary.toml";

/// Codes with their meanings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    labels: BTreeMap<String, String>,
    purposes: BTreeMap<String, String>,
}

impl Vocabulary {
    pub(crate) fn read(path: &str, text: &str) -> Result<Self, Problem> {
        let read: Self =
            toml::from_str(text).map_err(|error| syntax_problem(path, text, &error))?;
        let codes = read.labels.keys().chain(read.purposes.keys());
        match codes.into_iter().find(|code| !is_code(code)) {
            Some(code) => Err(Problem::of_file(path, format!("`{code}` is no code"))
                .with_help("a code has 1 to 40 small letters, digits and hyphens")),
            None => Ok(read),
        }
    }

    /// Codes of labels, in order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.keys().map(String::as_str)
    }

    /// What a label means.
    pub fn label(&self, code: &str) -> Option<&str> {
        self.labels.get(code).map(String::as_str)
    }

    /// Codes of purposes, in order.
    pub fn purposes(&self) -> impl Iterator<Item = &str> {
        self.purposes.keys().map(String::as_str)
    }

    pub(crate) fn has_label(&self, code: &str) -> bool {
        self.labels.contains_key(code)
    }

    pub(crate) fn has_purpose(&self, code: &str) -> bool {
        self.purposes.contains_key(code)
    }
}

/// Small letters, digits, hyphens; 1 to 40.
pub(crate) fn is_code(text: &str) -> bool {
    let sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=40).contains(&text.len()) && text.chars().all(sign)
}
