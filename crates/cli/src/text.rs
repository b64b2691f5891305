//! Text for a terminal: made safe, wrapped, numbers as people read them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text from outside (names, metadata, manifests), made safe to show: control characters, which
/// could drive the terminal, and characters that turn the direction of writing are left out.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        Cow::Owned(text.chars().filter(|&c| !is_unsafe(c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn is_unsafe(c: char) -> bool {
    let directional = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let invisible = matches!(
        c,
        '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    );
    c.is_control() || directional || invisible
}

/// `text`, cleaned and wrapped to `width` columns; the first line begins with `first`, the others
/// with `rest`.
pub fn wrapped(text: &str, width: usize, first: &str, rest: &str) -> Vec<String> {
    let options = textwrap::Options::new(width)
        // Times and ids hold hyphens that are no place for a break.
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(first)
        .subsequent_indent(rest);
    textwrap::wrap(&clean(text), options)
        .into_iter()
        .map(Cow::into_owned)
        .collect()
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A number with its noun: "1 file", "2 files".
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_cannot_be_driven_by_text_from_outside() {
        assert_eq!(
            clean("a\u{1b}]0;x\u{7}b\u{9b}2Jc\r\nd\u{202e}e"),
            "a]0;xb2Jcde"
        );
        assert_eq!(clean("Zürich 東京 😀"), "Zürich 東京 😀");
    }

    #[test]
    fn wrapping_keeps_the_width() {
        let lines = wrapped(&"word ".repeat(40), 30, "* ", "  ");
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| line.len() <= 30));
        assert!(lines[0].starts_with("* word") && lines[1].starts_with("  word"));
    }
}
