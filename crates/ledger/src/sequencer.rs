//! The sequencer: the one place that changes a ledger. Not shared between threads; see `writer`.

mod erasing;

use std::collections::BTreeSet;
use std::time::Duration;

use colophon_tlog::{
    Checkpoint, CheckpointError, Hash, LeafIndex, NoteSigner, RightEdge, Tile, TileError,
    TileLevel, TileReader, TreeError, TreeSize, VerifierKey, encode_bundle_entry,
    prove_consistency,
};

use crate::db::{CommittedCheckpoint, Db};
use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::files::{Files, Lock};
use crate::journal::{Bundle, Journal};
use crate::record::Prepared;
use crate::shards::ShardName;
use crate::vault::{StorageKey, Vault};
use crate::witnesses::Quorum;
use crate::writer::Receipt;

/// Bytes in the journal before it is emptied although records wait; far below what `journal` can read.
const JOURNAL_LIMIT: u64 = 32 << 20;

/// Records in a group from which on it is part of a bulk load.
const BULK: usize = 256;

/// The right edge of the log and everything needed to extend it.
pub(crate) struct Sequencer {
    files: Files,
    signer: Box<dyn NoteSigner + Send>,
    db: Db,
    /// Without the storage key there is none, and no private part can be written.
    vault: Option<Vault>,
    journal: Journal,
    committed: CommittedCheckpoint,
    edge: RightEdge,
    /// Content of the partial entry bundle at the right edge.
    entries: Vec<u8>,
    /// Files written but not synced; the journal still holds them.
    unsynced: BTreeSet<String>,
    /// Tiles that became full since the last sync; their partial versions can go.
    completed: Vec<Tile>,
    shard: ShardName,
    /// The last group was a large one.
    bulk: bool,
    /// The last entry seals the shard.
    sealed: bool,
    /// Size of the published tree; smaller than the committed one while witnesses are missing.
    published: u64,
    quorum: Option<Quorum>,
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
    /// [`Sequencer::open_with`] without witnesses.
    #[cfg(test)]
    pub fn open(
        files: Files,
        signer: Box<dyn NoteSigner + Send>,
        lock_timeout: Duration,
    ) -> Result<Self, LedgerError> {
        Self::open_with(files, signer, None, lock_timeout)
    }

    /// Opens the shard for writing, creating it when the folder holds none, and finishes interrupted writes. With a
    /// quorum, checkpoints are cosigned before they are published.
    pub fn open_with(
        files: Files,
        signer: Box<dyn NoteSigner + Send>,
        quorum: Option<Quorum>,
        lock_timeout: Duration,
    ) -> Result<Self, LedgerError> {
        files.create()?;
        if !files.is_writable() {
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
            vault: None,
            journal,
            committed,
            edge: RightEdge::new(),
            entries: Vec::new(),
            unsynced: BTreeSet::new(),
            completed: Vec::new(),
            shard: ShardName::at(0),
            bulk: false,
            sealed: false,
            published: 0,
            quorum,
            #[cfg(test)]
            faults: tests::Faults::default(),
        };
        sequencer.recover()?;
        sequencer.db.compact()?;
        Ok(sequencer)
    }

    /// Names the shard in receipts.
    pub fn named(mut self, shard: ShardName) -> Self {
        self.shard = shard;
        self
    }

    /// Encrypts private parts with this key, from which the first opening makes the vault.
    pub fn with_storage(
        mut self,
        storage: Option<&StorageKey>,
        lock_timeout: Duration,
    ) -> Result<Self, LedgerError> {
        if let Some(storage) = storage {
            let _lock = self.files.lock(lock_timeout)?;
            self.vault = Some(self.db.open_or_create_vault(storage)?);
        }
        Ok(self)
    }

    /// Entries committed.
    pub fn size(&self) -> u64 {
        self.committed.size
    }

    /// Whether the last entry seals the shard.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Publishes what is committed and was not published for want of witnesses.
    pub fn publish_waiting(&mut self) -> Result<(), LedgerError> {
        if self.published < self.committed.size {
            self.publish()?;
        }
        Ok(())
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
        self.follow_storage_key()?;
        Ok(lock)
    }

    /// Opens the vault again where the storage key was replaced. Without the new one nothing more is written: what was
    /// wrapped with a key that is about to be destroyed could not be read again.
    fn follow_storage_key(&mut self) -> Result<(), LedgerError> {
        if let Some(vault) = &self.vault
            && let Some(wrapped) = self.db.vault_key()?
            && !vault.is_of(&wrapped)
        {
            self.vault = Some(Vault::open(vault.storage().clone(), &wrapped)?);
        }
        Ok(())
    }

    /// Makes a batch durable and visible. After [`LedgerError::NoQuorum`] it is durable; after any other error the
    /// state on disk is unknown: open the ledger again.
    pub fn commit(&mut self, batch: &[Prepared]) -> Result<Vec<Receipt>, LedgerError> {
        let next = self.next(batch)?;
        self.step()?;
        self.journal.append(&next.bundle)?;
        self.step()?;
        let vault = self.vault.as_ref();
        self.db
            .commit(batch, vault, &self.committed, &next.checkpoint)?;
        self.step()?;
        let first = self.committed.size;
        self.bulk = batch.len() >= BULK;
        self.edge = next.edge;
        self.entries = next.entries;
        self.committed = next.checkpoint;
        self.sealed = batch.last().is_some_and(|last| is_seal(&last.leaf));
        self.apply(&next.bundle)?;
        self.step()?;
        self.publish()?;
        self.step()?;
        let tree_size = TreeSize(self.committed.size);
        let shard = self.shard;
        let receipt = |(index, record): (u64, &Prepared)| Receipt {
            shard,
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
        if self.db.wants_compaction(self.bulk) {
            self.db.compact()
        } else {
            Ok(())
        }
    }

    /// Leaves nothing to be finished by another opening for writing: before the shard is sealed in the list.
    pub fn finish(&mut self) -> Result<(), LedgerError> {
        self.settle()?;
        self.journal.sync()
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
        let files = &self.files;
        let cosigned = match &mut self.quorum {
            // An empty log says nothing that a witness could attest.
            Some(quorum) if self.committed.size > 0 => {
                if let Some(published) = files.read_checkpoint()? {
                    quorum.learn(&published);
                }
                let prove = |old: TreeSize, new: TreeSize| consistency_proof(files, old, new);
                Some(quorum.cosign(&self.committed.note, &prove)?)
            }
            _ => None,
        };
        let note = cosigned.as_deref().unwrap_or(&self.committed.note);
        self.files.put(Files::CHECKPOINT, note)?;
        self.unsynced.insert(Files::CHECKPOINT.to_owned());
        self.published = self.committed.size;
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
        let published = self.published_checkpoint(interrupted || checkpoint.size.0 == 0)?;
        refuse_rollback(published.as_ref(), &checkpoint)?;
        for bundle in Journal::read(&self.files)? {
            // A bundle beyond the committed size was staged but never committed.
            if bundle.new_size <= checkpoint.size.0 {
                self.apply(&bundle)?;
            }
        }
        self.load(&checkpoint)?;
        if let Some(published) = &published {
            refuse_fork(&self.files, published, &checkpoint)?;
        }
        self.published = published.map_or(0, |published| published.size.0);
        let waiting = self.published < checkpoint.size.0;
        if interrupted || waiting || checkpoint.size.0 == 0 {
            // Opening asks no witness: the next record or `publish` does.
            if self.quorum.is_none() || checkpoint.size.0 == 0 {
                self.publish()?;
            }
            self.settle()?;
        }
        Ok(())
    }

    /// The published checkpoint. After an interrupted write it may be missing or torn.
    fn published_checkpoint(&self, may_fail: bool) -> Result<Option<Checkpoint>, LedgerError> {
        let Some(note) = self.files.read_checkpoint()? else {
            return if may_fail {
                Ok(None)
            } else {
                Err(damaged("the checkpoint file is missing"))
            };
        };
        match Checkpoint::open(&note, self.signer.verifier_key()) {
            Ok(published) => Ok(Some(published)),
            Err(_) if may_fail => Ok(None),
            Err(error) => Err(damaged(&format!("the checkpoint file: {error}"))),
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
        self.sealed = match self.db.entry(checkpoint.size.0.saturating_sub(1))? {
            Some(last) if checkpoint.size.0 > 0 => is_seal(&last.leaf),
            _ => false,
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

/// Never writes on a database that was set back behind a checkpoint already published.
fn refuse_rollback(
    published: Option<&Checkpoint>,
    committed: &Checkpoint,
) -> Result<(), LedgerError> {
    match published {
        Some(published) if published.size > committed.size => Err(damaged(&format!(
            "the database knows {} entries, but {} were published: it was set back or altered",
            committed.size, published.size
        ))),
        _ => Ok(()),
    }
}

/// Never writes on a log that does not start with what was published.
pub(crate) fn refuse_fork(
    files: &Files,
    published: &Checkpoint,
    committed: &Checkpoint,
) -> Result<(), LedgerError> {
    let mut tiles = TileReader::new(committed.size, |tile: Tile| read_tile(files, tile));
    let root = if published.size == committed.size {
        committed.root
    } else {
        colophon_tlog::root(&mut tiles, published.size).map_err(|TileFault(why)| why)?
    };
    if root == published.root {
        Ok(())
    } else {
        Err(damaged(
            "the published checkpoint has another root than the log had at its size: one of them was altered",
        ))
    }
}

/// The proof that the tree of `new` entries starts with the one of `old`.
fn consistency_proof(
    files: &Files,
    old: TreeSize,
    new: TreeSize,
) -> Result<Vec<Hash>, LedgerError> {
    let mut tiles = TileReader::new(new, |tile: Tile| read_tile(files, tile));
    prove_consistency(&mut tiles, old, new).map_err(|error| match error {
        TreeError::Read(TileFault(error)) => error,
        _ => damaged("there is no proof between trees of these sizes"),
    })
}

/// Why a tile gave no hashes.
struct TileFault(LedgerError);

impl From<TileError> for TileFault {
    fn from(error: TileError) -> Self {
        Self(damaged(&error.to_string()))
    }
}

fn read_tile(files: &Files, tile: Tile) -> Result<Vec<u8>, TileFault> {
    files.read_tile(tile).map_err(TileFault)
}

pub(crate) fn is_seal(leaf: &[u8]) -> bool {
    Event::decode(leaf).is_ok_and(|event| event.what == EventKind::ShardSealed)
}

fn tile(level: TileLevel, index: u64, width: u16) -> Result<Tile, LedgerError> {
    Tile::new(level, index, width).map_err(|error| damaged(&error.to_string()))
}

fn damaged(what: &str) -> LedgerError {
    LedgerError::Damaged(what.to_owned())
}

#[cfg(test)]
pub(crate) mod tests;
