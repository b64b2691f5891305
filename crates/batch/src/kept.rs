//! Rows of a run that is done one picture at a time, in any order, by whoever has a turn: the part file without the
//! threads. No file is held open between two pictures.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use colophon_provenance::Report;
use colophon_tabular::Form as TableForm;
use serde_json::{Map, Value};

use crate::alike::{Digest, Groups, digest_of};
use crate::inputs::{is_named_picture, is_picture};
use crate::journal::{Journal, Key, Place, Record};
use crate::output::Form;
use crate::records::Records;
use crate::{BatchError, Row, Summary};

/// What the part file is said to depend on: rows name the version and the rules that they were made with.
const SETTINGS: &str = "kept";
/// At most so much work is lost when the machine itself fails.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Whether a file of a collection is a picture, by its name or its first bytes: other files are passed over.
pub fn is_wanted(name: &str, head: &[u8]) -> bool {
    is_named_picture(Path::new(name)) || is_picture(head)
}

/// The rows of a run so far. Numbers of inputs count from 0. Some 30 bytes are held for each finished one.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    end: u64,
    synced: Instant,
    places: HashMap<u64, Place>,
}

impl Kept {
    /// A new part file.
    ///
    /// # Errors
    /// [`BatchError::LeftOver`] if there is one, [`BatchError::Io`].
    pub fn create(path: &Path) -> Result<Self, BatchError> {
        let mut journal = Journal::create(path, SETTINGS, true, false)?;
        journal.sync()?;
        Ok(Self::of(path, &journal, HashMap::new()))
    }

    /// The part file of a run that ended before its end; a torn last record is cut off, and its input is not among the
    /// finished. `seen` is told each finished input with its row.
    ///
    /// # Errors
    /// [`BatchError::Foreign`] for what is no part file, [`BatchError::Io`].
    pub fn open(path: &Path, mut seen: impl FnMut(u64, &Row)) -> Result<Self, BatchError> {
        let (journal, finished) = Journal::resume(path, SETTINGS, true)?;
        let mut places = HashMap::new();
        let mut records = Records::open(path, None)?;
        while let Some((record, place)) = records.next()? {
            let number = record.key.map(number_of);
            // Of two records of one input only the one that counts.
            let counts = record.key.and_then(|key| finished.get(&key)) == Some(&place);
            if let Some(number) = number.filter(|_| counts) {
                seen(number, &record.row);
                places.insert(number, place);
            }
        }
        Ok(Self::of(path, &journal, places))
    }

    fn of(path: &Path, journal: &Journal, places: HashMap<u64, Place>) -> Self {
        Self {
            path: path.to_path_buf(),
            end: journal.end(),
            synced: Instant::now(),
            places,
        }
    }

    /// Whether the input is finished.
    pub fn has(&self, number: u64) -> bool {
        self.places.contains_key(&number)
    }

    /// How many are.
    pub fn len(&self) -> u64 {
        self.places.len() as u64
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where the file ends: what stands before that is whole.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Keeps the report on an input and what its list said of it. It outlives the process from then on, and after five
    /// seconds the machine. An input that is finished already stays as it is.
    ///
    /// # Errors
    /// [`BatchError::Io`]; then nothing is kept of it.
    pub fn note(
        &mut self,
        number: u64,
        report: &Report,
        input: Option<Map<String, Value>>,
    ) -> Result<Row, BatchError> {
        let report_text = serde_json::to_string(report)
            .map_err(|error| BatchError::io("write", &self.path)(error.into()))?;
        self.append(Record {
            key: Some(key_of(number)),
            row: Row::of(report),
            input,
            report: report_text,
        })
    }

    /// Keeps for an input with the bytes of a finished one what was found there; `None` if that one is not finished.
    ///
    /// # Errors
    /// As [`Self::note`].
    pub fn copy(
        &mut self,
        number: u64,
        first: u64,
        name: &str,
        input: Option<Map<String, Value>>,
    ) -> Result<Option<Row>, BatchError> {
        let Some(place) = self.places.get(&first) else {
            return Ok(None);
        };
        let mut record = Records::open(&self.path, Some(place.offset()))?.at(*place)?;
        record.row.duplicate_of = record.row.file.take();
        record.rename(name, 0);
        record.key = Some(key_of(number));
        record.input = input;
        self.append(record).map(Some)
    }

    fn append(&mut self, record: Record) -> Result<Row, BatchError> {
        let number = record.key.map(number_of).unwrap_or_default();
        if self.has(number) {
            return Ok(record.row);
        }
        let mut journal = Journal::go_on(&self.path, self.end)?;
        let place = journal.append(&record)?;
        if self.synced.elapsed() > SYNC_EVERY {
            journal.sync()?;
            self.synced = Instant::now();
        }
        self.end = journal.end();
        self.places.insert(number, place);
        Ok(record.row)
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// [`BatchError::Io`].
    pub fn sync(&mut self) -> Result<(), BatchError> {
        self.synced = Instant::now();
        Journal::go_on(&self.path, self.end)?.sync()
    }
}

/// Reads the rows of a part file, also while it is written.
#[derive(Debug)]
pub struct KeptRows {
    path: PathBuf,
    end: u64,
}

impl KeptRows {
    /// Over what stands before `end` ([`Kept::end`]); `u64::MAX` for all of a file that nobody writes, 0 for none.
    pub fn new(path: &Path, end: u64) -> Self {
        Self {
            path: path.to_path_buf(),
            end,
        }
    }

    /// Hands over up to `most` rows in the order in which they were finished, with the numbers of their inputs, from
    /// the place `at` on (`None` for the beginning). Returns the place after them.
    ///
    /// # Errors
    /// [`BatchError::Foreign`], [`BatchError::Io`].
    pub fn since(
        &self,
        at: Option<u64>,
        most: usize,
        mut each: impl FnMut(u64, Row),
    ) -> Result<u64, BatchError> {
        let mut records = Records::open(&self.path, at)?;
        for _ in 0..most {
            if records.offset() >= self.end {
                break;
            }
            let Some((record, _)) = records.next()? else {
                break;
            };
            each(record.key.map(number_of).unwrap_or_default(), record.row);
        }
        Ok(records.offset())
    }

    /// Writes the rows in the order of the inputs, as [`crate::run`] would: numbered, grouped, duplicates named. While
    /// the run goes on, those before the first input that is not finished. Returns what they come to.
    ///
    /// # Errors
    /// [`BatchError::Table`] when `to` fails, else as [`Self::since`].
    pub fn write(&self, form: TableForm, to: impl Write + Send) -> Result<Summary, BatchError> {
        let form = match form {
            TableForm::JsonLines => Form::Jsonl,
            TableForm::Csv => Form::Csv,
            TableForm::Parquet => Form::Parquet,
        };
        let failed = |error: std::io::Error| BatchError::Table {
            path: self.path.clone(),
            reason: error.to_string(),
        };
        let mut sink = form.sink(to).map_err(failed)?;
        let summary = self.each(|record| sink.row(&record.told()).map_err(failed))?;
        sink.finish().map_err(failed)?;
        Ok(summary)
    }

    /// What the rows come to.
    ///
    /// # Errors
    /// As [`Self::since`].
    pub fn summary(&self) -> Result<Summary, BatchError> {
        self.each(|_| Ok(()))
    }

    fn each(
        &self,
        mut take: impl FnMut(&Record) -> Result<(), BatchError>,
    ) -> Result<Summary, BatchError> {
        if self.end == 0 {
            return Ok(Summary::default());
        }
        let mut records = Records::open(&self.path, None)?;
        let mut places = BTreeMap::new();
        while records.offset() < self.end
            && let Some((record, place)) = records.next()?
        {
            places.extend(record.key.map(|key| (number_of(key), place)));
        }
        let mut summary = Summary::default();
        let mut groups = Groups::default();
        let mut firsts: HashMap<Digest, (Option<String>, Option<u32>)> = HashMap::new();
        for (position, (number, place)) in (0..).zip(places) {
            if number != position {
                break;
            }
            let mut record = records.at(place)?;
            let row = &mut record.row;
            row.row = Some(position as i64 + 1);
            let digest = digest_of(row);
            let first = digest.and_then(|digest| firsts.get(&digest));
            let group = if let Some((name, group)) = first {
                row.duplicate_of.clone_from(name);
                *group
            } else {
                let group = groups.of(position as u32 + 1, row);
                if let Some(digest) = digest {
                    firsts.insert(digest, (row.file.clone(), group));
                }
                group
            };
            row.group = group.map(i64::from);
            summary.add(row);
            take(&record)?;
        }
        Ok(summary)
    }
}

fn key_of(number: u64) -> Key {
    let mut key = Key::default();
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

fn number_of(key: Key) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&key[8..]);
    u64::from_be_bytes(bytes)
}
