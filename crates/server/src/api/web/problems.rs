//! The addresses that problems name as their types (RFC 9457, 3.1.1): a page for people, the same in JSON for programs.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::problem::{Problem, ProblemKind};
use super::{other, wants_page};

pub(super) async fn page(Path(code): Path<String>, headers: HeaderMap) -> Response {
    let kind = ProblemKind::ALL.iter().find(|kind| kind.code() == code);
    let mut response = match (kind, wants_page(&headers)) {
        (Some(_), true) => other(&headers),
        (None, true) => (StatusCode::NOT_FOUND, other(&headers)).into_response(),
        (None, false) => Problem::new(ProblemKind::NotFound).into_response(),
        (Some(kind), false) => Json(json!({
            "code": kind.code(),
            "title": kind.title(),
            "status": kind.status().as_u16(),
        }))
        .into_response(),
    };
    // Which of the two it is depends on who asks.
    let vary = HeaderValue::from_static("accept");
    response.headers_mut().append(header::VARY, vary);
    response
}
