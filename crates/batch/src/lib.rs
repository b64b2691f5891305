//! Runs over very many pictures: everything but the check itself, which is handed in as a [`Checker`].
//!
//! * [`Inputs`] tells arguments apart and goes through folders, patterns and lists, one name after the other;
//! * [`Row`] is what tables hold of a report;
//! * [`Outputs`] are files in JSON lines, CSV and Parquet, and the part file that a stopped run leaves;
//! * [`run`] joins them: in parallel, in order, without holding more than what is in hand;
//! * [`Kept`] keeps the rows of a run that is done one picture at a time, and [`KeptRows`] reads them while it is.

mod alike;
mod error;
mod inputs;
mod journal;
mod kept;
mod output;
mod records;
mod row;
mod run;
mod summary;

pub use error::BatchError;
pub use inputs::{Input, Inputs, Item};
pub use kept::{Kept, KeptRows, is_wanted};
pub use output::{Outputs, Target};
pub use row::Row;
pub use run::{Checker, Options, Trouble, run};
pub use summary::Summary;
