//! From the bytes of an answer to pictures and addresses of pictures.

use serde_json::Value;

use crate::base64::Malformed;
use crate::extract::{Extracted, Extractor, MAX_TEXT_BYTES, Trouble};
use crate::secret::Secret;
use crate::server_error::{ServerError, is_invisible};

/// Where a picture is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In the answer.
    Bytes(Vec<u8>),
    /// At an address, as the server wrote it.
    Address(String),
}

/// One picture of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) source: Source,
    pub(crate) revised_prompt: Option<String>,
}

/// An answer that can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// At most as many as asked for.
    pub(crate) items: Vec<Item>,
    /// Pictures in the answer, those above the number asked for included.
    pub(crate) returned: usize,
    pub(crate) model: Option<String>,
    pub(crate) created: Option<i64>,
}

/// Why an answer of status 2xx is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Useless {
    /// An error where pictures should be.
    Error(ServerError),
    /// A picture above the limit.
    PictureTooLarge,
    /// Not what an images server returns: the reason.
    Unreadable(String),
}

/// Reads an answer while it arrives.
pub(crate) struct AnswerReader {
    extractor: Extractor,
    count: usize,
    trouble: Option<Trouble>,
    /// Whether the first byte that is no blank opens a tag.
    page: Option<bool>,
}

impl AnswerReader {
    pub(crate) fn new(count: u32, max_picture_bytes: u64) -> Self {
        Self {
            extractor: Extractor::new(count as usize, max_picture_bytes),
            count: count as usize,
            trouble: None,
            page: None,
        }
    }

    /// Takes the next piece; `false` when reading on is useless.
    pub(crate) fn push(&mut self, piece: &[u8]) -> bool {
        if self.page.is_none() {
            self.page = piece.trim_ascii_start().first().map(|&byte| byte == b'<');
        }
        self.trouble = self.extractor.push(piece).err();
        self.trouble.is_none() && self.page != Some(true)
    }

    pub(crate) fn finish(self, key: Option<&Secret>) -> Result<Parsed, Useless> {
        let unreadable = |reason: &str| Useless::Unreadable(reason.to_owned());
        if self.page == Some(true) {
            return Err(unreadable("it is a web page"));
        }
        match self.trouble {
            None => {}
            Some(Trouble::PictureTooLarge) => return Err(Useless::PictureTooLarge),
            Some(Trouble::TextTooLarge) => {
                let reason = format!("it has more than {MAX_TEXT_BYTES} bytes beside its pictures");
                return Err(Useless::Unreadable(reason));
            }
            Some(Trouble::Base64(Malformed::Alphabet)) => {
                return Err(unreadable("a picture holds characters that are not base64"));
            }
            Some(Trouble::Base64(Malformed::Padding)) => {
                return Err(unreadable(
                    "the base64 of a picture is cut off or badly padded",
                ));
            }
            Some(Trouble::DataUrl) => {
                return Err(unreadable("a data: URL is not in base64"));
            }
            Some(Trouble::Escape) => return Err(unreadable("it is not JSON")),
        }
        let Extracted { text, mut pictures } = self.extractor.finish();
        let body: Value = serde_json::from_slice(&text).map_err(|error| {
            unreadable(if error.is_eof() {
                "it ends early"
            } else {
                "it is not JSON"
            })
        })?;
        if let Some(error) = ServerError::from_json(&body, key) {
            return Err(Useless::Error(error));
        }
        let Some(data) = body.get("data").and_then(Value::as_array) else {
            return Err(unreadable("it has no list `data`"));
        };
        let mut items = Vec::new();
        let mut returned = 0;
        for (number, item) in data.iter().enumerate() {
            if let Some(item) = read_item(item, &mut pictures)? {
                returned += 1;
                if number < self.count {
                    items.push(item);
                }
            }
        }
        Ok(Parsed {
            items,
            returned,
            model: text_of(&body, "model"),
            created: body.get("created").and_then(Value::as_i64),
        })
    }
}

/// One member of `data`; `None` when it has neither a picture nor an address, which is how some
/// servers withhold one.
fn read_item(item: &Value, pictures: &mut [Vec<u8>]) -> Result<Option<Item>, Useless> {
    if !item.is_object() {
        let reason = "a member of `data` is no object".to_owned();
        return Err(Useless::Unreadable(reason));
    }
    let field = |name: &str| match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Useless::Unreadable(format!("`{name}` is no text"))),
    };
    let (code, address) = (field("b64_json")?, field("url")?);
    // The extractor left numbers; those of pictures above the number asked for were not kept.
    let numbered = |text: &str| text.parse::<usize>().ok();
    let inside = code.or_else(|| address.and_then(|address| address.strip_prefix("data:")));
    let source = match (inside.and_then(numbered), address) {
        (Some(number), _) => Source::Bytes(match pictures.get_mut(number) {
            Some(bytes) if bytes.is_empty() => return Ok(None),
            Some(bytes) => std::mem::take(bytes),
            None => Vec::new(),
        }),
        (None, Some(address)) if !address.is_empty() => Source::Address(address.to_owned()),
        (None, _) => return Ok(None),
    };
    Ok(Some(Item {
        source,
        revised_prompt: text_of(item, "revised_prompt"),
    }))
}

/// A text of the server without characters that play tricks on terminals; `None` when empty.
fn text_of(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?;
    let clean = |c: &char| (!c.is_control() || *c == '\n') && !is_invisible(*c);
    let text: String = text.chars().filter(clean).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str, count: u32) -> Result<Parsed, Useless> {
        let mut reader = AnswerReader::new(count, 100);
        for piece in text.as_bytes().chunks(5) {
            if !reader.push(piece) {
                break;
            }
        }
        reader.finish(None)
    }

    fn reason(text: &str) -> String {
        match read(text, 1) {
            Err(Useless::Unreadable(reason)) => reason,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn answers_of_the_known_servers_are_read() {
        let vllm = json!({"created": 17, "data": [
            {"b64_json": "QUI=", "url": null, "revised_prompt": null}],
            "output_format": "png", "size": "64x64", "metrics": {}});
        let parsed = read(&vllm.to_string(), 1).unwrap();
        assert_eq!(parsed.items[0].source, Source::Bytes(b"AB".to_vec()));
        assert_eq!((parsed.created, parsed.returned), (Some(17), 1));

        let sglang = json!({"id": "x", "created": 1, "data": [{"b64_json": null,
            "url": "/v1/images/x/content", "revised_prompt": "a\u{1b}b", "file_path": "/tmp/x"}],
            "peak_memory_mb": 1.5});
        let parsed = read(&sglang.to_string(), 1).unwrap();
        let address = "/v1/images/x/content".to_owned();
        assert_eq!(parsed.items[0].source, Source::Address(address));
        assert_eq!(parsed.items[0].revised_prompt.as_deref(), Some("ab"));

        let local_ai = json!({"created": 1, "id": "i", "model": "flux", "data": [
            {"embedding": null, "index": 0, "url": "http://h/generated-images/b64.png"}],
            "usage": {"input_tokens": 0}});
        assert_eq!(
            read(&local_ai.to_string(), 1).unwrap().model.as_deref(),
            Some("flux")
        );

        let data_url = r#"{"data":[{"url":"data:image/webp;base64,QUI="}]}"#;
        let parsed = read(data_url, 1).unwrap();
        assert_eq!(parsed.items[0].source, Source::Bytes(b"AB".to_vec()));
    }

    #[test]
    fn fewer_more_and_withheld_pictures_are_counted() {
        let many = json!({"data": vec![json!({"b64_json": "QUI="}); 5]}).to_string();
        let parsed = read(&many, 2).unwrap();
        assert_eq!((parsed.items.len(), parsed.returned), (2, 5));
        let withheld = json!({"data": [{}, {"b64_json": ""}, {"url": ""}, {"url": "x"},
            {"b64_json": "QUI=", "respect_moderation": true}]})
        .to_string();
        let parsed = read(&withheld, 5).unwrap();
        assert_eq!((parsed.items.len(), parsed.returned), (2, 2));
        assert_eq!(read(r#"{"data":[]}"#, 1).unwrap().returned, 0);
    }

    #[test]
    fn useless_answers_say_why() {
        assert_eq!(reason(" \n<!DOCTYPE html>"), "it is a web page");
        assert_eq!(reason(""), "it ends early");
        assert_eq!(reason(r#"{"data":[{"b64_json":"QUJ"#), "it ends early");
        assert_eq!(reason("data"), "it is not JSON");
        assert_eq!(reason(r#"{"data":[]}{"#), "it is not JSON");
        assert_eq!(reason("[]"), "it has no list `data`");
        assert_eq!(reason(r#"{"data":{}}"#), "it has no list `data`");
        assert_eq!(reason(r#"{"data":[7]}"#), "a member of `data` is no object");
        assert_eq!(reason(r#"{"data":[{"url":7}]}"#), "`url` is no text");
        assert!(reason(r#"{"data":[{"b64_json":"QUJ*"}]}"#).contains("not base64"));
        assert!(reason(r#"{"data":[{"b64_json":"QUJDR"}]}"#).contains("cut off"));
        assert!(reason(&"[".repeat(100_000)).contains("not JSON"));
        let error = read(r#"{"error":{"message":"no"}}"#, 1);
        assert!(matches!(error, Err(Useless::Error(_))));
        let large = format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, "A".repeat(1000));
        assert_eq!(read(&large, 1), Err(Useless::PictureTooLarge));
    }

    proptest! {
        #[test]
        fn no_text_at_all_makes_it_panic(text in "[\\[\\]{}\":,a-z0-9 \\\\=/+]{0,80}") {
            let _ = read(&text, 2);
            let _ = read(&format!(r#"{{"data":[{{"url":"{text}"}}]}}"#), 2);
            let _ = read(&format!(r#"{{"data":[{{"b64_json":{text}}}]}}"#), 2);
        }
    }
}
