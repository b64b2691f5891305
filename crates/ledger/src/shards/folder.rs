//! The ledger's folder: the signed list, and the shards that it names.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use colophon_tlog::{ShardState, VerifierKey};

use crate::error::LedgerError;
use crate::files::{Files, Lock};
use crate::shard::Shard;
use crate::shards::ShardName;
use crate::shards::list::{self, Listed};

/// A ledger's folder and the keys that its list may be signed with.
#[derive(Debug)]
pub(crate) struct Folder {
    files: Files,
    present: VerifierKey,
    trusted: Vec<VerifierKey>,
    opened: RwLock<Arc<Opened>>,
}

/// The shards as of one list.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// The list's bytes, by which a new one is noticed.
    note: Vec<u8>,
    /// Oldest first.
    pub parts: Vec<Part>,
}

/// A shard, as the list and as the folder has it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub listed: Listed,
    /// One that cannot be opened does not keep the others from being read.
    pub shard: Result<Arc<Shard>, LedgerError>,
}

impl Folder {
    pub const LIST: &str = "shards";

    /// Names a folder; nothing is read.
    pub fn new(files: Files, present: VerifierKey, former: &[VerifierKey]) -> Self {
        let mut trusted = vec![present.clone()];
        trusted.extend_from_slice(former);
        Self {
            files,
            present,
            trusted,
            opened: RwLock::default(),
        }
    }

    /// The log's present key.
    pub fn key(&self) -> &VerifierKey {
        &self.present
    }

    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The right to change the list.
    pub fn lock(&self, timeout: Duration) -> Result<Lock, LedgerError> {
        self.files.lock(timeout)
    }

    /// Folder of a shard.
    pub fn shard(&self, name: ShardName) -> Files {
        self.files.below(&name.to_string())
    }

    /// The list and the key that signed it; `None` when there is no list.
    pub fn read_list(&self) -> Result<Option<(Vec<Listed>, VerifierKey)>, LedgerError> {
        match self.list_bytes()? {
            Some(note) => list::open(&note, &self.trusted).map(Some),
            None => Ok(None),
        }
    }

    /// The list as it lies there.
    pub fn list_bytes(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        let path = self.files.path(Self::LIST);
        self.files.read_bounded(&path, list::MOST_BYTES)
    }

    /// Refuses a log of before shards, which lies in the folder itself.
    pub fn refuse_older_layout(&self) -> Result<(), LedgerError> {
        if self.files.exists(&self.files.database()) {
            Err(LedgerError::NoShards(self.files.dir().to_owned()))
        } else {
            Ok(())
        }
    }

    /// The shards that lie in the folder, whatever the list says, the oldest first.
    pub fn shards_found(&self) -> Result<Vec<ShardName>, LedgerError> {
        let items = self.files.list("")?.into_iter();
        let mut found: Vec<ShardName> = items
            .filter(|item| item.is_folder)
            .filter_map(|item| item.name.parse().ok())
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Replaces the list, durably. Only under the folder's lock.
    pub fn write_list(&self, note: &[u8]) -> Result<(), LedgerError> {
        self.files.put_durably(Self::LIST, note)
    }

    /// The shards as of the present list; one that is not open yet is opened by `open`, which is told the shards before
    /// it and whether it is the newest.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`] without a list; what is wrong with one that cannot be believed.
    pub fn current(
        &self,
        open: impl Fn(&Listed, &[Part], bool) -> Result<Shard, LedgerError>,
    ) -> Result<Arc<Opened>, LedgerError> {
        let note = self
            .list_bytes()?
            .ok_or_else(|| LedgerError::NotFound(self.files.dir().to_owned()))?;
        let known = Arc::clone(&self.opened.read().unwrap_or_else(PoisonError::into_inner));
        if note == known.note {
            return Ok(known);
        }
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if note == opened.note {
            return Ok(Arc::clone(&opened));
        }
        let (list, _) = list::open(&note, &self.trusted)?;
        let last = list.len();
        let mut parts: Vec<Part> = Vec::with_capacity(last);
        for (number, listed) in (1..).zip(list) {
            let kept = opened.parts.iter().find(|part| part.listed == listed);
            let shard = match kept {
                Some(Part {
                    shard: Ok(shard), ..
                }) => Ok(Arc::clone(shard)),
                _ => open(&listed, &parts, number == last).map(Arc::new),
            };
            parts.push(Part { listed, shard });
        }
        *opened = Arc::new(Opened { note, parts });
        Ok(Arc::clone(&opened))
    }
}

impl Part {
    /// The shard, `None` for one that the list names and that holds nothing yet.
    pub fn shard(&self) -> Result<Option<&Shard>, LedgerError> {
        match &self.shard {
            Ok(shard) => Ok(Some(shard)),
            Err(LedgerError::NotFound(_)) if self.listed.state == ShardState::Open => Ok(None),
            Err(error) => Err(error.clone()),
        }
    }
}

impl Opened {
    pub fn newest(&self) -> Option<&Part> {
        self.parts.last()
    }
}
