//! A witness of logs (C2SP `tlog-witness`): a second party that cosigns a log's checkpoint only when it follows from
//! the last one that it cosigned, so that the log's operator cannot rewrite the log, nor show two histories to people
//! who ask for the witness's cosignature.
//!
//! [`WitnessFolder`] holds the witness's own key and one state file a log. [`Witness::add_checkpoint`] answers a
//! request; how it travels is not this crate's business. The state is durable before a cosignature is given out, a
//! crash at any moment included; a state that is missing or damaged ends the answers for that log.

mod disk;
mod error;
mod folder;
mod state;
mod witness;

pub use disk::{Disk, SystemDisk};
pub use error::WitnessError;
pub use folder::{KnownLog, WitnessFolder};
pub use state::{LastSeen, LogState};
pub use witness::{Answer, Witness};
