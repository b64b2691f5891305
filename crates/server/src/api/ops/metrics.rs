//! What is counted.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::http::{Method, StatusCode};

use super::{Family, Histogram, Text};

/// Counts of a service.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Family,
    times: Histogram,
    received: AtomicU64,
    in_hand: AtomicUsize,
    shed: Family,
    checks: Family,
    check_times: Histogram,
    reloads: Family,
}

/// A request in hand.
#[derive(Debug)]
pub(crate) struct InHand<'a>(&'a AtomicUsize);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Metrics {
    /// One more request in hand, if there are fewer than `most`.
    pub fn enter(&self, most: usize) -> Option<InHand<'_>> {
        let more = |now: usize| (now < most).then_some(now + 1);
        self.in_hand
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()?;
        Some(InHand(&self.in_hand))
    }

    /// Requests in hand.
    pub fn in_hand(&self) -> usize {
        self.in_hand.load(Ordering::Relaxed)
    }

    /// A request was answered.
    pub fn answered(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        seconds: f64,
        received: u64,
    ) {
        self.requests
            .count(&[route, known(method), status.as_str()]);
        self.times.took(route, seconds);
        self.received.fetch_add(received, Ordering::Relaxed);
    }

    /// A request was turned away because of this.
    pub fn shed(&self, why: &str) {
        self.shed.count(&[why]);
    }

    /// A picture was checked, with this outcome.
    pub fn checked(&self, outcome: &str, seconds: f64) {
        self.checks.count(&[outcome]);
        self.check_times.took(outcome, seconds);
    }

    /// Something was read again.
    pub fn reloaded(&self, what: &str, well: bool) {
        self.reloads
            .count(&[what, if well { "done" } else { "failed" }]);
    }

    /// Adds them to the text.
    pub fn write(&self, text: &mut Text) {
        text.family(
            "colophon_requests_total",
            "Requests answered.",
            &["route", "method", "status"],
            &self.requests,
        );
        text.histogram(
            "colophon_request_seconds",
            "Time to the head of the answer.",
            "route",
            &self.times,
        );
        text.counter(
            "colophon_received_bytes_total",
            "Bytes of bodies that came in.",
            self.received.load(Ordering::Relaxed),
        );
        text.gauge(
            "colophon_requests_in_hand",
            "Requests being answered.",
            self.in_hand() as f64,
        );
        text.family(
            "colophon_shed_total",
            "Requests turned away for load.",
            &["reason"],
            &self.shed,
        );
        text.family(
            "colophon_checks_total",
            "Pictures checked.",
            &["outcome"],
            &self.checks,
        );
        text.histogram(
            "colophon_check_seconds",
            "Time for one picture once it has a processor.",
            "outcome",
            &self.check_times,
        );
        text.family(
            "colophon_reloads_total",
            "Files read again while the service runs.",
            &["what", "result"],
            &self.reloads,
        );
    }
}

/// A method's name; those of a client's own making are one, or each would be a line for ever.
fn known(method: &Method) -> &'static str {
    let all = [
        (Method::GET, "GET"),
        (Method::POST, "POST"),
        (Method::HEAD, "HEAD"),
        (Method::DELETE, "DELETE"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::OPTIONS, "OPTIONS"),
    ];
    let found = all.iter().find(|(known, _)| known == method);
    found.map_or("other", |(_, name)| name)
}
