//! The service: issue, verify, audit, over HTTP.
//!
//! One module an area; each hands its addresses over as a router with its part of the `OpenAPI` document, so that none is
//! served undocumented.

mod access;
mod accounts;
mod anywhere;
mod audit;
mod caller;
mod detection;
mod feedback;
mod front;
mod health;
mod issue;
mod jobs;
mod makes;
mod ops;
mod ports;
mod problem;
mod request_id;
mod resolution;
mod service;
mod upload;
mod verify;
mod web;
mod work;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;

use crate::routes::Routes;

pub use access::{Access, Identity};
pub use jobs::{Background, Jobs};
pub use makes::{
    Effort, MadeImage, MadePixels, MakeFailure, Makes, Making, ModelEntry, ModelPlace, Order,
    Pixels, StartPicture, Step, Watcher,
};
pub use ops::{Collects, LogWriter, Ops};
pub use ports::{
    CheckFailure, Checked, Checks, Children, Clock, FetchFailure, FetchTrouble, Fetches, Posts,
    Small, Wanted,
};
pub use problem::{Problem, ProblemKind};
pub use service::{Service, Settings};
pub use work::Work;

/// A router of one area.
type Area = OpenApiRouter<Arc<Service>>;

#[derive(OpenApi)]
#[openapi(info(
    title = "Colophon",
    description = "Where does a picture come from, and what of that is proven? Issue labelled pictures, verify any, audit the ledger.",
    license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
))]
struct Info;

/// The addresses, and the document that tells of them.
fn areas() -> (Router<Arc<Service>>, Document) {
    let areas: Area = OpenApiRouter::with_openapi(Info::openapi())
        .merge(health::area())
        .merge(accounts::area())
        .merge(issue::area())
        .merge(verify::area())
        .merge(detection::area())
        .merge(feedback::area())
        .merge(jobs::area())
        .merge(audit::area())
        .merge(resolution::area());
    let (router, mut document) = areas.split_for_parts();
    anywhere::document(&mut document);
    (router, document)
}

/// The `OpenAPI` 3.1 document of the service.
pub fn openapi() -> Document {
    areas().1
}

/// Everything that the service answers: its API, its document and its pages.
pub fn service_routes(service: Arc<Service>) -> Routes {
    let (router, document) = areas();
    let router = router
        .merge(web::router(&document))
        .layer(from_fn_with_state(Arc::clone(&service), access::layer))
        .layer(from_fn_with_state(Arc::clone(&service), front::layer))
        .with_state(service)
        .layer(from_fn(request_id::layer));
    Routes(router)
}
