//! Ctrl-C: what is being written is finished, nothing new is begun.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug, Default)]
struct State {
    writing: usize,
    stopping: bool,
    /// A server is asked to stop that way: it is how it ends well.
    serving: bool,
}

impl State {
    fn exit(&self) -> Exit {
        if self.serving {
            Exit::DONE
        } else {
            Exit::INTERRUPTED
        }
    }
}

/// Holds back the end of the program while a file is being made.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    shared: Arc<(Mutex<State>, Condvar)>,
}

/// While one lives, the program does not end at Ctrl-C.
#[derive(Debug)]
pub struct Writing<'a>(&'a Interrupt);

impl Interrupt {
    /// Takes over SIGINT and SIGTERM.
    ///
    /// # Errors
    /// [`Failure::Interrupt`] if the system refuses.
    pub fn install() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        ctrlc::set_handler(move || handler.stop()).map_err(Failure::Interrupt)?;
        Ok(interrupt)
    }

    /// Whether Ctrl-C was pressed: nothing new should be begun.
    pub fn is_stopping(&self) -> bool {
        lock(&self.shared.0).stopping
    }

    /// Begins a stretch of work that leaves files; after Ctrl-C it waits for the end instead, so
    /// that no stretch may begin within another.
    pub fn writing(&self) -> Writing<'_> {
        let (state, changed) = &*self.shared;
        let mut state = lock(state);
        while state.stopping {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writing += 1;
        Writing(self)
    }

    /// How the program ends when Ctrl-C was pressed; `None` when it was not.
    pub fn ended(&self) -> Option<Exit> {
        let state = lock(&self.shared.0);
        state.stopping.then(|| state.exit())
    }

    /// Runs a server until Ctrl-C or SIGTERM: then `stop` is called, and the program ends when `work` returns.
    pub fn serve<T>(&self, stop: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
        let (state, changed) = &*self.shared;
        lock(state).serving = true;
        let writing = self.writing();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut state = lock(state);
                while !state.stopping && !done.load(Ordering::SeqCst) {
                    state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                drop(state);
                stop();
            });
            let result = work();
            {
                let _state = lock(state);
                done.store(true, Ordering::SeqCst);
            }
            changed.notify_all();
            drop(writing);
            result
        })
    }

    fn stop(&self) {
        let (state, changed) = &*self.shared;
        let mut state = lock(state);
        state.stopping = true;
        changed.notify_all();
        if state.writing > 0 {
            // Not through the printer: another thread may hold it.
            let hand = if state.serving { "answers" } else { "files" };
            eprintln!("\nstopping; finishing the {hand} in hand");
        }
        while state.writing > 0 {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::process::exit(state.exit().code());
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let (state, changed) = &*self.0.shared;
        lock(state).writing -= 1;
        changed.notify_all();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
