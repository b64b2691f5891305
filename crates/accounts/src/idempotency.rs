//! Requests that are carried out once, however often they are sent (`Idempotency-Key`,
//! draft-ietf-httpapi-idempotency-key-header-07).
//!
//! ```text
//! idempotency/TENANT/HASH   one line of JSON (see `Entry`), then the body of the answer
//! ```
//!
//! A file says that a request was begun before any work is done for it, and what was answered afterwards. One that says
//! the former alone and belongs to no request under way was left by a process that ended in the middle: whether its work
//! was done is not known here.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::files;
use crate::{AccountsError, Tenant};

/// Version of the files.
const FORMAT: u32 = 1;
/// How long an answer is kept, seconds.
pub const KEPT: i64 = 86_400;
/// Longest body of an answer that is kept, bytes.
pub const MOST_BODY: usize = 32 << 20;
/// Longest key, bytes.
const MOST_KEY: usize = 255;
/// Longest file.
const MOST_BYTES: u64 = MOST_BODY as u64 + (16 << 10);
/// Most answers kept for a tenant.
const MOST_ENTRIES: usize = 10_000;

/// Names a request of a caller: the caller's own key, hashed together with who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestName {
    tenant: Tenant,
    hash: String,
}

impl RequestName {
    /// The name of the request that `caller` (a full name with its kind) of a tenant calls `key`; `None` for a key that
    /// is empty or longer than 255 bytes.
    pub fn new(tenant: &Tenant, caller: &str, key: &str) -> Option<Self> {
        let fits = (1..=MOST_KEY).contains(&key.len());
        fits.then(|| {
            let mut hash = Sha256::new();
            hash.update((caller.len() as u64).to_be_bytes());
            hash.update(caller);
            hash.update(key);
            Self {
                tenant: tenant.clone(),
                hash: crate::hex(&hash.finalize()),
            }
        })
    }
}

/// SHA-256 of everything that makes a request another one.
pub type RequestHash = [u8; 32];

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers that are part of the answer, in order.
    pub headers: Vec<(String, String)>,
    /// The body; `None` for one that was streamed or longer than 32 MiB, which is not kept.
    pub body: Option<Vec<u8>>,
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    format: u32,
    /// SHA-256 of the request.
    request: String,
    /// When it was begun, Unix seconds.
    begun: i64,
    /// How many entries the log had then.
    log_size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done: Option<Done>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    at: i64,
    status: u16,
    headers: Vec<(String, String)>,
    /// Whether the body was kept.
    body: bool,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Begun {
    /// Carry it out, and say what was answered.
    Now(Running),
    /// It was carried out: answer this.
    Done(KeptAnswer),
    /// It is being carried out.
    Running,
    /// The key was used for another request.
    Other,
    /// It was begun by a process that ended in the middle.
    Unknown {
        /// When it was begun, Unix seconds.
        begun: i64,
        /// How many entries the log had then.
        log_size: u64,
    },
}

/// The answers of a home.
#[derive(Debug)]
pub struct Idempotency {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    running: Mutex<HashSet<RequestName>>,
}

impl Shared {
    fn file(&self, name: &RequestName) -> PathBuf {
        self.folder.join(name.tenant.as_str()).join(&name.hash)
    }

    fn running<T>(&self, work: impl FnOnce(&mut HashSet<RequestName>) -> T) -> T {
        work(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request under way. Dropped without a word of what was answered, it counts as one that was broken off.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    name: RequestName,
    entry: Entry,
}

impl Idempotency {
    /// The answers in a folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            shared: Arc::new(Shared {
                folder: folder.into(),
                running: Mutex::default(),
            }),
        }
    }

    /// Begins a request at a time (Unix seconds), with the log at `log_size` entries; durable when this returns.
    ///
    /// # Errors
    /// [`AccountsError::Io`], [`AccountsError::Damaged`], [`AccountsError::Invalid`] for a tenant with too many answers.
    pub fn begin(
        &self,
        name: RequestName,
        request: &RequestHash,
        log_size: u64,
        now: i64,
    ) -> Result<Begun, AccountsError> {
        let request = crate::hex(request);
        if !self.shared.running(|running| running.insert(name.clone())) {
            return Ok(Begun::Running);
        }
        let running = Running {
            shared: Arc::clone(&self.shared),
            name,
            entry: Entry {
                format: FORMAT,
                request,
                begun: now,
                log_size,
                done: None,
            },
        };
        running.begin(now)
    }

    /// Removes what is older than a day; returns how many files.
    ///
    /// # Errors
    /// [`AccountsError::Io`]; what was removed by then stays so.
    pub fn tidy(&self, now: i64) -> Result<usize, AccountsError> {
        let mut removed = 0;
        for tenant in children(&self.shared.folder)? {
            for path in children(&tenant)? {
                let old = match read(&path) {
                    Ok(Some((entry, _))) => is_over(&entry, now),
                    Ok(None) => false,
                    // What cannot be read answers nothing, and stands in the way.
                    Err(AccountsError::Damaged { .. }) => true,
                    Err(error) => return Err(error),
                };
                removed += usize::from(old && files::remove(&path)?);
            }
        }
        Ok(removed)
    }
}

impl Running {
    fn begin(self, now: i64) -> Result<Begun, AccountsError> {
        let path = self.shared.file(&self.name);
        if let Some((found, body)) = read(&path)?.filter(|(entry, _)| !is_over(entry, now)) {
            if found.request != self.entry.request {
                return Ok(Begun::Other);
            }
            return Ok(match found.done {
                Some(done) => Begun::Done(KeptAnswer {
                    status: done.status,
                    headers: done.headers,
                    body: done.body.then_some(body),
                }),
                None => Begun::Unknown {
                    begun: found.begun,
                    log_size: found.log_size,
                },
            });
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        files::make_folder(folder)?;
        if children(folder)?.len() >= MOST_ENTRIES {
            return Err(AccountsError::Invalid(format!(
                "{MOST_ENTRIES} requests with an Idempotency-Key were sent within a day, and no more are kept; send this one without"
            )));
        }
        self.write(b"")?;
        Ok(Begun::Now(self))
    }

    /// Keeps what was answered; durable when this returns. A body longer than [`MOST_BODY`] is not kept.
    ///
    /// # Errors
    /// [`AccountsError::Io`]: then the request counts as one that was broken off.
    pub fn done(mut self, answer: KeptAnswer, now: i64) -> Result<(), AccountsError> {
        let body = answer.body.filter(|body| body.len() <= MOST_BODY);
        self.entry.done = Some(Done {
            at: now,
            status: answer.status,
            headers: answer.headers,
            body: body.is_some(),
        });
        self.write(&body.unwrap_or_default())
    }

    /// Forgets the request: nothing was done for it, and it may be sent again.
    ///
    /// # Errors
    /// [`AccountsError::Io`].
    pub fn forget(self) -> Result<(), AccountsError> {
        files::remove(&self.shared.file(&self.name)).map(drop)
    }

    fn write(&self, body: &[u8]) -> Result<(), AccountsError> {
        let invalid = |error: serde_json::Error| AccountsError::Invalid(error.to_string());
        let mut bytes = serde_json::to_vec(&self.entry).map_err(invalid)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        files::write(&self.shared.file(&self.name), &bytes, true).map(drop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.running(|running| running.remove(&self.name));
    }
}

/// Whether an entry is too old to count. One that was broken off is kept as long.
fn is_over(entry: &Entry, now: i64) -> bool {
    let at = entry.done.as_ref().map_or(entry.begun, |done| done.at);
    now.saturating_sub(at) >= KEPT
}

fn read(path: &Path) -> Result<Option<(Entry, Vec<u8>)>, AccountsError> {
    let Some(mut bytes) = files::read(path, MOST_BYTES)? else {
        return Ok(None);
    };
    let line = bytes.iter().position(|byte| *byte == b'\n');
    let entry = line.and_then(|end| serde_json::from_slice::<Entry>(&bytes[..end]).ok());
    match entry.filter(|entry| entry.format == FORMAT).zip(line) {
        Some((entry, end)) => {
            bytes.drain(..=end);
            Ok(Some((entry, bytes)))
        }
        None => Err(AccountsError::damaged(path, "it is no kept answer")),
    }
}

/// What lies in a folder, without what is just being written.
fn children(folder: &Path) -> Result<Vec<PathBuf>, AccountsError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AccountsError::io("read", folder)(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(AccountsError::io("read", folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;
    const REQUEST: RequestHash = [1; 32];

    fn name(key: &str) -> RequestName {
        RequestName::new(&Tenant::own(), "api-key:studio", key).unwrap()
    }

    fn answer() -> KeptAnswer {
        KeptAnswer {
            status: 201,
            headers: vec![("content-type".to_owned(), "image/png".to_owned())],
            body: Some(b"\n{\x00\xff".to_vec()),
        }
    }

    fn begin(store: &Idempotency, key: &str, request: &RequestHash, now: i64) -> Begun {
        store.begin(name(key), request, 7, now).unwrap()
    }

    #[test]
    fn a_request_is_carried_out_once_and_answered_alike_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Idempotency::new(folder.path().join("idempotency"));
        let Begun::Now(running) = begin(&store, "k", &REQUEST, NOW) else {
            panic!("the first is carried out");
        };
        assert!(matches!(begin(&store, "k", &REQUEST, NOW), Begun::Running));
        running.done(answer(), NOW + 3).unwrap();
        for store in [&store, &Idempotency::new(folder.path().join("idempotency"))] {
            let Begun::Done(kept) = begin(store, "k", &REQUEST, NOW + KEPT) else {
                panic!("it is kept");
            };
            assert_eq!(kept, answer());
            assert!(matches!(begin(store, "k", &[2; 32], NOW + 4), Begun::Other));
        }
        assert!(matches!(
            begin(&store, "k", &[2; 32], NOW + 3 + KEPT),
            Begun::Now(_)
        ));
    }

    #[test]
    fn what_a_crash_left_is_told_as_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let store = Idempotency::new(folder.path());
        let Begun::Now(running) = begin(&store, "k", &REQUEST, NOW) else {
            panic!("the first is carried out");
        };
        // As a process that is gone: its file stays, its memory does not.
        drop(running);
        let begun = begin(&Idempotency::new(folder.path()), "k", &REQUEST, NOW + 5);
        assert!(
            matches!(
                begun,
                Begun::Unknown {
                    begun: NOW,
                    log_size: 7
                }
            ),
            "{begun:?}"
        );
    }

    #[test]
    fn what_was_refused_may_be_sent_again_and_others_have_keys_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let store = Idempotency::new(folder.path());
        let Begun::Now(running) = begin(&store, "k", &REQUEST, NOW) else {
            panic!("the first is carried out");
        };
        for other in [
            RequestName::new(&Tenant::own(), "api-key:other", "k"),
            RequestName::new(&"news".parse().unwrap(), "api-key:studio", "k"),
        ] {
            let begun = store.begin(other.unwrap(), &[9; 32], 0, NOW).unwrap();
            assert!(matches!(begun, Begun::Now(_)));
        }
        running.forget().unwrap();
        assert!(matches!(begin(&store, "k", &[2; 32], NOW), Begun::Now(_)));
        for key in ["", &"k".repeat(256)] {
            assert_eq!(RequestName::new(&Tenant::own(), "a", key), None);
        }
    }

    #[test]
    fn old_answers_go_and_damaged_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Idempotency::new(folder.path());
        for key in ["a", "b"] {
            let Begun::Now(running) = begin(&store, key, &REQUEST, NOW) else {
                panic!("the first is carried out");
            };
            running
                .done(answer(), NOW + if key == "a" { 0 } else { 50 })
                .unwrap();
        }
        assert_eq!(store.tidy(NOW + KEPT).unwrap(), 1);
        let left = children(&folder.path().join("own")).unwrap();
        assert_eq!(left.len(), 1);
        fs::write(&left[0], b"{\"format\":9}\n").unwrap();
        let damaged = store.begin(name("b"), &REQUEST, 0, NOW);
        assert!(matches!(damaged, Err(AccountsError::Damaged { .. })));
        assert_eq!(store.tidy(NOW).unwrap(), 1);
        assert!(matches!(begin(&store, "b", &REQUEST, NOW), Begun::Now(_)));
    }

    #[test]
    fn a_long_answer_is_done_without_its_body() {
        let folder = tempfile::tempdir().unwrap();
        let store = Idempotency::new(folder.path());
        let Begun::Now(running) = begin(&store, "k", &REQUEST, NOW) else {
            panic!("the first is carried out");
        };
        let long = KeptAnswer {
            body: Some(vec![0; MOST_BODY + 1]),
            ..answer()
        };
        running.done(long, NOW).unwrap();
        let Begun::Done(kept) = begin(&store, "k", &REQUEST, NOW) else {
            panic!("it is kept");
        };
        assert_eq!((kept.status, kept.body), (201, None));
    }
}
