//! Metrics for Prometheus and its kin.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use colophon_accounts::Scope;

use super::readiness::{checks, free};
use crate::api::caller::From;
use crate::api::ops::Text;
use crate::api::problem::{Problem, ProblemBody, ProblemKind};
use crate::api::service::Service;

/// Metrics, in the text form that Prometheus reads
///
/// Without `serve.public_metrics` a key with the scope `read` is needed.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses(
        (status = 200, description = "One line a value", body = str, content_type = "text/plain"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is for something else", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn metrics(
    State(service): State<Arc<Service>>,
    caller: From,
) -> Result<impl IntoResponse, Problem> {
    if !service.ops.settings.public_metrics {
        caller.need(Scope::Read)?;
        if caller.0.name.is_none() {
            return Err(Problem::new(ProblemKind::Unauthenticated)
                .with_detail("metrics are for callers with a key that has the scope `read`"));
        }
    }
    let ready = checks(&service).await.iter().all(|check| check.well);
    let text = tokio::task::spawn_blocking(move || text(&service, ready)).await;
    let text = text.map_err(|_| Problem::new(ProblemKind::Internal))?;
    let media_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok((
        [
            (header::CONTENT_TYPE, media_type),
            (header::CACHE_CONTROL, "no-store"),
        ],
        text,
    ))
}

fn text(service: &Service, ready: bool) -> String {
    let ops = &service.ops;
    let mut text = Text::default();
    text.gauges(
        "colophon_info",
        "The version that runs.",
        &["version"],
        &[(&[env!("CARGO_PKG_VERSION")], 1.0)],
    );
    text.gauge(
        "colophon_uptime_seconds",
        "Time since the service was started.",
        ops.begun.elapsed().as_secs_f64(),
    );
    text.gauge(
        "colophon_ready",
        "Whether requests can be answered.",
        f64::from(u8::from(ready)),
    );
    ops.metrics.write(&mut text);
    load(service, &mut text);
    connections(service, &mut text);
    ledger(service, &mut text);
    text.finish()
}

fn load(service: &Service, text: &mut Text) {
    let (checking, issuing) = (service.checking.load(), service.issuing.load());
    let labels = ["work"];
    text.gauges(
        "colophon_work_running",
        "Pieces of work on pictures that have a processor.",
        &labels,
        &[
            (&["check"], checking.0 as f64),
            (&["issue"], issuing.0 as f64),
        ],
    );
    text.gauges(
        "colophon_work_waiting",
        "Pieces of work on pictures that wait for one.",
        &labels,
        &[
            (&["check"], checking.1 as f64),
            (&["issue"], issuing.1 as f64),
        ],
    );
    text.gauge(
        "colophon_upload_bytes",
        "Bodies of requests that are held in memory.",
        service.ops.memory.used() as f64,
    );
    let children = service.checks.children();
    text.gauge(
        "colophon_children",
        "Confined processes that check pictures.",
        children.alive as f64,
    );
    text.counter(
        "colophon_children_started_total",
        "Of these, started so far.",
        children.started,
    );
    text.counter(
        "colophon_children_failed_total",
        "Of these, ended by what they looked at.",
        children.failed,
    );
    text.counter(
        "colophon_log_lines_dropped_total",
        "Lines about requests that could not be written in time.",
        service.ops.log.dropped(),
    );
    text.counter(
        "colophon_spans_lost_total",
        "Spans of requests that the collector did not take.",
        service.ops.traces.lost(),
    );
}

fn connections(service: &Service, text: &mut Text) {
    let counts = &service.ops.connections;
    text.gauge(
        "colophon_connections",
        "Connections that are open.",
        counts.open.load(Ordering::Relaxed) as f64,
    );
    let counters = [
        (
            "colophon_connections_total",
            "Connections taken.",
            &counts.accepted,
        ),
        (
            "colophon_connections_refused_total",
            "Connections refused, because their address had too many.",
            &counts.refused,
        ),
        (
            "colophon_handshakes_failed_total",
            "TLS handshakes that failed.",
            &counts.handshakes_failed,
        ),
    ];
    for (name, help, count) in counters {
        text.counter(name, help, count.load(Ordering::Relaxed));
    }
}

fn ledger(service: &Service, text: &mut Text) {
    if let Some(free) = free(&service.home.root) {
        text.gauge(
            "colophon_disk_free_bytes",
            "Space left on the disk of the home.",
            free as f64,
        );
    }
    let read = service.home.open_ledger_read_only();
    let stats = read.ok().and_then(|ledger| ledger.stats().ok());
    let Some(stats) = stats else {
        return;
    };
    text.counter(
        "colophon_ledger_entries_total",
        "Entries of the ledger: pictures issued and events.",
        stats.entries,
    );
    text.gauge(
        "colophon_ledger_database_bytes",
        "Size of the ledger's databases.",
        stats.database_bytes as f64,
    );
    if let Some((_, newest)) = stats.first_and_last {
        text.gauge(
            "colophon_ledger_checkpoint_age_seconds",
            "Age of the newest entry, and with it of the newest checkpoint.",
            (service.now() - newest) as f64,
        );
    }
}
