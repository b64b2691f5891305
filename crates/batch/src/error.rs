//! What ends a run as a whole. What is wrong with one picture is a row instead.

use std::io;
use std::path::{Path, PathBuf};

/// Why a run cannot begin or go on. What was checked by then stays in the part file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A pattern that cannot be read.
    #[error(
        "the pattern {pattern} cannot be read: {reason}; correct it, or quote what is meant as it stands with [ ]"
    )]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An output that is there already.
    #[error("{} exists already; choose another name or pass --overwrite", .0.display())]
    Exists(PathBuf),
    /// The part file of a run that was stopped.
    #[error(
        "{} is left of a run that was stopped; continue that run with --resume, or begin anew with --overwrite",
        .0.display()
    )]
    LeftOver(PathBuf),
    /// The part file was written under other settings.
    #[error(
        "{} was begun with other settings (version, rules, trust lists, language or details), so its rows would not go with new ones; give the same options, or begin anew with --overwrite",
        .0.display()
    )]
    OtherSettings(PathBuf),
    /// No part file, or none that this program wrote.
    #[error("{} is no part file of this program; move it away, or choose another name for the output", .0.display())]
    Foreign(PathBuf),
    /// Another run writes the same output.
    #[error("another run is writing {}; wait for its end, or choose another name for the output", .0.display())]
    InUse(PathBuf),
    /// Two outputs that would be one file, or more than one on standard output.
    #[error("the outputs need different names, and only one of them can be standard output")]
    SameOutput,
    /// A format that cannot be written as it comes.
    #[error("Parquet cannot be written to standard output; name a file")]
    ParquetStream,
    /// Reading or writing failed.
    #[error("cannot {action} {}: {source}; check the name, the permissions and the space left", .path.display())]
    Io {
        /// A verb.
        action: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Standard output.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    /// A table could not be written.
    #[error("cannot write {}: {reason}; check the space left", .path.display())]
    Table {
        /// The output.
        path: PathBuf,
        /// What the writer says.
        reason: String,
    },
}

impl BatchError {
    /// For [`Result::map_err`] on a file operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
