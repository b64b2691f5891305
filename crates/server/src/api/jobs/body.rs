//! What is told of a job.

use std::collections::BTreeMap;

use colophon_calendar::rfc3339;
use colophon_jobs::{Job, JobId, JobView, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::problem::Problem;

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct JobBody {
    /// Its id, which nobody else can guess.
    #[schema(example = "job_6f1e0c55f9f34a6cb2c8c8f4c1a2d3e4")]
    id: String,
    /// `queued`, `running`, `interrupted` (the server stopped and has not read yet how far it was), `done`, `failed`
    /// or `cancelled`.
    state: &'static str,
    /// `files` or `urls`.
    kind: &'static str,
    /// Language of the reports.
    lang: String,
    /// The webhook that alone is told of its end.
    webhook: Option<String>,
    /// Pictures.
    inputs: u64,
    /// Files of an archive that are no pictures.
    passed_over: u64,
    /// Rows so far: pictures that are finished.
    done: u64,
    /// Rows by outcome.
    outcomes: BTreeMap<String, u64>,
    /// Rows by recommended action.
    actions: BTreeMap<String, u64>,
    /// Rows by kind of error.
    errors: BTreeMap<String, u64>,
    /// Rows whose bytes came before.
    duplicates: u64,
    /// When it was sent (RFC 3339).
    created_at: String,
    /// When its first picture was begun.
    started_at: Option<String>,
    /// When it ended.
    ended_at: Option<String>,
    /// When it and its results are removed.
    expires_at: Option<String>,
    /// Rows a second just now.
    rate: Option<f64>,
    /// When it will end at that rate.
    estimated_end: Option<String>,
    /// How often the server stopped in the middle of it. Nothing of it was lost or is checked twice in its results.
    interruptions: u32,
    /// Why it failed.
    failure: Option<String>,
    /// What keeps it from going on just now; it is tried again.
    trouble: Option<String>,
    /// Address of its events.
    events: String,
    /// Address of its results.
    results: String,
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobList {
    /// Newest first.
    pub jobs: Vec<JobBody>,
    /// The cursor of the next page; nothing on the last.
    pub next: Option<String>,
}

impl JobBody {
    pub fn of(view: &JobView, now: i64, retention: i64) -> Self {
        let running = view.state == State::Running;
        let left = view.seconds_left().map(|left| left.ceil().min(1e9) as i64);
        Self {
            id: view.id.to_string(),
            state: view.state.as_str(),
            kind: view.kind.as_str(),
            lang: view.language.clone(),
            webhook: view.webhook.clone(),
            inputs: view.inputs,
            passed_over: view.passed,
            done: view.counts.rows,
            outcomes: view.counts.outcomes.clone(),
            actions: view.counts.actions.clone(),
            errors: view.counts.errors.clone(),
            duplicates: view.counts.duplicates,
            created_at: rfc3339(view.created),
            started_at: view.started.map(rfc3339),
            ended_at: view.ended.map(rfc3339),
            expires_at: view.ended.map(|at| rfc3339(at.saturating_add(retention))),
            rate: view
                .rate
                .filter(|_| running)
                .map(|rate| (rate * 100.0).round() / 100.0),
            estimated_end: left.map(|left| rfc3339(now.saturating_add(left))),
            interruptions: view.interruptions,
            failure: view.failure.clone(),
            trouble: view.stumble.clone().filter(|_| !view.state.has_ended()),
            events: format!("/v1/jobs/{}/events", view.id),
            results: format!("/v1/jobs/{}/results", view.id),
        }
    }
}

/// Where a page ended.
pub(super) fn cursor_after(job: &Job) -> String {
    format!("{}-{}", job.created(), job.id())
}

/// Reads what [`cursor_after`] wrote.
pub(super) fn cursor(text: &str) -> Result<(i64, JobId), Problem> {
    let read = || {
        let (created, id) = text.split_once('-')?;
        Some((created.parse().ok()?, id.parse().ok()?))
    };
    read().ok_or_else(|| {
        Problem::invalid("this is no cursor; give the `next` of the page before").at("cursor")
    })
}
