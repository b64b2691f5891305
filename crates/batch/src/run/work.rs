//! The threads that read and check.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use colophon_imaging::{ImagingError, read_bounded};
use colophon_provenance::{Report, hex};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Checker, Trouble};
use crate::Row;
use crate::alike::{Digest, Firsts};
use crate::inputs::{HEAD, Input, Item, is_named_picture, is_picture};
use crate::journal::{Finished, Key, Place};

/// Files that may be read ahead of the last row told: enough that one slow picture holds up nobody, few enough that
/// their reports are no weight.
const AHEAD: u64 = 256;
/// How often a thread that waits looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Hands out the inputs.
pub(super) struct Feed<'a, I> {
    items: Mutex<(I, u64)>,
    told: Mutex<u64>,
    changed: Condvar,
    closed: AtomicBool,
    stopped: AtomicBool,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl<'a, I: Iterator<Item = Item>> Feed<'a, I> {
    pub fn new(items: I, stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self {
            items: Mutex::new((items, 0)),
            told: Mutex::new(0),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            stop,
        }
    }

    /// The next input with its place; `None` when there is none or nothing more is to be begun.
    fn take(&self) -> Option<(u64, Item)> {
        let mut items = lock(&self.items);
        let (items, next) = &mut *items;
        let mut told = lock(&self.told);
        loop {
            if self.closed.load(Ordering::Relaxed) {
                return None;
            }
            if (self.stop)() {
                self.stopped.store(true, Ordering::Relaxed);
                return None;
            }
            if *next < *told + AHEAD {
                break;
            }
            let waited = self.changed.wait_timeout(told, LOOK);
            told = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(told);
        let Some(item) = items.next() else {
            self.close();
            return None;
        };
        *next += 1;
        Some((*next - 1, item))
    }

    /// Says how many inputs are told.
    pub fn told(&self, count: u64) {
        *lock(&self.told) = count;
        self.changed.notify_all();
    }

    /// Nothing more is begun.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Whether the end came before that of the inputs.
    pub fn was_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the threads share.
pub(super) struct Crew<'a, C, I> {
    pub checker: &'a C,
    pub feed: &'a Feed<'a, I>,
    pub firsts: &'a Firsts,
    pub finished: &'a Finished,
    pub other_files: bool,
    pub keep_reports: bool,
}

/// What came of one input.
pub(super) struct Done {
    pub name: String,
    pub key: Option<Key>,
    pub input: Option<Map<String, Value>>,
    pub answer: Answer,
}

pub(super) enum Answer {
    /// No picture.
    Skipped,
    /// An earlier run has it.
    Finished(Place),
    /// The bytes of an input before.
    Repeated { digest: Digest, elapsed: Duration },
    /// The row, and the report as JSON if it is kept.
    Checked { row: Box<Row>, report: String },
}

impl<C: Checker, I: Iterator<Item = Item>> Crew<'_, C, I> {
    /// Works until there is nothing left, or nobody who listens.
    pub fn work(&self, to: &Sender<(u64, Done)>) {
        while let Some((place, item)) = self.feed.take() {
            let done = match item {
                Item::File(input) => self.file(place, input),
                Item::Trouble { name, error } => Done {
                    answer: self.failed(Trouble::Unreadable(error), &name),
                    name,
                    key: None,
                    input: None,
                },
            };
            // Then the feed ends as well, and the picture is left for when the run is gone on with.
            if self.checker.has_ended() {
                continue;
            }
            if to.send((place, done)).is_err() {
                break;
            }
        }
    }

    fn file(&self, place: u64, input: Input) -> Done {
        let name = input.path.display().to_string();
        let about = fs::metadata(&input.path);
        let key = about.as_ref().ok().and_then(|about| key(&input, about));
        let earlier = key.and_then(|key| self.finished.get(&key));
        let answer = match (earlier, about) {
            (Some(place), _) => Answer::Finished(*place),
            (None, Err(source)) => {
                let error = ImagingError::Io {
                    action: "read",
                    path: input.path.clone(),
                    source,
                };
                self.failed(Trouble::Unreadable(error), &name)
            }
            (None, Ok(about)) => self.fresh(place, &input, &about, &name),
        };
        Done {
            name,
            key,
            input: input.extra,
            answer,
        }
    }

    fn fresh(&self, place: u64, input: &Input, about: &Metadata, name: &str) -> Answer {
        let start = Instant::now();
        if !about.is_file() && !about.is_dir() {
            let error =
                ImagingError::Parameter("this is a pipe, a socket or a device; name a file".into());
            return self.failed(Trouble::Unreadable(error), name);
        }
        if input.met && !self.other_files && !is_wanted(&input.path) {
            return Answer::Skipped;
        }
        let bytes = match read_bounded(&input.path, self.checker.limits()) {
            Ok(bytes) => bytes,
            Err(error) => return self.failed(Trouble::Unreadable(error), name),
        };
        let digest: Digest = Sha256::digest(&bytes).into();
        if self.firsts.is_repeated(digest, place) {
            let elapsed = start.elapsed();
            return Answer::Repeated { digest, elapsed };
        }
        // One picture that brings the check down must not end the run; nothing of it outlives the call.
        let checked = catch_unwind(AssertUnwindSafe(|| self.checker.check(&bytes, name)));
        self.checked(&checked.unwrap_or_else(|_| {
            let mut report = self.checker.failed(Trouble::GaveUp, name);
            report.container.bytes = bytes.len() as u64;
            report.container.sha256 = Some(hex(&digest));
            report
        }))
    }

    fn failed(&self, trouble: Trouble, name: &str) -> Answer {
        self.checked(&self.checker.failed(trouble, name))
    }

    fn checked(&self, report: &Report) -> Answer {
        Answer::Checked {
            row: Box::new(Row::of(report)),
            report: self.report_text(report),
        }
    }

    fn report_text(&self, report: &Report) -> String {
        if !self.keep_reports {
            return String::new();
        }
        // INVARIANT: a report has text keys and no number that JSON lacks a form for.
        serde_json::to_string(report).unwrap_or_default()
    }
}

/// Whether a file that was met is a picture by its name or its content. What cannot be looked into is wanted, so that
/// it is told.
fn is_wanted(path: &Path) -> bool {
    let head = || -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        File::open(path)?.take(HEAD).read_to_end(&mut head)?;
        Ok(head)
    };
    is_named_picture(path) || head().map_or(true, |head| is_picture(&head))
}

fn key(input: &Input, about: &Metadata) -> Option<Key> {
    let changed = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut hash = Sha256::new();
    for part in [
        input.path.as_os_str().as_encoded_bytes(),
        &about.len().to_le_bytes(),
        &changed.as_nanos().to_le_bytes(),
        serde_json::to_string(&input.extra).ok()?.as_bytes(),
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].try_into().ok()
}
