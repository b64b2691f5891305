//! Copies of a whole ledger, and getting them back.
//!
//! A copy is a ledger of its own, beside it `SHA256SUMS` in the form that `sha256sum --check` reads. The rows of each
//! shard come from one consistent state of its database, whatever writers do meanwhile; tiles and bundles are derived
//! from the rows anew, and the copy counts as made only when fsck finds that all of it leads to the signed roots.

mod archive;
mod copy;
mod restore;
mod sums;

use std::path::{Path, PathBuf};

use colophon_tlog::{Checkpoint, VerifierKey};

use crate::error::LedgerError;
use crate::fsck::{FsckOptions, FsckReport, ProblemKind, fsck_with};
use crate::shards::ShardName;

pub use archive::backup_to_file;
pub use copy::backup;
pub use restore::{RestoreOptions, restore};

/// A copy that was made, or got back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where it lies.
    pub place: PathBuf,
    /// Its shards, each with the checkpoint that the copy leads to; the oldest first.
    pub shards: Vec<(ShardName, Checkpoint)>,
    /// Entries derived anew.
    pub entries: u64,
    /// Files with a line in `SHA256SUMS`.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of `SHA256SUMS`: whoever notes it can tell any change of the copy.
    pub sums_sha256: [u8; 32],
}

/// Why a copy is not taken for a ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Something lies where the copy is to go.
    #[error("{path} is not empty: name a folder that does not exist yet", path = .0.display())]
    NotEmpty(PathBuf),
    /// Something goes by the name of the file already.
    #[error("{path} exists already: name a file that does not", path = .0.display())]
    Exists(PathBuf),
    /// A file that no copy of a ledger holds.
    #[error("the backup holds something that belongs to no ledger: {0}")]
    Foreign(String),
    /// The folder is no copy.
    #[error("{path} holds no SHA256SUMS: it is no backup, or an unfinished one", path = .0.display())]
    NoSums(PathBuf),
    /// A file is not what it was when the copy was made.
    #[error("{file} of the backup {what}: take another copy")]
    Altered {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// What the copy holds does not lead to the signed roots.
    #[error("the copy does not verify ({0}): run `colophon ledger fsck` on what it was made from")]
    Unsound(String),
    /// The copy lacks what was published later.
    #[error(
        "the backup is older than what was published: shard {shard} has {found} entries here, but {seen} were seen by {by}; take a newer copy"
    )]
    Older {
        /// The shard.
        shard: String,
        /// Entries in the copy.
        found: u64,
        /// Entries seen.
        seen: u64,
        /// Who has seen them.
        by: String,
    },
    /// The copy is of another history than was published.
    #[error("the backup contradicts what was published: {0}")]
    Contradicts(String),
}

/// Checks a finished copy. What a ledger may be in the middle of, a copy of it may be too.
fn prove(
    dir: &Path,
    key: &VerifierKey,
    former_keys: &[VerifierKey],
) -> Result<FsckReport, LedgerError> {
    let options = FsckOptions {
        former_keys: former_keys.to_vec(),
        ..FsckOptions::default()
    };
    let report = fsck_with(dir, key, &options)?;
    let wrong = report.problems.iter().find(|problem| {
        !matches!(
            problem.kind,
            ProblemKind::Unpublished | ProblemKind::Interrupted
        )
    });
    match wrong {
        Some(problem) => Err(BackupError::Unsound(problem.to_string()).into()),
        None => Ok(report),
    }
}

/// The folder in which a copy is made before it gets its name.
fn partial(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Refuses a place that holds something.
fn refuse_used(place: &Path) -> Result<(), LedgerError> {
    let used = match std::fs::read_dir(place) {
        Ok(mut items) => items.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(_) => true,
    };
    if used {
        Err(BackupError::NotEmpty(place.to_owned()).into())
    } else {
        Ok(())
    }
}

/// Gives a finished copy its name, durably.
fn put_in_place(made: &Path, place: &Path) -> Result<(), LedgerError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| LedgerError::io(doing, &path, &error)
    };
    if place.is_dir() {
        std::fs::remove_dir(place).map_err(io("cannot replace", place))?;
    }
    std::fs::rename(made, place).map_err(io("cannot rename", made))?;
    let parent = place
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    std::fs::File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(io("cannot sync", parent))
}
