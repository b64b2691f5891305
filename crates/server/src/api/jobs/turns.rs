//! Checking the pictures of jobs, one turn after the other.

use std::sync::Arc;
use std::time::Duration;

use colophon_jobs::{Job, JobsError, Kind, Load, Noted, State, Turn};
use colophon_provenance::{Language, Report, ReportError};
use colophon_webhooks::{EndpointId, Event, EventKind};
use serde_json::json;
use tokio::sync::Semaphore;

use super::super::ports::{FetchFailure, FetchTrouble, Wanted};
use super::super::service::Service;
use super::Jobs;

/// Addresses that are fetched at once.
const FETCHING: usize = 8;
/// Longest wait for news without being told of any.
const LOOK: Duration = Duration::from_secs(1);
/// Pause after a failure that has nothing to do with a picture.
const PAUSE: Duration = Duration::from_secs(5);

/// Hands out turns of one kind until the server stops; returns when the last has come back.
pub(super) async fn pump(service: Arc<Service>, kind: Kind) {
    let Some(jobs) = &service.jobs else { return };
    let most = match kind {
        Kind::Files => service.checking.at_once(),
        Kind::Urls => FETCHING,
    };
    let hands = Arc::new(Semaphore::new(most));
    while !jobs.is_stopping() {
        let Ok(hand) = Arc::clone(&hands).acquire_owned().await else {
            return;
        };
        if jobs.is_stopping() {
            break;
        }
        let mut news = std::pin::pin!(jobs.turn.notified());
        // News from here on is not missed.
        news.as_mut().enable();
        let Some(turn) = jobs.store.next(kind) else {
            drop(hand);
            let _ = tokio::time::timeout(LOOK, news).await;
            continue;
        };
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            take(&service, turn).await;
            drop(hand);
        });
    }
    // All hands back: what was in hand is noted.
    let _ = hands.acquire_many(most as u32).await;
}

/// Goes on with what was interrupted, then tells of ends that were not told.
pub(super) async fn resume(service: Arc<Service>) {
    let Some(jobs) = &service.jobs else { return };
    for job in jobs.store.interrupted() {
        if jobs.is_stopping() {
            return;
        }
        let (store, now) = (jobs.store.clone(), service.now());
        // A job that cannot be written stays interrupted until the next start.
        let _ = tokio::task::spawn_blocking(move || store.resume(&job, now)).await;
        jobs.turn.notify_waiters();
    }
    for job in jobs.store.untold() {
        tell(&service, job).await;
    }
}

/// Sweeps away what is over, now and then.
pub(super) async fn sweep(service: Arc<Service>) {
    let Some(jobs) = &service.jobs else { return };
    loop {
        let (store, now) = (jobs.store.clone(), service.now());
        // What cannot be removed now is tried again.
        let _ = tokio::task::spawn_blocking(move || store.sweep(now)).await;
        tokio::time::sleep(Duration::from_mins(10)).await;
    }
}

async fn take(service: &Arc<Service>, turn: Turn) {
    let job = Arc::clone(turn.job());
    let Some(jobs) = &service.jobs else { return };
    match checked(service, jobs, turn).await {
        Ok(Noted::Ended) => tell(service, job).await,
        Ok(Noted::GoesOn) => jobs.turn.notify_waiters(),
        Ok(Noted::TooLate) => {}
        // The picture was given back; neither disk nor checks get better by haste.
        Err(Trouble) => tokio::time::sleep(PAUSE).await,
    }
}

/// The job cannot go on just now.
struct Trouble;

async fn checked(service: &Arc<Service>, jobs: &Jobs, turn: Turn) -> Result<Noted, Trouble> {
    let now = service.now();
    let loaded = tokio::task::spawn_blocking(move || {
        let mut turn = turn;
        let load = turn.load(now);
        (turn, load)
    });
    let (turn, load) = loaded.await.map_err(|_| Trouble)?;
    let (name, bytes) = match load {
        Err(error) => return stumble(service, turn, error.to_string()).await,
        Ok(Load::Nothing(noted)) => return Ok(noted),
        Ok(Load::Trouble { name, why }) => return tell_trouble(service, turn, name, why).await,
        Ok(Load::Bytes { name, bytes }) => (name, bytes),
        Ok(Load::Url(url)) => match fetched(service, jobs, &url).await {
            Ok(bytes) => (url, bytes),
            Err(why) => return tell_trouble(service, turn, url, why).await,
        },
    };
    let language = language_of(turn.job());
    let place = service.checking.spare().await;
    let checks = Arc::clone(&service.checks);
    let wanted = Wanted {
        language,
        ..Wanted::default()
    };
    let report_name = name.clone();
    let checked = tokio::task::spawn_blocking(move || {
        let checked = checks.check(&report_name, &bytes, wanted);
        drop(place);
        checked
    });
    match checked.await {
        Ok(Ok(checked)) => note(service, turn, checked.report).await,
        Ok(Err(failure)) => stumble(service, turn, failure.to_string()).await,
        Err(_) => {
            let why = ReportError::new(
                "crashed",
                "the check broke off on this file; check it alone, and report it if it breaks off again".to_owned(),
            );
            tell_trouble(service, turn, name, why).await
        }
    }
}

async fn fetched(service: &Service, jobs: &Jobs, url: &str) -> Result<Vec<u8>, ReportError> {
    let system = |message: &str| ReportError::new("system", message.to_owned());
    let Some(fetches) = jobs.fetches.clone() else {
        return Err(system("this installation fetches nothing any more"));
    };
    let most = usize::try_from(service.checks.limits().max_bytes).unwrap_or(usize::MAX);
    let url = url.to_owned();
    let fetched = tokio::task::spawn_blocking(move || fetches.fetch(&url, most)).await;
    match fetched {
        Ok(Ok(bytes)) if bytes.is_empty() => {
            Err(ReportError::from(&colophon_imaging::ImagingError::Empty))
        }
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(FetchFailure { trouble, said })) => {
            let kind = match trouble {
                FetchTrouble::Refused => "request",
                FetchTrouble::TooLarge => "limit",
                FetchTrouble::TimedOut | FetchTrouble::Failed => "system",
            };
            Err(ReportError::new(kind, said))
        }
        Err(_) => Err(system("it could not be fetched")),
    }
}

async fn tell_trouble(
    service: &Arc<Service>,
    turn: Turn,
    name: String,
    why: ReportError,
) -> Result<Noted, Trouble> {
    let language = language_of(turn.job());
    let checks = Arc::clone(&service.checks);
    let report = tokio::task::spawn_blocking(move || checks.unchecked(&name, why, language)).await;
    match report {
        Ok(Ok(report)) => note(service, turn, report).await,
        Ok(Err(failure)) => stumble(service, turn, failure.to_string()).await,
        Err(_) => stumble(service, turn, "no report could be made".to_owned()).await,
    }
}

async fn note(service: &Service, turn: Turn, report: Report) -> Result<Noted, Trouble> {
    let now = service.now();
    let noted: Result<Result<Noted, JobsError>, _> =
        tokio::task::spawn_blocking(move || turn.note(&report, now)).await;
    match noted {
        Ok(Ok(noted)) => Ok(noted),
        Ok(Err(_)) | Err(_) => Err(Trouble),
    }
}

async fn stumble(service: &Service, turn: Turn, why: String) -> Result<Noted, Trouble> {
    let now = service.now();
    let stumbled = tokio::task::spawn_blocking(move || turn.stumble(&why, now)).await;
    match stumbled {
        Ok(Ok(Noted::Ended)) => Ok(Noted::Ended),
        _ => Err(Trouble),
    }
}

fn language_of(job: &Job) -> Language {
    job.language().parse().unwrap_or_default()
}

/// Tells those who wait for a job's end. If the server stops before that is written, they are told after the next
/// start, with the same id.
async fn tell(service: &Arc<Service>, job: Arc<Job>) {
    let Some(jobs) = &service.jobs else { return };
    let (store, hooks, now) = (jobs.store.clone(), Arc::clone(&jobs.hooks), service.now());
    let _ = tokio::task::spawn_blocking(move || {
        let only: Option<EndpointId> = job.view().webhook.and_then(|id| id.parse().ok());
        if let Some(event) = event_of(&job)
            && hooks.send(job.tenant(), only, &event, now).is_err()
        {
            return;
        }
        let _ = store.told(&job);
    })
    .await;
    jobs.message.notify_waiters();
}

/// Ids, counts and addresses; names of files stay here.
fn event_of(job: &Job) -> Option<Event> {
    let view = job.view();
    let kind = match view.state {
        State::Done => EventKind::JobCompleted,
        State::Failed => EventKind::JobFailed,
        _ => return None,
    };
    let id = view.id.to_string();
    Some(Event {
        id: id.replacen("job_", "msg_", 1),
        kind,
        at: view.ended.unwrap_or(view.created),
        data: json!({
            "id": id,
            "state": view.state.as_str(),
            "inputs": view.inputs,
            "rows": view.counts.rows,
            "outcomes": view.counts.outcomes,
            "actions": view.counts.actions,
            "errors": view.counts.errors,
            "job": format!("/v1/jobs/{id}"),
            "results": format!("/v1/jobs/{id}/results"),
        }),
    })
}
