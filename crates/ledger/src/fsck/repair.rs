//! Mending what can be derived. Nothing that is signed is made, and nothing that exists once is touched: private
//! parts, manifests and what they are encrypted with come from a backup or not at all.

use std::path::Path;

use colophon_tlog::{Checkpoint, Hash, VerifierKey, leaf_hash};

use super::{Check, FsckOptions, FsckReport, ProblemKind, fsck_with};
use crate::db::{Db, EntryRow};
use crate::derive::{write_partials, write_tiles};
use crate::error::LedgerError;
use crate::files::Files;
use crate::leaf::Leaf;
use crate::pagesum;
use crate::shards::{Folder, Listed, ShardName};

/// What was mended, and what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairReport {
    /// What was done, for people, each with its shard.
    pub done: Vec<(ShardName, String)>,
    /// fsck afterwards.
    pub left: FsckReport,
}

/// Rebuilds what can be derived in each shard of the ledger in `dir`: rows of entries from bundles or the reverse,
/// hash tiles from entries, the published checkpoint and the committed one from each other, page sums. Writers wait
/// meanwhile. A shard whose entries lead nowhere to the signed root is left alone.
///
/// # Errors
/// As [`fsck_with`], and when something cannot be written.
pub fn repair(
    dir: &Path,
    key: &VerifierKey,
    options: &FsckOptions,
) -> Result<RepairReport, LedgerError> {
    let before = fsck_with(dir, key, options)?;
    let folder = Folder::new(Files::new(dir), key.clone(), &options.former_keys);
    let listed = if let Ok(Some((listed, _))) = folder.read_list() {
        listed
    } else {
        // The list is signed: it comes from a backup. The shards are mended all the same.
        let found = folder.shards_found()?;
        let opened = found.iter().map(|name| Listed::open(key, *name));
        opened.collect::<Result<_, _>>()?
    };
    let mut done = Vec::new();
    for part in listed {
        let problems = before.problems.iter();
        let mut kinds = problems
            .filter(|problem| problem.shard == Some(part.name))
            .map(|problem| problem.kind)
            .peekable();
        if kinds.peek().is_some() {
            let index_is_wrong = kinds.any(|kind| kind == ProblemKind::Index);
            let mended = mend(
                &folder.shard(part.name),
                &part.key,
                options.policy.is_none(),
                index_is_wrong,
            )?;
            done.extend(mended.into_iter().map(|what| (part.name, what)));
        }
    }
    Ok(RepairReport {
        done,
        left: fsck_with(dir, key, options)?,
    })
}

/// Mends one shard, as far as it goes. `may_publish` says that a checkpoint needs no cosignatures.
fn mend(
    files: &Files,
    key: &VerifierKey,
    may_publish: bool,
    index_is_wrong: bool,
) -> Result<Vec<String>, LedgerError> {
    let mut done = Vec::new();
    let _lock = files.lock(super::LOCK_TIMEOUT)?;
    let mut check = Check::new(files.clone(), key);
    if check.open_database().is_err() || check.db.is_none() || check.waiting() > 0 {
        // Without a database there is nothing to mend into; an interrupted write is finished by the next writer.
        return Ok(done);
    }
    let Some(trusted) = check.checkpoints() else {
        return Ok(done);
    };
    let Some(rows) = check.right_rows(&trusted)? else {
        return Ok(done);
    };
    drop(check);
    // Sums that are lost are made on opening.
    let had_sums = pagesum::exist(files);
    let db = Db::open_writer(files)?;
    if !rows.is_empty() {
        db.replace_entries(&rows)?;
        done.push(format!(
            "{} from the entry bundles",
            counted(rows.len(), "row")
        ));
    }
    if index_is_wrong || !rows.is_empty() {
        db.rebuild_index()?;
        done.push("the index of facts from the entries".to_owned());
    }
    let written = write_tiles(&db, files, trusted.size)?;
    if written.root != trusted.root {
        return Ok(done);
    }
    let partials = write_partials(&db, files, trusted.size)?;
    if written.files + partials > 0 {
        done.push(format!(
            "{} from the entries",
            counted(written.files + partials, "tile file")
        ));
    }
    mend_checkpoints(&db, files, key, &trusted, may_publish, &mut done)?;
    db.compact()?;
    let sums_are_wrong = !pagesum::verify(files)?.is_empty();
    if db.integrity()?.is_empty() && (sums_are_wrong || !had_sums) {
        pagesum::renew(files)?;
        done.push("the page sums of the database".to_owned());
    }
    db.close()?;
    Ok(done)
}

/// The two copies of the newest signed checkpoint, each from the other.
fn mend_checkpoints(
    db: &Db,
    files: &Files,
    key: &VerifierKey,
    trusted: &Checkpoint,
    may_publish: bool,
    done: &mut Vec<String>,
) -> Result<(), LedgerError> {
    let published = files.read_checkpoint()?;
    let is_right = |note: &[u8]| Checkpoint::open(note, key).as_ref() == Ok(trusted);
    let committed = db.checkpoint()?;
    let committed_is_right = committed
        .as_ref()
        .is_some_and(|row| row.size == trusted.size.0 && is_right(&row.note));
    match (published, committed) {
        (Some(published), _) if is_right(&published) && committed_is_right => {}
        (Some(published), _) if is_right(&published) => {
            db.put_checkpoint(trusted.size.0, &published)?;
            done.push("the checkpoint in the database from the published one".to_owned());
        }
        (_, Some(committed)) if committed_is_right && may_publish => {
            files.put(Files::CHECKPOINT, &committed.note)?;
            files.sync_all(&[Files::CHECKPOINT])?;
            done.push("the published checkpoint from the one in the database".to_owned());
        }
        _ => {}
    }
    Ok(())
}

impl Check<'_> {
    /// The rows that differ from what the signed root covers, as they must be; `None` when no copy of the entries
    /// leads to it.
    fn right_rows(&mut self, trusted: &Checkpoint) -> Result<Option<Vec<EntryRow>>, LedgerError> {
        let source = self.choose_source(trusted)?;
        let wrong_root = |check: &Self| {
            let mut problems = check.report.problems.iter();
            problems.any(|problem| problem.kind == ProblemKind::Root && problem.file.is_none())
        };
        if wrong_root(self) {
            return Ok(None);
        }
        let mut rows = Vec::new();
        for start in (0..trusted.size.0).step_by(super::log::BLOCK as usize) {
            let block = self.block(start, trusted.size.0, false)?;
            let truth: Vec<Option<Hash>> = block.hashes(source).collect();
            for (offset, right) in truth.into_iter().enumerate() {
                let index = start + offset as u64;
                let is_right = |leaf: &Vec<u8>| Some(leaf_hash(leaf)) == right;
                let own = block.rows[offset].as_ref().filter(|leaf| is_right(leaf));
                let leaf = own.or(block.bundle[offset].as_ref().filter(|leaf| is_right(leaf)));
                // An entry of which no true copy is left comes from a backup only.
                let Some(leaf) = leaf else { return Ok(None) };
                let row = right_row(index, leaf)?;
                let found = self
                    .db
                    .as_ref()
                    .and_then(|db| db.entry(index).ok().flatten());
                if found.as_ref() != Some(&row) {
                    rows.push(row);
                }
            }
        }
        Ok(Some(rows))
    }
}

/// The row of an entry, all of which its leaf tells.
fn right_row(index: u64, leaf: &[u8]) -> Result<EntryRow, LedgerError> {
    let decoded = Leaf::decode(leaf)
        .map_err(|error| LedgerError::Damaged(format!("entry {index}: {error}")))?;
    let (asset_sha256, manifest_id) = match decoded {
        Leaf::Record(record) => (Some(record.asset_sha256.to_vec()), Some(record.manifest_id)),
        Leaf::Event(_) => (None, None),
    };
    Ok(EntryRow {
        index,
        asset_sha256,
        manifest_id,
        leaf: leaf.to_vec(),
    })
}

fn counted(count: usize, name: &str) -> String {
    match count {
        1 => format!("1 {name}"),
        _ => format!("{count} {name}s"),
    }
}
