//! The simulated disk as `SQLite` sees it, by the crate `sqlite-vfs`.
//!
//! Everything that changes a file goes through the disk's log like the ledger's own files. What does not survive a
//! power failure anyway, locks and the index of the write-ahead log in shared memory, is kept beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::Duration;

use sqlite_vfs::wip::{WalIndex, WalIndexLock};
use sqlite_vfs::{DatabaseHandle, LockKind, OpenAccess, OpenKind, OpenOptions, Vfs};

use super::disk::{Inode, SimulatedDisk};
use crate::store::{Access, Store as _};

/// The name under which `SQLite` knows all simulated disks.
pub const NAME: &str = "simulated";

/// Bytes of a region of the index, as `SQLite` maps it.
const REGION: usize = 32_768;

static DISKS: Mutex<BTreeMap<u64, Weak<SimulatedDisk>>> = Mutex::new(BTreeMap::new());

/// A root that no other disk has.
pub fn fresh_root() -> PathBuf {
    static NEXT: Mutex<u64> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    *next += 1;
    PathBuf::from(format!("/simulated/{next}"))
}

/// Makes a disk known to `SQLite`.
pub fn attach(root: &Path, disk: &Arc<SimulatedDisk>) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| sqlite_vfs::register(NAME, Disks, false).unwrap());
    let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    disks.retain(|_, disk| disk.strong_count() > 0);
    disks.insert(number(root), Arc::downgrade(disk));
}

/// `sqlite-vfs` counts open files without a lock, so tests that use it take turns.
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(path: &Path) -> u64 {
    let part = path.components().nth(2).unwrap();
    part.as_os_str().to_str().unwrap().parse().unwrap()
}

/// Who holds what of one database.
#[derive(Debug, Default)]
pub struct DatabaseLocks {
    /// Connections with a lock on the database file.
    file: BTreeMap<u64, u8>,
    regions: Vec<Vec<u8>>,
    /// Connections with the index open.
    users: BTreeSet<u64>,
    /// By slot: the connections that share it, or the one that has it alone.
    slots: BTreeMap<u8, (BTreeSet<u64>, bool)>,
    next: u64,
}

struct Disks;

impl Disks {
    fn disk(path: &str) -> io::Result<(Arc<SimulatedDisk>, PathBuf)> {
        let disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = disks.get(&number(Path::new(path))).and_then(Weak::upgrade);
        let disk = disk.ok_or(io::ErrorKind::NotFound)?;
        let relative = disk.relative(Path::new(path));
        Ok((disk, relative))
    }
}

impl Vfs for Disks {
    type Handle = Handle;

    fn open(&self, path: &str, options: OpenOptions) -> io::Result<Handle> {
        let (disk, path) = Self::disk(path)?;
        let creates = matches!(options.access, OpenAccess::Create | OpenAccess::CreateNew);
        let access = if creates { Access::Write } else { Access::Read };
        let inode = disk.state().open(&path, access)?;
        let mut state = disk.state();
        let locks = state.databases.entry(path.clone()).or_default();
        locks.next += 1;
        let connection = locks.next;
        drop(state);
        let is_log = matches!(
            options.kind,
            OpenKind::MainJournal | OpenKind::SuperJournal | OpenKind::Wal
        );
        Ok(Handle {
            disk,
            path,
            inode,
            connection,
            sync_folder: creates && is_log,
        })
    }

    fn delete(&self, path: &str) -> io::Result<()> {
        // As on Unix without `synchronous = EXTRA`, the folder is not synced.
        let (disk, path) = Self::disk(path)?;
        disk.state().remove(&path)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        let (disk, relative) = Self::disk(path)?;
        Ok(disk.exists(&disk.root().join(relative)))
    }

    fn temporary_name(&self) -> String {
        "/simulated/0/temporary".to_owned()
    }

    fn random(&self, buffer: &mut [i8]) {
        buffer.fill(4);
    }

    fn sleep(&self, duration: Duration) -> Duration {
        std::thread::sleep(duration);
        duration
    }
}

/// A file opened by `SQLite`.
pub struct Handle {
    disk: Arc<SimulatedDisk>,
    path: PathBuf,
    inode: Inode,
    connection: u64,
    /// As on Unix, the first sync of a new journal or write-ahead log also syncs its folder.
    sync_folder: bool,
}

impl Handle {
    fn locks<T>(&self, work: impl FnOnce(&mut DatabaseLocks) -> T) -> T {
        work(
            self.disk
                .state()
                .databases
                .entry(self.path.clone())
                .or_default(),
        )
    }
}

/// A lock's rank in the order of `SQLite`.
fn rank(lock: LockKind) -> u8 {
    match lock {
        LockKind::None => 0,
        LockKind::Shared => 1,
        LockKind::Reserved => 2,
        LockKind::Pending => 3,
        LockKind::Exclusive => 4,
    }
}

/// `SQLite` is to tell a full disk from a broken one, and knows the first by this error alone.
fn told(result: io::Result<()>) -> io::Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => io::ErrorKind::WriteZero.into(),
        _ => error,
    })
}

impl DatabaseHandle for Handle {
    type WalIndex = Index;

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().length(self.inode))
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let count = self.disk.state().read(self.inode, offset, buffer);
        // `SQLite` relies on zeros beyond the end.
        buffer[count..].fill(0);
        if count < buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        told(self.disk.state().write(self.inode, offset, bytes))
    }

    fn sync(&mut self, _data_only: bool) -> io::Result<()> {
        let mut state = self.disk.state();
        state.sync_file(self.inode, &self.path)?;
        if std::mem::take(&mut self.sync_folder) {
            state.sync_folder(self.path.parent().unwrap())?;
        }
        Ok(())
    }

    fn set_len(&mut self, size: u64) -> io::Result<()> {
        told(self.disk.state().set_length(self.inode, size))
    }

    fn lock(&mut self, lock: LockKind) -> io::Result<bool> {
        let (me, wanted) = (self.connection, rank(lock));
        Ok(self.locks(|locks| {
            let others = locks.file.iter().filter(|(who, _)| **who != me);
            let most = others.map(|(_, rank)| *rank).max().unwrap_or(0);
            let rising = wanted > locks.file.get(&me).copied().unwrap_or(0);
            let free = match lock {
                LockKind::None => true,
                LockKind::Shared => most < 3,
                LockKind::Reserved => most < 2,
                LockKind::Pending | LockKind::Exclusive => most == 0,
            };
            let granted = free || !rising;
            if granted {
                locks.file.insert(me, wanted);
            }
            granted
        }))
    }

    fn reserved(&mut self) -> io::Result<bool> {
        Ok(self.locks(|locks| locks.file.values().any(|rank| *rank >= 2)))
    }

    fn current_lock(&self) -> io::Result<LockKind> {
        let rank = self.locks(|locks| locks.file.get(&self.connection).copied());
        Ok(match rank.unwrap_or(0) {
            0 => LockKind::None,
            1 => LockKind::Shared,
            2 => LockKind::Reserved,
            3 => LockKind::Pending,
            _ => LockKind::Exclusive,
        })
    }

    fn wal_index(&self, _readonly: bool) -> io::Result<Index> {
        self.locks(|locks| locks.users.insert(self.connection));
        Ok(Index {
            disk: Arc::clone(&self.disk),
            path: self.path.clone(),
            connection: self.connection,
        })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.locks(|locks| locks.file.remove(&self.connection));
    }
}

/// One connection's view of the shared index.
pub struct Index {
    disk: Arc<SimulatedDisk>,
    path: PathBuf,
    connection: u64,
}

impl Index {
    fn locks<T>(&self, work: impl FnOnce(&mut DatabaseLocks) -> T) -> T {
        work(
            self.disk
                .state()
                .databases
                .entry(self.path.clone())
                .or_default(),
        )
    }
}

impl WalIndex for Index {
    fn map(&mut self, region: u32) -> io::Result<[u8; REGION]> {
        Ok(self.locks(|locks| {
            while locks.regions.len() <= region as usize {
                locks.regions.push(vec![0; REGION]);
            }
            *locks.regions[region as usize].first_chunk().unwrap()
        }))
    }

    fn lock(&mut self, slots: Range<u8>, lock: WalIndexLock) -> io::Result<bool> {
        let me = self.connection;
        Ok(self.locks(|locks| {
            let free = slots.clone().all(|slot| {
                let (holders, alone) = locks.slots.entry(slot).or_default();
                let others = holders.iter().any(|who| *who != me);
                match lock {
                    WalIndexLock::None => true,
                    WalIndexLock::Shared => !(*alone && others),
                    WalIndexLock::Exclusive => !others,
                }
            });
            if free {
                for slot in slots {
                    let (holders, alone) = locks.slots.entry(slot).or_default();
                    match lock {
                        WalIndexLock::None => {
                            holders.remove(&me);
                        }
                        WalIndexLock::Shared | WalIndexLock::Exclusive => {
                            holders.insert(me);
                        }
                    }
                    *alone = match lock {
                        WalIndexLock::None => *alone && !holders.is_empty(),
                        WalIndexLock::Shared => false,
                        WalIndexLock::Exclusive => true,
                    };
                }
            }
            free
        }))
    }

    fn delete(self) -> io::Result<()> {
        self.locks(|locks| locks.regions.clear());
        Ok(())
    }

    fn pull(&mut self, region: u32, data: &mut [u8; REGION]) -> io::Result<()> {
        self.locks(|locks| {
            if let Some(shared) = locks.regions.get(region as usize) {
                data.copy_from_slice(&shared[..]);
            }
        });
        Ok(())
    }

    fn push(&mut self, region: u32, data: &[u8; REGION]) -> io::Result<()> {
        self.locks(|locks| {
            if let Some(shared) = locks.regions.get_mut(region as usize) {
                shared.copy_from_slice(data);
            }
        });
        Ok(())
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let me = self.connection;
        self.locks(|locks| {
            for (holders, _) in locks.slots.values_mut() {
                holders.remove(&me);
            }
            locks.users.remove(&me);
            // Whoever opens a database that nobody has open makes the index anew.
            if locks.users.is_empty() {
                locks.regions.clear();
            }
        });
    }
}
