//! JSON as Python's `json.dumps(json.loads(text))` writes it, byte for byte.
//!
//! `NovelAI` signs what Python wrote after one key was taken out, so its separators, escapes and numbers must be
//! had again: `", "` and `": "`, everything beyond printable ASCII as `\uXXXX`, floats in their shortest form.

use std::fmt::Write;

/// Nesting that is followed.
const MAX_DEPTH: usize = 64;
/// Python refuses longer whole numbers.
const MAX_DIGITS: usize = 4300;

/// An object written anew without one of its keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Without {
    /// The object without the key.
    pub(super) rest: String,
    /// The string that stood under the key, if it was there.
    pub(super) taken: Option<String>,
}

/// `text`, an object, without `key` at its top level; `None` unless Python could read it.
///
/// A key that stands twice is written twice, where Python keeps the last: such text was not written by Python.
pub(super) fn without(text: &str, key: &str) -> Option<Without> {
    let mut writer = Writer {
        bytes: text.as_bytes(),
        text,
        at: 0,
        out: String::with_capacity(text.len()),
        taken: None,
    };
    writer.space();
    writer.object(0, Some(key))?;
    writer.space();
    (writer.at == text.len()).then_some(Without {
        rest: writer.out,
        taken: writer.taken,
    })
}

struct Writer<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    out: String,
    /// The string under the key that is left out.
    taken: Option<String>,
}

impl Writer<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        found.then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(depth, None),
            b'[' => self.array(depth),
            b'"' => self.string(),
            _ => self.word().or_else(|| self.number()),
        }
    }

    /// What stands under `leave_out` is kept and not written.
    fn object(&mut self, depth: usize, leave_out: Option<&str>) -> Option<()> {
        self.take(b'{')?;
        self.out.push('{');
        let mut first = true;
        self.space();
        if self.take(b'}').is_some() {
            self.out.push('}');
            return Some(());
        }
        loop {
            let before = self.out.len();
            if !first {
                self.out.push_str(", ");
            }
            let key_starts = self.out.len();
            self.space();
            self.string()?;
            let is_left_out =
                leave_out.is_some_and(|key| &self.out[key_starts + 1..self.out.len() - 1] == key);
            self.out.push_str(": ");
            self.space();
            self.take(b':')?;
            self.space();
            let value_starts = self.out.len();
            self.value(depth + 1)?;
            if is_left_out {
                let value = self.out[value_starts..].strip_prefix('"')?;
                self.taken = Some(value.strip_suffix('"')?.to_owned());
                self.out.truncate(before);
            } else {
                first = false;
            }
            self.space();
            if self.take(b',').is_none() {
                self.take(b'}')?;
                self.out.push('}');
                return Some(());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.take(b'[')?;
        self.out.push('[');
        self.space();
        if self.take(b']').is_some() {
            self.out.push(']');
            return Some(());
        }
        loop {
            self.space();
            self.value(depth + 1)?;
            self.space();
            if self.take(b',').is_none() {
                self.take(b']')?;
                self.out.push(']');
                return Some(());
            }
            self.out.push_str(", ");
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        self.out.push('"');
        loop {
            let c = self.text.get(self.at..)?.chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => {
                    self.out.push('"');
                    return Some(());
                }
                '\\' => self.escape()?,
                // Python's reader is strict about control characters.
                '\0'..='\x1f' => return None,
                _ => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        self.unit(*unit);
                    }
                }
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let unit = match self.peek()? {
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'f' => 12,
            b'r' => 13,
            plain @ (b'"' | b'\\' | b'/') => u16::from(plain),
            b'u' => {
                let digits = self.text.get(self.at + 1..self.at + 5)?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                self.at += 4;
                u16::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        };
        self.at += 1;
        self.unit(unit);
        Some(())
    }

    /// One UTF-16 unit of a string. Python writes halves of pairs singly, too.
    fn unit(&mut self, unit: u16) {
        let escaped = match unit {
            0x08 => "\\b",
            0x09 => "\\t",
            0x0a => "\\n",
            0x0c => "\\f",
            0x0d => "\\r",
            0x22 => "\\\"",
            0x5c => "\\\\",
            0x20..=0x7e => {
                self.out.push(char::from(unit as u8));
                return;
            }
            _ => {
                let _ = write!(self.out, "\\u{unit:04x}");
                return;
            }
        };
        self.out.push_str(escaped);
    }

    fn word(&mut self) -> Option<()> {
        let words = ["true", "false", "null", "NaN", "Infinity", "-Infinity"];
        let rest = self.text.get(self.at..)?;
        let word = words.into_iter().find(|word| rest.starts_with(word))?;
        self.at += word.len();
        self.out.push_str(word);
        Some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let _ = self.take(b'-');
        let leading_zero = self.peek()? == b'0';
        let digits = self.digits();
        if digits == 0 || digits > MAX_DIGITS || (leading_zero && digits > 1) {
            return None;
        }
        let whole = self.at;
        if self.take(b'.').is_some() && self.digits() == 0 {
            return None;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            let _ = self.take(b'+').or_else(|| self.take(b'-'));
            if self.digits() == 0 {
                return None;
            }
        }
        let number = &self.text[start..self.at];
        if self.at > whole {
            self.out.push_str(&float(number.parse().ok()?));
        } else {
            self.out.push_str(if number == "-0" { "0" } else { number });
        }
        Some(())
    }
}

/// Python's `repr` of a float.
fn float(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let shortest = format!("{value:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = value.to_string();
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dumped(text: &str) -> Option<String> {
        without(text, "signed_hash").map(|object| object.rest)
    }

    /// Right sides: `json.dumps(json.loads(left))` of Python 3.11.
    #[test]
    fn python_writes_the_same() {
        for (text, expected) in [
            ("{}", "{}"),
            (" {\"a\" :1,\n\"b\":[ ]} ", r#"{"a": 1, "b": []}"#),
            (
                r#"{"a":[1,-0,-0.0,5.0,0.1,1e5,1E-5,0.0001,1e16,123456789012345678901234567890]}"#,
                r#"{"a": [1, 0, -0.0, 5.0, 0.1, 100000.0, 1e-05, 0.0001, 1e+16, 123456789012345678901234567890]}"#,
            ),
            (
                r#"{"a":[1e400,-1e400,NaN,Infinity,1.7976931348623157e308,5e-324,9007199254740993.0]}"#,
                r#"{"a": [Infinity, -Infinity, NaN, Infinity, 1.7976931348623157e+308, 5e-324, 9007199254740992.0]}"#,
            ),
            (
                "{\"ä\":\"\u{1F600}\\u00E9\\/\\\"\\n\u{7f}\\ud800\"}",
                r#"{"\u00e4": "\ud83d\ude00\u00e9/\"\n\u007f\ud800"}"#,
            ),
            (
                r#"{"a":{"signed_hash":"kept"},"b":[true,false,null]}"#,
                r#"{"a": {"signed_hash": "kept"}, "b": [true, false, null]}"#,
            ),
        ] {
            assert_eq!(dumped(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_key_is_taken_out_wherever_it_stands() {
        for (text, rest) in [
            (r#"{"signed_hash":"x/y","a":1}"#, r#"{"a": 1}"#),
            (r#"{"a":1,"signed_hash":"x/y"}"#, r#"{"a": 1}"#),
            (
                r#"{"a":1,"signed_hash":"x/y","b":2}"#,
                r#"{"a": 1, "b": 2}"#,
            ),
            (r#"{"signed_hash":"x/y"}"#, "{}"),
        ] {
            let expected = Without {
                rest: rest.to_owned(),
                taken: Some("x/y".to_owned()),
            };
            assert_eq!(without(text, "signed_hash"), Some(expected), "{text}");
        }
        assert_eq!(without(r#"{"signed_hash":7}"#, "signed_hash"), None);
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            "{}x",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":-}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u+123\"}",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "{a:1}",
        ] {
            assert_eq!(dumped(text), None, "{text}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(70), "]".repeat(70));
        assert_eq!(dumped(&deep), None);
    }

    proptest! {
        #[test]
        fn writing_twice_changes_nothing(text in r#"\{("[a-zé\\"]{0,3}":[-0-9.e]{1,5},?){0,3}\}|\PC*"#) {
            if let Some(once) = dumped(&text) {
                prop_assert!(once.is_ascii());
                prop_assert_eq!(dumped(&once), Some(once));
            }
        }

        #[test]
        fn floats_keep_their_value(value in proptest::num::f64::NORMAL) {
            prop_assert_eq!(float(value).parse::<f64>().unwrap(), value);
        }
    }
}
