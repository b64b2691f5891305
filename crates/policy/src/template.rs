//! Sentences with placeholders from a closed list.

/// What may be told about the picture in a sentence. A value that is missing is replaced by a phrase
/// that says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Who signed the manifest, as the certificate says (`{signer}`).
    pub signer: Option<String>,
    /// What made the picture, as recorded (`{generator}`).
    pub generator: Option<String>,
    /// When the record was made (`{issued-at}`).
    pub issued_at: Option<String>,
    /// Number of the ledger record (`{record}`).
    pub record: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Signer,
    Generator,
    IssuedAt,
    Record,
}

impl Placeholder {
    const ALL: [(&'static str, Self); 4] = [
        ("signer", Self::Signer),
        ("generator", Self::Generator),
        ("issued-at", Self::IssuedAt),
        ("record", Self::Record),
    ];

    fn value(self, details: &Details) -> String {
        let or = |value: &Option<String>, missing: &str| {
            value.as_deref().map_or(missing.to_owned(), printable)
        };
        match self {
            Self::Signer => or(&details.signer, "a signer without a name"),
            Self::Generator => or(&details.generator, "a generator that is not named"),
            Self::IssuedAt => or(&details.issued_at, "an unknown date"),
            Self::Record => details
                .record
                .map_or("without a number".to_owned(), |number| number.to_string()),
        }
    }
}

/// Words that no evidence supports; see the house rule on wording.
const FORBIDDEN: [&str; 6] = ["fake", "fakes", "faked", "real", "genuine", "authentic"];
/// Longest value put into a sentence, characters.
const MAX_VALUE: usize = 120;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Placeholder),
}

impl Template {
    /// Reads `text`; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("the sentence is empty".to_owned());
        }
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        if let Some(word) = words.find(|word| FORBIDDEN.contains(&word.to_lowercase().as_str())) {
            return Err(format!(
                "`{word}` claims more than evidence can show; say what was found and what was not"
            ));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let allowed = || {
                Placeholder::ALL
                    .map(|(name, _)| format!("{{{name}}}"))
                    .join(", ")
            };
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("`{{` is not closed; allowed: {}", allowed()))?;
            let (_, placeholder) = Placeholder::ALL
                .into_iter()
                .find(|(known, _)| *known == name)
                .ok_or_else(|| {
                    format!("unknown placeholder `{{{name}}}`; allowed: {}", allowed())
                })?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Value(placeholder));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    pub(crate) fn fill(&self, details: &Details) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Value(placeholder) => placeholder.value(details),
            })
            .collect()
    }
}

/// A value from a stranger's file, without characters that could reorder or break the line, cut to
/// a length that cannot push the sentence out of sight.
fn printable(value: &str) -> String {
    let directional = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let mut clean: String = value
        .chars()
        .filter(|&c| !c.is_control() && !directional(c))
        .collect();
    if let Some((cut, _)) = clean.char_indices().nth(MAX_VALUE) {
        clean.truncate(cut);
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once() {
        let template =
            Template::parse("Signed by {signer} on {issued-at}, record {record}.").unwrap();
        let details = Details {
            signer: Some("{record}\u{202e}\n".to_owned()),
            record: Some(7),
            ..Details::default()
        };
        assert_eq!(
            template.fill(&details),
            "Signed by {record} on an unknown date, record 7."
        );
    }

    #[test]
    fn long_values_are_cut() {
        let template = Template::parse("{signer}").unwrap();
        let details = Details {
            signer: Some("é".repeat(500)),
            ..Details::default()
        };
        assert_eq!(template.fill(&details).chars().count(), MAX_VALUE + 1);
    }

    #[test]
    fn bad_sentences_are_refused() {
        for (text, part) in [
            (" ", "empty"),
            (
                "by {sigher}",
                "{signer}, {generator}, {issued-at}, {record}",
            ),
            ("by {signer", "not closed"),
            ("This is Fake.", "Fake"),
            ("a real picture", "real"),
        ] {
            let problem = Template::parse(text).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
        assert!(Template::parse("really, realistic").is_ok());
    }
}
