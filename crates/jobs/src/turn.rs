//! One picture of one job in somebody's hand.

use std::path::Path;
use std::sync::Arc;

use colophon_batch::{Kept, KeptRows};
use colophon_imaging::ImagingError;
use colophon_provenance::{Report, ReportError};
use serde_json::{Map, Value};

use crate::input::{self, Input, Source};
use crate::job::ROWS;
use crate::state::Counts;
use crate::store::Shared;
use crate::{Job, JobsError, State};

/// After so many failures in a row that have nothing to do with a picture, a job fails.
const MOST_STUMBLES: u32 = 20;

/// The right and duty to check one picture. Dropped without a note, the picture is given back.
#[derive(Debug)]
pub struct Turn {
    shared: Arc<Shared>,
    job: Arc<Job>,
    number: u64,
    extra: Option<Map<String, Value>>,
    over: bool,
}

/// What is to be done with a picture.
#[derive(Debug)]
pub enum Load {
    /// Check these bytes.
    Bytes {
        /// Name for the report.
        name: String,
        /// All of the file.
        bytes: Vec<u8>,
    },
    /// Fetch it from its address, then check it.
    Url(String),
    /// Tell that it cannot be checked.
    Trouble {
        /// Name for the report.
        name: String,
        /// Why.
        why: ReportError,
    },
    /// Nothing: what was found in equal bytes is its row, or waits for those.
    Nothing(Noted),
}

/// What a note came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// The job goes on.
    GoesOn,
    /// It was the last: the job has ended with it.
    Ended,
    /// The job had ended before; the row is not kept.
    TooLate,
}

impl Turn {
    pub(crate) fn new(shared: Arc<Shared>, job: Arc<Job>, number: u64) -> Self {
        Self {
            shared,
            job,
            number,
            extra: None,
            over: false,
        }
    }

    /// The job.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// The picture's number, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Reads the picture. Blocks on the disk.
    ///
    /// # Errors
    /// [`JobsError`] when the job cannot go on just now; give it to [`Self::stumble`].
    pub fn load(&mut self, now: i64) -> Result<Load, JobsError> {
        if !self.begin(now)? {
            self.over = true;
            return Ok(Load::Nothing(Noted::TooLate));
        }
        let Input {
            name,
            source,
            extra,
        } = input::read(&self.job.folder, self.number)?;
        self.extra = extra;
        Ok(match source {
            Source::Url => Load::Url(name),
            Source::Trouble { kind, message } => Load::Trouble {
                name,
                why: ReportError::new(&kind, message),
            },
            Source::Stored { length: 0, .. } => Load::Trouble {
                name,
                why: ReportError::from(&ImagingError::Empty),
            },
            Source::Stored { offset, length } => {
                match input::bytes(&self.job.folder, offset, length) {
                    Ok(bytes) => Load::Bytes { name, bytes },
                    Err(JobsError::Damaged(_)) => Load::Trouble {
                        name,
                        why: ReportError::new(
                            "system",
                            "what was sent of it was lost; send it again".to_owned(),
                        ),
                    },
                    Err(error) => return Err(error),
                }
            }
            Source::SameAs(first) => Load::Nothing(self.copy(first, &name, now)?),
        })
    }

    /// Sees to it that the job has begun; `false` if it has ended.
    fn begin(&self, now: i64) -> Result<bool, JobsError> {
        let mut rows = self.job.lock_rows();
        let state = self.job.state();
        if state.has_ended() {
            return Ok(false);
        }
        if rows.is_none() {
            *rows = Some(self.job.open_rows()?);
        }
        if state == State::Queued {
            self.job.change(|about| {
                about.state = State::Running;
                about.started = Some(now);
            })?;
        }
        Ok(true)
    }

    fn copy(&mut self, first: u64, name: &str, now: i64) -> Result<Noted, JobsError> {
        {
            let mut rows = self.job.lock_rows();
            let Some(kept) = rows.as_mut().filter(|_| !self.job.state().has_ended()) else {
                self.over = true;
                return Ok(Noted::TooLate);
            };
            if let Some(row) = kept.copy(self.number, first, name, self.extra.take())? {
                self.job.entered(self.number, &row, kept.end());
            } else {
                self.over = true;
                self.job.hold(first, self.number);
                return Ok(Noted::GoesOn);
            }
        }
        self.noted(now)
    }

    /// Keeps the report as the picture's row. Blocks on the disk.
    ///
    /// # Errors
    /// [`JobsError`] when it cannot be kept; the picture is given back.
    pub fn note(mut self, report: &Report, now: i64) -> Result<Noted, JobsError> {
        let noted = self.keep(report, now);
        if let Err(error) = &noted {
            // A disk that is full is waited for, however long.
            self.job.lock().stumble = Some((error.to_string(), 0));
        }
        noted
    }

    fn keep(&mut self, report: &Report, now: i64) -> Result<Noted, JobsError> {
        {
            let mut rows = self.job.lock_rows();
            let Some(kept) = rows.as_mut().filter(|_| !self.job.state().has_ended()) else {
                self.over = true;
                return Ok(Noted::TooLate);
            };
            let row = kept.note(self.number, report, self.extra.take())?;
            self.job.entered(self.number, &row, kept.end());
        }
        self.noted(now)
    }

    /// After a row: ends the job if it was the last, lists it again if others waited for this one.
    fn noted(&mut self, now: i64) -> Result<Noted, JobsError> {
        self.over = true;
        let done = {
            let mut rows = self.job.lock_rows();
            let all = rows
                .as_ref()
                .is_some_and(|kept| kept.len() == self.job.inputs);
            all && !self.job.state().has_ended() && {
                finish(&self.job, rows.as_mut(), now)?;
                *rows = None;
                true
            }
        };
        if done {
            self.shared.closed(&self.job);
            return Ok(Noted::Ended);
        }
        self.shared.list(&self.job);
        Ok(Noted::GoesOn)
    }

    /// Says that the job could not go on, whatever the picture, which is given back. After 20 times in a row the job
    /// fails.
    ///
    /// # Errors
    /// [`JobsError`] when not even that can be written; the job is tried again later then.
    pub fn stumble(self, why: &str, now: i64) -> Result<Noted, JobsError> {
        let times = {
            let mut inner = self.job.lock();
            let times = inner.stumble.as_ref().map_or(0, |(_, times)| *times) + 1;
            inner.stumble = Some((why.to_owned(), times));
            times
        };
        if times < MOST_STUMBLES {
            return Ok(Noted::GoesOn);
        }
        let ended = end(&self.job, State::Failed, Some(why), now)?;
        if ended {
            self.shared.closed(&self.job);
            return Ok(Noted::Ended);
        }
        Ok(Noted::TooLate)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.over {
            self.job.give_back(self.number);
            self.shared.list(&self.job);
        }
    }
}

/// Ends a job whose every picture has a row. If that cannot be written, the next start does it.
pub(crate) fn finish(job: &Job, kept: Option<&mut Kept>, now: i64) -> Result<(), JobsError> {
    if let Some(kept) = kept {
        kept.sync()?;
    }
    ended(job, State::Done, None, now)
}

/// Ends a job before its end; `false` if it had ended.
pub(crate) fn end(job: &Job, state: State, why: Option<&str>, now: i64) -> Result<bool, JobsError> {
    let mut rows = job.lock_rows();
    if job.state().has_ended() {
        return Ok(false);
    }
    *rows = None;
    ended(job, state, why, now)?;
    Ok(true)
}

fn ended(job: &Job, state: State, why: Option<&str>, now: i64) -> Result<(), JobsError> {
    let counts = counts(&job.folder)?;
    job.change(|about| {
        about.state = state;
        about.ended = Some(now);
        about.failure = why.map(str::to_owned);
        about.counts = Some(counts);
    })?;
    job.drop_inputs();
    Ok(())
}

/// Over the rows in order, so that duplicates are those that the results name.
fn counts(folder: &Path) -> Result<Counts, JobsError> {
    let path = folder.join(ROWS);
    if !path.exists() {
        return Ok(Counts::default());
    }
    let summary = KeptRows::new(&path, u64::MAX).summary()?;
    Ok(Counts::from(&summary))
}
