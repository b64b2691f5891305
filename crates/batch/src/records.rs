//! Reading a part file while it is written.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::BatchError;
use crate::journal::{Header, MAX_LINE, Place, Record, VERSION};

/// The whole records of a part file that another may be writing, in the order in which they were written.
pub(crate) struct Records {
    reader: BufReader<File>,
    path: PathBuf,
    line: Vec<u8>,
    offset: u64,
}

impl Records {
    /// Begins after the first line, or at the place of a record.
    pub fn open(path: &Path, at: Option<u64>) -> Result<Self, BatchError> {
        let mut file = File::open(path).map_err(BatchError::io("read", path))?;
        if let Some(at) = at {
            file.seek(SeekFrom::Start(at))
                .map_err(BatchError::io("read", path))?;
        }
        let mut records = Self {
            reader: BufReader::with_capacity(1 << 16, file),
            path: path.to_path_buf(),
            line: Vec::new(),
            offset: at.unwrap_or_default(),
        };
        if at.is_none() {
            let header = records.line()?;
            let known = header.and_then(|line| serde_json::from_slice::<Header>(line).ok());
            if known.is_none_or(|header| header.colophon_bulk != VERSION) {
                return Err(BatchError::Foreign(path.to_path_buf()));
            }
            records.offset = records.line.len() as u64;
        }
        Ok(records)
    }

    /// Where the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next whole record with its place; `None` where the file ends or is torn.
    pub fn next(&mut self) -> Result<Option<(Record, Place)>, BatchError> {
        let Some(row) = self.line()? else {
            return Ok(None);
        };
        let Ok(mut record) = serde_json::from_slice::<Record>(row) else {
            return Ok(None);
        };
        let mut length = self.line.len();
        let Some(report) = self.line()? else {
            return Ok(None);
        };
        let Ok(report) = std::str::from_utf8(report) else {
            return Ok(None);
        };
        record.report.clear();
        record.report.push_str(report.trim_end_matches('\n'));
        length += self.line.len();
        let place = Place::new(self.offset, length as u32);
        self.offset += length as u64;
        Ok(Some((record, place)))
    }

    /// Reads a record again that [`Self::next`] told the place of.
    pub fn at(&mut self, place: Place) -> Result<Record, BatchError> {
        // Records mostly stand in the order in which they are asked for, and then what is buffered serves.
        if self.offset != place.offset() {
            self.reader
                .seek(SeekFrom::Start(place.offset()))
                .map_err(BatchError::io("read", &self.path))?;
        }
        self.offset = place.offset();
        match self.next()? {
            Some((record, _)) => Ok(record),
            None => Err(BatchError::Foreign(self.path.clone())),
        }
    }

    fn line(&mut self) -> Result<Option<&[u8]>, BatchError> {
        self.line.clear();
        (&mut self.reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut self.line)
            .map_err(BatchError::io("read", &self.path))?;
        Ok(self.line.ends_with(b"\n").then_some(&self.line))
    }
}
