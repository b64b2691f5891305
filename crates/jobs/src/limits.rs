//! Bounds on jobs.

/// How much of everything there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most jobs of one tenant that have not ended.
    pub open_per_tenant: usize,
    /// Most jobs that have not ended, of all tenants.
    pub open: usize,
    /// Most jobs that are kept, ended ones included.
    pub kept: usize,
    /// Most inputs of a job.
    pub inputs: usize,
    /// Most bytes of one input.
    pub input_bytes: u64,
    /// Most bytes of all inputs of a job together, unpacked.
    pub job_bytes: u64,
    /// Most bytes of inputs of all open jobs together.
    pub stored_bytes: u64,
    /// How long an ended job is kept, seconds.
    pub retention: i64,
}

impl Default for Limits {
    /// 10,000 open jobs a tenant, 20,000 in all, 100,000 kept; 20,000 inputs of 64 MiB, 4 GiB a job, 32 GiB in all; 7
    /// days.
    fn default() -> Self {
        Self {
            open_per_tenant: 10_000,
            open: 20_000,
            kept: 100_000,
            inputs: 20_000,
            input_bytes: 64 << 20,
            job_bytes: 4 << 30,
            stored_bytes: 32 << 30,
            retention: 7 * 24 * 3600,
        }
    }
}
