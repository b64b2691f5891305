//! Rows in order: numbered, grouped, noted and written.

use std::fs;
use std::io;
use std::path::Path;

use colophon_tabular::Staged;

use super::work::{Answer, Done};
use super::{Checker, Trouble};
use crate::alike::{Firsts, Groups, digest_of};
use crate::journal::{Journal, Place, Record};
use crate::output::{Form, Outputs, Sink};
use crate::{BatchError, Row, Summary};

/// Takes the answers in the order of the inputs.
pub(super) struct Teller<'a, C> {
    journal: Journal,
    stream: Option<Box<dyn Sink>>,
    checker: &'a C,
    firsts: &'a Firsts,
    groups: Groups,
    rows: Vec<Entry>,
    pub summary: Summary,
}

/// What is held of a row.
struct Entry {
    place: Place,
    /// Number of the first row of its group.
    group: Option<u32>,
    /// Number of the first row with the same bytes.
    first: Option<u32>,
}

impl<'a, C: Checker> Teller<'a, C> {
    pub fn new(
        journal: Journal,
        stream: Option<Form>,
        checker: &'a C,
        firsts: &'a Firsts,
    ) -> Result<Self, BatchError> {
        Ok(Self {
            journal,
            stream: stream
                .map(|form| form.sink(io::stdout()))
                .transpose()
                .map_err(BatchError::Output)?,
            checker,
            firsts,
            groups: Groups::default(),
            rows: Vec::new(),
            summary: Summary::default(),
        })
    }

    pub fn keeps_reports(&self) -> bool {
        self.journal.keeps_reports()
    }

    /// Takes what came of the input at `place`.
    pub fn tell(&mut self, place: u64, done: Done) -> Result<(), BatchError> {
        let number = self.rows.len() as u32 + 1;
        let (mut record, noted) = match done.answer {
            Answer::Skipped => {
                self.summary.skipped += 1;
                return Ok(());
            }
            Answer::Finished(noted) => {
                self.summary.resumed += 1;
                (self.journal.record(noted)?, noted)
            }
            Answer::Checked { row, report } => self.note(Record {
                key: done.key,
                row: *row,
                input: done.input,
                report,
            })?,
            Answer::Repeated { digest, elapsed } => {
                let first = self.firsts.row_before(digest, place, number);
                let mut record = self.copy(first, &done.name, elapsed.as_millis() as i64)?;
                record.key = done.key;
                record.input = done.input;
                self.note(record)?
            }
        };
        let digest = digest_of(&record.row);
        let first = digest.and_then(|digest| self.firsts.row_before(digest, place, number));
        let first = first.filter(|first| *first != number);
        let group = match first {
            Some(first) => self.rows[first as usize - 1].group,
            None => self.groups.of(number, &record.row),
        };
        self.rows.push(Entry {
            place: noted,
            group,
            first,
        });
        self.complete(number, &mut record.row)?;
        self.summary.add(&record.row);
        match &mut self.stream {
            Some(stream) => stream.row(&record.told()).map_err(BatchError::Output),
            None => Ok(()),
        }
    }

    fn note(&mut self, record: Record) -> Result<(Record, Place), BatchError> {
        let place = self.journal.append(&record)?;
        Ok((record, place))
    }

    /// The record of a row before, for another file with the same bytes.
    fn copy(&mut self, first: Option<u32>, name: &str, elapsed: i64) -> Result<Record, BatchError> {
        let Some(first) = first else {
            // The input before was taken for the first and has no row: say so rather than guess.
            let report = self.checker.failed(Trouble::GaveUp, name);
            return Ok(Record {
                row: Row::of(&report),
                report: serde_json::to_string(&report).unwrap_or_default(),
                ..Record::default()
            });
        };
        let mut record = self.journal.record(self.rows[first as usize - 1].place)?;
        record.rename(name, elapsed);
        Ok(record)
    }

    /// Fills in what only the run knows.
    fn complete(&mut self, number: u32, row: &mut Row) -> Result<(), BatchError> {
        let Entry { group, first, .. } = self.rows[number as usize - 1];
        row.row = Some(i64::from(number));
        row.group = group.map(i64::from);
        row.duplicate_of = match first {
            Some(first) => {
                let place = self.rows[first as usize - 1].place;
                self.journal.record(place)?.row.file
            }
            None => None,
        };
        Ok(())
    }

    /// Writes the outputs, unless the run was stopped, and removes the part file.
    pub fn finish(mut self, outputs: &Outputs, stopped: bool) -> Result<Summary, BatchError> {
        self.journal.sync()?;
        if let Some(stream) = self.stream.take() {
            stream.finish().map_err(BatchError::Output)?;
        }
        if stopped {
            return Ok(self.summary);
        }
        let files: Vec<(Form, &Path)> = outputs.files().collect();
        let mut staged = files
            .iter()
            .map(|(_, path)| Staged::create(path).map_err(BatchError::io("write", path)))
            .collect::<Result<Vec<_>, _>>()?;
        self.write(&files, &mut staged)?;
        for (staged, (_, path)) in staged.into_iter().zip(&files) {
            staged.commit().map_err(BatchError::io("write", path))?;
        }
        if let Some(part) = outputs.part() {
            fs::remove_file(&part).map_err(BatchError::io("remove", &part))?;
        }
        Ok(self.summary)
    }

    fn write(&mut self, files: &[(Form, &Path)], staged: &mut [Staged]) -> Result<(), BatchError> {
        let table = |path: &Path| {
            let path = path.to_path_buf();
            move |error: io::Error| BatchError::Table {
                path,
                reason: error.to_string(),
            }
        };
        let mut sinks = Vec::new();
        for ((form, path), staged) in files.iter().zip(staged) {
            sinks.push((form.sink(staged).map_err(table(path))?, path));
        }
        for number in 1..=self.rows.len() as u32 {
            let place = self.rows[number as usize - 1].place;
            let mut record = self.journal.record(place)?;
            self.complete(number, &mut record.row)?;
            for (sink, path) in &mut sinks {
                sink.row(&record.told()).map_err(table(path))?;
            }
        }
        for (sink, path) in sinks {
            sink.finish().map_err(table(path))?;
        }
        Ok(())
    }
}
