//! Decisions on their way into the log of decisions.
//!
//! A thread of its own writes them, so that no request waits for the disk, and at most so many wait.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use colophon_policy::PastDecision;
use colophon_provenance::Issuer;

use crate::api::problem::{Problem, ProblemKind};

/// Most decisions that wait.
const MOST: usize = 1024;

/// The way into the log. Dropped, it waits until all is written.
#[derive(Default)]
pub(super) struct Log {
    /// `None` when the system starts no thread.
    writer: OnceLock<Option<Writer>>,
    state: Arc<State>,
}

struct Writer {
    sender: SyncSender<PastDecision>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    waiting: AtomicUsize,
    dropped: AtomicU64,
    /// Whether the last decision could not be written.
    broken: AtomicBool,
}

impl Log {
    /// Keeps a permission.
    ///
    /// # Errors
    /// [`ProblemKind::Overloaded`] when it cannot be kept: then nothing may be done on it.
    pub fn keep(&self, issuer: &Arc<Issuer>, past: PastDecision) -> Result<(), Problem> {
        // While nothing can be written each one is tried nevertheless: that is how it is seen when there is room again.
        let broken = self.state.broken.load(Ordering::Relaxed);
        let sent = self.send(issuer, past);
        if broken || sent.is_err() {
            return Err(Problem::new(ProblemKind::Overloaded)
                .with_detail(
                    "the decision on this request cannot be kept, so it is not carried out",
                )
                .retry_after(5));
        }
        Ok(())
    }

    /// Keeps a refusal, which holds whether it is kept or not.
    pub fn keep_refusal(&self, issuer: &Arc<Issuer>, past: PastDecision) {
        if self.send(issuer, past).is_err() {
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many wait, and how many refusals were not kept.
    pub fn waiting(&self) -> (usize, u64) {
        let waiting = self.state.waiting.load(Ordering::Relaxed);
        (waiting, self.state.dropped.load(Ordering::Relaxed))
    }

    fn send(&self, issuer: &Arc<Issuer>, past: PastDecision) -> Result<(), Full> {
        let start = || Writer::start(Arc::clone(issuer), Arc::clone(&self.state));
        let writer = self.writer.get_or_init(start).as_ref().ok_or(Full)?;
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        writer.sender.try_send(past).map_err(|_| {
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
            Full
        })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(Some(Writer { sender, thread })) = self.writer.take() {
            drop(sender);
            // One that panicked has nothing left to write.
            let _ = thread.join();
        }
    }
}

/// There is no room for another decision.
struct Full;

impl Writer {
    fn start(issuer: Arc<Issuer>, state: Arc<State>) -> Option<Self> {
        let (sender, receiver) = sync_channel(MOST);
        let thread = thread::Builder::new()
            .name("colophon-decisions".to_owned())
            .spawn(move || write(&issuer, &state, &receiver));
        let thread = thread.ok()?;
        Some(Self { sender, thread })
    }
}

fn write(issuer: &Issuer, state: &State, decisions: &Receiver<PastDecision>) {
    for past in decisions {
        let kept = issuer.policies().keep(issuer.decisions(), &past);
        state.broken.store(kept.is_err(), Ordering::Relaxed);
        state.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
