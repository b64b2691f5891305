//! Headers that keep browsers from doing what they should not.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::About;
use crate::settings::ServeSettings;

/// Only what this server sends is loaded, nothing inline, and the page stands in no other page's frame. Pictures may
/// come from the page itself: what a person has chosen is shown before and without being uploaded.
pub(crate) const CONTENT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const NOSNIFF: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");
const OF_DOCUMENTS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// Adds them where the answer has none of its own.
pub(super) fn add(headers: &mut HeaderMap, about: &About, settings: &ServeSettings) {
    let is_part = is_part(headers);
    let of_documents = OF_DOCUMENTS.into_iter().filter(|_| !is_part);
    for (name, value) in of_documents.chain([NOSNIFF]) {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    let seconds = settings.hsts.0.as_secs();
    if about.secure && seconds > 0 {
        let value = HeaderValue::from_str(&format!("max-age={seconds}"));
        if let Ok(value) = value {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
        }
    }
}

/// Whether the answer only ever is a part of a page, which these headers then cover. There are dozens in a first view.
fn is_part(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/javascript") || kind.starts_with("text/css"))
}
