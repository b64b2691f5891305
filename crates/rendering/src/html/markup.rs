//! A page being written. Every text and every attribute goes through here and is escaped here.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::phrase::Phrase;
use crate::text::clean;

/// Most characters of a value that are shown at once; the whole opens on demand.
const SHOWN: usize = 320;

/// HTML being written.
#[derive(Debug)]
pub(super) struct Markup(String);

impl Markup {
    pub fn new() -> Self {
        Self(String::new())
    }

    pub fn doctype(&mut self) {
        self.0.push_str("<!DOCTYPE html>\n");
    }

    pub fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            // Writing to a string cannot fail.
            let _ = write!(self.0, " {name}=\"{}\"", escaped(value));
        }
        self.0.push('>');
    }

    pub fn close(&mut self, name: &str) {
        let _ = write!(self.0, "</{name}>");
        if matches!(
            name,
            "li" | "p" | "section" | "article" | "header" | "head" | "nav" | "tr" | "dd" | "figure"
        ) {
            self.0.push('\n');
        }
    }

    /// An element without content.
    pub fn void(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name, attributes);
    }

    /// An element around a text.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &Phrase) {
        self.open(name, attributes);
        if name == "title" {
            self.0.push_str(&escaped(&text.text()));
        } else {
            self.text(text);
        }
        self.close(name);
    }

    /// Text; what comes from outside is set apart, so that its direction of writing stays its own.
    pub fn text(&mut self, text: &Phrase) {
        for part in text.parts() {
            if part.outside {
                let class = if is_time(&part.text) {
                    " class=\"time\""
                } else {
                    ""
                };
                let _ = write!(self.0, "<bdi{class}>{}</bdi>", escaped(&part.text));
            } else {
                self.0.push_str(&escaped(&part.text));
            }
        }
    }

    /// A value of any length: a long one is shown by its beginning and opens to the whole.
    pub fn value(&mut self, text: &Phrase) {
        let whole = text.text();
        let Some((end, _)) = whole.char_indices().nth(SHOWN) else {
            return self.text(text);
        };
        self.open("details", &[]);
        self.element(
            "summary",
            &[],
            &Phrase::outside(&format!("{}…", &whole[..end])),
        );
        self.element("p", &[], text);
        self.close("details");
    }

    /// The style sheet, which is ours.
    pub fn style(&mut self, css: &str) {
        let _ = write!(self.0, "<style>\n{css}</style>\n");
    }

    pub fn finish(mut self) -> String {
        self.0.push('\n');
        self.0
    }
}

/// Text for content and for attributes in double quotes: cleaned, without a character that HTML knows.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let text = clean(text);
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Whether this looks like a time, whose hyphens are no place for a line's end.
fn is_time(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || "-:.+TZ".contains(c);
    (10..=35).contains(&text.len()) && text.contains('-') && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_element_or_attribute() {
        let hostile = "\"><script>'&\u{202e}\u{1b}</p>";
        assert_eq!(
            escaped(hostile),
            "&quot;&gt;&lt;script&gt;&#39;&amp;&lt;/p&gt;"
        );
        let mut out = Markup::new();
        out.element("p", &[("title", hostile)], &Phrase::outside(hostile));
        let text = out.finish();
        assert_eq!(text.matches('<').count(), 4, "{text}");
        assert_eq!(text.matches('"').count(), 2, "{text}");
    }

    #[test]
    fn long_values_open_on_demand() {
        let mut out = Markup::new();
        out.value(&Phrase::outside(&"é".repeat(SHOWN + 1)));
        let text = out.finish();
        assert!(text.starts_with("<details><summary>"), "{text}");
        assert_eq!(text.matches('é').count(), 2 * SHOWN + 1);
        let mut out = Markup::new();
        out.value(&Phrase::outside(&"é".repeat(SHOWN)));
        assert!(!out.finish().contains("details"));
    }
}
