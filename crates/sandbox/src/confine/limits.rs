//! Resource limits (POSIX `setrlimit`).

use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, rlim_t, setrlimit};

use super::Rules;

/// Sets all limits; whether every one of them holds.
pub(super) fn set(rules: &Rules) -> bool {
    let fixed = [
        (Resource::RLIMIT_AS, rules.memory),
        (Resource::RLIMIT_NOFILE, rules.descriptors),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_CORE, 0),
    ];
    // All are tried, whatever becomes of the first.
    let failed = fixed
        .into_iter()
        .filter(|(which, limit)| !lower(*which, *limit))
        .count();
    failed == 0 && renew_cpu(rules.cpu)
}

/// Lowers the limit for good; an existing lower one stays.
fn lower(which: Resource, limit: u64) -> bool {
    let Ok((_, hard)) = getrlimit(which) else {
        return false;
    };
    let limit = hard.min(limit as rlim_t);
    setrlimit(which, limit, limit).is_ok()
}

/// Lets the process use `more` processor time from now on.
///
/// Only the soft limit moves, so that it can be moved again: a child that was taken over can do so too, and is ended
/// by the deadline of the pool.
pub(super) fn renew_cpu(more: Duration) -> bool {
    let used = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| {
        usage.user_time().tv_sec() + usage.system_time().tv_sec()
    });
    let seconds = more.as_secs() + u64::from(more.subsec_nanos() > 0);
    // Two parts of a second were cut off above.
    let limit = (used as u64)
        .saturating_add(2)
        .saturating_add(seconds.max(1));
    let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CPU) else {
        return false;
    };
    setrlimit(Resource::RLIMIT_CPU, hard.min(limit as rlim_t), hard).is_ok()
}
