//! The ledger's folder: names, durable writes, the lock.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use colophon_tlog::{Tile, TileLevel};

use crate::error::LedgerError;
use crate::store::{Access, Disk, Item, Store, StoredFile};

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
    store: Arc<dyn Store>,
    dir: PathBuf,
}

impl Files {
    pub const CHECKPOINT: &str = "checkpoint";
    pub const DATABASE: &str = "ledger.sqlite";
    pub const PAGE_SUMS: &str = "ledger.sums";

    /// A folder of the machine's file system.
    pub fn new(dir: &Path) -> Self {
        Self::on(Arc::new(Disk), dir)
    }

    /// A folder of any file system.
    pub fn on(store: Arc<dyn Store>, dir: &Path) -> Self {
        Self {
            store,
            dir: dir.to_owned(),
        }
    }

    /// A folder in this one.
    pub fn below(&self, folder: &str) -> Self {
        Self {
            store: Arc::clone(&self.store),
            dir: self.dir.join(folder),
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
        self.path(Self::PAGE_SUMS)
    }

    pub fn journal(&self) -> PathBuf {
        self.path("staged")
    }

    /// The name under which `SQLite` knows the file system, if it is not its own.
    pub fn sqlite_name(&self) -> Option<&str> {
        self.store.sqlite_name()
    }

    /// Makes the folder for a ledger that is to be written, durably.
    pub fn create(&self) -> Result<(), LedgerError> {
        self.create_folder(&self.dir, true)
    }

    /// Makes a folder and those above it; `durable` says whether their names are to survive a power failure now.
    fn create_folder(&self, folder: &Path, durable: bool) -> Result<(), LedgerError> {
        // The parent of a relative path of one name is the current folder, written as an empty path.
        if folder.as_os_str().is_empty() || self.store.exists(folder) {
            return Ok(());
        }
        let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_folder(parent, durable)?;
        }
        match self.store.create_folder(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(LedgerError::io("cannot create", folder, &error));
            }
            _ => {}
        }
        if durable {
            let parent = parent.unwrap_or(Path::new("."));
            self.store
                .sync(parent)
                .map_err(|error| LedgerError::io("cannot sync", parent, &error))?;
        }
        Ok(())
    }

    pub fn exists(&self, path: &Path) -> bool {
        self.store.exists(path)
    }

    /// Bytes of a file, `None` when there is none.
    pub fn length(&self, path: &Path) -> Option<u64> {
        let file = self.store.open(path, Access::Read);
        file.and_then(|file| file.len()).ok()
    }

    pub fn open(&self, path: &Path, access: Access) -> Result<Box<dyn StoredFile>, LedgerError> {
        self.store
            .open(path, access)
            .map_err(|error| LedgerError::io("cannot open", path, &error))
    }

    /// What lies in a folder of the ledger; nothing in one that is not there.
    pub fn list(&self, relative: &str) -> Result<Vec<Item>, LedgerError> {
        let path = self.path(relative);
        match self.store.list(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|error| LedgerError::io("cannot read", &path, &error)),
        }
    }

    /// Whether files can be made in the folder.
    pub fn is_writable(&self) -> bool {
        let probe = self.path(".writable");
        let writable = self.store.open(&probe, Access::Write).is_ok();
        if writable {
            // Leaving the empty probe behind would be harmless.
            let _ = self.store.remove(&probe);
        }
        writable
    }

    /// Reads at most `limit` bytes of a file, `None` when it does not exist.
    pub fn read_bounded(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        let read = || -> io::Result<Vec<u8>> {
            let file = self.store.open(path, Access::Read)?;
            let mut bytes = vec![0; file.len()?.min(limit) as usize];
            let count = file.read_at(0, &mut bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LedgerError::io("cannot read", path, &error)),
        }
    }

    /// The published checkpoint, `None` when there is no such file.
    pub fn read_checkpoint(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.read_bounded(&self.path(Self::CHECKPOINT), MAX_CHECKPOINT)
    }

    /// The bytes of one file, `None` when there is no such file; a file too long for the tile comes back cut off
    /// one byte after the longest valid length, so that it is found wrong.
    pub fn read_tile_file(&self, tile: Tile) -> Result<Option<Vec<u8>>, LedgerError> {
        let limit = match tile.level() {
            TileLevel::Entries => MAX_BUNDLE,
            TileLevel::Hashes(_) => u64::from(tile.width()) * 32 + 1,
        };
        self.read_bounded(&self.path(&tile.path()), limit)
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
            self.create_folder(parent, false)?;
        }
        let write = || {
            let file = self.store.open(&temporary, Access::Write)?;
            file.set_len(0)?;
            file.write_at(0, bytes)?;
            drop(file);
            self.store.rename(&temporary, &target)
        };
        write().map_err(|error| LedgerError::io("cannot write", &target, &error))
    }

    /// Puts a file that nothing could restore in place: after a power failure it has the old or the new content.
    /// Durable on return.
    pub fn put_durably(&self, relative: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let target = self.path(relative);
        let temporary = self.path(&format!("{relative}.tmp"));
        let write = || {
            let file = self.store.open(&temporary, Access::Write)?;
            file.set_len(0)?;
            file.write_at(0, bytes)?;
            // Before it gets its name: a name can survive without the content.
            file.sync()?;
            self.store.rename(&temporary, &target)?;
            self.store.sync(target.parent().unwrap_or(&self.dir))
        };
        write().map_err(|error| LedgerError::io("cannot write", &target, &error))
    }

    /// Makes files, or the entries of folders, durable. Syncs run side by side, because a journaling file system
    /// serves waiting ones together.
    pub fn sync_all(&self, relative: &[&str]) -> Result<(), LedgerError> {
        let sync = |relative: &&str| {
            let path = self.path(relative);
            self.store
                .sync(&path)
                .map_err(|error| LedgerError::io("cannot sync", &path, &error))
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
        match self.store.remove(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(LedgerError::io("cannot remove", &folder, &error))
            }
            _ => Ok(()),
        }
    }

    /// Removes a file; not even a power failure brings it back.
    pub fn remove_durably(&self, relative: &str) -> Result<(), LedgerError> {
        let path = self.path(relative);
        let removed = match self.store.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.store.sync(path.parent().unwrap_or(&self.dir)),
        };
        removed.map_err(|error| LedgerError::io("cannot remove", &path, &error))
    }

    /// Takes the ledger's lock, waiting at most `timeout`.
    pub fn lock(&self, timeout: Duration) -> Result<Lock, LedgerError> {
        let path = self.path("lock");
        // Where it cannot be made, it may still be there.
        if let Err(error) = self.store.open(&path, Access::Write)
            && !self.store.exists(&path)
        {
            return Err(LedgerError::io("cannot open", &path, &error));
        }
        let start = Instant::now();
        loop {
            match self.store.try_lock(&path) {
                Ok(Some(held)) => return Ok(Lock { _held: held }),
                Ok(None) if start.elapsed() < timeout => thread::sleep(LOCK_POLL),
                Ok(None) => return Err(LedgerError::Busy(timeout)),
                Err(error) => return Err(LedgerError::io("cannot lock", &path, &error)),
            }
        }
    }
}

/// The exclusive right to write; given back when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: Box<dyn Debug + Send>,
}
