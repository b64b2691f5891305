//! Tables: columns and rows, written as CSV, JSON lines and Parquet, and read back.
//!
//! * [`Column`] and [`Cell`] say what a table holds;
//! * [`Form`] writes rows of cells in one of three forms, one row after the other;
//! * [`Reader`] reads such a file again, and [`Form::shown`] tells what it must find for a cell;
//! * [`Staged`] is a file that appears under its name when it is whole.

mod csv;
mod jsonl;
mod parquet;
mod read;
mod staged;

use std::io::{self, Write};

pub use read::{ReadError, Reader, Value};
pub use staged::Staged;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// An instant, to the second: RFC 3339 in UTC as text, a timestamp of milliseconds in Parquet.
    Time,
    /// Yes or no: `true` or `false` as text.
    Boolean,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds; any cell can be empty.
    pub kind: Kind,
    /// What it means.
    pub meaning: &'static str,
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// Text as found: not made safe for any program.
    Text(&'a str),
    /// A number.
    Integer(i64),
    /// Unix seconds, UTC.
    Time(i64),
    /// Yes or no.
    Boolean(bool),
}

impl<'a> From<&'a Option<String>> for Cell<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().map_or(Self::Empty, Self::Text)
    }
}

impl From<&Option<i64>> for Cell<'_> {
    fn from(value: &Option<i64>) -> Self {
        value.map_or(Self::Empty, Self::Integer)
    }
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// RFC 4180, safe to open in a spreadsheet.
    Csv,
    /// One JSON object a line, with a field for each column.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

/// Writes rows in one form. Each row has a cell for each column, of its kind or empty.
pub trait Table {
    /// Writes a row, or keeps it until there are enough for a group.
    ///
    /// # Errors
    /// The writer's, or `InvalidInput` for a row that does not go with the columns.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;

    /// Writes what comes last.
    ///
    /// # Errors
    /// The writer's.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl Form {
    /// The form's name: `csv`, `jsonl` or `parquet`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// The form with that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Csv, Self::JsonLines, Self::Parquet]
            .into_iter()
            .find(|form| form.name() == name)
    }

    /// A table in this form. `schema` names the whole in Parquet.
    ///
    /// # Errors
    /// The writer's: a header may be written at once.
    pub fn table<'a>(
        self,
        to: impl Write + Send + 'a,
        schema: &str,
        columns: &'static [Column],
    ) -> io::Result<Box<dyn Table + 'a>> {
        Ok(match self {
            Self::Csv => Box::new(csv::Csv::new(to, columns)?),
            Self::JsonLines => Box::new(jsonl::JsonLines::new(to, columns)),
            Self::Parquet => Box::new(parquet::Parquet::new(to, schema, columns)?),
        })
    }

    /// What [`Reader`] must find in a file of this form where `cell` was written.
    pub fn shown(self, cell: Cell<'_>) -> Value {
        match (self, cell) {
            (Self::Csv, cell) => Value::Text(csv::text(cell).into_owned()),
            (_, Cell::Empty) => Value::Empty,
            (_, Cell::Text(text)) => Value::Text(text.to_owned()),
            (_, Cell::Integer(number)) => Value::Integer(number),
            (Self::JsonLines, Cell::Time(time)) => Value::Text(colophon_calendar::rfc3339(time)),
            (Self::Parquet, Cell::Time(time)) => Value::Milliseconds(parquet::milliseconds(time)),
            (_, Cell::Boolean(is)) => Value::Boolean(is),
        }
    }
}

/// Refuses a row of another width.
fn check_width(cells: &[Cell<'_>], columns: &[Column]) -> io::Result<()> {
    if cells.len() == columns.len() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "a row of {} cells in {} columns",
            cells.len(),
            columns.len()
        ),
    ))
}
