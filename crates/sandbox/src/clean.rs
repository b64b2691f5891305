//! Text of a child as a person may see it.

/// The text on one line, at most `limit` characters, without what could steer a terminal or turn a line around.
///
/// Control characters become spaces, and runs of white space one space. Bidirectional and invisible format characters
/// (Unicode category Cf, as far as they reorder or hide text) are left out.
pub(crate) fn clean(bytes: &[u8], limit: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut line = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let visible: String = word.chars().filter(|c| !hides(*c)).collect();
        if visible.is_empty() {
            continue;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        let room = limit.saturating_sub(length);
        line.extend(visible.chars().take(room));
        length += visible.chars().count();
        if length >= limit {
            line.push('…');
            break;
        }
    }
    line
}

/// Whether the character is invisible and changes how others are shown.
fn hides(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn terminals_and_readers_are_not_steered() {
        let text = "thread 'main'\n\tpanicked \u{1b}[31mat\u{202e} \u{200b} x\u{0}y\r\n\n";
        assert_eq!(
            clean(text.as_bytes(), 80),
            "thread 'main' panicked [31mat x y"
        );
        assert_eq!(clean(b"\xff\xfe", 80), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(clean(b"one two three", 7), "one two…");
        assert_eq!(clean("ä".repeat(50).as_bytes(), 3), "äää…");
        assert_eq!(clean(b"", 3), "");
    }
}
