//! Ctrl-C: what is being written is finished, nothing new is begun.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug, Default)]
struct State {
    writing: usize,
    stopping: bool,
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

    fn stop(&self) {
        let (state, changed) = &*self.shared;
        let mut state = lock(state);
        state.stopping = true;
        if state.writing > 0 {
            // Not through the printer: another thread may hold it.
            eprintln!("\nstopping; finishing the files in hand");
        }
        while state.writing > 0 {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::process::exit(Exit::INTERRUPTED.code());
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
