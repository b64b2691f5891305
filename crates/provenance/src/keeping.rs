//! What a home's ledger is opened for besides issuing and verifying: reading private parts, examining, mending,
//! copying, erasing.

use colophon_keys::{KeyStore, Passphrase};
use std::path::Path;

use colophon_ledger::{
    Backup, Erasure, ErasureOutcome, FsckOptions, FsckReport, Ledger, RepairReport, RestoreOptions,
    ShardName, VerifierKey, backup, backup_to_file, fsck_with, repair, restore,
};

use crate::{Home, ProvenanceError};

impl Home {
    /// The ledger for reading, private parts as well if the passphrase opens the storage key.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`], [`ProvenanceError::Ledger`].
    pub fn open_ledger_unlocked(
        &self,
        passphrase: Option<Passphrase>,
    ) -> Result<Ledger, ProvenanceError> {
        self.read_ledger(&KeyStore::open(&self.keys(), passphrase)?)
    }

    /// Derives the whole ledger anew. Without the storage key private parts are counted, not looked into.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`], and [`ProvenanceError::Ledger`] when it cannot be examined at all.
    pub fn examine_ledger(
        &self,
        passphrase: Option<Passphrase>,
    ) -> Result<FsckReport, ProvenanceError> {
        let (key, options) = self.measures(passphrase)?;
        Ok(fsck_with(&self.ledger(), &key, &options)?)
    }

    /// Rebuilds what can be derived in the ledger. What is signed, and what exists once, is left alone.
    ///
    /// # Errors
    /// As [`Home::examine_ledger`], and when something cannot be written.
    pub fn repair_ledger(
        &self,
        passphrase: Option<Passphrase>,
    ) -> Result<RepairReport, ProvenanceError> {
        let (key, options) = self.measures(passphrase)?;
        Ok(repair(&self.ledger(), &key, &options)?)
    }

    /// Copies the ledger to a folder that is empty or does not exist, or into one file with a name in `.tar` that does
    /// not exist, and proves the copy.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`], [`ProvenanceError::Ledger`].
    pub fn back_ledger_up(&self, place: &Path) -> Result<Backup, ProvenanceError> {
        let (key, options) = self.measures(None)?;
        let is_file = place.extension().is_some_and(|end| end == "tar");
        let copy = if is_file { backup_to_file } else { backup };
        Ok(copy(&self.ledger(), &key, &options.former_keys, place)?)
    }

    /// Puts a copy back as this home's ledger, where there is none. `seen` holds signed checkpoints and lists of shards
    /// that the copy must reach.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`], [`ProvenanceError::Ledger`].
    pub fn restore_ledger(
        &self,
        copy: &Path,
        seen: Vec<Vec<u8>>,
    ) -> Result<Backup, ProvenanceError> {
        let (key, options) = self.measures(None)?;
        let options = RestoreOptions {
            former_keys: options.former_keys,
            seen,
            witnessing: self.witnessing()?,
        };
        Ok(restore(copy, &key, &self.ledger(), &options)?)
    }

    /// Seals the newest shard, so that the next record opens another one; tells which. `None` in an empty ledger.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] without the ledger's and the storage key; [`ProvenanceError::Ledger`].
    pub fn seal_ledger(
        &self,
        passphrase: Option<Passphrase>,
        now: i64,
    ) -> Result<Option<ShardName>, ProvenanceError> {
        let keys = KeyStore::open(&self.keys(), passphrase)?;
        Ok(self.open_ledger(&keys)?.seal(now)?)
    }

    /// Publishes what is stored and waits for witnesses.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] without the ledger's and the storage key; [`ProvenanceError::Ledger`].
    pub fn publish_ledger(&self, passphrase: Option<Passphrase>) -> Result<(), ProvenanceError> {
        let keys = KeyStore::open(&self.keys(), passphrase)?;
        Ok(self.open_ledger(&keys)?.publish()?)
    }

    /// What the ledger is measured by.
    fn measures(
        &self,
        passphrase: Option<Passphrase>,
    ) -> Result<(VerifierKey, FsckOptions), ProvenanceError> {
        let keys = KeyStore::open(&self.keys(), passphrase)?;
        let key = crate::signing::verifier_key(&keys.ledger_verifier_key()?)?;
        let options = FsckOptions {
            former_keys: crate::home::former_keys(&keys)?,
            storage_key: crate::home::storage_key(&keys).ok(),
            policy: self.witness_policy()?,
        };
        Ok((key, options))
    }

    /// Erases parts of ledger records, which the log then tells.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] without the ledger's and the storage key; [`ProvenanceError::Ledger`].
    pub fn erase(
        &self,
        passphrase: Option<Passphrase>,
        erasure: &Erasure,
    ) -> Result<ErasureOutcome, ProvenanceError> {
        let keys = KeyStore::open(&self.keys(), passphrase)?;
        Ok(self.open_ledger(&keys)?.erase(erasure)?)
    }
}
