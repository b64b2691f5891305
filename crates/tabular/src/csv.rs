//! CSV by RFC 4180, safe to open in a spreadsheet.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};

use crate::{Cell, Column, Table, check_width};

pub(crate) struct Csv<W: Write> {
    writer: Writer<W>,
    columns: &'static [Column],
}

impl<W: Write> Csv<W> {
    pub fn new(to: W, columns: &'static [Column]) -> io::Result<Self> {
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(to);
        let names = columns.iter().map(|column| column.name);
        writer.write_record(names).map_err(plain)?;
        Ok(Self { writer, columns })
    }
}

impl<W: Write> Table for Csv<W> {
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        check_width(cells, self.columns)?;
        let texts = cells.iter().map(|cell| text(*cell).into_owned());
        self.writer.write_record(texts).map_err(plain)?;
        // Whoever follows a stream wants rows, not parts of them.
        self.writer.flush()
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The cell as it stands between the commas, before quoting.
pub(crate) fn text(cell: Cell<'_>) -> Cow<'_, str> {
    match cell {
        Cell::Empty => Cow::Borrowed(""),
        Cell::Text(text) => safe(text),
        Cell::Integer(number) => Cow::Owned(number.to_string()),
        Cell::Time(time) => Cow::Owned(colophon_calendar::rfc3339(time)),
        Cell::Boolean(is) => Cow::Borrowed(if is { "true" } else { "false" }),
    }
}

/// The system's own error, so that a reader who went away is known as such.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Text that no spreadsheet takes for a formula, with an apostrophe before such (OWASP, "CSV injection"), and in which
/// control characters, those that turn the direction of writing, and tags are written out as `\u{1b}`.
fn safe(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    if !is_formula && !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut cell = String::from(if is_formula { "'" } else { "" });
    for c in text.chars() {
        if is_hidden(c) {
            // Writing to a string cannot fail.
            let _ = write!(cell, "{}", c.escape_unicode());
        } else {
            cell.push(c);
        }
    }
    Cow::Owned(cell)
}

fn is_hidden(c: char) -> bool {
    let directional = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let invisible = matches!(
        c,
        '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    );
    c.is_control() || directional || invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_and_hidden_characters_are_written_out() {
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("＝1", "'＝1"),
            ("\t=1", "'\\u{9}=1"),
            ("a\r\nb\u{1b}[2J", "a\\u{d}\\u{a}b\\u{1b}[2J"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("Zürich; 東京", "Zürich; 東京"),
        ] {
            assert_eq!(safe(text), cell);
        }
    }
}
