//! A line about each request: no personal data, no part of a query, no address with an id in it.

use std::io::Write;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{Method, StatusCode};
use colophon_provenance::rfc3339;
use serde_json::json;

use crate::settings::AccessLog;

/// Lines that wait to be written; when whoever reads them is slower than that, further ones are dropped and counted.
const MOST_WAITING: usize = 4_096;

/// Where lines go: standard error, or something else in a test.
pub type LogWriter = Box<dyn Write + Send>;

/// Writes lines on a thread of its own, so that a full pipe holds up nobody.
#[derive(Debug, Default)]
pub(crate) struct Log {
    form: AccessLog,
    addresses: bool,
    lines: Option<SyncSender<String>>,
    dropped: AtomicU64,
}

/// What is told of a request.
pub(crate) struct Line<'a> {
    pub method: &'a Method,
    /// As documented, with names where parts vary.
    pub route: &'a str,
    pub status: StatusCode,
    /// To the head of the answer.
    pub seconds: f64,
    /// Of the body that came in.
    pub bytes: u64,
    pub client: Option<IpAddr>,
    /// What failed, where the service did.
    pub cause: Option<&'a str>,
}

impl Log {
    /// Lines of this form.
    pub fn new(form: AccessLog, addresses: bool, mut writer: LogWriter) -> Self {
        let (lines, waiting) = sync_channel::<String>(MOST_WAITING);
        let thread = std::thread::Builder::new().name("colophon-log".to_owned());
        let started = (form != AccessLog::Off).then(|| {
            thread.spawn(move || {
                // Nobody is left to be told that it cannot be written.
                while let Ok(line) = waiting.recv() {
                    let _ = writer.write_all(line.as_bytes());
                }
            })
        });
        Self {
            form,
            addresses,
            lines: started.and_then(Result::ok).map(|_| lines),
            dropped: AtomicU64::new(0),
        }
    }

    /// Lines that could not be written in time.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Tells of a request.
    pub fn request(&self, line: &Line<'_>) {
        let Some(lines) = &self.lines else {
            return;
        };
        let text = match self.form {
            AccessLog::Json => self.json(line),
            _ => self.text(line),
        };
        if let Err(TrySendError::Full(_)) = lines.try_send(text) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn client(&self, line: &Line<'_>) -> Option<String> {
        line.client
            .filter(|_| self.addresses)
            .map(|address| address.to_string())
    }

    fn text(&self, line: &Line<'_>) -> String {
        let client = self.client(line).map(|it| format!(" {it}"));
        // One request, one line.
        let cause = line
            .cause
            .map(|it| format!(": {}", it.replace(char::is_control, " ")));
        format!(
            "{} {} {} {} {:.1}ms {}{}{}\n",
            now(),
            line.method,
            line.route,
            line.status.as_u16(),
            line.seconds * 1_000.0,
            crate::api::request_id::current(),
            client.unwrap_or_default(),
            cause.unwrap_or_default(),
        )
    }

    fn json(&self, line: &Line<'_>) -> String {
        let mut value = json!({
            "time": now(),
            "request_id": crate::api::request_id::current(),
            "method": line.method.as_str(),
            "route": line.route,
            "status": line.status.as_u16(),
            "milliseconds": (line.seconds * 10_000.0).round() / 10.0,
            "bytes_received": line.bytes,
        });
        if let Some(client) = self.client(line) {
            value["client"] = client.into();
        }
        if let Some(cause) = line.cause {
            value["cause"] = cause.into();
        }
        format!("{value}\n")
    }
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    rfc3339(since.map_or(0, |since| since.as_secs() as i64))
}
