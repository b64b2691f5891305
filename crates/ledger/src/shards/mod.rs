//! Shards: the half-years of a log, each a log of its own, tied by a signed list and by their first and last entries.

mod folder;
pub(crate) mod list;
mod name;
mod signer;

pub(crate) use folder::{Folder, Opened, Part};
pub(crate) use list::Listed;
pub use name::{AddressError, RecordAddress, RecordId, ShardName};
pub(crate) use signer::{SharedSigner, shard_key};
