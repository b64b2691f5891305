//! The whole ledger: its list of shards, each shard, and how they are tied together.

use std::path::Path;

use colophon_tlog::{Checkpoint, Note, ShardState, VerifierKey, WitnessPolicy};

use super::erasures::Erasures;
use super::{FsckReport, MAX_PROBLEMS, Problem, ProblemKind, fsck_files};
use crate::db::Db;
use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::files::Files;
use crate::sequencer::is_seal;
use crate::shards::{Folder, Listed, ShardName};
use crate::vault::StorageKey;

/// What a ledger is measured by besides its key.
#[derive(Clone, Debug, Default)]
pub struct FsckOptions {
    /// Keys that signed the list of shards before the present one.
    pub former_keys: Vec<VerifierKey>,
    /// Whose cosignatures published checkpoints need.
    pub policy: Option<WitnessPolicy>,
    /// Opens private parts; without it they are counted, not looked into.
    pub storage_key: Option<StorageKey>,
}

/// Re-derives the ledger in `dir`: the list of shards, and in each shard the root from the entries, then every tile,
/// both checkpoints, every database row and column, commitment and manifest. Changes nothing; writers wait meanwhile.
/// A shard that is damaged, or not there, does not keep the others from being examined.
///
/// # Errors
/// Only when the ledger cannot be examined at all: [`LedgerError::NotFound`], [`LedgerError::NoShards`],
/// [`LedgerError::Busy`], [`LedgerError::NeedsRecovery`]. Everything else is a problem in the report.
pub fn fsck(dir: &Path, key: &VerifierKey) -> Result<FsckReport, LedgerError> {
    fsck_with(dir, key, &FsckOptions::default())
}

/// [`fsck`] with former keys, a policy and the storage key.
///
/// # Errors
/// As [`fsck`].
pub fn fsck_with(
    dir: &Path,
    key: &VerifierKey,
    options: &FsckOptions,
) -> Result<FsckReport, LedgerError> {
    fsck_folder(Files::new(dir), key, options)
}

/// [`fsck_with`] on any file system.
pub(crate) fn fsck_folder(
    files: Files,
    key: &VerifierKey,
    options: &FsckOptions,
) -> Result<FsckReport, LedgerError> {
    let dir = files.dir().to_owned();
    let folder = Folder::new(files, key.clone(), &options.former_keys);
    folder.refuse_older_layout()?;
    let found = folder.shards_found()?;
    let mut report = FsckReport::default();
    let mut erasures = Erasures::default();
    let (listed, believed) = match folder.read_list() {
        Ok(Some((listed, _))) => (listed, true),
        Ok(None) if found.is_empty() => return Err(LedgerError::NotFound(dir)),
        other => {
            let what = match other {
                Err(error) => error.to_string(),
                Ok(_) => "the file is missing".to_owned(),
            };
            report.add(ProblemKind::ShardList, None, Some(Folder::LIST), what);
            // What lies in the folder is examined all the same, with the present key.
            let opened = found.iter().map(|name| Listed::open(key, *name));
            (opened.collect::<Result<_, _>>()?, false)
        }
    };
    for (at, part) in listed.iter().enumerate() {
        let previous = at.checked_sub(1).and_then(|at| listed.get(at));
        let is_newest = at + 1 == listed.len();
        let mut found = examine(&folder, part, is_newest, options)?;
        if believed && found.shards > 0 {
            tie(&folder, part, previous, is_newest, &mut found);
        }
        erasures.take(part, &mut found);
        merge(&mut report, part.name, found);
    }
    erasures.compare(&folder, &mut report);
    for name in found {
        if believed && !listed.iter().any(|part| part.name == name) {
            let mut stray = FsckReport::default();
            let what = "the signed list does not name it";
            stray.add(ProblemKind::ShardUnlisted, None, None, what);
            merge(&mut report, name, stray);
        }
    }
    Ok(report)
}

/// Examines one shard on its own.
fn examine(
    folder: &Folder,
    part: &Listed,
    is_newest: bool,
    options: &FsckOptions,
) -> Result<FsckReport, LedgerError> {
    let mut missing = FsckReport::default();
    match fsck_files(
        folder.shard(part.name),
        &part.key,
        options.storage_key.as_ref(),
    ) {
        Ok(mut report) => {
            report.shards = 1;
            if let Some(policy) = &options.policy {
                cosignatures(folder, part, policy, &mut report);
            }
            return Ok(report);
        }
        Err(LedgerError::NotFound(_)) if is_newest && part.state == ShardState::Open => {
            let what = "it was about to be opened; the next record does that";
            missing.add(ProblemKind::Interrupted, None, None, what);
        }
        Err(LedgerError::NotFound(_)) => {
            let what = "it is not there";
            missing.add(ProblemKind::ShardMissing, None, None, what);
        }
        Err(
            error @ (LedgerError::Busy(_)
            | LedgerError::NeedsRecovery(_)
            | LedgerError::WrongStorageKey),
        ) => return Err(error),
        Err(error) => {
            missing.add(ProblemKind::ShardUnreadable, None, None, error.to_string());
        }
    }
    Ok(missing)
}

/// Whether the published checkpoint has the cosignatures that the policy asks for.
fn cosignatures(folder: &Folder, part: &Listed, policy: &WitnessPolicy, report: &mut FsckReport) {
    let files = folder.shard(part.name);
    // A checkpoint that cannot be read has been reported, and an empty one needs no witness.
    let Ok(Some(published)) = files.read_checkpoint() else {
        return;
    };
    let Ok(note) = Note::parse(&published) else {
        return;
    };
    if Checkpoint::parse_text(note.text()).is_ok_and(|checkpoint| checkpoint.size.0 == 0) {
        return;
    }
    if let Err(error) = policy.check_quorum(&note) {
        let file = Some(crate::files::Files::CHECKPOINT);
        report.add(ProblemKind::Cosignature, None, file, error.to_string());
    }
}

/// Checks what ties a shard to the list and to the shard before it.
fn tie(
    folder: &Folder,
    part: &Listed,
    previous: Option<&Listed>,
    is_newest: bool,
    report: &mut FsckReport,
) {
    let files = folder.shard(part.name);
    // Rows that cannot be read, or are not what was entered, have been reported.
    let Ok(db) = Db::open_reader(&files) else {
        return;
    };
    let entry = |index| db.entry(index).ok().flatten().map(|row| row.leaf);
    let size = report.tree_size.unwrap_or(0);
    let last = size.checked_sub(1);
    let ends_sealed = last.and_then(entry).is_some_and(|leaf| is_seal(&leaf));
    if let ShardState::Sealed { size: ended, root } = part.state {
        let published = files.read_checkpoint().ok().flatten();
        let published = published.and_then(|note| Checkpoint::open(&note, &part.key).ok());
        match published {
            Some(published) if published.size == ended && published.root == root => {}
            Some(published) => {
                let what = format!(
                    "the list says that it ended with {ended} entries and root {root}, its checkpoint says {} and {}",
                    published.size, published.root
                );
                report.add(ProblemKind::Seal, None, None, what);
            }
            None => {}
        }
        if !ends_sealed {
            let what = "the list says that it is sealed, but its last entry does not seal it";
            report.add(ProblemKind::Seal, last, None, what);
        }
    } else if ends_sealed && is_newest {
        let what = "it is sealed and its successor not yet named; the next record does that";
        report.add(ProblemKind::Interrupted, None, None, what);
    }
    let Some(previous) = previous else { return };
    match entry(0)
        .and_then(|leaf| Event::decode(&leaf).ok())
        .map(|event| event.what)
    {
        Some(EventKind::ShardOpened(opened)) if names(opened.previous.as_ref(), previous) => {}
        None if size == 0 => {
            let what = "it has no first entry yet; the next record enters it";
            report.add(ProblemKind::Interrupted, None, None, what);
        }
        _ => {
            let what = format!("its first entry does not say how {} ended", previous.name);
            report.add(ProblemKind::Opening, Some(0), None, what);
        }
    }
}

/// Whether an opening event says of the shard before it what the list says.
fn names(said: Option<&crate::event::PreviousShard>, listed: &Listed) -> bool {
    match (said, listed.state) {
        (Some(said), ShardState::Sealed { size, root }) => {
            said.origin == listed.key.name() && said.size == size.0 && said.root == root.0
        }
        _ => false,
    }
}

/// Takes a shard's findings into the ledger's.
pub(super) fn merge(report: &mut FsckReport, name: ShardName, shard: FsckReport) {
    report.tree_size = shard.tree_size;
    report.shards += shard.shards;
    report.entries += shard.entries;
    report.files += shard.files;
    report.locked += shard.locked;
    report.omitted += shard.omitted;
    for problem in shard.problems {
        if report.problems.len() < MAX_PROBLEMS {
            report.problems.push(Problem {
                shard: Some(name),
                file: problem.file.map(|file| format!("{name}/{file}")),
                ..problem
            });
        } else {
            report.omitted += 1;
        }
    }
}
