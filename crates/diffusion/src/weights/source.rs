//! Bytes of a weight file, read by ranges.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::error::DiffusionError;
use crate::info::WeightFile;

/// Bytes hashed at a time.
const CHUNK: usize = 1 << 20;

/// Where bytes come from.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    length: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// The lock guards the position. The time is when the file was last changed before it was opened.
    File(Mutex<File>, PathBuf, Option<SystemTime>),
    Memory(&'static [u8]),
}

impl Source {
    pub(super) fn file(path: &Path) -> Result<Self, DiffusionError> {
        let refused = |error| DiffusionError::io("opening the weights", path, &error);
        let file = File::open(path).map_err(refused)?;
        let about = file.metadata().map_err(refused)?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            length: about.len(),
            place: Place::File(Mutex::new(file), path.to_owned(), about.modified().ok()),
        })
    }

    pub(super) fn memory(name: &str, bytes: &'static [u8]) -> Self {
        Self {
            name: name.to_owned(),
            length: bytes.len() as u64,
            place: Place::Memory(bytes),
        }
    }

    /// Its name, without folders.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its length in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// `length` bytes from `offset`; the range was checked against [`Source::length`].
    pub(super) fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, DiffusionError> {
        let mut bytes = vec![0; length];
        self.read_into(offset, &mut bytes)?;
        Ok(bytes)
    }

    fn read_into(&self, offset: u64, bytes: &mut [u8]) -> Result<(), DiffusionError> {
        match &self.place {
            Place::File(file, path, modified) => {
                let refused = |error| DiffusionError::io("reading the weights", path, &error);
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(offset))
                    .and_then(|_| file.read_exact(bytes))
                    .map_err(refused)?;
                // What is computed with must be what was hashed.
                let about = file.metadata().map_err(refused)?;
                if about.len() != self.length || about.modified().ok() != *modified {
                    return Err(DiffusionError::WeightsChanged {
                        file: self.name.clone(),
                    });
                }
                Ok(())
            }
            Place::Memory(all) => {
                let start = offset as usize;
                let range = all.get(start..start.saturating_add(bytes.len()));
                let range = range.ok_or_else(|| self.truncated(offset + bytes.len() as u64))?;
                bytes.copy_from_slice(range);
                Ok(())
            }
        }
    }

    /// Reads on from `offset`, a little at a time.
    pub(super) fn reader(&self, offset: u64) -> Reader<'_> {
        Reader {
            source: self,
            next: offset,
            buffer: Vec::new(),
            used: 0,
        }
    }

    /// The whole file's SHA-256.
    pub(super) fn hash(&self) -> Result<WeightFile, DiffusionError> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        let mut offset = 0;
        while offset < self.length {
            let length = (self.length - offset).min(CHUNK as u64) as usize;
            self.read_into(offset, &mut buffer[..length])?;
            hasher.update(&buffer[..length]);
            offset += length as u64;
        }
        let digest = hasher.finalize();
        Ok(WeightFile {
            name: self.name.clone(),
            bytes: self.length,
            sha256: hexadecimal(&digest),
        })
    }

    pub(super) fn truncated(&self, expected: u64) -> DiffusionError {
        DiffusionError::WeightsTruncated {
            file: self.name.clone(),
            found: self.length,
            expected,
        }
    }

    pub(super) fn invalid(&self, reason: impl Into<String>) -> DiffusionError {
        DiffusionError::WeightsInvalid {
            file: self.name.clone(),
            reason: reason.into(),
        }
    }
}

/// A place in a [`Source`] that moves on; small reads come from a buffer.
pub(super) struct Reader<'a> {
    source: &'a Source,
    /// Offset of the first byte after the buffer.
    next: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Reader<'_> {
    /// Offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.next - (self.buffer.len() - self.used) as u64
    }

    /// The next bytes; what is announced beyond the end is refused before memory is taken for it.
    pub(super) fn take(&mut self, length: usize) -> Result<Vec<u8>, DiffusionError> {
        let start = self.position();
        let end = start.saturating_add(length as u64);
        if end > self.source.length {
            return Err(self.source.truncated(end));
        }
        if self.buffer.len() - self.used < length {
            let wanted = (length.max(CHUNK) as u64).min(self.source.length - start);
            self.buffer = self.source.read(start, wanted as usize)?;
            self.used = 0;
            self.next = start + wanted;
        }
        let bytes = self.buffer[self.used..self.used + length].to_vec();
        self.used += length;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DiffusionError> {
        let mut array = [0; N];
        array.copy_from_slice(&self.take(N)?);
        Ok(array)
    }

    /// Passes over bytes.
    pub(super) fn skip(&mut self, length: u64) -> Result<(), DiffusionError> {
        let end = self.position().saturating_add(length);
        if end > self.source.length {
            return Err(self.source.truncated(end));
        }
        let ahead = self.next - self.position();
        if length <= ahead {
            self.used += length as usize;
        } else {
            self.next = end;
            self.buffer.clear();
            self.used = 0;
        }
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}
