//! What a commit writes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{CommittedCheckpoint, Db, EntryRow, Part, index, signed};
use crate::error::LedgerError;
use crate::facets::TileFacts;
use crate::record::{Erases, Prepared, PreparedPrivate};
use crate::shards::{RecordId, ShardName};
use crate::vault::{DataKey, StorageKey, SubjectTag, Vault};

/// Why a transaction was given up.
enum Stopped {
    Database(rusqlite::Error),
    Ledger(LedgerError),
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<LedgerError> for Stopped {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl Db {
    /// The commit point: inserts the rows of a batch, removes what it erases, and replaces the checkpoint, if it is
    /// still `old`. `vault` is needed for private parts.
    pub fn commit(
        &self,
        batch: &[Prepared],
        vault: Option<&Vault>,
        old: &CommittedCheckpoint,
        new: &CommittedCheckpoint,
    ) -> Result<(), LedgerError> {
        let replaced = self.transact(|transaction| {
            let rows = Rows { transaction, vault };
            rows.insert(batch, old.size)?;
            rows.erase(batch, old.size)?;
            let replaced = transaction
                .prepare_cached("UPDATE checkpoint SET size = ?1, note = ?2 WHERE id = 0 AND size = ?3 AND note = ?4")?
                .execute(params![signed(new.size), new.note, signed(old.size), old.note])?;
            Ok((replaced == 1, replaced))
        })?;
        if replaced == 1 {
            Ok(())
        } else {
            Err(LedgerError::Damaged(
                "the committed checkpoint changed while the ledger was locked".to_owned(),
            ))
        }
    }

    /// Notes and removes what redactions in a newer shard tell. Only under this shard's lock.
    pub fn erase_as_told(&self, told: &[(Erases, RecordId)]) -> Result<(), LedgerError> {
        self.transact(|transaction| {
            let rows = Rows {
                transaction,
                vault: None,
            };
            let mut subjects = BTreeSet::new();
            for (erases, event) in told {
                subjects.extend(rows.erase_record(erases, Some(event.shard), event.index.0)?);
            }
            rows.forget(&subjects)?;
            Ok((true, ()))
        })
    }

    /// The vault that this storage key opens, made when there is none yet. Only under the ledger's lock.
    pub fn open_or_create_vault(&self, storage: &StorageKey) -> Result<Vault, LedgerError> {
        if let Some(wrapped) = self.vault_key()? {
            return Vault::open(storage.clone(), &wrapped);
        }
        let (vault, wrapped) = Vault::create(storage.clone())?;
        self.run(|c| {
            c.execute("INSERT INTO vault (id, key) VALUES (0, ?1)", [&wrapped])
                .map(drop)
        })?;
        Ok(vault)
    }

    /// Puts rows of entries in the place of what is there, past the guard rails, which are up again afterwards. Only
    /// with rows that the log says are right.
    pub fn replace_entries(&self, rows: &[EntryRow]) -> Result<(), LedgerError> {
        self.transact(|transaction| {
            let guards: Vec<(String, String)> = transaction
                .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'entry'")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (name, _) in &guards {
                transaction.execute_batch(&format!("DROP TRIGGER {name}"))?;
            }
            for row in rows {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO entry (idx, asset_sha256, manifest_id, leaf) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![signed(row.index), row.asset_sha256, row.manifest_id, row.leaf])?;
            }
            for (_, sql) in &guards {
                transaction.execute_batch(sql)?;
            }
            Ok((true, ()))
        })
    }

    /// Puts a signed checkpoint in the place of one that was lost.
    pub fn put_checkpoint(&self, size: u64, note: &[u8]) -> Result<(), LedgerError> {
        self.run(|c| {
            c.execute(
                "INSERT OR REPLACE INTO checkpoint (id, size, note) VALUES (0, ?1, ?2)",
                params![signed(size), note],
            )
            .map(drop)
        })
    }

    /// Runs one transaction, which is kept when the work says so.
    fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<(bool, T), Stopped>,
    ) -> Result<T, LedgerError> {
        let connection: &Connection = &self.connection;
        let run = || {
            let transaction =
                Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
            let (keep, value) = work(&transaction)?;
            if keep {
                transaction.commit()?;
            }
            Ok(value)
        };
        run().map_err(|stopped| match stopped {
            Stopped::Database(error) => LedgerError::database(&self.files.database(), &error),
            Stopped::Ledger(error) => error,
        })
    }
}

/// The rows of one commit.
struct Rows<'a> {
    transaction: &'a Transaction<'a>,
    vault: Option<&'a Vault>,
}

/// A subject's row number and key.
type Subject = (i64, DataKey);

impl Rows<'_> {
    fn insert(&self, batch: &[Prepared], first: u64) -> Result<(), Stopped> {
        let mut entry = self.transaction.prepare_cached(
            "INSERT INTO entry (idx, asset_sha256, manifest_id, leaf) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let mut manifest = self
            .transaction
            .prepare_cached("INSERT INTO manifest (idx, bytes) VALUES (?1, ?2)")?;
        let mut subjects = BTreeMap::new();
        for (index, prepared) in (first..).zip(batch) {
            let record = prepared.record.as_ref();
            entry.execute(params![
                signed(index),
                record.map(|record| record.asset_sha256),
                record.map(|record| &record.manifest_id),
                prepared.leaf
            ])?;
            if let Some(record) = record {
                manifest.execute(params![signed(index), record.manifest])?;
            }
            if let Some(private) = &prepared.private {
                self.private(index, prepared, private, &mut subjects)?;
            }
        }
        let stated = batch
            .iter()
            .map(|prepared| Some(Cow::Borrowed(&prepared.stated)));
        index::enter(self.transaction, TileFacts::of(first, stated))?;
        Ok(())
    }

    /// Wraps the data key of a private part and inserts its row.
    fn private(
        &self,
        index: u64,
        prepared: &Prepared,
        private: &PreparedPrivate,
        subjects: &mut BTreeMap<[u8; 32], Subject>,
    ) -> Result<(), Stopped> {
        let vault = self.vault.ok_or(LedgerError::NoStorageKey)?;
        let tag = private.subject.as_ref().map(|name| vault.tag(name));
        if let Some(tag) = tag
            && !subjects.contains_key(&tag.0)
        {
            subjects.insert(tag.0, self.subject(vault, tag)?);
        }
        let subject = tag.and_then(|tag| subjects.get(&tag.0));
        let key = vault.wrap(
            subject.map(|(_, key)| key),
            prepared.leaf_hash,
            &private.key,
        )?;
        self.transaction
            .prepare_cached(
                "INSERT INTO private (idx, watermark_id, watermark_salt, fingerprint, subject, key, body) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                signed(index),
                private.watermark_id.map(signed),
                private.watermark_salt,
                private.fingerprint,
                subject.map(|(id, _)| id),
                key,
                private.body
            ])?;
        Ok(())
    }

    /// The subject with this tag, entered when it is new.
    fn subject(&self, vault: &Vault, tag: SubjectTag) -> Result<Subject, Stopped> {
        let known = self
            .transaction
            .prepare_cached("SELECT id, key FROM subject WHERE tag = ?1")?
            .query_row([tag.0], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()?;
        if let Some((id, wrapped)) = known {
            let key = vault.open_subject(tag, &wrapped).ok_or_else(|| {
                LedgerError::Damaged("the key of a subject does not open".to_owned())
            })?;
            return Ok((id, key));
        }
        let (key, wrapped) = vault.new_subject(tag)?;
        self.transaction
            .prepare_cached("INSERT INTO subject (tag, key) VALUES (?1, ?2)")?
            .execute(params![tag.0, wrapped])?;
        Ok((self.transaction.last_insert_rowid(), key))
    }

    /// Notes and removes what the redactions of the batch tell.
    fn erase(&self, batch: &[Prepared], first: u64) -> Result<(), Stopped> {
        let mut subjects = BTreeSet::new();
        for (event, prepared) in (first..).zip(batch) {
            if let Some(erases) = &prepared.erases {
                subjects.extend(self.erase_record(erases, None, event)?);
            }
        }
        self.forget(&subjects)
    }

    /// Notes the erasure, removes the parts, and returns the subject that the record belonged to.
    fn erase_record(
        &self,
        erases: &Erases,
        shard: Option<ShardName>,
        event: u64,
    ) -> Result<Option<i64>, Stopped> {
        let shard = shard.map(|name| name.to_string());
        let record = signed(erases.record);
        let note = |part: Part| {
            self.transaction
                .prepare_cached("INSERT INTO erased (idx, part, at, reason, shard, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![record, part as i64, erases.at, signed(erases.reason), shard, signed(event)])
        };
        let mut subject = None;
        if erases.parts.private() {
            note(Part::Private)?;
            subject = self
                .transaction
                .prepare_cached("SELECT subject FROM private WHERE idx = ?1")?
                .query_row([record], |row| row.get(0))
                .optional()?
                .flatten();
            self.transaction
                .prepare_cached("DELETE FROM private WHERE idx = ?1")?
                .execute([record])?;
        }
        if erases.parts.manifest() {
            note(Part::Manifest)?;
            self.transaction
                .prepare_cached("DELETE FROM manifest WHERE idx = ?1")?
                .execute([record])?;
        }
        Ok(subject)
    }

    /// Destroys the keys of subjects of whom nothing is left.
    fn forget(&self, subjects: &BTreeSet<i64>) -> Result<(), Stopped> {
        for subject in subjects {
            self.transaction
                .prepare_cached("DELETE FROM subject WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM private WHERE subject = ?1)")?
                .execute([subject])?;
        }
        Ok(())
    }
}
