//! Seccomp: which system calls the kernel still answers.
//!
//! Written for the system calls of x86-64 and 64-bit ARM; elsewhere there is no filter.
//!
//! An allow-list, so that a call that a future kernel brings is refused too. What is not on it fails with `EPERM`
//! instead of ending the process: libraries ask for harmless things (terminal sizes, processor features) and go on
//! without, and nobody gains by asking again. `clone3` fails with `ENOSYS`, as on kernels without it: the C library
//! then calls `clone`, whose flags are plain arguments that the filter can read.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is,
    SeccompCondition as Condition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter_all_threads,
};

/// What computing with threads needs, whatever the arguments.
const PLAIN: [c_long; 41] = [
    // The pipes.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_fstat,
    libc::SYS_ppoll,
    // Memory, but see `conditional` for mapping.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    // Threads.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals to oneself.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Clocks, limits, random numbers.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getrlimit,
    libc::SYS_sysinfo,
    libc::SYS_getuid,
    libc::SYS_geteuid,
];

/// For reading files below the folders that landlock leaves.
const READING: [c_long; 8] = [
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_fadvise64,
];

/// Puts the filter up for all threads; whether it holds. `may_open`: files may be opened for reading.
pub(super) fn filter(may_open: bool) -> bool {
    let Ok(target) = TargetArch::try_from(std::env::consts::ARCH) else {
        return false;
    };
    let Ok(programs) = programs(target, may_open) else {
        return false;
    };
    programs
        .iter()
        .all(|program| apply_filter_all_threads(program).is_ok())
}

/// Two filters, of which the kernel heeds the stricter answer.
fn programs(target: TargetArch, may_open: bool) -> Result<[BpfProgram; 2], Error> {
    let clone3 = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        target,
    )?;
    let mut allowed: BTreeMap<c_long, Vec<SeccompRule>> =
        PLAIN.into_iter().map(|call| (call, Vec::new())).collect();
    // Refused by the other filter, with another error.
    allowed.insert(libc::SYS_clone3, Vec::new());
    allowed.extend(conditional(may_open)?);
    if may_open {
        allowed.extend(READING.map(|call| (call, Vec::new())));
    }
    let rest = SeccompFilter::new(
        allowed,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        target,
    )?;
    Ok([clone3.try_into()?, rest.try_into()?])
}

/// Calls of which only some arguments are allowed.
fn conditional(may_open: bool) -> Result<Vec<(c_long, Vec<SeccompRule>)>, Error> {
    let thread = (libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND) as u64;
    let executable = libc::PROT_EXEC as u64;
    let own = u64::from(std::process::id());
    let writing = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND) as u64;
    let command = |command: i32| rule(1, Width::Dword, Is::Eq, command as u64);
    // What the standard library asks of a descriptor.
    let mut commands = vec![
        command(libc::F_DUPFD_CLOEXEC)?,
        command(libc::F_GETFD)?,
        command(libc::F_GETFL)?,
    ];
    if may_open {
        // A data base that others write is read under locks.
        commands.extend([
            command(libc::F_GETLK)?,
            command(libc::F_SETLK)?,
            command(libc::F_SETLKW)?,
        ]);
    }
    let mut calls = vec![
        (libc::SYS_fcntl, commands),
        // Threads, and no processes.
        (
            libc::SYS_clone,
            vec![rule(0, Width::Qword, Is::MaskedEq(thread), thread)?],
        ),
        // No memory becomes code.
        (
            libc::SYS_mmap,
            vec![rule(2, Width::Dword, Is::MaskedEq(executable), 0)?],
        ),
        (
            libc::SYS_mprotect,
            vec![rule(2, Width::Dword, Is::MaskedEq(executable), 0)?],
        ),
        // One's own limits: each can be asked for, and that of processor time be moved (`limits::renew_cpu`).
        (
            libc::SYS_prlimit64,
            vec![
                SeccompRule::new(vec![
                    Condition::new(0, Width::Dword, Is::Eq, 0)?,
                    Condition::new(1, Width::Dword, Is::Eq, libc::RLIMIT_CPU as u64)?,
                ])?,
                SeccompRule::new(vec![
                    Condition::new(0, Width::Dword, Is::Eq, 0)?,
                    Condition::new(2, Width::Qword, Is::Eq, 0)?,
                ])?,
            ],
        ),
        (
            libc::SYS_setrlimit,
            vec![rule(0, Width::Dword, Is::Eq, libc::RLIMIT_CPU as u64)?],
        ),
        // One's own threads, which is how a process aborts itself.
        (libc::SYS_tgkill, vec![rule(0, Width::Dword, Is::Eq, own)?]),
        // A thread's name, which is all that starting one asks for.
        (
            libc::SYS_prctl,
            vec![rule(0, Width::Dword, Is::Eq, libc::PR_SET_NAME as u64)?],
        ),
    ];
    if may_open {
        calls.push((
            libc::SYS_openat,
            vec![rule(2, Width::Dword, Is::MaskedEq(writing), 0)?],
        ));
    }
    Ok(calls)
}

fn rule(argument: u8, width: Width, is: Is, value: u64) -> Result<SeccompRule, Error> {
    Ok(SeccompRule::new(vec![Condition::new(
        argument, width, is, value,
    )?])?)
}
