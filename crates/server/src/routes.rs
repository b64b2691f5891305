//! What a server answers.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;

/// Addresses and what answers at each.
#[derive(Clone, Debug)]
pub struct Routes(pub(crate) Router);

impl Routes {
    /// These and those; where both answer at one address, the program stops at once.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self(self.0.merge(more.0))
    }
}

/// Longest time for an answer of a witness or of a log's files, which only read and write a little.
const ANSWER: Duration = Duration::from_secs(30);

/// Ends what takes too long.
pub(crate) async fn in_time(request: Request, next: Next) -> Response<Body> {
    match tokio::time::timeout(ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_) => sentence(
            StatusCode::SERVICE_UNAVAILABLE,
            "it took too long; try again",
        ),
    }
}

/// An answer that browsers neither guess about nor keep, unless `cache` says otherwise.
pub(crate) fn answer(
    status: StatusCode,
    media_type: &'static str,
    cache: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A sentence for people; ends in a newline.
pub(crate) fn sentence(status: StatusCode, text: &str) -> Response<Body> {
    answer(
        status,
        "text/plain; charset=utf-8",
        "no-store",
        format!("{text}\n"),
    )
}
