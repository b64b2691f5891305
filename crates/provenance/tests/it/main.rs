//! The two ways together: pictures out, harm done to them, pictures in.
#![expect(clippy::unwrap_used, reason = "tests and their helpers")]

mod failures;
mod flat;
mod generating;
mod golden;
mod issuing;
mod support;
mod traces;
mod tracing;
mod verifying;
