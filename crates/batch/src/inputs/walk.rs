//! All files of a folder and those below it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use colophon_imaging::ImagingError;

use super::{Input, Item};

/// Goes through a folder in the order of the names' bytes. Hidden names (with a dot in front) and symbolic links are
/// passed over: a link could lead out of the folder, or in circles. So are pipes, sockets and devices.
pub(super) struct Walk {
    /// Folders not yet gone through, the innermost last.
    levels: Vec<Level>,
    /// Levels below the first folder that are entered, and one more.
    depth: usize,
    /// What is wrong with the first folder.
    trouble: Option<Item>,
}

struct Level {
    /// Empty for the present folder, so that names begin as the user would write them.
    folder: PathBuf,
    entries: IntoIter<Entry>,
}

struct Entry {
    name: OsString,
    is_folder: bool,
}

impl Walk {
    pub fn new(folder: PathBuf, depth: Option<usize>) -> Self {
        let mut walk = Self {
            levels: Vec::new(),
            depth: depth.unwrap_or(usize::MAX),
            trouble: None,
        };
        walk.trouble = walk.enter(folder).err();
        walk
    }

    fn enter(&mut self, folder: PathBuf) -> Result<(), Item> {
        match entries(&folder) {
            Ok(entries) => {
                self.levels.push(Level { folder, entries });
                Ok(())
            }
            Err(source) => Err(Item::Trouble {
                name: folder.display().to_string(),
                error: ImagingError::Io {
                    action: "list",
                    path: folder,
                    source,
                },
            }),
        }
    }
}

impl Iterator for Walk {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some(trouble) = self.trouble.take() {
            return Some(trouble);
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(entry) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            let path = level.folder.join(entry.name);
            if !entry.is_folder {
                return Some(Item::File(Input {
                    path,
                    extra: None,
                    met: true,
                }));
            }
            if self.levels.len() < self.depth
                && let Err(trouble) = self.enter(path)
            {
                return Some(trouble);
            }
        }
    }
}

/// Files and folders directly in `folder`, sorted.
fn entries(folder: &Path) -> io::Result<IntoIter<Entry>> {
    let folder = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name();
        if !is_hidden(&name) && (kind.is_dir() || kind.is_file()) {
            entries.push(Entry {
                name,
                is_folder: kind.is_dir(),
            });
        }
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries.into_iter())
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
