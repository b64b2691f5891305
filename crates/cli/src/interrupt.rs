//! Ctrl-C: what is being written is finished, nothing new is begun. A server finishes its answers; a second Ctrl-C ends
//! it at once, and SIGHUP has it read again what may change.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is set by itself")]
struct State {
    writing: usize,
    stopping: bool,
    /// A server is asked to stop that way: it is how it ends well.
    serving: bool,
    /// A server reads files again when it is told.
    reloads: bool,
    /// It was told.
    reloading: bool,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// To end.
    Stop,
    /// To read files again; to end, where nothing is served, as when a terminal is closed.
    Reload,
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
    /// Takes over SIGINT, SIGTERM and SIGHUP.
    ///
    /// # Errors
    /// [`Failure::Interrupt`] if the system refuses.
    pub fn install() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        watch(move |told| handler.told(told)).map_err(Failure::Interrupt)?;
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
        self.run(stop, || {}, work)
    }

    /// As [`Self::serve`]; `reload` is called at SIGHUP, unless that means that the terminal was closed.
    pub fn serve_and_reload<T>(
        &self,
        stop: impl FnOnce() + Send,
        reload: impl Fn() + Sync,
        work: impl FnOnce() -> T,
    ) -> T {
        lock(&self.shared.0).reloads = !std::io::stderr().is_terminal();
        self.run(stop, reload, work)
    }

    fn run<T>(
        &self,
        stop: impl FnOnce() + Send,
        reload: impl Fn() + Sync,
        work: impl FnOnce() -> T,
    ) -> T {
        let (state, changed) = &*self.shared;
        lock(state).serving = true;
        let writing = self.writing();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut state = lock(state);
                while !state.stopping && !done.load(Ordering::SeqCst) {
                    if std::mem::take(&mut state.reloading) {
                        drop(state);
                        reload();
                        state = lock(&self.shared.0);
                        continue;
                    }
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

    fn told(&self, told: Told) {
        let (state, changed) = &*self.shared;
        let mut state = lock(state);
        if state.serving {
            match told {
                Told::Reload if state.reloads => state.reloading = true,
                Told::Reload | Told::Stop if state.stopping => {
                    std::process::exit(Exit::INTERRUPTED.code())
                }
                Told::Reload | Told::Stop => {
                    state.stopping = true;
                    // Not through the printer: another thread may hold it.
                    eprintln!("\nstopping; finishing the answers in hand");
                }
            }
            changed.notify_all();
            return;
        }
        state.stopping = true;
        changed.notify_all();
        if state.writing > 0 {
            eprintln!("\nstopping; finishing the files in hand");
        }
        while state.writing > 0 {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::process::exit(state.exit().code());
    }
}

/// Calls `handler` at each signal, on a thread of its own.
#[cfg(unix)]
fn watch(handler: impl Fn(Told) + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let thread = std::thread::Builder::new().name("colophon-signals".to_owned());
    thread.spawn(move || {
        for signal in signals.forever() {
            handler(if signal == SIGHUP {
                Told::Reload
            } else {
                Told::Stop
            });
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
fn watch(handler: impl Fn(Told) + Send + 'static) -> std::io::Result<()> {
    ctrlc::set_handler(move || handler(Told::Stop)).map_err(std::io::Error::other)
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
