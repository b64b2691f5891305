//! `GET /v1/files/{name}`: issued files, for a while.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::served::NotKept;
use super::upload::of_disk;
use crate::api::Area;
use crate::api::problem::{Problem, ProblemBody, ProblemKind};
use crate::api::service::Service;

pub(super) fn area() -> Area {
    OpenApiRouter::new().routes(routes!(file))
}

/// An issued file, for as long as it is kept
///
/// No key is needed: nobody can guess the address.
#[utoipa::path(
    get,
    path = "/v1/files/{name}",
    tag = "issue",
    params(("name" = String, Path, description = "As the answer to an issuing named it")),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "image/*"),
        (status = 404, description = "There is no such file, or no longer", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "It is no longer kept", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn file(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let now = service.now();
    let read = tokio::task::spawn_blocking(move || service.served.read(&name, now));
    let kept = read
        .await
        .map_err(|_| Problem::new(ProblemKind::Internal))?
        .map_err(|not| match not {
            NotKept::Unknown => Problem::new(ProblemKind::NotFound),
            NotKept::Over => Problem::new(ProblemKind::Gone),
            NotKept::Failed(error) => of_disk(&error),
        })?;
    let headers = [
        (header::CONTENT_TYPE, kept.media_type.to_owned()),
        (
            header::CACHE_CONTROL,
            format!("private, max-age={}", kept.left),
        ),
        (
            HeaderName::from_static("x-content-type-options"),
            "nosniff".to_owned(),
        ),
    ];
    Ok((headers, kept.bytes).into_response())
}
