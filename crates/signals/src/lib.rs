//! Traces that other generators leave: in metadata, in credentials, in pixels.
//!
//! Everything here is pure: bytes and pixels in, [`Signal`]s out. Nothing found here is proof unless its
//! [`Class`] says so: metadata can be written by anyone, and its absence means nothing.

mod signal;

pub mod pixels;

pub use signal::{Class, Dated, Field, Findings, Problem, Says, Signal, Source, UnreadableMark};
