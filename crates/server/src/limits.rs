//! Bounds of a server.

use std::time::Duration;

/// How slow a client may be. Only time spent waiting for the client counts: after `grace` of it, at least so many
/// bytes must have come, or been taken, for each further second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a second; 0 is read as 1.
    pub per_second: u64,
    /// Wait that counts for nothing yet.
    pub grace: Duration,
}

impl Pace {
    /// Longest wait that so many bytes excuse.
    pub(crate) fn allows(self, bytes: u64) -> Duration {
        let earned = bytes as f64 / self.per_second.max(1) as f64;
        // Beyond a year nothing is told apart.
        self.grace + Duration::from_secs_f64(earned.min(3e7))
    }
}

/// Bounds of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; further ones wait in the system's queue.
    pub connections: usize,
    /// Connections at a time from one address (IPv6: from one /64); further ones are refused. Loopback and the
    /// proxies in front are not counted.
    pub per_address: usize,
    /// Requests after which a connection is closed.
    pub requests: usize,
    /// Longest body of a request, in bytes, where a route says nothing else.
    pub body: usize,
    /// Longest wait for the head of a request, the first or a later one of a connection.
    pub head: Duration,
    /// Slowest that a body may arrive and an answer be taken.
    pub pace: Pace,
    /// Age after which a connection is closed once its answer is out.
    pub age: Duration,
    /// Time for which connections are still taken after the server was told to stop.
    pub notice: Duration,
    /// Longest wait for answers under way after that.
    pub drain: Duration,
}

impl Default for Limits {
    /// 256 connections, 64 of an address, 10,000 requests, 256 KiB (the longest `add-checkpoint`), 10 s, 8 KiB/s after
    /// 10 s, 10 minutes, no notice, 10 s.
    fn default() -> Self {
        Self {
            connections: 256,
            per_address: 64,
            requests: 10_000,
            body: 256 << 10,
            head: Duration::from_secs(10),
            pace: Pace {
                per_second: 8 << 10,
                grace: Duration::from_secs(10),
            },
            age: Duration::from_mins(10),
            notice: Duration::ZERO,
            drain: Duration::from_secs(10),
        }
    }
}
