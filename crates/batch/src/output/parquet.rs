//! Apache Parquet, for what analyses tables.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::{Sink, Told};
use crate::{Cell, Column, Kind, Row};

/// Rows of a group: at about 2 KiB a row, some megabytes are held.
const GROUP: usize = 4096;

pub(super) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    rows: Vec<Row>,
}

impl<W: Write + Send> Parquet<W> {
    pub fn new(to: W) -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("colophon ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let schema = schema().map_err(io::Error::other)?;
        let writer = SerializedFileWriter::new(to, schema, Arc::new(properties))
            .map_err(io::Error::other)?;
        Ok(Self {
            writer,
            rows: Vec::with_capacity(GROUP),
        })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        let cells: Vec<Vec<Cell<'_>>> = self.rows.iter().map(Row::cells).collect();
        for (at, column) in Row::COLUMNS.iter().enumerate() {
            let values = || cells.iter().map(move |row| row[at]);
            // 1 where there is a value, 0 where there is none.
            let levels: Vec<i16> = values()
                .map(|cell| i16::from(cell != Cell::Empty))
                .collect();
            let Some(mut writer) = group.next_column()? else {
                return Err(ParquetError::General("a column is missing".into()));
            };
            match column.kind {
                Kind::Text => {
                    let texts: Vec<ByteArray> = values().filter_map(text).collect();
                    writer
                        .typed::<ByteArrayType>()
                        .write_batch(&texts, Some(&levels), None)?;
                }
                Kind::Integer => {
                    let numbers: Vec<i64> = values().filter_map(integer).collect();
                    writer
                        .typed::<Int64Type>()
                        .write_batch(&numbers, Some(&levels), None)?;
                }
            }
            writer.close()?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

impl<W: Write + Send> Sink for Parquet<W> {
    fn row(&mut self, told: &Told<'_>) -> io::Result<()> {
        self.rows.push(told.row.clone());
        if self.rows.len() == GROUP {
            self.write_group().map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if !self.rows.is_empty() {
            self.write_group().map_err(io::Error::other)?;
        }
        let mut inner = self.writer.into_inner().map_err(io::Error::other)?;
        inner.flush()
    }
}

fn text(cell: Cell<'_>) -> Option<ByteArray> {
    match cell {
        Cell::Text(text) => Some(text.into()),
        _ => None,
    }
}

fn integer(cell: Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Integer(number) => Some(number),
        _ => None,
    }
}

fn schema() -> Result<TypePtr, ParquetError> {
    let columns = Row::COLUMNS.iter().map(field).collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("colophon_bulk")
        .with_fields(columns)
        .build()?;
    Ok(Arc::new(schema))
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let builder = match column.kind {
        Kind::Text => Type::primitive_type_builder(column.name, Physical::BYTE_ARRAY)
            .with_logical_type(Some(LogicalType::String)),
        Kind::Integer => Type::primitive_type_builder(column.name, Physical::INT64),
    };
    Ok(Arc::new(
        builder.with_repetition(Repetition::OPTIONAL).build()?,
    ))
}
