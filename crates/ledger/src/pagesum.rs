//! Check sums of the database file's pages (`ledger.sums`, 8 bytes a page: the start of its SHA-256).
//!
//! Rows are covered by the log. These sums cover the rest of the file (headers, free space, index pages), so that a
//! byte gone bad anywhere is found. They are no evidence: whoever can write the database can write them.
//!
//! The database file changes only when its write-ahead log is moved into it, which only the writer does, under the
//! ledger's lock: pages move, their sums are written, then the write-ahead log is emptied. Pages that are still in
//! the write-ahead log have its sums instead, so a crash in between leaves nothing wrong.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};

use sha2::{Digest, Sha256};

use crate::error::LedgerError;
use crate::files::{Files, read_bounded};

/// Bytes of a database page.
pub(crate) const PAGE: usize = 4_096;
const SUM: usize = 8;
/// `SQLite` file format, section 4.1: a 32-byte header, then frames of a 24-byte header and a page.
const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Numbers (from 1) of the pages in the write-ahead log.
pub(crate) fn wal_pages(files: &Files) -> Result<BTreeSet<u32>, LedgerError> {
    let path = files.write_ahead_log();
    match read_wal(&path) {
        Ok(pages) => Ok(pages),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(LedgerError::io("cannot read", &path, &error)),
    }
}

fn read_wal(path: &std::path::Path) -> io::Result<BTreeSet<u32>> {
    let mut file = File::open(path)?;
    let mut pages = BTreeSet::new();
    let mut header = [0; WAL_HEADER];
    if !read_whole(&mut file, &mut header)? {
        return Ok(pages);
    }
    let mut frame = [0; FRAME_HEADER];
    // Frames of an earlier round have another salt.
    while read_whole(&mut file, &mut frame)? && frame[8..16] == header[16..24] {
        pages.insert(u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]));
        file.seek_relative(PAGE as i64)?;
    }
    Ok(pages)
}

/// Fills `buffer`; `false` at the end of the file.
fn read_whole(file: &mut File, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether there are sums yet.
pub(crate) fn exist(files: &Files) -> bool {
    files.page_sums().exists()
}

/// Writes the sums of the given pages, of all without a list, and makes them durable.
pub(crate) fn update(files: &Files, pages: Option<&BTreeSet<u32>>) -> Result<(), LedgerError> {
    let path = files.page_sums();
    let write = || {
        let mut database = File::open(files.database())?;
        let count = database.metadata()?.len() / PAGE as u64;
        let mut sums = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        sums.set_len(count * SUM as u64)?;
        let mut page = [0; PAGE];
        let all = 1..=u32::try_from(count).unwrap_or(u32::MAX);
        let numbers = pages.map_or_else(
            || all.clone().collect(),
            |pages| pages.range(all.clone()).copied().collect::<Vec<_>>(),
        );
        for number in numbers {
            let place = u64::from(number) - 1;
            database.seek(SeekFrom::Start(place * PAGE as u64))?;
            database.read_exact(&mut page)?;
            sums.seek(SeekFrom::Start(place * SUM as u64))?;
            sums.write_all(&sum(&page))?;
        }
        sums.sync_all()
    };
    write().map_err(|error| LedgerError::io("cannot write", &path, &error))
}

/// Compares the database file with its sums; tells what does not fit.
pub(crate) fn verify(files: &Files) -> Result<Vec<String>, LedgerError> {
    // 8 bytes a page of at most 2^32 - 2 pages.
    let Some(sums) = read_bounded(&files.page_sums(), 1 << 35)? else {
        return Ok(vec!["its page sums (ledger.sums) are missing".to_owned()]);
    };
    let path = files.database();
    let moving = wal_pages(files)?;
    let read = || {
        let mut database = io::BufReader::with_capacity(64 * PAGE, File::open(&path)?);
        let length = database.get_ref().metadata()?.len();
        let mut problems = Vec::new();
        if moving.is_empty()
            && (length % PAGE as u64 != 0 || length / PAGE as u64 != (sums.len() / SUM) as u64)
        {
            problems.push(format!(
                "it is {length} bytes long, its page sums cover {} bytes",
                sums.len() / SUM * PAGE
            ));
        }
        let mut page = [0; PAGE];
        for (number, expected) in (1..).zip(sums.chunks(SUM)) {
            if database.read_exact(&mut page).is_err() {
                break;
            }
            if !moving.contains(&number) && sum(&page) != *expected {
                problems.push(format!(
                    "page {number} and its sum in ledger.sums do not agree"
                ));
            }
        }
        Ok(problems)
    };
    read().map_err(|error| LedgerError::io("cannot read", &path, &error))
}

fn sum(page: &[u8; PAGE]) -> [u8; SUM] {
    let digest: [u8; 32] = Sha256::digest(page).into();
    let mut sum = [0; SUM];
    sum.copy_from_slice(&digest[..SUM]);
    sum
}
