//! Errors that both kinds of callers can read: problem details (RFC 9457) with one more member `error`, which holds what
//! clients of the OpenAI API look for.

use axum::body::{Body, to_bytes};
use axum::http::header;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::problem::{Problem, ProblemBody, ProblemKind};

/// Longest body of a problem, bytes.
const MOST: usize = 64 << 10;

/// An error in the words of the OpenAI API.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorObject {
    /// What is wrong, and what can be done.
    message: String,
    /// Such as `invalid_request_error`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The field at fault.
    param: Option<String>,
    /// Such as `invalid_value`.
    code: Option<&'static str>,
}

/// A problem with its `error`.
#[derive(Debug, ToSchema, Serialize)]
#[schema(as = OpenAiProblem)]
pub(super) struct ErrorBody {
    /// For clients of the OpenAI API.
    error: ErrorObject,
    #[serde(flatten)]
    problem: ProblemBody,
}

impl ErrorObject {
    /// Of a problem.
    pub fn of(problem: &Problem) -> Self {
        let (kind, code) = words(problem.kind(), problem.pointer());
        Self {
            message: problem
                .detail()
                .unwrap_or(problem.kind().title())
                .to_owned(),
            kind,
            param: problem.pointer().map(str::to_owned),
            code,
        }
    }
}

/// Type and code, as the OpenAI API has them where it has them.
fn words(kind: ProblemKind, field: Option<&str>) -> (&'static str, Option<&'static str>) {
    const REQUEST: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    match kind {
        ProblemKind::Unauthenticated => (REQUEST, Some("invalid_api_key")),
        ProblemKind::Forbidden => ("permission_error", Some("policy_refused")),
        ProblemKind::NotFound if field == Some("model") => (REQUEST, Some("model_not_found")),
        ProblemKind::TooManyRequests => ("rate_limit_error", Some("rate_limit_exceeded")),
        ProblemKind::InvalidRequest => (REQUEST, field.map(|_| "invalid_value")),
        kind if kind.status().is_server_error() => (SERVER, Some(kind.code())),
        kind => (REQUEST, Some(kind.code())),
    }
}

/// Puts `error` into every answer that is a problem.
pub(in crate::api::issue) async fn shape(response: Response) -> Response {
    let Some(problem) = response.extensions().get::<Problem>().cloned() else {
        return response;
    };
    let (mut head, body) = response.into_parts();
    let read = to_bytes(body, MOST).await.unwrap_or_default();
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&read) else {
        return Response::from_parts(head, Body::from(read));
    };
    if let Ok(error) = serde_json::to_value(ErrorObject::of(&problem)) {
        members.insert("error".to_owned(), error);
    }
    head.headers.remove(header::CONTENT_LENGTH);
    head.extensions.remove::<Problem>();
    Response::from_parts(head, Body::from(Value::Object(members).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;

    fn shaped(problem: Problem) -> (u16, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let response = shape(problem.into_response()).await;
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), MOST).await.unwrap();
            (status, serde_json::from_slice(&body).unwrap())
        })
    }

    #[test]
    fn one_body_is_read_by_both_kinds_of_callers() {
        let problem = Problem::invalid("n is 1 to 10").at("n");
        let (status, body) = shaped(problem);
        assert_eq!(status, 400);
        assert_eq!(body["type"], "/problems/invalid-request");
        assert_eq!(body["detail"], "n is 1 to 10");
        assert_eq!(body["error"]["message"], "n is 1 to 10");
        assert_eq!(body["error"]["param"], "n");
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert_eq!(body["error"]["code"], "invalid_value");
        let missing = Problem::new(ProblemKind::NotFound).at("model");
        assert_eq!(shaped(missing).1["error"]["code"], "model_not_found");
        let overloaded = shaped(Problem::new(ProblemKind::Overloaded)).1;
        assert_eq!(overloaded["error"]["type"], "server_error");
        assert!(overloaded["error"]["message"].is_string());
    }
}
