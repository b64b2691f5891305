//! A thread that kills children whose time is up.
//!
//! Reading from and writing to a child's pipes then simply fails, so that nothing else needs a time limit.

use std::io;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// A child that can be killed while another thread talks to it. The handle knows whether the child was reaped, so
/// that never another process of the same number is hit.
pub(super) type Shared = Arc<Mutex<Child>>;

#[derive(Debug)]
pub(super) struct Watchdog {
    shared: Arc<(Mutex<Table>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Table {
    watched: Vec<Watched>,
    next: u64,
    stopped: bool,
    ended: bool,
}

#[derive(Debug)]
struct Watched {
    ticket: u64,
    deadline: Instant,
    child: Shared,
    killed: Option<Killed>,
}

/// Why the watchdog killed a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    Late,
    Stopped,
}

impl Watchdog {
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::<(Mutex<Table>, Condvar)>::default();
        let own = Arc::clone(&shared);
        let thread = Builder::new()
            .name("sandbox-watchdog".to_owned())
            .spawn(move || watch(&own.0, &own.1))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Runs `work` while the child is watched; what it returned, and whether the child was killed meanwhile.
    pub(super) fn during<T>(
        &self,
        child: &Shared,
        time: Duration,
        work: impl FnOnce() -> T,
    ) -> (T, Option<Killed>) {
        // Past what the clock can hold is never.
        let far = Duration::from_hours(24 * 365);
        let deadline = Instant::now() + time.min(far);
        let ticket = self.enter(Arc::clone(child), deadline);
        let result = work();
        (result, self.leave(ticket))
    }

    /// Kills every watched child, now and from now on.
    pub(super) fn stop(&self) {
        self.table().stopped = true;
        self.shared.1.notify_one();
    }

    fn enter(&self, child: Shared, deadline: Instant) -> u64 {
        let mut table = self.table();
        table.next += 1;
        let ticket = table.next;
        let is_first = table.watched.iter().all(|other| deadline < other.deadline);
        table.watched.push(Watched {
            ticket,
            deadline,
            child,
            killed: None,
        });
        // Else it wakes up early enough.
        if is_first || table.stopped {
            self.shared.1.notify_one();
        }
        ticket
    }

    fn leave(&self, ticket: u64) -> Option<Killed> {
        let mut table = self.table();
        let index = table
            .watched
            .iter()
            .position(|watched| watched.ticket == ticket)?;
        table.watched.swap_remove(index).killed
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.table().ended = true;
        self.shared.1.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(table: &Mutex<Table>, changed: &Condvar) {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    while !table.ended {
        let now = Instant::now();
        let stopped = table.stopped;
        let mut next: Option<Instant> = None;
        for watched in table
            .watched
            .iter_mut()
            .filter(|watched| watched.killed.is_none())
        {
            if !stopped && watched.deadline > now {
                next = Some(next.map_or(watched.deadline, |next| next.min(watched.deadline)));
                continue;
            }
            watched.killed = Some(if stopped {
                Killed::Stopped
            } else {
                Killed::Late
            });
            let mut child = watched.child.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = child.kill();
        }
        table = match next {
            Some(next) => {
                let waited = changed.wait_timeout(table, next.saturating_duration_since(now));
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => changed.wait(table).unwrap_or_else(PoisonError::into_inner),
        };
    }
}
