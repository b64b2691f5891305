//! What people say of the checks.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use colophon_accounts::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Area;
use super::caller::From;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::service::Service;
use crate::feedback::{FeedbackError, NewMessage};

/// Longest body of a message, bytes.
const MOST_BODY: usize = 32 << 10;

pub(super) fn area() -> Area {
    OpenApiRouter::new().routes(routes!(feedback))
}

/// A message that is kept.
#[derive(Debug, Serialize, ToSchema)]
struct Kept {
    /// Its name, to be told to the operator.
    #[schema(example = "f1800000000-0123456789abcdef")]
    id: String,
}

/// Say how good a check was
///
/// The operator reads it. What is kept is what is in the request, and no address of whoever sent it. No picture is
/// taken.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "verify",
    request_body = NewMessage,
    responses(
        (status = 201, description = "It is kept", body = Kept),
        (status = 400, description = "It cannot be taken as it is", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "It came too slowly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "It is too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "It is no JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 507, description = "There is no room for more messages", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn feedback(
    State(service): State<Arc<Service>>,
    caller: From,
    request: Request,
) -> Result<Response, Problem> {
    caller.need(Scope::Verify)?;
    let message: NewMessage = service.uploads.json(request, MOST_BODY).await?;
    let kept = tokio::task::spawn_blocking(move || service.feedback.add(message, service.now()));
    let kept = kept
        .await
        .map_err(|_| Problem::new(ProblemKind::Internal))?;
    let kept = kept.map_err(|error| problem(&error))?;
    Ok((StatusCode::CREATED, Json(Kept { id: kept.id })).into_response())
}

fn problem(error: &FeedbackError) -> Problem {
    match error {
        FeedbackError::Refused { field, .. } => {
            Problem::invalid(error.to_string()).at(format!("/{field}"))
        }
        FeedbackError::Full => Problem::new(ProblemKind::NoSpace)
            .with_detail("no more messages are kept; tell the operator another way"),
        _ => Problem::internal(error).with_detail("the message could not be kept"),
    }
}
