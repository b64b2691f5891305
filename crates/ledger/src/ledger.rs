//! The ledger as callers see it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use colophon_tlog::{Checkpoint, NoteSigner, TlogProof, VerifierKey};

use crate::db::Key;
use crate::error::LedgerError;
use crate::files::Files;
use crate::reader::{Entry, Reader, Stats};
use crate::record::{NewRecord, Prepared};
use crate::sequencer::Sequencer;
use crate::writer::{Receipt, Writer};

/// How a ledger is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerOptions {
    /// How long to wait for another process that is writing. Default 10 s.
    pub lock_timeout: Duration,
    /// Most records in one commit, 1 or more. Default 1,024.
    pub max_group: usize,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(10),
            max_group: 1_024,
        }
    }
}

/// An open ledger; usable from many threads at once.
///
/// The database's lock is held only while a group is committed, so several processes can write to one ledger.
pub struct Ledger {
    reader: Reader,
    writer: Option<Writer>,
    max_group: usize,
}

impl Ledger {
    /// Opens the ledger in `dir` for reading and writing, creating it when there is none, and finishes what a crash
    /// interrupted. `origin` names the log and must be the name of the signer's key.
    ///
    /// # Errors
    /// [`LedgerError`]; a ledger whose parts contradict each other is refused as [`LedgerError::Damaged`].
    pub fn open(
        dir: &Path,
        origin: &str,
        signer: Box<dyn NoteSigner + Send>,
    ) -> Result<Self, LedgerError> {
        Self::open_with(dir, origin, signer, &LedgerOptions::default())
    }

    /// [`Ledger::open`] with options.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_with(
        dir: &Path,
        origin: &str,
        signer: Box<dyn NoteSigner + Send>,
        options: &LedgerOptions,
    ) -> Result<Self, LedgerError> {
        if signer.name() != origin {
            return Err(LedgerError::Origin {
                origin: origin.to_owned(),
                key: signer.name().to_owned(),
            });
        }
        let files = Files::new(dir);
        let key = signer.verifier_key().clone();
        let sequencer = Sequencer::open(files.clone(), signer, options.lock_timeout)?;
        let reader = Reader::open(files, key)?;
        let writer = Some(Writer::start(sequencer, options)?);
        Ok(Self {
            reader,
            writer,
            max_group: options.max_group.max(1),
        })
    }

    /// Opens an existing ledger for look-ups. Changes none of its files.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`], [`LedgerError::NeedsRecovery`], [`LedgerError::Damaged`] and others.
    pub fn open_read_only(dir: &Path, key: VerifierKey) -> Result<Self, LedgerError> {
        Ok(Self {
            reader: Reader::open(Files::new(dir), key)?,
            writer: None,
            max_group: 1,
        })
    }

    /// Enters a record; returns when it is durable, under a signed checkpoint and visible to look-ups.
    /// Calls from many threads share their commits.
    ///
    /// # Errors
    /// [`LedgerError::InvalidRecord`] before anything is written; after any other error but [`LedgerError::Busy`]
    /// the writer stops, and whether the record was entered shows when the ledger is opened again.
    pub fn append(&self, record: NewRecord) -> Result<Receipt, LedgerError> {
        let receipts = self.append_many(vec![record])?;
        receipts.into_iter().next().ok_or(LedgerError::ReadOnly)
    }

    /// Enters records in order, in groups. All are checked before the first is written; after an error the first
    /// groups may have been entered.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append_many(&self, records: Vec<NewRecord>) -> Result<Vec<Receipt>, LedgerError> {
        let writer = self.writer.as_ref().ok_or(LedgerError::ReadOnly)?;
        let mut prepared: Vec<Prepared> = records
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<_, _>>()?;
        let mut receipts = Vec::with_capacity(prepared.len());
        while !prepared.is_empty() {
            let rest = prepared.split_off(prepared.len().min(self.max_group));
            receipts.extend(writer.append(std::mem::replace(&mut prepared, rest))?);
        }
        Ok(receipts)
    }

    /// The entries whose picture carries this watermark id; one, unless ids were reused.
    ///
    /// # Errors
    /// [`LedgerError`] when the database cannot be read; a doubtful entry is returned with its reason instead.
    pub fn by_watermark_id(&self, id: u64) -> Result<Vec<Entry>, LedgerError> {
        self.reader.find(Key::WatermarkId(id))
    }

    /// Index and watermark id of the entries from index `start` on whose picture carries a mark, in
    /// order: for a search among all issued ids. Nothing is proven of them; ask for the entry.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn watermark_ids(&self, start: u64) -> Result<Vec<(u64, u64)>, LedgerError> {
        self.reader.watermark_ids(start)
    }

    /// The entries of the file with this SHA-256.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn by_asset_sha256(&self, hash: &[u8; 32]) -> Result<Vec<Entry>, LedgerError> {
        self.reader.find(Key::Asset(hash))
    }

    /// The entries with this manifest identifier.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn by_manifest_id(&self, id: &str) -> Result<Vec<Entry>, LedgerError> {
        self.reader.find(Key::ManifestId(id))
    }

    /// The entries whose fingerprint differs in at most `max_distance` of its 256 bits, with the distance; nearest
    /// first, at most 64. The search is exact.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn by_fingerprint(
        &self,
        fingerprint: &[u8; 32],
        max_distance: u32,
    ) -> Result<Vec<(Entry, u32)>, LedgerError> {
        self.reader.by_fingerprint(fingerprint, max_distance, 64)
    }

    /// One entry, `None` beyond the end.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn get(&self, index: u64) -> Result<Option<Entry>, LedgerError> {
        self.reader.get(index)
    }

    /// At most `limit` entries from `start` on, in order.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn list(&self, start: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        self.reader.list(start, limit)
    }

    /// The manifest of an entry, byte for byte as entered; its hash is checked against the leaf.
    ///
    /// # Errors
    /// [`LedgerError::NoEntry`], or [`LedgerError::Damaged`] when the stored bytes are others.
    pub fn manifest_bytes(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        self.reader.manifest_bytes(index)
    }

    /// The `.tlog-proof` file (`c2sp.org/tlog-proof@v1`) of an entry, to be checked offline with [`check_proof`].
    ///
    /// # Errors
    /// [`LedgerError::NoEntry`], [`LedgerError::Unproven`].
    pub fn prove(&self, index: u64) -> Result<String, LedgerError> {
        self.reader.prove(index)
    }

    /// The published checkpoint, its signature checked.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] when it is missing or cannot be believed.
    pub fn checkpoint(&self) -> Result<Checkpoint, LedgerError> {
        let checkpoint = self.reader.checkpoint();
        checkpoint
            .map(|(_, checkpoint)| checkpoint)
            .map_err(|reason| LedgerError::Damaged(reason.to_string()))
    }

    /// What the ledger holds.
    ///
    /// # Errors
    /// [`LedgerError`] when checkpoint or database cannot be read.
    pub fn stats(&self) -> Result<Stats, LedgerError> {
        self.reader.stats()
    }

    /// The key that look-ups are checked with.
    pub fn verifier_key(&self) -> &VerifierKey {
        self.reader.key()
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("key", self.verifier_key())
            .field("read_only", &self.writer.is_none())
            .finish_non_exhaustive()
    }
}

/// Checks, without a ledger, that a proof file proves the leaf; returns the checkpoint it rests on.
///
/// # Errors
/// [`LedgerError::Proof`] naming what is wrong.
pub fn check_proof(proof: &str, leaf: &[u8], key: &VerifierKey) -> Result<Checkpoint, LedgerError> {
    Ok(TlogProof::parse(proof)?.verify(leaf, key)?)
}
