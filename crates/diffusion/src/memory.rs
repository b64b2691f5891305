//! What a run needs of memory, held against what is free, before anything is loaded.

use std::path::Path;

use crate::error::DiffusionError;

/// Bytes a run needs at its peaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryPlan {
    /// All weights, as they lie on the device.
    pub weights: u64,
    /// The largest sum of activations in one evaluation of the network.
    pub activations: u64,
    /// The largest sum of activations while decoding.
    pub decode: u64,
}

/// Memory that is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Available {
    /// Bytes.
    Known(u64),
    /// This system does not tell.
    Unknown,
}

impl MemoryPlan {
    /// Bytes at the peak: weights stay, evaluation and decoding come one after the other.
    pub fn peak(&self) -> u64 {
        self.weights
            .saturating_add(self.activations.max(self.decode))
    }

    /// Holds the plan against what is free. `what` begins the message, such as
    /// "Qwen-Image at 1328x1328". Where it is unknown what is free, nothing is refused.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::NotEnoughMemory`] with both figures.
    pub fn check(&self, what: &str, available: Available) -> Result<(), DiffusionError> {
        match available {
            Available::Known(free) if self.peak() > free => Err(DiffusionError::NotEnoughMemory {
                what: what.to_owned(),
                needed: self.peak(),
                available: free,
            }),
            Available::Known(_) | Available::Unknown => Ok(()),
        }
    }
}

impl Available {
    /// Main memory that this process may still take: on Linux the kernel's `MemAvailable` or what
    /// the control group leaves, whichever is less; unknown elsewhere.
    pub fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let system = read("/proc/meminfo").and_then(|text| mem_available(&text));
        let group = read("/proc/self/cgroup").and_then(|text| group_free(&text, &read));
        match (system, group) {
            (Some(system), Some(group)) => Self::Known(system.min(group)),
            (Some(free), None) | (None, Some(free)) => Self::Known(free),
            (None, None) => Self::Unknown,
        }
    }
}

impl std::fmt::Display for Available {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(bytes) => f.write_str(&figure(*bytes)),
            Self::Unknown => f.write_str("an unknown amount"),
        }
    }
}

/// Bytes for people, in units of 1024.
pub(crate) fn figure(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 {
        format!("{mebibytes:.1} MiB")
    } else {
        format!("{:.1} GiB", mebibytes / 1024.0)
    }
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn mem_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The least that any control group around this process leaves; `None` where none has a limit.
fn group_free(groups: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let mut least = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else {
            continue;
        };
        let version = if controllers.is_empty() {
            &VERSION_2
        } else if controllers.split(',').any(|c| c == "memory") {
            &VERSION_1
        } else {
            continue;
        };
        // In a container the path may name a group that is not mounted; its root then counts.
        for ancestor in Path::new(group).ancestors() {
            let folder = format!("{}{}", version.root, ancestor.display());
            if let Some(free) = version.free(folder.trim_end_matches('/'), read) {
                least = Some(least.map_or(free, |least: u64| least.min(free)));
            }
        }
    }
    least
}

/// Where a version of control groups keeps its figures.
struct Version {
    root: &'static str,
    limit: &'static str,
    used: &'static str,
    reclaimable: &'static str,
}

const VERSION_1: Version = Version {
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file ",
};
const VERSION_2: Version = Version {
    root: "/sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    reclaimable: "inactive_file ",
};

impl Version {
    fn free(&self, folder: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
        let number = |file: &str| {
            read(&format!("{folder}/{file}"))?
                .trim()
                .parse::<u64>()
                .ok()
        };
        // "max" is no number and means no limit.
        let limit = number(self.limit)?;
        let used = number(self.used)?;
        // File pages count as used, yet the kernel gives them back when asked.
        let statistics = read(&format!("{folder}/memory.stat")).unwrap_or_default();
        let reclaimable = statistics
            .lines()
            .find_map(|line| line.strip_prefix(self.reclaimable)?.trim().parse().ok())
            .unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(reclaimable)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_peak_is_weights_and_the_greater_of_two_phases() {
        let plan = MemoryPlan {
            weights: 10 * GIB,
            activations: GIB,
            decode: 3 * GIB,
        };
        assert_eq!(plan.peak(), 13 * GIB);
        let huge = MemoryPlan {
            weights: u64::MAX,
            ..plan
        };
        assert_eq!(huge.peak(), u64::MAX);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_figures() {
        let plan = MemoryPlan {
            weights: 41 * GIB,
            activations: 0,
            decode: GIB / 2,
        };
        let free = Available::Known(24 * GIB);
        let error = plan
            .check("Qwen-Image at 1328x1328", free)
            .unwrap_err()
            .to_string();
        for part in ["Qwen-Image at 1328x1328", "41.5 GiB", "24.0 GiB", "smaller"] {
            assert!(error.contains(part), "{error}");
        }
        plan.check("x", Available::Known(plan.peak())).unwrap();
        plan.check("x", Available::Unknown).unwrap();
        assert_eq!(Available::Unknown.to_string(), "an unknown amount");
        assert_eq!(Available::Known(3 << 19).to_string(), "1.5 MiB");
    }

    #[test]
    fn the_kernel_is_read() {
        let text = "MemTotal:       24576000 kB\nMemFree: 1 kB\nMemAvailable:   20480000 kB\n";
        assert_eq!(mem_available(text), Some(20_480_000 * 1024));
        assert_eq!(mem_available("MemTotal: 5 kB\n"), None);
        assert_eq!(mem_available("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn the_narrowest_control_group_counts() {
        let read = |path: &str| {
            let text = match path {
                "/sys/fs/cgroup/a/b/memory.max" => "max\n",
                "/sys/fs/cgroup/a/memory.max" | "/sys/fs/cgroup/memory/x/memory.limit_in_bytes" => {
                    "8589934592\n"
                }
                "/sys/fs/cgroup/a/memory.current" => "3221225472\n",
                "/sys/fs/cgroup/a/memory.stat" => "anon 1\ninactive_file 1073741824\n",
                "/sys/fs/cgroup/memory/x/memory.usage_in_bytes" => "7516192768\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        assert_eq!(group_free("0::/a/b\n", &read), Some(6 * GIB));
        assert_eq!(group_free("4:cpu,memory:/x\n0::/a\n", &read), Some(GIB));
        assert_eq!(group_free("0::/\n3:cpu:/x\nnonsense\n", &read), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells() {
        assert!(matches!(Available::now(), Available::Known(free) if free > 0));
    }
}
