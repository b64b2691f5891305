//! Checks of very many pictures, and who is told when they are done.

mod background;
mod body;
mod deliveries;
mod follow;
mod results;
mod send;
mod spool;
mod streams;
mod turns;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use colophon_accounts::{Caller, Scope};
use colophon_jobs::{Job, JobId, JobsError, Store};
use colophon_webhooks::Hooks;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, Semaphore};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Area;
use super::caller::From;
use super::ports::{Fetches, Posts};
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::service::Service;
use body::{JobBody, JobList};

pub use background::Background;

/// Jobs that are sent at once: each may hold a picture in memory and an archive on the disk.
const SENDING: usize = 4;
/// Streams of events at once.
const FOLLOWING: usize = 64;
/// Results that are put together at once.
const READING: usize = 2;
/// Messages that are posted at once.
const POSTING: usize = 4;
/// Most jobs of one page of a list.
const MOST_LISTED: usize = 200;

/// Jobs and webhooks of a service.
pub struct Jobs {
    pub(super) store: Store,
    pub(super) hooks: Arc<Hooks>,
    fetches: Option<Arc<dyn Fetches>>,
    posts: Option<Arc<dyn Posts>>,
    sending: Arc<Semaphore>,
    following: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    posting: Arc<Semaphore>,
    /// There may be a picture to check.
    turn: Notify,
    /// There may be a message to post.
    message: Notify,
    stopping: AtomicBool,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

impl Jobs {
    /// Over what is kept of them. Without `fetches` no addresses are taken, without `posts` there are no webhooks.
    pub fn new(
        store: Store,
        hooks: Hooks,
        fetches: Option<Arc<dyn Fetches>>,
        posts: Option<Arc<dyn Posts>>,
    ) -> Self {
        Self {
            store,
            hooks: Arc::new(hooks),
            fetches,
            posts,
            sending: Arc::new(Semaphore::new(SENDING)),
            following: Arc::new(Semaphore::new(FOLLOWING)),
            reading: Arc::new(Semaphore::new(READING)),
            posting: Arc::new(Semaphore::new(POSTING)),
            turn: Notify::new(),
            message: Notify::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Begins nothing more and ends streams of events, so that a server can drain. [`Background`] waits for what is in
    /// hand.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.turn.notify_waiters();
        self.message.notify_waiters();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

pub(super) fn area() -> Area {
    Area::new()
        .routes(routes!(send::send, list))
        .routes(routes!(one, end))
        .routes(routes!(follow::events))
        .routes(routes!(results::results))
        .merge(webhooks::area())
}

/// The jobs of a service that has some.
fn of(service: &Service) -> Result<&Jobs, Problem> {
    service.jobs.as_ref().ok_or_else(|| {
        Problem::new(ProblemKind::NotImplemented).with_detail("this installation takes no jobs")
    })
}

fn job(jobs: &Jobs, caller: &Caller, id: &str) -> Result<Arc<Job>, Problem> {
    let id: JobId = id.parse().map_err(problem)?;
    jobs.store.get(&caller.tenant, id).map_err(problem)
}

/// The parameters of a query, or what is wrong with them.
fn parameters<T: DeserializeOwned>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    match query {
        Ok(Query(parameters)) => Ok(parameters),
        Err(rejection) => Err(Problem::invalid(rejection.body_text())),
    }
}

/// Work on the disk, on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::new(ProblemKind::Internal))
}

fn problem(error: JobsError) -> Problem {
    use JobsError as E;
    let kind = match &error {
        E::Unknown | E::Id => ProblemKind::NotFound,
        E::Empty | E::LongName(_) | E::Archive(colophon_jobs::ArchiveError::Damaged(_)) => {
            ProblemKind::InvalidRequest
        }
        E::TooManyInputs(_) | E::TooManyBytes(_) | E::Archive(_) => ProblemKind::TooLarge,
        E::TooManyOpen(_) | E::TooManyKept(_) => ProblemKind::TooManyRequests,
        E::Full => ProblemKind::NoSpace,
        E::State(_) => ProblemKind::Conflict,
        error if error.is_full_disk() => {
            return Problem::new(ProblemKind::NoSpace).because(error);
        }
        // What the disk says is for the operator, not for callers.
        _ => return Problem::internal(error),
    };
    let problem = Problem::new(kind).with_detail(error.to_string());
    match kind {
        ProblemKind::TooManyRequests | ProblemKind::NoSpace => problem.retry_after(60),
        _ => problem,
    }
}

fn busy(what: &str) -> Problem {
    Problem::new(ProblemKind::Overloaded)
        .with_detail(what)
        .retry_after(5)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Most jobs to tell, 1 to 200; 50 if it is not given.
    limit: Option<usize>,
    /// Where the page before ended: its `next`.
    cursor: Option<String>,
}

/// Jobs of the caller's tenant, newest first
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "jobs",
    params(Page),
    responses(
        (status = 200, description = "Them", body = JobList),
        (status = "default", description = "Not answered", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(service): State<Arc<Service>>,
    from: From,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<Json<JobList>, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let page = parameters(query)?;
    let most = page.limit.unwrap_or(50).clamp(1, MOST_LISTED);
    let before = page.cursor.as_deref().map(body::cursor).transpose()?;
    let jobs = of(&service)?.store.list(&caller.tenant, before, most);
    let next = (jobs.len() == most).then(|| jobs.last()).flatten();
    let next = next.map(|job| body::cursor_after(job));
    let now = service.now();
    let retention = of(&service)?.store.limits().retention;
    let jobs = jobs
        .iter()
        .map(|job| JobBody::of(&job.view(), now, retention));
    Ok(Json(JobList {
        jobs: jobs.collect(),
        next,
    }))
}

/// How far a job is
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "Its state and counts", body = JobBody),
        (status = "default", description = "Not answered", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn one(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
) -> Result<Json<JobBody>, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let jobs = of(&service)?;
    let job = job(jobs, caller, &id)?;
    let retention = jobs.store.limits().retention;
    Ok(Json(JobBody::of(&job.view(), service.now(), retention)))
}

/// Calls a job off, or removes one that has ended with its results
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "It is cancelled; the rows that it has stay", body = JobBody),
        (status = 204, description = "It had ended and is removed"),
        (status = "default", description = "Not done", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn end(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let jobs = of(&service)?;
    let job = job(jobs, caller, &id)?;
    let (store, now) = (jobs.store.clone(), service.now());
    let retention = store.limits().retention;
    let ended = job.state().has_ended();
    let done = {
        let job = Arc::clone(&job);
        blocking(move || {
            if ended {
                store.remove(&job)
            } else {
                store.cancel(&job, now)
            }
        })
    };
    done.await?.map_err(problem)?;
    if ended {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Json(JobBody::of(&job.view(), now, retention)).into_response())
}
