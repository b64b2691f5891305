//! ZIP (APPNOTE 6.3.10): stored and deflated files.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write as _};
use std::rc::Rc;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::label::is_hidden;
use crate::{ArchiveError, Bounds, Found, Total, Unreadable, label, read_wanted};

/// Bytes of a listed entry: its fixed part and a long name.
const LISTED: u64 = 46 + 1024;
/// Bytes read to find the list: the longest comment of an archive, twice.
const SEARCHED: u64 = 256 << 10;

/// Packs files in the order given, stored and all of one time, so that nothing but the files decides on the bytes.
///
/// # Errors
/// [`ArchiveError::Pack`] on names that are too long or given twice.
pub fn pack_zip<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<u8>, ArchiveError> {
    let failed = |error: ZipError| ArchiveError::Pack(error.to_string());
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, options).map_err(failed)?;
        zip.write_all(bytes)
            .map_err(|error| ArchiveError::Pack(error.to_string()))?;
    }
    Ok(zip.finish().map_err(failed)?.into_inner())
}

/// Hands the wanted files over in the order in which the archive lists them. `wanted` sees the label of a file and its
/// first [`crate::HEAD`] bytes. One file is held at once, and the list of all.
///
/// # Errors
/// [`ArchiveError`], and whatever `take` returns.
pub fn read_zip<E: From<ArchiveError>>(
    from: impl Read + Seek,
    bounds: Bounds,
    wanted: &dyn Fn(&str, &[u8]) -> bool,
    mut take: impl FnMut(Found) -> Result<(), E>,
) -> Result<(), E> {
    let budget = Rc::new(Cell::new(
        SEARCHED.saturating_add((bounds.entries as u64).saturating_mul(LISTED)),
    ));
    let metered = Metered {
        inner: from,
        left: Rc::clone(&budget),
    };
    let mut archive = ZipArchive::new(metered).map_err(damaged)?;
    budget.set(u64::MAX);
    if archive.len() > bounds.entries {
        return Err(ArchiveError::TooManyEntries(bounds.entries).into());
    }
    if archive.has_duplicate_names() {
        return Err(ArchiveError::SameNames.into());
    }
    let mut total = Total::new(bounds);
    for index in 0..archive.len() {
        let number = total.entry()?;
        let Some(found) = entry(&mut archive, index, number, bounds, wanted) else {
            continue;
        };
        total.found(&found)?;
        take(found)?;
    }
    Ok(())
}

/// What one entry comes to; `None` for a folder.
fn entry<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
    number: usize,
    bounds: Bounds,
    wanted: &dyn Fn(&str, &[u8]) -> bool,
) -> Option<Found> {
    let (name, encrypted, passed) = {
        let about = archive.by_index_data(index).ok()?;
        if about.is_dir() {
            return None;
        }
        let name = match about.name() {
            Ok(name) => label(name.as_bytes()),
            Err(_) => label(about.name_raw()),
        };
        let passed = about.is_symlink() || is_hidden(&name);
        (name, about.encrypted(), passed)
    };
    if passed {
        return Some(Found::Passed);
    }
    let trouble = |why| {
        Some(Found::Trouble {
            name: name.clone(),
            why,
        })
    };
    if encrypted {
        return trouble(Unreadable::Encrypted);
    }
    match archive.by_index(index) {
        Ok(file) => Some(read_wanted(file, name, number, bounds.entry_bytes, wanted)),
        Err(ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_)) => {
            trouble(Unreadable::Method)
        }
        Err(_) => trouble(Unreadable::Damaged),
    }
}

fn damaged(error: ZipError) -> ArchiveError {
    match error {
        ZipError::Io(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
            ArchiveError::Damaged("its list of files is too long".to_owned())
        }
        other => ArchiveError::Damaged(other.to_string()),
    }
}

/// Reads no more than it was given, so that an archive's list has a bound before it is in memory.
struct Metered<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::ErrorKind::QuotaExceeded.into()),
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
