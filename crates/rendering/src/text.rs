//! Text from outside, made safe to show.

use std::borrow::Cow;

/// Text from outside (names, metadata, manifests), made safe to show: what could drive a terminal, turn
/// the direction of writing or hide among other characters is left out, and white space of any kind
/// becomes spaces, so that the text stays one line.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_break(c) || is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_break(c) {
            // A line's end of two characters is one space.
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else if !is_unsafe(c) {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_break(c: char) -> bool {
    matches!(
        c,
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Controls; marks of direction (UAX #9); characters without a form, such as zero-width spaces and tags;
/// noncharacters, which HTML forbids. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
fn is_unsafe(c: char) -> bool {
    let directional = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let invisible = matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    let noncharacter = (c as u32) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    c.is_control() || directional || invisible || noncharacter
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

/// The first `most` characters, with an ellipsis if there were more.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_cannot_be_driven_by_text_from_outside() {
        assert_eq!(
            clean("a\u{1b}]0;x\u{7}b\u{9b}2Jc\r\nd\u{202e}e"),
            "a]0;xb2Jc de"
        );
        assert_eq!(clean("Zürich 東京 😀"), "Zürich 東京 😀");
    }

    #[test]
    fn what_cannot_be_seen_is_left_out() {
        assert_eq!(
            clean("a\u{200b}b\u{feff}c\u{e0041}d\u{ffff}\u{1fffe}e"),
            "abcde"
        );
        // A family and a word of Persian need their joiners.
        for whole in ["👨\u{200d}👩\u{200d}👧", "می\u{200c}خواهم"] {
            assert_eq!(clean(whole), whole);
        }
    }

    #[test]
    fn wrapping_keeps_the_width() {
        let lines = wrapped(&"word ".repeat(40), 30, "* ", "  ");
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| line.len() <= 30));
        assert!(lines[0].starts_with("* word") && lines[1].starts_with("  word"));
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü", 2), "äö…");
    }
}
