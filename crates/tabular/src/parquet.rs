//! Apache Parquet, for what analyses tables.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use crate::{Cell, Column, Kind, Table, check_width};

/// Rows of a group: at about 2 KiB a row, some megabytes are held.
const GROUP: usize = 4096;

pub(crate) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: &'static [Column],
    held: Vec<Held>,
    rows: usize,
}

/// The values of a column that wait for their group, and for each row whether it has one.
struct Held {
    values: Values,
    levels: Vec<i16>,
}

enum Values {
    Texts(Vec<ByteArray>),
    Integers(Vec<i64>),
    Booleans(Vec<bool>),
}

impl<W: Write + Send> Parquet<W> {
    pub fn new(to: W, schema: &str, columns: &'static [Column]) -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("colophon ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let schema = self::schema(schema, columns).map_err(io::Error::other)?;
        let writer = SerializedFileWriter::new(to, schema, Arc::new(properties))
            .map_err(io::Error::other)?;
        Ok(Self {
            writer,
            columns,
            held: columns.iter().map(Held::new).collect(),
            rows: 0,
        })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for held in &mut self.held {
            let Some(mut writer) = group.next_column()? else {
                return Err(ParquetError::General("a column is missing".into()));
            };
            held.write(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl<W: Write + Send> Table for Parquet<W> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        check_width(cells, self.columns)?;
        for (held, cell) in self.held.iter_mut().zip(cells) {
            held.push(*cell)?;
        }
        self.rows += 1;
        if self.rows == GROUP {
            self.write_group().map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group().map_err(io::Error::other)?;
        }
        let mut inner = self.writer.into_inner().map_err(io::Error::other)?;
        inner.flush()
    }
}

impl Held {
    fn new(column: &Column) -> Self {
        Self {
            values: match column.kind {
                Kind::Text => Values::Texts(Vec::new()),
                Kind::Integer | Kind::Time => Values::Integers(Vec::new()),
                Kind::Boolean => Values::Booleans(Vec::new()),
            },
            levels: Vec::new(),
        }
    }

    fn push(&mut self, cell: Cell<'_>) -> io::Result<()> {
        self.levels.push(i16::from(cell != Cell::Empty));
        match (&mut self.values, cell) {
            (_, Cell::Empty) => {}
            (Values::Texts(values), Cell::Text(text)) => values.push(text.into()),
            (Values::Integers(values), Cell::Integer(number)) => values.push(number),
            (Values::Integers(values), Cell::Time(time)) => values.push(milliseconds(time)),
            (Values::Booleans(values), Cell::Boolean(is)) => values.push(is),
            _ => {
                let message = format!("{cell:?} in a column of another kind");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        }
        Ok(())
    }

    /// Writes the group and forgets it.
    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(self.levels.as_slice());
        match (&mut self.values, writer) {
            (Values::Texts(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            (Values::Integers(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            (Values::Booleans(values), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(values, levels, None)?;
                values.clear();
            }
            _ => return Err(ParquetError::General("a column of another kind".into())),
        }
        self.levels.clear();
        Ok(())
    }
}

/// The unit of times here; what lies beyond its range is moved to its end.
pub(crate) fn milliseconds(unix_seconds: i64) -> i64 {
    unix_seconds.saturating_mul(1_000)
}

fn schema(name: &str, columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let columns = columns.iter().map(field).collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder(name)
        .with_fields(columns)
        .build()?;
    Ok(Arc::new(schema))
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let primitive = |physical| Type::primitive_type_builder(column.name, physical);
    let builder = match column.kind {
        Kind::Text => primitive(Physical::BYTE_ARRAY).with_logical_type(Some(LogicalType::String)),
        Kind::Integer => primitive(Physical::INT64),
        Kind::Time => primitive(Physical::INT64)
            .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        Kind::Boolean => primitive(Physical::BOOLEAN),
    };
    Ok(Arc::new(
        builder.with_repetition(Repetition::OPTIONAL).build()?,
    ))
}
