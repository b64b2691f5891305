//! Reading with a bound, and writing whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{ImagingError, Limits};

/// Reads a file of at most [`Limits::max_bytes`] bytes.
///
/// # Errors
/// [`ImagingError::IsFolder`], [`ImagingError::Limit`], [`ImagingError::Empty`], and
/// [`ImagingError::Io`] if it is missing or unreadable.
pub fn read_bounded(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImagingError> {
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::IsADirectory => ImagingError::IsFolder(path.to_path_buf()),
        _ => ImagingError::io("read", path, source),
    };
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(ImagingError::IsFolder(path.to_path_buf()));
    }
    limits.check_bytes(about.len())?;
    read_all(file, about.len(), limits, path)
}

/// Reads a stream, such as standard input, of at most [`Limits::max_bytes`] bytes.
///
/// # Errors
/// [`ImagingError::Limit`], [`ImagingError::Empty`] and [`ImagingError::Io`].
pub fn read_bounded_from(reader: impl Read, limits: &Limits) -> Result<Vec<u8>, ImagingError> {
    read_all(reader, 0, limits, Path::new("the input stream"))
}

fn read_all(
    reader: impl Read,
    expected: u64,
    limits: &Limits,
    path: &Path,
) -> Result<Vec<u8>, ImagingError> {
    // One byte more than allowed tells that there is more; one more than expected tells the end.
    let mut bytes = Vec::with_capacity(expected as usize + 1);
    reader
        .take(limits.max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| ImagingError::io("read", path, source))?;
    limits.check_bytes(bytes.len() as u64)?;
    if bytes.is_empty() {
        return Err(ImagingError::Empty);
    }
    Ok(bytes)
}

/// Writes a file that appears under its name whole or not at all: [`StagedFile`] in one step.
///
/// # Errors
/// As [`StagedFile`].
pub fn write_atomic(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), ImagingError> {
    let mut staged = StagedFile::create(path, overwrite)?;
    staged.write(bytes)?;
    staged.commit()
}

/// A file being written beside its destination under a random name.
///
/// [`StagedFile::write`] makes the bytes durable, [`StagedFile::commit`] gives them their name in
/// one step. Dropped before that, nothing is left. A symbolic link at the path is replaced itself,
/// not what it points to.
#[derive(Debug)]
pub struct StagedFile {
    temporary: NamedTempFile,
    path: PathBuf,
    folder: PathBuf,
    overwrite: bool,
}

impl StagedFile {
    /// Opens the temporary file in the folder of `path`.
    ///
    /// # Errors
    /// [`ImagingError::AlreadyExists`] if something stands at `path` and `overwrite` is false;
    /// [`ImagingError::IsFolder`]; [`ImagingError::Io`] if the folder is missing or read-only.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, ImagingError> {
        if path.file_name().is_none() || path.is_dir() {
            return Err(ImagingError::IsFolder(path.to_path_buf()));
        }
        // Said early, before any work is spent; `commit` holds it against races.
        if !overwrite && fs::symlink_metadata(path).is_ok() {
            return Err(ImagingError::AlreadyExists(path.to_path_buf()));
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".colophon-").suffix(".part").rand_bytes(20);
        #[cfg(unix)]
        {
            // As for any file that a program creates: what the umask leaves of it.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let temporary = builder
            .tempfile_in(folder)
            .map_err(|source| ImagingError::io("write to", folder, source))?;
        Ok(Self {
            temporary,
            path: path.to_path_buf(),
            folder: folder.to_path_buf(),
            overwrite,
        })
    }

    /// Appends `bytes` and waits until they are on the disk.
    ///
    /// # Errors
    /// [`ImagingError::Io`], for example if the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ImagingError> {
        let file = self.temporary.as_file_mut();
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|source| ImagingError::io("write", &self.path, source))
    }

    /// Gives the file its name, and waits until the folder is on the disk.
    ///
    /// # Errors
    /// [`ImagingError::AlreadyExists`] if something was put at the path meanwhile and is not to be
    /// replaced; [`ImagingError::Io`].
    pub fn commit(self) -> Result<(), ImagingError> {
        let Self {
            temporary,
            path,
            folder,
            overwrite,
        } = self;
        let named = if overwrite {
            temporary.persist(&path)
        } else {
            temporary.persist_noclobber(&path)
        };
        named.map_err(|failed| match failed.error.kind() {
            ErrorKind::AlreadyExists => ImagingError::AlreadyExists(path.clone()),
            ErrorKind::IsADirectory => ImagingError::IsFolder(path.clone()),
            _ => ImagingError::io("write", &path, failed.error),
        })?;
        #[cfg(unix)]
        File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| ImagingError::io("write to", &folder, source))?;
        Ok(())
    }
}
