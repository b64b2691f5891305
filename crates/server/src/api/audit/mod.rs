//! The auditor's half: the ledger, its records and events with their proofs, exports, statistics, policies, keys.
//!
//! Everything here is read. What is told to whoever may read is public: the log's own facts. Private parts are told to
//! those of the same tenant whose key has the scope `personal`, and nowhere else.

mod exports;
mod facts;
mod find;
mod ledger;
mod listing;
mod log;
mod params;
mod readers;
mod record;
mod stats;

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use colophon_accounts::{Caller, Scope};
use colophon_audit::AuditError;
use colophon_ledger::{Decisions, Ledger, LedgerError};
use colophon_policy::Operation;
use colophon_provenance::{Home, ProvenanceError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Area;
use super::caller::From as Asking;
use super::problem::{Problem, ProblemKind};
use super::service::Service;
use super::work::Work;
use readers::Readers;

/// Look-ups at once, and how many more wait.
const LOOK_UPS: (usize, usize) = (8, 256);
/// Questions that go through the whole ledger at once, and how many more wait.
const SCANS: (usize, usize) = (2, 8);

/// What the auditor's half keeps between requests.
#[derive(Debug)]
pub(crate) struct Audit {
    readers: Arc<Readers>,
    /// Look-ups, answered in milliseconds.
    look_ups: Work,
    /// Statistics and exports, which go through all entries.
    scans: Work,
    counted: stats::Counted,
    log: Arc<crate::log::Log>,
}

impl Audit {
    pub fn new(home: &Home) -> Self {
        Self {
            readers: Arc::new(Readers::new(home.clone(), LOOK_UPS.0 + SCANS.0)),
            look_ups: Work::new(LOOK_UPS.0, LOOK_UPS.1),
            scans: Work::new(SCANS.0, SCANS.1),
            counted: stats::Counted::default(),
            log: Arc::new(crate::log::Log::new(home.ledger(), log::LISTS)),
        }
    }
}

pub(super) fn area() -> Area {
    OpenApiRouter::new()
        .routes(routes!(ledger::ledger))
        .routes(routes!(listing::records))
        .routes(routes!(listing::events))
        .routes(routes!(record::record))
        .routes(routes!(record::leaf))
        .routes(routes!(record::proof))
        .routes(routes!(record::receipt))
        .routes(routes!(record::bundle))
        .routes(routes!(record::manifest))
        .routes(routes!(exports::exports))
        .routes(routes!(stats::stats))
        .routes(routes!(facts::policy))
        .routes(routes!(facts::keys))
        .routes(routes!(facts::trust_lists))
        .merge(log::area())
}

/// Asks the ledger, on a thread of its own, for somebody who may read and may do this by the policies.
async fn ask<T: Send + 'static>(
    service: &Arc<Service>,
    asking: &Asking,
    operation: Operation,
    question: impl FnOnce(&Service, &Ledger, &Caller) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let caller = asking.need(Scope::Read)?.clone();
    service.ask_ledger(&caller, operation, false)?;
    let work = {
        let service = Arc::clone(service);
        move || {
            let readers = Arc::clone(&service.audit.readers);
            readers.with(|ledger| question(&service, ledger, &caller))
        }
    };
    service.audit.look_ups.run(work).await?
}

/// The log of decisions, if anything was logged yet.
fn decisions(service: &Service) -> Result<Option<Decisions>, Problem> {
    Decisions::open_read_only(&service.home.ledger()).map_err(|error| problem(&error))
}

/// A failure of the ledger, without anything that tells of this machine.
fn problem(error: &LedgerError) -> Problem {
    match error {
        LedgerError::NoEntry(_) | LedgerError::NoRecord(_) => {
            Problem::new(ProblemKind::NotFound).with_detail(error.to_string())
        }
        LedgerError::Empty => {
            Problem::new(ProblemKind::NotFound).with_detail("the ledger is empty")
        }
        LedgerError::Erased(_) => Problem::new(ProblemKind::Gone).with_detail(error.to_string()),
        LedgerError::Cursor(_) => Problem::invalid(error.to_string()).at("cursor"),
        LedgerError::NoDecisions => Problem::new(ProblemKind::NotFound)
            .with_detail("no decision was logged yet")
            .at("verdict"),
        LedgerError::Busy(_) => Problem::new(ProblemKind::Overloaded).retry_after(2),
        _ => Problem::internal(error).with_detail(
            "the ledger cannot answer; its operator should run `colophon ledger fsck`",
        ),
    }
}

fn audit_problem(error: &AuditError) -> Problem {
    match error {
        AuditError::Ledger(error) => problem(error),
        _ => problem(&LedgerError::ReadOnly).because(error),
    }
}

fn home_problem(error: &ProvenanceError) -> Problem {
    Problem::internal(error).with_detail(
        "this installation cannot be read; its operator should run `colophon keys check`",
    )
}

/// A file to keep, under a name.
fn file(media_type: &'static str, name: &str, bytes: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(bytes.into());
    *response.headers_mut() = file_headers(media_type, name);
    response
}

fn file_headers(media_type: &'static str, name: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: HeaderValue| drop(headers.insert(name, value));
    set(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    set(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let nosniff = HeaderValue::from_static("nosniff");
    set(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    // Names are made of shard names, numbers and words of ours.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        set(header::CONTENT_DISPOSITION, value);
    }
    headers
}

/// An answer that is asked for again each time.
fn fresh(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-cache")], body).into_response()
}
