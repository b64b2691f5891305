//! `/tlog/`: the files of the log, for monitors, mirrors and any program for C2SP `tlog-tiles`.
//!
//! Open to everybody who may read without a key, from pages of any origin: what is there is public by its nature.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use colophon_accounts::Scope;
use colophon_policy::Operation;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Area;
use super::super::caller::From as Asking;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use crate::routes::answer;

/// Signed texts beside the shards.
pub(super) const LISTS: &[&str] = &["shards"];

pub(super) fn area() -> Area {
    OpenApiRouter::new()
        .routes(routes!(shards))
        .routes(routes!(checkpoint))
        .routes(routes!(witness_policy))
        // Tiles have addresses of any length, which the document cannot tell.
        .route("/tlog/{shard}/tile/{*tile}", get(tile))
}

/// The signed list of the log's shards (C2SP `signed-note`)
#[utoipa::path(
    get,
    path = "/tlog/shards",
    tag = "log",
    responses(
        (status = 200, description = "The list", body = String, content_type = "text/plain"),
        (status = 404, description = "There is none yet", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn shards(
    State(service): State<Arc<Service>>,
    asking: Asking,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    serve(&service, &asking, "shards".to_owned(), &headers).await
}

/// The checkpoint of a shard (C2SP `tlog-checkpoint`), with its cosignatures
///
/// Tiles and entry bundles (C2SP `tlog-tiles`) are beside it: `/tlog/{shard}/tile/0/000`,
/// `/tlog/{shard}/tile/entries/000`, and so on. They never change once they are full.
#[utoipa::path(
    get,
    path = "/tlog/{shard}/checkpoint",
    tag = "log",
    params(("shard" = String, Path, description = "Name of the shard", example = "2026h2")),
    responses(
        (status = 200, description = "The checkpoint", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such shard", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn checkpoint(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Path(shard): Path<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    serve(&service, &asking, format!("{shard}/checkpoint"), &headers).await
}

/// Which witnesses must cosign (C2SP `tlog-policy`)
#[utoipa::path(
    get,
    path = "/tlog/witness-policy",
    tag = "log",
    responses(
        (status = 200, description = "The policy", body = String, content_type = "text/plain"),
        (status = 404, description = "No witness is asked", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn witness_policy(
    State(service): State<Arc<Service>>,
    asking: Asking,
) -> Result<Response<Body>, Problem> {
    asking.need(Scope::Read)?;
    let file = service.home.witness_policy_file();
    let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
    match read {
        Ok(Ok(bytes)) => Ok(open_to_pages(answer(
            StatusCode::OK,
            "text/plain; charset=utf-8",
            "no-cache",
            bytes,
        ))),
        _ => Err(Problem::new(ProblemKind::NotFound)
            .with_detail("no witness is asked for this ledger's checkpoints")),
    }
}

async fn tile(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Path((shard, tile)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    serve(&service, &asking, format!("{shard}/tile/{tile}"), &headers).await
}

async fn serve(
    service: &Arc<Service>,
    asking: &Asking,
    path: String,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let caller = asking.need(Scope::Read)?;
    service.ask_ledger(caller, Operation::ReadLedger, false)?;
    let known = headers.get(header::IF_NONE_MATCH);
    let log = Arc::clone(&service.audit.log);
    Ok(open_to_pages(
        log.answer(&format!("/{path}"), known.cloned()).await,
    ))
}

/// Lets pages of any origin read the answer.
fn open_to_pages(mut response: Response<Body>) -> Response<Body> {
    let any = HeaderValue::from_static("*");
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("etag"),
    );
    response
}
