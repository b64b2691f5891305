//! The database: index rows, manifests, private parts, and the signed checkpoint that is the commit point.

mod compaction;
mod index;
mod rewrap;
mod schema;
mod write;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use crate::error::LedgerError;
use crate::files::Files;
use crate::pagesum::{self, PAGE};
use crate::record::PrivateRow;
use crate::shards::ShardName;
use crate::store::Access;
use crate::vault::SubjectTag;
pub(crate) use index::Narrowed;
pub(crate) use rewrap::Place;
use schema::Form;

/// "CLPH": marks the file as a ledger.
const APPLICATION_ID: i64 = 0x434c_5048;

/// Pages kept by the writer, in KiB as a negative number, as SQLite takes it (`docs/decisions/0020-ledger-speed.md`).
const WRITER_CACHE: i64 = -65_536;

/// How long to wait for another connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// `None` for an event, as the manifest's id.
    pub asset_sha256: Option<Vec<u8>>,
    pub manifest_id: Option<String>,
    pub leaf: Vec<u8>,
}

/// What is noted of an erased part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErasedRow {
    pub at: i64,
    pub reason: u64,
    /// The shard with the redaction; `None` for this one.
    pub shard: Option<ShardName>,
    /// Index of the redaction there.
    pub event: u64,
}

/// The parts of a record that can be erased, one by one, as the database numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Private = 1,
    Manifest = 2,
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
    form: Form,
}

impl Db {
    /// Opens for writing, creating the database when it does not exist. Only under the ledger's lock.
    pub fn open_writer(files: &Files) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Self::open(files, &files.database(), flags)?;
        let tables: i64 =
            db.run(|c| c.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)))?;
        db.run(|c| {
            c.pragma_update(None, "page_size", PAGE as i64)?;
            c.pragma_update(None, "synchronous", "FULL")?;
            // A group touches a page of each index for every record; one that does not fit would be written twice.
            c.pragma_update(None, "cache_size", WRITER_CACHE)?;
            // What is erased is overwritten, and nothing of it goes into temporary files.
            c.pragma_update(None, "secure_delete", true)?;
            c.pragma_update(None, "temp_store", "MEMORY")?;
            // Moving pages is `compact`'s business alone, for the sake of their sums.
            c.pragma_update(None, "wal_autocheckpoint", 0)
        })?;
        db.run(|c| c.pragma_update(None, "journal_mode", "WAL"))?;
        // When the switch's transaction fails, SQLite has already said that all is well, and says so when asked.
        if !has_write_ahead_log(files)? {
            let what = "it could not be set up (no write-ahead log): open the ledger again";
            return Err(LedgerError::Database(what.to_owned()));
        }
        if tables == 0 {
            db.create()?;
        }
        db.check_format()?;
        let former = db.form != Form::NEWEST;
        if former {
            // Those of that form are of another kind; not even a power failure may leave them beside the new form.
            files.remove_durably(Files::PAGE_SUMS)?;
            db.upgrade()?;
        }
        // A new ledger, one of a former form, or one whose sums were lost: until then fsck says so.
        if !pagesum::exist(files) {
            db.run(|c| c.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())))?;
            pagesum::renew(files)?;
        }
        Ok(db)
    }

    /// Opens for reading. In a folder that cannot be written to, a cleanly closed database is read as it is.
    pub fn open_reader(files: &Files) -> Result<Self, LedgerError> {
        let path = files.database();
        if !files.exists(&path) {
            return Err(LedgerError::NotFound(files.dir().to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened =
            Self::open(files, &path, flags).and_then(|mut db| db.check_format().map(|()| db));
        match opened {
            // The write-ahead log of SQLite needs a writable folder, except when the log is gone.
            Err(LedgerError::Database(_)) if !files.is_writable() => {
                if files
                    .length(&files.write_ahead_log())
                    .is_some_and(|length| length > 0)
                {
                    return Err(LedgerError::NeedsRecovery(files.dir().to_owned()));
                }
                let mut db = Self::open(
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
        let opened = match files.sqlite_name() {
            Some(name) => Connection::open_with_flags_and_vfs(path, flags, name),
            None => Connection::open_with_flags(path, flags),
        };
        let connection =
            opened.map_err(|error| LedgerError::database(&files.database(), &error))?;
        let db = Self {
            connection,
            files: files.clone(),
            form: Form::NEWEST,
        };
        db.run(|c| {
            c.busy_timeout(BUSY_TIMEOUT)?;
            c.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            // Else a statement is compiled anew for each value that a plan could depend on, every look-up's among them.
            c.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
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
            for statement in Form::NEWEST.schema() {
                transaction.execute_batch(statement)?;
            }
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", Form::NEWEST as i64)?;
            transaction.commit()
        })
    }

    fn check_format(&mut self) -> Result<(), LedgerError> {
        let pragma =
            |name| self.run(|c| c.pragma_query_value(None, name, |row| row.get::<_, i64>(0)));
        let (application, version) = (pragma("application_id")?, pragma("user_version")?);
        let form = Form::of(version).filter(|_| application == APPLICATION_ID);
        self.form = form.ok_or(LedgerError::Version(version))?;
        Ok(())
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
                    .prepare_cached("SELECT idx FROM entry WHERE substr(asset_sha256, 1, 8) = substr(?1, 1, 8) AND asset_sha256 = ?1 ORDER BY idx")?
                    .query_map([&hash[..]], index)?
                    .collect(),
                Key::ManifestId(id) => c
                    .prepare_cached("SELECT idx FROM entry WHERE substr(manifest_id, -12) = substr(?1, -12) AND manifest_id = ?1 ORDER BY idx")?
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
            c.prepare_cached(
                "SELECT watermark_id, watermark_salt, fingerprint, tag, subject.key, private.key, body \
                 FROM private LEFT JOIN subject ON subject.id = private.subject WHERE idx = ?1",
            )?
            .query_row([signed(index)], |row| {
                let tag: Option<[u8; 32]> = row.get(3)?;
                Ok(PrivateRow {
                    watermark_id: row.get::<_, Option<i64>>(0)?.map(|id| id as u64),
                    watermark_salt: row.get(1)?,
                    fingerprint: row.get(2)?,
                    subject: tag.map(SubjectTag).zip(row.get(4)?),
                    key: row.get(5)?,
                    body: row.get(6)?,
                })
            })
            .optional()
        })
    }

    /// What is noted of the erasure of a part, `None` when it was not erased.
    pub fn erased(&self, index: u64, part: Part) -> Result<Option<ErasedRow>, LedgerError> {
        self.run(|c| {
            c.prepare_cached(
                "SELECT at, reason, shard, event FROM erased WHERE idx = ?1 AND part = ?2",
            )?
            .query_row(params![signed(index), part as i64], |row| {
                let shard: Option<String> = row.get(2)?;
                let shard = shard.map(|name| name.parse()).transpose();
                Ok(ErasedRow {
                    at: row.get(0)?,
                    reason: unsigned(row, 1)?,
                    shard: shard.map_err(|error| {
                        rusqlite::Error::FromSqlConversionFailure(2, Type::Text, Box::new(error))
                    })?,
                    event: unsigned(row, 3)?,
                })
            })
            .optional()
        })
    }

    /// Records of a subject that have a private part, in order.
    pub fn subject_records(&self, tag: SubjectTag) -> Result<Vec<u64>, LedgerError> {
        self.run(|c| {
            c.prepare_cached(
                "SELECT idx FROM private JOIN subject ON subject.id = private.subject WHERE tag = ?1 ORDER BY idx",
            )?
            .query_map([tag.0], |row| unsigned(row, 0))?
            .collect()
        })
    }

    /// Events from an index on in order, or back from it.
    pub fn events(
        &self,
        start: u64,
        limit: usize,
        backward: bool,
    ) -> Result<Vec<EntryRow>, LedgerError> {
        let query = if backward {
            "SELECT idx, asset_sha256, manifest_id, leaf FROM entry \
             WHERE manifest_id IS NULL AND idx <= ?1 ORDER BY idx DESC LIMIT ?2"
        } else {
            "SELECT idx, asset_sha256, manifest_id, leaf FROM entry \
             WHERE manifest_id IS NULL AND idx >= ?1 ORDER BY idx LIMIT ?2"
        };
        self.run(|c| {
            c.prepare_cached(query)?
                .query_map(params![signed(start), signed(limit as u64)], entry_row)?
                .collect()
        })
    }

    /// The vault's wrapped index key, `None` before the first opening with a storage key.
    pub fn vault_key(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.run(|c| {
            c.query_row("SELECT key FROM vault WHERE id = 0", [], |row| row.get(0))
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

    /// Copies one consistent state into a new file, which must not exist, while writers go on.
    pub fn copy_into(&self, target: &Path) -> Result<(), LedgerError> {
        let target = target.to_string_lossy();
        self.run(|c| c.execute("VACUUM INTO ?1", [target.as_ref()]).map(drop))
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
        for statement in self.form.schema() {
            match schema.iter().position(|found| *found == statement) {
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

    /// Entry and fingerprint of at most `limit` entries from `start` on, in order.
    pub fn fingerprints(
        &self,
        start: u64,
        limit: usize,
    ) -> Result<Vec<(u64, [u8; 32])>, LedgerError> {
        self.run(|c| {
            c.prepare_cached("SELECT idx, fingerprint FROM private WHERE idx >= ?1 AND fingerprint IS NOT NULL ORDER BY idx LIMIT ?2")?
                .query_map(params![signed(start), signed(limit as u64)], |row| Ok((unsigned(row, 0)?, row.get(1)?)))?
                .collect()
        })
    }
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

/// Whether the database file says that it is written through a write-ahead log (`SQLite` file format, section 1.3.3).
fn has_write_ahead_log(files: &Files) -> Result<bool, LedgerError> {
    let path = files.database();
    let mut versions = [0; 2];
    let file = files.open(&path, Access::Read)?;
    file.read_at(18, &mut versions)
        .map_err(|error| LedgerError::io("cannot read", &path, &error))?;
    Ok(versions == [2, 2])
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
