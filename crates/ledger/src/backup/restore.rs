//! Getting a copy back.

use std::path::Path;
use std::time::Instant;

use colophon_tlog::{
    Checkpoint, Hash, Note, ShardList, Tile, TileError, TileReader, TreeSize, VerifierKey,
};

use super::sums::{SUMS, Sums, sync_below};
use super::{Backup, BackupError, archive, partial, prove, put_in_place, refuse_used};
use crate::error::LedgerError;
use crate::files::Files;
use crate::shards::{Folder, ShardName};
use crate::witnesses::{CosignRequest, Refusal, Witnessing};

/// What a copy is measured by besides the ledger's key.
#[derive(Clone, Debug, Default)]
pub struct RestoreOptions {
    /// Keys that signed the list of shards before the present one.
    pub former_keys: Vec<VerifierKey>,
    /// Checkpoints and lists of shards that were seen elsewhere, signed: the copy must reach as far as each.
    pub seen: Vec<Vec<u8>>,
    /// The witnesses, who know what was published last.
    pub witnessing: Option<Witnessing>,
}

/// Puts the copy in the folder or the file `copy` back as the ledger in `dir`, a folder that is empty or does not exist.
///
/// # Errors
/// [`BackupError`] as [`LedgerError::Backup`]: a copy whose files were altered, that does not lead to the signed
/// roots, or that is older than something seen. Nothing is left in `dir` then.
pub fn restore(
    copy: &Path,
    key: &VerifierKey,
    dir: &Path,
    options: &RestoreOptions,
) -> Result<Backup, LedgerError> {
    if !copy.is_file() {
        return restore_folder(copy, key, dir, options);
    }
    refuse_used(dir)?;
    let mut unpacked = partial(dir).into_os_string();
    unpacked.push(".unpacked");
    let unpacked = std::path::PathBuf::from(unpacked);
    if unpacked.exists() {
        std::fs::remove_dir_all(&unpacked)
            .map_err(|error| LedgerError::io("cannot remove", &unpacked, &error))?;
    }
    let restored = archive::unpack(copy, &unpacked)
        .and_then(|()| restore_folder(&unpacked, key, dir, options));
    // It was a copy of the copy.
    let _ = std::fs::remove_dir_all(&unpacked);
    restored
}

fn restore_folder(
    copy: &Path,
    key: &VerifierKey,
    dir: &Path,
    options: &RestoreOptions,
) -> Result<Backup, LedgerError> {
    refuse_used(dir)?;
    let (sums, sums_sha256) = Sums::check(copy)?;
    let made = partial(dir);
    if made.exists() {
        std::fs::remove_dir_all(&made)
            .map_err(|error| LedgerError::io("cannot remove", &made, &error))?;
    }
    let restored = copy_files(copy, &made, &sums)
        .and_then(|()| prove(&made, key, &options.former_keys))
        .and_then(|report| Ok((report, refuse_older(&made, key, options)?)))
        .and_then(|found| sync_below(&made).map(|()| found));
    match restored {
        Ok((report, shards)) => {
            put_in_place(&made, dir)?;
            Ok(Backup {
                place: dir.to_owned(),
                shards,
                entries: report.entries,
                files: sums.files.len() as u64,
                bytes: sums.bytes,
                sums_sha256,
            })
        }
        Err(error) => {
            let _ = std::fs::remove_dir_all(&made);
            Err(error)
        }
    }
}

fn copy_files(from: &Path, to: &Path, sums: &Sums) -> Result<(), LedgerError> {
    for relative in sums.files.keys().filter(|relative| *relative != SUMS) {
        let target = to.join(relative);
        let copy = || {
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::copy(from.join(relative), &target)
        };
        copy().map_err(|error| LedgerError::io("cannot write", &target, &error))?;
    }
    Ok(())
}

/// Compares the copy with everything that was seen of the ledger elsewhere; returns its shards' checkpoints.
fn refuse_older(
    made: &Path,
    key: &VerifierKey,
    options: &RestoreOptions,
) -> Result<Vec<(ShardName, Checkpoint)>, LedgerError> {
    let folder = Folder::new(Files::new(made), key.clone(), &options.former_keys);
    let not_found = || LedgerError::NotFound(made.to_owned());
    let (listed, signer) = folder.read_list()?.ok_or_else(not_found)?;
    let list = folder.list_bytes()?.ok_or_else(not_found)?;
    let mut shards = Vec::new();
    for part in &listed {
        let files = folder.shard(part.name);
        if let Some(note) = files.read_checkpoint()? {
            let checkpoint = Checkpoint::open(&note, &part.key)
                .map_err(|error| BackupError::Unsound(error.to_string()))?;
            if let Some(witnessing) = &options.witnessing {
                ask_witnesses(witnessing, part.name, &note, &checkpoint)?;
            }
            shards.push((part.name, checkpoint));
        }
    }
    for seen in &options.seen {
        if let Some(earlier) = std::iter::once(key)
            .chain(&options.former_keys)
            .find_map(|key| ShardList::open(seen, key).ok())
        {
            let ours = ShardList::open(&list, &signer)
                .map_err(|error| BackupError::Unsound(error.to_string()))?;
            ours.follows(&earlier)
                .map_err(|error| BackupError::Contradicts(error.to_string()))?;
            continue;
        }
        let of_shard = listed
            .iter()
            .find_map(|part| Some((part.name, Checkpoint::open(seen, &part.key).ok()?)));
        let (name, seen) = of_shard.ok_or_else(|| unknown(seen))?;
        let found = shards.iter().find(|(shard, _)| *shard == name);
        let size = found.map_or(TreeSize(0), |(_, checkpoint)| checkpoint.size);
        if seen.size > size {
            return Err(older(name, size, seen.size, "the checkpoint given"));
        }
        if root_at(&folder.shard(name), seen.size, size)? != seen.root {
            let what = format!("shard {name} had another root with {} entries", seen.size);
            return Err(BackupError::Contradicts(what).into());
        }
    }
    Ok(shards)
}

fn older(shard: ShardName, found: TreeSize, seen: TreeSize, by: &str) -> LedgerError {
    BackupError::Older {
        shard: shard.to_string(),
        found: found.0,
        seen: seen.0,
        by: by.to_owned(),
    }
    .into()
}

/// A note that was seen and belongs to no shard of the copy: of one that came later, or of another ledger.
fn unknown(seen: &[u8]) -> LedgerError {
    let origin = Note::parse(seen).ok().and_then(|note| {
        let first = note.text().lines().next()?;
        Some(first.to_owned())
    });
    let what = match origin {
        Some(origin) => {
            format!("it knows nothing of {origin:?}, whose checkpoint or list was given")
        }
        None => "what was given as seen is neither checkpoint nor list of shards".to_owned(),
    };
    BackupError::Contradicts(what).into()
}

/// A witness says of itself how far it has seen a log, when it is asked about a checkpoint that it is beyond.
fn ask_witnesses(
    witnessing: &Witnessing,
    shard: ShardName,
    note: &[u8],
    checkpoint: &Checkpoint,
) -> Result<(), LedgerError> {
    let request = CosignRequest {
        old_size: checkpoint.size,
        proof: &[],
        checkpoint: note,
    };
    for witness in witnessing.policy.witnesses() {
        let deadline = Instant::now() + witnessing.deadline;
        if let Err(Refusal::Behind(size)) =
            witnessing.witnesses.ask(&witness.name, &request, deadline)
            && size > checkpoint.size
        {
            return Err(older(shard, checkpoint.size, size, &witness.name));
        }
    }
    Ok(())
}

/// Why a tile gave no hashes.
struct TileFault(LedgerError);

impl From<TileError> for TileFault {
    fn from(error: TileError) -> Self {
        Self(BackupError::Unsound(error.to_string()).into())
    }
}

/// The root that the shard had when it held `old` entries.
fn root_at(files: &Files, old: TreeSize, size: TreeSize) -> Result<Hash, LedgerError> {
    let mut tiles = TileReader::new(size, |tile: Tile| files.read_tile(tile).map_err(TileFault));
    colophon_tlog::root(&mut tiles, old).map_err(|TileFault(error)| error)
}
