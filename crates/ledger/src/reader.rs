//! Look-ups: every entry read is checked against the signed checkpoint.

mod rows;
mod tiles;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use colophon_tlog::{
    Checkpoint, Hash, LeafIndex, Receipt as CoseReceipt, ReceiptError, ReceiptSigner, TileNodes,
    TlogProof, VerifierKey, leaf_hash,
};
use sha2::{Digest, Sha256};

use crate::db::{Db, EntryRow, Key};
use crate::entry::{Entry, EventEntry, Inclusion, LogEntry};
use crate::error::{LedgerError, Unproven};
use crate::event::EventKind;
use crate::files::Files;
use crate::fingerprints::Fingerprints;
use crate::leaf::Leaf;
use crate::shards::{RecordId, ShardName};
use crate::vault::{StorageKey, Vault};
use tiles::Tiles;

/// What a ledger holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Name of the log.
    pub origin: String,
    /// Entries under the published checkpoint.
    pub entries: u64,
    /// Root of the published checkpoint; that of the newest shard where there are several.
    pub root: Hash,
    /// Unix seconds of the first and the last entry.
    pub first_and_last: Option<(i64, i64)>,
    /// Bytes of the database file.
    pub database_bytes: u64,
}

impl Stats {
    /// Of a log without entries.
    pub(crate) fn empty(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            entries: 0,
            root: Hash::empty_tree(),
            first_and_last: None,
            database_bytes: 0,
        }
    }

    /// Adds a newer shard.
    pub(crate) fn add(&mut self, newer: &Self) {
        self.entries += newer.entries;
        self.root = newer.root;
        self.database_bytes += newer.database_bytes;
        self.first_and_last = match (self.first_and_last, newer.first_and_last) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (one, other) => one.or(other),
        };
    }
}

/// Reads one ledger, from many threads.
#[derive(Debug)]
pub(crate) struct Reader {
    files: Files,
    shard: ShardName,
    key: VerifierKey,
    db: Mutex<Db>,
    storage: Option<StorageKey>,
    /// Opened with `storage` once the ledger has one.
    vault: OnceLock<Arc<Vault>>,
    /// The checkpoint last read and found good, with its bytes.
    verified: Mutex<Option<(Vec<u8>, Checkpoint)>>,
    tiles: Tiles,
    fingerprints: Fingerprints,
}

impl Reader {
    pub fn open(files: Files, shard: ShardName, key: VerifierKey) -> Result<Self, LedgerError> {
        let db = Mutex::new(Db::open_reader(&files)?);
        Ok(Self {
            tiles: Tiles::new(files.clone()),
            files,
            shard,
            key,
            db,
            storage: None,
            vault: OnceLock::new(),
            verified: Mutex::new(None),
            fingerprints: Fingerprints::default(),
        })
    }

    /// Opens private parts with this key; a wrong one is told at once.
    pub fn with_storage(mut self, storage: Option<StorageKey>) -> Result<Self, LedgerError> {
        self.storage = storage;
        self.vault()?;
        Ok(self)
    }

    /// What opens private parts; `None` without the storage key, or while nothing was encrypted yet.
    pub fn vault(&self) -> Result<Option<Arc<Vault>>, LedgerError> {
        if let Some(vault) = self.vault.get() {
            return Ok(Some(Arc::clone(vault)));
        }
        let Some(storage) = &self.storage else {
            return Ok(None);
        };
        let Some(wrapped) = self.db().vault_key()? else {
            return Ok(None);
        };
        let vault = Arc::new(Vault::open(storage.clone(), &wrapped)?);
        Ok(Some(Arc::clone(self.vault.get_or_init(|| vault))))
    }

    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    pub fn get(&self, index: u64) -> Result<Option<LogEntry>, LedgerError> {
        let row = self.db().entry(index)?;
        row.map(|row| self.entry(row)).transpose()
    }

    pub fn list(&self, start: u64, limit: usize) -> Result<Vec<LogEntry>, LedgerError> {
        let rows = self.db().entries(start, limit)?;
        rows.into_iter().map(|row| self.entry(row)).collect()
    }

    pub fn events(&self, start: u64, limit: usize) -> Result<Vec<EventEntry>, LedgerError> {
        let rows = self.db().events(start, limit, false)?;
        let entries = rows.into_iter().map(|row| self.entry(row));
        entries
            .filter_map(|entry| entry.map(LogEntry::into_event).transpose())
            .collect()
    }

    pub fn watermark_ids(&self, start: u64) -> Result<Vec<(u64, u64)>, LedgerError> {
        self.db().watermark_ids(start)
    }

    pub fn find(&self, key: Key<'_>) -> Result<Vec<Entry>, LedgerError> {
        let indexes = self.db().find(key)?;
        indexes
            .into_iter()
            .map(|index| self.existing(index))
            .collect()
    }

    /// The entries within `max_distance` bits, nearest first.
    pub fn by_fingerprint(
        &self,
        fingerprint: &[u8; 32],
        max_distance: u32,
        limit: usize,
    ) -> Result<Vec<(Entry, u32)>, LedgerError> {
        let load = |start, limit| self.db().fingerprints(start, limit);
        let hits = self.fingerprints.search(fingerprint, max_distance, load)?;
        let mut found = Vec::new();
        for (distance, index) in hits {
            let entry = self.existing(index)?;
            // Erased since the fingerprints were loaded.
            if entry.erased().is_some() {
                self.fingerprints.forget(index);
                continue;
            }
            found.push((entry, distance));
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    /// The manifest of an entry, checked against the hash in its leaf.
    pub fn manifest_bytes(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let entry = self.existing(index)?;
        if entry.manifest_erased.is_some() {
            return Err(LedgerError::Erased(entry.id()));
        }
        let bytes = self.db().manifest(index)?;
        let bytes = bytes.ok_or_else(|| {
            LedgerError::Damaged(format!("the manifest of entry {index} is missing"))
        })?;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) == entry.record.manifest_sha256 {
            Ok(bytes)
        } else {
            Err(LedgerError::Damaged(format!(
                "the manifest of entry {index} is not the one that was entered"
            )))
        }
    }

    /// An entry's row, the checkpoint it is proven against as a note and read, and the proof's hashes.
    fn proven(
        &self,
        index: u64,
    ) -> Result<(EntryRow, Vec<u8>, Checkpoint, Vec<Hash>), LedgerError> {
        let id = self.id(index);
        let unproven = |reason| LedgerError::Unproven { id, reason };
        let row = self.db().entry(index)?;
        let row = row.ok_or_else(|| LedgerError::NoEntry(id.into()))?;
        let (note, checkpoint) = self.checkpoint().map_err(unproven)?;
        let hashes = self.inclusion_proof(index, &row.leaf, &checkpoint);
        let hashes = hashes.map_err(unproven)?;
        Ok((row, note, checkpoint, hashes))
    }

    /// The proof file of an entry.
    pub fn prove(&self, index: u64) -> Result<String, LedgerError> {
        let id = self.id(index);
        let unproven = |reason| LedgerError::Unproven { id, reason };
        let (_, note, _, hashes) = self.proven(index)?;
        let checkpoint = String::from_utf8(note).map_err(|_| unproven(Unproven::Mismatch))?;
        let proof = TlogProof {
            extra: None,
            index: LeafIndex(index),
            hashes,
            checkpoint,
        };
        Ok(proof.to_string())
    }

    /// The COSE receipt of an entry, signed now.
    pub fn receipt(
        &self,
        index: u64,
        signer: &dyn ReceiptSigner,
    ) -> Result<CoseReceipt, LedgerError> {
        let id = self.id(index);
        let (row, _, checkpoint, path) = self.proven(index)?;
        let at = LeafIndex(index);
        CoseReceipt::of_inclusion(&row.leaf, at, path, &checkpoint, signer).map_err(|error| {
            match error {
                ReceiptError::Signer(why) => LedgerError::ReceiptSigner(why),
                _ => LedgerError::Unproven {
                    id,
                    reason: Unproven::Mismatch,
                },
            }
        })
    }

    pub fn stats(&self) -> Result<Stats, LedgerError> {
        let (_, checkpoint) = self.checkpoint().map_err(|reason| {
            LedgerError::Damaged(format!("the published checkpoint: {reason}"))
        })?;
        let time = |index| self.get(index).map(|entry| entry.map(|entry| entry.time()));
        let first_and_last = match checkpoint.size.0 {
            0 => None,
            size => time(0)?.zip(time(size - 1)?),
        };
        let database = self.files.database();
        let length = self.files.length(&database);
        let database_bytes = length.ok_or(LedgerError::NotFound(database))?;
        Ok(Stats {
            origin: checkpoint.origin,
            entries: checkpoint.size.0,
            root: checkpoint.root,
            first_and_last,
            database_bytes,
        })
    }

    /// Time of the last published entry, and whether it seals the shard; `None` in an empty one.
    pub fn last(&self) -> Result<Option<(i64, bool)>, LedgerError> {
        let (_, checkpoint) = self.checkpoint().map_err(|reason| {
            LedgerError::Damaged(format!("the published checkpoint: {reason}"))
        })?;
        let Some(index) = checkpoint.size.0.checked_sub(1) else {
            return Ok(None);
        };
        let row = self.db().entry(index)?;
        let row = row.ok_or_else(|| LedgerError::NoEntry(self.id(index).into()))?;
        self.inclusion(index, &row.leaf)
            .map_err(|reason| LedgerError::Unproven {
                id: self.id(index),
                reason,
            })?;
        let leaf = Leaf::decode(&row.leaf).map_err(|error| {
            LedgerError::Damaged(format!("entry {index} in the database: {error}"))
        })?;
        let seals = matches!(&leaf, Leaf::Event(event) if event.what == EventKind::ShardSealed);
        Ok(Some((leaf.time(), seals)))
    }

    /// The published checkpoint, its signature checked.
    pub fn published(&self) -> Result<Checkpoint, LedgerError> {
        let checkpoint = self.checkpoint().map(|(_, checkpoint)| checkpoint);
        checkpoint.map_err(|reason| LedgerError::Damaged(reason.to_string()))
    }

    /// The published checkpoint with its bytes, its signature checked.
    pub fn checkpoint(&self) -> Result<(Vec<u8>, Checkpoint), Unproven> {
        let unproven = |what: String| Unproven::Checkpoint(what);
        let note = self
            .files
            .read_checkpoint()
            .map_err(|error| unproven(error.to_string()))?;
        let note = note.ok_or_else(|| unproven("the file is missing".to_owned()))?;
        let mut verified = lock(&self.verified);
        if let Some((known, checkpoint)) = &*verified
            && *known == note
        {
            return Ok((note, checkpoint.clone()));
        }
        let checkpoint =
            Checkpoint::open(&note, &self.key).map_err(|error| unproven(error.to_string()))?;
        *verified = Some((note.clone(), checkpoint.clone()));
        Ok((note, checkpoint))
    }

    /// Which shard this is.
    pub(crate) fn shard(&self) -> ShardName {
        self.shard
    }

    pub(crate) fn db(&self) -> MutexGuard<'_, Db> {
        lock(&self.db)
    }

    fn id(&self, index: u64) -> RecordId {
        RecordId {
            shard: self.shard,
            index: LeafIndex(index),
        }
    }

    fn existing(&self, index: u64) -> Result<Entry, LedgerError> {
        let id = self.id(index);
        let entry = self.get(index)?;
        let entry = entry.ok_or_else(|| LedgerError::NoEntry(id.into()))?;
        entry.into_record().ok_or(LedgerError::NoRecord(id))
    }

    /// Records of a requester whose private part is still there.
    pub fn of_subject(&self, name: &str) -> Result<Vec<u64>, LedgerError> {
        match self.vault()? {
            Some(vault) => self.db().subject_records(vault.tag(name)),
            None if self.storage.is_some() => Ok(Vec::new()),
            None => Err(LedgerError::NoStorageKey),
        }
    }

    fn inclusion(&self, index: u64, leaf: &[u8]) -> Result<Inclusion, Unproven> {
        let (_, checkpoint) = self.checkpoint()?;
        self.inclusion_proof(index, leaf, &checkpoint)?;
        Ok(Inclusion {
            tree_size: checkpoint.size,
            root: checkpoint.root,
        })
    }

    /// The hashes that lead from a leaf to the root of a checkpoint.
    fn inclusion_proof(
        &self,
        index: u64,
        leaf: &[u8],
        checkpoint: &Checkpoint,
    ) -> Result<Vec<Hash>, Unproven> {
        self.tiles
            .prove(LeafIndex(index), leaf_hash(leaf), checkpoint)
    }

    /// Hashes of the 256 neighbouring leaves among which the one at `index` is, proven together.
    pub(crate) fn proven_neighbours(
        &self,
        index: u64,
        checkpoint: &Checkpoint,
    ) -> Result<Arc<TileNodes>, Unproven> {
        self.tiles.prove_tile(LeafIndex(index), checkpoint)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half-changed by a panic elsewhere: every guarded value is replaced in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
