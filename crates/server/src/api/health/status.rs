//! What the service is doing, for people and for the page.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use colophon_accounts::Scope;
use colophon_ledger::{Ledger, Note};
use colophon_provenance::trust::Lists;
use colophon_provenance::{TrustListEvidence, rfc3339};
use serde::Serialize;
use utoipa::ToSchema;

use super::readiness::{Check, checks};
use crate::api::caller::From;
use crate::api::problem::{Problem, ProblemBody, ProblemKind};
use crate::api::service::Service;

/// Days before its end from which a certificate is to be renewed.
const RENEW_DAYS: i64 = 30;

/// What the service is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// Version of the program.
    version: &'static str,
    /// Version of the watermark's detector.
    detector: &'static str,
    /// When it was started, RFC 3339.
    #[schema(format = DateTime)]
    started_at: String,
    /// Seconds since then.
    uptime_seconds: u64,
    /// Whether requests can be answered.
    ready: bool,
    /// What that is made of.
    checks: Vec<Check>,
    load: Load,
    /// `null` when the ledger cannot be read.
    ledger: Option<LedgerStatus>,
    policy: PolicyStatus,
    trust_lists: Vec<TrustList>,
    certificates: Vec<Certificate>,
}

/// What is in hand.
#[derive(Debug, Serialize, ToSchema)]
struct Load {
    /// Requests being answered.
    requests: usize,
    /// Connections that are open.
    connections: usize,
    /// Bytes of bodies held in memory.
    upload_bytes: u64,
    /// Checks of pictures.
    checking: WorkLoad,
    /// Issuing of pictures.
    issuing: WorkLoad,
    /// Confined processes: alive, started so far, ended by what they looked at.
    children: ChildrenStatus,
}

/// Work on pictures.
#[derive(Debug, Serialize, ToSchema)]
struct WorkLoad {
    /// Has a processor.
    running: usize,
    /// Waits for one.
    waiting: usize,
    /// Most that run at once.
    at_once: usize,
}

/// Confined processes that check pictures.
#[derive(Debug, Serialize, ToSchema)]
struct ChildrenStatus {
    /// Alive now.
    alive: usize,
    /// Started so far.
    started: u64,
    /// Ended by what they looked at.
    failed: u64,
}

/// The ledger.
#[derive(Debug, Serialize, ToSchema)]
struct LedgerStatus {
    /// Name of the log.
    origin: String,
    /// Entries under the published checkpoint.
    entries: u64,
    /// Root of the newest shard's checkpoint, Base64.
    root: String,
    /// Time of the newest entry, RFC 3339.
    newest_at: Option<String>,
    /// Those who are to cosign; empty where none are asked for.
    witnesses: Vec<WitnessStatus>,
    /// Whether the newest checkpoint has the cosignatures that the policy about witnesses asks for; `null` without one.
    quorum: Option<bool>,
}

/// One who cosigns the ledger's checkpoints.
#[derive(Debug, Serialize, ToSchema)]
struct WitnessStatus {
    /// Its name.
    name: String,
    /// When it cosigned the newest checkpoint, RFC 3339; `null` when it has not.
    cosigned_at: Option<String>,
}

/// The policies in force.
#[derive(Debug, Serialize, ToSchema)]
struct PolicyStatus {
    /// Hash of the bundle, hex; `null` when it cannot be read.
    hash: Option<String>,
    /// Whether the files are those in force; otherwise the ones before still are.
    up_to_date: bool,
}

/// A list of whom manifests are believed.
#[derive(Debug, Serialize, ToSchema)]
struct TrustList {
    /// Its name.
    name: String,
    /// `official`, `legacy` or `local`.
    kind: String,
    /// The day on which it was issued.
    issued: Option<String>,
    /// The day on which it is to be replaced.
    next_update: Option<String>,
    /// Whether that day has passed.
    stale: bool,
}

/// A certificate of this installation.
#[derive(Debug, Serialize, ToSchema)]
struct Certificate {
    /// What it certifies.
    role: &'static str,
    /// Its end, RFC 3339.
    not_after: String,
    /// Whole days until then, negative afterwards.
    days_left: i64,
    /// Whether it is to be renewed now.
    renew: bool,
}

/// What the service is doing
///
/// Load, ledger and witnesses, policies, trust lists, certificates.
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "health",
    responses(
        (status = 200, description = "What it is doing", body = Status),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is for something else", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn status(
    State(service): State<Arc<Service>>,
    caller: From,
) -> Result<Json<Status>, Problem> {
    caller.need(Scope::Read)?;
    let checks = checks(&service).await;
    let status = tokio::task::spawn_blocking(move || look(&service, checks)).await;
    Ok(Json(
        status.map_err(|_| Problem::new(ProblemKind::Internal))?,
    ))
}

fn look(service: &Service, checks: Vec<Check>) -> Status {
    let uptime = service.ops.begun.elapsed().as_secs();
    Status {
        version: env!("CARGO_PKG_VERSION"),
        detector: env!("CARGO_PKG_VERSION"),
        started_at: rfc3339(service.now() - uptime as i64),
        uptime_seconds: uptime,
        ready: checks.iter().all(|check| check.well),
        checks,
        load: load(service),
        ledger: ledger(service),
        policy: policy(service),
        trust_lists: trust_lists(service),
        certificates: certificates(service),
    }
}

fn load(service: &Service) -> Load {
    let of = |work: &crate::api::Work| {
        let (running, waiting) = work.load();
        WorkLoad {
            running,
            waiting,
            at_once: work.at_once(),
        }
    };
    let children = service.checks.children();
    Load {
        requests: service.ops.metrics.in_hand(),
        connections: service.ops.connections.open.load(Ordering::Relaxed),
        upload_bytes: service.ops.memory.used(),
        checking: of(&service.checking),
        issuing: of(&service.issuing),
        children: ChildrenStatus {
            alive: children.alive,
            started: children.started,
            failed: children.failed,
        },
    }
}

fn ledger(service: &Service) -> Option<LedgerStatus> {
    let ledger = service.home.open_ledger_read_only().ok()?;
    let stats = ledger.stats().ok()?;
    let (witnesses, quorum) = witnesses(service, &ledger);
    Some(LedgerStatus {
        origin: stats.origin,
        entries: stats.entries,
        root: stats.root.to_string(),
        newest_at: stats.first_and_last.map(|(_, last)| rfc3339(last)),
        witnesses,
        quorum,
    })
}

/// Who cosigned the newest checkpoint as it is published.
fn witnesses(service: &Service, ledger: &Ledger) -> (Vec<WitnessStatus>, Option<bool>) {
    let Ok(Some(policy)) = service.home.witness_policy() else {
        return (Vec::new(), None);
    };
    let shards = ledger.shards().unwrap_or_default();
    let published = shards.last().and_then(|shard| {
        let folder = service.home.ledger().join(shard.name.to_string());
        let text = std::fs::read(folder.join("checkpoint")).ok()?;
        Note::parse(&text).ok()
    });
    let witnesses = policy.witnesses().iter().map(|witness| {
        let cosigned = published
            .as_ref()
            .and_then(|note| note.verify_cosignature(&witness.key).ok());
        WitnessStatus {
            name: witness.name.clone(),
            cosigned_at: cosigned.map(|time| rfc3339(time.0 as i64)),
        }
    });
    let quorum = published
        .as_ref()
        .is_some_and(|note| policy.check_quorum(note).is_ok());
    (witnesses.collect(), Some(quorum))
}

fn policy(service: &Service) -> PolicyStatus {
    let in_force = service.issuer.policies().bundle().hash();
    let files = service.home.policies_in_force();
    PolicyStatus {
        hash: Some(in_force.to_string()),
        up_to_date: !service.policies_failed()
            && files.is_ok_and(|files| files.files.hash() == in_force),
    }
}

fn trust_lists(service: &Service) -> Vec<TrustList> {
    let lists = Lists::load(Some(&service.home));
    let told = |list: TrustListEvidence| TrustList {
        name: list.name,
        kind: list.kind,
        issued: list.issued,
        next_update: list.next_update,
        stale: list.stale,
    };
    lists.map_or_else(
        |_| Vec::new(),
        |lists| lists.evidence().into_iter().map(told).collect(),
    )
}

fn certificates(service: &Service) -> Vec<Certificate> {
    let Ok(facts) = colophon_keys::describe(&service.home.keys()) else {
        return Vec::new();
    };
    let told = |certificate: &colophon_keys::CertificateFacts| {
        let days_left = (certificate.not_after - service.now()).div_euclid(86_400);
        Certificate {
            role: certificate.role,
            not_after: rfc3339(certificate.not_after),
            days_left,
            renew: days_left < RENEW_DAYS,
        }
    };
    facts.certificates.iter().map(told).collect()
}
