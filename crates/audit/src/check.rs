//! An export held against its statement, and against a copy of the log.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::iter::Peekable;
use std::path::Path;

use colophon_tabular::{ReadError, Reader, Value};
use colophon_tlog::{Hash, VerifierKey};
use sha2::{Digest as _, Sha256};

use crate::export::{columns, statement_file};
use crate::statement::LeavesHash;
use crate::text::unhex;
use crate::{AuditError, LogFolder, PUBLIC_COLUMNS, Row, Statement};

/// Most findings listed.
const MOST: usize = 100;
/// A statement with a log line for each of a thousand years of shards is smaller.
const MAX_STATEMENT: u64 = 1 << 20;

/// What the check of an export found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// The signed statement.
    pub statement: Statement,
    /// What does not fit, at most 100 besides other histories of a log; none when all is well.
    pub mismatches: Vec<Mismatch>,
    /// How far the rows were held against the log.
    pub completeness: Completeness,
}

/// How far the rows of an export were held against the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Not at all: only the signer's word stands for it that nothing is missing.
    NotChecked,
    /// Every row is an entry of the log. Whether all are there cannot be told from public facts, because the filter
    /// rests on private ones.
    Rows,
    /// The rows are exactly the entries of the log that the filter admits.
    Whole,
}

/// Something that does not fit. `log` is an origin, `entry` a number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The file is not the one that was stated.
    File,
    /// The file has another number of rows.
    Rows {
        /// Found.
        found: u64,
    },
    /// The rows are others, or stand in another order.
    Leaves,
    /// The log that the statement tells of is not the copy.
    Root {
        /// The log.
        log: String,
    },
    /// An entry that the filter admits has no row.
    Missing {
        /// The log.
        log: String,
        /// The entry.
        entry: u64,
    },
    /// A row of an entry that the filter does not admit or the log does not have, a second one, or one out of order.
    Foreign {
        /// The log as the row names it.
        log: String,
        /// The entry.
        entry: u64,
    },
    /// A row that does not say what the entry says.
    Content {
        /// The log.
        log: String,
        /// The entry.
        entry: u64,
        /// The first column that differs.
        column: &'static str,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file is not the one that the statement is about"),
            Self::Rows { found } => {
                write!(f, "the file has {found} rows, which is not what was stated")
            }
            Self::Leaves => {
                f.write_str("the rows are not those that were stated, or not in that order")
            }
            Self::Root { log } => write!(
                f,
                "the statement tells of another history of {log} than the copy of the log at hand"
            ),
            Self::Missing { log, entry } => write!(f, "entry {entry} of {log} is missing"),
            Self::Foreign { log, entry } => write!(
                f,
                "the row of entry {entry} of {log} does not belong here: no such entry, not admitted by the filter, twice, or out of order"
            ),
            Self::Content { log, entry, column } => {
                write!(
                    f,
                    "entry {entry} of {log} says something else in the column {column}"
                )
            }
        }
    }
}

/// Checks the export `table` against the statement beside it, which must be signed by `key`, and against a copy of the
/// ledger's folder if there is one. Works in memory that does not grow with the export.
///
/// # Errors
/// [`AuditError::Statement`] when the statement cannot be believed, [`AuditError::Folder`] when the copy is not whole;
/// what the check finds is in the report.
pub fn check_export(
    table: &Path,
    key: &VerifierKey,
    copy: Option<&Path>,
) -> Result<ExportReport, AuditError> {
    let note = read_statement(&statement_file(table))?;
    let statement = Statement::open(&note, key)?;
    let mut findings = Findings(Vec::new());
    let altered = file_hash(table)? != statement.sha256;
    if altered {
        findings.add(Mismatch::File);
    }
    let completeness = match check_rows(copy, key, table, &statement, &mut findings) {
        // A file that was altered may be no table any more, which is no news.
        Err(AuditError::Table(_)) if altered => Completeness::NotChecked,
        checked => checked?,
    };
    Ok(ExportReport {
        mismatches: findings.0,
        statement,
        completeness,
    })
}

/// At most [`MOST`] mismatches.
struct Findings(Vec<Mismatch>);

impl Findings {
    fn add(&mut self, mismatch: Mismatch) {
        if self.0.len() < MOST {
            self.0.push(mismatch);
        }
    }
}

fn check_rows(
    copy: Option<&Path>,
    key: &VerifierKey,
    table: &Path,
    statement: &Statement,
    findings: &mut Findings,
) -> Result<Completeness, AuditError> {
    check_sums(table, statement, findings)?;
    let Some(copy) = copy else {
        return Ok(Completeness::NotChecked);
    };
    check_against(copy, key, table, statement, findings)?;
    Ok(if statement.filter.is_public() {
        Completeness::Whole
    } else {
        Completeness::Rows
    })
}

/// Holds the rows of the file against what the statement says of them.
fn check_sums(
    table: &Path,
    statement: &Statement,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let mut leaves = LeavesHash::new();
    let mut found = 0;
    for row in rows(table, statement)? {
        let row = row?;
        let number = statement.logs.iter().position(|log| log.origin == row.log);
        // A log that was not stated has no number.
        let number = number.map_or(u32::MAX, |number| number as u32);
        leaves.row(number, row.entry, &row.leaf_hash);
        found += 1;
    }
    if found != statement.rows {
        findings.add(Mismatch::Rows { found });
    }
    if leaves.finish() != statement.leaves {
        findings.add(Mismatch::Leaves);
    }
    Ok(())
}

/// Goes through the entries of the logs and the rows side by side.
fn check_against(
    copy: &Path,
    key: &VerifierKey,
    table: &Path,
    statement: &Statement,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let mut rows = rows(table, statement)?.peekable();
    for log in &statement.logs {
        let folder = LogFolder::within(copy, key.name(), &log.origin);
        let mut walk = Walk {
            statement,
            origin: &log.origin,
            rows: &mut rows,
            findings,
        };
        let root = folder.each_leaf(log.size, |entry, leaf| walk.entry(entry, leaf))?;
        if root != log.root {
            // The gravest, whatever else was found by then.
            let log = log.origin.clone();
            findings.0.insert(0, Mismatch::Root { log });
        }
    }
    for row in rows {
        let Found { log, entry, .. } = row?;
        findings.add(Mismatch::Foreign { log, entry });
    }
    Ok(())
}

/// One log and the rows that are left.
struct Walk<'a, I: Iterator> {
    statement: &'a Statement,
    origin: &'a str,
    rows: &'a mut Peekable<I>,
    findings: &'a mut Findings,
}

impl<I: Iterator<Item = Result<Found, ReadError>>> Walk<'_, I> {
    fn entry(&mut self, entry: u64, leaf: &[u8]) -> Result<(), AuditError> {
        let unreadable = |reason| AuditError::Leaf {
            log: self.origin.to_owned(),
            index: entry,
            reason,
        };
        let admitted = self.statement.filter.admits(leaf).map_err(unreadable)?;
        let expected = Row::of_leaf(self.origin, entry, leaf).map_err(unreadable)?;
        let mut has_row = false;
        while let Some(row) = self.next_up_to(entry)? {
            if !admitted || has_row || row.entry != entry {
                self.findings.add(Mismatch::Foreign {
                    log: row.log,
                    entry: row.entry,
                });
                continue;
            }
            has_row = true;
            if let Some(column) = differs(&expected, &row, self.statement) {
                self.findings.add(Mismatch::Content {
                    log: row.log,
                    entry,
                    column,
                });
            }
        }
        if admitted && !has_row && self.statement.filter.is_public() {
            self.findings.add(Mismatch::Missing {
                log: self.origin.to_owned(),
                entry,
            });
        }
        Ok(())
    }

    /// The next row of this log, if it is of this entry or of one before.
    fn next_up_to(&mut self, entry: u64) -> Result<Option<Found>, AuditError> {
        let due = match self.rows.peek() {
            Some(Ok(row)) => row.log == self.origin && row.entry <= entry,
            Some(Err(_)) => true,
            None => false,
        };
        if due {
            Ok(self.rows.next().transpose()?)
        } else {
            Ok(None)
        }
    }
}

/// The first public column in which the row is not what the entry says.
fn differs(expected: &Row, row: &Found, statement: &Statement) -> Option<&'static str> {
    let cells = expected.cells(false);
    let mut columns = cells.iter().zip(&row.cells).zip(PUBLIC_COLUMNS);
    columns
        .find(|((cell, found), _)| statement.form.shown(**cell) != **found)
        .map(|(_, column)| column.name)
}

/// A row of the export.
struct Found {
    log: String,
    entry: u64,
    leaf_hash: Hash,
    cells: Vec<Value>,
}

fn rows(
    table: &Path,
    statement: &Statement,
) -> Result<impl Iterator<Item = Result<Found, ReadError>>, AuditError> {
    let reader = Reader::open(table, statement.form, columns(statement.private))?;
    Ok((1..).zip(reader).map(|(number, cells)| {
        let cells = cells?;
        found(cells).ok_or_else(|| ReadError::Row {
            row: number,
            reason: "log, entry or leaf_hash is not what it should be".to_owned(),
        })
    }))
}

/// Reads the first three cells: log, entry, leaf hash.
fn found(cells: Vec<Value>) -> Option<Found> {
    let text = |at: usize| match cells.get(at)? {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    Some(Found {
        log: text(0)?,
        entry: text(1)?.parse().ok()?,
        leaf_hash: Hash(unhex(&text(2)?)?),
        cells,
    })
}

fn read_statement(path: &Path) -> Result<Vec<u8>, AuditError> {
    let mut note = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_STATEMENT).read_to_end(&mut note))
        .map_err(AuditError::io("read", path))?;
    Ok(note)
}

/// SHA-256 of a file of any length.
///
/// # Errors
/// [`AuditError::Io`] when it cannot be read.
pub fn file_hash(path: &Path) -> Result<[u8; 32], AuditError> {
    struct Hashing(Sha256);
    impl io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hash = Hashing(Sha256::new());
    File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut hash))
        .map_err(AuditError::io("read", path))?;
    Ok(hash.0.finalize().into())
}
