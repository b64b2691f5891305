//! Lines of text within a width: paragraphs, bullets, and sections with a label on the left.

use anstyle::Style;

use crate::printer::{ALERT, CAUTION, FAINT, GOOD, STRONG, styled};
use crate::text::{clean, wrapped};

const INDENT: &str = "  ";
/// Columns of a section's label.
const LABEL: usize = 11;

/// What a line of evidence says at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
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
    fn symbol(self) -> (&'static str, Style) {
        match self {
            Self::Good => ("✓", GOOD),
            Self::Caution => ("?", CAUTION),
            Self::Alert => ("!", ALERT),
            Self::Plain => ("-", FAINT),
        }
    }
}

/// Text being set.
#[derive(Debug)]
pub struct Sheet {
    text: String,
    width: usize,
}

impl Sheet {
    /// An empty sheet of so many columns.
    pub fn new(width: usize) -> Self {
        Self {
            text: String::new(),
            width,
        }
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// One line that is not wrapped, such as a name.
    pub fn line(&mut self, style: Style, text: &str) {
        self.push(&styled(style, &clean(text)));
    }

    /// Indented, wrapped text.
    pub fn paragraph(&mut self, style: Style, text: &str) {
        for line in wrapped(text, self.width - INDENT.len(), "", "") {
            self.push(&format!("{INDENT}{}", styled(style, &line)));
        }
    }

    /// Wrapped text after a dash.
    pub fn bullet(&mut self, style: Style, text: &str) {
        for line in wrapped(text, self.width - INDENT.len(), "- ", "  ") {
            self.push(&format!("{INDENT}{}", styled(style, &line)));
        }
    }

    /// A label with lines of evidence beside it.
    pub fn section(&mut self, label: &str, lines: &[(Mark, String)]) {
        let mut label = styled(STRONG, &format!("{label:<LABEL$}"));
        for (mark, text) in lines {
            let (symbol, style) = mark.symbol();
            let mut symbol = styled(style, symbol);
            for line in wrapped(text, self.width - INDENT.len() - LABEL - 2, "", "") {
                self.push(&format!("{INDENT}{label}{symbol} {line}"));
                label = " ".repeat(LABEL);
                " ".clone_into(&mut symbol);
            }
        }
    }

    /// The text, without a line's end after the last line.
    pub fn finish(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_sheet() {
        let mut sheet = Sheet::new(40);
        let long = "many words that go on and on ".repeat(10);
        sheet.paragraph(STRONG, &long);
        sheet.bullet(FAINT, &long);
        sheet.section(
            "Manifest",
            &[(Mark::Good, long.clone()), (Mark::Alert, "short".into())],
        );
        let text = anstream::adapter::strip_str(&sheet.finish()).to_string();
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
        assert!(text.ends_with("             ! short"), "{text}");
    }

    #[test]
    fn text_from_outside_cannot_add_lines_or_colours() {
        let mut sheet = Sheet::new(80);
        sheet.section("Manifest", &[(Mark::Plain, "a\n\u{1b}[2Jb".into())]);
        let text = anstream::adapter::strip_str(&sheet.finish()).to_string();
        assert_eq!(text, "  Manifest   - a[2Jb");
    }
}
