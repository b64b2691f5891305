//! What the ledger asks of a disk. The real file system is [`Disk`]; the crash tests put a simulated one in its place.

use std::fmt::Debug;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// A file system. Nothing is durable before a sync: the content of a file by [`StoredFile::sync`] or [`Store::sync`]
/// of the file, its name by [`Store::sync`] of the folder that holds it.
pub(crate) trait Store: Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn StoredFile>>;

    /// Gives a file another name in place of whatever had it, so that others see the old file or the new one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file, or a folder with everything in it.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a folder; its parent must be there.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// What lies in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<Item>>;

    /// Makes a file's content, or the names in a folder, durable.
    fn sync(&self, path: &Path) -> io::Result<()>;

    /// Whether there is a file or folder of that name.
    fn exists(&self, path: &Path) -> bool;

    /// Takes the exclusive lock on an existing file; `None` while somebody else has it. The lock is given back when
    /// the value is dropped or the process ends.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Debug + Send>>>;

    /// The name under which `SQLite` knows this file system; `None` for its own way to files.
    fn sqlite_name(&self) -> Option<&str>;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// For reading; it must exist.
    Read,
    /// For reading and writing, made when missing.
    Write,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub name: String,
    pub is_folder: bool,
}

/// An open file.
pub(crate) trait StoredFile: Debug + Send {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Reads from a place on; fewer bytes than asked for only at the file's end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all bytes from a place on; a gap before them reads as zeros.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts off or lengthens with zeros.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes its content and length durable.
    fn sync(&self) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Debug)]
pub(crate) struct Disk;

impl Store for Disk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn StoredFile>> {
        let file = match access {
            Access::Read => File::open(path)?,
            Access::Write => File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(path)?,
        };
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Item>> {
        let item = |item: io::Result<fs::DirEntry>| {
            let item = item?;
            Ok(Item {
                name: item.file_name().to_string_lossy().into_owned(),
                is_folder: item.path().is_dir(),
            })
        };
        fs::read_dir(folder)?.map(item).collect()
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Debug + Send>>> {
        // A read-only folder is locked through the file as it is, so that fsck works there too.
        let file = File::options().write(true).open(path);
        let file = file.or_else(|_| File::open(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn sqlite_name(&self) -> Option<&str> {
        None
    }
}

impl StoredFile for File {
    fn len(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match positioned::read(self, offset + done as u64, &mut buffer[done..]) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        positioned::write(self, offset, bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Reading and writing at a place: one call of the system where it has one, the way to the place first elsewhere.
#[cfg(unix)]
mod positioned {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt as _;

    pub fn read(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    pub fn write(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }
}

#[cfg(not(unix))]
mod positioned {
    use std::fs::File;
    use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

    pub fn read(mut file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }

    pub fn write(mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }
}
