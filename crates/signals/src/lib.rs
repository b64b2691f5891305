//! Traces that other generators leave: in metadata, in credentials, in pixels.
//!
//! Everything here is pure: bytes and pixels in, [`Signal`]s out. Nothing found here is proof unless its
//! [`Class`] says so: metadata can be written by anyone, and its absence means nothing.

mod bytes;
mod container;
mod credentials;
mod date;
mod dialect;
mod entry;
mod exif;
mod iim;
mod json;
mod limits;
mod metadata;
pub mod pixels;
mod signal;
mod xmp;

pub use credentials::{
    ActionFacts, Agent, CredentialFacts, IngredientFacts, read_credentials, stated,
};
pub use limits::Limits;
pub use metadata::read_metadata;
pub use signal::{Class, Dated, Field, Findings, Problem, Says, Signal, Source, UnreadableMark};
