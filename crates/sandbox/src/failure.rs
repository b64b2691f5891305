//! What can become of a request beside a reply.

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why there is no reply. None of them is retried: the same bytes would do it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The child could not be started or did not come up. Not the request's fault.
    #[error("a child process cannot be started ({0}): free memory or raise the limit of processes")]
    Start(#[source] io::Error),
    /// The request is larger than the caps allow.
    #[error("the {what} of {found} bytes is larger than {allowed}: raise the limit or send less")]
    TooLarge {
        /// Which part of the request.
        what: &'static str,
        /// Its bytes.
        found: usize,
        /// Most bytes allowed.
        allowed: usize,
    },
    /// The child ended before it replied.
    #[error("the child process {end}{}", said(*.cause, .stderr))]
    Crashed {
        /// How it ended.
        end: End,
        /// What it looks like.
        cause: Cause,
        /// What it last said, on one line, at most a few hundred characters, cleaned for terminals.
        stderr: String,
    },
    /// No reply before the deadline; the child was killed.
    #[error("no result within {:.1} s: allow more time, or treat the file as hostile", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The work stopped at a condition it did not expect (a panic, a result too large); the child was replaced.
    #[error("the work gave up: {0}")]
    GaveUp(String),
    /// The child sent something that is no reply, or more than is allowed; it was killed.
    #[error("the child process sent no valid reply ({0}): treat the file as hostile")]
    Protocol(&'static str),
    /// [`crate::Pool::stop`] was called.
    #[error("stopped")]
    Stopped,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Exit(i32),
    /// By this signal (its number on this system).
    Signal(i32),
    /// In a way that the system does not tell.
    Unknown,
}

/// What the end of a child looks like. A guess from the signal and from what the run time said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// It asked for more memory than its limit.
    Memory,
    /// It recursed too deep.
    Stack,
    /// It used more processor time than its limit.
    CpuTime,
    /// It wrote to a file.
    FileWrite,
    /// It was killed from outside, which is how a system that runs out of memory does it.
    Killed,
    /// It came to an end by itself: an abort, an invalid access, an exit.
    Other,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "ended with exit code {code}"),
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "was ended by {name}"),
                None => write!(f, "was ended by signal {number}"),
            },
            Self::Unknown => f.write_str("ended"),
        }
    }
}

fn said(cause: Cause, stderr: &str) -> String {
    let cause = match cause {
        Cause::Memory => ", out of memory",
        Cause::Stack => ", recursed too deep",
        Cause::CpuTime => ", out of processor time",
        Cause::FileWrite => ", tried to write a file",
        Cause::Killed => ", killed from outside (the system may be short of memory)",
        Cause::Other if stderr.is_empty() => "",
        Cause::Other => return format!(": {stderr}"),
    };
    cause.to_owned()
}

#[cfg(unix)]
fn signal_name(number: i32) -> Option<&'static str> {
    use nix::sys::signal::Signal;
    Signal::try_from(number).ok().map(Signal::as_str)
}

#[cfg(not(unix))]
fn signal_name(_: i32) -> Option<&'static str> {
    None
}

impl End {
    pub(crate) fn of(status: ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Self::Signal(signal);
        }
        status.code().map_or(Self::Unknown, Self::Exit)
    }
}

impl Cause {
    /// From the end and the uncleaned last words.
    ///
    /// Rust's run time says the first two itself before it aborts (`std::alloc::handle_alloc_error`, the handler of
    /// the guard page).
    pub(crate) fn of(end: End, stderr: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stderr);
        if text.contains("memory allocation of ") || text.contains("failed to spawn thread") {
            return Self::Memory;
        }
        if text.contains("has overflowed its stack") {
            return Self::Stack;
        }
        match end {
            End::Signal(number) => Self::of_signal(number),
            End::Exit(_) | End::Unknown => Self::Other,
        }
    }

    #[cfg(unix)]
    fn of_signal(number: i32) -> Self {
        use nix::sys::signal::Signal;
        match Signal::try_from(number) {
            Ok(Signal::SIGXCPU) => Self::CpuTime,
            Ok(Signal::SIGXFSZ) => Self::FileWrite,
            Ok(Signal::SIGKILL) => Self::Killed,
            _ => Self::Other,
        }
    }

    #[cfg(not(unix))]
    fn of_signal(_: i32) -> Self {
        Self::Other
    }
}
