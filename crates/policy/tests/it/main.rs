//! Policies from outside the crate, in one program: it is linked once.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking; figures are printed"
)]

mod bundle;
mod cases;
mod common;
mod decisions;
mod refused_tables;
mod screening;
mod shipped_table;
mod store;
