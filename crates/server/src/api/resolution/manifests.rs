//! Manifests, byte for byte as they were issued.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use colophon_ledger::{Entry, Ledger, LedgerError};
use colophon_provenance::active_manifest;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::caller::From;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use super::binding::may_be_told;
use super::{ask, unreadable};

/// Longest label of a manifest, bytes.
const MOST_LABEL: usize = 256;

/// How much is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct HowMuch {
    /// The active manifest alone, without those of what the picture was made from.
    #[serde(default)]
    #[param(default = false)]
    return_active_manifest: bool,
}

/// The record of a manifest.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] for what is no label; [`ProblemKind::NotFound`] when there is none, the log does
/// not prove it, or its manifest was erased.
pub(super) fn entry(ledger: &Ledger, id: &str) -> Result<Entry, Problem> {
    if id.len() > MOST_LABEL || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::invalid(
            "it is no label of a manifest, such as urn:c2pa: and a UUID",
        ));
    }
    let mut found = ledger.by_manifest_id(id).map_err(unreadable)?;
    found.retain(may_be_told);
    found.into_iter().next().ok_or_else(none)
}

fn none() -> Problem {
    Problem::new(ProblemKind::NotFound).with_detail("no such manifest is kept here")
}

/// Fetch a manifest
///
/// The manifest store as it was issued with the picture, or its active manifest alone. After a recovery the hash of
/// the picture's bytes will not agree with it, because they are others: the soft bindings are what to compare.
#[utoipa::path(
    get,
    path = "/c2pa/manifests/{manifestId}",
    tag = "c2pa",
    operation_id = "getManifestById",
    params(("manifestId" = String, Path, description = "Label of the manifest"), HowMuch),
    responses(
        (status = 200, description = "The manifest store", body = Vec<u8>, content_type = "application/c2pa"),
        (status = 400, description = "No label of a manifest", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such manifest is kept", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn manifest(
    State(service): State<Arc<Service>>,
    caller: From,
    Path(id): Path<String>,
    asked: Result<Query<HowMuch>, QueryRejection>,
) -> Result<Response, Problem> {
    service.may_verify(&caller)?;
    let Query(asked) = asked.map_err(|error| Problem::invalid(error.body_text()))?;
    let bytes = ask(&service, move |service| {
        let ledger = service.issuer.ledger();
        let entry = entry(ledger, &id)?;
        let store = match ledger.manifest_bytes(entry.id()) {
            Ok(store) => store,
            Err(LedgerError::Erased(_)) => return Err(none()),
            Err(error) => return Err(unreadable(error)),
        };
        if !asked.return_active_manifest {
            return Ok(store);
        }
        active_manifest(&store).ok_or_else(|| Problem::new(ProblemKind::Internal))
    })
    .await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/c2pa"),
        // It may be erased at any time.
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
