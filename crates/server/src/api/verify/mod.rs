//! Checks of single pictures: what came with the request, or what is at an address.

mod answer;
mod fetching;
mod wishes;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Area;
use super::caller::From;
use super::ports::Checked;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::service::Service;
use super::upload::Upload;
use answer::Answered;
pub(crate) use fetching::Fetching;
use wishes::{Asked, Wishes};

/// Longest body of a request that names an address.
const MOST_JSON: usize = 16 << 10;
/// Longest address.
const MOST_ADDRESS: usize = 4_096;

pub(super) fn area() -> Area {
    OpenApiRouter::new()
        .routes(routes!(verify))
        .routes(routes!(verify_url))
}

/// A picture in a form.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; its fields are read one by one"
)]
struct PictureForm {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// Where a picture is.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PictureAddress {
    /// `https://` and a host of the open network, unless the operator has named others.
    #[schema(example = "https://example.org/picture.jpg")]
    url: String,
}

/// Tell what is known about a picture
///
/// One picture a request; many are a job. Its format is read from its bytes. What is wrong with the picture is part of
/// the report. Nothing of it is kept after the answer.
#[utoipa::path(
    post,
    path = "/v1/verify",
    tag = "verify",
    params(Asked),
    request_body(content(
        (Vec<u8> = "image/*"),
        (Vec<u8> = "application/octet-stream"),
        (PictureForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "The report (`docs/report.schema.json`), or with `include` a report and its attachments", content(
            (answer::ReportOrMore = "application/json"),
            (String = "text/html"),
        )),
        (status = 400, description = "No picture, two pictures, or an unknown parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The picture came too slowly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More bytes than are taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Declared to be no picture", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "More to do than can be done", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn verify(
    State(service): State<Arc<Service>>,
    caller: From,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    service.may_verify(&caller)?;
    let wishes = Wishes::of(asked, &headers, &caller, &service.settings)?;
    let most = service.settings.picture_bytes;
    let upload = service.uploads.picture(request, most).await?;
    answer(&service, upload, wishes).await
}

/// Tell what is known about the picture at an address
///
/// It is fetched over https from the open network only, within limits of size and time; every redirect is judged like
/// the first address. Nothing of it is kept after the answer.
#[utoipa::path(
    post,
    path = "/v1/verify/url",
    tag = "verify",
    params(Asked),
    request_body = PictureAddress,
    responses(
        (status = 200, description = "As of `POST /v1/verify`", content(
            (answer::ReportOrMore = "application/json"),
            (String = "text/html"),
        )),
        (status = 400, description = "No address, or an unknown parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The request came too slowly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The file there is larger than what is taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The request is no JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Such an address is not asked", body = ProblemBody, content_type = "application/problem+json"),
        (status = 501, description = "This installation fetches nothing", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The server there did not answer with a file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "More to do than can be done", body = ProblemBody, content_type = "application/problem+json"),
        (status = 504, description = "The server there took too long", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn verify_url(
    State(service): State<Arc<Service>>,
    caller: From,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    service.may_verify(&caller)?;
    let wishes = Wishes::of(asked, &headers, &caller, &service.settings)?;
    let address: PictureAddress = service.uploads.json(request, MOST_JSON).await?;
    if address.url.is_empty() || address.url.len() > MOST_ADDRESS {
        let detail = format!("an address has 1 to {MOST_ADDRESS} bytes");
        return Err(Problem::invalid(detail).at("/url"));
    }
    let most = service.settings.picture_bytes;
    let bytes = service.fetching.fetch(&address.url, most).await?;
    if bytes.is_empty() {
        return Err(Problem::new(ProblemKind::Upstream).with_detail("the file there is empty"));
    }
    let upload = service
        .uploads
        .fetched(fetching::name_of(&address.url), bytes)?;
    answer(&service, upload, wishes).await
}

async fn answer(
    service: &Arc<Service>,
    upload: Upload,
    wishes: Wishes,
) -> Result<Response, Problem> {
    let checks = Arc::clone(&service.checks);
    let answered = service
        .checking
        .run(move || {
            let checked = checks.check(&upload.name, &upload.bytes, wishes.wanted)?;
            drop(upload);
            Ok(Answered::new(checked, wishes))
        })
        .await?;
    let answered = answered.map_err(|failure| could_not_check(&failure))?;
    Ok(answered.into_response())
}

/// What failed is for the operator: it may tell of paths and settings.
pub(super) fn could_not_check(failure: &super::ports::CheckFailure) -> Problem {
    Problem::internal(&failure.0).with_detail("the check could not be set up")
}
