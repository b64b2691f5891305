//! What must hold for requests to be answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use colophon_provenance::{Language, ReportError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::service::Service;

/// For so long an answer is kept: probes come every few seconds, from several places.
const KEPT: Duration = Duration::from_secs(2);
/// The signing key may be a token or a server that is paid by the signature.
const SIGNER_KEPT: Duration = Duration::from_mins(1);

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Check {
    /// Which.
    #[schema(example = "disk")]
    pub name: &'static str,
    /// Whether it does.
    pub well: bool,
    /// What does not hold, if it does not.
    #[serde(skip)]
    pub says: &'static str,
}

/// What was found last.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    all: Mutex<Option<(Instant, Vec<Check>)>>,
    signer: Mutex<Option<(Instant, bool)>>,
}

/// Looks, or tells what was seen a moment ago.
pub(super) async fn checks(service: &Arc<Service>) -> Vec<Check> {
    let stopping = Check {
        name: "running",
        well: !service.ops.stop.is_told(),
        says: "the service is stopping",
    };
    let looked = {
        let service = Arc::clone(service);
        tokio::task::spawn_blocking(move || look(&service)).await
    };
    let lost = || {
        vec![Check {
            name: "checks",
            well: false,
            says: "the checks themselves failed",
        }]
    };
    let mut all = vec![stopping];
    all.extend(looked.unwrap_or_else(|_| lost()));
    all
}

fn look(service: &Service) -> Vec<Check> {
    let readiness = &service.ops.readiness;
    let mut kept = readiness.all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, checks)) = kept.as_ref()
        && at.elapsed() < KEPT
    {
        return checks.clone();
    }
    let stats = service
        .home
        .open_ledger_read_only()
        .map(|ledger| ledger.stats());
    let newest = match &stats {
        Ok(Ok(stats)) => stats.first_and_last.map(|(_, last)| last),
        _ => None,
    };
    let check = |name, well, says| Check { name, well, says };
    let checks = vec![
        check(
            "ledger",
            matches!(stats, Ok(Ok(_))),
            "the ledger cannot be read",
        ),
        check(
            "checkpoint",
            is_fresh(service, newest),
            "the ledger's newest checkpoint is too old",
        ),
        check("disk", has_room(service), "the disk is nearly full"),
        check(
            "signer",
            signer_answers(service),
            "the signing key does not answer",
        ),
        check(
            "children",
            children_start(service),
            "no process for checking pictures can be started",
        ),
    ];
    *kept = Some((Instant::now(), checks.clone()));
    checks
}

/// Whether the newest entry, whose checkpoint is made with it, is as young as asked for. A ledger that holds nothing
/// yet is not old.
fn is_fresh(service: &Service, newest: Option<i64>) -> bool {
    let most = service.ops.settings.ready_checkpoint.0.as_secs();
    let age = newest.map(|at| service.now() - at);
    most == 0 || age.is_none_or(|age| age <= most as i64)
}

fn has_room(service: &Service) -> bool {
    let least = service.ops.settings.ready_disk.0;
    free(&service.home.root).is_none_or(|free| free >= least)
}

/// Bytes that may still be written to the disk of a folder; `None` where the system does not tell.
#[cfg(unix)]
pub(super) fn free(folder: &std::path::Path) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    about.f_bavail.checked_mul(about.f_frsize)
}

#[cfg(not(unix))]
pub(super) fn free(_: &std::path::Path) -> Option<u64> {
    None
}

fn signer_answers(service: &Service) -> bool {
    let kept = &service.ops.readiness.signer;
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, well)) = *kept
        && at.elapsed() < SIGNER_KEPT
    {
        return well;
    }
    let well = service.issuer.signer_answers().is_ok();
    *kept = Some((Instant::now(), well));
    well
}

/// Whether a child lives or can be started. While one lives there is nothing to try.
fn children_start(service: &Service) -> bool {
    if service.checks.children().alive > 0 {
        return true;
    }
    let why = ReportError::new("not-read", "asked whether checks can be made".to_owned());
    service
        .checks
        .unchecked("readiness", why, Language::default())
        .is_ok()
}
