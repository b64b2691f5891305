//! Check sums of the database file's pages (`ledger.sums`, 8 bytes a page: its XXH3, big-endian).
//!
//! Rows are covered by the log. These sums cover the rest of the file (headers, free space, index pages), so that a
//! byte gone bad anywhere is found. They are no evidence: whoever can write the database can write them.
//!
//! The database file changes only when its write-ahead log is moved into it, which only the writer does, under the
//! ledger's lock: pages move, their sums are written, then the write-ahead log is emptied. Pages that are still in
//! the write-ahead log have its sums instead, so a crash in between leaves nothing wrong.

use std::collections::BTreeSet;
use std::io;

use twox_hash::XxHash3_64;

use crate::error::LedgerError;
use crate::files::Files;
use crate::store::{Access, StoredFile};

/// Bytes of a database page.
pub(crate) const PAGE: usize = 4_096;
const SUM: usize = 8;
/// The page that holds byte 2^30: `SQLite` puts its locks there, never writes it, and says nothing of its content
/// (`SQLite` file format, section 1.3).
const LOCK_PAGE: u32 = (1 << 30) / PAGE as u32 + 1;
/// `SQLite` file format, section 4.1: a 32-byte header, then frames of a 24-byte header and a page.
const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Pages read at once.
const RUN: usize = 64;

/// Numbers (from 1) of the pages in the write-ahead log.
pub(crate) fn wal_pages(files: &Files) -> Result<BTreeSet<u32>, LedgerError> {
    let path = files.write_ahead_log();
    if !files.exists(&path) {
        return Ok(BTreeSet::new());
    }
    read_wal(files.open(&path, Access::Read)?.as_ref())
        .map_err(|error| LedgerError::io("cannot read", &path, &error))
}

fn read_wal(file: &dyn StoredFile) -> io::Result<BTreeSet<u32>> {
    let mut pages = BTreeSet::new();
    let mut header = [0; WAL_HEADER];
    if file.read_at(0, &mut header)? < WAL_HEADER {
        return Ok(pages);
    }
    let mut frame = [0; FRAME_HEADER];
    let mut place = WAL_HEADER as u64;
    // Frames of an earlier round have another salt.
    while file.read_at(place, &mut frame)? == FRAME_HEADER && frame[8..16] == header[16..24] {
        pages.insert(u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]));
        place += (FRAME_HEADER + PAGE) as u64;
    }
    Ok(pages)
}

/// Whether there are sums yet.
pub(crate) fn exist(files: &Files) -> bool {
    files.exists(&files.page_sums())
}

/// Makes the sums of all pages anew. In one go: where a power failure can leave a file of sums, they are its sums. (The
/// write-ahead log may be gone by then, and would not stand in for them.)
pub(crate) fn renew(files: &Files) -> Result<(), LedgerError> {
    let path = files.database();
    let database = files.open(&path, Access::Read)?;
    let mut sums = Vec::new();
    let count = database
        .len()
        .map_err(|e| LedgerError::io("cannot read", &path, &e))?
        / PAGE as u64;
    let all: Vec<u32> = (1..=u32::try_from(count).unwrap_or(u32::MAX)).collect();
    sum_pages(database.as_ref(), &all, |_, fresh| {
        sums.extend_from_slice(fresh);
        Ok(())
    })
    .map_err(|error| LedgerError::io("cannot read", &path, &error))?;
    files.put_durably(Files::PAGE_SUMS, &sums)
}

/// Writes the sums of the given pages, which the write-ahead log still has, and makes them durable.
pub(crate) fn update(files: &Files, pages: &BTreeSet<u32>) -> Result<(), LedgerError> {
    let database = files.open(&files.database(), Access::Read)?;
    let path = files.page_sums();
    let sums = files.open(&path, Access::Write)?;
    let write = || {
        let count = database.len()? / PAGE as u64;
        sums.set_len(count * SUM as u64)?;
        let all = 1..=u32::try_from(count).unwrap_or(u32::MAX);
        let numbers: Vec<u32> = pages.range(all).copied().collect();
        sum_pages(database.as_ref(), &numbers, |place, fresh| {
            sums.write_at(place, fresh)
        })?;
        sums.sync()
    };
    write().map_err(|error| LedgerError::io("cannot write", &path, &error))
}

/// Gives the sums of pages, neighbours together, with their places in the file of sums.
fn sum_pages(
    database: &dyn StoredFile,
    numbers: &[u32],
    mut give: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut bytes = vec![0; RUN * PAGE];
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        for part in run.chunks(RUN) {
            let first = u64::from(part[0]) - 1;
            let pages = &mut bytes[..part.len() * PAGE];
            if database.read_at(first * PAGE as u64, pages)? < pages.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let fresh: Vec<u8> = pages.chunks_exact(PAGE).flat_map(sum).collect();
            give(first * SUM as u64, &fresh)?;
        }
    }
    Ok(())
}

/// Compares the database file with its sums; tells what does not fit.
pub(crate) fn verify(files: &Files) -> Result<Vec<String>, LedgerError> {
    // 8 bytes a page of at most 2^32 - 2 pages.
    let Some(sums) = files.read_bounded(&files.page_sums(), 1 << 35)? else {
        return Ok(vec!["its page sums (ledger.sums) are missing".to_owned()]);
    };
    let path = files.database();
    let moving = wal_pages(files)?;
    let database = files.open(&path, Access::Read)?;
    let read = || {
        let length = database.len()?;
        let mut problems = Vec::new();
        if moving.is_empty()
            && (length % PAGE as u64 != 0 || length / PAGE as u64 != (sums.len() / SUM) as u64)
        {
            problems.push(format!(
                "it is {length} bytes long, its page sums cover {} bytes",
                sums.len() / SUM * PAGE
            ));
        }
        let mut bytes = vec![0; RUN * PAGE];
        for (run, expected) in (0_u64..).zip(sums.chunks(RUN * SUM)) {
            let count = database.read_at(run * (RUN * PAGE) as u64, &mut bytes)?;
            let pages = bytes[..count].chunks_exact(PAGE).zip(expected.chunks(SUM));
            for (number, (page, expected)) in (run as u32 * RUN as u32 + 1..).zip(pages) {
                let is_covered = number != LOCK_PAGE && !moving.contains(&number);
                if is_covered && sum(page) != *expected {
                    problems.push(format!(
                        "page {number} and its sum in ledger.sums do not agree"
                    ));
                }
            }
        }
        Ok(problems)
    };
    read().map_err(|error| LedgerError::io("cannot read", &path, &error))
}

fn sum(page: &[u8]) -> [u8; SUM] {
    XxHash3_64::oneshot(page).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database that has grown beyond the page without content, which no write-ahead log ever brings.
    #[test]
    fn the_page_of_the_locks_has_no_sum_and_the_ones_beside_it_have() {
        let dir = std::env::temp_dir().join(format!("colophon-sums-{}", std::process::id()));
        let files = Files::new(&dir);
        files.create().unwrap();
        let database = files.open(&files.database(), Access::Write).unwrap();
        let grow = |pages: u32| database.set_len(u64::from(pages) * PAGE as u64).unwrap();
        let write = |page: u32, byte: u8| {
            let place = u64::from(page - 1) * PAGE as u64;
            database.write_at(place, &[byte; PAGE]).unwrap();
        };
        grow(LOCK_PAGE - 1);
        write(LOCK_PAGE - 1, 1);
        renew(&files).unwrap();
        grow(LOCK_PAGE + 2);
        write(LOCK_PAGE + 1, 2);
        update(&files, &BTreeSet::from([LOCK_PAGE + 1, LOCK_PAGE + 2])).unwrap();
        let problems = || verify(&files).unwrap();
        assert_eq!(problems(), [""; 0]);
        for page in [LOCK_PAGE - 1, LOCK_PAGE + 1] {
            write(page, 3);
            assert_eq!(problems().len(), 1, "page {page}");
            write(page, if page < LOCK_PAGE { 1 } else { 2 });
        }
        write(LOCK_PAGE, 4);
        assert_eq!(problems(), [""; 0]);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
