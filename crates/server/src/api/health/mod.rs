//! Whether the service lives and can work, and what it is doing.

mod metrics;
mod readiness;
mod status;

use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Area;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::service::Service;

pub(crate) use readiness::Readiness;

pub(super) fn area() -> Area {
    OpenApiRouter::new()
        .routes(routes!(livez))
        .routes(routes!(readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(status::status))
}

/// Whether the process answers
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, description = "It does", body = str)))]
async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests can be answered
///
/// The service is not told to stop, the ledger can be read and its newest checkpoint is as fresh as was asked for, the
/// disk has room, the signing key answers, and pictures can be checked.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = 200, description = "They can", body = str),
        (status = 503, description = "They cannot", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn readyz(State(service): State<Arc<Service>>) -> Result<&'static str, Problem> {
    let checks = readiness::checks(&service).await;
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| !check.well)
        .map(|check| check.says)
        .collect();
    if failed.is_empty() {
        return Ok("ready\n");
    }
    Err(Problem::new(ProblemKind::Overloaded)
        .with_detail(failed.join("; "))
        .retry_after(10))
}
