//! Audits from outside: exports and their statements, lives and bundles, counts, replays.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests and their helpers")]

mod bundle;
mod common;
mod documents;
mod export;
mod life;
mod replay;
mod speed;
mod statement;
mod stats;
