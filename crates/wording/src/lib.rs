//! The sentences of reports: one catalogue, by language.
//!
//! A report holds codes; what is told to people for a code stands in `policies/wording/LANGUAGE/*.toml`,
//! under keys such as `verdict.signed-listed.headline`. English is complete; a sentence that another
//! language lacks is told in English. A test holds all languages that ship to the same keys and the
//! same placeholders, and to words that do not claim more than evidence can.

mod template;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub use template::Template;

/// A language of the catalogue; as data it is its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its code (ISO 639-1).
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A language that the catalogue lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are no sentences in `{0}`; languages are en and de")]
pub struct UnknownLanguage(pub String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|each| each.code() == text);
        known.ok_or_else(|| UnknownLanguage(text.chars().take(20).collect()))
    }
}

impl TryFrom<String> for Language {
    type Error = UnknownLanguage;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.code().to_owned()
    }
}

macro_rules! sources {
    ($($name:literal),+ $(,)?) => {
        const ENGLISH: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../policies/wording/en/", $name, ".toml")))),+];
        const GERMAN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../policies/wording/de/", $name, ".toml")))),+];
    };
}

sources!(
    "checks",
    "credentials",
    "pages",
    "pixels",
    "report",
    "signals",
    "verdicts",
    "web"
);

/// The sentences of one language.
#[derive(Debug)]
pub struct Wording {
    language: Language,
    sentences: BTreeMap<String, Template>,
}

impl Wording {
    /// The catalogue of a language.
    pub fn of(language: Language) -> &'static Self {
        static ALL: LazyLock<[Wording; 2]> = LazyLock::new(|| {
            [
                Wording::load(Language::English, ENGLISH),
                Wording::load(Language::German, GERMAN),
            ]
        });
        &ALL[language as usize]
    }

    /// Which language this is.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Whether this language has a sentence for `key`.
    pub fn has(&self, key: &str) -> bool {
        self.sentences.contains_key(key)
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.sentences.keys().map(String::as_str)
    }

    /// The sentence for `key`, if this language or English has one.
    pub fn template(&self, key: &str) -> Option<&Template> {
        self.sentences
            .get(key)
            .or_else(|| Self::of(Language::English).sentences.get(key))
    }

    /// The sentence for `key`, without values.
    pub fn text(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    /// The sentence for `key`, with values by placeholder. A value that is missing is told by the
    /// phrase `missing.NAME`. A key without a sentence is told as it is: codes of other people's
    /// software can be newer than the catalogue.
    pub fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        match self.template(key) {
            Some(template) => self.fill_template(template, values),
            None => key.to_owned(),
        }
    }

    /// A sentence from elsewhere, such as a verdict table of one's own, filled as [`Self::fill`] does.
    pub fn fill_template(&self, template: &Template, values: &[(&str, &str)]) -> String {
        template.fill(|name| {
            let given = values.iter().find(|(known, _)| *known == name);
            given.map_or_else(|| self.missing(name), |(_, value)| (*value).to_owned())
        })
    }

    fn missing(&self, name: &str) -> String {
        let phrase = self.template(&format!("missing.{name}"));
        phrase.map_or_else(|| "?".to_owned(), |phrase| phrase.fill(|_| String::new()))
    }

    /// A file that cannot be read is left out; a test loads every one.
    fn load(language: Language, files: &[(&str, &str)]) -> Self {
        let mut sentences = BTreeMap::new();
        for (_, text) in files {
            if let Ok(table) = text.parse::<toml::Table>() {
                flatten(&mut sentences, "", &table);
            }
        }
        Self {
            language,
            sentences,
        }
    }
}

fn flatten(sentences: &mut BTreeMap<String, Template>, prefix: &str, table: &toml::Table) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::Table(inner) => flatten(sentences, &key, inner),
            toml::Value::String(text) => {
                if let Ok(template) = Template::parse(text) {
                    sentences.insert(key, template);
                }
            }
            _ => {}
        }
    }
}

/// Words that no evidence supports, by language.
const OVERCLAIMS: [&[&str]; 2] = [
    &[
        "fake",
        "fakes",
        "faked",
        "real",
        "genuine",
        "authentic",
        "tampered",
    ],
    &[
        "gefälscht",
        "fälschung",
        "fälschungen",
        "echt",
        "echte",
        "echtes",
        "echter",
        "authentisch",
        "manipuliert",
    ],
];

/// The first word of `text` that claims more than evidence can, in `language`.
pub fn overclaim(language: Language, text: &str) -> Option<&str> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let list = OVERCLAIMS[language as usize];
    words
        .into_iter()
        .find(|word| list.contains(&word.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(table: &toml::Table) -> usize {
        table
            .values()
            .map(|value| match value {
                toml::Value::Table(inner) => leaves(inner),
                _ => 1,
            })
            .sum()
    }

    #[test]
    fn every_file_is_read_whole() {
        for (language, files) in [(Language::English, ENGLISH), (Language::German, GERMAN)] {
            let all: usize = files
                .iter()
                .map(|(name, text)| {
                    let table = text.parse::<toml::Table>();
                    leaves(&table.unwrap_or_else(|error| panic!("{language}/{name}: {error}")))
                })
                .sum();
            // A key in two files, or a sentence that is empty, would be one fewer.
            assert_eq!(Wording::of(language).sentences.len(), all, "{language}");
        }
    }

    #[test]
    fn languages_have_the_same_keys_and_placeholders() {
        let english = Wording::of(Language::English);
        let german = Wording::of(Language::German);
        let missing: Vec<&str> = english.keys().filter(|key| !german.has(key)).collect();
        assert!(missing.is_empty(), "not in German: {missing:?}");
        let unknown: Vec<&str> = german.keys().filter(|key| !english.has(key)).collect();
        assert!(unknown.is_empty(), "not in English: {unknown:?}");
        for (key, template) in &english.sentences {
            let sorted = |template: &Template| {
                let mut names: Vec<String> = template.placeholders().map(str::to_owned).collect();
                names.sort();
                names.dedup();
                names
            };
            assert_eq!(sorted(template), sorted(&german.sentences[key]), "{key}");
        }
    }

    #[test]
    fn no_sentence_claims_more_than_evidence_can() {
        for language in Language::ALL {
            for (key, template) in &Wording::of(language).sentences {
                let text = template.fill(|_| String::new());
                assert_eq!(overclaim(language, &text), None, "{language} {key}");
            }
        }
        assert_eq!(overclaim(Language::English, "This is Fake."), Some("Fake"));
        assert_eq!(overclaim(Language::English, "really, realistic"), None);
        assert_eq!(overclaim(Language::German, "Das ist echt."), Some("echt"));
    }

    #[test]
    fn missing_values_are_told_as_such() {
        let english = Wording::of(Language::English);
        let template = Template::parse("by {signer}").unwrap();
        assert_eq!(
            english.fill_template(&template, &[]),
            "by a signer without a name"
        );
        assert_eq!(english.text("no.such.key"), "no.such.key");
    }
}
