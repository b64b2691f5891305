//! One form of errors: what the router, an extractor or a limit says in a sentence becomes a problem too.

use axum::body::{Body, to_bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::api::problem::{Problem, ProblemKind};
use crate::connection::{Fault, Upload};

/// Longest sentence that is kept.
const MOST_SENTENCE: usize = 1_000;

/// The answer itself, or the problem that it stands for.
pub(super) async fn problems(response: Response, upload: &Upload) -> Response {
    let status = response.status();
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let text = media_type.and_then(|value| value.to_str().ok());
    let plain = text.is_none_or(|text| text.starts_with("text/plain"));
    let error = status.is_client_error() || status.is_server_error();
    if !error || !plain {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let sentence = to_bytes(body, MOST_SENTENCE).await.unwrap_or_default();
    let sentence = String::from_utf8_lossy(&sentence);
    let problem = Problem::new(kind(status, upload));
    let problem = if sentence.trim().is_empty() || status.is_server_error() {
        problem
    } else {
        problem.with_detail(sentence.trim())
    };
    let problem = problem.into_response();
    // What an address knows (`Allow`) and when to come back stay.
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.status = problem.status();
    for (name, value) in problem.headers() {
        parts.headers.insert(name.clone(), value.clone());
    }
    Response::from_parts(parts, Body::new(problem.into_body()))
}

/// The kind with this status. Statuses without one become the plainest of their hundred.
fn kind(status: StatusCode, upload: &Upload) -> ProblemKind {
    if upload.fault() == Some(Fault::Slow) {
        return ProblemKind::RequestTimeout;
    }
    let same = ProblemKind::ALL.iter().find(|kind| kind.status() == status);
    same.copied().unwrap_or(if status.is_client_error() {
        ProblemKind::InvalidRequest
    } else {
        ProblemKind::Internal
    })
}
