//! What is wrong with a bundle and where: file, line, column, the line itself and a caret, as compilers tell it.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Longest line quoted, characters.
const MOST_QUOTED: usize = 160;

/// A place in a file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path inside the bundle, with `/`.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Last line of what is meant, from 1.
    pub last_line: usize,
}

impl Place {
    /// The place of bytes `span` of `text`. A span beyond the end means the end.
    pub(crate) fn of(file: &str, text: &str, span: &Range<usize>) -> Self {
        let start = floor(text, span.start);
        let end = floor(text, span.end.max(start));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Self {
            file: file.to_owned(),
            line,
            column: text[line_start..start].chars().count() + 1,
            last_line: line + text[start..end].trim_end().matches('\n').count(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path inside the bundle, with `/`; empty when it is about the bundle as a whole.
    pub file: String,
    /// Where in the file, when it is about a part of it.
    pub place: Option<Box<Place>>,
    /// What is wrong.
    pub message: String,
    /// What can be done about it.
    pub help: Option<String>,
    /// The line, as far as it is quoted.
    line: Option<String>,
    /// Characters to underline in it.
    underline: usize,
}

impl Problem {
    /// About a whole file.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            message: message.into(),
            help: None,
            line: None,
            underline: 0,
        }
    }

    /// About bytes `span` of a file's text.
    pub(crate) fn at(
        file: &str,
        text: &str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let place = Place::of(file, text, span);
        let line = text.lines().nth(place.line - 1).unwrap_or_default();
        let start = floor(text, span.start);
        let meant = text[start..floor(text, span.end.max(start))].lines().next();
        let meant = meant.map_or(0, |meant| meant.trim_end().chars().count());
        Self {
            line: Some(line.chars().take(MOST_QUOTED).map(visible).collect()),
            underline: meant.clamp(1, MOST_QUOTED.saturating_sub(place.column).max(1)),
            place: Some(Box::new(place)),
            ..Self::of_file(file, message)
        }
    }

    /// With what can be done.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Tabs as one space, so that the caret stands below; other control characters as a sign.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.file.as_str()) {
            (Some(place), _) => write!(f, "{place}: {}", self.message)?,
            (None, "") => f.write_str(&self.message)?,
            (None, file) => write!(f, "{file}: {}", self.message)?,
        }
        if let (Some(place), Some(line)) = (&self.place, &self.line) {
            let number = place.line.to_string();
            let gutter = " ".repeat(number.len());
            write!(f, "\n{gutter} |\n{number} | {line}")?;
            if place.column <= MOST_QUOTED {
                let indent = " ".repeat(place.column - 1);
                write!(f, "\n{gutter} | {indent}{}", "^".repeat(self.underline))?;
            }
        }
        match &self.help {
            Some(help) => write!(f, "\n  = help: {help}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a bundle; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// `Ok` when there are none.
    pub(crate) fn none_or(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self(problems))
        }
    }

    /// Each of them, by file and line.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The first in one line, and how many more there are.
    pub fn brief(&self) -> String {
        let Some(first) = self.0.first() else {
            return String::new();
        };
        let place = first
            .place
            .as_ref()
            .map_or_else(|| first.file.clone(), ToString::to_string);
        let mut told = if place.is_empty() {
            String::new()
        } else {
            format!("{place}: ")
        };
        told += &first.message;
        if let Some(help) = &first.help {
            told = format!("{told}; {help}");
        }
        match self.0.len() - 1 {
            0 => told,
            more => format!("{told} (and {more} more; `colophon policy check` tells all)"),
        }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_caret_stands_below_what_is_meant() {
        let text = "first\n\u{e4}\tb wrong end\n";
        let start = text.find("wrong").unwrap_or_default();
        let problem = Problem::at("a.toml", text, &(start..start + 5), "no").with_help("yes");
        assert_eq!(
            problem.to_string(),
            "a.toml:2:5: no\n  |\n2 | \u{e4} b wrong end\n  |     ^^^^^\n  = help: yes"
        );
    }

    #[test]
    fn a_span_of_several_lines_tells_the_last() {
        let text = "a {\n b\n}\nrest";
        let place = Place::of("x", text, &(0..8));
        assert_eq!((place.line, place.column, place.last_line), (1, 1, 3));
    }

    proptest! {
        #[test]
        fn no_span_panics(text in "\\PC{0,5}\n?\\PC{0,5}", from in 0_usize..40, to in 0_usize..40) {
            let told = Problem::at("f", &text, &(from..to), "m").to_string();
            prop_assert!(told.starts_with("f:"), "{}", told);
        }
    }
}
