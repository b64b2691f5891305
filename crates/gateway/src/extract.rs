//! Pictures taken out of JSON while it arrives.
//!
//! An answer is small JSON with huge strings in it. The extractor walks over it byte by byte: the
//! value of every `b64_json`, and of every `url` that is a `data:` URL, is decoded at once and put
//! aside, and its place in the text is taken by its number. What remains is small and goes to a
//! JSON parser. Neither the encoded text of a picture nor more than the limits is ever held.

use crate::base64::{Decoder, Malformed};

/// Most bytes of an answer beside its pictures.
pub(crate) const MAX_TEXT_BYTES: usize = 1 << 20;
/// Longest head of a data URL, `data:image/png;base64`.
const MAX_DATA_HEAD: usize = 128;

/// Why an answer cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A picture is above the limit.
    PictureTooLarge,
    /// The text beside the pictures is above [`MAX_TEXT_BYTES`].
    TextTooLarge,
    /// A picture is not base64.
    Base64(Malformed),
    /// A data URL is not in base64, or its head is too long.
    DataUrl,
    /// A string holds a JSON escape that does not exist.
    Escape,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Extracted {
    /// The JSON, with `"0"` or `"data:0"` in place of the first picture, and so on.
    pub(crate) text: Vec<u8>,
    /// The pictures by number, at most as many as were to be kept.
    pub(crate) pictures: Vec<Vec<u8>>,
}

/// What the string being read is.
#[derive(Debug)]
enum State {
    Outside,
    /// A string that stays as it is.
    Text,
    /// The value of a `url`, as long as it may still turn out to be a data URL: what it says so far.
    Url(Vec<u8>),
    /// A picture.
    Picture(Decoder, Vec<u8>),
}

/// A JSON escape half read.
#[derive(Clone, Copy, Debug)]
enum Escape {
    None,
    Begun,
    /// Digits read and their value.
    Hex(u8, u32),
}

/// The name of the member whose value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Other,
    Base64,
    Url,
}

/// Takes an answer apart piece by piece.
#[derive(Debug)]
pub(crate) struct Extractor {
    out: Extracted,
    state: State,
    escape: Escape,
    /// Where the text of the last string begins in `out.text`.
    start: usize,
    member: Member,
    /// Pictures met, kept or not.
    met: usize,
    keep: usize,
    max_picture_bytes: u64,
}

impl Extractor {
    /// Keeps the first `keep` pictures of at most `max_picture_bytes` bytes each; the bytes of
    /// further ones are passed over.
    pub(crate) fn new(keep: usize, max_picture_bytes: u64) -> Self {
        Self {
            out: Extracted::default(),
            state: State::Outside,
            escape: Escape::None,
            start: 0,
            member: Member::Other,
            met: 0,
            keep,
            max_picture_bytes,
        }
    }

    /// Takes the next piece, of any length.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        for &byte in piece {
            match self.state {
                State::Outside => self.outside(byte)?,
                _ => self.inside(byte)?,
            }
        }
        Ok(())
    }

    /// What was found. A string that has not ended leaves text that no JSON parser accepts.
    pub(crate) fn finish(self) -> Extracted {
        self.out
    }

    fn outside(&mut self, byte: u8) -> Result<(), Trouble> {
        self.keep_text(byte)?;
        match byte {
            b'"' => {
                self.start = self.out.text.len();
                self.state = match self.member {
                    Member::Base64 => self.picture(),
                    Member::Url => State::Url(Vec::new()),
                    Member::Other => State::Text,
                };
                self.member = Member::Other;
            }
            b':' => {
                let end = self.out.text.len() - 1;
                let name = self.out.text[self.start..end].trim_ascii_end();
                self.member = match name {
                    br#"b64_json""# => Member::Base64,
                    br#"url""# => Member::Url,
                    _ => Member::Other,
                };
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.member = Member::Other,
        }
        Ok(())
    }

    fn picture(&mut self) -> State {
        self.met += 1;
        State::Picture(Decoder::default(), Vec::new())
    }

    fn inside(&mut self, byte: u8) -> Result<(), Trouble> {
        if !matches!(self.state, State::Picture(..)) {
            self.keep_text(byte)?;
        }
        let meant = match (self.escape, byte) {
            (Escape::None, b'"') => return self.end_string(),
            (Escape::None, b'\\') => {
                self.escape = Escape::Begun;
                return Ok(());
            }
            (Escape::None, byte) => byte,
            (Escape::Begun, b'u') => {
                self.escape = Escape::Hex(0, 0);
                return Ok(());
            }
            (Escape::Begun, byte) => {
                self.escape = Escape::None;
                match byte {
                    b'"' | b'\\' | b'/' => byte,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' | b'f' => b' ',
                    _ => return Err(Trouble::Escape),
                }
            }
            (Escape::Hex(digits, value), byte) => {
                let digit = char::from(byte).to_digit(16).ok_or(Trouble::Escape)?;
                let value = value * 16 + digit;
                if digits < 3 {
                    self.escape = Escape::Hex(digits + 1, value);
                    return Ok(());
                }
                self.escape = Escape::None;
                // No character outside ASCII means anything in base64 or before it.
                u8::try_from(value).unwrap_or(0xff)
            }
        };
        self.character(meant)
    }

    /// Takes one character of a string, its escapes undone.
    fn character(&mut self, character: u8) -> Result<(), Trouble> {
        match &mut self.state {
            State::Outside | State::Text => Ok(()),
            State::Picture(decoder, bytes) => {
                if self.met > self.keep {
                    return Ok(());
                }
                if let Some(byte) = decoder.push(character).map_err(Trouble::Base64)? {
                    if bytes.len() as u64 >= self.max_picture_bytes {
                        return Err(Trouble::PictureTooLarge);
                    }
                    bytes.push(byte);
                }
                Ok(())
            }
            State::Url(head) => {
                head.push(character);
                let scheme = b"data:";
                let common = head.len().min(scheme.len());
                if !head[..common].eq_ignore_ascii_case(&scheme[..common]) {
                    self.state = State::Text;
                } else if character == b',' {
                    if !head[..head.len() - 1].ends_with(b";base64") {
                        return Err(Trouble::DataUrl);
                    }
                    self.out.text.truncate(self.start);
                    self.out.text.extend_from_slice(scheme);
                    self.state = self.picture();
                } else if head.len() > MAX_DATA_HEAD {
                    return Err(Trouble::DataUrl);
                }
                Ok(())
            }
        }
    }

    fn end_string(&mut self) -> Result<(), Trouble> {
        match std::mem::replace(&mut self.state, State::Outside) {
            // `data:` and no comma.
            State::Url(head) if head.len() >= 5 => Err(Trouble::DataUrl),
            State::Outside | State::Text | State::Url(_) => Ok(()),
            State::Picture(decoder, bytes) => {
                if self.met <= self.keep {
                    decoder.finish().map_err(Trouble::Base64)?;
                    self.out.pictures.push(bytes);
                }
                let number = (self.met - 1).to_string();
                number.bytes().try_for_each(|digit| self.keep_text(digit))?;
                self.keep_text(b'"')
            }
        }
    }

    fn keep_text(&mut self, byte: u8) -> Result<(), Trouble> {
        if self.out.text.len() >= MAX_TEXT_BYTES {
            return Err(Trouble::TextTooLarge);
        }
        self.out.text.push(byte);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn take(text: &str, piece: usize) -> Result<(Value, Vec<Vec<u8>>), Trouble> {
        let mut extractor = Extractor::new(4, 1000);
        for piece in text.as_bytes().chunks(piece) {
            extractor.push(piece)?;
        }
        let found = extractor.finish();
        let value = serde_json::from_slice(&found.text).unwrap_or(Value::Null);
        Ok((value, found.pictures))
    }

    proptest! {
        #[test]
        fn pictures_are_found_however_the_answer_arrives(
            pictures in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4),
            noise in "\\PC{0,20}",
            piece in 1_usize..60,
            pretty in any::<bool>(),
        ) {
            let items: Vec<Value> = pictures.iter().enumerate().map(|(number, bytes)| {
                let code = STANDARD.encode(bytes);
                if number % 2 == 0 {
                    json!({"revised_prompt": noise, "b64_json": code})
                } else {
                    json!({"url": format!("data:image/png;base64,{code}"), noise.clone(): [noise]})
                }
            }).collect();
            let answer = json!({"created": 1, "noise": noise, "data": items});
            let text = if pretty {
                serde_json::to_string_pretty(&answer).unwrap()
            } else {
                answer.to_string()
            };
            let (value, found) = take(&text, piece).unwrap();
            prop_assert_eq!(&found, &pictures);
            prop_assert_eq!(&value["noise"], &json!(noise));
            for number in 0..pictures.len() {
                let item = &value["data"][number];
                let place = if number % 2 == 0 { &item["b64_json"] } else { &item["url"] };
                let expected = if number % 2 == 0 { number.to_string() } else { format!("data:{number}") };
                prop_assert_eq!(place, &json!(expected));
            }
        }

        #[test]
        fn no_bytes_at_all_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut extractor = Extractor::new(1, 8);
            if extractor.push(&bytes).is_ok() {
                let found = extractor.finish();
                prop_assert!(found.pictures.iter().all(|picture| picture.len() <= 8));
            }
        }
    }

    #[test]
    fn escapes_that_some_servers_write_are_undone() {
        let text = r#"{"b64_json":"\/\u002b\/+\n","url":"DATA:image\/png;base64,QUI\u003d"}"#;
        let (value, pictures) = take(text, 3).unwrap();
        assert_eq!(pictures, [vec![0xff, 0xef, 0xfe], b"AB".to_vec()]);
        assert_eq!(value, json!({"b64_json": "0", "url": "data:1"}));
    }

    #[test]
    fn only_values_of_those_members_are_pictures() {
        let text = r#"{"b64_json" : null, "a": "b64_json", "b": ["b64_json", "x:y"],
            "url":"https://host/a?b=\"c\"", "b64_json":7, "u":"data:,x", "x":{"url": "dat"}}"#;
        let mut extractor = Extractor::new(4, 1000);
        extractor.push(text.as_bytes()).unwrap();
        let found = extractor.finish();
        assert_eq!(found.text, text.as_bytes());
        assert!(found.pictures.is_empty());
    }

    #[test]
    fn limits_hold_while_reading() {
        let picture =
            |bytes: usize| json!({"b64_json": STANDARD.encode(vec![7; bytes])}).to_string();
        assert_eq!(take(&picture(1000), 7).unwrap().1[0].len(), 1000);
        assert_eq!(take(&picture(1001), 7), Err(Trouble::PictureTooLarge));
        let long = format!("\"{}\"", "x".repeat(MAX_TEXT_BYTES));
        assert_eq!(take(&long, 4096), Err(Trouble::TextTooLarge));
        let many = json!(vec![json!({"b64_json": "QUJD"}); 9]).to_string();
        let (value, pictures) = take(&many, 11).unwrap();
        assert_eq!(pictures.len(), 4);
        assert_eq!(value[8], json!({"b64_json": "8"}));
    }

    #[test]
    fn what_is_no_picture_is_told() {
        let wrong = [
            (r#"{"b64_json":"!"}"#, Trouble::Base64(Malformed::Alphabet)),
            (
                r#"{"b64_json":"QQ=A"}"#,
                Trouble::Base64(Malformed::Padding),
            ),
            (r#"{"b64_json":"\x"}"#, Trouble::Escape),
            (r#"{"b64_json":"\u00"#, Trouble::Escape),
            (r#"{"url":"data:image/png,%89PNG"}"#, Trouble::DataUrl),
            (r#"{"url":"data:image/png"}"#, Trouble::DataUrl),
        ];
        for (text, trouble) in &wrong[..3] {
            assert_eq!(take(text, 1), Err(*trouble), "{text}");
        }
        for (text, trouble) in &wrong[4..] {
            assert_eq!(take(text, 1), Err(*trouble), "{text}");
        }
        // An answer that stops within a picture is no JSON.
        assert_eq!(take(wrong[3].0, 1).unwrap().0, Value::Null);
    }
}
