//! One shard: a whole C2SP log in one folder.

use std::fmt;

use colophon_tlog::{NoteSigner, VerifierKey};

use crate::erase::{ErasureOutcome, Order};
use crate::error::LedgerError;
use crate::files::Files;
use crate::ledger::LedgerOptions;
use crate::reader::Reader;
use crate::record::Prepared;
use crate::sequencer::Sequencer;
use crate::shards::ShardName;
use crate::vault::StorageKey;
use crate::witnesses::Quorum;
use crate::writer::{Receipt, Task, Writer};

/// An open shard; usable from many threads at once.
///
/// The shard's lock is held only while groups are committed, so several processes can write to one shard.
pub(crate) struct Shard {
    pub reader: Reader,
    writer: Option<Writer>,
}

impl Shard {
    /// Opens the shard in `files` for reading and writing, creating it when there is none, and finishes what a crash
    /// interrupted. The signer's name is the shard's origin.
    ///
    /// # Errors
    /// [`LedgerError`]; a shard whose parts contradict each other is refused as [`LedgerError::Damaged`].
    pub fn open(
        files: Files,
        name: ShardName,
        signer: Box<dyn NoteSigner + Send>,
        options: &LedgerOptions,
    ) -> Result<Self, LedgerError> {
        let key = signer.verifier_key().clone();
        let quorum = options.witnessing.as_ref().map(Quorum::new);
        let storage = &options.storage_key;
        let sequencer = Sequencer::open_with(files.clone(), signer, quorum, options.lock_timeout)?
            .with_storage(storage.as_ref(), options.lock_timeout)?
            .named(name);
        let reader = Reader::open(files, name, key)?.with_storage(storage.clone())?;
        let writer = Some(Writer::start(sequencer, options)?);
        Ok(Self { reader, writer })
    }

    /// Opens an existing shard for look-ups. Changes none of its files. Private parts are opened with the storage key.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`], [`LedgerError::NeedsRecovery`], [`LedgerError::Damaged`] and others.
    pub fn open_read_only(
        files: Files,
        name: ShardName,
        key: VerifierKey,
        storage: Option<StorageKey>,
    ) -> Result<Self, LedgerError> {
        Ok(Self {
            reader: Reader::open(files, name, key)?.with_storage(storage)?,
            writer: None,
        })
    }

    /// Enters records in one group, in order. From a sealed shard ([`LedgerError::Sealed`]) they come back.
    pub fn append(
        &self,
        records: Vec<Prepared>,
    ) -> Result<Vec<Receipt>, (LedgerError, Vec<Prepared>)> {
        match &self.writer {
            // Shards are opened for reading once they are sealed.
            None => Err((LedgerError::Sealed, records)),
            Some(writer) => {
                let answer = writer.run(Task::Append(records));
                answer.outcome.map_err(|error| (error, answer.unused))
            }
        }
    }

    /// Does a task that brings no records of callers.
    pub fn run(&self, task: Task) -> Result<(), LedgerError> {
        let writer = self.writer.as_ref().ok_or(LedgerError::ReadOnly)?;
        writer.run(task).outcome.map(drop)
    }

    /// Erases parts of its records and enters the redactions, in one commit. From a sealed shard
    /// ([`LedgerError::Sealed`]) nothing is erased.
    pub fn erase(&self, order: Order) -> Result<ErasureOutcome, LedgerError> {
        let writer = self.writer.as_ref().ok_or(LedgerError::Sealed)?;
        let answer = writer.run(Task::Erase(order));
        answer.outcome?;
        Ok(answer.erasure.unwrap_or_default())
    }

    /// Whether it was opened for writing.
    pub fn is_writable(&self) -> bool {
        self.writer.is_some()
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("key", self.reader.key())
            .field("read_only", &self.writer.is_none())
            .finish_non_exhaustive()
    }
}
