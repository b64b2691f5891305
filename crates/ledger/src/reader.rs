//! Look-ups: every entry read is checked against the signed checkpoint.

use std::sync::{Mutex, MutexGuard, PoisonError};

use colophon_tlog::{
    Checkpoint, Hash, LeafIndex, TileError, TileReader, TlogProof, TreeError, TreeSize,
    VerifierKey, leaf_hash, prove_inclusion, verify_inclusion,
};
use sha2::{Digest, Sha256};

use crate::db::{Db, EntryRow, Key};
use crate::error::{LedgerError, Unproven};
use crate::files::Files;
use crate::record::{PrivatePart, PublicRecord};

/// An entry read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub index: LeafIndex,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The leaf, parsed.
    pub record: PublicRecord,
    /// The private part; `None` when it is not there. To be believed only when `inclusion` is `Ok`.
    pub private: Option<PrivatePart>,
    /// The leaf is in the signed tree and every database column matches it, or the reason why that is not so.
    pub inclusion: Result<Inclusion, Unproven>,
}

/// The signed tree that an entry was proven against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Its size.
    pub tree_size: TreeSize,
    /// Its root.
    pub root: Hash,
}

/// What a ledger holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Name of the log.
    pub origin: String,
    /// Entries under the published checkpoint.
    pub entries: u64,
    /// Root of the published checkpoint.
    pub root: Hash,
    /// Unix seconds of the first and the last entry.
    pub first_and_last: Option<(i64, i64)>,
    /// Bytes of the database file.
    pub database_bytes: u64,
}

/// Reads one ledger, from many threads.
#[derive(Debug)]
pub(crate) struct Reader {
    files: Files,
    key: VerifierKey,
    db: Mutex<Db>,
    /// The checkpoint last read and found good, with its bytes.
    verified: Mutex<Option<(Vec<u8>, Checkpoint)>>,
    fingerprints: Mutex<Fingerprints>,
}

/// All fingerprints with their entries.
#[derive(Debug, Default)]
struct Fingerprints {
    loaded: Vec<(u64, [u8; 32])>,
    /// Index from which on more are to be loaded.
    next: u64,
}

/// Why a tile gave no hashes, in the words of [`Unproven`].
struct TileFault(Unproven);

impl From<TileError> for TileFault {
    fn from(error: TileError) -> Self {
        Self(Unproven::Tile(error.to_string()))
    }
}

impl Reader {
    pub fn open(files: Files, key: VerifierKey) -> Result<Self, LedgerError> {
        let db = Mutex::new(Db::open_reader(&files)?);
        Ok(Self {
            files,
            key,
            db,
            verified: Mutex::new(None),
            fingerprints: Mutex::default(),
        })
    }

    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    pub fn get(&self, index: u64) -> Result<Option<Entry>, LedgerError> {
        let row = self.db().entry(index)?;
        row.map(|row| self.entry(row)).transpose()
    }

    pub fn list(&self, start: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        let rows = self.db().entries(start, limit)?;
        rows.into_iter().map(|row| self.entry(row)).collect()
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
        let mut hits = self.search(fingerprint, max_distance)?;
        hits.sort_unstable();
        hits.truncate(limit);
        hits.into_iter()
            .map(|(distance, index)| Ok((self.existing(index)?, distance)))
            .collect()
    }

    /// Exact search over all fingerprints, which are kept in memory (40 bytes each).
    fn search(
        &self,
        fingerprint: &[u8; 32],
        max_distance: u32,
    ) -> Result<Vec<(u32, u64)>, LedgerError> {
        let mut cache = lock(&self.fingerprints);
        let fresh = self.db().fingerprints(cache.next)?;
        if let Some((last, _)) = fresh.last() {
            cache.next = last + 1;
        }
        cache.loaded.extend(fresh);
        let distances = cache
            .loaded
            .iter()
            .map(|(index, candidate)| (distance(fingerprint, candidate), *index));
        Ok(distances
            .filter(|(distance, _)| *distance <= max_distance)
            .collect())
    }

    /// The manifest of an entry, checked against the hash in its leaf.
    pub fn manifest_bytes(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let entry = self.existing(index)?;
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

    /// The proof file of an entry.
    pub fn prove(&self, index: u64) -> Result<String, LedgerError> {
        let unproven = |reason| LedgerError::Unproven { index, reason };
        let row = self.db().entry(index)?.ok_or(LedgerError::NoEntry(index))?;
        let (note, checkpoint) = self.checkpoint().map_err(unproven)?;
        let hashes = self.inclusion_proof(index, &checkpoint).map_err(unproven)?;
        let checkpoint = String::from_utf8(note).map_err(|_| unproven(Unproven::Mismatch))?;
        let proof = TlogProof {
            extra: None,
            index: LeafIndex(index),
            hashes,
            checkpoint,
        };
        proof
            .verify(&row.leaf, &self.key)
            .map_err(|_| unproven(Unproven::Mismatch))?;
        Ok(proof.to_string())
    }

    pub fn stats(&self) -> Result<Stats, LedgerError> {
        let (_, checkpoint) = self.checkpoint().map_err(|reason| {
            LedgerError::Damaged(format!("the published checkpoint: {reason}"))
        })?;
        let time = |index| {
            self.get(index)
                .map(|entry| entry.map(|entry| entry.record.issued_at))
        };
        let first_and_last = match checkpoint.size.0 {
            0 => None,
            size => time(0)?.zip(time(size - 1)?),
        };
        let database = self.files.database();
        let metadata = database
            .metadata()
            .map_err(|error| LedgerError::io("cannot read", &database, &error))?;
        Ok(Stats {
            origin: checkpoint.origin,
            entries: checkpoint.size.0,
            root: checkpoint.root,
            first_and_last,
            database_bytes: metadata.len(),
        })
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

    fn db(&self) -> MutexGuard<'_, Db> {
        lock(&self.db)
    }

    fn existing(&self, index: u64) -> Result<Entry, LedgerError> {
        self.get(index)?.ok_or(LedgerError::NoEntry(index))
    }

    fn entry(&self, row: EntryRow) -> Result<Entry, LedgerError> {
        let index = row.index;
        let record = PublicRecord::decode(&row.leaf).map_err(|error| {
            LedgerError::Damaged(format!("entry {index} in the database: {error}"))
        })?;
        let private = self.db().private(index)?;
        let opened = private.map(|row| row.open(&record)).transpose();
        let columns =
            if row.asset_sha256 == record.asset_sha256 && row.manifest_id == record.manifest_id {
                Ok(())
            } else {
                Err("its index columns differ from the leaf")
            };
        let inclusion = self.inclusion(index, &row.leaf);
        let (private, inclusion) = match (opened, columns) {
            (Ok(private), Ok(())) => (private, inclusion),
            (Err(what), _) => (None, inclusion.and(Err(Unproven::Row(what)))),
            (Ok(private), Err(what)) => (private, inclusion.and(Err(Unproven::Row(what)))),
        };
        Ok(Entry {
            index: LeafIndex(index),
            leaf: row.leaf,
            record,
            private,
            inclusion,
        })
    }

    fn inclusion(&self, index: u64, leaf: &[u8]) -> Result<Inclusion, Unproven> {
        let (_, checkpoint) = self.checkpoint()?;
        let (size, root) = (checkpoint.size, checkpoint.root);
        let hashes = self.inclusion_proof(index, &checkpoint)?;
        verify_inclusion(&hashes, LeafIndex(index), size, leaf_hash(leaf), root)
            .map_err(|_| Unproven::Mismatch)?;
        Ok(Inclusion {
            tree_size: size,
            root,
        })
    }

    fn inclusion_proof(&self, index: u64, checkpoint: &Checkpoint) -> Result<Vec<Hash>, Unproven> {
        let size = checkpoint.size;
        let mut tiles = TileReader::new(size, |tile| {
            self.files
                .read_tile(tile)
                .map_err(|error| TileFault(Unproven::Tile(error.to_string())))
        });
        prove_inclusion(&mut tiles, LeafIndex(index), size).map_err(|error| match error {
            TreeError::Read(TileFault(reason)) => reason,
            _ => Unproven::NotCovered(size.0),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half-changed by a panic elsewhere: every guarded value is replaced in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn distance(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}
