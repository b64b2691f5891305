//! Endpoints and deliveries over their whole life, and the messages of other people's programs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod life;
mod python;
