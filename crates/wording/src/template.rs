//! Sentences with named placeholders.

/// Longest value put into a sentence, characters.
const MAX_VALUE: usize = 120;

/// A sentence with placeholders such as `{signer}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

impl Template {
    /// Reads `text`.
    ///
    /// # Errors
    /// What is wrong with it: empty, or a brace that is not closed.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("the sentence is empty".to_owned());
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| "`{` is not closed".to_owned())?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Value(name.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// Names of the placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The sentence with `value` of each placeholder. Values come from strangers' files: characters
    /// that could break or turn the line are left out, and long ones are cut.
    pub fn fill(&self, value: impl Fn(&str) -> String) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Value(name) => printable(&value(name)),
            })
            .collect()
    }
}

/// A value from a stranger's file, without characters that could reorder or break the line, cut to
/// a length that cannot push the sentence out of sight.
fn printable(value: &str) -> String {
    let directional = |c: char| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
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
        let template = Template::parse("Signed by {signer}, record {record}.").unwrap();
        let filled = template.fill(|name| match name {
            "signer" => "{record}\u{202e}\n".to_owned(),
            _ => "7".to_owned(),
        });
        assert_eq!(filled, "Signed by {record}, record 7.");
    }

    #[test]
    fn long_values_are_cut() {
        let template = Template::parse("{signer}").unwrap();
        let filled = template.fill(|_| "é".repeat(500));
        assert_eq!(filled.chars().count(), MAX_VALUE + 1);
    }

    #[test]
    fn bad_sentences_are_refused() {
        assert!(Template::parse(" ").unwrap_err().contains("empty"));
        assert!(
            Template::parse("by {signer")
                .unwrap_err()
                .contains("not closed")
        );
    }
}
