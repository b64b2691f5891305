//! The folder of API keys: one file a key.
//!
//! ```text
//! access/ID.json   what is kept of the key; written when it is made and when it is revoked
//! access/ID.used   the day of its last use (days since 1970-01-01 UTC); nothing depends on it
//! ```
//!
//! Each use looks whether the file is still the one that was read, so that a key that another process revokes ends at
//! once in every process.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::files;
use crate::{AccountsError, KeyId, KeyRecord, KeyState, KeyText, NewKey};

/// Longest file of a key.
const MOST_BYTES: u64 = 16 << 10;
/// Most keys.
const MOST_KEYS: usize = 10_000;
const DAY: i64 = 86_400;

/// Why a text opens nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// It is no key, or none of these.
    #[error("this key is not known here")]
    Unknown,
    /// Its time is over.
    #[error("this key has expired; ask for a new one")]
    Expired,
    /// It was revoked.
    #[error("this key was revoked")]
    Revoked,
    /// What is kept of it cannot be read.
    #[error("the key cannot be looked up")]
    Unreadable(#[source] AccountsError),
}

/// The keys of a home; for use from many threads.
#[derive(Debug)]
pub struct Keys {
    folder: PathBuf,
    known: Mutex<HashMap<KeyId, Known>>,
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    record: Arc<KeyRecord>,
    used: i64,
}

/// Tells one content of a file from another: files are only ever replaced as a whole.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    changed: Option<std::time::SystemTime>,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    fn of(about: &Metadata) -> Self {
        Self {
            bytes: about.len(),
            changed: about.modified().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(about),
        }
    }
}

impl Keys {
    /// The keys in a folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            known: Mutex::default(),
        }
    }

    /// Makes a key. Its text is returned and kept nowhere.
    ///
    /// # Errors
    /// [`AccountsError::Invalid`], [`AccountsError::TooMany`], [`AccountsError::Io`], [`AccountsError::Random`].
    pub fn create(&self, key: NewKey, now: i64) -> Result<(KeyText, KeyRecord), AccountsError> {
        files::make_folder(&self.folder)?;
        let count = self.ids()?.len();
        if count >= MOST_KEYS {
            return Err(AccountsError::TooMany(count));
        }
        let mut text = KeyText::draw()?;
        let mut record = KeyRecord::new(key, text.id(), text.hash(), now)?;
        // Until an id is found that no other key has.
        while !files::write(&self.file(text.id()), &json(&record)?, false)? {
            text = KeyText::draw()?;
            (record.id, record.sha256) = (text.id(), text.hash());
        }
        Ok((text, record))
    }

    /// Whoever holds this key, now. Notes the day.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn open(&self, text: &str, now: i64) -> Result<Arc<KeyRecord>, Denied> {
        let text: KeyText = text.parse().map_err(|_| Denied::Unknown)?;
        let record = self.current(text.id()).map_err(Denied::Unreadable)?;
        let record = record.filter(|record| record.sha256.is_of(&text));
        let record = record.ok_or(Denied::Unknown)?;
        match record.state(now) {
            KeyState::Active => {
                self.note_use(record.id, now.div_euclid(DAY));
                Ok(record)
            }
            KeyState::Expired => Err(Denied::Expired),
            KeyState::Revoked => Err(Denied::Revoked),
        }
    }

    /// What is kept of a key.
    ///
    /// # Errors
    /// [`AccountsError::NoKey`] and those of reading.
    pub fn get(&self, id: KeyId) -> Result<Arc<KeyRecord>, AccountsError> {
        self.current(id)?
            .ok_or_else(|| AccountsError::NoKey(id.to_string()))
    }

    /// All keys, the oldest first.
    ///
    /// # Errors
    /// [`AccountsError::Io`], [`AccountsError::Damaged`] for the first file that cannot be used.
    pub fn list(&self) -> Result<Vec<Arc<KeyRecord>>, AccountsError> {
        let ids = self.ids()?.into_iter();
        let found = ids.filter_map(|id| self.current(id).transpose());
        let mut keys: Vec<Arc<KeyRecord>> = found.collect::<Result<_, _>>()?;
        keys.sort_by_key(|key| (key.created, key.id));
        Ok(keys)
    }

    /// Whether any key works now.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn any_active(&self, now: i64) -> Result<bool, AccountsError> {
        let keys = self.list()?;
        Ok(keys.iter().any(|key| key.state(now) == KeyState::Active))
    }

    /// Ends a key for good. One that was revoked before keeps that time.
    ///
    /// # Errors
    /// [`AccountsError::NoKey`] and those of reading and writing.
    pub fn revoke(&self, id: KeyId, now: i64) -> Result<Arc<KeyRecord>, AccountsError> {
        let record = self.get(id)?;
        if record.revoked.is_some() {
            return Ok(record);
        }
        let mut revoked = (*record).clone();
        revoked.revoked = Some(now);
        files::write(&self.file(id), &json(&revoked)?, true)?;
        self.get(id)
    }

    /// Day of the last use of a key, days since 1970-01-01 UTC.
    pub fn last_used(&self, id: KeyId) -> Option<i64> {
        let read = files::read(&self.used_file(id), 32).ok()??;
        String::from_utf8(read).ok()?.trim().parse().ok()
    }

    /// The record as the file has it now.
    fn current(&self, id: KeyId) -> Result<Option<Arc<KeyRecord>>, AccountsError> {
        let path = self.file(id);
        let stamp = match fs::metadata(&path) {
            Ok(about) => Stamp::of(&about),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.known().remove(&id);
                return Ok(None);
            }
            Err(error) => return Err(AccountsError::io("read", &path)(error)),
        };
        if let Some(known) = self.known().get(&id).filter(|known| known.stamp == stamp) {
            return Ok(Some(Arc::clone(&known.record)));
        }
        let Some(bytes) = files::read(&path, MOST_BYTES)? else {
            return Ok(None);
        };
        let record =
            KeyRecord::read(&bytes, id).map_err(|what| AccountsError::damaged(&path, what))?;
        let record = Arc::new(record);
        let known = Known {
            // Of before the reading: a change in between is seen the next time.
            stamp,
            record: Arc::clone(&record),
            used: self.last_used(id).unwrap_or(i64::MIN),
        };
        self.known().insert(id, known);
        Ok(Some(record))
    }

    /// That a day cannot be noted keeps nobody from working.
    fn note_use(&self, id: KeyId, day: i64) {
        let first = match self.known().get_mut(&id) {
            Some(known) if known.used < day => {
                known.used = day;
                true
            }
            _ => false,
        };
        if first {
            let _ = files::write(&self.used_file(id), format!("{day}\n").as_bytes(), true);
        }
    }

    fn ids(&self) -> Result<Vec<KeyId>, AccountsError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(AccountsError::io("read", &self.folder)(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(AccountsError::io("read", &self.folder))?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            ids.extend(id.and_then(|id| id.parse::<KeyId>().ok()));
        }
        Ok(ids)
    }

    fn file(&self, id: KeyId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn used_file(&self, id: KeyId) -> PathBuf {
        self.folder.join(format!("{id}.used"))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<KeyId, Known>> {
        // Entries are whole at any time.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(record: &KeyRecord) -> Result<Vec<u8>, AccountsError> {
    let invalid = |error: serde_json::Error| AccountsError::Invalid(error.to_string());
    let mut text = serde_json::to_vec_pretty(record).map_err(invalid)?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Scope, Tenant};

    const NOW: i64 = 1_790_000_000;

    fn new(expires: Option<i64>) -> NewKey {
        NewKey {
            name: "studio".to_owned(),
            tenant: Tenant::own(),
            scopes: [Scope::Issue, Scope::Read].into_iter().collect(),
            teams: None,
            expires,
            limits: Limits::default(),
        }
    }

    #[test]
    fn a_key_opens_until_it_is_revoked_by_another_process() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(folder.path());
        let (text, made) = keys.create(new(None), NOW).unwrap();
        assert_eq!(made.teams, ["makers", "auditors"]);
        let stored = fs::read_to_string(folder.path().join(format!("{}.json", made.id))).unwrap();
        assert!(!stored.contains(&text.expose()[20..]), "{stored}");
        assert_eq!(*keys.open(&text.expose(), NOW).unwrap(), made);
        assert_eq!(keys.last_used(made.id), Some(NOW / DAY));

        let other = Keys::new(folder.path());
        other.revoke(made.id, NOW + 5).unwrap();
        let denied = keys.open(&text.expose(), NOW + 6);
        assert!(matches!(denied, Err(Denied::Revoked)), "{denied:?}");
        let again = other.revoke(made.id, NOW + 9).unwrap();
        assert_eq!(again.revoked, Some(NOW + 5), "the first time stays");
        assert!(!keys.any_active(NOW).unwrap());
    }

    #[test]
    fn a_key_ends_at_its_time_and_a_guess_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(folder.path().join("access"));
        assert!(keys.list().unwrap().is_empty());
        let (text, made) = keys.create(new(Some(NOW + 10)), NOW).unwrap();
        assert!(keys.open(&text.expose(), NOW + 9).is_ok());
        let denied = keys.open(&text.expose(), NOW + 10);
        assert!(matches!(denied, Err(Denied::Expired)), "{denied:?}");
        let guess = format!("colophon_{}_{}", made.id, "A".repeat(43));
        for text in [guess.as_str(), "", "colophon_", "sk-x"] {
            assert!(
                matches!(keys.open(text, NOW), Err(Denied::Unknown)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_damaged_file_opens_nothing_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(folder.path());
        let (text, made) = keys.create(new(None), NOW).unwrap();
        let path = folder.path().join(format!("{}.json", made.id));
        let good = fs::read_to_string(&path).unwrap();
        let long = format!("{good}{}", " ".repeat(MOST_BYTES as usize));
        let other = good.replace(&made.id.to_string(), "aaaaaaaa");
        let more = good.replacen('{', "{\"root\": true,", 1);
        for bad in ["", "{}", &good[..40], &long, &other, &more] {
            fs::write(&path, bad).unwrap();
            let denied = keys.open(&text.expose(), NOW);
            assert!(
                matches!(denied, Err(Denied::Unreadable(_))),
                "{bad}: {denied:?}"
            );
            assert!(
                keys.list()
                    .unwrap_err()
                    .to_string()
                    .contains(&made.id.to_string())
            );
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(folder.path());
        let limits = Limits {
            bytes_per_day: Some(0),
            ..Limits::default()
        };
        for bad in [
            NewKey {
                name: "a/b".to_owned(),
                ..new(None)
            },
            NewKey {
                tenant: Tenant::public(),
                ..new(None)
            },
            NewKey {
                scopes: crate::Scopes::default(),
                ..new(None)
            },
            NewKey {
                teams: Some(vec![String::new()]),
                ..new(None)
            },
            NewKey {
                limits,
                ..new(None)
            },
            new(Some(NOW)),
        ] {
            let refused = keys.create(bad.clone(), NOW);
            assert!(matches!(refused, Err(AccountsError::Invalid(_))), "{bad:?}");
        }
        assert!(keys.list().unwrap().is_empty());
    }
}
