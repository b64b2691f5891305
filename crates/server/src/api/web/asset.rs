//! One file as it is answered: with its type, a name for its content, and small where the browser can unpack it.

use std::io::Write as _;

use axum::body::Bytes;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::api::front::compress;

/// How long a browser may keep what it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// As long as it likes: the address names the content.
    ForEver,
    /// It asks each time whether it still holds.
    Asking,
}

/// A file in memory.
#[derive(Debug)]
pub(super) struct Asset {
    media_type: &'static str,
    plain: Body,
    /// Only where it is smaller.
    packed: Option<Body>,
}

#[derive(Debug)]
struct Body {
    bytes: Bytes,
    etag: String,
}

impl Asset {
    pub(super) fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let hash = colophon_provenance::hex(&Sha256::digest(&bytes));
        let packed = pack(&bytes).filter(|packed| packed.len() < bytes.len());
        Self {
            media_type,
            packed: packed.map(|packed| Body {
                bytes: packed.into(),
                etag: format!("\"{hash}-gzip\""),
            }),
            plain: Body {
                bytes: bytes.into(),
                etag: format!("\"{hash}\""),
            },
        }
    }

    /// The answer to a request with these headers.
    pub(super) fn answer(&self, request: &HeaderMap, keep: Keep) -> Response {
        let packed = self.packed.as_ref().filter(|_| takes_gzip(request));
        let body = packed.unwrap_or(&self.plain);
        let keep = match keep {
            Keep::ForEver => "public, max-age=31536000, immutable",
            Keep::Asking => "no-cache",
        };
        let headers = [
            (ETAG, body.etag.as_str()),
            (CACHE_CONTROL, keep),
            (VARY, "accept-encoding"),
        ];
        if self.is_known(request) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let kind = [(CONTENT_TYPE, self.media_type)];
        let encoding = packed.map(|_| [(CONTENT_ENCODING, "gzip")]);
        match encoding {
            Some(encoding) => (headers, kind, encoding, body.bytes.clone()).into_response(),
            None => (headers, kind, body.bytes.clone()).into_response(),
        }
    }

    /// Whether whoever asks has this content already (RFC 9110, 13.1.2), packed or not.
    fn is_known(&self, request: &HeaderMap) -> bool {
        tokens(request, &IF_NONE_MATCH).any(|tag| {
            let tag = tag.trim_start_matches("W/");
            let packed = self.packed.as_ref().map(|packed| packed.etag.as_str());
            tag == "*" || tag == self.plain.etag || Some(tag) == packed
        })
    }
}

/// Whether whoever asks takes gzip. More than one header of the name is one list (RFC 9110, 5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let accepted: Vec<&str> = tokens(request, &ACCEPT_ENCODING).collect();
    compress::takes_gzip(&accepted.join(","))
}

/// The parts of a list header.
pub(super) fn tokens<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    let all = headers.get_all(name).into_iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
}

fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// By the ending of a file's name.
pub(super) fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asking(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_given_to_those_who_take_it() {
        for (header, taken) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0, br", false),
            ("gzip; q=0.0", false),
            ("identity", false),
            ("xgzip", false),
        ] {
            assert_eq!(
                takes_gzip(&asking(ACCEPT_ENCODING, header)),
                taken,
                "{header}"
            );
        }
    }

    #[test]
    fn nothing_is_packed_that_would_grow() {
        assert!(Asset::new("text/css", b"a".to_vec()).packed.is_none());
        assert!(Asset::new("text/css", vec![b'a'; 1000]).packed.is_some());
    }

    #[test]
    fn content_that_is_known_is_not_sent_again() {
        let asset = Asset::new("text/css", vec![b'a'; 1000]);
        let all = format!("\"x\", W/{}", asset.plain.etag);
        for tag in [
            all,
            asset.packed.as_ref().unwrap().etag.clone(),
            "*".to_owned(),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, tag.parse().unwrap());
            let answer = asset.answer(&headers, Keep::Asking);
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{tag}");
        }
        let other = asking(IF_NONE_MATCH, "\"0\"");
        assert_eq!(asset.answer(&other, Keep::Asking).status(), StatusCode::OK);
    }
}
