//! The ledger from outside: entering, finding, proving, checking, and what must not work.
#![expect(clippy::unwrap_used, reason = "tests and their helpers")]

mod backup;
mod common;
mod decisions;
mod erase;
mod events;
mod faults;
mod fsck;
mod index;
mod proving;
mod query;
mod rewrap;
mod shards;
mod store;
mod vectors;
mod witnesses;
