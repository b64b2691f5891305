//! Small files, whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::AccountsError;

/// Makes a folder that only its owner looks into.
pub(crate) fn make_folder(path: &Path) -> Result<(), AccountsError> {
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(path).map_err(AccountsError::io("make", path))
}

/// Reads a file of at most `most` bytes; `None` when there is none.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, AccountsError> {
    let failed = AccountsError::io("read", path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(most + 1).read_to_end(&mut bytes);
    read.map_err(AccountsError::io("read", path))?;
    if bytes.len() as u64 > most {
        return Err(AccountsError::damaged(
            path,
            "it is larger than any such file",
        ));
    }
    Ok(Some(bytes))
}

/// Writes a file that appears under its name whole, readable for its owner alone, and is on the disk afterwards.
/// `false` when there is one and it is not to be replaced.
pub(crate) fn write(path: &Path, bytes: &[u8], replace: bool) -> Result<bool, AccountsError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error| AccountsError::io("write", path)(error);
    let mut temporary = tempfile::Builder::new()
        .prefix(".colophon-")
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    if replace {
        temporary.persist(path).map_err(|it| failed(it.error))?;
    } else {
        match temporary.persist_noclobber(path) {
            Err(it) if it.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            other => other.map_err(|it| failed(it.error))?,
        };
    }
    sync(folder)?;
    Ok(true)
}

/// Removes a file; `false` when there was none.
pub(crate) fn remove(path: &Path) -> Result<bool, AccountsError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(AccountsError::io("remove", path)(error)),
    }
}

fn sync(folder: &Path) -> Result<(), AccountsError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(AccountsError::io("write", folder))
}
