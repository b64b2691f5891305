//! Making a copy.

use std::path::Path;
use std::time::Duration;

use colophon_tlog::{Checkpoint, ShardState, VerifierKey};
use sha2::{Digest, Sha256};

use super::sums::{SUMS, Sums, sync_below};
use super::{Backup, BackupError, partial, prove, put_in_place, refuse_used};
use crate::db::Db;
use crate::derive::write_tiles;
use crate::error::LedgerError;
use crate::files::Files;
use crate::shards::{Folder, Listed, ShardName};

/// How long to wait for a writer that is passing from one shard to the next.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Copies the ledger in `dir` to `place`, a folder that is empty or does not exist, while writers go on. `former_keys`
/// may have signed the list of shards before `key`.
///
/// # Errors
/// [`BackupError`] as [`LedgerError::Backup`]; a copy that does not lead to the signed roots is not kept.
pub fn backup(
    dir: &Path,
    key: &VerifierKey,
    former_keys: &[VerifierKey],
    place: &Path,
) -> Result<Backup, LedgerError> {
    refuse_used(place)?;
    let folder = Folder::new(Files::new(dir), key.clone(), former_keys);
    folder.refuse_older_layout()?;
    let made = partial(place);
    if made.exists() {
        // What an interrupted copy left.
        std::fs::remove_dir_all(&made)
            .map_err(|error| LedgerError::io("cannot remove", &made, &error))?;
    }
    let copied = copy(&folder, &made).and_then(|shards| finish(&made, key, former_keys, shards));
    match copied {
        Ok(mut backup) => {
            put_in_place(&made, place)?;
            place.clone_into(&mut backup.place);
            Ok(backup)
        }
        Err(error) => {
            // Nothing of a copy that failed is worth keeping; that it cannot be removed changes nothing about that.
            let _ = std::fs::remove_dir_all(&made);
            Err(error)
        }
    }
}

/// Proves a copy, lists its hashes, and makes it durable.
fn finish(
    made: &Path,
    key: &VerifierKey,
    former_keys: &[VerifierKey],
    shards: Vec<(ShardName, Checkpoint)>,
) -> Result<Backup, LedgerError> {
    let report = prove(made, key, former_keys)?;
    remove_locks(made, &shards)?;
    let sums = Sums::of(made)?;
    let text = sums.text();
    let path = made.join(SUMS);
    std::fs::write(&path, &text).map_err(|error| LedgerError::io("cannot write", &path, &error))?;
    sync_below(made)?;
    Ok(Backup {
        place: made.to_owned(),
        shards,
        entries: report.entries,
        files: sums.files.len() as u64,
        bytes: sums.bytes,
        sums_sha256: Sha256::digest(text.as_bytes()).into(),
    })
}

/// Copies list and shards. The folder's lock keeps the list as it is; records go on being entered.
fn copy(folder: &Folder, made: &Path) -> Result<Vec<(ShardName, Checkpoint)>, LedgerError> {
    let _lock = match folder.lock(LOCK_TIMEOUT) {
        Err(LedgerError::Io { .. }) if !folder.files().is_writable() => None,
        lock => Some(lock?),
    };
    let not_found = || LedgerError::NotFound(folder.files().dir().to_owned());
    let (listed, _) = folder.read_list()?.ok_or_else(not_found)?;
    let list = folder.list_bytes()?.ok_or_else(not_found)?;
    let target = Files::new(made);
    target.create()?;
    target.put(Folder::LIST, &list)?;
    let mut shards = Vec::new();
    for part in &listed {
        match copy_shard(
            &folder.shard(part.name),
            &target.below(&part.name.to_string()),
            part,
        ) {
            Ok(checkpoint) => shards.push((part.name, checkpoint)),
            // About to be opened.
            Err(LedgerError::NotFound(_)) if part.state == ShardState::Open => {}
            Err(error) => return Err(error),
        }
    }
    Ok(shards)
}

/// Copies one shard; returns its newest checkpoint.
fn copy_shard(from: &Files, to: &Files, part: &Listed) -> Result<Checkpoint, LedgerError> {
    // Before the rows, so that these reach at least as far.
    let published = from.read_checkpoint()?;
    let source = Db::open_reader(from)?;
    to.create()?;
    source.copy_into(&to.database())?;
    let db = Db::open_writer(to)?;
    let unsound = |what: &str| BackupError::Unsound(format!("shard {}: {what}", part.name));
    let committed = db
        .checkpoint()?
        .ok_or_else(|| unsound("the database holds no checkpoint"))?;
    let checkpoint = Checkpoint::open(&committed.note, &part.key)
        .map_err(|error| unsound(&error.to_string()))?;
    let derive = |signed: &Checkpoint| {
        if write_tiles(&db, to, signed.size)?.root == signed.root {
            return Ok(());
        }
        let what = unsound("its rows do not lead to the signed root");
        Err(LedgerError::from(what))
    };
    if let Some(published) = published {
        // Records may have been entered since: what was published then has narrower tiles of its own.
        let published_then =
            Checkpoint::open(&published, &part.key).map_err(|error| unsound(&error.to_string()))?;
        derive(&published_then)?;
        to.put(Files::CHECKPOINT, &published)?;
    }
    derive(&checkpoint)?;
    db.close()?;
    Ok(checkpoint)
}

/// Locks, empty journals and shared memory belong to a ledger in use.
fn remove_locks(made: &Path, shards: &[(ShardName, Checkpoint)]) -> Result<(), LedgerError> {
    let folders = shards.iter().map(|(name, _)| made.join(name.to_string()));
    for folder in std::iter::once(made.to_owned()).chain(folders) {
        for name in ["lock", "tmp", "ledger.sqlite-shm", "ledger.sqlite-wal"] {
            let path = folder.join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LedgerError::io("cannot remove", &path, &error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
