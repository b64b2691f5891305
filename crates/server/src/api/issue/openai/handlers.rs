//! `POST /v1/images/generations` and `POST /v1/images/edits`.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, RequestExt as _};
use colophon_accounts::{Caller, Scope};
use colophon_provenance::IssueOptions;

use super::super::answer::base;
use super::super::fields::Fields;
use super::super::making::{self, Event, Job, One, Running};
use super::super::stamp::most_bytes;
use super::super::upload::{Form, Upload};
use super::answer::{ImagesBody, Shape};
use super::ask::{Ask, EditForm};
use super::errors::ErrorBody;
use super::stream::Events;
use crate::api::caller::From;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::service::Service;

/// Longest body of a request without pictures, bytes.
const MOST_JSON: usize = 1 << 20;
/// Names the fields of the request that were ignored.
const IGNORED: HeaderName = HeaderName::from_static("x-colophon-ignored");

/// Make pictures from a prompt
///
/// The shape of the OpenAI API, so that its clients work unchanged; what this service knows beside stands under
/// `colophon`. Every picture is marked, signed and recorded before it is answered.
#[utoipa::path(
    post,
    path = "/v1/images/generations",
    tag = "issue",
    request_body = Ask,
    responses(
        (status = 200, description = "The pictures, or events for `stream`", content(
            (ImagesBody = "application/json"), (String = "text/event-stream"),
        ), headers(("x-colophon-ignored" = String, description = "Names of fields that were ignored"))),
        (status = 400, description = "A field cannot be", body = ErrorBody, content_type = "application/problem+json"),
        (status = 401, description = "It needs a key", body = ErrorBody, content_type = "application/problem+json"),
        (status = 403, description = "Key or policies do not allow it", body = ErrorBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such model", body = ErrorBody, content_type = "application/problem+json"),
        (status = 422, description = "More pixels than are taken, or a picture that cannot be marked", body = ErrorBody, content_type = "application/problem+json"),
        (status = 502, description = "The server that makes pictures failed", body = ErrorBody, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = ErrorBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn generations(
    State(service): State<Arc<Service>>,
    caller: From,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let caller = caller.need(Scope::Issue)?;
    let base = base(&service, &headers, request.extensions());
    let body = Upload::of_body(request.with_limited_body().into_body(), MOST_JSON).await?;
    let ask = Ask::take(Fields::of_json(&body.into_bytes()?)?)?;
    service.count_pictures(caller, u64::from(ask.count()) - 1)?;
    let shape = Shape::new(&ask, base, "image_generation");
    let job = job(&service, caller, &ask)?;
    answer(service, job, shape, &ask).await
}

/// Make pictures from another picture and a prompt
///
/// The picture becomes the parent of the new one in its manifest. With a mask only what it leaves open is drawn anew.
#[utoipa::path(
    post,
    path = "/v1/images/edits",
    tag = "issue",
    request_body(content = EditForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The pictures, or events for `stream`", content(
            (ImagesBody = "application/json"), (String = "text/event-stream"),
        ), headers(("x-colophon-ignored" = String, description = "Names of fields that were ignored"))),
        (status = 400, description = "A field cannot be, or is no picture", body = ErrorBody, content_type = "application/problem+json"),
        (status = 401, description = "It needs a key", body = ErrorBody, content_type = "application/problem+json"),
        (status = 403, description = "Key or policies do not allow it", body = ErrorBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such model", body = ErrorBody, content_type = "application/problem+json"),
        (status = 413, description = "More bytes than are taken", body = ErrorBody, content_type = "application/problem+json"),
        (status = 422, description = "More pixels than are taken, a damaged picture, or one that cannot be marked", body = ErrorBody, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = ErrorBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn edits(
    State(service): State<Arc<Service>>,
    caller: From,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let caller = caller.need(Scope::Issue)?;
    let base = base(&service, &headers, request.extensions());
    let EditForm { image, mask, ask } = edit_form(request, most_bytes(&service)).await?;
    service.count_pictures(caller, u64::from(ask.count()) - 1)?;
    let shape = Shape::new(&ask, base, "image_edit");
    let mut job = job(&service, caller, &ask)?;
    job.start = Some((image, mask, ask.image_strength()));
    answer(service, job, shape, &ask).await
}

async fn edit_form(request: Request, most: usize) -> Result<EditForm, Problem> {
    let multipart = Multipart::from_request(request, &())
        .await
        .map_err(|error| Problem::invalid(format!("the body must be a form: {error}")))?;
    let mut form = Form::read(multipart, &["image", "mask"], most).await?;
    let image = form
        .take_file("image")?
        .ok_or_else(|| Problem::invalid("a picture to start from is needed").at("image"))?;
    let mask = form.take_file("mask")?;
    let ask = Ask::take(Fields::of_texts(form.texts)?)?;
    Ok(EditForm { image, mask, ask })
}

fn job(service: &Service, caller: &Caller, ask: &Ask) -> Result<Job, Problem> {
    let options = IssueOptions {
        principal: service.principal(caller),
        ..IssueOptions::new(service.now())
    };
    // Short enough to be typed again, and within what every server takes.
    let seed = getrandom::u32().map_err(|_| Problem::new(ProblemKind::Internal))?;
    Ok(Job {
        order: ask.order(u64::from(seed >> 1))?,
        start: None,
        count: ask.count(),
        keep_prompt: ask.keeps_prompt(),
        options: ask.options(options),
        format: ask.format(),
        tenant: caller.tenant.clone(),
    })
}

async fn answer(
    service: Arc<Service>,
    job: Job,
    mut shape: Shape,
    ask: &Ask,
) -> Result<Response, Problem> {
    let size = job
        .order
        .size
        .map_or_else(|| "auto".to_owned(), |(w, h)| format!("{w}x{h}"));
    let mut running = making::start(Arc::clone(&service), job);
    // Whatever can be refused is refused before the answer begins.
    match running.events.recv().await {
        Some(Event::Begun(begun)) => shape.ignoring(&begun.ignored),
        Some(Event::Failed(problem)) => return Err(problem),
        _ => return Err(Problem::new(ProblemKind::Internal)),
    }
    let ignored = shape.ignored_header();
    let mut response = if ask.is_stream() {
        let events = Events::new(running, service, shape, size);
        events.response().into_response()
    } else {
        let ones = all(running).await?;
        let created = service.now();
        // Base64 of many pictures takes a while.
        let body = tokio::task::spawn_blocking(move || shape.body(&ones, created)).await;
        Json(body.map_err(|_| Problem::new(ProblemKind::Internal))?).into_response()
    };
    if let Some(ignored) = ignored {
        response.headers_mut().insert(IGNORED, ignored);
    }
    Ok(response)
}

/// Every picture of a job that has begun.
async fn all(mut running: Running) -> Result<Vec<One>, Problem> {
    let mut ones = Vec::new();
    while let Some(event) = running.events.recv().await {
        match event {
            Event::Issued(one) => ones.push(*one),
            Event::Failed(problem) => return Err(problem),
            Event::Begun(_) | Event::Step { .. } | Event::Preview { .. } => {}
        }
    }
    Ok(ones)
}
