//! Bodies of any length, onto the disk piece by piece.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use colophon_jobs::{Intake, JobsError};

use super::super::problem::{Problem, ProblemKind};
use super::{blocking, problem};

/// Longest silence within a body.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes that are gathered before they are handed to a thread.
const GATHERED: usize = 1 << 20;
/// Room for an archive's own lists beside its files, bytes.
const ARCHIVE_FRAME: u64 = 64 << 20;

/// A job that is being sent. Its disk is touched on threads of their own, and none waits for the client.
pub(super) struct Taking(Option<Intake>);

/// The kind of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    Zip,
    Tar,
}

impl Taking {
    pub fn new(intake: Intake) -> Self {
        Self(Some(intake))
    }

    /// Does something with the intake.
    pub async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Intake) -> Result<T, JobsError> + Send + 'static,
    ) -> Result<T, Problem> {
        let gone = || Problem::new(ProblemKind::Internal);
        let mut intake = self.0.take().ok_or_else(gone)?;
        let (intake, done) = blocking(move || {
            let done = work(&mut intake);
            (intake, done)
        })
        .await?;
        self.0 = Some(intake);
        done.map_err(problem)
    }

    pub fn into_inner(self) -> Result<Intake, Problem> {
        self.0.ok_or_else(|| Problem::new(ProblemKind::Internal))
    }

    /// Takes an archive: onto the disk first, since what is in it stands at its end.
    pub async fn archive(&mut self, kind: Archive, mut body: Body) -> Result<(), Problem> {
        let (mut file, most) = self
            .with(|intake| {
                let path = intake.spool();
                let file = File::create_new(&path).map_err(|source| JobsError::Io {
                    action: "write",
                    path,
                    source,
                })?;
                Ok((
                    file,
                    intake.limits().job_bytes.saturating_add(ARCHIVE_FRAME),
                ))
            })
            .await?;
        let mut gathered = Vec::new();
        let mut length = 0;
        loop {
            let data = next(&mut body).await?;
            let ended = data.is_none();
            gathered.extend_from_slice(&data.unwrap_or_default());
            if gathered.len() >= GATHERED || (ended && !gathered.is_empty()) {
                length += gathered.len() as u64;
                if length > most {
                    return Err(problem(JobsError::TooManyBytes(most)));
                }
                let piece = std::mem::take(&mut gathered);
                file = self
                    .with(move |intake| {
                        let written = file.write_all(&piece).map(|()| file);
                        written.map_err(|source| JobsError::Io {
                            action: "write",
                            path: intake.spool(),
                            source,
                        })
                    })
                    .await?;
            }
            if ended {
                break;
            }
        }
        self.with(move |intake| {
            let path = intake.spool();
            let file = File::open(&path).map_err(|source| JobsError::Io {
                action: "read",
                path,
                source,
            })?;
            let file = BufReader::with_capacity(1 << 16, file);
            match kind {
                Archive::Zip => intake.zip(file),
                Archive::Tar => intake.tar(file),
            }
        })
        .await
    }

    /// Takes a list, a line an address.
    pub async fn lines(&mut self, mut body: Body) -> Result<(), Problem> {
        let mut pending = Vec::new();
        let mut number = 0;
        loop {
            let data = next(&mut body).await?;
            let ended = data.is_none();
            pending.extend_from_slice(&data.unwrap_or_default());
            if ended && !pending.ends_with(b"\n") {
                pending.push(b'\n');
            }
            let whole = pending.iter().rposition(|byte| *byte == b'\n');
            match whole {
                Some(end) if ended || pending.len() >= GATHERED => {
                    let rest = pending.split_off(end + 1);
                    let lines = std::mem::replace(&mut pending, rest);
                    let mut addresses = Vec::new();
                    for line in lines.split(|byte| *byte == b'\n') {
                        number += 1;
                        addresses.extend(super::send::line(line, number)?);
                    }
                    // What stands after the last line break is no line.
                    number -= 1;
                    self.with(move |intake| {
                        addresses
                            .into_iter()
                            .try_for_each(|(url, extra)| intake.url(&url, extra))
                    })
                    .await?;
                }
                None if pending.len() > GATHERED => {
                    return Err(Problem::invalid("a line is longer than 1 MiB"));
                }
                _ => {}
            }
            if ended {
                return Ok(());
            }
        }
    }
}

/// The next piece of a body; `None` after the last.
pub(super) async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        let frame = tokio::time::timeout(SILENCE, frame).await.map_err(|_| {
            Problem::invalid("nothing came for 30 seconds; send it again over a faster connection")
        })?;
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                // Anything else is trailers, which nobody asked for.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(_)) => {
                return Err(Problem::invalid("the body ended early; send it again"));
            }
        }
    }
}
