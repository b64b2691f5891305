//! What the operator of a service sees and sets: settings, metrics, the log, memory for uploads, life and end.

mod counted;
mod log;
mod memory;
mod metrics;
mod prometheus;
mod traces;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub use log::LogWriter;
pub use traces::Collects;

pub(crate) use counted::Counted;
pub(crate) use log::{Line, Log};
pub(crate) use memory::{Memory, Reserved};
pub(crate) use metrics::Metrics;
pub(crate) use prometheus::{Family, Histogram, Text};
pub(crate) use traces::{Parent, Traces};

use super::front::Guard;
use super::health::Readiness;
use crate::server::{Connections, Stop};
use crate::settings::ServeSettings;

/// What a service is operated by. One a process.
#[derive(Debug)]
pub struct Ops {
    pub(crate) settings: ServeSettings,
    pub(crate) guard: Guard,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Log,
    pub(crate) traces: Traces,
    pub(crate) memory: Memory,
    pub(crate) connections: Arc<Connections>,
    pub(crate) stop: Stop,
    pub(crate) begun: Instant,
    pub(crate) reloads: Mutex<Reloads>,
    pub(crate) readiness: Readiness,
}

/// What came of the last time that something was read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reloads {
    /// Why the certificate in use is not the one in the file.
    pub certificate: Option<String>,
    /// Why the policies in use are not those in the files.
    pub policies: Option<String>,
}

impl Default for Ops {
    /// The default settings, any host, no log.
    fn default() -> Self {
        Self {
            settings: ServeSettings::default(),
            guard: Guard::default(),
            metrics: Arc::default(),
            log: Log::default(),
            traces: Traces::default(),
            memory: Memory::new(u64::MAX),
            connections: Arc::default(),
            stop: Stop::new(),
            begun: Instant::now(),
            reloads: Mutex::default(),
            readiness: Readiness::default(),
        }
    }
}

impl Ops {
    /// As set, for a server that listens there. Lines about requests go to `writer`.
    pub fn new(settings: ServeSettings, listens: SocketAddr, writer: LogWriter) -> Self {
        Self {
            guard: Guard::new(&settings, listens),
            memory: Memory::new(settings.upload_memory.0),
            log: Log::new(settings.access_log, settings.log_addresses, writer),
            settings,
            ..Self::default()
        }
    }

    /// The same, with a span of each request for this collector.
    #[must_use]
    pub fn with_collector(mut self, collector: Arc<dyn Collects>) -> Self {
        self.traces = Traces::to(collector);
        self
    }

    /// Tells the service to stop: it is no longer ready at once.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The counts of the server in front.
    pub fn connections(&self) -> Arc<Connections> {
        Arc::clone(&self.connections)
    }

    /// Whether the certificate in use is not the one in the file, because that cannot be used.
    pub fn certificate_failed(&self) -> bool {
        self.reloads().certificate.is_some()
    }

    /// Tells that the certificate was read again, and why not if it was not.
    pub fn certificate_reloaded(&self, failed: Option<String>) {
        self.metrics.reloaded("certificate", failed.is_none());
        self.reloads().certificate = failed;
    }

    /// Tells that the policies were read again, and why not if they were not.
    pub fn policies_reloaded(&self, failed: Option<String>) {
        self.metrics.reloaded("policies", failed.is_none());
        self.reloads().policies = failed;
    }

    pub(crate) fn reloads(&self) -> std::sync::MutexGuard<'_, Reloads> {
        self.reloads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
