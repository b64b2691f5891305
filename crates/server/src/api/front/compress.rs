//! Answers made smaller for those who take gzip (RFC 9110, section 8.4.1.3).

use std::io::Write as _;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Body as _;

/// Below that, headers outweigh what is saved.
const LEAST: u64 = 1_024;
/// Above that, memory and time do.
const MOST: u64 = 8 << 20;
/// What is compressed on the thread that serves the connection, in under a millisecond.
const AT_ONCE: usize = 32 << 10;

/// Whether the header `Accept-Encoding` takes gzip.
pub(in crate::api) fn takes_gzip(accepted: &str) -> bool {
    let weight = |wanted: &str| {
        accepted.split(',').find_map(|part| {
            let mut words = part.split(';').map(str::trim);
            let name = words.next()?;
            if !name.eq_ignore_ascii_case(wanted) {
                return None;
            }
            let q = words.find_map(|word| word.strip_prefix("q="));
            Some(q.map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0)))
        })
    };
    weight("gzip")
        .or_else(|| weight("*"))
        .is_some_and(|q| q > 0.0)
}

/// The same answer, compressed where that helps. What holds secrets beside what a caller sent is left as it is: its
/// length would tell of them.
pub(super) async fn gzip(mut response: Response, path: &str) -> Response {
    if path.starts_with("/v1/access") || path.starts_with("/auth") || !is_text(&response) {
        return response;
    }
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let length = response.body().size_hint().exact();
    if !length.is_some_and(|length| (LEAST..=MOST).contains(&length)) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MOST as usize).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let packed = if bytes.len() <= AT_ONCE {
        pack(&bytes)
    } else {
        let bytes = bytes.clone();
        let packed = tokio::task::spawn_blocking(move || pack(&bytes)).await;
        packed.ok().flatten()
    };
    let Some(packed) = packed.filter(|packed| packed.len() < bytes.len()) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    // The bytes are others now (RFC 9110, section 8.8.1).
    if let Some(tag) = parts.headers.get(header::ETAG) {
        let weak = tag.to_str().ok().filter(|tag| !tag.starts_with("W/"));
        if let Some(Ok(weak)) = weak.map(|tag| HeaderValue::from_str(&format!("W/{tag}"))) {
            parts.headers.insert(header::ETAG, weak);
        }
    }
    Response::from_parts(parts, Body::from(packed))
}

fn is_text(response: &Response) -> bool {
    let headers = response.headers();
    let of = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let media_type = of(header::CONTENT_TYPE).unwrap_or_default();
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    let text = bare.starts_with("text/") && bare != "text/event-stream";
    let structured = ["json", "javascript", "xml"]
        .iter()
        .any(|kind| bare.ends_with(kind));
    let whole = response.status() != StatusCode::PARTIAL_CONTENT;
    (text || structured) && whole && of(header::CONTENT_ENCODING).is_none()
}

fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::new(5));
    packed.write_all(bytes).ok()?;
    packed.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_gzip_says_so() {
        for yes in ["gzip", "br, gzip;q=0.5", "*", "GZIP", "deflate, *;q=0.1"] {
            assert!(takes_gzip(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "identity", "*;q=0", "gzip;q=x"] {
            assert!(!takes_gzip(no), "{no}");
        }
    }
}
