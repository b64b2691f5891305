//! Wrapping keys anew when the storage key is replaced.

use colophon_tlog::leaf_hash;
use rusqlite::params;

use super::{Db, signed, unsigned};
use crate::error::LedgerError;
use crate::vault::{StorageKey, SubjectTag, Vault};

/// Keys wrapped in one transaction.
const BATCH: usize = 1_000;

/// Where the wrapping of one database goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the subject with this row number, or one behind it.
    Subjects(i64),
    /// At the private part with this index, or one behind it.
    Parts(u64),
    /// All is done.
    Done,
}

impl Place {
    pub const START: Self = Self::Subjects(0);
}

/// A row number and what its key is wrapped as.
type Wrapped<K> = (K, Vec<u8>);

impl Db {
    /// Wraps the index key with the present storage key, first of all: from then on nobody writes who does not know that
    /// key. `None` in a database without private parts. Only under the ledger's lock.
    pub fn rewrap_index(&self, storage: &StorageKey) -> Result<Option<Vault>, LedgerError> {
        let Some(wrapped) = self.vault_key()? else {
            return Ok(None);
        };
        let vault = Vault::open(storage.clone(), &wrapped)?;
        let Some(anew) = vault.rewrap_index()? else {
            return Ok(Some(vault));
        };
        self.run(|c| {
            c.execute("UPDATE vault SET key = ?1 WHERE id = 0", [&anew])
                .map(drop)
        })?;
        Vault::open(storage.clone(), &anew).map(Some)
    }

    /// Wraps the next keys from a place on, in one transaction; tells where to go on and how many were wrapped. Only under
    /// the ledger's lock.
    ///
    /// # Errors
    /// [`LedgerError::WrongStorageKey`] for a key that none of the storage keys opens.
    pub fn rewrap(&self, vault: &Vault, from: Place) -> Result<(Place, u64), LedgerError> {
        match from {
            Place::Subjects(first) => self.rewrap_subjects(vault, first),
            Place::Parts(first) => self.rewrap_parts(vault, first),
            Place::Done => Ok((Place::Done, 0)),
        }
    }

    fn rewrap_subjects(&self, vault: &Vault, first: i64) -> Result<(Place, u64), LedgerError> {
        let rows: Vec<(i64, SubjectTag, Vec<u8>)> = self.run(|c| {
            c.prepare_cached(
                "SELECT id, tag, key FROM subject WHERE id >= ?1 ORDER BY id LIMIT ?2",
            )?
            .query_map(params![first, BATCH as i64], |row| {
                Ok((row.get(0)?, SubjectTag(row.get(1)?), row.get(2)?))
            })?
            .collect()
        })?;
        let mut anew: Vec<Wrapped<i64>> = Vec::new();
        for (id, tag, wrapped) in &rows {
            let wrapped = vault.rewrap_subject(*tag, wrapped)?;
            anew.extend(wrapped.map(|wrapped| (*id, wrapped)));
        }
        self.put("UPDATE subject SET key = ?2 WHERE id = ?1", &anew)?;
        let next = match rows.last() {
            Some((last, ..)) => Place::Subjects(last + 1),
            None => Place::Parts(0),
        };
        Ok((next, anew.len() as u64))
    }

    fn rewrap_parts(&self, vault: &Vault, first: u64) -> Result<(Place, u64), LedgerError> {
        let rows: Vec<(u64, Vec<u8>, Vec<u8>)> = self.run(|c| {
            c.prepare_cached(
                "SELECT private.idx, leaf, key FROM private JOIN entry ON entry.idx = private.idx \
                 WHERE private.idx >= ?1 AND subject IS NULL ORDER BY private.idx LIMIT ?2",
            )?
            .query_map(params![signed(first), BATCH as i64], |row| {
                Ok((unsigned(row, 0)?, row.get(1)?, row.get(2)?))
            })?
            .collect()
        })?;
        let mut anew: Vec<Wrapped<i64>> = Vec::new();
        for (index, leaf, wrapped) in &rows {
            let wrapped = vault.rewrap_data_key(leaf_hash(leaf), wrapped)?;
            anew.extend(wrapped.map(|wrapped| (signed(*index), wrapped)));
        }
        self.put("UPDATE private SET key = ?2 WHERE idx = ?1", &anew)?;
        let next = match rows.last() {
            Some((last, ..)) => Place::Parts(last + 1),
            None => Place::Done,
        };
        Ok((next, anew.len() as u64))
    }

    fn put(&self, statement: &str, keys: &[Wrapped<i64>]) -> Result<(), LedgerError> {
        self.run(|c| {
            let transaction = c.unchecked_transaction()?;
            for (row, wrapped) in keys {
                transaction
                    .prepare_cached(statement)?
                    .execute(params![row, wrapped])?;
            }
            transaction.commit()
        })
    }
}
