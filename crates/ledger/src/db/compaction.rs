//! Moving the write-ahead log into the database file, with the sums of the pages moved.

use std::time::Duration;

use rusqlite::config::DbConfig;

use super::{BUSY_TIMEOUT, Db};
use crate::error::LedgerError;
use crate::pagesum;

/// Bytes in the write-ahead log before they are moved into the database file. Moving them holds up whoever waits, which
/// single records notice, and moves a page the more often the sooner it is done, which bulk loads do
/// (`docs/decisions/0020-ledger-speed.md`).
const WAL_LIMIT: u64 = 16 << 20;
const WAL_LIMIT_OF_BULK: u64 = 64 << 20;

impl Db {
    /// Whether the write-ahead log has grown enough to be moved into the database file, while single records or bulk
    /// come in.
    pub fn wants_compaction(&self, bulk: bool) -> bool {
        let limit = if bulk { WAL_LIMIT_OF_BULK } else { WAL_LIMIT };
        let length = self.files.length(&self.files.write_ahead_log());
        length.is_some_and(|length| length > limit)
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
            pagesum::update(&self.files, &pages)?;
            self.run(|c| {
                c.busy_timeout(Duration::ZERO)?;
                c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                c.busy_timeout(BUSY_TIMEOUT)
            })?;
        }
        Ok(())
    }

    /// Moves the write-ahead log into the database file and empties it, waiting for readers, so that nothing erased
    /// stays in the files. `false` when a reader was in the way for too long. Only under the ledger's lock.
    pub fn scrub(&self) -> Result<bool, LedgerError> {
        let pages = pagesum::wal_pages(&self.files)?;
        let whole = |mode: &str| {
            let checkpoint = format!("PRAGMA wal_checkpoint({mode})");
            self.run(|c| c.query_row(&checkpoint, [], |row| Ok(row.get::<_, i64>(0)? == 0)))
        };
        if !whole("FULL")? {
            return Ok(false);
        }
        pagesum::update(&self.files, &pages)?;
        whole("TRUNCATE")
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
}
