//! What a monitor remembers between two looks, in a file.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use colophon_tlog::{Note, ShardList, VerifierKey};
use serde::{Deserialize, Serialize};

use crate::follow::Shown;
use crate::walk::{Known, KnownLog};

/// A state that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file.
    #[error("cannot {action} the monitor's state {path}; check its name and the disk", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which.
        path: std::path::PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// What is in it.
    #[error(
        "the monitor's state {path} is damaged or of another program ({what}); restore it, or name a new file to begin \
         from nothing: then a log that was rewritten since is not noticed",
        path = .path.display()
    )]
    Damaged {
        /// Which.
        path: std::path::PathBuf,
        /// What is wrong.
        what: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Saved {
    colophon_monitor_state: u32,
    list: Option<SavedNote>,
    logs: BTreeMap<String, SavedLog>,
}

#[derive(Serialize, Deserialize)]
struct SavedNote {
    key: String,
    note: String,
}

#[derive(Serialize, Deserialize)]
struct SavedLog {
    key: String,
    note: String,
    sealed: bool,
}

const VERSION: u32 = 1;

impl Known {
    /// Reads what [`Known::save`] wrote and checks every signature in it; nothing is known where there is no file.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn load(path: &Path) -> Result<Self, StateError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => {
                return Err(StateError::Io {
                    action: "read",
                    path: path.to_owned(),
                    source,
                });
            }
        };
        Self::parse(&bytes).map_err(|what| StateError::Damaged {
            path: path.to_owned(),
            what,
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let saved: Saved = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if saved.colophon_monitor_state != VERSION {
            return Err("another version".to_owned());
        }
        let key = |text: &str| {
            text.parse::<VerifierKey>()
                .map_err(|error| error.to_string())
        };
        let list = saved.list.map(|saved| {
            let key = key(&saved.key)?;
            ShardList::open(saved.note.as_bytes(), &key).map_err(|error| error.to_string())?;
            let note = Note::parse(saved.note.as_bytes()).map_err(|error| error.to_string())?;
            Ok::<_, String>((note, key))
        });
        let logs = saved.logs.into_iter().map(|(origin, saved)| {
            let key = key(&saved.key)?;
            let shown = Shown::open(saved.note.as_bytes(), &key)
                .map_err(|_| format!("the checkpoint of {origin} is not signed by its key"))?;
            if key.name() != origin {
                return Err(format!("the key of {origin} is another log's"));
            }
            let log = KnownLog {
                key,
                shown,
                sealed: saved.sealed,
            };
            Ok((origin, log))
        });
        Ok(Self {
            list: list.transpose()?,
            logs: logs.collect::<Result<_, String>>()?,
        })
    }

    /// Replaces the file as a whole, durably.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        let list = self.list.as_ref().map(|(note, key)| SavedNote {
            key: key.to_string(),
            note: note.to_string(),
        });
        let logs = self.logs.iter().map(|(origin, log)| {
            let saved = SavedLog {
                key: log.key.to_string(),
                note: log.shown.note.to_string(),
                sealed: log.sealed,
            };
            (origin.clone(), saved)
        });
        let saved = Saved {
            colophon_monitor_state: VERSION,
            list,
            logs: logs.collect(),
        };
        write(path, &saved).map_err(|source| StateError::Io {
            action: "write",
            path: path.to_owned(),
            source,
        })
    }
}

fn write(path: &Path, saved: &Saved) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)?;
    let mut text = serde_json::to_vec_pretty(saved)?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
