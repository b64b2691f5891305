//! Whose turn it is: tenants in turn, of each its jobs in turn, of each one picture.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use colophon_accounts::Tenant;

use crate::Job;

/// The jobs of one kind that have pictures to hand out.
#[derive(Debug, Default)]
pub(crate) struct Board {
    tenants: VecDeque<Tenant>,
    jobs: HashMap<Tenant, VecDeque<Arc<Job>>>,
}

impl Board {
    /// Puts a job behind the others of its tenant.
    pub fn push(&mut self, job: Arc<Job>) {
        let tenant = job.tenant().clone();
        let jobs = self.jobs.entry(tenant.clone()).or_default();
        if jobs.is_empty() {
            self.tenants.push_back(tenant);
        }
        jobs.push_back(job);
    }

    /// The next picture.
    pub fn next(&mut self) -> Option<(Arc<Job>, u64)> {
        while let Some(tenant) = self.tenants.pop_front() {
            let Some(jobs) = self.jobs.get_mut(&tenant) else {
                continue;
            };
            let taken = jobs.pop_front().and_then(|job| {
                let (number, more) = job.take()?;
                if more {
                    jobs.push_back(Arc::clone(&job));
                }
                Some((job, number))
            });
            if jobs.is_empty() {
                self.jobs.remove(&tenant);
            } else if taken.is_some() {
                self.tenants.push_back(tenant);
            } else {
                // It lost nothing by a job that had nothing.
                self.tenants.push_front(tenant);
            }
            if taken.is_some() {
                return taken;
            }
        }
        None
    }
}
