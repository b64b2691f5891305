//! One job: what it is, how far it is.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufWriter, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use colophon_accounts::Tenant;
use colophon_batch::{Kept, KeptRows, Row, Summary};
use colophon_tabular::Form;

use crate::input::{INDEX, LINES, PACK};
use crate::state::{Counts, Description};
use crate::store::write_description;
use crate::{JobId, JobsError, Kind, Pace, State};

/// Finished pictures.
pub(crate) const ROWS: &str = "rows.part";

/// A job. Cheap to ask: what touches the disk has a lock of its own.
#[derive(Debug)]
pub struct Job {
    id: JobId,
    tenant: Tenant,
    kind: Kind,
    language: String,
    pub(crate) folder: PathBuf,
    pub(crate) inputs: u64,
    created: i64,
    /// Taken before `inner`, never while that is held.
    pub(crate) rows: Mutex<Option<Kept>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub description: Description,
    /// The next picture that was never handed out.
    next: u64,
    /// Pictures that were given back.
    again: VecDeque<u64>,
    /// Pictures that wait for an equal one before them: that one, and theirs.
    held: Vec<(u64, u64)>,
    /// Whether it is on the board.
    listed: bool,
    /// Rows so far.
    pub summary: Summary,
    pub pace: Pace,
    /// Where the file of rows ends.
    pub end: u64,
    /// What keeps it from going on just now, and how often in a row.
    pub stumble: Option<(String, u32)>,
}

/// How far a job is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobView {
    /// Its name.
    pub id: JobId,
    /// Where it stands.
    pub state: State,
    /// What it checks.
    pub kind: Kind,
    /// Code of the language of its reports.
    pub language: String,
    /// The one endpoint that is told of its end.
    pub webhook: Option<String>,
    /// Pictures.
    pub inputs: u64,
    /// Files of an archive that were passed over.
    pub passed: u64,
    /// Bytes that were stored of it.
    pub bytes: u64,
    /// Its rows so far.
    pub counts: Counts,
    /// When it was sent, Unix seconds.
    pub created: i64,
    /// When its first picture was begun.
    pub started: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// How often the server stopped in the middle of it.
    pub interruptions: u32,
    /// Why it failed.
    pub failure: Option<String>,
    /// What keeps it from going on just now.
    pub stumble: Option<String>,
    /// Rows a second.
    pub rate: Option<f64>,
}

impl JobView {
    /// Seconds until its end at the present pace.
    pub fn seconds_left(&self) -> Option<f64> {
        let rate = self.rate.filter(|rate| *rate > 0.0)?;
        (self.state == State::Running)
            .then(|| self.inputs.saturating_sub(self.counts.rows) as f64 / rate)
    }
}

impl Job {
    pub(crate) fn new(folder: &Path, description: Description) -> Self {
        let mut description = description;
        if description.state == State::Running {
            description.state = State::Interrupted;
        }
        Self {
            id: description.id,
            tenant: description.tenant.clone(),
            kind: description.kind,
            language: description.language.clone(),
            folder: folder.to_path_buf(),
            inputs: description.inputs,
            created: description.created,
            rows: Mutex::new(None),
            inner: Mutex::new(Inner {
                description,
                next: 0,
                again: VecDeque::new(),
                held: Vec::new(),
                listed: false,
                summary: Summary::default(),
                pace: Pace::default(),
                end: 0,
                stumble: None,
            }),
        }
    }

    /// Its name.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Whose it is.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// What it checks.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Code of the language of its reports.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// When it was sent, Unix seconds.
    pub fn created(&self) -> i64 {
        self.created
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.lock().description.state
    }

    /// How far it is.
    pub fn view(&self) -> JobView {
        let inner = self.lock();
        let about = &inner.description;
        JobView {
            id: self.id,
            state: about.state,
            kind: self.kind,
            language: self.language.clone(),
            webhook: about.webhook.clone(),
            inputs: self.inputs,
            passed: about.passed,
            bytes: about.bytes,
            counts: about
                .counts
                .clone()
                .unwrap_or_else(|| Counts::from(&inner.summary)),
            created: self.created,
            started: about.started,
            ended: about.ended,
            interruptions: about.interruptions,
            failure: about.failure.clone(),
            stumble: inner.stumble.as_ref().map(|(why, _)| why.clone()),
            rate: inner.pace.rate(),
        }
    }

    /// Its rows so far; `None` before the first.
    pub fn rows(&self) -> Option<KeptRows> {
        let inner = self.lock();
        let path = self.folder.join(ROWS);
        if inner.description.state.has_ended() {
            return path.exists().then(|| KeptRows::new(&path, u64::MAX));
        }
        (inner.end > 0).then(|| KeptRows::new(&path, inner.end))
    }

    /// Its rows in the order of its pictures, as a nameless file that stands at its beginning, and the file's length:
    /// all of a job that has ended, of others those before the first picture that is not finished. Blocks on the disk.
    ///
    /// # Errors
    /// [`JobsError::Rows`], [`JobsError::Io`].
    pub fn results(&self, form: Form) -> Result<(File, u64), JobsError> {
        let failed = || JobsError::io("write to", &self.folder);
        let rows = self
            .rows()
            .unwrap_or_else(|| KeptRows::new(&self.folder.join(ROWS), 0));
        let file = tempfile::tempfile_in(&self.folder).map_err(failed())?;
        rows.write(form, BufWriter::with_capacity(1 << 18, &file))?;
        let mut file = file;
        let length = file.stream_position().map_err(failed())?;
        file.rewind().map_err(failed())?;
        Ok((file, length))
    }

    /// The next picture to check, and whether there are more.
    pub(crate) fn take(&self) -> Option<(u64, bool)> {
        let mut inner = self.lock();
        let open = !inner.description.state.has_ended();
        let number = open.then(|| inner.hand_out(self.inputs)).flatten();
        inner.listed = number.is_some() && inner.has_more(self.inputs);
        number.map(|number| (number, inner.listed))
    }

    /// Notes that it is to be on the board; whether it was not.
    pub(crate) fn list(&self) -> bool {
        let mut inner = self.lock();
        let wanted = inner.has_more(self.inputs) && !inner.description.state.has_ended();
        let news = wanted && !inner.listed;
        inner.listed |= news;
        news
    }

    /// Takes a picture back that was handed out.
    pub(crate) fn give_back(&self, number: u64) {
        self.lock().again.push_back(number);
    }

    /// Keeps a picture until the equal one before it is finished.
    pub(crate) fn hold(&self, first: u64, number: u64) {
        self.lock().held.push((first, number));
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_rows(&self) -> MutexGuard<'_, Option<Kept>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file of rows, with what an earlier run finished. Under the lock of the rows.
    pub(crate) fn open_rows(&self) -> Result<Kept, JobsError> {
        let path = self.folder.join(ROWS);
        let mut summary = Summary::default();
        let kept = if path.exists() {
            Kept::open(&path, |_, row| summary.add(row))?
        } else {
            Kept::create(&path)?
        };
        let mut inner = self.lock();
        inner.summary = summary;
        inner.end = kept.end();
        let finished = inner.summary.rows;
        inner.pace.seen(Instant::now(), finished);
        Ok(kept)
    }

    /// Enters a new row. Whoever waited for it can go on.
    pub(crate) fn entered(&self, number: u64, row: &Row, end: u64) {
        let mut inner = self.lock();
        inner.summary.add(row);
        inner.end = end;
        inner.stumble = None;
        let rows = inner.summary.rows;
        inner.pace.seen(Instant::now(), rows);
        let (ready, held) = std::mem::take(&mut inner.held)
            .into_iter()
            .partition(|(first, _)| *first == number);
        inner.held = held;
        inner
            .again
            .extend(Vec::into_iter(ready).map(|(_, number)| number));
    }

    /// Writes the description as it stands, with a change. Under the lock of the rows.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Description)) -> Result<(), JobsError> {
        let mut description = self.lock().description.clone();
        change(&mut description);
        write_description(&self.folder, &description)?;
        self.lock().description = description;
        Ok(())
    }

    /// Removes what was sent. What cannot be removed goes with the folder.
    pub(crate) fn drop_inputs(&self) {
        for name in [PACK, LINES, INDEX] {
            let _ = fs::remove_file(self.folder.join(name));
        }
    }
}

impl Inner {
    fn hand_out(&mut self, inputs: u64) -> Option<u64> {
        if let Some(number) = self.again.pop_front() {
            return Some(number);
        }
        let number = self.next;
        (number < inputs).then(|| {
            self.next += 1;
            number
        })
    }

    fn has_more(&self, inputs: u64) -> bool {
        !self.again.is_empty() || self.next < inputs
    }

    /// Passes over what is finished already.
    pub fn skip_finished(&mut self, kept: &Kept, inputs: u64) {
        self.again = (0..inputs).filter(|number| !kept.has(*number)).collect();
        self.next = inputs;
    }
}
