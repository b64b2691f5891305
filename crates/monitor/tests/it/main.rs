//! A monitor and a mirror before honest and dishonest ledgers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod honest;
mod ledger;
mod lies;
mod mirroring;
