//! The log's mathematics and formats against programs we did not write.
#![expect(clippy::unwrap_used, reason = "tests and their helpers")]

mod common;
mod differential;
mod docs;
mod go;
mod pure;
mod scitt;
mod sigsum;
