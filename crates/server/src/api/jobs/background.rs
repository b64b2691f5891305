//! What goes on without a request: turns of jobs, messages, sweeping.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use colophon_jobs::Kind;

use super::super::service::Service;
use super::{deliveries, turns};

/// Threads for pictures in hand, fetches and messages.
const THREADS: usize = 64;
/// Longest wait for pictures in hand when the server stops; they are checked again after the next start.
const DRAIN: Duration = Duration::from_secs(30);

/// The work on jobs, beside the server on threads of its own. Dropped, it is stopped.
#[derive(Debug)]
pub struct Background {
    service: Arc<Service>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts it: jobs that were interrupted go on.
    ///
    /// # Errors
    /// The system's, when it gives no threads.
    pub fn start(service: Arc<Service>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(THREADS)
            .thread_name("colophon-jobs")
            .build()?;
        let working = Arc::clone(&service);
        let thread = thread::Builder::new()
            .name("colophon-jobs".to_owned())
            .spawn(move || {
                runtime.block_on(work(working));
                runtime.shutdown_timeout(Duration::from_secs(1));
            })?;
        Ok(Self {
            service,
            thread: Some(thread),
        })
    }

    /// Stops it: no picture is begun, those in hand are finished and noted.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(jobs) = &self.service.jobs {
            jobs.stop();
        }
        if let Some(thread) = self.thread.take() {
            // A panic in there was told on standard error.
            let _ = thread.join();
        }
    }
}

async fn work(service: Arc<Service>) {
    let resuming = tokio::spawn(turns::resume(Arc::clone(&service)));
    let sweeping = tokio::spawn(turns::sweep(Arc::clone(&service)));
    let posting = tokio::spawn(deliveries::pump(Arc::clone(&service)));
    let pumps = Kind::ALL.map(|kind| tokio::spawn(turns::pump(Arc::clone(&service), kind)));
    for pump in pumps {
        let stopped = wait_for_stop(&service, pump);
        stopped.await;
    }
    resuming.abort();
    sweeping.abort();
    posting.abort();
}

/// Waits for a pump, and from the stop on no longer than [`DRAIN`].
async fn wait_for_stop(service: &Service, pump: tokio::task::JoinHandle<()>) {
    let mut pump = pump;
    loop {
        if tokio::time::timeout(Duration::from_secs(1), &mut pump)
            .await
            .is_ok()
        {
            return;
        }
        let stopping = service.jobs.as_ref().is_none_or(super::Jobs::is_stopping);
        if stopping {
            let _ = tokio::time::timeout(DRAIN, &mut pump).await;
            return;
        }
    }
}
