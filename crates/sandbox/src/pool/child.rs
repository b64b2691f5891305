//! One running child.

use std::io::{self, BufReader, ErrorKind};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::tail::Tail;
use super::watchdog::{Killed, Shared, Watchdog};
use crate::clean::clean;
use crate::frame::{self, Answer, BODY, Broken, Caps, HEADER, HELLO, Reply, Request};
use crate::{Cause, Confinement, End, Failure};

/// How long a child that closed its output, or was asked to end, may take to do so.
const GRACE: Duration = Duration::from_secs(1);
/// Characters of a child's last words that are told.
const WORDS: usize = 300;

#[derive(Debug)]
pub(super) struct Running {
    child: Shared,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: Tail,
    served: u32,
}

/// Why there was no reply, as far as the pipes tell.
pub(super) enum Failed {
    Killed(Killed),
    Gone,
    Protocol(&'static str),
    Fault(Vec<u8>),
}

impl Running {
    /// Waits until the fresh child is ready.
    pub(super) fn greet(
        mut child: Child,
        time: Duration,
        watchdog: &Watchdog,
    ) -> Result<(Self, Confinement), Failure> {
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Failure::Start(io::Error::from(ErrorKind::BrokenPipe)));
        };
        widen(&stdin);
        widen(&stdout);
        let child = Arc::new(Mutex::new(child));
        let stderr = Tail::of(stderr)
            .inspect_err(|_| drop(kill(&child)))
            .map_err(Failure::Start)?;
        let mut running = Self {
            child,
            stdin,
            stdout: BufReader::with_capacity(64 << 10, stdout),
            stderr,
            served: 0,
        };
        let shared = Arc::clone(&running.child);
        let (hello, killed) =
            watchdog.during(&shared, time, || frame::read(&mut running.stdout, 64));
        let failed = match (killed, hello) {
            (Some(killed), _) => Failed::Killed(killed),
            (None, Ok(Some((HELLO, bytes)))) if bytes.len() == 1 => {
                return Ok((running, Confinement::from_bits(bytes[0])));
            }
            (None, Ok(Some(_))) => Failed::Protocol("it does not greet"),
            (None, Ok(None)) => Failed::Gone,
            (None, Err(broken)) => broken.into(),
        };
        Err(match running.explain(failed, time) {
            Failure::Stopped => Failure::Stopped,
            other => Failure::Start(io::Error::other(other.to_string())),
        })
    }

    /// Sends the request and reads the reply.
    pub(super) fn exchange(
        &mut self,
        request: Request<'_>,
        deadline: Duration,
        caps: &Caps,
        watchdog: &Watchdog,
    ) -> Result<Reply, Failed> {
        self.served = self.served.saturating_add(1);
        let child = Arc::clone(&self.child);
        let (answer, killed) = watchdog.during(&child, deadline, || {
            // A child that does not listen may still have something to say.
            let _ = frame::write(&mut self.stdin, HEADER, &[request.header])
                .and_then(|()| frame::write(&mut self.stdin, BODY, &[request.body]));
            frame::read_answer(&mut self.stdout, caps)
        });
        match (answer, killed) {
            // What follows a reply would be taken for the next one.
            (Ok(Answer::Reply(_)), None) if !self.stdout.buffer().is_empty() => {
                Err(Failed::Protocol("more than a reply"))
            }
            (Ok(Answer::Reply(reply)), None) => Ok(reply),
            (Ok(Answer::Fault(message)), None) => Err(Failed::Fault(message)),
            (_, Some(killed)) => Err(Failed::Killed(killed)),
            (Err(broken), None) => Err(broken.into()),
        }
    }

    pub(super) fn served(&self) -> u32 {
        self.served
    }

    /// Whether it may be given another request: it lives, and has not said more than it was asked.
    pub(super) fn is_fit(&self) -> bool {
        matches!(lock(&self.child).try_wait(), Ok(None)) && is_silent(self.stdout.get_ref())
    }

    /// Ends the child in good order: its input ends, and so does it.
    pub(super) fn retire(self) {
        drop(self.stdin);
        let _ = end(&self.child);
    }

    /// Ends the child after a failure, and says what is known of it.
    pub(super) fn explain(self, failed: Failed, deadline: Duration) -> Failure {
        match failed {
            Failed::Killed(why) => {
                let _ = kill(&self.child);
                match why {
                    Killed::Late => Failure::TimedOut(deadline),
                    Killed::Stopped => Failure::Stopped,
                }
            }
            Failed::Protocol(what) => {
                let _ = kill(&self.child);
                Failure::Protocol(what)
            }
            Failed::Fault(message) => {
                self.retire();
                Failure::GaveUp(clean(&message, WORDS))
            }
            Failed::Gone => {
                let status = end(&self.child);
                let end = status.map_or(End::Unknown, End::of);
                let words = self.stderr.last_words();
                Failure::Crashed {
                    end,
                    cause: Cause::of(end, &words),
                    stderr: clean(&words, WORDS),
                }
            }
        }
    }
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Gone => Self::Gone,
            Broken::Protocol(what) => Self::Protocol(what),
        }
    }
}

fn lock(child: &Shared) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills the child and takes its status, so that no dead process is left.
fn kill(child: &Shared) -> io::Result<ExitStatus> {
    let mut child = lock(child);
    let _ = child.kill();
    child.wait()
}

/// Waits a little for the child to end by itself, then kills it.
fn end(child: &Shared) -> io::Result<ExitStatus> {
    let patience = Instant::now() + GRACE;
    let mut pause = Duration::from_micros(50);
    while Instant::now() < patience {
        if let Some(status) = lock(child).try_wait()? {
            return Ok(status);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
    kill(child)
}

/// Whether there is nothing to read.
#[cfg(unix)]
fn is_silent(pipe: &ChildStdout) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd as _;
    let mut watched = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    poll(&mut watched, PollTimeout::ZERO) == Ok(0)
}

#[cfg(not(unix))]
fn is_silent(_: &ChildStdout) -> bool {
    true
}

/// Makes the pipe a megabyte wide where that can be, so that a file goes through in fewer turns.
#[cfg(target_os = "linux")]
fn widen(pipe: &impl std::os::fd::AsFd) {
    use nix::fcntl::{FcntlArg, fcntl};
    let _ = fcntl(pipe.as_fd(), FcntlArg::F_SETPIPE_SZ(1 << 20));
}

#[cfg(not(target_os = "linux"))]
fn widen<T>(_: &T) {}
