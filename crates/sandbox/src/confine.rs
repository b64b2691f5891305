//! The walls around a child, put up by itself.
//!
//! | layer | holds against |
//! | --- | --- |
//! | `rlimits` | memory, processor time of one request, descriptors, writing to files, core dumps |
//! | `landlock` | reading outside the given folders, writing anywhere, TCP, signals and abstract sockets to others |
//! | `seccomp` | every system call that computing does not need: sockets, exec, new processes, ptrace, mounts |
//!
//! Together with them: no new privileges, no dumps, and the end with the parent. Each layer is put up where the
//! system has it, and [`Confinement`] tells which ones hold: nothing else may be claimed.

#[cfg(target_os = "linux")]
mod files;
#[cfg(unix)]
mod limits;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod syscalls;

use std::path::PathBuf;
use std::time::Duration;

/// What a child may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Folders (and files) that may be read; whatever is missing is left out. Nothing may be written. With an empty
    /// list nothing can be opened at all.
    pub readable: Vec<PathBuf>,
    /// Address space, bytes: above it an allocation fails, which ends the child. Not only what is used counts, but
    /// what is reserved: each thread's stack, the program itself (some hundred MiB in all).
    pub memory: u64,
    /// Processor time of one request, over all threads. Rounded up to whole seconds, at least one. The pool's
    /// deadline is wall-clock time; this one holds when the parent hangs.
    pub cpu: Duration,
    /// Open descriptors, with those that are open already.
    pub descriptors: u64,
}

impl Default for Rules {
    /// No file, 4 GiB, 60 s of processor time a request, 64 descriptors.
    fn default() -> Self {
        Self {
            readable: Vec::new(),
            memory: 4 << 30,
            cpu: Duration::from_mins(1),
            descriptors: 64,
        }
    }
}

/// Which walls stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Resource limits.
    pub rlimits: bool,
    /// Landlock, as far as this kernel has it: at least the file system.
    pub landlock: bool,
    /// The filter of system calls.
    pub seccomp: bool,
    pub(crate) cpu: Option<Duration>,
}

impl Confinement {
    /// The layers that hold, by name: some of `rlimits`, `landlock`, `seccomp`.
    pub fn layers(&self) -> Vec<&'static str> {
        let all = [
            (self.rlimits, "rlimits"),
            (self.landlock, "landlock"),
            (self.seccomp, "seccomp"),
        ];
        all.into_iter()
            .filter_map(|(holds, name)| holds.then_some(name))
            .collect()
    }

    pub(crate) fn to_bits(self) -> u8 {
        u8::from(self.rlimits) | u8::from(self.landlock) << 1 | u8::from(self.seccomp) << 2
    }

    /// What holds in both.
    pub(crate) fn intersection(self, other: Self) -> Self {
        Self::from_bits(self.to_bits() & other.to_bits())
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self {
            rlimits: bits & 1 != 0,
            landlock: bits & 2 != 0,
            seccomp: bits & 4 != 0,
            cpu: None,
        }
    }
}

/// Puts the walls up around the calling process, for good.
///
/// To be called in `main`, before any thread is started: landlock holds only for the calling thread and those that it
/// starts, and is not counted as holding if there are others. Threads may be started afterwards; processes cannot.
///
/// There is no limit of processes (`RLIMIT_NPROC`): it counts all threads of the user, so that it would either not
/// bind or forbid threads. That no process is started is the filter's part.
#[cfg(target_os = "linux")]
#[must_use]
pub fn confine(rules: &Rules) -> Confinement {
    use nix::sys::prctl;
    use nix::sys::signal::Signal;
    // Without these the layers still stand or report that they do not.
    let _ = prctl::set_no_new_privs();
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let _ = prctl::set_dumpable(false);
    let alone = files::is_single_threaded();
    let rlimits = limits::set(rules);
    let landlock = files::restrict(&rules.readable) && alone;
    // Last: the filter refuses what the others need.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    let seccomp = syscalls::filter(!rules.readable.is_empty());
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let seccomp = false;
    Confinement {
        rlimits,
        landlock,
        seccomp,
        cpu: rlimits.then_some(rules.cpu),
    }
}

/// Puts the walls up around the calling process, for good: resource limits are all that this system has.
#[cfg(all(unix, not(target_os = "linux")))]
#[must_use]
pub fn confine(rules: &Rules) -> Confinement {
    let rlimits = limits::set(rules);
    Confinement {
        rlimits,
        cpu: rlimits.then_some(rules.cpu),
        ..Confinement::default()
    }
}

/// This system has none of the layers: a child is a process of its own, and no more.
#[cfg(not(unix))]
#[must_use]
pub fn confine(_: &Rules) -> Confinement {
    Confinement::default()
}

/// Gives the next request its processor time.
pub(crate) fn renew(confinement: &Confinement) {
    #[cfg(unix)]
    if let Some(cpu) = confinement.cpu {
        limits::renew_cpu(cpu);
    }
    #[cfg(not(unix))]
    let _ = confinement;
}
