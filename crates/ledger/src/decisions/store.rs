//! The file of decisions.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, params};

use colophon_tlog::LeafIndex;

use super::{CheckDecision, IssuingDecision, Outcome, Tally};
use crate::db::signed;
use crate::error::LedgerError;
use crate::shards::{RecordId, ShardName};

/// Name of the file in the ledger's folder.
const FILE: &str = "decisions.sqlite";
/// "CLPD": marks the file as a log of decisions.
const APPLICATION_ID: i64 = 0x434c_5044;
const FORMAT: i64 = 1;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows removed in one transaction, so that writers never wait long.
const PRUNED_AT_ONCE: i64 = 10_000;

/// The last index answers which records were judged in some way without a look into the rows.
const SCHEMA: &str = "
CREATE TABLE issuing (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, allowed INTEGER NOT NULL,
    rules TEXT NOT NULL, labels TEXT NOT NULL, request TEXT NOT NULL, policy BLOB NOT NULL, shard TEXT, record INTEGER) STRICT;
CREATE TABLE checked (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, asset BLOB NOT NULL, facts TEXT NOT NULL,
    rule TEXT NOT NULL, finding TEXT NOT NULL, action TEXT NOT NULL, policy BLOB NOT NULL, shard TEXT, record INTEGER) STRICT;
CREATE INDEX issuing_at ON issuing (at);
CREATE INDEX issuing_record ON issuing (shard, record) WHERE record IS NOT NULL;
CREATE INDEX checked_at ON checked (at);
CREATE INDEX checked_asset ON checked (asset);
CREATE INDEX checked_record ON checked (shard, record, rule, finding, action) WHERE record IS NOT NULL;
";

const ISSUING: &str = "id, at, allowed, rules, labels, request, policy, shard, record";
const CHECKED: &str = "id, at, asset, facts, rule, finding, action, policy, shard, record";

/// The log of decisions beside a ledger: `decisions.sqlite`.
///
/// A decision costs one small transaction, which is safe from a crash of the program; a crash of the machine may take
/// the last moments. Decisions are removed by [`Decisions::prune`] alone, and then overwritten.
pub struct Decisions {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Decisions {
    /// Opens the log of the ledger in `dir` for writing, made when there is none.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        std::fs::create_dir_all(dir)
            .map_err(|error| LedgerError::io("cannot create", dir, &error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let decisions = Self::connect(dir, flags)?;
        decisions.run(|c| {
            // Before the first table: pages that pruning empties go back to the system.
            c.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            c.pragma_update(None, "journal_mode", "WAL")?;
            c.pragma_update(None, "synchronous", "NORMAL")?;
            let transaction =
                rusqlite::Transaction::new_unchecked(c, rusqlite::TransactionBehavior::Immediate)?;
            let tables: i64 =
                transaction
                    .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 {
                transaction.execute_batch(SCHEMA)?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", FORMAT)?;
            }
            transaction.commit()
        })?;
        decisions.check_format()?;
        Ok(decisions)
    }

    /// Opens the log of the ledger in `dir` for reading, `None` when there is none.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn open_read_only(dir: &Path) -> Result<Option<Self>, LedgerError> {
        if !dir.join(FILE).is_file() {
            return Ok(None);
        }
        let decisions = Self::connect(dir, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        decisions.check_format()?;
        Ok(Some(decisions))
    }

    fn connect(dir: &Path, flags: OpenFlags) -> Result<Self, LedgerError> {
        let path = dir.join(FILE);
        let connection =
            Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
                .map_err(|error| LedgerError::database(&path, &error))?;
        let decisions = Self {
            connection: Mutex::new(connection),
            path,
        };
        decisions.run(|c| {
            c.busy_timeout(BUSY_TIMEOUT)?;
            c.pragma_update(None, "trusted_schema", false)?;
            c.pragma_update(None, "cell_size_check", true)?;
            c.pragma_update(None, "secure_delete", true)
        })?;
        Ok(decisions)
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

    /// Enters what was decided on a request.
    ///
    /// # Errors
    /// [`LedgerError::InvalidDecision`] before anything is written, and others.
    pub fn enter_issuing(&self, decision: &IssuingDecision) -> Result<(), LedgerError> {
        decision.check()?;
        let (shard, record) = columns(decision.record);
        self.run(|c| {
            c.prepare_cached(
                "INSERT INTO issuing (at, allowed, rules, labels, request, policy, shard, record) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                decision.at,
                decision.allowed,
                decision.rules.join("\n"),
                decision.labels.join("\n"),
                decision.request,
                decision.policy,
                shard,
                record
            ])
            .map(drop)
        })
    }

    /// Enters what the rules made of a check.
    ///
    /// # Errors
    /// [`LedgerError::InvalidDecision`] before anything is written, and others.
    pub fn enter_check(&self, decision: &CheckDecision) -> Result<(), LedgerError> {
        decision.check()?;
        let (shard, record) = columns(decision.record);
        self.run(|c| {
            c.prepare_cached(
                "INSERT INTO checked (at, asset, facts, rule, finding, action, policy, shard, record) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                decision.at,
                decision.asset,
                decision.facts.join("\n"),
                decision.rule,
                decision.finding,
                decision.action,
                decision.policy,
                shard,
                record
            ])
            .map(drop)
        })
    }

    /// The requests before a number, the newest first, at most `limit`, each with its number.
    ///
    /// # Errors
    /// [`LedgerError`] when the file cannot be read.
    pub fn issuing(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, IssuingDecision)>, LedgerError> {
        let query =
            format!("SELECT {ISSUING} FROM issuing WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
        self.run(|c| {
            c.prepare_cached(&query)?
                .query_map(params![before.unwrap_or(i64::MAX), limit as i64], issuing)?
                .collect()
        })
    }

    /// The checks before a number, the newest first, at most `limit`, each with its number.
    ///
    /// # Errors
    /// [`LedgerError`] when the file cannot be read.
    pub fn checks(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, CheckDecision)>, LedgerError> {
        let query =
            format!("SELECT {CHECKED} FROM checked WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
        self.run(|c| {
            c.prepare_cached(&query)?
                .query_map(params![before.unwrap_or(i64::MAX), limit as i64], checked)?
                .collect()
        })
    }

    /// The requests that led to a record, the oldest first.
    ///
    /// # Errors
    /// [`LedgerError`] when the file cannot be read.
    pub fn issuing_of(&self, record: RecordId) -> Result<Vec<IssuingDecision>, LedgerError> {
        let query =
            format!("SELECT {ISSUING} FROM issuing WHERE shard = ?1 AND record = ?2 ORDER BY id");
        self.run(|c| {
            c.prepare_cached(&query)?
                .query_map(
                    params![record.shard.to_string(), signed(record.index.0)],
                    |row| issuing(row).map(|(_, decision)| decision),
                )?
                .collect()
        })
    }

    /// The checks that led to a record or were of its very file, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`LedgerError`] when the file cannot be read.
    pub fn checks_of(
        &self,
        record: RecordId,
        asset: &[u8; 32],
        limit: usize,
    ) -> Result<Vec<CheckDecision>, LedgerError> {
        let query = format!(
            "SELECT {CHECKED} FROM checked WHERE (shard = ?1 AND record = ?2 AND record IS NOT NULL) OR asset = ?3 \
             ORDER BY id LIMIT ?4"
        );
        self.run(|c| {
            c.prepare_cached(&query)?
                .query_map(
                    params![
                        record.shard.to_string(),
                        signed(record.index.0),
                        asset,
                        limit as i64
                    ],
                    |row| checked(row).map(|(_, decision)| decision),
                )?
                .collect()
        })
    }

    /// Indexes of the records of a shard, from one on and in order, that a check led to whose rule, finding or action is
    /// `verdict`.
    pub(crate) fn records_judged(
        &self,
        verdict: &str,
        shard: ShardName,
        from: u64,
        limit: usize,
        backward: bool,
    ) -> Result<Vec<u64>, LedgerError> {
        let query = if backward {
            "SELECT DISTINCT record FROM checked WHERE shard = ?1 AND record <= ?2 AND record IS NOT NULL \
             AND (rule = ?3 OR finding = ?3 OR action = ?3) ORDER BY record DESC LIMIT ?4"
        } else {
            "SELECT DISTINCT record FROM checked WHERE shard = ?1 AND record >= ?2 AND record IS NOT NULL \
             AND (rule = ?3 OR finding = ?3 OR action = ?3) ORDER BY record LIMIT ?4"
        };
        self.run(|c| {
            c.prepare_cached(query)?
                .query_map(
                    params![shard.to_string(), signed(from), verdict, limit as i64],
                    |row| row.get::<_, i64>(0).map(|index| index as u64),
                )?
                .collect()
        })
    }

    /// How often what was decided, by day.
    ///
    /// # Errors
    /// [`LedgerError`] when the file cannot be read.
    pub fn tallies(&self) -> Result<Vec<Tally>, LedgerError> {
        // Integer division rounds towards zero; decisions before 1970 do not happen.
        let mut tallies: Vec<Tally> = self.run(|c| {
            c.prepare(
                "SELECT at / 86400, allowed, count(*) FROM issuing GROUP BY 1, 2 ORDER BY 1, 2",
            )?
            .query_map([], |row| {
                Ok(Tally {
                    day: row.get(0)?,
                    outcome: Outcome::Issuing {
                        allowed: row.get(1)?,
                    },
                    count: row.get::<_, i64>(2)? as u64,
                })
            })?
            .collect()
        })?;
        let checks: Vec<Tally> = self.run(|c| {
            c.prepare(
                "SELECT at / 86400, rule, finding, action, count(*) FROM checked GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
            )?
            .query_map([], |row| {
                Ok(Tally {
                    day: row.get(0)?,
                    outcome: Outcome::Check {
                        rule: row.get(1)?,
                        finding: row.get(2)?,
                        action: row.get(3)?,
                    },
                    count: row.get::<_, i64>(4)? as u64,
                })
            })?
            .collect()
        })?;
        tallies.extend(checks);
        Ok(tallies)
    }

    /// Removes every decision made before a time, Unix seconds, for good; returns how many.
    ///
    /// # Errors
    /// [`LedgerError`]; what was removed by then stays so.
    pub fn prune(&self, before: i64) -> Result<u64, LedgerError> {
        let mut removed = 0;
        for table in ["issuing", "checked"] {
            let query = format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE at < ?1 LIMIT {PRUNED_AT_ONCE})"
            );
            loop {
                let rows = self.run(|c| c.prepare_cached(&query)?.execute([before]))?;
                removed += rows as u64;
                if rows == 0 {
                    break;
                }
            }
        }
        self.run(|c| {
            let mut vacuum = c.prepare("PRAGMA incremental_vacuum")?;
            // A page a step.
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
            // Until then the write-ahead log holds the rows.
            c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })?;
        Ok(removed)
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        work(&self.connection()).map_err(|error| LedgerError::database(&self.path, &error))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // Every statement is whole or not done.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn columns(record: Option<RecordId>) -> (Option<String>, Option<i64>) {
    record.map_or((None, None), |id| {
        (Some(id.shard.to_string()), Some(signed(id.index.0)))
    })
}

/// A record's address; one that cannot be read, as a later version might write it, counts as none.
fn place(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<RecordId>> {
    let shard: Option<String> = row.get(first)?;
    let shard: Option<ShardName> = shard.and_then(|name| name.parse().ok());
    let index: Option<i64> = row.get(first + 1)?;
    Ok(shard.zip(index).map(|(shard, index)| RecordId {
        shard,
        index: LeafIndex(index as u64),
    }))
}

fn lines(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(column)?;
    Ok(match text.as_str() {
        "" => Vec::new(),
        text => text.split('\n').map(str::to_owned).collect(),
    })
}

fn issuing(row: &Row<'_>) -> rusqlite::Result<(i64, IssuingDecision)> {
    let decision = IssuingDecision {
        at: row.get(1)?,
        allowed: row.get(2)?,
        rules: lines(row, 3)?,
        labels: lines(row, 4)?,
        request: row.get(5)?,
        policy: row.get(6)?,
        record: place(row, 7)?,
    };
    Ok((row.get(0)?, decision))
}

fn checked(row: &Row<'_>) -> rusqlite::Result<(i64, CheckDecision)> {
    let decision = CheckDecision {
        at: row.get(1)?,
        asset: row.get(2)?,
        facts: lines(row, 3)?,
        rule: row.get(4)?,
        finding: row.get(5)?,
        action: row.get(6)?,
        policy: row.get(7)?,
        record: place(row, 8)?,
    };
    Ok((row.get(0)?, decision))
}
