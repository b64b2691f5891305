//! The ledger's folder: names, durable writes, the lock.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use colophon_tlog::{Tile, TileLevel};

use crate::error::LedgerError;

/// How often a waiting process tries the lock.
const LOCK_POLL: Duration = Duration::from_millis(2);
/// Syncs under way at once.
const SYNC_THREADS: usize = 16;
/// A note has at most 1,000,000 bytes.
const MAX_CHECKPOINT: u64 = 1_000_001;
/// 256 entries of 65,535 bytes with their lengths.
const MAX_BUNDLE: u64 = 256 * 65_537 + 1;

/// Paths and file operations within one ledger folder.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    dir: PathBuf,
}

impl Files {
    pub const CHECKPOINT: &str = "checkpoint";
    pub const DATABASE: &str = "ledger.sqlite";

    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.join(relative)
    }

    pub fn database(&self) -> PathBuf {
        self.path(Self::DATABASE)
    }

    pub fn write_ahead_log(&self) -> PathBuf {
        self.path("ledger.sqlite-wal")
    }

    pub fn page_sums(&self) -> PathBuf {
        self.path("ledger.sums")
    }

    pub fn journal(&self) -> PathBuf {
        self.path("staged")
    }

    /// Makes the folder for a ledger that is to be written.
    pub fn create(&self) -> Result<(), LedgerError> {
        fs::create_dir_all(&self.dir)
            .map_err(|error| LedgerError::io("cannot create", &self.dir, &error))
    }

    /// The published checkpoint, `None` when there is no such file.
    pub fn read_checkpoint(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        read_bounded(&self.path(Self::CHECKPOINT), MAX_CHECKPOINT)
    }

    /// The bytes of one file, `None` when there is no such file; a file too long for the tile comes back cut off
    /// one byte after the longest valid length, so that it is found wrong.
    pub fn read_tile_file(&self, tile: Tile) -> Result<Option<Vec<u8>>, LedgerError> {
        let limit = match tile.level() {
            TileLevel::Entries => MAX_BUNDLE,
            TileLevel::Hashes(_) => u64::from(tile.width()) * 32 + 1,
        };
        read_bounded(&self.path(&tile.path()), limit)
    }

    /// The bytes of a tile; a partial hash tile that is gone is cut from the full one, as `tlog-tiles` provides.
    pub fn read_tile(&self, tile: Tile) -> Result<Vec<u8>, LedgerError> {
        if let Some(bytes) = self.read_tile_file(tile)? {
            return Ok(bytes);
        }
        if !tile.is_full()
            && tile.level() != TileLevel::Entries
            && let Some(mut bytes) = self.read_tile_file(tile.full())?
        {
            bytes.truncate(usize::from(tile.width()) * 32);
            return Ok(bytes);
        }
        Err(LedgerError::Damaged(format!(
            "the file {} is missing",
            tile.path()
        )))
    }

    /// Puts a file in place through a temporary one, so that readers see the old or the new content. Not durable
    /// before [`Files::sync`].
    pub fn put(&self, relative: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let target = self.path(relative);
        let temporary = self.path("tmp");
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)
                .map_err(|error| LedgerError::io("cannot create", parent, &error))?;
        }
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            drop(file);
            fs::rename(&temporary, &target)
        };
        write().map_err(|error| LedgerError::io("cannot write", &target, &error))
    }

    /// Makes files, or the entries of folders, durable. Syncs run side by side, because a journaling file system
    /// serves waiting ones together.
    pub fn sync_all(&self, relative: &[&str]) -> Result<(), LedgerError> {
        let sync = |relative: &&str| {
            let path = self.path(relative);
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|error| LedgerError::io("cannot sync", &path, &error))
        };
        thread::scope(|scope| {
            let share = relative.len().div_ceil(SYNC_THREADS).max(1);
            let threads: Vec<_> = relative
                .chunks(share)
                .map(|paths| scope.spawn(move || paths.iter().try_for_each(sync)))
                .collect();
            threads.into_iter().try_for_each(|thread| {
                let panicked = |_| {
                    Err(LedgerError::Database(
                        "a sync thread ended early".to_owned(),
                    ))
                };
                thread.join().unwrap_or_else(panicked)
            })
        })
    }

    /// Removes the folder of a tile's partial versions, which its full version replaces.
    pub fn remove_partials(&self, full: Tile) -> Result<(), LedgerError> {
        let folder = self.path(&format!("{}.p", full.path()));
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(LedgerError::io("cannot remove", &folder, &error))
            }
            _ => Ok(()),
        }
    }

    /// Takes the ledger's lock, waiting at most `timeout`.
    pub fn lock(&self, timeout: Duration) -> Result<Lock, LedgerError> {
        let path = self.path("lock");
        // A read-only folder is locked through the existing file, so that fsck works there too.
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file
            .or_else(|_| File::open(&path))
            .map_err(|error| LedgerError::io("cannot open", &path, &error))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) if start.elapsed() < timeout => {
                    thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::WouldBlock) => return Err(LedgerError::Busy(timeout)),
                Err(TryLockError::Error(error)) => {
                    return Err(LedgerError::io("cannot lock", &path, &error));
                }
            }
        }
    }
}

/// The exclusive right to write; given back when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Reads at most `limit` bytes of a file, `None` when it does not exist.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LedgerError::io("cannot read", path, &error)),
    }
}
