//! The `colophon` program from outside: what it prints, what it leaves, how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod checks;
mod help;
mod json;
mod machine;
mod mark;
mod support;
mod way;
