//! A prompt as the words and trigrams that the reader knows.

use std::collections::HashMap;

/// Buckets that trigrams are hashed into.
pub(super) const TRIGRAMS: usize = 2048;
/// Words read of a prompt; what follows is not looked at.
pub(super) const LONGEST: usize = 64;

/// Lower-case words of ASCII letters and digits, each with an apostrophe ending at most; a comma is
/// a word, everything else separates.
pub(super) fn split(text: &str) -> Vec<String> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let run = |from: usize, of: &dyn Fn(char) -> bool| {
        text[from..].iter().take_while(|c| of(**c)).count()
    };
    let mut words = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] == ',' {
            words.push(",".to_owned());
            at += 1;
            continue;
        }
        let mut length = run(at, &is_word);
        if length == 0 {
            at += 1;
            continue;
        }
        if text.get(at + length) == Some(&'\'') {
            let ending = run(at + length + 1, &|c| c.is_ascii_lowercase());
            if ending > 0 {
                length += 1 + ending;
            }
        }
        words.push(text[at..at + length].iter().collect());
        at += length;
    }
    words
}

/// Buckets of the trigrams of `<word>`: FNV-1a of their bytes, 32 bits.
pub(super) fn trigrams(word: &str) -> Vec<u32> {
    let marked = format!("<{word}>");
    let bytes = marked.as_bytes();
    let hash = |gram: &[u8]| {
        let value = gram.iter().fold(0x811C_9DC5_u32, |value, byte| {
            (value ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        value % TRIGRAMS as u32
    };
    // A marked word has three bytes at least.
    bytes.windows(3).map(hash).collect()
}

/// Numbers of words; 0 stands for all that are not known.
pub(super) struct Vocabulary(HashMap<String, u32>);

impl Vocabulary {
    pub(super) fn new(words: Vec<String>) -> Self {
        let numbered = words.into_iter().zip(1..);
        Self(numbered.collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn id(&self, word: &str) -> u32 {
        self.0.get(word).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_cut_as_in_training() {
        let cut = split("Two GREEN apples, on a blue\tbackground! It's 4k — sci-fi's o' x''y");
        let expected = [
            "two",
            "green",
            "apples",
            ",",
            "on",
            "a",
            "blue",
            "background",
            "it's",
            "4k",
            "sci",
            "fi's",
            "o",
            "x",
            "y",
        ];
        assert_eq!(cut, expected);
        assert!(split("…—!?").is_empty());
    }

    #[test]
    fn trigrams_are_hashed_as_in_training() {
        // From trigrams() of training/reader.py.
        assert_eq!(trigrams("a").len(), 1);
        assert_eq!(trigrams("fox").len(), 3);
        assert_eq!(trigrams("fox"), FOX);
    }

    const FOX: [u32; 3] = [1112, 846, 1348];

    proptest! {
        #[test]
        fn any_text_is_cut_into_known_characters(text in ".{0,200}") {
            for word in split(&text) {
                prop_assert!(word == "," || word.chars().all(|c| c.is_ascii_alphanumeric() || c == '\''));
                prop_assert!(trigrams(&word).iter().all(|gram| (*gram as usize) < TRIGRAMS));
            }
        }
    }
}
