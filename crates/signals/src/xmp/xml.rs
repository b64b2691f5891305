//! A tolerant reader of tags. It never looks back and never expands anything.

use std::borrow::Cow;

/// A start tag.
pub(super) struct Tag<'t> {
    pub name: &'t str,
    /// In order, values decoded.
    pub attributes: Vec<(&'t str, Cow<'t, str>)>,
    /// `<name/>`.
    pub closed: bool,
}

/// What comes next.
pub(super) enum Event<'t> {
    Open(Tag<'t>),
    Close,
    Text(Cow<'t, str>),
}

/// Reads events off a text.
pub(super) struct Reader<'t> {
    rest: &'t str,
    attributes_left: usize,
    /// What was wrong, as a key.
    pub problem: Option<&'static str>,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str, attributes: usize) -> Self {
        Self {
            rest: text,
            attributes_left: attributes,
            problem: None,
        }
    }

    pub fn next(&mut self) -> Option<Event<'t>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if !self.rest.starts_with('<') {
                let end = find(self.rest, b'<').unwrap_or(self.rest.len());
                let text = &self.rest[..end];
                self.rest = &self.rest[end..];
                return Some(Event::Text(decode(text)));
            }
            if self.rest.starts_with("<?") {
                self.skip_past("?>")?;
            } else if self.rest.starts_with("<!--") {
                self.skip_past("-->")?;
            } else if let Some(rest) = self.rest.strip_prefix("<![CDATA[") {
                let (text, rest) = rest.split_once("]]>").unwrap_or((rest, ""));
                self.rest = rest;
                return Some(Event::Text(Cow::Borrowed(text)));
            } else if self.rest.starts_with("<!") {
                // XMP has no document types; they are where XML's bombs are.
                self.problem = Some("xmp-document-type");
                return None;
            } else if self.rest.starts_with("</") {
                self.skip_past(">")?;
                return Some(Event::Close);
            } else {
                return self.tag().map(Event::Open);
            }
        }
    }

    fn skip_past(&mut self, end: &str) -> Option<()> {
        match self.rest.split_once(end) {
            Some((_, rest)) => {
                self.rest = rest;
                Some(())
            }
            None => self.broken(),
        }
    }

    fn broken<T>(&mut self) -> Option<T> {
        self.rest = "";
        self.problem = Some("xmp-malformed");
        None
    }

    fn tag(&mut self) -> Option<Tag<'t>> {
        let text = &self.rest[1..];
        let length = text
            .find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
            .unwrap_or(text.len());
        let mut tag = Tag {
            name: &text[..length],
            attributes: Vec::new(),
            closed: false,
        };
        let mut text = text[length..].trim_start();
        loop {
            if let Some(rest) = text.strip_prefix("/>") {
                tag.closed = true;
                self.rest = rest;
                return Some(tag);
            }
            if let Some(rest) = text.strip_prefix('>') {
                self.rest = rest;
                return Some(tag);
            }
            let Some((name, value, rest)) = attribute(text) else {
                // Such as a quote inside a value: go on after the tag.
                self.problem = Some("xmp-malformed");
                match find(text, b'>') {
                    Some(end) => {
                        tag.closed = text[..end].ends_with('/');
                        self.rest = &text[end + 1..];
                        return Some(tag);
                    }
                    None => return self.broken(),
                }
            };
            if self.attributes_left == 0 {
                self.problem = Some("limit");
                self.rest = "";
                return None;
            }
            self.attributes_left -= 1;
            tag.attributes.push((name, decode(value)));
            text = rest.trim_start();
        }
    }
}

/// Name, raw value and what follows.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let end =
        text.find(|c: char| c.is_whitespace() || matches!(c, '=' | '<' | '>' | '"' | '\''))?;
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, rest) = rest[1..].split_once(quote)?;
    Some((name, value, rest))
}

fn find(text: &str, byte: u8) -> Option<usize> {
    memchr::memchr(byte, text.as_bytes())
}

/// Text with XML's own entities and numeric references replaced; any other is left as it stands.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 10;
    if find(text, b'&').is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, b'&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(LONGEST + 1).position(|byte| byte == b';');
        let decoded = end.and_then(|end| Some((entity(&rest[1..end])?, end)));
        if let Some((character, end)) = decoded {
            out.push(character);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}
