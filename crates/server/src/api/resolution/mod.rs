//! C2PA Soft Binding Resolution API 2.4: from a mark or a fingerprint, or from a picture, to the manifest that was
//! issued with it. Field names, statuses and media types are those of its `OpenAPI` document; errors are problem
//! details, as everywhere here.
//!
//! Only what the log proves is answered, and nothing of which the manifest was erased.

mod binding;
mod manifests;
mod matches;
mod receipts;
mod services;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Area;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::service::Service;

/// Where the API begins.
const BASE: &str = "/c2pa";
/// Version of the specification whose document this follows.
const SPECIFICATION: &str = "2.4.0";

pub(super) fn area() -> Area {
    OpenApiRouter::new()
        .routes(routes!(matches::by_binding, matches::by_large_binding))
        .routes(routes!(matches::by_content))
        .routes(routes!(by_reference))
        .routes(routes!(manifests::manifest, delete_manifest))
        .routes(routes!(add_manifest))
        .routes(routes!(bind, rebind))
        .routes(routes!(receipts::receipt, receipts::check))
        .routes(routes!(services::algorithms))
        .routes(routes!(services::capabilities))
        .routes(routes!(services::status))
        .routes(routes!(services::discovery))
}

/// Runs a question to the ledger on a thread of its own.
async fn ask<T: Send + 'static>(
    service: &Arc<Service>,
    question: impl FnOnce(&Service) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let service = Arc::clone(service);
    let answer = tokio::task::spawn_blocking(move || question(&service)).await;
    answer.map_err(|_| Problem::new(ProblemKind::Internal))?
}

/// The ledger failed; how is for the operator.
fn unreadable(error: colophon_ledger::LedgerError) -> Problem {
    Problem::internal(error).with_detail("the ledger cannot be read")
}

fn not_offered(why: &str) -> Problem {
    Problem::new(ProblemKind::NotImplemented).with_detail(why)
}

/// Not offered: a service that fetches large files for strangers
#[utoipa::path(
    post,
    path = "/c2pa/matches/byReference",
    tag = "c2pa",
    operation_id = "queryByReference",
    responses((status = 501, description = "Not offered, as `capabilities` says", body = ProblemBody, content_type = "application/problem+json"))
)]
async fn by_reference() -> Problem {
    not_offered("upload the picture to `/c2pa/matches/byContent`")
}

/// Not offered: manifests come into the ledger with the pictures that are issued here
#[utoipa::path(
    post,
    path = "/c2pa/manifests",
    tag = "c2pa",
    operation_id = "addManifest",
    responses((status = 501, description = "Not offered, as `capabilities` says", body = ProblemBody, content_type = "application/problem+json"))
)]
async fn add_manifest() -> Problem {
    not_offered(STORES_OWN)
}

/// Not offered: what was issued stays, and is erased by the operator alone
#[utoipa::path(
    delete,
    path = "/c2pa/manifests/{manifestId}",
    tag = "c2pa",
    operation_id = "deleteManifest",
    params(("manifestId" = String, Path, description = "Label of the manifest")),
    responses((status = 501, description = "Not offered, as `capabilities` says", body = ProblemBody, content_type = "application/problem+json"))
)]
async fn delete_manifest() -> Problem {
    not_offered(STORES_OWN)
}

/// Not offered: a mark is bound to its manifest when both are made
#[utoipa::path(
    post,
    path = "/c2pa/bindings",
    tag = "c2pa",
    operation_id = "associateManifest",
    responses((status = 501, description = "Not offered, as `capabilities` says", body = ProblemBody, content_type = "application/problem+json"))
)]
async fn bind() -> Problem {
    not_offered(STORES_OWN)
}

/// Not offered: a mark is bound to its manifest when both are made
#[utoipa::path(
    put,
    path = "/c2pa/bindings",
    tag = "c2pa",
    operation_id = "updateAssociatedManifest",
    responses((status = 501, description = "Not offered, as `capabilities` says", body = ProblemBody, content_type = "application/problem+json"))
)]
async fn rebind() -> Problem {
    not_offered(STORES_OWN)
}

/// Why nothing of others is stored.
const STORES_OWN: &str = "this repository holds the manifests of pictures issued here, each bound to its mark and \
                          fingerprint when it was made; nothing else can be stored or bound";
