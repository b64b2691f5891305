//! A file of rows, read again one by one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde_json::{Map, Value as Json};

use crate::{Column, Form};

/// Longest line of JSON read, bytes.
const MAX_LINE: u64 = 16 << 20;

/// A cell as a file shows it. Compare it with [`Form::shown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Empty,
    /// Text; in CSV everything is.
    Text(String),
    /// A number.
    Integer(i64),
    /// Unix milliseconds, UTC.
    Milliseconds(i64),
    /// Yes or no.
    Boolean(bool),
}

/// A file that is no table with the columns asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system's.
    #[error("the table cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The columns are others.
    #[error(
        "the columns of the table are not those that this version writes; read it with the version that wrote it"
    )]
    Columns,
    /// A row cannot be read. Rows count from 1.
    #[error("row {row} of the table cannot be read: {reason}")]
    Row {
        /// Which.
        row: u64,
        /// What is wrong.
        reason: String,
    },
}

/// The rows of a file, in order; the last item is the first error.
pub struct Reader {
    rows: Rows,
    columns: &'static [Column],
    row: u64,
    ended: bool,
}

enum Rows {
    Csv(Box<csv::StringRecordsIntoIter<BufReader<File>>>),
    JsonLines(BufReader<File>),
    Parquet(RowIter<'static>),
}

impl Reader {
    /// Opens a table of that form with exactly these columns.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open(path: &Path, form: Form, columns: &'static [Column]) -> Result<Self, ReadError> {
        let file = File::open(path)?;
        let rows = match form {
            Form::Csv => {
                let mut reader = csv::ReaderBuilder::new().from_reader(BufReader::new(file));
                let header = reader.headers().map_err(|_| ReadError::Columns)?;
                same_names(header.iter(), columns)?;
                Rows::Csv(Box::new(reader.into_records()))
            }
            Form::JsonLines => Rows::JsonLines(BufReader::new(file)),
            Form::Parquet => {
                let opened = contained(|| SerializedFileReader::new(file));
                let reader = opened.and_then(Result::ok).ok_or(ReadError::Columns)?;
                let schema = reader.metadata().file_metadata().schema();
                same_names(
                    schema.get_fields().iter().map(|field| field.name()),
                    columns,
                )?;
                Rows::Parquet(RowIter::from_file_into(Box::new(reader)))
            }
        };
        Ok(Self {
            rows,
            columns,
            row: 0,
            ended: false,
        })
    }

    fn next_row(&mut self) -> Result<Option<Vec<Value>>, String> {
        match &mut self.rows {
            Rows::Csv(records) => {
                let Some(record) = records.next() else {
                    return Ok(None);
                };
                let record = record.map_err(|error| error.to_string())?;
                Ok(Some(
                    record.iter().map(|text| Value::Text(text.into())).collect(),
                ))
            }
            Rows::JsonLines(lines) => {
                let mut line = String::new();
                let read = lines.take(MAX_LINE).read_line(&mut line);
                if read.map_err(|error| error.to_string())? == 0 {
                    return Ok(None);
                }
                let fields = serde_json::from_str(&line).map_err(|error| error.to_string())?;
                of_json(fields, self.columns).map(Some)
            }
            Rows::Parquet(rows) => {
                let next = contained(|| rows.next());
                let Some(row) = next.ok_or("the file contradicts itself")? else {
                    return Ok(None);
                };
                let row = row.map_err(|error| error.to_string())?;
                row.get_column_iter()
                    .map(|(_, field)| of_field(field))
                    .collect::<Result<_, _>>()
                    .map(Some)
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Vec<Value>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.row += 1;
        let row = self.row;
        let next = self.next_row();
        self.ended = !matches!(next, Ok(Some(_)));
        next.map_err(|reason| ReadError::Row { row, reason })
            .transpose()
    }
}

/// The answer of the Parquet reader, `None` when it panicked: it does on files that contradict themselves.
fn contained<T>(read: impl FnOnce() -> T) -> Option<T> {
    // Whatever it left half done is not asked again: a reader ends with its first error.
    catch_unwind(AssertUnwindSafe(read)).ok()
}

fn same_names<'a>(
    found: impl Iterator<Item = &'a str>,
    columns: &[Column],
) -> Result<(), ReadError> {
    if found.eq(columns.iter().map(|column| column.name)) {
        Ok(())
    } else {
        Err(ReadError::Columns)
    }
}

fn of_json(fields: Map<String, Json>, columns: &[Column]) -> Result<Vec<Value>, String> {
    same_names(fields.keys().map(String::as_str), columns).map_err(|error| error.to_string())?;
    let value = |value| {
        Ok(match value {
            Json::Null => Value::Empty,
            Json::Bool(is) => Value::Boolean(is),
            Json::String(text) => Value::Text(text),
            Json::Number(number) => match number.as_i64() {
                Some(number) => Value::Integer(number),
                None => return Err(format!("{number} is no whole number of 64 bits")),
            },
            Json::Array(_) | Json::Object(_) => return Err("a cell is no single value".into()),
        })
    };
    fields.into_iter().map(|(_, field)| value(field)).collect()
}

fn of_field(field: &Field) -> Result<Value, String> {
    Ok(match field {
        Field::Null => Value::Empty,
        Field::Bool(is) => Value::Boolean(*is),
        Field::Long(number) => Value::Integer(*number),
        Field::TimestampMillis(time) => Value::Milliseconds(*time),
        Field::Str(text) => Value::Text(text.clone()),
        other => return Err(format!("{other} has a type that is not written here")),
    })
}
