//! Rows of a job.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use colophon_accounts::Scope;
use colophon_jobs::Form;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::caller::From;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use super::streams::body_of;
use super::{blocking, busy, job, of, parameters, problem};

/// Tells whether the rows are all.
const STATE: HeaderName = HeaderName::from_static("x-job-state");

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// `jsonl` (whole reports), `csv` or `parquet` (columns); `jsonl` if it is not given.
    format: Option<String>,
}

/// The results: reports as JSON lines, or a table
///
/// Rows stand in the order of the pictures, whatever was finished first. While the job goes on, JSON lines hold those
/// before the first that is not finished; tables are there when it has ended. Columns are those of `docs/bulk.md`.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/results",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id"), Wanted),
    responses(
        (
            status = 200,
            description = "Rows; `x-job-state` tells whether they are all",
            content((String = "application/jsonl"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")),
        ),
        (status = "default", description = "Not answered", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn results(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let jobs = of(&service)?;
    let wanted = parameters(query)?;
    let name = wanted.format.as_deref().unwrap_or("jsonl");
    let form = Form::named(name).ok_or_else(|| {
        Problem::invalid(format!(
            "there is no format `{name}`; formats are jsonl, csv and parquet"
        ))
        .at("format")
    })?;
    let job = job(jobs, caller, &id)?;
    // Told before the rows are read: what is said to be all is all.
    let state = job.state();
    if form != Form::JsonLines && !state.has_ended() {
        return Err(Problem::new(ProblemKind::Conflict).with_detail(
            "the job goes on; tables are there when it has ended, JSON lines before as well",
        ));
    }
    let place = Arc::clone(&jobs.reading).acquire_owned().await;
    let place = place.map_err(|_| busy("too many results are being read"))?;
    let (file, length) = {
        let job = Arc::clone(&job);
        blocking(move || job.results(form))
            .await?
            .map_err(problem)?
    };
    let kind = match form {
        Form::JsonLines => "application/jsonl",
        Form::Csv => "text/csv; charset=utf-8; header=present",
        Form::Parquet => "application/vnd.apache.parquet",
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}.{}\"", job.id(), form.name()),
        ),
        (STATE, state.to_string()),
    ];
    Ok((headers, body_of(file, place)).into_response())
}
