//! Re-deriving a whole ledger: every problem is named, with the entry or file and what is wrong.

mod erasures;
mod ledger;
mod log;
mod repair;
mod rows;

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use colophon_tlog::{Checkpoint, VerifierKey};

use crate::db::{Db, ErasedRow, Part};
use crate::error::LedgerError;
use crate::event::Redaction;
use crate::files::Files;
use crate::journal::Journal;
use crate::pagesum;
use crate::shards::ShardName;
use crate::vault::{StorageKey, Vault};

#[cfg(test)]
pub(crate) use ledger::fsck_folder;
pub use ledger::{FsckOptions, fsck, fsck_with};
pub use repair::{RepairReport, repair};

/// Most problems listed one by one.
const MAX_PROBLEMS: usize = 10_000;
/// How long to wait for a writer.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// What sort of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The database file is missing, damaged, or not laid out as it was made.
    Database,
    /// A page of the database file is not as the ledger wrote it.
    DatabasePage,
    /// The published checkpoint file: missing, altered, or wrongly signed.
    Checkpoint,
    /// The checkpoint in the database: missing, altered, or wrongly signed.
    CommittedCheckpoint,
    /// The two checkpoints, or the entries and the signed root, contradict each other.
    Root,
    /// A write was interrupted and not yet finished; opening the ledger for writing finishes it.
    Interrupted,
    /// An entry's row is gone.
    RowRemoved,
    /// A row that belongs to no entry.
    RowAdded,
    /// A row's leaf is not the one that was entered.
    RowChanged,
    /// A row holds the leaf of another entry.
    RowMoved,
    /// An index column contradicts the leaf.
    Column,
    /// The index of facts contradicts the leaves: queries may miss entries.
    Index,
    /// The private part or its commitments: missing or altered.
    Private,
    /// The manifest: missing or altered.
    Manifest,
    /// What is noted of an erasure and what the log tells of it differ, or something erased is still there.
    Erasure,
    /// An entry in an entry bundle is not the one that was entered.
    BundleEntry,
    /// A hash tile holds a wrong hash.
    TileHash,
    /// A tile or bundle file is cut off or too long.
    TileFile,
    /// A tile or bundle file is missing.
    FileMissing,
    /// A file that does not belong to the log.
    FileUnexpected,
    /// The published checkpoint is older than what is stored: witnesses were missing, or somebody set it back.
    Unpublished,
    /// The published checkpoint lacks cosignatures that the policy asks for, or has a wrong one.
    Cosignature,
    /// The signed list of shards: missing, altered, or wrongly signed.
    ShardList,
    /// A shard that the list names is not there.
    ShardMissing,
    /// A shard that the list does not name.
    ShardUnlisted,
    /// A shard that cannot be examined at all.
    ShardUnreadable,
    /// A shard did not end as the list says, or without the event that seals it.
    Seal,
    /// A shard does not begin with the event that says how the one before it ended.
    Opening,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The sort.
    pub kind: ProblemKind,
    /// The shard concerned.
    pub shard: Option<ShardName>,
    /// The entry concerned, in its shard.
    pub index: Option<u64>,
    /// The file concerned, relative to the ledger's folder.
    pub file: Option<String>,
    /// What is wrong, for people.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.shard, self.index) {
            (Some(shard), Some(index)) => write!(f, "entry {shard}/{index}")?,
            (None, Some(index)) => write!(f, "entry {index}")?,
            (Some(shard), None) if self.file.is_none() => write!(f, "shard {shard}")?,
            (_, None) => {}
        }
        match &self.file {
            Some(file) if self.index.is_some() => write!(f, ", {file}: ")?,
            Some(file) => write!(f, "{file}: ")?,
            None if self.index.is_some() || self.shard.is_some() => f.write_str(": ")?,
            None => {}
        }
        f.write_str(&self.what)
    }
}

/// The outcome of [`fsck`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Size of the newest believable checkpoint of the newest shard, `None` when there is none.
    pub tree_size: Option<u64>,
    /// Shards examined.
    pub shards: u64,
    /// Entries examined.
    pub entries: u64,
    /// Tile and bundle files examined.
    pub files: u64,
    /// Private parts that could not be looked into without the storage key.
    pub locked: u64,
    /// What is wrong, at most 10,000.
    pub problems: Vec<Problem>,
    /// Further problems not listed.
    pub omitted: u64,
    /// Erasures that a newer shard is said to tell of.
    noted: Vec<(u64, Part, ErasedRow)>,
    /// What this shard tells of records of older ones: index and time of the redaction.
    told: Vec<(u64, i64, Redaction)>,
}

impl FsckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(
        &mut self,
        kind: ProblemKind,
        index: Option<u64>,
        file: Option<&str>,
        what: impl Into<String>,
    ) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                kind,
                shard: None,
                index,
                file: file.map(str::to_owned),
                what: what.into(),
            });
        } else {
            self.omitted += 1;
        }
    }
}

/// Re-derives one shard: the root from the entries, then every tile, both checkpoints, every database row and column,
/// commitment and manifest. Changes nothing; writers wait meanwhile.
/// Without the storage key private parts are counted, not looked into.
pub(crate) fn fsck_files(
    files: Files,
    key: &VerifierKey,
    storage: Option<&StorageKey>,
) -> Result<FsckReport, LedgerError> {
    if !files.exists(&files.database()) && files.read_checkpoint()?.is_none() {
        return Err(LedgerError::NotFound(files.dir().to_owned()));
    }
    let _lock = match files.lock(LOCK_TIMEOUT) {
        Err(LedgerError::Io { .. }) if !files.is_writable() => None,
        lock => Some(lock?),
    };
    let mut check = Check::new(files, key);
    check.open_database()?;
    check.open_vault(storage)?;
    let trusted = check.checkpoints();
    check.journal();
    check.report.tree_size = trusted.as_ref().map(|checkpoint| checkpoint.size.0);
    check.log(trusted.as_ref())?;
    Ok(check.report)
}

struct Check<'a> {
    files: Files,
    key: &'a VerifierKey,
    db: Option<Db>,
    /// With the storage key, what opens private parts.
    vault: Option<Vault>,
    report: FsckReport,
    /// Tile and bundle files already examined.
    seen: HashSet<String>,
    /// Rows that the index of facts must have for the tiles examined: occurrences and spans; `None` once a leaf is not
    /// known.
    indexed: Option<(u64, u64)>,
}

impl<'a> Check<'a> {
    fn new(files: Files, key: &'a VerifierKey) -> Self {
        Self {
            db: None,
            vault: None,
            files,
            key,
            report: FsckReport::default(),
            seen: HashSet::new(),
            indexed: Some((0, 0)),
        }
    }
}

impl Check<'_> {
    fn open_database(&mut self) -> Result<(), LedgerError> {
        match Db::open_reader(&self.files) {
            Ok(db) => {
                self.database_findings(ProblemKind::Database, db.integrity());
                self.db = Some(db);
                self.pages();
                Ok(())
            }
            Err(error @ (LedgerError::NeedsRecovery(_) | LedgerError::Busy(_))) => Err(error),
            Err(LedgerError::NotFound(_)) => {
                self.report.add(
                    ProblemKind::Database,
                    None,
                    Some(Files::DATABASE),
                    "the file is missing",
                );
                Ok(())
            }
            Err(error) => {
                self.database_problem(&error);
                self.pages();
                Ok(())
            }
        }
    }

    fn open_vault(&mut self, storage: Option<&StorageKey>) -> Result<(), LedgerError> {
        let (Some(storage), Some(db)) = (storage, &self.db) else {
            return Ok(());
        };
        match db.vault_key() {
            Ok(Some(wrapped)) => self.vault = Some(Vault::open(storage.clone(), &wrapped)?),
            Ok(None) => {}
            Err(error) => self.database_problem(&error),
        }
        Ok(())
    }

    fn pages(&mut self) {
        let findings = pagesum::verify(&self.files);
        self.database_findings(ProblemKind::DatabasePage, findings);
    }

    fn database_findings(&mut self, kind: ProblemKind, findings: Result<Vec<String>, LedgerError>) {
        match findings {
            Ok(findings) => {
                for finding in findings {
                    let file = Some(Files::DATABASE);
                    self.report.add(kind, None, file, finding);
                }
            }
            Err(error) => self.database_problem(&error),
        }
    }

    fn database_problem(&mut self, error: &LedgerError) {
        self.report.add(
            ProblemKind::Database,
            None,
            Some(Files::DATABASE),
            error.to_string(),
        );
    }

    /// Examines both checkpoints and returns the one to measure the log by: the newest that is well signed.
    fn checkpoints(&mut self) -> Option<Checkpoint> {
        let published = self.published();
        let committed = self.committed();
        let (Some(published), Some(committed)) = (&published, &committed) else {
            return published.or(committed);
        };
        if published.size == committed.size && published.root != committed.root {
            self.report.add(
                ProblemKind::Root,
                None,
                None,
                format!(
                    "two signed checkpoints of {} entries have different roots: the log was forked",
                    published.size
                ),
            );
        }
        if published.size > committed.size {
            self.report.add(
                ProblemKind::Root,
                None,
                None,
                format!(
                    "the database knows {} entries, but {} were published: the database was set back",
                    committed.size, published.size
                ),
            );
        }
        let waiting = self.waiting() > 0;
        if published.size < committed.size && !waiting {
            self.unpublished(published, committed);
        }
        Some(if committed.size > published.size {
            committed.clone()
        } else {
            published.clone()
        })
    }

    /// A published checkpoint that does not reach as far as the committed one must at least be of the same log.
    fn unpublished(&mut self, published: &Checkpoint, committed: &Checkpoint) {
        let file = Some(Files::CHECKPOINT);
        if crate::sequencer::refuse_fork(&self.files, published, committed).is_err() {
            let what = "an older checkpoint whose root the tiles do not lead to: the log was forked, or a tile altered";
            self.report.add(ProblemKind::Root, None, file, what);
        }
        let what = format!(
            "it covers {} of {} entries: the others wait for witnesses, or it was set back; the next record or \
             `colophon ledger publish` renews it",
            published.size, committed.size
        );
        self.report.add(ProblemKind::Unpublished, None, file, what);
    }

    fn published(&mut self) -> Option<Checkpoint> {
        let note = match self.files.read_checkpoint() {
            Ok(Some(note)) => note,
            Ok(None) => {
                self.report.add(
                    ProblemKind::Checkpoint,
                    None,
                    Some(Files::CHECKPOINT),
                    "the file is missing",
                );
                return None;
            }
            Err(error) => {
                self.report.add(
                    ProblemKind::Checkpoint,
                    None,
                    Some(Files::CHECKPOINT),
                    error.to_string(),
                );
                return None;
            }
        };
        match Checkpoint::open(&note, self.key) {
            Ok(checkpoint) => Some(checkpoint),
            Err(error) => {
                self.report.add(
                    ProblemKind::Checkpoint,
                    None,
                    Some(Files::CHECKPOINT),
                    error.to_string(),
                );
                None
            }
        }
    }

    fn committed(&mut self) -> Option<Checkpoint> {
        let what = match self.db.as_ref()?.checkpoint() {
            Ok(Some(row)) => match Checkpoint::open(&row.note, self.key) {
                Ok(checkpoint) if checkpoint.size.0 == row.size => return Some(checkpoint),
                Ok(checkpoint) => format!(
                    "its row says {} entries, its note {}",
                    row.size, checkpoint.size
                ),
                Err(error) => error.to_string(),
            },
            Ok(None) => "there is none".to_owned(),
            Err(error) => error.to_string(),
        };
        let what = format!("the checkpoint in the database: {what}");
        self.report.add(
            ProblemKind::CommittedCheckpoint,
            None,
            Some(Files::DATABASE),
            what,
        );
        None
    }

    /// Bytes in the journal.
    fn waiting(&self) -> u64 {
        self.files.length(&self.files.journal()).unwrap_or(0)
    }

    fn journal(&mut self) {
        if self.waiting() > 0 {
            let bundles = Journal::read(&self.files).map_or(0, |bundles| bundles.len());
            self.report.add(
                ProblemKind::Interrupted,
                None,
                Some("staged"),
                format!("an interrupted write of {bundles} groups waits; opening the ledger for writing finishes it"),
            );
        }
    }
}
