//! The sequencer: the one place that changes a ledger. Not shared between threads; see `writer`.

use std::collections::BTreeSet;
use std::time::Duration;

use colophon_tlog::{
    Checkpoint, CheckpointError, Hash, LeafIndex, NoteSigner, RightEdge, Tile, TileLevel, TreeSize,
    VerifierKey, encode_bundle_entry,
};

use crate::db::{CommittedCheckpoint, Db, is_writable};
use crate::error::LedgerError;
use crate::files::{Files, Lock};
use crate::journal::{Bundle, Journal};
use crate::record::Prepared;
use crate::writer::Receipt;

/// Bytes in the journal before it is emptied although records wait; far below what `journal` can read.
const JOURNAL_LIMIT: u64 = 32 << 20;

/// The right edge of the log and everything needed to extend it.
pub(crate) struct Sequencer {
    files: Files,
    signer: Box<dyn NoteSigner + Send>,
    db: Db,
    journal: Journal,
    committed: CommittedCheckpoint,
    edge: RightEdge,
    /// Content of the partial entry bundle at the right edge.
    entries: Vec<u8>,
    /// Files written but not synced; the journal still holds them.
    unsynced: BTreeSet<String>,
    /// Tiles that became full since the last sync; their partial versions can go.
    completed: Vec<Tile>,
    #[cfg(test)]
    pub(crate) faults: tests::Faults,
}

/// The state after a batch, before it is committed.
struct Next {
    edge: RightEdge,
    entries: Vec<u8>,
    bundle: Bundle,
    checkpoint: CommittedCheckpoint,
}

impl Sequencer {
    /// Opens the ledger for writing, creating it when the folder holds none, and finishes interrupted writes.
    pub fn open(
        files: Files,
        signer: Box<dyn NoteSigner + Send>,
        lock_timeout: Duration,
    ) -> Result<Self, LedgerError> {
        files.create()?;
        if !is_writable(files.dir()) {
            return Err(LedgerError::NotWritable(files.dir().to_owned()));
        }
        let _lock = files.lock(lock_timeout)?;
        let db = Db::open_writer(&files)?;
        let committed = if let Some(committed) = db.checkpoint()? {
            committed
        } else {
            let note = sign(&RightEdge::new(), signer.as_ref())?;
            db.insert_first_checkpoint(&note)?;
            CommittedCheckpoint { size: 0, note }
        };
        let journal = Journal::open(&files)?;
        let mut sequencer = Self {
            files,
            signer,
            db,
            journal,
            committed,
            edge: RightEdge::new(),
            entries: Vec::new(),
            unsynced: BTreeSet::new(),
            completed: Vec::new(),
            #[cfg(test)]
            faults: tests::Faults::default(),
        };
        sequencer.recover()?;
        sequencer.db.compact()?;
        Ok(sequencer)
    }

    /// Takes the lock and catches up with what other processes did.
    pub fn begin(&mut self, lock_timeout: Duration) -> Result<Lock, LedgerError> {
        let lock = self.files.lock(lock_timeout)?;
        let committed = self
            .db
            .checkpoint()?
            .ok_or_else(|| damaged("the database holds no checkpoint"))?;
        if committed != self.committed || self.journal.len()? != 0 {
            self.committed = committed;
            self.recover()?;
        }
        Ok(lock)
    }

    /// Makes a batch durable and visible. After an error the state on disk is unknown: open the ledger again.
    pub fn commit(&mut self, batch: &[Prepared]) -> Result<Vec<Receipt>, LedgerError> {
        let next = self.next(batch)?;
        self.step()?;
        self.journal.append(&next.bundle)?;
        self.step()?;
        self.db.commit(batch, &self.committed, &next.checkpoint)?;
        self.step()?;
        let first = self.committed.size;
        self.edge = next.edge;
        self.entries = next.entries;
        self.committed = next.checkpoint;
        self.apply(&next.bundle)?;
        self.step()?;
        self.publish()?;
        self.step()?;
        let tree_size = TreeSize(self.committed.size);
        let receipt = |(index, record): (u64, &Prepared)| Receipt {
            index: LeafIndex(index),
            leaf_hash: record.leaf_hash,
            tree_size,
        };
        Ok((first..).zip(batch).map(receipt).collect())
    }

    /// Whether the journal has grown enough to be emptied.
    pub fn wants_settling(&self) -> Result<bool, LedgerError> {
        Ok(self.journal.len()? > JOURNAL_LIMIT)
    }

    /// Makes the files in place durable and empties the journal. To be called before the lock is given back.
    pub fn settle(&mut self) -> Result<(), LedgerError> {
        for full in std::mem::take(&mut self.completed) {
            self.files.remove_partials(full)?;
            let gone = format!("{}.p/", full.path());
            self.unsynced.retain(|path| !path.starts_with(&gone));
        }
        self.step()?;
        let mut folders = BTreeSet::from([""]);
        for path in &self.unsynced {
            // Every folder up to the ledger's own may be new.
            let mut rest = path.as_str();
            while let Some((folder, _)) = rest.rsplit_once('/')
                && folders.insert(folder)
            {
                rest = folder;
            }
        }
        self.files
            .sync_all(&self.unsynced.iter().map(String::as_str).collect::<Vec<_>>())?;
        self.files
            .sync_all(&folders.into_iter().collect::<Vec<_>>())?;
        self.step()?;
        self.unsynced.clear();
        self.journal.clear()?;
        self.step()?;
        if self.db.wants_compaction() {
            self.db.compact()
        } else {
            Ok(())
        }
    }

    /// Leaves the database in one file, as far as other processes let it.
    pub fn close(self, lock_timeout: Duration) -> Result<(), LedgerError> {
        let _lock = self.files.lock(lock_timeout)?;
        self.db.close()
    }

    fn next(&self, batch: &[Prepared]) -> Result<Next, LedgerError> {
        let old_size = self.committed.size;
        let (mut edge, mut entries) = (self.edge.clone(), self.entries.clone());
        let mut files = Vec::new();
        for (index, record) in (old_size..).zip(batch) {
            encode_bundle_entry(&mut entries, &record.leaf)
                .map_err(|error| damaged(&error.to_string()))?;
            if index % 256 == 255 {
                files.push((
                    tile(TileLevel::Entries, index / 256, Tile::FULL)?,
                    std::mem::take(&mut entries),
                ));
            }
        }
        let leaves: Vec<Hash> = batch.iter().map(|record| record.leaf_hash).collect();
        files.extend(
            edge.append(&leaves)
                .into_iter()
                .map(|write| (write.tile, write.bytes())),
        );
        let new_size = edge.size().0;
        if new_size % 256 != 0 {
            files.push((
                tile(TileLevel::Entries, new_size / 256, (new_size % 256) as u16)?,
                entries.clone(),
            ));
        }
        let note = sign(&edge, self.signer.as_ref())?;
        let checkpoint = CommittedCheckpoint {
            size: new_size,
            note,
        };
        Ok(Next {
            edge,
            entries,
            bundle: Bundle {
                old_size,
                new_size,
                files,
            },
            checkpoint,
        })
    }

    fn apply(&mut self, bundle: &Bundle) -> Result<(), LedgerError> {
        for (tile, bytes) in &bundle.files {
            let path = tile.path();
            self.files.put(&path, bytes)?;
            self.unsynced.insert(path);
            if tile.is_full() {
                self.completed.push(*tile);
            }
            self.step()?;
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<(), LedgerError> {
        self.files.put(Files::CHECKPOINT, &self.committed.note)?;
        self.unsynced.insert(Files::CHECKPOINT.to_owned());
        Ok(())
    }

    /// Brings files and memory to the committed state; refuses a ledger whose parts contradict each other.
    fn recover(&mut self) -> Result<(), LedgerError> {
        let checkpoint = open_checkpoint(&self.committed.note, self.signer.verifier_key())?;
        if checkpoint.size.0 != self.committed.size {
            return Err(damaged(
                "the database's checkpoint row contradicts its own signed note",
            ));
        }
        let interrupted = self.journal.len()? != 0;
        if !interrupted && checkpoint.size.0 > 0 {
            let published = self
                .files
                .read_checkpoint()?
                .ok_or_else(|| damaged("the checkpoint file is missing"))?;
            if published != self.committed.note {
                return Err(self.diverged(&published, &checkpoint));
            }
        }
        self.refuse_rollback(&checkpoint)?;
        for bundle in Journal::read(&self.files)? {
            // A bundle beyond the committed size was staged but never committed.
            if bundle.new_size <= checkpoint.size.0 {
                self.apply(&bundle)?;
            }
        }
        self.load(&checkpoint)?;
        if interrupted || checkpoint.size.0 == 0 {
            self.publish()?;
            self.settle()?;
        }
        Ok(())
    }

    /// Never writes on a database that was set back behind a checkpoint already published.
    fn refuse_rollback(&self, committed: &Checkpoint) -> Result<(), LedgerError> {
        let published = self.files.read_checkpoint()?;
        let published =
            published.and_then(|note| Checkpoint::open(&note, self.signer.verifier_key()).ok());
        match published {
            Some(published) if published.size > committed.size => Err(damaged(&format!(
                "the database knows {} entries, but {} were published: it was set back or altered",
                committed.size, published.size
            ))),
            _ => Ok(()),
        }
    }

    fn diverged(&self, published: &[u8], committed: &Checkpoint) -> LedgerError {
        match Checkpoint::open(published, self.signer.verifier_key()) {
            Ok(published) => damaged(&format!(
                "the checkpoint file covers {} entries, the database {}",
                published.size, committed.size
            )),
            Err(error) => damaged(&format!("the checkpoint file: {error}")),
        }
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), LedgerError> {
        let files = &self.files;
        let read = |tile: Tile| {
            let bytes = files.read_tile(tile)?;
            tile.decode_hashes(&bytes)
                .map_err(|error| damaged(&format!("{}: {error}", tile.path())))
        };
        let edge = RightEdge::load(checkpoint.size, read).map_err(|error| match error {
            colophon_tlog::EdgeError::Read(error) => error,
            other => damaged(&other.to_string()),
        })?;
        if edge.root() != checkpoint.root {
            return Err(damaged(
                "the hash tiles do not lead to the root of the signed checkpoint",
            ));
        }
        let width = (checkpoint.size.0 % 256) as u16;
        self.entries = if width == 0 {
            Vec::new()
        } else {
            self.files
                .read_tile(tile(TileLevel::Entries, checkpoint.size.0 / 256, width)?)?
        };
        self.edge = edge;
        Ok(())
    }

    /// A place where tests can make the process "crash".
    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the test version fails here"
    )]
    fn step(&self) -> Result<(), LedgerError> {
        Ok(())
    }
}

fn sign(edge: &RightEdge, signer: &(dyn NoteSigner + Send)) -> Result<Vec<u8>, LedgerError> {
    let checkpoint = Checkpoint {
        origin: signer.name().to_owned(),
        size: edge.size(),
        root: edge.root(),
        extensions: Vec::new(),
    };
    let note = checkpoint.sign(signer).map_err(LedgerError::Sign)?;
    Ok(note.to_string().into_bytes())
}

/// Reads the database's checkpoint; a signature by another key means the wrong key, anything else damage.
fn open_checkpoint(note: &[u8], key: &VerifierKey) -> Result<Checkpoint, LedgerError> {
    Checkpoint::open(note, key).map_err(|error| match error {
        CheckpointError::Note(colophon_tlog::NoteError::NotSigned(_)) => {
            LedgerError::WrongKey(error)
        }
        _ => damaged(&format!("the database's checkpoint: {error}")),
    })
}

fn tile(level: TileLevel, index: u64, width: u16) -> Result<Tile, LedgerError> {
    Tile::new(level, index, width).map_err(|error| damaged(&error.to_string()))
}

fn damaged(what: &str) -> LedgerError {
    LedgerError::Damaged(what.to_owned())
}

#[cfg(test)]
pub(crate) mod tests;
