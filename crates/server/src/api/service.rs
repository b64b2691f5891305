//! What the service answers from.

use std::sync::Arc;
use std::time::Duration;

use colophon_provenance::{Home, Issuer};

use super::access::Access;
use super::audit::Audit;
use super::issue::Served;
use super::jobs::Jobs;
use super::makes::Makes;
use super::ops::{Counted, Ops};
use super::ports::{Checks, Clock, Fetches};
use super::upload::Uploads;
use super::verify::Fetching;
use super::work::Work;
use crate::feedback::Feedback;

/// How the service behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether pictures may be checked without a key, as the law asks of detection tools.
    pub public_verify: bool,
    /// Whether records, proofs, statistics, policies and keys may be read without a key.
    pub public_audit: bool,
    /// Most pieces of work on pictures that wait for a processor.
    pub queue: usize,
    /// Longest body of a request with a picture, bytes.
    pub picture_bytes: usize,
    /// How long issued files can be fetched by their addresses.
    pub keep_served: Duration,
    /// Memory for all bodies of requests with pictures that are under way, bytes.
    pub upload_memory: usize,
    /// Longest time that such a body may take to arrive.
    pub upload_time: Duration,
    /// Whether callers with a key may see where a mark reads.
    pub heat_map_for_keys: bool,
    /// Address under which the service is reached, such as `https://pictures.example`, for documents that name it;
    /// otherwise the one that the request names.
    pub public_url: Option<String>,
}

impl Default for Settings {
    /// Checking and reading are open; 64 wait; pictures of 64 MiB, 512 MiB of them at a time, a minute for each; heat
    /// maps for keys; files are kept for an hour.
    fn default() -> Self {
        Self {
            public_verify: true,
            public_audit: true,
            queue: 64,
            picture_bytes: 64 << 20,
            keep_served: Duration::from_hours(1),
            upload_memory: 512 << 20,
            upload_time: Duration::from_mins(1),
            heat_map_for_keys: true,
            public_url: None,
        }
    }
}

/// Everything that requests are answered from. One a process.
pub struct Service {
    /// The home.
    pub home: Home,
    /// Issues pictures and holds the ledger open.
    pub issuer: Arc<Issuer>,
    /// Checks pictures, confined.
    pub checks: Arc<dyn Checks>,
    /// Checks that run and wait.
    pub checking: Work,
    /// Issuing that runs and waits.
    pub issuing: Work,
    /// Makes pictures; without, pictures are stamped only.
    pub makes: Option<Arc<dyn Makes>>,
    /// Issued files that can be fetched for a while.
    pub(crate) served: Served,
    /// Jobs and webhooks, if there are any.
    pub jobs: Option<Jobs>,
    /// Readers of the ledger and what they found.
    pub(crate) audit: Audit,
    /// Who may ask.
    pub access: Access,
    /// Bodies of requests that are under way.
    pub(crate) uploads: Uploads,
    /// Files that are fetched for callers.
    pub(crate) fetching: Fetching,
    /// What people say of the checks.
    pub(crate) feedback: Feedback,
    /// Settings.
    pub settings: Settings,
    /// The present.
    pub clock: Clock,
    /// What it is operated by.
    pub ops: Ops,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// A service over a home.
    pub fn new(
        home: Home,
        issuer: Arc<Issuer>,
        checks: Arc<dyn Checks>,
        settings: Settings,
        clock: Clock,
    ) -> Self {
        let ops = Ops::default();
        let checks = Arc::new(Counted {
            checks,
            metrics: Arc::clone(&ops.metrics),
        });
        Self {
            checking: Work::new(checks.at_once(), settings.queue),
            issuing: Work::new(checks.at_once(), settings.queue),
            makes: None,
            served: Served::new(home.root.join("served"), settings.keep_served),
            audit: Audit::new(&home),
            access: Access::of(&home),
            uploads: Uploads::new(settings.upload_memory, settings.upload_time),
            fetching: Fetching::new(None),
            feedback: Feedback::of(&home),
            home,
            issuer,
            checks,
            jobs: None,
            settings,
            clock,
            ops,
        }
    }

    /// The same service, with these models.
    #[must_use]
    pub fn with_models(mut self, makes: Arc<dyn Makes>) -> Self {
        self.makes = Some(makes);
        self
    }

    /// A service that takes jobs. Start their [`super::Background`] too.
    #[must_use]
    pub fn with_jobs(mut self, jobs: Jobs) -> Self {
        self.jobs = Some(jobs);
        self
    }

    /// The same service, for these callers.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The same service, operated by this.
    #[must_use]
    pub fn with_ops(mut self, ops: Ops) -> Self {
        self.ops = Ops {
            // The checks count there already.
            metrics: Arc::clone(&self.ops.metrics),
            ..ops
        };
        self
    }

    /// The service that also checks pictures at addresses; without, it fetches nothing.
    #[must_use]
    pub fn with_fetches(mut self, fetches: Arc<dyn Fetches>) -> Self {
        self.fetching = Fetching::new(Some(fetches));
        self
    }

    /// Deletes issued files that were kept long enough; they are not served any more in either case. Reads folders: not
    /// for threads that serve connections.
    pub fn tidy_served(&self) {
        // What cannot be deleted now is tried the next time.
        let _ = self.served.sweep(self.now());
    }

    /// The present, Unix seconds.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }
}
