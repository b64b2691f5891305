//! A disk that keeps apart what was written and what was made durable, and can lose power at any moment.
//!
//! Every operation is recorded; [`super::failure`] tells what is left of them. An operation can be made to fail.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::store::{Access, Item, Store, StoredFile};

use super::failure::{Honesty, lose, write};
use super::random::Random;
use super::sqlite::{self, DatabaseLocks};

/// The number of a file's content, whatever its names.
pub type Inode = usize;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    Folder,
    File(Inode),
}

/// Names and contents at one moment. Paths are relative to the disk's root.
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub names: BTreeMap<PathBuf, Node>,
    pub contents: Vec<Vec<u8>>,
}

/// One recorded operation.
#[derive(Clone, Debug)]
pub enum Op {
    Name(PathBuf, Node),
    Rename(PathBuf, PathBuf, Node),
    Remove(PathBuf),
    Write(Inode, u64, Arc<[u8]>),
    SetLength(Inode, u64),
    SyncFile(Inode, PathBuf),
    SyncFolder(PathBuf),
    FailedSyncFile(Inode),
    FailedSyncFolder(PathBuf),
}

/// How the disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// One operation fails, later ones succeed.
    Once,
    /// No room: from there on, everything that writes fails.
    Full,
    /// The disk became read-only: from there on, everything that writes or syncs fails.
    ReadOnly,
}

/// An operation, counted from 0, that is to fail.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub at: usize,
    pub refusal: Refusal,
}

#[derive(Debug, Default)]
pub struct State {
    base: Image,
    seen: Image,
    log: Vec<Op>,
    held: BTreeSet<PathBuf>,
    pub databases: HashMap<PathBuf, DatabaseLocks>,
    fault: Option<Fault>,
    /// Operations that were or could have been refused.
    attempts: usize,
    /// Length of the log at the first refusal.
    refused: Option<usize>,
}

/// See the module.
#[derive(Debug)]
pub struct SimulatedDisk {
    root: PathBuf,
    state: Mutex<State>,
    this: Weak<SimulatedDisk>,
}

impl SimulatedDisk {
    /// A disk that holds what `image` says, durably.
    pub fn new(image: Image) -> Arc<Self> {
        let disk = Arc::new_cyclic(|this| Self {
            root: sqlite::fresh_root(),
            state: Mutex::new(State {
                seen: image.clone(),
                base: image,
                ..State::default()
            }),
            this: Weak::clone(this),
        });
        sqlite::attach(&disk.root, &disk);
        disk
    }

    /// Where the disk's files lie.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Makes an operation from now on fail.
    pub fn fail(&self, fault: Option<Fault>) {
        let mut state = self.state();
        state.fault = fault;
        state.attempts = 0;
        state.refused = None;
    }

    /// How many operations had been recorded when one was refused for the first time.
    pub fn refused(&self) -> Option<usize> {
        self.state().refused
    }

    /// How many operations were recorded.
    pub fn operations(&self) -> usize {
        self.state().log.len()
    }

    /// The recorded operations.
    pub fn log(&self) -> Vec<Op> {
        self.state().log.clone()
    }

    /// What programs see now.
    pub fn seen(&self) -> Image {
        self.state().seen.clone()
    }

    /// Contents by name, as programs see them.
    pub fn files(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let state = self.state();
        let content = |node: &Node| match node {
            Node::Folder => None,
            Node::File(inode) => Some(state.seen.contents[*inode].clone()),
        };
        let names = state.seen.names.iter();
        names
            .map(|(path, node)| (path.clone(), content(node)))
            .collect()
    }

    /// Path below the disk's root.
    pub fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap().to_owned()
    }

    pub fn this(&self) -> Arc<Self> {
        self.this.upgrade().unwrap()
    }

    /// What is left when power fails after `at` operations.
    pub fn power_failure(&self, at: usize, honesty: Honesty, random: &mut Random) -> Image {
        let state = self.state();
        let mut image = state.base.clone();
        image.contents.resize(state.seen.contents.len(), Vec::new());
        lose(&mut image, &state.log[..at], honesty, random);
        image
    }
}

impl State {
    /// Refuses the operation if it is its turn.
    fn attempt(&mut self, writes: bool) -> io::Result<()> {
        let turn = self.attempts;
        self.attempts += 1;
        let Some(fault) = self.fault else {
            return Ok(());
        };
        let (fails, kind) = match fault.refusal {
            Refusal::Once => (turn == fault.at, io::ErrorKind::Other),
            Refusal::Full => (writes && turn >= fault.at, io::ErrorKind::StorageFull),
            Refusal::ReadOnly => (turn >= fault.at, io::ErrorKind::ReadOnlyFilesystem),
        };
        if fails {
            self.refused.get_or_insert(self.log.len());
            return Err(io::Error::new(kind, "simulated fault"));
        }
        Ok(())
    }

    pub fn node(&self, path: &Path) -> io::Result<Node> {
        // The root is always there.
        if path.as_os_str().is_empty() {
            return Ok(Node::Folder);
        }
        let node = self.seen.names.get(path).copied();
        node.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub fn inode(&self, path: &Path) -> io::Result<Inode> {
        match self.node(path)? {
            Node::File(inode) => Ok(inode),
            Node::Folder => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub fn open(&mut self, path: &Path, access: Access) -> io::Result<Inode> {
        match self.inode(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && access == Access::Write => {
                let inode = self.seen.contents.len();
                self.name(path, Node::File(inode))?;
                self.seen.contents.push(Vec::new());
                Ok(inode)
            }
            found => found,
        }
    }

    fn name(&mut self, path: &Path, node: Node) -> io::Result<()> {
        if self.node(path.parent().unwrap())? != Node::Folder {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        self.attempt(true)?;
        self.seen.names.insert(path.to_owned(), node);
        self.log.push(Op::Name(path.to_owned(), node));
        Ok(())
    }

    pub fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.node(path)?;
        let names = self.seen.names.range(path.to_owned()..);
        let below: Vec<PathBuf> = names
            .map(|(name, _)| name.clone())
            .take_while(|name| name.starts_with(path))
            .collect();
        // Contents before their folder.
        for name in below.into_iter().rev() {
            self.attempt(true)?;
            self.seen.names.remove(&name);
            self.log.push(Op::Remove(name));
        }
        Ok(())
    }

    pub fn length(&self, inode: Inode) -> u64 {
        self.seen.contents[inode].len() as u64
    }

    pub fn read(&self, inode: Inode, offset: u64, buffer: &mut [u8]) -> usize {
        let content = &self.seen.contents[inode];
        let start = (offset as usize).min(content.len());
        let count = buffer.len().min(content.len() - start);
        buffer[..count].copy_from_slice(&content[start..start + count]);
        count
    }

    pub fn write(&mut self, inode: Inode, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let refused = self.attempt(true);
        // A refused write may have got half way.
        let bytes = &bytes[..bytes.len() / if refused.is_err() { 2 } else { 1 }];
        write(&mut self.seen.contents[inode], offset, bytes);
        self.log.push(Op::Write(inode, offset, bytes.into()));
        refused
    }

    pub fn set_length(&mut self, inode: Inode, length: u64) -> io::Result<()> {
        self.attempt(true)?;
        self.seen.contents[inode].resize(length as usize, 0);
        self.log.push(Op::SetLength(inode, length));
        Ok(())
    }

    pub fn sync_file(&mut self, inode: Inode, path: &Path) -> io::Result<()> {
        let refused = self.attempt(false);
        self.log.push(match &refused {
            Ok(()) => Op::SyncFile(inode, path.to_owned()),
            Err(_) => Op::FailedSyncFile(inode),
        });
        refused
    }

    pub fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        let refused = self.attempt(false);
        self.log.push(match &refused {
            Ok(()) => Op::SyncFolder(path.to_owned()),
            Err(_) => Op::FailedSyncFolder(path.to_owned()),
        });
        refused
    }
}

impl Store for SimulatedDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn StoredFile>> {
        let path = self.relative(path);
        let inode = self.state().open(&path, access)?;
        let disk = self.this();
        Ok(Box::new(SimulatedFile { disk, inode, path }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.relative(from), self.relative(to));
        let mut state = self.state();
        let node = state.node(&from)?;
        state.node(to.parent().unwrap())?;
        state.attempt(true)?;
        state.seen.names.remove(&from);
        state.seen.names.insert(to.clone(), node);
        state.log.push(Op::Rename(from, to, node));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().remove(&self.relative(path))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let path = self.relative(path);
        let mut state = self.state();
        if state.node(&path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.name(&path, Node::Folder)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Item>> {
        let folder = self.relative(folder);
        let state = self.state();
        state.node(&folder)?;
        let names = state.seen.names.iter();
        let inside = names.filter(|(path, _)| path.parent() == Some(&folder));
        let item = |(path, node): (&PathBuf, &Node)| Item {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            is_folder: *node == Node::Folder,
        };
        Ok(inside.map(item).collect())
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let path = self.relative(path);
        let mut state = self.state();
        match state.node(&path)? {
            Node::File(inode) => state.sync_file(inode, &path),
            Node::Folder => state.sync_folder(&path),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.state().node(&self.relative(path)).is_ok()
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Debug + Send>>> {
        let path = self.relative(path);
        let mut state = self.state();
        state.inode(&path)?;
        let free = state.held.insert(path.clone());
        let disk = self.this();
        Ok(free.then(|| Box::new(Held { disk, path }) as Box<dyn Debug + Send>))
    }

    fn sqlite_name(&self) -> Option<&str> {
        Some(sqlite::NAME)
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: Arc<SimulatedDisk>,
    inode: Inode,
    path: PathBuf,
}

impl StoredFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().length(self.inode))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.disk.state().read(self.inode, offset, buffer))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.state().write(self.inode, offset, bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.state().set_length(self.inode, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.state().sync_file(self.inode, &self.path)
    }
}

#[derive(Debug)]
struct Held {
    disk: Arc<SimulatedDisk>,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.state().held.remove(&self.path);
    }
}
