//! `/v1/images/generations`, `/v1/images/edits` and `/v1/models` in the shapes of the OpenAI API, so that its clients
//! work unchanged.

mod answer;
mod ask;
mod errors;
mod handlers;
mod models;
mod stream;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Area;

pub(super) use errors::shape;

pub(super) fn area() -> Area {
    OpenApiRouter::new()
        .routes(routes!(handlers::generations))
        .routes(routes!(handlers::edits))
        .routes(routes!(models::models))
        .routes(routes!(models::model))
}

/// Whether clients of the OpenAI API ask at this route.
pub(super) fn has(route: &str) -> bool {
    route.starts_with("/v1/images/") || route.starts_with("/v1/models")
}
