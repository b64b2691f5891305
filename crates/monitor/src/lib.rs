//! Follows a ledger that somebody else keeps, with nothing but its public files and its public key: checks it, raises
//! alarms, copies it.
//!
//! [`look`] goes over all logs of a ledger from what is [`Known`] on: the list of shards and every checkpoint must be
//! signed and grow out of the ones seen before, every entry must be the one in the tree, and stand where it may. A
//! ledger that breaks this is an [`Alarm`] with its evidence. [`mirror`] does the same and leaves a copy.
//!
//! Files come from a [`Source`]: a folder, or whatever else implements it. Nothing a source gives is trusted.

mod alarm;
mod follow;
mod mirror;
mod source;
mod state;
mod tree;
mod walk;
mod watch;

pub use alarm::{Alarm, Broken, Trouble};
pub use follow::Shown;
pub use mirror::{Mirrored, mirror, what_is_there};
pub use source::{Folder, Source, SourceError};
pub use state::StateError;
pub use walk::{Known, KnownLog, LIST};
pub use watch::{Entry, Look, Sighting, Watch, look};
