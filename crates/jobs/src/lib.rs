//! Durable jobs over many pictures: a folder a job, resumable, bounded, cancellable. Knows no HTTP, no clock and no
//! threads: times are handed in, and whoever has a processor free takes a [`Turn`].
//!
//! * [`Intake`] takes pictures in, one file or address after the other, or out of an archive, and makes a job of them;
//! * [`Store`] holds every job of a home, hands out turns (in turn by tenant, job and picture) and sweeps old jobs away;
//! * [`Job`] is one of them: what it is, how far it is, its rows;
//! * a [`Turn`] is one picture of one job in somebody's hand. A turn that is dropped gives its picture back.
//!
//! A job's folder is `TENANT/ID` below the store's: `job.json` (what it is and its state), `inputs.jsonl` with
//! `inputs.index` (a line an input), `inputs.pack` (bytes; each content once), `rows.part` (finished pictures, the part
//! file of `colophon_batch`). Inputs are removed when the job ends, the folder when its time is over.

mod board;
mod error;
mod id;
mod input;
mod intake;
mod job;
mod limits;
mod progress;
mod state;
mod store;
mod turn;

pub use colophon_archive::ArchiveError;
pub use colophon_tabular::Form;
pub use error::JobsError;
pub use id::JobId;
pub use intake::{Intake, Plan};
pub use job::{Job, JobView};
pub use limits::Limits;
pub use progress::Pace;
pub use state::{Counts, Kind, State};
pub use store::{Held, Store};
pub use turn::{Load, Noted, Turn};
