//! Keys of callers, and who the caller is.

mod keys;
mod sign_on;
mod whoami;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Area;

pub(super) fn area() -> Area {
    OpenApiRouter::new()
        .routes(routes!(whoami::whoami))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke))
        .routes(routes!(sign_on::login))
        .routes(routes!(sign_on::callback))
        .routes(routes!(sign_on::logout))
}
