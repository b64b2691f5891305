//! Sentences whose words know where they come from.

use colophon_wording::Wording;

use crate::text::{clean, cut};

/// Most characters that one value from outside is told with.
const MAX_VALUE: usize = 2_000;
/// Stands for value number n while a sentence is filled. No sentence of the catalogue holds characters
/// for private use.
const FIRST_SLOT: u32 = 0xe000;

/// A text in parts: our words, and words from outside, which a page sets apart so that their direction of
/// writing cannot reach ours. All parts are clean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phrase(Vec<Part>);

/// A part of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub text: String,
    pub outside: bool,
}

impl Phrase {
    /// Words of ours, such as a number or a sentence of the report.
    pub fn plain(text: &str) -> Self {
        Self::of(text, false)
    }

    /// A value from outside, cut to 2,000 characters.
    pub fn outside(text: &str) -> Self {
        Self::of(text, true)
    }

    fn of(text: &str, outside: bool) -> Self {
        let text = cut(&clean(text), MAX_VALUE).into_owned();
        Self(vec![Part { text, outside }])
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The words alone.
    pub fn text(&self) -> String {
        self.0.iter().map(|part| part.text.as_str()).collect()
    }

    fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(last) if !last.outside => last.text.push_str(text),
            _ => self.0.push(Part {
                text: text.to_owned(),
                outside: false,
            }),
        }
    }

    fn append(&mut self, other: &Self) {
        for part in &other.0 {
            if part.outside {
                self.0.push(part.clone());
            } else {
                self.push(&part.text);
            }
        }
    }
}

/// The catalogue, for phrases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a>(pub &'a Wording);

impl Words<'_> {
    /// The words under `report.KEY`.
    pub fn text(self, key: &str) -> Phrase {
        self.fill(key, &[])
    }

    /// Whether there are words under `report.KEY`.
    pub fn has(self, key: &str) -> bool {
        self.0.template(&format!("report.{key}")).is_some()
    }

    /// The words under `report.KEY` if there are any, else `otherwise`, from outside.
    pub fn or(self, key: &str, otherwise: &str) -> Phrase {
        if self.has(key) {
            self.text(key)
        } else {
            Phrase::outside(otherwise)
        }
    }

    /// The words under `report.KEY`, with values by placeholder.
    pub fn fill(self, key: &str, values: &[(&str, &Phrase)]) -> Phrase {
        let slots: Vec<(&str, String)> = values
            .iter()
            .zip(FIRST_SLOT..)
            .filter_map(|((name, _), slot)| Some((*name, char::from_u32(slot)?.to_string())))
            .collect();
        let slots: Vec<(&str, &str)> = slots
            .iter()
            .map(|(name, slot)| (*name, slot.as_str()))
            .collect();
        let filled = self.0.fill(&format!("report.{key}"), &slots);
        let mut phrase = Phrase::default();
        for c in filled.chars() {
            let value = (c as u32)
                .checked_sub(FIRST_SLOT)
                .and_then(|slot| values.get(slot as usize));
            match value {
                Some((_, value)) => phrase.append(value),
                None => phrase.push(c.encode_utf8(&mut [0; 4])),
            }
        }
        phrase
    }

    /// "1 file", "2 files": `report.KEY.one` or `report.KEY.other`.
    pub fn counted(self, key: &str, count: u64) -> Phrase {
        let form = if count == 1 { "one" } else { "other" };
        self.fill(&format!("{key}.{form}"), &[("n", &number(count))])
    }

    /// "a, b, c".
    pub fn joined(self, items: &[Phrase]) -> Phrase {
        let mut all = Phrase::default();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                all.append(&self.text("comma"));
            }
            all.append(item);
        }
        all
    }

    /// "a", "a and b", "a, b and c".
    pub fn listed(self, items: &[Phrase]) -> Phrase {
        match items {
            [first @ .., last] if !first.is_empty() => {
                let first = self.joined(first);
                self.fill("and", &[("first", &first), ("last", last)])
            }
            _ => self.joined(items),
        }
    }

    /// A number with so many digits behind the mark that the language uses.
    pub fn decimal(self, value: f64, digits: usize) -> Phrase {
        let text = format!("{value:.digits$}");
        Phrase::plain(&text.replace('.', &self.text("decimal").text()))
    }
}

/// A whole number.
pub(crate) fn number(value: impl std::fmt::Display) -> Phrase {
    Phrase::plain(&value.to_string())
}

/// Words from outside one after the other, with spaces between.
pub(crate) fn spaced(items: &[Phrase]) -> Phrase {
    let mut all = Phrase::default();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            all.push(" ");
        }
        all.append(item);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_wording::Language;

    fn english() -> Words<'static> {
        Words(Wording::of(Language::English))
    }

    #[test]
    fn lists_read_as_sentences() {
        let all = ["a", "b", "c"].map(Phrase::plain);
        let told = |count| english().listed(&all[..count]).text();
        assert_eq!([0, 1, 2, 3].map(told), ["", "a", "a and b", "a, b and c"]);
    }

    #[test]
    fn words_from_outside_stay_apart_in_a_sentence() {
        let name = Phrase::outside("{who}\u{202e}\u{e000}x");
        let filled = english().fill("manifest.signed-by", &[("who", &name)]);
        let parts: Vec<_> = filled
            .parts()
            .iter()
            .map(|part| (part.text.as_str(), part.outside))
            .collect();
        assert_eq!(parts, [("signed by ", false), ("{who}\u{e000}x", true)]);
    }

    #[test]
    fn numbers_follow_the_language() {
        let german = Words(Wording::of(Language::German));
        assert_eq!(english().decimal(12.345, 1).text(), "12.3");
        assert_eq!(german.decimal(12.345, 1).text(), "12,3");
        assert_eq!(english().counted("steps", 1).text(), "1 step");
        assert_eq!(german.counted("steps", 2).text(), "2 Schritte");
    }
}
