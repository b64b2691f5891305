//! The ledger as callers see it: all shards of one folder.

mod erasing;
mod look_up;
mod rewrapping;
mod writing;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use colophon_tlog::{Checkpoint, NoteSigner, ShardState, TlogProof, VerifierKey};

use crate::db::Db;
use crate::error::LedgerError;
use crate::files::Files;
use crate::reader::Stats;
use crate::shard::Shard;
use crate::shards::{Folder, Opened, Part, ShardName, SharedSigner, list};
use crate::vault::StorageKey;
use crate::witnesses::Witnessing;

pub use rewrapping::Rewrapped;

/// How a ledger is written.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// How long to wait for another process that is writing. Default 10 s.
    pub lock_timeout: Duration,
    /// Most records in one commit, 1 or more. Default 1,024.
    pub max_group: usize,
    /// Whose cosignatures a checkpoint needs before it is published. Default: nobody's.
    pub witnessing: Option<Witnessing>,
    /// Keys that signed the list of shards before the present one. Default: none.
    pub former_keys: Vec<VerifierKey>,
    /// Encrypts private parts. Without it events can be entered, records of pictures cannot. Default: none.
    pub storage_key: Option<StorageKey>,
}

/// How a ledger is read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Keys that signed the list of shards before the present one: one may have, between sealing the last shard of a
    /// key and the first record under the next one.
    pub former_keys: Vec<VerifierKey>,
    /// Opens private parts, which are [`Private::Locked`](crate::Private::Locked) without it.
    pub storage_key: Option<StorageKey>,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(10),
            max_group: 1_024,
            witnessing: None,
            former_keys: Vec::new(),
            storage_key: None,
        }
    }
}

/// An open ledger; usable from many threads at once, and by several processes.
///
/// Records go into the newest shard. Look-ups go over all shards, the newest first, and each answer carries its
/// shard. A shard that cannot be read does not keep the others from answering: its error is returned only when
/// nothing was found elsewhere.
pub struct Ledger {
    folder: Folder,
    storage: Option<StorageKey>,
    writing: Option<Writing>,
}

/// What writing needs.
struct Writing {
    signer: SharedSigner,
    options: LedgerOptions,
}

/// One shard of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Its name.
    pub name: ShardName,
    /// Key of its checkpoints.
    pub key: VerifierKey,
    /// What the signed list says of it.
    pub state: ShardState,
    /// Its published checkpoint, or why there is none.
    pub checkpoint: Result<Checkpoint, LedgerError>,
}

impl Ledger {
    /// Opens the ledger in `dir` for reading and writing, creating it when there is none, and finishes what a crash
    /// interrupted. `origin` names the log and must be the name of the signer's key; each shard's origin is that name,
    /// a slash and the shard's.
    ///
    /// # Errors
    /// [`LedgerError`]; a ledger whose parts contradict each other is refused as [`LedgerError::Damaged`].
    pub fn open(
        dir: &Path,
        origin: &str,
        signer: Box<dyn NoteSigner + Send>,
    ) -> Result<Self, LedgerError> {
        Self::open_with(dir, origin, signer, LedgerOptions::default())
    }

    /// [`Ledger::open`] with options.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_with(
        dir: &Path,
        origin: &str,
        signer: Box<dyn NoteSigner + Send>,
        options: LedgerOptions,
    ) -> Result<Self, LedgerError> {
        Self::open_files(Files::new(dir), origin, signer, options)
    }

    /// [`Ledger::open_with`] on any file system.
    pub(crate) fn open_files(
        files: Files,
        origin: &str,
        signer: Box<dyn NoteSigner + Send>,
        options: LedgerOptions,
    ) -> Result<Self, LedgerError> {
        if signer.name() != origin {
            return Err(LedgerError::Origin {
                origin: origin.to_owned(),
                key: signer.name().to_owned(),
            });
        }
        let ledger = Self {
            folder: Folder::new(files, signer.verifier_key().clone(), &options.former_keys),
            storage: options.storage_key.clone(),
            writing: Some(Writing {
                signer: SharedSigner::new(signer),
                options,
            }),
        };
        ledger.make()?;
        ledger.bring_up_to_date();
        // Nothing is written behind a shard that cannot be opened.
        if let Some(newest) = ledger.current()?.newest() {
            newest.shard()?;
        }
        Ok(ledger)
    }

    /// Opens an existing ledger for look-ups. Changes none of its files.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`], [`LedgerError::NeedsRecovery`], [`LedgerError::Damaged`] and others.
    pub fn open_read_only(dir: &Path, key: VerifierKey) -> Result<Self, LedgerError> {
        Self::open_read_only_with(dir, key, ReadOptions::default())
    }

    /// [`Ledger::open_read_only`] with former keys and the storage key.
    ///
    /// # Errors
    /// As [`Ledger::open_read_only`], and [`LedgerError::WrongStorageKey`].
    pub fn open_read_only_with(
        dir: &Path,
        key: VerifierKey,
        options: ReadOptions,
    ) -> Result<Self, LedgerError> {
        let ledger = Self {
            folder: Folder::new(Files::new(dir), key, &options.former_keys),
            storage: options.storage_key,
            writing: None,
        };
        ledger.folder.refuse_older_layout()?;
        let opened = ledger.current()?;
        // One bad shard is told when it is asked; if there is no other, there is nothing to ask.
        if let [only] = &opened.parts[..] {
            only.shard()?;
        }
        Ok(ledger)
    }

    /// The published checkpoint of the newest shard, its signature checked.
    ///
    /// # Errors
    /// [`LedgerError::Empty`] before the first record, [`LedgerError::Damaged`] when it is missing or cannot be
    /// believed.
    pub fn checkpoint(&self) -> Result<Checkpoint, LedgerError> {
        let newest = self.shards()?.pop().ok_or(LedgerError::Empty)?;
        newest.checkpoint
    }

    /// The shards, the oldest first.
    ///
    /// # Errors
    /// When the list of shards cannot be read or believed.
    pub fn shards(&self) -> Result<Vec<ShardInfo>, LedgerError> {
        let opened = self.current()?;
        let info = |part: &Part| ShardInfo {
            name: part.listed.name,
            key: part.listed.key.clone(),
            state: part.listed.state,
            checkpoint: part
                .shard()
                .and_then(|shard| shard.ok_or(LedgerError::Empty))
                .and_then(|shard| shard.reader.published()),
        };
        Ok(opened.parts.iter().map(info).collect())
    }

    /// What the ledger holds, all shards together.
    ///
    /// # Errors
    /// [`LedgerError`] when a checkpoint or database cannot be read.
    pub fn stats(&self) -> Result<Stats, LedgerError> {
        let mut total = Stats::empty(self.verifier_key().name());
        for part in &self.current()?.parts {
            if let Some(shard) = part.shard()? {
                total.add(&shard.reader.stats()?);
            }
        }
        Ok(total)
    }

    /// The log's key, which signs the list of shards. Each shard's key is another name of it, or of a former key.
    pub fn verifier_key(&self) -> &VerifierKey {
        self.folder.key()
    }

    /// The shards that hold something, the oldest first.
    pub(crate) fn readable(&self) -> Result<Vec<Arc<Shard>>, LedgerError> {
        let opened = self.current()?;
        let parts = opened.parts.iter();
        parts
            .filter_map(|part| match part.shard() {
                Ok(None) => None,
                Ok(Some(_)) | Err(_) => Some(part.shard.clone()),
            })
            .collect()
    }

    /// The folder, with the list and all shards as they are now.
    fn current(&self) -> Result<Arc<Opened>, LedgerError> {
        self.folder.current(|listed, before, is_newest| {
            let files = self.folder.shard(listed.name);
            match &self.writing {
                Some(writing) if is_newest && writing.writes(listed) => {
                    writing.open(listed, before, files)
                }
                _ => {
                    let (key, storage) = (listed.key.clone(), self.storage.clone());
                    Shard::open_read_only(files, listed.name, key, storage)
                }
            }
        })
    }

    /// Makes folder and list where there are none.
    fn make(&self) -> Result<(), LedgerError> {
        let Some(writing) = &self.writing else {
            return Err(LedgerError::ReadOnly);
        };
        self.folder.refuse_older_layout()?;
        let files = self.folder.files();
        files.create()?;
        if !files.is_writable() {
            return Err(LedgerError::NotWritable(files.dir().to_owned()));
        }
        let _lock = self.folder.lock(writing.options.lock_timeout)?;
        if self.folder.read_list()?.is_none() {
            let note = list::sign(&[], &writing.signer)?;
            self.folder.write_list(&note)?;
        }
        Ok(())
    }
}

impl Ledger {
    /// Brings sealed shards of an earlier form to the present one; the newest is by its opening for writing. One that
    /// cannot be is read as it is, and tells why when it is asked.
    fn bring_up_to_date(&self) {
        let Some(writing) = &self.writing else { return };
        let Ok(Some((listed, _))) = self.folder.read_list() else {
            return;
        };
        for part in listed.iter().filter(|it| it.state != ShardState::Open) {
            let files = self.folder.shard(part.name);
            let is_older = Db::open_reader(&files).is_ok_and(|db| !db.is_indexed());
            if is_older && let Ok(_lock) = files.lock(writing.options.lock_timeout) {
                let _ = Db::open_writer(&files).and_then(Db::close);
            }
        }
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("key", self.verifier_key())
            .field("read_only", &self.writing.is_none())
            .finish_non_exhaustive()
    }
}

/// Checks, without a ledger, that a proof file proves the leaf; returns the checkpoint it rests on. `key` is the
/// shard's, or the log's, whose Ed25519 key under the shard's name is then meant.
///
/// # Errors
/// [`LedgerError::Proof`] naming what is wrong.
pub fn check_proof(proof: &str, leaf: &[u8], key: &VerifierKey) -> Result<Checkpoint, LedgerError> {
    let proof = TlogProof::parse(proof)?;
    let origin = proof.checkpoint.lines().next().unwrap_or_default();
    let key = match ShardName::of_origin(key.name(), origin) {
        Some(shard) => crate::shards::shard_key(key, shard)?,
        None => key.clone(),
    };
    Ok(proof.verify(leaf, &key)?)
}
