//! The parent's side: children, lent to whoever has a request.

mod child;
mod spawner;
mod tail;
mod watchdog;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Caps, Confinement, Failure, Reply, Request};
use child::Running;
use spawner::Spawner;
use watchdog::Watchdog;

/// Longest that a fresh child may take before it is ready.
const START: Duration = Duration::from_secs(20);

/// What a child runs. Its environment is empty but for what is named here, so that no secret reaches it; its folder
/// is the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// An absolute path.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Program {
    /// The running program itself, with these arguments.
    ///
    /// # Errors
    /// [`Failure::Start`] where the system does not tell.
    pub fn this(arguments: &[&str]) -> Result<Self, Failure> {
        // The file may have been replaced by an update since; the kernel still has the one that runs.
        let path = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe().map_err(Failure::Start)?
        };
        Ok(Self {
            path,
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: Vec::new(),
        })
    }
}

/// How a pool works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Most children at a time, at least one; they are started when they are needed.
    pub children: usize,
    /// Most that one request and its reply may hold.
    pub caps: Caps,
    /// A child is replaced after so many requests. A file that takes a child over can forge the replies to all later
    /// requests of that child, and sees their files; with 1 it can forge its own only, for about two milliseconds a
    /// request.
    pub requests_per_child: Option<u32>,
}

impl Default for PoolOptions {
    /// One child, the default caps, never replaced without need.
    fn default() -> Self {
        Self {
            children: 1,
            caps: Caps::default(),
            requests_per_child: None,
        }
    }
}

/// Children that answer requests. Dropping it ends them all.
///
/// Children stand in a process group of their own: an interrupt typed at the terminal reaches the parent alone, which
/// calls [`Pool::stop`]. A parent that is killed takes them along: each ends at the end of its standard input, and on
/// Linux with the parent at the latest.
#[derive(Debug)]
pub struct Pool {
    options: PoolOptions,
    state: Mutex<State>,
    /// A child came back, or there is room for one.
    changed: Condvar,
    watchdog: Watchdog,
    spawner: Spawner,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Running>,
    /// Children that are idle, lent or being started.
    live: usize,
    stopped: bool,
    /// Counts [`Pool::renew`]: children lent before the last time are not kept.
    generation: u64,
    confinement: Option<Confinement>,
    started: u64,
    failed: u64,
}

/// What became of the children of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Idle, at work or being started.
    pub alive: usize,
    /// Started so far.
    pub started: u64,
    /// Of these, ended by a request: crashed, killed for time or memory, or talking nonsense.
    pub failed: u64,
}

impl Pool {
    /// A pool without children yet.
    ///
    /// # Errors
    /// [`Failure::Start`] if the two threads that look after the children cannot be started.
    pub fn new(program: Program, options: PoolOptions) -> Result<Self, Failure> {
        Ok(Self {
            options,
            state: Mutex::default(),
            changed: Condvar::new(),
            watchdog: Watchdog::start().map_err(Failure::Start)?,
            spawner: Spawner::start(program).map_err(Failure::Start)?,
        })
    }

    /// Has a child answer the request; waits for a child first, then at most `deadline` for the answer.
    ///
    /// May be called from many threads at once. The caps are checked before anything is sent.
    ///
    /// # Errors
    /// [`Failure`]. Whatever befell the child, the next request finds a good one.
    pub fn submit(&self, request: Request<'_>, deadline: Duration) -> Result<Reply, Failure> {
        let caps = &self.options.caps;
        check("header", request.header.len(), caps.header)?;
        check("body", request.body.len(), caps.body)?;
        let (mut child, generation) = self.borrow()?;
        let result = child.exchange(request, deadline, caps, &self.watchdog);
        let worn = self
            .options
            .requests_per_child
            .is_some_and(|most| child.served() >= most)
            || self.state().generation != generation;
        match result {
            Ok(reply) if worn => {
                child.retire();
                self.forget();
                Ok(reply)
            }
            Ok(reply) => {
                self.give_back(child);
                Ok(reply)
            }
            Err(failed) => {
                let failure = child.explain(failed, deadline);
                self.state().failed += 1;
                self.forget();
                Err(failure)
            }
        }
    }

    /// The layers that hold in every child started so far; `None` before the first.
    pub fn confinement(&self) -> Option<Confinement> {
        self.state().confinement
    }

    /// What became of the children so far.
    pub fn counts(&self) -> Counts {
        let state = self.state();
        Counts {
            alive: state.live,
            started: state.started,
            failed: state.failed,
        }
    }

    /// Kills the children that are at work, and lets no more be started: their requests and all later ones end with
    /// [`Failure::Stopped`].
    pub fn stop(&self) {
        let idle = {
            let mut state = self.state();
            state.stopped = true;
            std::mem::take(&mut state.idle)
        };
        self.changed.notify_all();
        self.watchdog.stop();
        idle.into_iter().for_each(Running::retire);
    }

    /// Has every later request answered by a child that is started from now on: one that read files which have changed
    /// since is not asked again. Requests under way are finished.
    pub fn renew(&self) {
        let idle = {
            let mut state = self.state();
            state.generation += 1;
            state.live -= state.idle.len();
            std::mem::take(&mut state.idle)
        };
        self.changed.notify_all();
        idle.into_iter().for_each(Running::retire);
    }

    /// An idle child, or a fresh one if there may be one more; else waits. With the generation that it is of.
    fn borrow(&self) -> Result<(Running, u64), Failure> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return Err(Failure::Stopped);
            }
            // One that died or spoke while it was idle is no fault of this request.
            while let Some(child) = state.idle.pop() {
                if child.is_fit() {
                    return Ok((child, state.generation));
                }
                state.live -= 1;
                child.retire();
            }
            if state.live < self.options.children.max(1) {
                state.live += 1;
                let generation = state.generation;
                drop(state);
                return Ok((self.start()?, generation));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn start(&self) -> Result<Running, Failure> {
        let started = self.spawner.spawn().map_err(Failure::Start);
        let greeted = started.and_then(|child| Running::greet(child, START, &self.watchdog));
        match greeted {
            Ok((child, confinement)) => {
                let mut state = self.state();
                let before = state.confinement.unwrap_or(confinement);
                state.confinement = Some(before.intersection(confinement));
                state.started += 1;
                Ok(child)
            }
            Err(failure) => {
                self.forget();
                Err(failure)
            }
        }
    }

    fn give_back(&self, child: Running) {
        let mut state = self.state();
        if state.stopped {
            drop(state);
            child.retire();
            return self.forget();
        }
        state.idle.push(child);
        drop(state);
        self.changed.notify_one();
    }

    /// A child is no more.
    fn forget(&self) {
        self.state().live -= 1;
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

fn check(what: &'static str, found: usize, allowed: usize) -> Result<(), Failure> {
    if found <= allowed {
        return Ok(());
    }
    Err(Failure::TooLarge {
        what,
        found,
        allowed,
    })
}
