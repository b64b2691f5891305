//! Landlock: what of the file system, the network and other processes can be reached.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, RestrictionStatus,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

/// The newest rights that are asked for; an older kernel gives those it knows. ABI 6 is Linux 6.12: ABI 4 brought
/// TCP, ABI 6 signals and abstract sockets.
const RIGHTS: ABI = ABI::V6;

/// Whether the process has one thread only.
pub(super) fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

/// Leaves reading below `readable`; whether the kernel enforces it.
pub(super) fn restrict(readable: &[PathBuf]) -> bool {
    try_restrict(readable)
        .is_ok_and(|status| status.no_new_privs && status.ruleset != RulesetStatus::NotEnforced)
}

fn try_restrict(readable: &[PathBuf]) -> Result<RestrictionStatus, RulesetError> {
    // Reading, and not executing.
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .scope(Scope::from_all(RIGHTS))?
        .create()?
        .add_rules(path_beneath_rules(readable, reading))?
        .restrict_self()
}
