//! Servers over loopback: statuses, limits, and a ledger with its witnesses and watchers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod http;
mod ledger;
mod python;
mod running;
