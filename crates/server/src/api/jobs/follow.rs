//! Following a job: server-sent events (WHATWG HTML, 9.2).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use colophon_accounts::Scope;
use colophon_jobs::Job;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, Sender};
use utoipa::IntoParams;

use super::super::caller::From;
use super::super::problem::{Problem, ProblemBody};
use super::super::service::Service;
use super::body::JobBody;
use super::streams::Receiving;
use super::{busy, job, of, parameters};

const LAST: HeaderName = HeaderName::from_static("last-event-id");
/// How often a stream looks whether there is news.
const LOOK: Duration = Duration::from_millis(300);
/// How often a silent stream says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Rows read at once.
const ROWS: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    /// The id of the last event seen, as `Last-Event-ID`, which counts first.
    after: Option<u64>,
}

/// A finished picture. A report and all columns are in the results.
#[derive(Debug, Serialize)]
struct RowEvent {
    /// Its number among the inputs, from 1: the row in the results.
    row: u64,
    file: Option<String>,
    outcome: Option<String>,
    action: Option<String>,
    error_kind: Option<String>,
}

/// Events of a job, until it ends
///
/// `row` for each picture as it is finished, with the number of finished ones as its id; `progress` with the job when
/// something changed; `end` with the job at the end, after which the stream is over. A stream that breaks is taken up
/// after the event named by `Last-Event-ID`, also when the server was started anew meanwhile.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    tag = "jobs",
    params(
        ("id" = String, Path, description = "The job's id"),
        After,
        ("Last-Event-ID" = Option<u64>, Header, description = "The id of the last event seen"),
    ),
    responses(
        (status = 200, description = "Events", body = String, content_type = "text/event-stream"),
        (status = "default", description = "Not answered", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
    query: Result<Query<After>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let jobs = of(&service)?;
    let job = job(jobs, caller, &id)?;
    let after = match headers.get(LAST) {
        None => parameters(query)?.after.unwrap_or_default(),
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            id.ok_or_else(|| Problem::invalid("this is no id of an event").at("Last-Event-ID"))?
        }
    };
    let place = Arc::clone(&jobs.following).try_acquire_owned();
    let place = place
        .map_err(|_| busy("too many streams of events are open; ask for the job now and then"))?;
    let (sender, receiver) = mpsc::channel(16);
    let following = Following {
        service: Arc::clone(&service),
        job,
        seen: 0,
        at: None,
        told: None,
    };
    tokio::spawn(async move {
        let _place = place;
        // An end of the stream is the client's, or the server's that stops: both are taken up again.
        let _ = following.run(after, &sender).await;
    });
    let stream = Receiving(receiver);
    let alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    Ok(Sse::new(stream).keep_alive(alive).into_response())
}

struct Following {
    service: Arc<Service>,
    job: Arc<Job>,
    /// Rows read so far, and where the next begins.
    seen: u64,
    at: Option<u64>,
    /// The last progress told, to tell news only.
    told: Option<String>,
}

/// Nobody listens any more, or nothing can be told.
struct Over;

type Sending = Sender<Result<Event, Infallible>>;

impl Following {
    async fn run(mut self, after: u64, to: &Sending) -> Result<(), Over> {
        let hello = Event::default().retry(Duration::from_secs(2));
        to.send(Ok(hello)).await.map_err(|_| Over)?;
        loop {
            // Asked before the rows are read: after the end no row comes.
            let ended = self.job.state().has_ended();
            let more = self.rows(after, to).await?;
            if more {
                continue;
            }
            self.progress(ended, to).await?;
            let stopping = self
                .service
                .jobs
                .as_ref()
                .is_none_or(super::Jobs::is_stopping);
            if ended || stopping {
                return Ok(());
            }
            if tokio::time::timeout(LOOK, to.closed()).await.is_ok() {
                return Err(Over);
            }
        }
    }

    /// Tells rows that were finished meanwhile; whether there may be more.
    async fn rows(&mut self, after: u64, to: &Sending) -> Result<bool, Over> {
        let Some(rows) = self.job.rows() else {
            return Ok(false);
        };
        let at = self.at;
        let read = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            let end = rows.since(at, ROWS, |number, row| found.push((number, row)));
            end.map(|end| (found, end))
        });
        let (found, end) = read.await.map_err(|_| Over)?.map_err(|_| Over)?;
        self.at = Some(end);
        let more = found.len() == ROWS;
        for (number, row) in found {
            self.seen += 1;
            if self.seen <= after {
                continue;
            }
            let told = RowEvent {
                row: number + 1,
                file: row.file,
                outcome: row.outcome,
                action: row.action,
                error_kind: row.error_kind,
            };
            let event = Event::default()
                .event("row")
                .id(self.seen.to_string())
                .json_data(told)
                .map_err(|_| Over)?;
            to.send(Ok(event)).await.map_err(|_| Over)?;
        }
        Ok(more)
    }

    async fn progress(&mut self, ended: bool, to: &Sending) -> Result<(), Over> {
        let retention = self
            .service
            .jobs
            .as_ref()
            .map_or(0, |jobs| jobs.store.limits().retention);
        let body = JobBody::of(&self.job.view(), self.service.now(), retention);
        let text = serde_json::to_string(&body).map_err(|_| Over)?;
        if !ended && self.told.as_ref() == Some(&text) {
            return Ok(());
        }
        let name = if ended { "end" } else { "progress" };
        let event = Event::default().event(name).data(&text);
        self.told = Some(text);
        to.send(Ok(event)).await.map_err(|_| Over)
    }
}
