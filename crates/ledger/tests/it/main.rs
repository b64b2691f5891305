//! The ledger from outside: entering, finding, proving, checking, and what must not work.
#![expect(clippy::unwrap_used, reason = "tests and their helpers")]

mod common;
mod faults;
mod fsck;
mod store;
