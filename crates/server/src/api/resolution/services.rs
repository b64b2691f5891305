//! What this repository is and does.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colophon_provenance::{FINGERPRINT_ALG, WATERMARK_ALG, rfc3339};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::service::Service;
use super::{BASE, SPECIFICATION};

/// An algorithm.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Named {
    /// Its name in soft bindings.
    #[schema(example = "io.colophon.watermark.1")]
    alg: &'static str,
}

/// The algorithms that can be asked by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = c2pa::softBindingAlgList)]
pub(super) struct Algorithms {
    /// Marks.
    watermarks: [Named; 1],
    /// Fingerprints.
    fingerprints: [Named; 1],
}

/// What is offered beside what every repository does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = c2pa::serviceCapabilities)]
pub(super) struct Capabilities {
    /// Version of the specification.
    c2pa_specification_version: &'static str,
    /// Names of the optional parts.
    supported_capabilities: [&'static str; 1],
}

/// Whether it works.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Works {
    /// It does.
    Ok,
    /// Some of what is asked cannot be answered now.
    Degraded,
    /// Nothing can be looked up.
    Down,
}

/// Whether it works.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = c2pa::serviceStatus)]
pub(super) struct Status {
    /// In a word.
    status: Works,
    /// When that was found, RFC 3339.
    timestamp: String,
}

/// Where everything is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = c2pa::wellKnownDiscovery)]
pub(super) struct Discovery {
    /// Where the API begins.
    api_endpoint: &'static str,
    /// Version of the specification.
    c2pa_specification_version: &'static str,
    /// What is offered.
    capabilities_endpoint: &'static str,
    /// Whether it works.
    status_endpoint: &'static str,
}

/// The algorithms that can be asked by
#[utoipa::path(
    get,
    path = "/c2pa/services/supportedAlgorithms",
    tag = "c2pa",
    operation_id = "getSupportedBindings",
    responses((status = 200, description = "The algorithms", body = Algorithms))
)]
pub(super) async fn algorithms() -> Json<Algorithms> {
    Json(Algorithms {
        watermarks: [Named { alg: WATERMARK_ALG }],
        fingerprints: [Named {
            alg: FINGERPRINT_ALG,
        }],
    })
}

/// Which optional parts are offered
#[utoipa::path(
    get,
    path = "/c2pa/services/capabilities",
    tag = "c2pa",
    operation_id = "getServiceCapabilities",
    responses((status = 200, description = "The parts", body = Capabilities))
)]
pub(super) async fn capabilities() -> Json<Capabilities> {
    Json(Capabilities {
        c2pa_specification_version: SPECIFICATION,
        supported_capabilities: ["queryByContent"],
    })
}

/// Whether it works
#[utoipa::path(
    get,
    path = "/c2pa/services/status",
    tag = "c2pa",
    operation_id = "getServiceStatus",
    responses((status = 200, description = "Whether it does", body = Status))
)]
pub(super) async fn status(State(service): State<Arc<Service>>) -> Json<Status> {
    let asked = Arc::clone(&service);
    let read = tokio::task::spawn_blocking(move || asked.issuer.ledger().checkpoint().is_ok());
    let (_, waiting) = service.checking.load();
    let status = match read.await {
        Ok(true) if waiting < service.settings.queue => Works::Ok,
        Ok(true) => Works::Degraded,
        _ => Works::Down,
    };
    Json(Status {
        status,
        timestamp: rfc3339(service.now()),
    })
}

/// Where the C2PA Soft Binding Resolution API is
#[utoipa::path(
    get,
    path = "/.well-known/c2pa-soft-binding-resolution",
    tag = "c2pa",
    operation_id = "getWellKnown",
    responses((status = 200, description = "Where", body = Discovery))
)]
pub(super) async fn discovery() -> Json<Discovery> {
    Json(Discovery {
        api_endpoint: BASE,
        c2pa_specification_version: SPECIFICATION,
        capabilities_endpoint: "/c2pa/services/capabilities",
        status_endpoint: "/c2pa/services/status",
    })
}
