//! The witness's promise: whatever is asked of it and whenever the power fails, it never contradicts itself.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod disk;
mod folder;
mod history;
mod promise;
