//! A disk that keeps apart what is safe and what is not, and crashes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use colophon_witness::Disk;

/// A file's content: what was written, and what was made durable of it.
#[derive(Clone, Debug, Default)]
struct Content {
    written: Vec<u8>,
    durable: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct State {
    contents: Vec<Content>,
    /// Names as the process sees them.
    names: BTreeMap<PathBuf, usize>,
    /// Names that survive a power cut.
    safe_names: BTreeMap<PathBuf, usize>,
    /// Operations until the power fails; `None` for never.
    left: Option<u32>,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct CrashDisk(Arc<Mutex<State>>);

impl CrashDisk {
    /// The power fails at the operation after `operations` more.
    pub fn fail_after(&self, operations: u32) {
        self.0.lock().unwrap().left = Some(operations);
    }

    /// The machine starts again. Of what was not synced, `choices` say what survived: each name and each content in
    /// turn takes one.
    pub fn restart(&self, mut choices: impl FnMut() -> bool) {
        let mut state = self.0.lock().unwrap();
        state.left = None;
        let mut names = state.safe_names.clone();
        let paths: Vec<PathBuf> = state.names.keys().chain(names.keys()).cloned().collect();
        for path in paths {
            if state.names.get(&path) == names.get(&path) || !choices() {
                continue;
            }
            match state.names.get(&path) {
                Some(&content) => names.insert(path, content),
                None => names.remove(&path),
            };
        }
        for content in &mut state.contents {
            if content.durable.as_ref() == Some(&content.written) {
                continue;
            }
            let torn = content.written.len() / 2;
            let kept = match (choices(), &content.durable) {
                (true, _) => content.written.clone(),
                (false, Some(durable)) => durable.clone(),
                (false, None) => content.written[..torn].to_vec(),
            };
            content.written.clone_from(&kept);
            content.durable = Some(kept);
        }
        state.names.clone_from(&names);
        state.safe_names = names;
    }

    fn operation<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        match state.left {
            Some(0) => return Err(io::Error::other("the power failed")),
            Some(left) => state.left = Some(left - 1),
            None => {}
        }
        act(&mut state)
    }
}

impl Disk for CrashDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.operation(|state| {
            let content = state.names.get(path);
            Ok(content.map(|content| state.contents[*content].written.clone()))
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.operation(|state| {
            if let Some(&content) = state.names.get(path) {
                state.contents[content].written = bytes.to_vec();
            } else {
                state.contents.push(Content {
                    written: bytes.to_vec(),
                    durable: None,
                });
                let content = state.contents.len() - 1;
                state.names.insert(path.to_owned(), content);
            }
            Ok(())
        })
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.operation(|state| {
            let content = state.names.get(path).copied();
            let content = content.ok_or(io::ErrorKind::NotFound)?;
            let content = &mut state.contents[content];
            content.durable = Some(content.written.clone());
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operation(|state| {
            let content = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), content);
            Ok(())
        })
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.operation(|state| {
            let inside = |path: &PathBuf| path.parent() == Some(folder);
            state.safe_names.retain(|path, _| !inside(path));
            let names = state.names.iter().filter(|(path, _)| inside(path));
            let names: Vec<_> = names
                .map(|(path, content)| (path.clone(), *content))
                .collect();
            state.safe_names.extend(names);
            Ok(())
        })
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<File>> {
        Ok(None)
    }
}
