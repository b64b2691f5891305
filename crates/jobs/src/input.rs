//! The inputs of a job on disk: a line an input, where each line begins, and the bytes of all.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::JobsError;

/// Lines.
pub(crate) const LINES: &str = "inputs.jsonl";
/// Where each line begins: 8 bytes, big-endian, an input.
pub(crate) const INDEX: &str = "inputs.index";
/// Bytes of the pictures.
pub(crate) const PACK: &str = "inputs.pack";

/// One input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    /// Its name or address, for its report.
    pub name: String,
    pub source: Source,
    /// What a list said of it besides.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub extra: Option<Map<String, Value>>,
}

/// Where its bytes are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// In the pack.
    Stored { offset: u64, length: u64 },
    /// Those of an input before, by its number.
    SameAs(u64),
    /// At its address.
    Url,
    /// Nowhere: why, by kind and as a sentence.
    Trouble { kind: String, message: String },
}

/// Reads input `number` of the job in `folder`.
pub(crate) fn read(folder: &Path, number: u64) -> Result<Input, JobsError> {
    let offset = {
        let mut bytes = [0; 8];
        read_at(&folder.join(INDEX), number * 8, &mut bytes)?;
        u64::from_be_bytes(bytes)
    };
    let path = folder.join(LINES);
    let mut file = File::open(&path).map_err(JobsError::io("read", &path))?;
    file.seek(SeekFrom::Start(offset))
        .map_err(JobsError::io("read", &path))?;
    let mut line = Vec::new();
    BufReader::with_capacity(1024, file)
        .read_until(b'\n', &mut line)
        .map_err(JobsError::io("read", &path))?;
    serde_json::from_slice(&line).map_err(|_| JobsError::Damaged(path))
}

/// Reads the bytes of a stored input.
pub(crate) fn bytes(folder: &Path, offset: u64, length: u64) -> Result<Vec<u8>, JobsError> {
    let mut bytes = vec![0; length as usize];
    read_at(&folder.join(PACK), offset, &mut bytes)?;
    Ok(bytes)
}

fn read_at(path: &Path, offset: u64, bytes: &mut [u8]) -> Result<(), JobsError> {
    let damaged = |path: &Path| JobsError::Damaged(PathBuf::from(path));
    let mut file = File::open(path).map_err(JobsError::io("read", path))?;
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_exact(bytes))
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => damaged(path),
            _ => JobsError::io("read", path)(error),
        })
}
