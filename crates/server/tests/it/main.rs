//! Servers over loopback: statuses, limits, and a ledger with its witnesses and watchers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod access;
mod audit;
mod documents;
mod faults;
mod front;
mod http;
mod issue;
mod ledger;
mod python;
mod resolution;
mod running;
mod secure;
mod service;
mod serving;
mod verify;
