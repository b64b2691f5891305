//! Outputs: JSON lines, CSV and Parquet, in files that appear whole or on standard output as rows come.

mod jsonl;

use std::io;
use std::path::{Path, PathBuf};

use colophon_tabular::{Form as TableForm, Table};
use serde_json::{Map, Value};

use crate::{BatchError, Row};

/// Where one output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Rows as they come.
    Stream,
    /// A file, which appears at the end.
    File(PathBuf),
}

/// The outputs of a run; at least one.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    /// JSON lines: the whole report.
    pub jsonl: Option<Target>,
    /// CSV.
    pub csv: Option<Target>,
    /// Parquet.
    pub parquet: Option<Target>,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Jsonl,
    Csv,
    Parquet,
}

/// A finished row, as it goes out.
pub(crate) struct Told<'a> {
    pub row: &'a Row,
    /// JSON; empty when reports are not kept.
    pub report: &'a str,
    /// What the list said.
    pub input: Option<&'a Map<String, Value>>,
}

/// Writes rows in one form.
pub(crate) trait Sink {
    fn row(&mut self, told: &Told<'_>) -> io::Result<()>;
    /// Writes what comes last.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl Outputs {
    /// Refuses outputs that cannot be written together or are there already.
    ///
    /// # Errors
    /// [`BatchError::SameOutput`], [`BatchError::ParquetStream`], [`BatchError::Exists`] unless `overwrite`.
    pub fn check(&self, overwrite: bool) -> Result<(), BatchError> {
        let all = self.all();
        if all
            .iter()
            .any(|(form, target)| *form == Form::Parquet && **target == Target::Stream)
        {
            return Err(BatchError::ParquetStream);
        }
        for (at, (_, target)) in all.iter().enumerate() {
            if all[..at].iter().any(|(_, before)| before == target) {
                return Err(BatchError::SameOutput);
            }
        }
        let taken = self
            .files()
            .find(|(_, path)| path.symlink_metadata().is_ok());
        match taken {
            Some((_, path)) if !overwrite => Err(BatchError::Exists(path.to_path_buf())),
            _ => Ok(()),
        }
    }

    /// The part file: beside the first output that is a file.
    pub fn part(&self) -> Option<PathBuf> {
        let (_, path) = self.files().next()?;
        let mut name = path.as_os_str().to_os_string();
        name.push(".part");
        Some(name.into())
    }

    /// Whether reports are needed besides rows.
    pub(crate) fn need_reports(&self) -> bool {
        self.jsonl.is_some()
    }

    pub(crate) fn stream(&self) -> Option<Form> {
        let mut streams = self
            .all()
            .into_iter()
            .filter(|(_, target)| **target == Target::Stream);
        streams.next().map(|(form, _)| form)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (Form, &Path)> {
        self.all()
            .into_iter()
            .filter_map(|(form, target)| match target {
                Target::File(path) => Some((form, path.as_path())),
                Target::Stream => None,
            })
    }

    fn all(&self) -> Vec<(Form, &Target)> {
        [
            (Form::Jsonl, &self.jsonl),
            (Form::Csv, &self.csv),
            (Form::Parquet, &self.parquet),
        ]
        .into_iter()
        .filter_map(|(form, target)| Some((form, target.as_ref()?)))
        .collect()
    }
}

impl Form {
    /// A writer of this form.
    pub fn sink<'a>(self, to: impl io::Write + Send + 'a) -> io::Result<Box<dyn Sink + 'a>> {
        Ok(match self {
            Self::Jsonl => Box::new(jsonl::Jsonl(to)),
            Self::Csv => Box::new(Rows::new(TableForm::Csv, to)?),
            Self::Parquet => Box::new(Rows::new(TableForm::Parquet, to)?),
        })
    }
}

/// A table of [`Row`]s.
struct Rows<'a>(Box<dyn Table + 'a>);

impl<'a> Rows<'a> {
    fn new(form: TableForm, to: impl io::Write + Send + 'a) -> io::Result<Self> {
        form.table(to, "colophon_bulk", Row::COLUMNS).map(Self)
    }
}

impl Sink for Rows<'_> {
    fn row(&mut self, told: &Told<'_>) -> io::Result<()> {
        self.0.row(&told.row.cells())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()
    }
}
