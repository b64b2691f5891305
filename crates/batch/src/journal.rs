//! The part file: every finished row with its report, so that a stopped run can go on.
//!
//! Text. The first line tells the form and the settings; then each picture has two lines, its row and its report, both
//! JSON. Records are only ever appended, in one call each, so that a process that is killed leaves whole records and at
//! most one torn one, which is cut off when the run goes on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::output::Told;
use crate::{BatchError, Row};

/// Form of the part file.
pub(crate) const VERSION: u32 = 1;
/// At most so much work is lost when the machine itself fails.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Longest line accepted when a part file is read again, bytes.
pub(crate) const MAX_LINE: u64 = 64 << 20;

/// What tells an input from any other, also from the same file after a change: a hash over path, size, time of change
/// and what a list says of it.
pub(crate) type Key = [u8; 16];

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub colophon_bulk: u32,
    settings: String,
    /// Whether reports are kept besides rows.
    reports: bool,
}

/// A finished picture.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// `None` for what cannot be told again, such as a file that was not there.
    pub key: Option<Key>,
    pub row: Row,
    /// What the list said of it.
    pub input: Option<Map<String, Value>>,
    /// The report as JSON; empty when reports are not kept.
    #[serde(skip)]
    pub report: String,
}

impl Record {
    /// As it goes out.
    pub fn told(&self) -> Told<'_> {
        Told {
            row: &self.row,
            report: &self.report,
            input: self.input.as_ref(),
        }
    }

    /// Makes it the record of another file with the same bytes.
    pub fn rename(&mut self, name: &str, elapsed_ms: i64) {
        self.row.file = Some(name.to_owned());
        self.row.elapsed_ms = Some(elapsed_ms);
        if let Ok(mut report) = serde_json::from_str::<Value>(&self.report) {
            report["file"] = name.into();
            report["elapsed_ms"] = elapsed_ms.into();
            self.report = report.to_string();
        }
    }
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    offset: u64,
    length: u32,
}

impl Place {
    pub fn new(offset: u64, length: u32) -> Self {
        Self { offset, length }
    }

    /// Where it begins, bytes.
    pub fn offset(self) -> u64 {
        self.offset
    }
}

/// The part file, or a nameless one when nothing is to be left.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    end: u64,
    synced: Instant,
    reports: bool,
}

/// Records of an earlier run, by key.
pub(crate) type Finished = HashMap<Key, Place>;

impl Journal {
    /// A new part file. With `replace`, one that is there is given up.
    pub fn create(
        path: &Path,
        settings: &str,
        reports: bool,
        replace: bool,
    ) -> Result<Self, BatchError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(replace)
            .create_new(!replace)
            .truncate(false)
            .open(path)
            .map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => BatchError::LeftOver(path.to_path_buf()),
                _ => BatchError::io("write", path)(error),
            })?;
        lock(&file, path)?;
        file.set_len(0).map_err(BatchError::io("write", path))?;
        Self::begin(file, path, settings, reports)
    }

    /// A file that nobody sees and that is gone with the process.
    pub fn nameless(settings: &str, reports: bool) -> Result<Self, BatchError> {
        let path = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(BatchError::io("write to", &path))?;
        Self::begin(file, &path, settings, reports)
    }

    fn begin(file: File, path: &Path, settings: &str, reports: bool) -> Result<Self, BatchError> {
        let mut journal = Self {
            file,
            path: path.to_path_buf(),
            end: 0,
            synced: Instant::now(),
            reports,
        };
        let header = Header {
            colophon_bulk: VERSION,
            settings: settings.to_owned(),
            reports,
        };
        let mut line = json(&header).map_err(BatchError::io("write", path))?;
        line.push('\n');
        journal.write(&line)?;
        Ok(journal)
    }

    /// Opens the part file of an earlier run and reads what it finished; a torn end is cut off.
    pub fn resume(
        path: &Path,
        settings: &str,
        reports: bool,
    ) -> Result<(Self, Finished), BatchError> {
        let failed = || BatchError::io("read", path);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed())?;
        lock(&file, path)?;
        let mut lines = Lines::new(&file);
        let Some(line) = lines.next_line().map_err(failed())? else {
            // Killed before the first line was out.
            drop(lines);
            file.set_len(0).map_err(BatchError::io("write", path))?;
            let journal = Self::begin(file, path, settings, reports)?;
            return Ok((journal, Finished::new()));
        };
        let header: Header =
            serde_json::from_slice(line).map_err(|_| BatchError::Foreign(path.to_path_buf()))?;
        let fits = header.colophon_bulk == VERSION && header.settings == settings;
        if !fits || (reports && !header.reports) {
            return Err(BatchError::OtherSettings(path.to_path_buf()));
        }
        let mut finished = Finished::new();
        let mut end = lines.read;
        while let Some((key, place)) = lines.next_record(end).map_err(failed())? {
            end += u64::from(place.length);
            finished.extend(key.map(|key| (key, place)));
        }
        file.set_len(end).map_err(BatchError::io("write", path))?;
        let journal = Self {
            file,
            path: path.to_path_buf(),
            end,
            synced: Instant::now(),
            reports: header.reports,
        };
        Ok((journal, finished))
    }

    /// Goes on with a part file that was closed at `end`; what a write that failed left behind that is cut off.
    pub fn go_on(path: &Path, end: u64) -> Result<Self, BatchError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(BatchError::io("write", path))?;
        lock(&file, path)?;
        let length = file.metadata().map_err(BatchError::io("read", path))?.len();
        if length != end {
            file.set_len(end).map_err(BatchError::io("write", path))?;
        }
        Ok(Self {
            file,
            path: path.to_path_buf(),
            end,
            synced: Instant::now(),
            reports: true,
        })
    }

    /// Where the next record will begin.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether reports are kept.
    pub fn keeps_reports(&self) -> bool {
        self.reports
    }

    /// Appends a record; it outlives the process from then on, and after a few seconds the machine.
    pub fn append(&mut self, record: &Record) -> Result<Place, BatchError> {
        let mut lines = json(record).map_err(BatchError::io("write", &self.path))?;
        lines.push('\n');
        if self.reports {
            lines.push_str(&record.report);
        }
        lines.push('\n');
        let offset = self.end;
        self.write(&lines)?;
        if self.synced.elapsed() > SYNC_EVERY {
            self.sync()?;
        }
        Ok(Place {
            offset,
            length: lines.len() as u32,
        })
    }

    fn write(&mut self, text: &str) -> Result<(), BatchError> {
        self.file
            .seek(SeekFrom::Start(self.end))
            .and_then(|_| self.file.write_all(text.as_bytes()))
            .map_err(BatchError::io("write", &self.path))?;
        self.end += text.len() as u64;
        Ok(())
    }

    /// Waits until everything is on the disk.
    pub fn sync(&mut self) -> Result<(), BatchError> {
        self.synced = Instant::now();
        self.file
            .sync_data()
            .map_err(BatchError::io("write", &self.path))
    }

    /// Reads a record again.
    pub fn record(&mut self, place: Place) -> Result<Record, BatchError> {
        let read = |file: &mut File| {
            let mut bytes = vec![0; place.length as usize];
            file.seek(SeekFrom::Start(place.offset))?;
            file.read_exact(&mut bytes)?;
            parse(&bytes).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))
        };
        read(&mut self.file).map_err(BatchError::io("read", &self.path))
    }
}

/// A record out of its two lines.
fn parse(bytes: &[u8]) -> Option<Record> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (row, report) = text.strip_suffix('\n')?.split_once('\n')?;
    let mut record: Record = serde_json::from_str(row).ok()?;
    report.clone_into(&mut record.report);
    Some(record)
}

fn json(value: &impl Serialize) -> io::Result<String> {
    serde_json::to_string(value).map_err(Into::into)
}

fn lock(file: &File, path: &Path) -> Result<(), BatchError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(BatchError::InUse(path.to_path_buf())),
        // Some network file systems know no locks; a run there is worth more than the lock.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(BatchError::io("lock", path)(error)),
    }
}

/// Whole lines of a file, and how many bytes they were.
struct Lines<'a> {
    reader: BufReader<&'a File>,
    line: Vec<u8>,
    read: u64,
}

impl<'a> Lines<'a> {
    fn new(file: &'a File) -> Self {
        Self {
            reader: BufReader::with_capacity(1 << 20, file),
            line: Vec::new(),
            read: 0,
        }
    }

    /// The next line with its end, `None` after the last whole one.
    fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = (&mut self.reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut self.line)?;
        self.read += read as u64;
        Ok(self.line.ends_with(b"\n").then_some(&self.line))
    }

    /// The next record, which begins at `offset`; `None` when it is torn or damaged.
    fn next_record(&mut self, offset: u64) -> io::Result<Option<(Option<Key>, Place)>> {
        let Some(row) = self.next_line()? else {
            return Ok(None);
        };
        let Ok(Record { key, .. }) = serde_json::from_slice(row) else {
            return Ok(None);
        };
        let Some(report) = self.next_line()? else {
            return Ok(None);
        };
        // A machine that failed can leave zeros where a report should be.
        let is_whole = report == b"\n" || (report.starts_with(b"{") && report.ends_with(b"}\n"));
        let length = u32::try_from(self.read - offset).ok();
        Ok(length
            .filter(|_| is_whole)
            .map(|length| (key, Place { offset, length })))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn record(number: u8, report: &str) -> Record {
        Record {
            key: Some([number; 16]),
            row: Row {
                file: Some(format!("line\nbreak {number}")),
                bytes: Some(7),
                ..Row::default()
            },
            input: None,
            report: report.into(),
        }
    }

    #[test]
    fn a_torn_end_is_cut_off_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        let mut journal = Journal::create(&path, "s", true, false).unwrap();
        journal.append(&record(1, "{\"a\":1}")).unwrap();
        let whole = journal.end as usize;
        journal.append(&record(2, "{\"b\":2}")).unwrap();
        drop(journal);
        let bytes = fs::read(&path).unwrap();
        for cut in whole..bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let (mut journal, finished) = Journal::resume(&path, "s", true).unwrap();
            assert_eq!(finished.len(), 1, "cut at {cut}");
            let place = journal.append(&record(3, "{\"c\":3}")).unwrap();
            assert_eq!(journal.record(place).unwrap(), record(3, "{\"c\":3}"));
            assert_eq!(
                journal.record(finished[&[1; 16]]).unwrap(),
                record(1, "{\"a\":1}")
            );
            drop(journal);
            let (_, finished) = Journal::resume(&path, "s", true).unwrap();
            assert_eq!(finished.len(), 2, "cut at {cut}");
        }
    }

    #[test]
    fn a_run_killed_before_its_first_line_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        fs::write(&path, "{\"colophon_b").unwrap();
        let (mut journal, finished) = Journal::resume(&path, "s", false).unwrap();
        assert!(finished.is_empty());
        journal.append(&record(1, "")).unwrap();
        drop(journal);
        assert_eq!(Journal::resume(&path, "s", false).unwrap().1.len(), 1);
    }

    #[test]
    fn a_part_file_is_taken_up_only_by_its_own_kind_of_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part");
        let journal = Journal::create(&path, "s", false, false).unwrap();
        assert!(matches!(
            Journal::resume(&path, "s", false),
            Err(BatchError::InUse(_))
        ));
        drop(journal);
        assert!(matches!(
            Journal::create(&path, "s", false, false),
            Err(BatchError::LeftOver(_))
        ));
        assert!(matches!(
            Journal::resume(&path, "t", false),
            Err(BatchError::OtherSettings(_))
        ));
        assert!(matches!(
            Journal::resume(&path, "s", true),
            Err(BatchError::OtherSettings(_))
        ));
        assert!(Journal::resume(&path, "s", false).is_ok());
        fs::write(&path, "a,b\n1,2\n").unwrap();
        assert!(matches!(
            Journal::resume(&path, "s", false),
            Err(BatchError::Foreign(_))
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_after_whole_records_keep_those(garbage: Vec<u8>) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("part");
            let mut journal = Journal::create(&path, "s", false, false).unwrap();
            journal.append(&record(1, "")).unwrap();
            drop(journal);
            let mut bytes = fs::read(&path).unwrap();
            bytes.extend(garbage);
            fs::write(&path, bytes).unwrap();
            let (mut journal, finished) = Journal::resume(&path, "s", false).unwrap();
            prop_assert_eq!(journal.record(finished[&[1; 16]]).unwrap(), record(1, ""));
        }
    }
}
