//! Names in archives, for people to read.

/// Longest label, bytes.
const MOST: usize = 512;
/// Stands where the beginning was, so that what is left of a name is never taken for another.
const CUT: &str = "…";

/// A name as a label: `/` between its parts, without `.`, `..`, drives and a leading `/`, so that nobody who takes it
/// for a path is led outside; control characters and those that turn the direction of writing become U+FFFD; of a name
/// longer than 512 bytes the end is kept.
pub fn label(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let parts = text.split(['/', '\\']).filter(|part| {
        let drive = part.len() == 2 && part.ends_with(':');
        !matches!(*part, "" | "." | "..") && !drive
    });
    let mut clean = String::new();
    for part in parts {
        if !clean.is_empty() {
            clean.push('/');
        }
        clean.extend(
            part.chars()
                .map(|c| if is_plain(c) { c } else { '\u{fffd}' }),
        );
    }
    if clean.len() <= MOST {
        return clean;
    }
    let mut from = clean.len() - MOST + CUT.len();
    while !clean.is_char_boundary(from) {
        from += 1;
    }
    format!("{CUT}{}", &clean[from..])
}

/// Whether a label has a part that is hidden by custom, or that only a Mac wrote beside the files.
pub(crate) fn is_hidden(label: &str) -> bool {
    label
        .split('/')
        .any(|part| part.starts_with('.') || part == "__MACOSX")
}

fn is_plain(c: char) -> bool {
    let turning = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turning
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_lead_nowhere() {
        for (name, clean) in [
            ("a/b.jpg", "a/b.jpg"),
            ("/etc/passwd", "etc/passwd"),
            ("../../x.png", "x.png"),
            ("C:\\Users\\x.png", "Users/x.png"),
            ("a/./../b//c", "a/b/c"),
            ("a\u{1b}[2J\n.jpg", "a\u{fffd}[2J\u{fffd}.jpg"),
            ("gpj.\u{202e}exe", "gpj.\u{fffd}exe"),
            ("..", ""),
            ("Zürich 東京.webp", "Zürich 東京.webp"),
        ] {
            assert_eq!(label(name.as_bytes()), clean);
        }
        assert!(is_hidden("a/.git/x.png") && is_hidden("__MACOSX/x.png") && !is_hidden("a.b/c"));
    }

    proptest! {
        #[test]
        fn any_name_becomes_a_relative_label(name in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let label = label(&name);
            prop_assert!(label.len() <= MOST && !label.starts_with('/') && !label.contains('\\'));
            prop_assert!(!label.split('/').any(|part| part == ".."));
            prop_assert!(!label.chars().any(char::is_control));
        }
    }
}
