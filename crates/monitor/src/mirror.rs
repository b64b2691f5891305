//! A copy of a ledger that other programs can read as if it were the ledger.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use colophon_tlog::{Note, ShardList, Tile, VerifierKey};

use crate::alarm::{Broken, Trouble};
use crate::follow::{Shown, Visitor};
use crate::source::{Folder, MOST_NOTE, Source, SourceError};
use crate::walk::{Guide, Known, KnownLog, LIST, Log, walk};

const LOCK: &str = "mirror.lock";

/// What a mirroring did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Sizes of the logs before and after, by origin.
    pub logs: BTreeMap<String, (u64, u64)>,
    /// Files got from the source.
    pub fetched: u64,
    /// Files that an earlier run had left, checked again.
    pub kept: u64,
    /// Files written.
    pub written: u64,
}

/// Copies the ledger of `key` to `folder`, going on where an earlier run ended. Every file is checked against the
/// signed checkpoint before it is put in place; a log's checkpoint is put in place after its files, the list after all
/// logs, so that the folder is a whole, older ledger at any moment. A ledger that contradicts the copy is refused, and
/// the copy stays as it is.
///
/// # Errors
/// [`Trouble`]; for the folder itself [`Trouble::Source`].
pub fn mirror(source: &dyn Source, key: &VerifierKey, folder: &Path) -> Result<Mirrored, Trouble> {
    let _lock = lock(folder)?;
    let own = Folder(folder.to_owned());
    let mut known = what_is_there(&own, key)?;
    let layered = Layered {
        own: &own,
        source,
        kept: AtomicU64::new(0),
        fetched: AtomicU64::new(0),
    };
    let mut copier = Copier::new(folder);
    let mut done = walk(&layered, key, &mut known, &mut copier);
    let kept = layered.kept.load(Ordering::Relaxed);
    if matches!(done, Err(Trouble::Alarm(_))) && kept > 0 {
        // Perhaps only a file here is damaged: without those here the source speaks for itself.
        done = walk(source, key, &mut known, &mut copier);
    }
    done?;
    Ok(Mirrored {
        logs: copier.logs,
        fetched: layered.fetched.load(Ordering::Relaxed),
        kept,
        written: copier.written,
    })
}

/// What a folder that was mirrored before holds; nothing of an empty one.
///
/// # Errors
/// [`Trouble`] when a signature in it is wrong.
pub fn what_is_there(own: &Folder, key: &VerifierKey) -> Result<Known, Trouble> {
    let mut known = Known::default();
    let read = |path: &str| own.get(path, MOST_NOTE).map_err(Trouble::Source);
    let mut logs = vec![(String::new(), key.clone())];
    if let Some(bytes) = read(LIST)? {
        // A former key may have signed it: what counts is that the next list follows from it.
        let note = Note::parse(&bytes).map_err(|error| Broken::Unsigned(error.to_string()))?;
        let list = ShardList::parse_text(note.text())
            .map_err(|error| Broken::Shards(error.to_string()))?;
        known.list = Some((note, key.clone()));
        logs = list
            .shards()
            .iter()
            .map(|shard| {
                let name = shard.origin().strip_prefix(list.base()).unwrap_or_default();
                (
                    format!("{}/", name.trim_start_matches('/')),
                    shard.key.clone(),
                )
            })
            .collect();
    }
    for (prefix, key) in logs {
        if let Some(bytes) = read(&format!("{prefix}checkpoint"))? {
            let shown = Shown::open(&bytes, &key)?;
            let log = KnownLog {
                key: key.clone(),
                shown,
                sealed: false,
            };
            known.logs.insert(key.name().to_owned(), log);
        }
    }
    Ok(known)
}

fn lock(folder: &Path) -> Result<File, Trouble> {
    let path = folder.join(LOCK);
    let open = || -> io::Result<File> {
        fs::create_dir_all(folder)?;
        File::create(&path)
    };
    let file = open().map_err(|error| own(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Trouble::Source(
            format!(
                "another process mirrors into {}; wait for it",
                folder.display()
            )
            .into(),
        )),
        Err(fs::TryLockError::Error(error)) => Err(own(&path, &error)),
    }
}

fn own(path: &Path, error: &io::Error) -> Trouble {
    Trouble::Source(format!("cannot write {}: {error}; check the disk", path.display()).into())
}

/// The files here first, then those of the source; but never this folder's own signed texts.
struct Layered<'a> {
    own: &'a Folder,
    source: &'a dyn Source,
    kept: AtomicU64,
    fetched: AtomicU64,
}

impl Source for Layered<'_> {
    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let is_tile = path.starts_with("tile/") || path.contains("/tile/");
        if is_tile && let Some(bytes) = self.own.get(path, limit)? {
            self.kept.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(bytes));
        }
        let found = self.source.get(path, limit)?;
        if found.is_some() {
            self.fetched.fetch_add(1, Ordering::Relaxed);
        }
        Ok(found)
    }
}

/// Writes what the walk passes.
struct Copier {
    folder: PathBuf,
    prefix: String,
    /// Folders with new names, to be made durable before the checkpoint is put in place.
    unsynced: Vec<PathBuf>,
    logs: BTreeMap<String, (u64, u64)>,
    written: u64,
}

impl Copier {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            prefix: String::new(),
            unsynced: Vec::new(),
            logs: BTreeMap::new(),
            written: 0,
        }
    }

    /// Puts a whole file in place, its content durable; its name after [`Copier::sync`].
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let path = self.folder.join(path);
        let Some(parent) = path.parent() else {
            return Ok(());
        };
        let write = || -> io::Result<()> {
            fs::create_dir_all(parent)?;
            let mut temporary = path.clone().into_os_string();
            temporary.push(".new");
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .truncate(true)
                .open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|error| own(&path, &error))?;
        self.written += 1;
        let mut folder = parent;
        while !self.unsynced.iter().any(|known| known == folder) && folder.starts_with(&self.folder)
        {
            self.unsynced.push(folder.to_owned());
            folder = folder.parent().unwrap_or(folder);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Trouble> {
        for folder in self.unsynced.drain(..) {
            #[cfg(unix)]
            File::open(&folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| own(&folder, &error))?;
            #[cfg(not(unix))]
            let _ = folder;
        }
        Ok(())
    }
}

impl Guide for Copier {
    fn enter(&mut self, log: &Log<'_>) -> Result<(), Trouble> {
        log.prefix.clone_into(&mut self.prefix);
        Ok(())
    }

    fn visitor(&mut self) -> &mut dyn Visitor {
        self
    }

    fn leave(&mut self, log: &Log<'_>, shown: &Shown) -> Result<bool, Trouble> {
        let before = log.known.map_or(0, |known| known.shown.checkpoint.size.0);
        self.sync()?;
        if log.known.is_none_or(|known| known.shown != *shown) {
            let path = format!("{}checkpoint", log.prefix);
            self.put(&path, shown.note.to_string().as_bytes())?;
            self.sync()?;
        }
        let sizes = (before, shown.checkpoint.size.0);
        self.logs.insert(log.key.name().to_owned(), sizes);
        Ok(false)
    }

    fn listed(&mut self, note: &Note) -> Result<(), Trouble> {
        self.put(LIST, note.to_string().as_bytes())?;
        self.sync()
    }
}

impl Visitor for Copier {
    fn entry(&mut self, _index: u64, _leaf: &[u8]) -> Result<(), Trouble> {
        Ok(())
    }

    fn tile(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Trouble> {
        let path = format!("{}{}", self.prefix, tile.path());
        let there =
            fs::metadata(self.folder.join(&path)).is_ok_and(|it| it.len() == bytes.len() as u64);
        if there && fs::read(self.folder.join(&path)).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        self.put(&path, bytes)?;
        if tile.is_full() {
            // The partial ones before it are of no use any more (tlog-tiles, "Partial Tiles").
            let mut partial = self.folder.join(&path).into_os_string();
            partial.push(".p");
            if let Err(error) = fs::remove_dir_all(&partial)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(own(Path::new(&partial), &error));
            }
        }
        Ok(())
    }

    fn wants_all_tiles(&self) -> bool {
        true
    }
}
