//! JSON lines: an object a row, with every column in order; an empty cell is `null`.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::{Cell, Column, Table, check_width};

pub(crate) struct JsonLines<W> {
    to: W,
    columns: &'static [Column],
}

impl<W: Write> JsonLines<W> {
    pub fn new(to: W, columns: &'static [Column]) -> Self {
        Self { to, columns }
    }
}

impl<W: Write> Table for JsonLines<W> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        check_width(cells, self.columns)?;
        let fields: Map<String, Value> = self
            .columns
            .iter()
            .zip(cells)
            .map(|(column, cell)| (column.name.to_owned(), value(*cell)))
            .collect();
        let mut line = serde_json::to_string(&fields)?;
        line.push('\n');
        self.to.write_all(line.as_bytes())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.to.flush()
    }
}

fn value(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => text.into(),
        Cell::Integer(number) => number.into(),
        Cell::Time(time) => colophon_calendar::rfc3339(time).into(),
        Cell::Boolean(is) => is.into(),
    }
}
