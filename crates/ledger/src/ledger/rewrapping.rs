//! Replacing the storage key over all shards.
//!
//! While it goes on, the present and the former keys open the ledger together. Each shard's index key is wrapped anew
//! first: who does not know the present key writes no more from then on. Then subjects' keys and data keys follow, a
//! thousand under each turn of the lock, so that others write in between. What stops anywhere is taken up again by doing
//! it again: a key that is wrapped with the present one is left as it is.

use crate::db::{Db, Place};
use crate::error::LedgerError;
use crate::ledger::Ledger;

/// What came of replacing the storage key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Shards that were gone through.
    pub shards: u64,
    /// Keys wrapped anew by this call.
    pub keys: u64,
    /// Whether no file holds anything of the former form any more; else another process was reading.
    pub is_clean: bool,
}

impl Ledger {
    /// Wraps every key with the present storage key that a former one still wraps. Afterwards the former ones open
    /// nothing here, and can be destroyed.
    ///
    /// # Errors
    /// [`LedgerError::NoStorageKey`]; [`LedgerError::WrongStorageKey`] for a key that none of the storage keys opens: the
    /// former ones are needed still. [`LedgerError::Busy`] and others.
    pub fn rewrap(&self) -> Result<Rewrapped, LedgerError> {
        let timeout = self.writing()?.options.lock_timeout;
        let storage = self.storage.as_ref().ok_or(LedgerError::NoStorageKey)?;
        let mut done = Rewrapped {
            is_clean: true,
            ..Rewrapped::default()
        };
        let opened = self.current()?;
        for part in &opened.parts {
            if part.shard()?.is_none() {
                continue;
            }
            let files = self.folder.shard(part.listed.name);
            done.shards += 1;
            let db = {
                let _lock = files.lock(timeout)?;
                Db::open_writer(&files)?
            };
            let vault = {
                let _lock = files.lock(timeout)?;
                db.rewrap_index(storage)?
            };
            if let Some(vault) = vault {
                let mut place = Place::START;
                while place != Place::Done {
                    let _lock = files.lock(timeout)?;
                    let (next, keys) = db.rewrap(&vault, place)?;
                    place = next;
                    done.keys += keys;
                }
            }
            let _lock = files.lock(timeout)?;
            done.is_clean &= db.scrub()?;
            db.close()?;
        }
        Ok(done)
    }
}
