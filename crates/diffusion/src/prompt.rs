//! Which prompts are read at all.

use crate::error::DiffusionError;

/// Most bytes of a prompt, UTF-8.
pub const MAX_PROMPT_BYTES: usize = 4_096;
/// Most words of a prompt, divided by white space.
pub const MAX_PROMPT_WORDS: usize = 1_000;

/// Refuses what no model can read. `which` names the part in messages.
pub(crate) fn check(which: &'static str, text: &str) -> Result<(), DiffusionError> {
    let too_long = |found, allowed, unit| DiffusionError::PromptTooLong {
        which,
        found,
        allowed,
        unit,
    };
    if text.len() > MAX_PROMPT_BYTES {
        return Err(too_long(text.len(), MAX_PROMPT_BYTES, "bytes"));
    }
    let words = text.split_whitespace().count();
    if words > MAX_PROMPT_WORDS {
        return Err(too_long(words, MAX_PROMPT_WORDS, "words"));
    }
    // Line ends and tabs come with pasted text and are white space to every tokenizer.
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some((position, c)) = text.char_indices().find(|(_, c)| control(*c)) {
        return Err(DiffusionError::ControlCharacter {
            which,
            code: u32::from(c),
            position,
        });
    }
    Ok(())
}

/// As [`check`], and there must be a word.
pub(crate) fn check_not_empty(which: &'static str, text: &str) -> Result<(), DiffusionError> {
    check(which, text)?;
    if text.trim().is_empty() {
        return Err(DiffusionError::EmptyPrompt(which));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_prompts_pass() {
        for good in [
            "a red fox in the snow",
            "zwei\ngrüne Äpfel\t",
            "一只红狐狸 🦊",
        ] {
            check_not_empty("prompt", good).unwrap();
        }
        check("negative prompt", "").unwrap();
        check_not_empty("prompt", &"a ".repeat(MAX_PROMPT_WORDS)).unwrap();
    }

    #[test]
    fn prompts_without_a_word_are_refused() {
        for bad in ["", "  \n\t "] {
            let error = check_not_empty("prompt", bad).unwrap_err();
            assert_eq!(error, DiffusionError::EmptyPrompt("prompt"));
        }
    }

    #[test]
    fn endless_prompts_are_refused() {
        let words = "a ".repeat(MAX_PROMPT_WORDS + 1);
        let bytes = "word ".repeat(10_000);
        for (bad, unit, found) in [(&words, "words", 1_001), (&bytes, "bytes", 50_000)] {
            let error = check("prompt", bad).unwrap_err().to_string();
            assert!(
                error.contains(unit) && error.contains(&found.to_string()),
                "{error}"
            );
        }
    }

    #[test]
    fn control_characters_are_refused_with_their_place() {
        for (bad, code, position) in [("a\0b", 0, 1), ("é\u{1b}[2J", 0x1b, 2), ("\u{9f}", 0x9f, 0)]
        {
            let error = check("negative prompt", bad).unwrap_err();
            let which = "negative prompt";
            assert_eq!(
                error,
                DiffusionError::ControlCharacter {
                    which,
                    code,
                    position
                }
            );
        }
    }
}
