//! Changing a key folder: new files first, then `keys.json` in one step.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::KeysError;
use crate::facts::{StoredFacts, read_facts};
use crate::files::{self, FACTS_FILE};
use crate::making::Sink;

/// One change, under the folder's lock. What was written goes away again unless it is committed.
pub(crate) struct Change {
    dir: PathBuf,
    new: Vec<PathBuf>,
    /// Held until the end: a second process waits.
    _lock: Option<File>,
    /// The facts as they are under the lock, to be changed.
    pub facts: StoredFacts,
}

/// The new files of a change.
pub(crate) struct NewFiles<'a> {
    dir: &'a Path,
    new: &'a mut Vec<PathBuf>,
}

impl Change {
    pub fn begin(dir: &Path) -> Result<Self, KeysError> {
        let lock = lock(dir)?;
        // Read under the lock: another process may just have changed them.
        let facts = read_facts(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            new: Vec::new(),
            _lock: lock,
            facts,
        })
    }

    /// Where new files go, and the facts they belong to.
    pub fn parts(&mut self) -> (NewFiles<'_>, &mut StoredFacts) {
        let files = NewFiles {
            dir: &self.dir,
            new: &mut self.new,
        };
        (files, &mut self.facts)
    }

    /// Makes the change count, in one step.
    pub fn commit(mut self) -> Result<StoredFacts, KeysError> {
        let path = self.dir.join(FACTS_FILE);
        let partial = self.dir.join(format!("{FACTS_FILE}.partial"));
        let io = |action, path: &Path, source| KeysError::Io {
            action,
            path: path.to_owned(),
            source,
        };
        // Left by a crash; nobody else is at it, as the lock is ours.
        let _ = fs::remove_file(&partial);
        files::write_new(&partial, &self.facts.to_json()?, false)
            .map_err(|source| io("write", &path, source))?;
        files::sync_folder(&self.dir).map_err(|source| io("sync", &self.dir, source))?;
        fs::rename(&partial, &path).map_err(|source| io("write", &path, source))?;
        self.new.clear();
        files::sync_folder(&self.dir).map_err(|source| io("sync", &self.dir, source))?;
        Ok(self.facts.clone())
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        for path in &self.new {
            // Nothing more can be done about a failure here; `keys.json` does not name the file.
            let _ = fs::remove_file(path);
        }
    }
}

impl Sink for NewFiles<'_> {
    fn write(&mut self, name: &str, bytes: &[u8], private: bool) -> Result<(), KeysError> {
        let path = self.dir.join(name);
        let written = files::write_new(&path, bytes, private);
        // A file that was there is not ours to remove.
        let theirs =
            matches!(&written, Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists);
        if !theirs {
            self.new.push(path.clone());
        }
        written.map_err(|source| KeysError::Io {
            action: "write",
            path,
            source,
        })
    }

    fn has(&self, name: &str) -> bool {
        self.dir.join(name).symlink_metadata().is_ok()
    }
}

/// Waits until no other process changes the folder.
fn lock(dir: &Path) -> Result<Option<File>, KeysError> {
    #[cfg(unix)]
    {
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => KeysError::NoKeys(dir.to_owned()),
            _ => KeysError::Io {
                action: "lock",
                path: dir.to_owned(),
                source,
            },
        };
        let folder = File::open(dir).map_err(failed)?;
        folder.lock().map_err(failed)?;
        Ok(Some(folder))
    }
    // Elsewhere a folder cannot be locked; the rename of `keys.json` is one step all the same.
    #[cfg(not(unix))]
    {
        let _ = dir;
        Ok(None)
    }
}
