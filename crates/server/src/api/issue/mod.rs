//! Making and stamping pictures.

mod answer;
mod fields;
mod files;
mod making;
mod openai;
mod refused;
mod served;
mod stamp;
mod upload;

use axum::response::Response;

use super::Area;

pub(crate) use served::Served;

pub(super) fn area() -> Area {
    Area::new()
        .merge(stamp::area())
        .merge(openai::area())
        .merge(files::area())
}

/// An answer in the shape that clients of its route read: errors of the OpenAI API's routes in its own words too.
pub(super) async fn told(route: Option<&str>, response: Response) -> Response {
    match route {
        Some(route) if openai::has(route) => openai::shape(response).await,
        _ => response,
    }
}
