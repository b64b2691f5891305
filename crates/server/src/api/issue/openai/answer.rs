//! Answers in the shapes of the OpenAI API, with what was issued beside each picture.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon_provenance::Format;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::answer::{IssuedBody, name_of};
use super::super::making::One;
use super::ask::{Ask, Quality, ResponseFormat};

/// Pictures of one request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImagesResponse)]
pub(super) struct ImagesBody {
    /// When they were made, Unix seconds.
    created: i64,
    /// Always `opaque`.
    background: &'static str,
    /// One each, in the order of their seeds.
    data: Vec<ImageBody>,
    /// `png`, `jpeg` or `webp`.
    output_format: &'static str,
    /// How much work was spent.
    quality: Quality,
    /// `WIDTHxHEIGHT`.
    size: String,
    /// What is not of the OpenAI API.
    colophon: Beside,
}

/// One picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Image)]
struct ImageBody {
    /// The file, for `response_format` `b64_json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    b64_json: Option<String>,
    /// Its address, for `response_format` `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// What was issued.
    colophon: IssuedBody,
}

/// What is told beside the pictures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Beside {
    /// Names of fields of the request that were ignored.
    ignored: Vec<String>,
}

/// What all pictures of a request share in answers.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub format: Format,
    pub quality: Quality,
    pub response_format: ResponseFormat,
    pub tells_steps: bool,
    /// Scheme and host of addresses.
    pub base: String,
    /// Stands in names of events: `image_generation` or `image_edit`.
    pub event: &'static str,
    pub ignored: Vec<String>,
}

impl Shape {
    pub fn new(ask: &Ask, base: String, event: &'static str) -> Self {
        Self {
            format: ask.format(),
            quality: ask.quality().told(),
            response_format: ask.response_format(),
            tells_steps: ask.tells_steps(),
            base,
            event,
            ignored: ask.ignored.clone(),
        }
    }

    /// With fields that the model or the policies ignore.
    pub fn ignoring(&mut self, more: &[&'static str]) {
        let known = more.iter().map(|name| (*name).to_owned());
        self.ignored.extend(known);
        self.ignored.dedup();
    }

    /// For the header of the same name; none where nothing was ignored.
    pub fn ignored_header(&self) -> Option<HeaderValue> {
        // Names come from the caller; only plain ones can stand in a header.
        let plain = |name: &&String| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
            name.len() <= 64 && name.bytes().all(fits)
        };
        let names: Vec<&str> = self
            .ignored
            .iter()
            .filter(plain)
            .map(String::as_str)
            .collect();
        (!names.is_empty())
            .then(|| HeaderValue::from_str(&names.join(", ")).ok())
            .flatten()
    }

    pub fn issued(&self, one: &One) -> IssuedBody {
        IssuedBody::new(&one.issued, self.format, &self.base).made(&one.issued, &one.made)
    }

    /// The answer to a request without a stream.
    pub fn body(&self, ones: &[One], created: i64) -> ImagesBody {
        let size = ones.first().map_or_else(String::new, size_of);
        let image = |one: &One| {
            let issued = self.issued(one);
            ImageBody {
                b64_json: (self.response_format == ResponseFormat::B64Json)
                    .then(|| base64_of(&one.file)),
                url: (self.response_format == ResponseFormat::Url).then(|| issued.url.clone()),
                colophon: issued,
            }
        };
        ImagesBody {
            created,
            background: "opaque",
            data: ones.iter().map(image).collect(),
            output_format: name_of(self.format),
            quality: self.quality,
            size,
            colophon: Beside {
                ignored: self.ignored.clone(),
            },
        }
    }
}

pub(super) fn size_of(one: &One) -> String {
    format!("{}x{}", one.issued.width, one.issued.height)
}

pub(super) fn base64_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
