//! Exports: a table of entries, and the signed statement beside it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use colophon_archive::ZipStream;
use colophon_ledger::{Hit, Query};
use colophon_tabular::{Column, Form, Staged, Table};
use colophon_tlog::{NoteSigner, leaf_hash};
use sha2::{Digest as _, Sha256};

use crate::statement::{LeavesHash, ListedLog, Statement};
use crate::{ALL_COLUMNS, AuditError, PUBLIC_COLUMNS, Row};

/// Entries taken from the ledger at once.
const PAGE: usize = 1_024;
/// How to check an export in an archive.
const EXPORT_README: &str = include_str!("export/README.md");
/// Name of the table in Parquet.
const SCHEMA: &str = "colophon_ledger";

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// What it is.
    pub statement: Statement,
    /// The file of the signed statement.
    pub statement_file: PathBuf,
}

/// The columns of an export.
pub(crate) fn columns(private: bool) -> &'static [Column] {
    if private { ALL_COLUMNS } else { PUBLIC_COLUMNS }
}

/// The file of the statement on an export: its name with `.statement` behind.
pub(crate) fn statement_file(table: &Path) -> PathBuf {
    let mut name = table.as_os_str().to_owned();
    name.push(".statement");
    name.into()
}

/// Writes every answer of `query` to the file `table`, and the signed statement beside it. Both appear whole or not
/// at all; memory does not grow with the ledger. `private` adds the private columns; the query must have been asked
/// with them.
///
/// # Errors
/// [`AuditError::Exists`] unless `overwrite`; [`AuditError::Unproven`] when an entry is not in the signed log.
pub fn export(
    query: &Query<'_>,
    table: &Path,
    form: Form,
    private: bool,
    overwrite: bool,
    signer: &dyn NoteSigner,
) -> Result<Exported, AuditError> {
    let statement_file = statement_file(table);
    for path in [table, &statement_file] {
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(AuditError::Exists(path.to_owned()));
        }
    }
    let mut staged = Staged::create(table).map_err(AuditError::io("write", table))?;
    let statement = write(query, &mut staged, form, private)
        .map_err(|error| error.or_io(AuditError::io("write", table)))?;
    let note = statement.sign(signer)?.to_string();
    let mut staged_note =
        Staged::create(&statement_file).map_err(AuditError::io("write", &statement_file))?;
    staged_note
        .write_all(note.as_bytes())
        .map_err(AuditError::io("write", &statement_file))?;
    // The statement last: where it stands, its table does too.
    staged.commit().map_err(AuditError::io("write", table))?;
    staged_note
        .commit()
        .map_err(AuditError::io("write", &statement_file))?;
    Ok(Exported {
        statement,
        statement_file,
    })
}

/// Writes every answer of `query` into a zip archive as it comes, then the signed statement on the table, the key of
/// the ledger and how to check both. Memory does not grow with the ledger; the archive has no statement, and no end,
/// before the last row is in it. `private` as of [`export`].
///
/// # Errors
/// [`AuditError::Unproven`] when an entry is not in the signed log; [`AuditError::Stream`] when `to` takes no more.
pub fn export_zip(
    query: &Query<'_>,
    to: impl Write + Send,
    form: Form,
    private: bool,
    signer: &dyn NoteSigner,
) -> Result<Statement, AuditError> {
    let table = format!("ledger.{}", form.name());
    let mut zip = ZipStream::new(to);
    zip.start(&table).map_err(AuditError::Stream)?;
    let statement =
        write(query, &mut zip, form, private).map_err(|error| error.or_io(AuditError::Stream))?;
    let note = statement.sign(signer)?.to_string();
    let key = signer.verifier_key().to_string();
    let readme = EXPORT_README
        .replace("{{table}}", &table)
        .replace("{{key}}", &key);
    for (name, text) in [
        (format!("{table}.statement"), note),
        ("log.vkey".to_owned(), format!("{key}\n")),
        ("README.md".to_owned(), readme),
    ] {
        zip.start(&name).map_err(AuditError::Stream)?;
        zip.write_all(text.as_bytes()).map_err(AuditError::Stream)?;
    }
    zip.finish().map_err(AuditError::Stream)?;
    Ok(statement)
}

/// An error of the ledger, or of the file.
enum WriteError {
    Audit(AuditError),
    Io(io::Error),
}

impl WriteError {
    fn or_io(self, told: impl FnOnce(io::Error) -> AuditError) -> AuditError {
        match self {
            Self::Audit(error) => error,
            Self::Io(error) => told(error),
        }
    }
}

impl From<AuditError> for WriteError {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn write(
    query: &Query<'_>,
    to: &mut (impl Write + Send),
    form: Form,
    private: bool,
) -> Result<Statement, WriteError> {
    let mut to = Hashing {
        to,
        hash: Sha256::new(),
    };
    let logs = query.checkpoints().iter().map(|checkpoint| ListedLog {
        origin: checkpoint.origin.clone(),
        size: checkpoint.size,
        root: checkpoint.root,
        rows: 0,
        first_and_last: None,
    });
    let mut tally = Tally {
        logs: logs.collect(),
        leaves: LeavesHash::new(),
        rows: 0,
    };
    let mut table = form.table(&mut to, SCHEMA, columns(private))?;
    let mut cursor = Some(query.start());
    while let Some(from) = cursor {
        let page = query.page(from, PAGE).map_err(AuditError::from)?;
        for hit in &page.hits {
            write_row(hit, &mut *table, private)?;
            tally.add(hit);
        }
        cursor = page.next;
    }
    table.finish()?;
    to.flush()?;
    Ok(Statement {
        form,
        private,
        sha256: to.hash.finalize().into(),
        filter: query.filter().clone(),
        rows: tally.rows,
        leaves: tally.leaves.finish(),
        logs: tally.logs,
    })
}

fn write_row(hit: &Hit, table: &mut dyn Table, private: bool) -> Result<(), WriteError> {
    if let Err(reason) = &hit.inclusion {
        return Err(WriteError::Audit(AuditError::Unproven {
            log: hit.log.clone(),
            index: hit.id.index.0,
            reason: reason.to_string(),
        }));
    }
    let row = Row::of(hit).map_err(|reason| AuditError::Leaf {
        log: hit.log.clone(),
        index: hit.id.index.0,
        reason,
    })?;
    Ok(table.row(&row.cells(private))?)
}

/// What the statement says of the rows.
struct Tally {
    logs: Vec<ListedLog>,
    leaves: LeavesHash,
    rows: u64,
}

impl Tally {
    fn add(&mut self, hit: &Hit) {
        let found = self.logs.iter_mut().enumerate();
        let Some((number, log)) = found.into_iter().find(|(_, log)| log.origin == hit.log) else {
            return;
        };
        let index = hit.id.index.0;
        let first = log.first_and_last.map_or(index, |(first, _)| first);
        log.first_and_last = Some((first, index));
        log.rows += 1;
        self.rows += 1;
        self.leaves.row(number as u32, index, &leaf_hash(&hit.leaf));
    }
}

/// Hashes what passes.
struct Hashing<'a, W> {
    to: &'a mut W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
