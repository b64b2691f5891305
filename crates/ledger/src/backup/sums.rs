//! `SHA256SUMS`: one line a file, `hash`, two spaces, path, in the order of the paths.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::BackupError;
use crate::error::LedgerError;

pub(super) const SUMS: &str = "SHA256SUMS";
/// A line has some 100 bytes; this is room for the sums of ten billion entries.
const MOST_BYTES: u64 = 4 << 30;

/// Files of a copy with their hashes.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub files: BTreeMap<String, String>,
    pub bytes: u64,
}

impl Sums {
    /// Hashes everything below a folder but the sums themselves.
    pub fn of(dir: &Path) -> Result<Self, LedgerError> {
        let mut sums = Self::default();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let path = dir.join(&folder);
            let failed = |error: io::Error| LedgerError::io("cannot read", &path, &error);
            for item in fs::read_dir(&path).map_err(failed)? {
                let item = item.map_err(failed)?;
                let name = item.file_name().to_string_lossy().into_owned();
                let relative = if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                };
                // Links are followed nowhere: what is neither file nor folder does not belong here.
                let kind = item.file_type().map_err(failed)?;
                if kind.is_dir() {
                    folders.push(relative);
                } else if relative != SUMS {
                    let (hash, bytes) = hash_file(&item.path())?;
                    sums.bytes += bytes;
                    sums.files.insert(relative, hash);
                }
            }
        }
        Ok(sums)
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for (path, hash) in &self.files {
            // Writing into a string does not fail.
            let _ = writeln!(text, "{hash}  {path}");
        }
        text
    }

    /// Compares a copy with the sums that lie in it; returns them with the hash of the file.
    pub fn check(dir: &Path) -> Result<(Self, [u8; 32]), LedgerError> {
        let path = dir.join(SUMS);
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoSums(dir.to_owned()).into());
            }
            Err(error) => return Err(LedgerError::io("cannot read", &path, &error)),
        }
        let found = Self::of(dir)?;
        let altered = |file: &str, what| {
            let file = file.to_owned();
            Err(LedgerError::from(BackupError::Altered { file, what }))
        };
        let mut expected = BTreeMap::new();
        for line in text.lines() {
            let Some((hash, path)) = line.split_once("  ") else {
                return altered(SUMS, "cannot be read");
            };
            expected.insert(path, hash);
        }
        for (path, hash) in &expected {
            match found.files.get(*path) {
                Some(here) if here == hash => {}
                Some(_) => return altered(path, "was altered"),
                None => return altered(path, "is missing"),
            }
        }
        match found
            .files
            .keys()
            .find(|path| !expected.contains_key(path.as_str()))
        {
            Some(path) => altered(path, "was added"),
            None => Ok((found, Sha256::digest(text.as_bytes()).into())),
        }
    }
}

/// SHA-256 in hexadecimal, and length.
fn hash_file(path: &Path) -> Result<(String, u64), LedgerError> {
    let hash = || {
        let mut file = File::open(path)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            digest.update(&buffer[..count]);
            bytes += count as u64;
        }
        let hex = digest
            .finalize()
            .iter()
            .fold(String::new(), |mut hex, byte| {
                // Writing into a string does not fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            });
        Ok((hex, bytes))
    };
    hash().map_err(|error: io::Error| LedgerError::io("cannot read", path, &error))
}

/// Makes everything below a folder durable.
pub(super) fn sync_below(dir: &Path) -> Result<(), LedgerError> {
    let failed = |error: io::Error| LedgerError::io("cannot sync", dir, &error);
    for item in fs::read_dir(dir).map_err(failed)? {
        let path = item.map_err(failed)?.path();
        if path.is_dir() {
            sync_below(&path)?;
        } else {
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|error| LedgerError::io("cannot sync", &path, &error))?;
        }
    }
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}
