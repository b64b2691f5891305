//! A span of each request, for a collector of traces (OTLP over HTTP with JSON; names by the semantic conventions for
//! HTTP servers). Like the log they hold no personal data.
//!
//! The two dozen lines of JSON are written here, because the crates of OpenTelemetry would be a tenth of the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Value, json};

use super::Line;

/// Spans sent at a time, and the longest that one waits for others.
const MOST_AT_ONCE: usize = 256;
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Spans that wait; further ones are dropped and counted.
const MOST_WAITING: usize = 4_096;

/// W3C Trace Context: whose trace a request belongs to.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Sends spans to a collector; blocks.
pub trait Collects: Send + Sync {
    /// Takes an `ExportTraceServiceRequest` in JSON. What cannot be sent is lost.
    ///
    /// # Errors
    /// Why it was not taken.
    fn collect(&self, request: &[u8]) -> Result<(), String>;
}

/// Spans on their way.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    spans: Option<SyncSender<Value>>,
    lost: Arc<AtomicU64>,
}

impl Traces {
    /// Spans for this collector.
    pub fn to(collector: Arc<dyn Collects>) -> Self {
        let (spans, waiting) = sync_channel(MOST_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let thread = std::thread::Builder::new().name("colophon-traces".to_owned());
        let started = thread.spawn(move || send(&waiting, &*collector, &counted));
        Self {
            spans: started.ok().map(|_| spans),
            lost,
        }
    }

    /// Spans that were not taken.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// A request was answered just now. `parent` holds the headers that may name its trace.
    pub fn request(&self, line: &Line<'_>, parent: Option<Parent>) {
        let Some(spans) = &self.spans else {
            return;
        };
        if let Err(TrySendError::Full(_)) = spans.try_send(span(line, parent)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The trace and span that a request says it is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parent {
    trace: String,
    span: String,
}

impl Parent {
    /// As the header tells, version 00 or one that begins like it.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(TRACEPARENT)?.to_str().ok()?;
        let mut parts = text.trim().split('-');
        let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length: usize| {
            text.len() == length
                && text
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let named = |text: &str| text.bytes().any(|byte| byte != b'0');
        let fits = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16);
        (fits && named(trace) && named(span)).then(|| Self {
            trace: trace.to_owned(),
            span: span.to_owned(),
        })
    }
}

fn span(line: &Line<'_>, parent: Option<Parent>) -> Value {
    let random = || getrandom::u64().unwrap_or(1);
    let end = SystemTime::now().duration_since(UNIX_EPOCH);
    let end = end.map_or(0, |since| since.as_nanos());
    let begin = end.saturating_sub((line.seconds * 1e9) as u128);
    let (trace, above) = match parent {
        Some(parent) => (parent.trace, parent.span),
        None => (format!("{:016x}{:016x}", random(), random()), String::new()),
    };
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let number =
        |key: &str, value: u64| json!({ "key": key, "value": { "intValue": value.to_string() } });
    json!({
        "traceId": trace,
        "spanId": format!("{:016x}", random()),
        "parentSpanId": above,
        "name": format!("{} {}", line.method, line.route),
        // A server's side of a request.
        "kind": 2,
        "startTimeUnixNano": begin.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": [
            text("http.request.method", line.method.as_str()),
            text("http.route", line.route),
            number("http.response.status_code", line.status.as_u16().into()),
            number("http.request.body.size", line.bytes),
            text("colophon.request_id", &crate::api::request_id::current()),
        ],
        "status": { "code": if failed(line.status) { 2 } else { 0 } },
    })
}

/// Only what the server did wrong is an error of its span.
fn failed(status: StatusCode) -> bool {
    status.is_server_error()
}

fn send(waiting: &Receiver<Value>, collector: &dyn Collects, lost: &AtomicU64) {
    let mut over = false;
    while !over {
        let Ok(first) = waiting.recv() else {
            return;
        };
        let mut spans = vec![first];
        let end = Instant::now() + LONGEST_WAIT;
        while spans.len() < MOST_AT_ONCE {
            match waiting.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(span) => spans.push(span),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    over = true;
                    break;
                }
            }
        }
        let count = spans.len() as u64;
        let request = request(&spans).to_string();
        if collector.collect(request.as_bytes()).is_err() {
            lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

fn request(spans: &[Value]) -> Value {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    json!({ "resourceSpans": [{
        "resource": { "attributes": [
            text("service.name", "colophon"),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ] },
        "scopeSpans": [{ "scope": { "name": "colophon" }, "spans": spans }],
    }] })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::http::{HeaderValue, Method};

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<Value>>);

    impl Collects for Heard {
        fn collect(&self, request: &[u8]) -> Result<(), String> {
            let request = serde_json::from_slice(request).unwrap();
            self.0.lock().unwrap().push(request);
            Ok(())
        }
    }

    fn line() -> Line<'static> {
        Line {
            method: &Method::GET,
            route: "/v1/records/{id}",
            status: StatusCode::SERVICE_UNAVAILABLE,
            seconds: 0.25,
            bytes: 7,
            client: Some([192, 0, 2, 1].into()),
            cause: None,
        }
    }

    #[test]
    fn a_request_is_a_span_of_its_caller_s_trace() {
        let heard = Arc::new(Heard::default());
        let traces = Traces::to(Arc::clone(&heard) as Arc<dyn Collects>);
        let parent = Parent {
            trace: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            span: "00f067aa0ba902b7".to_owned(),
        };
        traces.request(&line(), Some(parent));
        // The thread sends what it has when no more can come.
        drop(traces);
        for _ in 0..200 {
            if !heard.0.lock().unwrap().is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let requests = heard.0.lock().unwrap().clone();
        let span = &requests[0]["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
        assert_eq!(span["name"], "GET /v1/records/{id}");
        assert_eq!(span["status"]["code"], 2);
        let nanos = |name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
        assert_eq!(
            nanos("endTimeUnixNano") - nanos("startTimeUnixNano"),
            250_000_000
        );
        assert!(!requests[0].to_string().contains("192.0.2.1"));
    }

    #[test]
    fn only_well_formed_parents_are_believed() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_static(text));
            Parent::of(&headers)
        };
        assert!(of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").is_some());
        assert!(of("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
