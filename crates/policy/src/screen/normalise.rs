//! One form for many spellings.
//!
//! In order: NFKC (UAX 15), removal of what is invisible and of marks above and below letters, letters that look like
//! Latin ones become those (UTS 39 prototypes), lower case, words, letters that stand alone joined to a word. Digits
//! and signs in the place of letters are read in [`Reading`]s, since `1` may stand for `i` and for `l`.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// Fewest letters alone that make a word: "k i l l", but not "plan a b".
const LEAST_SPACED: usize = 3;
/// Equal letters in a row from which on they are no spelling.
const LEAST_REPEATED: usize = 3;
/// Rounds after which a form is taken as it is; all of Unicode settles in three.
const MOST_ROUNDS: usize = 4;

/// How signs in the place of letters are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// What `1`, `!` and `|` stand for; `None` leaves all signs as they are.
    one: Option<char>,
    /// How many of three or more equal letters are kept.
    kept: usize,
}

impl Reading {
    pub(crate) const ALL: [Self; 5] = [
        Self { one: None, kept: 2 },
        Self {
            one: Some('i'),
            kept: 2,
        },
        Self {
            one: Some('l'),
            kept: 2,
        },
        Self {
            one: Some('i'),
            kept: 1,
        },
        Self {
            one: Some('l'),
            kept: 1,
        },
    ];

    /// The words read this way, one space between them, with the range of each.
    pub(crate) fn of(self, words: &[Word]) -> (String, Vec<Range<usize>>) {
        let mut text = String::new();
        let mut places = Vec::with_capacity(words.len());
        for word in words {
            if !text.is_empty() {
                text.push(' ');
            }
            let start = text.len();
            self.read(&word.text, &mut text);
            places.push(start..text.len());
        }
        (text, places)
    }

    fn read(self, word: &str, out: &mut String) {
        // A number stays one.
        let letters = word.chars().any(char::is_alphabetic);
        let read = |sign| match self.one {
            Some(one) if letters => letter(sign, one),
            _ => sign,
        };
        let mut signs = word.chars().map(read).peekable();
        while let Some(sign) = signs.next() {
            let mut run = 1;
            while signs.next_if_eq(&sign).is_some() {
                run += 1;
            }
            let stretched = run >= LEAST_REPEATED && sign.is_alphabetic();
            let kept = if stretched { self.kept } else { run };
            out.extend(std::iter::repeat_n(sign, kept));
        }
    }
}

/// The letter that a sign stands for between letters.
fn letter(sign: char, one: char) -> char {
    match sign {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' | '\u{20ac}' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    }
}

/// Signs that may stand for a letter and otherwise part words.
const SIGNS: [char; 5] = ['@', '$', '!', '|', '\u{20ac}'];

/// A word in one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub text: String,
    /// Whether it was put together from letters that stood alone: where words end in it is not known.
    pub joined: bool,
}

impl Word {
    fn of(text: String) -> Self {
        Self {
            text,
            joined: false,
        }
    }

    fn is_letter(&self) -> bool {
        self.text.chars().nth(1).is_none()
    }
}

/// The words of a text in one form. Words hold letters and digits, and of [`SIGNS`] those between two of them or before.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let folded = fold(text);
    let mut parts: Vec<Part> = Vec::new();
    let mut gap = 0;
    let is_apart = |sign: char| !(sign.is_alphanumeric() || SIGNS.contains(&sign));
    for part in folded.split_inclusive(is_apart) {
        let word = part.trim_end_matches(is_apart);
        // "Help!" is no word with an i at its end.
        let word = word
            .trim_end_matches(['!', '|', '\u{20ac}'])
            .trim_start_matches(['!', '|']);
        if word.chars().any(char::is_alphanumeric) {
            parts.push(Part {
                word: Word::of(word.to_owned()),
                gap,
            });
            gap = 0;
        }
        gap += 1;
    }
    join_letters(parts)
}

/// What stands between two gaps.
struct Part {
    word: Word,
    /// How many signs part it from what is before.
    gap: usize,
}

/// The text in one form: its words with one space between them. The same again for its own result.
pub fn normalise(text: &str) -> String {
    let words: Vec<String> = words(text).into_iter().map(|word| word.text).collect();
    words.join(" ")
}

/// Runs of single letters become words, parted where the gap is wider than between letters. Letters left alone beside
/// each other by that are a run of their own, as they would be for whoever reads the result.
fn join_letters(parts: Vec<Part>) -> Vec<Word> {
    let mut joined = join_once(parts);
    while joined
        .windows(LEAST_SPACED)
        .any(|words| words.iter().all(Word::is_letter))
    {
        let parts = joined.into_iter().map(|word| Part { word, gap: 1 });
        joined = join_once(parts.collect());
    }
    joined
}

fn join_once(parts: Vec<Part>) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::with_capacity(parts.len());
    let mut run: Vec<Part> = Vec::new();
    for part in parts {
        if part.word.is_letter() {
            run.push(part);
        } else {
            join_run(std::mem::take(&mut run), &mut joined);
            joined.push(part.word);
        }
    }
    join_run(run, &mut joined);
    joined
}

fn join_run(run: Vec<Part>, joined: &mut Vec<Word>) {
    if run.len() < LEAST_SPACED {
        joined.extend(run.into_iter().map(|part| part.word));
        return;
    }
    let usual = run.iter().skip(1).map(|part| part.gap).min().unwrap_or(0);
    for (number, part) in run.into_iter().enumerate() {
        match joined.last_mut() {
            Some(word) if number > 0 && part.gap <= usual => word.text.push_str(&part.word.text),
            _ => joined.push(Word {
                text: part.word.text,
                joined: true,
            }),
        }
    }
}

/// Characters in one form each.
fn fold(text: &str) -> String {
    let mut folded = fold_once(text);
    for _ in 1..MOST_ROUNDS {
        if folded.is_ascii() {
            break;
        }
        let again = fold_once(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn fold_once(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for sign in text.nfkc().filter(|sign| !is_invisible(*sign)) {
        if sign.is_ascii() {
            folded.push(sign.to_ascii_lowercase());
            continue;
        }
        for sign in look_alike(sign) {
            match sign {
                '\u{df}' | '\u{1e9e}' => folded.push_str("ss"),
                sign => folded.extend(sign.to_lowercase()),
            }
        }
    }
    folded
        .nfd()
        .filter(|sign| !is_combining_mark(*sign))
        .collect()
}

/// The characters that a character looks like; of one that looks like no Latin letter, itself.
fn look_alike(sign: char) -> Vec<char> {
    // UTS 39 takes these for another small letter that no keyboard has.
    if matches!(sign, '\u{43a}' | '\u{138}' | '\u{1d0b}' | '\u{3ba}') {
        return vec!['k'];
    }
    // The prototype of an eszett is a beta.
    if matches!(sign, '\u{df}' | '\u{1e9e}') {
        return vec![sign];
    }
    let mut bytes = [0; 4];
    let prototype: Vec<char> = skeleton(sign.encode_utf8(&mut bytes)).collect();
    let latin = prototype.iter().any(char::is_ascii_alphanumeric);
    if latin { prototype } else { vec![sign] }
}

/// Zero-width characters, direction marks, variation selectors and fillers, and soft hyphens.
fn is_invisible(sign: char) -> bool {
    matches!(sign,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn readings(text: &str) -> Vec<String> {
        let words = words(text);
        Reading::ALL
            .iter()
            .map(|reading| reading.of(&words).0)
            .collect()
    }

    #[test]
    fn spellings_meet_in_one_form() {
        for (text, form) in [
            ("K\u{200b}I\u{ad}L\u{2060}L", "kill"),
            ("\u{ff4b}\u{ff49}\u{ff4c}\u{ff4c}", "kill"),
            ("\u{43a}\u{456}ll", "kill"),
            ("\u{1d424}\u{1d422}\u{1d425}\u{1d425}", "kill"),
            ("k i l l", "kill"),
            ("k.i-l_l", "kill"),
            ("k i l l  t h e m", "kill them"),
            ("k\u{ef}ll, kill!", "kill kill"),
            ("STRASSE stra\u{df}e", "strasse strasse"),
            ("a \u{212b}ngstr\u{f6}m", "a angstrom"),
            ("\u{410}\u{412}\u{421} abc", "abc abc"),
        ] {
            assert_eq!(normalise(text), form, "{text}");
        }
    }

    #[test]
    fn signs_in_the_place_of_letters_are_read_both_ways() {
        assert!(readings("k1ll").contains(&"kill".to_owned()));
        assert!(readings("k!ll").contains(&"kill".to_owned()));
        assert!(readings("ki1l").contains(&"kill".to_owned()));
        assert!(readings("b0mb5").contains(&"bombs".to_owned()));
        assert!(readings("$ex").contains(&"sex".to_owned()));
        assert!(readings("kiiiill").contains(&"kill".to_owned()));
        assert!(readings("bommmb").contains(&"bomb".to_owned()));
        assert!(readings("deepfaaake").contains(&"deepfake".to_owned()));
    }

    #[test]
    fn what_is_meant_as_it_stands_stays() {
        for text in ["1945", "plan a b", "book", "9 lives", "100 $"] {
            assert!(readings(text).contains(&normalise(text)), "{text}");
        }
        assert_eq!(readings("1945")[1], "1945");
        assert_eq!(normalise("plan a b"), "plan a b");
        assert_eq!(normalise("Help!"), "help");
    }

    #[test]
    fn letters_parted_by_wide_gaps_are_joined_at_once() {
        let text = "\u{9e6}\"a\":\u{116d0}\"\"a:\"\u{1d725} ";
        let once = normalise(text);
        assert_eq!(once, "oa \u{116d0}ak");
        assert_eq!(normalise(&once), once);
    }

    proptest! {
        #[test]
        fn the_form_is_its_own_form(text in "\\PC{0,40}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn readings_keep_the_number_of_words(text in "([a-z0-9!$@|]{1,6}| ){0,20}") {
            let words = words(&text);
            for reading in Reading::ALL {
                let (read, places) = reading.of(&words);
                prop_assert_eq!(places.len(), words.len());
                prop_assert_eq!(read.split(' ').filter(|word| !word.is_empty()).count(), words.len());
            }
        }
    }
}
