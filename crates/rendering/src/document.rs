//! What a report says, in words, before anyone sets it.

use colophon_provenance::{Outcome, Report};
use colophon_wording::Wording;

use crate::evidence;
use crate::phrase::{Phrase, Words, number};

/// What a line of evidence says at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Found, or in order.
    Good,
    /// Known only in part.
    Caution,
    /// Something that a person should look at.
    Alert,
    /// A plain statement.
    Plain,
}

impl Mark {
    /// Its key in the catalogue and on the page.
    pub fn code(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Caution => "caution",
            Self::Alert => "alert",
            Self::Plain => "plain",
        }
    }
}

/// The evidence of one reader.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its key in the catalogue, under `report.label` and `report.title`.
    pub key: &'static str,
    pub items: Vec<Item>,
}

/// One finding, with what belongs to it.
#[derive(Debug)]
pub(crate) struct Item {
    pub mark: Mark,
    pub text: Phrase,
    /// Hashes, codes and the like, which a terminal shows only when asked.
    pub is_fine: bool,
    pub codes: Vec<Code>,
    pub fields: Vec<Field>,
    pub inside: Vec<Item>,
}

impl Item {
    pub fn new(mark: Mark, text: Phrase) -> Self {
        Self {
            mark,
            text,
            is_fine: false,
            codes: Vec::new(),
            fields: Vec::new(),
            inside: Vec::new(),
        }
    }

    pub fn plain(text: Phrase) -> Self {
        Self::new(Mark::Plain, text)
    }

    pub fn fine(text: Phrase) -> Self {
        Self {
            is_fine: true,
            ..Self::plain(text)
        }
    }
}

/// A reason code and what it says.
#[derive(Debug)]
pub(crate) struct Code {
    pub id: Phrase,
    pub sentence: Phrase,
    /// Whether it speaks against what was judged.
    pub failed: bool,
}

/// A value of a trace.
#[derive(Debug)]
pub(crate) struct Field {
    pub name: Phrase,
    /// `None` when it is withheld.
    pub value: Option<Phrase>,
}

/// A whole report.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub report: &'a Report,
    pub words: Words<'a>,
    pub file: Phrase,
    /// Format, pixels, size.
    pub about: Phrase,
    /// That the picture could not be decoded, and why.
    pub undecoded: Option<Phrase>,
    pub headline: Phrase,
    pub explanation: Phrase,
    /// The action in a word, and as a sentence.
    pub action: (Phrase, Phrase),
    pub contradictions: Vec<Phrase>,
    pub sections: Vec<Section>,
    /// What, and why.
    pub not_checked: Vec<(Phrase, Phrase)>,
}

impl<'a> Document<'a> {
    pub fn new(report: &'a Report, wording: &'a Wording) -> Self {
        let words = Words(wording);
        let verdict = &report.verdict;
        let action = verdict.action.as_str();
        let undecoded = report.error.as_ref().map(|error| {
            let why = Phrase::plain(&error.message);
            if report.container.sha256.is_none() {
                // There are no bytes to say anything else about.
                return Phrase::plain(&sentence(&error.message));
            }
            words.fill("undecoded", &[("why", &why)])
        });
        Self {
            report,
            words,
            file: Phrase::outside(&report.file),
            about: about_file(report, words),
            undecoded,
            headline: Phrase::plain(&verdict.headline),
            explanation: Phrase::plain(&verdict.explanation),
            action: (
                words.text(&format!("action.{action}")),
                Phrase::plain(&wording.text(&format!("action.{action}"))),
            ),
            contradictions: verdict
                .contradictions
                .iter()
                .map(|it| Phrase::plain(&it.sentence))
                .collect(),
            sections: evidence::sections(report, words),
            not_checked: report
                .not_checked
                .iter()
                .map(|item| {
                    let what = words.or(&format!("what.{}", item.what), &item.what);
                    (what, Phrase::plain(&item.why))
                })
                .collect(),
        }
    }

    /// Whether there is a file to speak of.
    pub fn has_bytes(&self) -> bool {
        self.report.error.is_none() || self.report.container.sha256.is_some()
    }

    /// Key of the answer in one word.
    pub fn outcome(&self) -> &'static str {
        match self.report.outcome {
            Outcome::EvidenceFound => "evidence-found",
            Outcome::Flagged => "flagged",
            Outcome::CouldNotCheck => "could-not-check",
            Outcome::NothingFound => "nothing-found",
        }
    }

    /// What the answer says at a glance.
    pub fn mark(&self) -> Mark {
        match self.report.outcome {
            Outcome::EvidenceFound => Mark::Good,
            Outcome::Flagged => Mark::Alert,
            Outcome::CouldNotCheck => Mark::Caution,
            Outcome::NothingFound => Mark::Plain,
        }
    }
}

fn about_file(report: &Report, words: Words<'_>) -> Phrase {
    let container = &report.container;
    let mut parts = vec![
        container
            .format
            .as_ref()
            .map_or_else(|| words.text("file.no-format"), |name| Phrase::plain(name)),
    ];
    if let (Some(width), Some(height)) = (container.width, container.height) {
        parts.push(words.fill(
            "file.pixels",
            &[("width", &number(width)), ("height", &number(height))],
        ));
    }
    parts.push(size(container.bytes, words));
    if container.trailing_bytes > 0 {
        parts.push(trailing(container.trailing_bytes, words));
    }
    words.joined(&parts)
}

/// Bytes after the picture's end.
pub(crate) fn trailing(bytes: u64, words: Words<'_>) -> Phrase {
    words.fill("file.trailing", &[("size", &size(bytes, words))])
}

/// A size in bytes as people read it.
pub(crate) fn size(bytes: u64, words: Words<'_>) -> Phrase {
    let (key, n) = match bytes {
        0..1_000 => ("size.bytes", number(bytes)),
        1_000..1_000_000 => ("size.kilo", number((bytes + 500) / 1_000)),
        _ => ("size.mega", words.decimal(bytes as f64 / 1e6, 1)),
    };
    words.fill(key, &[("n", &n)])
}

/// A message as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_wording::Language;

    #[test]
    fn sizes() {
        let told = |bytes, language| size(bytes, Words(Wording::of(language))).text();
        assert_eq!(told(999, Language::English), "999 bytes");
        assert_eq!(told(1_499, Language::English), "1 kB");
        assert_eq!(told(12_345_678, Language::English), "12.3 MB");
        assert_eq!(told(12_345_678, Language::German), "12,3 MB");
    }

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("the file is empty"), "The file is empty.");
        assert_eq!(sentence(""), ".");
    }
}
