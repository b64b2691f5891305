//! JSON lines: the whole report, and after it what only a run knows.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Sink, Told};

pub(super) struct Jsonl<W>(pub W);

/// What a run adds to a report.
#[derive(Serialize)]
struct Added<'a> {
    row: Option<i64>,
    group: Option<i64>,
    duplicate_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a Map<String, Value>>,
}

impl<W: Write> Sink for Jsonl<W> {
    fn row(&mut self, told: &Told<'_>) -> io::Result<()> {
        let added = serde_json::to_string(&Added {
            row: told.row.row,
            group: told.row.group,
            duplicate_of: told.row.duplicate_of.as_deref(),
            input: told.input,
        })?;
        // Two objects become one at their braces.
        let report = told
            .report
            .strip_suffix('}')
            .ok_or(io::ErrorKind::InvalidData)?;
        let added = added.strip_prefix('{').ok_or(io::ErrorKind::InvalidData)?;
        self.0.write_all(format!("{report},{added}\n").as_bytes())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.0.flush()
    }
}
