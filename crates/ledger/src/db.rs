//! The database: index rows, manifests, private parts, and the signed checkpoint that is the commit point.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, params};

use crate::error::LedgerError;
use crate::files::Files;
use crate::pagesum::{self, PAGE};
use crate::record::{Prepared, PrivateRow};

/// "CLPH": marks the file as a ledger.
const APPLICATION_ID: i64 = 0x434c_5048;
const FORMAT: i64 = 1;
/// Bytes in the write-ahead log before they are moved into the database file.
const WAL_LIMIT: u64 = 64 << 20;

/// How long to wait for another connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The schema, one statement an item. fsck compares it with what the database says of itself.
/// Triggers are a guard rail against accidents; evidence is the log.
pub(crate) const SCHEMA: [&str; 13] = [
    "CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, note BLOB NOT NULL) STRICT",
    "CREATE TABLE entry (idx INTEGER PRIMARY KEY, asset_sha256 BLOB NOT NULL, manifest_id TEXT NOT NULL, leaf BLOB NOT NULL) STRICT",
    "CREATE TABLE private (idx INTEGER PRIMARY KEY, watermark_id INTEGER, watermark_salt BLOB, fingerprint BLOB, salt BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    "CREATE TABLE manifest (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    "CREATE INDEX entry_asset ON entry (asset_sha256)",
    "CREATE INDEX entry_manifest_id ON entry (manifest_id)",
    "CREATE INDEX private_watermark_id ON private (watermark_id) WHERE watermark_id IS NOT NULL",
    "CREATE TRIGGER entry_keep BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'ledger entries are never removed'); END",
    "CREATE TRIGGER entry_fixed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'ledger entries never change'); END",
    "CREATE TRIGGER private_fixed BEFORE UPDATE ON private BEGIN SELECT RAISE(ABORT, 'private parts never change'); END",
    "CREATE TRIGGER private_keep BEFORE DELETE ON private BEGIN SELECT RAISE(ABORT, 'private parts are not removed by hand'); END",
    "CREATE TRIGGER manifest_keep BEFORE DELETE ON manifest BEGIN SELECT RAISE(ABORT, 'manifests are never removed'); END",
    "CREATE TRIGGER manifest_fixed BEFORE UPDATE ON manifest BEGIN SELECT RAISE(ABORT, 'manifests never change'); END",
];

/// The committed state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedCheckpoint {
    pub size: u64,
    pub note: Vec<u8>,
}

/// Columns of an entry's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryRow {
    pub index: u64,
    pub asset_sha256: Vec<u8>,
    pub manifest_id: String,
    pub leaf: Vec<u8>,
}

/// A look-up by one indexed column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key<'a> {
    Asset(&'a [u8; 32]),
    ManifestId(&'a str),
    WatermarkId(u64),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Db {
    connection: Connection,
    files: Files,
}

impl Db {
    /// Opens for writing, creating the database when it does not exist. Only under the ledger's lock.
    pub fn open_writer(files: &Files) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Self::open(files, &files.database(), flags)?;
        let tables: i64 =
            db.run(|c| c.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)))?;
        db.run(|c| {
            c.pragma_update(None, "page_size", PAGE as i64)?;
            c.pragma_update(None, "journal_mode", "WAL")?;
            c.pragma_update(None, "synchronous", "FULL")?;
            // Moving pages is `compact`'s business alone, for the sake of their sums.
            c.pragma_update(None, "wal_autocheckpoint", 0)
        })?;
        if tables == 0 {
            db.create()?;
        }
        db.check_format()?;
        // A new ledger, or one whose sums were lost: until then fsck says so.
        if !pagesum::exist(files) {
            db.run(|c| c.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())))?;
            pagesum::update(files, None)?;
        }
        Ok(db)
    }

    /// Whether the write-ahead log has grown enough to be moved into the database file.
    pub fn wants_compaction(&self) -> bool {
        self.files
            .write_ahead_log()
            .metadata()
            .is_ok_and(|metadata| metadata.len() > WAL_LIMIT)
    }

    /// Moves the write-ahead log into the database file and renews the sums of the pages moved. Only under the
    /// ledger's lock. Readers in the way only put it off.
    pub fn compact(&self) -> Result<(), LedgerError> {
        let pages = pagesum::wal_pages(&self.files)?;
        if pages.is_empty() {
            return Ok(());
        }
        let whole = self.run(|c| {
            c.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })
        })?;
        if let (0, frames, moved) = whole
            && frames == moved
        {
            pagesum::update(&self.files, Some(&pages))?;
            self.run(|c| {
                c.busy_timeout(Duration::ZERO)?;
                c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                c.busy_timeout(BUSY_TIMEOUT)
            })?;
        }
        Ok(())
    }

    /// Lets the last connection remove the emptied write-ahead log.
    pub fn close(self) -> Result<(), LedgerError> {
        self.compact()?;
        if pagesum::wal_pages(&self.files)?.is_empty() {
            self.run(|c| {
                c.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
                    .map(drop)
            })?;
        }
        Ok(())
    }

    /// Opens for reading. In a folder that cannot be written to, a cleanly closed database is read as it is.
    pub fn open_reader(files: &Files) -> Result<Self, LedgerError> {
        let path = files.database();
        if !path.is_file() {
            return Err(LedgerError::NotFound(files.dir().to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Self::open(files, &path, flags).and_then(|db| db.check_format().map(|()| db));
        match opened {
            // The write-ahead log of SQLite needs a writable folder, except when the log is gone.
            Err(LedgerError::Database(_)) if !is_writable(files.dir()) => {
                if files
                    .write_ahead_log()
                    .metadata()
                    .is_ok_and(|metadata| metadata.len() > 0)
                {
                    return Err(LedgerError::NeedsRecovery(files.dir().to_owned()));
                }
                let db = Self::open(
                    files,
                    &immutable_uri(&path),
                    flags | OpenFlags::SQLITE_OPEN_URI,
                )?;
                db.check_format()?;
                Ok(db)
            }
            other => other,
        }
    }

    fn open(files: &Files, path: &Path, flags: OpenFlags) -> Result<Self, LedgerError> {
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| LedgerError::database(&files.database(), &error))?;
        let db = Self {
            connection,
            files: files.clone(),
        };
        db.run(|c| {
            c.busy_timeout(BUSY_TIMEOUT)?;
            c.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            c.pragma_update(None, "trusted_schema", false)?;
            c.pragma_update(None, "cell_size_check", true)?;
            c.pragma_update(None, "foreign_keys", true)?;
            c.set_prepared_statement_cache_capacity(32);
            Ok(())
        })?;
        Ok(db)
    }

    fn create(&self) -> Result<(), LedgerError> {
        self.run(|c| {
            let transaction = c.unchecked_transaction()?;
            for statement in SCHEMA {
                transaction.execute_batch(statement)?;
            }
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            transaction.commit()
        })
    }

    fn check_format(&self) -> Result<(), LedgerError> {
        let pragma =
            |name| self.run(|c| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0)));
        let (application, format) = (pragma("application_id")?, pragma("user_version")?);
        if application == APPLICATION_ID && format == FORMAT {
            Ok(())
        } else {
            Err(LedgerError::Version(format))
        }
    }

    /// Runs a database operation, telling its failure in the ledger's words.
    pub fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        work(&self.connection)
            .map_err(|error| LedgerError::database(&self.files.database(), &error))
    }

    /// The signed checkpoint of the last commit, `None` in a ledger just made.
    pub fn checkpoint(&self) -> Result<Option<CommittedCheckpoint>, LedgerError> {
        self.run(|c| {
            c.prepare_cached("SELECT size, note FROM checkpoint WHERE id = 0")?
                .query_row([], |row| {
                    Ok(CommittedCheckpoint {
                        size: unsigned(row, 0)?,
                        note: row.get(1)?,
                    })
                })
                .optional()
        })
    }

    /// Enters the first checkpoint.
    pub fn insert_first_checkpoint(&self, note: &[u8]) -> Result<(), LedgerError> {
        self.run(|c| {
            c.execute(
                "INSERT INTO checkpoint (id, size, note) VALUES (0, 0, ?1)",
                [note],
            )
            .map(drop)
        })
    }

    /// The commit point: inserts the rows of a batch and replaces the checkpoint, if it is still `old`.
    pub fn commit(
        &self,
        batch: &[Prepared],
        old: &CommittedCheckpoint,
        new: &CommittedCheckpoint,
    ) -> Result<(), LedgerError> {
        let replaced = self.run(|c| {
            let transaction = Transaction::new_unchecked(c, rusqlite::TransactionBehavior::Immediate)?;
            insert_rows(&transaction, batch, old.size)?;
            let replaced = transaction
                .prepare_cached("UPDATE checkpoint SET size = ?1, note = ?2 WHERE id = 0 AND size = ?3 AND note = ?4")?
                .execute(params![signed(new.size), new.note, signed(old.size), old.note])?;
            if replaced == 1 {
                transaction.commit()?;
            }
            Ok(replaced)
        })?;
        if replaced == 1 {
            Ok(())
        } else {
            Err(LedgerError::Damaged(
                "the committed checkpoint changed while the ledger was locked".to_owned(),
            ))
        }
    }

    pub fn entry(&self, index: u64) -> Result<Option<EntryRow>, LedgerError> {
        self.run(|c| {
            c.prepare_cached(
                "SELECT idx, asset_sha256, manifest_id, leaf FROM entry WHERE idx = ?1",
            )?
            .query_row([signed(index)], entry_row)
            .optional()
        })
    }

    pub fn entries(&self, start: u64, limit: usize) -> Result<Vec<EntryRow>, LedgerError> {
        self.run(|c| {
            c.prepare_cached("SELECT idx, asset_sha256, manifest_id, leaf FROM entry WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?
                .query_map(params![signed(start), signed(limit as u64)], entry_row)?
                .collect()
        })
    }

    pub fn find(&self, key: Key<'_>) -> Result<Vec<u64>, LedgerError> {
        self.run(|c| {
            let index = |row: &Row<'_>| unsigned(row, 0);
            match key {
                Key::Asset(hash) => c
                    .prepare_cached("SELECT idx FROM entry WHERE asset_sha256 = ?1 ORDER BY idx")?
                    .query_map([&hash[..]], index)?
                    .collect(),
                Key::ManifestId(id) => c
                    .prepare_cached("SELECT idx FROM entry WHERE manifest_id = ?1 ORDER BY idx")?
                    .query_map([id], index)?
                    .collect(),
                Key::WatermarkId(id) => c
                    .prepare_cached("SELECT idx FROM private WHERE watermark_id = ?1 ORDER BY idx")?
                    .query_map([signed(id)], index)?
                    .collect(),
            }
        })
    }

    /// Index and watermark id of the entries from an index on that have one, in order.
    pub fn watermark_ids(&self, start: u64) -> Result<Vec<(u64, u64)>, LedgerError> {
        self.run(|c| {
            c.prepare_cached(
                "SELECT idx, watermark_id FROM private WHERE watermark_id IS NOT NULL AND idx >= ?1 ORDER BY idx",
            )?
            .query_map([signed(start)], |row| {
                Ok((unsigned(row, 0)?, row.get::<_, i64>(1)? as u64))
            })?
            .collect()
        })
    }

    pub fn private(&self, index: u64) -> Result<Option<PrivateRow>, LedgerError> {
        self.run(|c| {
            c.prepare_cached("SELECT watermark_id, watermark_salt, fingerprint, salt, body FROM private WHERE idx = ?1")?
                .query_row([signed(index)], |row| {
                    Ok(PrivateRow {
                        watermark_id: row.get::<_, Option<i64>>(0)?.map(|id| id as u64),
                        watermark_salt: row.get(1)?,
                        fingerprint: row.get(2)?,
                        salt: row.get(3)?,
                        body: row.get(4)?,
                    })
                })
                .optional()
        })
    }

    pub fn manifest(&self, index: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        self.run(|c| {
            c.prepare_cached("SELECT bytes FROM manifest WHERE idx = ?1")?
                .query_row([signed(index)], |row| row.get(0))
                .optional()
        })
    }

    /// What `SQLite` itself finds wrong, and where the schema is not the one that was made.
    pub fn integrity(&self) -> Result<Vec<String>, LedgerError> {
        let mut findings: Vec<String> = self.run(|c| {
            let mut statement = c.prepare("PRAGMA integrity_check(100)")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.filter(|row| !row.as_ref().is_ok_and(|row| row == "ok"))
                .collect()
        })?;
        let mut schema: Vec<String> = self.run(|c| {
            c.prepare("SELECT coalesce(sql, name) FROM sqlite_schema")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        for statement in SCHEMA {
            match schema.iter().position(|found| found == statement) {
                Some(position) => drop(schema.remove(position)),
                None => findings.push(format!("missing from the schema: {statement}")),
            }
        }
        findings.extend(
            schema
                .into_iter()
                .map(|statement| format!("foreign to the schema: {statement}")),
        );
        Ok(findings)
    }

    /// Row numbers outside `0..size`, at most 1,000.
    pub fn rows_outside(&self, table: &str, size: u64) -> Result<Vec<u64>, LedgerError> {
        let query = format!("SELECT idx FROM {table} WHERE idx < 0 OR idx >= ?1 LIMIT 1000");
        self.run(|c| {
            c.prepare(&query)?
                .query_map([signed(size)], |row| unsigned(row, 0))?
                .collect()
        })
    }

    /// Fingerprints of the entries from `start` on.
    pub fn fingerprints(&self, start: u64) -> Result<Vec<(u64, [u8; 32])>, LedgerError> {
        self.run(|c| {
            c.prepare_cached("SELECT idx, fingerprint FROM private WHERE idx >= ?1 AND fingerprint IS NOT NULL ORDER BY idx")?
                .query_map([signed(start)], |row| Ok((unsigned(row, 0)?, row.get(1)?)))?
                .collect()
        })
    }
}

fn insert_rows(
    transaction: &Transaction<'_>,
    batch: &[Prepared],
    first: u64,
) -> rusqlite::Result<()> {
    let mut entry = transaction.prepare_cached(
        "INSERT INTO entry (idx, asset_sha256, manifest_id, leaf) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut manifest =
        transaction.prepare_cached("INSERT INTO manifest (idx, bytes) VALUES (?1, ?2)")?;
    let mut private = transaction.prepare_cached(
        "INSERT INTO private (idx, watermark_id, watermark_salt, fingerprint, salt, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (index, record) in (first..).zip(batch) {
        let index = signed(index);
        entry.execute(params![
            index,
            record.asset_sha256,
            record.manifest_id,
            record.leaf
        ])?;
        manifest.execute(params![index, record.manifest])?;
        let row = &record.private;
        let watermark_id = row.watermark_id.map(signed);
        private.execute(params![
            index,
            watermark_id,
            row.watermark_salt,
            row.fingerprint,
            row.salt,
            row.body
        ])?;
    }
    Ok(())
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        index: unsigned(row, 0)?,
        asset_sha256: row.get(1)?,
        manifest_id: row.get(2)?,
        leaf: row.get(3)?,
    })
}

/// `SQLite` integers are signed; the same 64 bits are kept.
pub(crate) fn signed(value: u64) -> i64 {
    value as i64
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|value| value as u64)
}

pub(crate) fn is_writable(dir: &Path) -> bool {
    let probe = dir.join(".writable");
    let writable = std::fs::File::create(&probe).is_ok();
    if writable {
        // Leaving the empty probe behind would be harmless.
        let _ = std::fs::remove_file(probe);
    }
    writable
}

/// `file:` URI with every byte that could mean something escaped.
fn immutable_uri(path: &Path) -> std::path::PathBuf {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    uri.into()
}
