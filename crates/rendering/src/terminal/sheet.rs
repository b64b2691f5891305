//! Lines of text within a width: paragraphs, bullets, and sections with a label on the left.

use anstyle::Style;

use super::{Line, STRONG, styled, symbol};
use crate::document::Mark;
use crate::text::{clean, wrapped};

const INDENT: &str = "  ";
/// Columns of a section's label.
const LABEL: usize = 13;
/// Columns that a line inside another is set in by; so deep at most.
const STEP: usize = 2;
const DEEPEST: usize = 4;

/// Text being set.
#[derive(Debug)]
pub(super) struct Sheet {
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
    pub fn section(&mut self, label: &str, lines: &[Line]) {
        let mut label = styled(STRONG, &format!("{label:<LABEL$}"));
        for Line { depth, mark, text } in lines {
            let (sign, style) = symbol(*mark);
            let depth = STEP * depth.min(&DEEPEST);
            let room = self.width - INDENT.len() - LABEL - depth - 2;
            let inset = " ".repeat(depth);
            // Inside another line, a plain one needs no sign.
            let mut sign = if depth > 0 && *mark == Mark::Plain {
                " ".to_owned()
            } else {
                styled(style, sign)
            };
            for line in wrapped(text, room, "", "") {
                self.push(&format!("{INDENT}{label}{inset}{sign} {line}"));
                label = " ".repeat(LABEL);
                " ".clone_into(&mut sign);
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
    use super::super::FAINT;
    use super::*;

    fn line(depth: usize, mark: Mark, text: &str) -> Line {
        Line {
            depth,
            mark,
            text: text.to_owned(),
        }
    }

    #[test]
    fn no_line_is_wider_than_the_sheet() {
        let mut sheet = Sheet::new(40);
        let long = "many words that go on and on ".repeat(10);
        sheet.paragraph(STRONG, &long);
        sheet.bullet(FAINT, &long);
        let lines = [
            line(0, Mark::Good, &long),
            line(9, Mark::Plain, &long),
            line(0, Mark::Alert, "short"),
        ];
        sheet.section("Manifest", &lines);
        let text = anstream::adapter::strip_str(&sheet.finish()).to_string();
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
        assert!(text.ends_with("               ! short"), "{text}");
    }

    #[test]
    fn text_from_outside_cannot_add_lines_or_colours() {
        let mut sheet = Sheet::new(80);
        sheet.section("Manifest", &[line(0, Mark::Plain, "a\n\u{1b}[2Jb")]);
        let text = anstream::adapter::strip_str(&sheet.finish()).to_string();
        assert_eq!(text, "  Manifest     - a [2Jb");
    }
}
