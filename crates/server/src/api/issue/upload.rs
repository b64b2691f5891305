//! Bodies with pictures: counted while they arrive, and beyond a little kept in a file without a name.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::pin::Pin;

use axum::body::{Body, Bytes};
use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;
use futures_core::Stream as _;

use crate::api::problem::{Problem, ProblemKind};

/// What is held in memory of each upload while it arrives, bytes.
const IN_MEMORY: usize = 256 << 10;
/// Longest part of a form that is no file, bytes.
const MOST_TEXT: usize = 1 << 20;
/// Most parts of a form.
const MOST_PARTS: usize = 100;

/// A body that has arrived.
#[derive(Debug, Default)]
pub(super) struct Upload {
    /// What is not in the file yet.
    memory: Vec<u8>,
    file: Option<File>,
    length: usize,
}

impl Upload {
    /// Takes a body of at most so many bytes.
    ///
    /// # Errors
    /// [`ProblemKind::TooLarge`]; [`ProblemKind::InvalidRequest`] for one that breaks off; [`ProblemKind::NoSpace`].
    pub async fn of_body(body: Body, most: usize) -> Result<Self, Problem> {
        let mut stream = body.into_data_stream();
        let mut upload = Self::default();
        while let Some(piece) = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {
            let piece = piece.map_err(|_| broken_off())?;
            upload.push(&piece, most).await?;
        }
        Ok(upload)
    }

    async fn of_field(field: &mut Field<'_>, most: usize) -> Result<Self, Problem> {
        let mut upload = Self::default();
        while let Some(piece) = field.chunk().await.map_err(|error| bad_form(&error))? {
            upload.push(&piece, most).await?;
        }
        Ok(upload)
    }

    async fn push(&mut self, piece: &Bytes, most: usize) -> Result<(), Problem> {
        self.length += piece.len();
        if self.length > most {
            return Err(too_large(most));
        }
        self.memory.extend_from_slice(piece);
        if self.memory.len() < IN_MEMORY {
            return Ok(());
        }
        let (memory, file) = (std::mem::take(&mut self.memory), self.file.take());
        let written = tokio::task::spawn_blocking(move || -> io::Result<File> {
            let mut file = match file {
                Some(file) => file,
                None => tempfile::tempfile()?,
            };
            file.write_all(&memory)?;
            Ok(file)
        });
        let written = written
            .await
            .map_err(|_| Problem::new(ProblemKind::Internal))?;
        self.file = Some(written.map_err(|error| of_disk(&error))?);
        Ok(())
    }

    /// Its length, bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// All of it. Reads from the disk.
    ///
    /// # Errors
    /// [`ProblemKind::Internal`].
    pub fn into_bytes(self) -> Result<Vec<u8>, Problem> {
        let Some(mut file) = self.file else {
            return Ok(self.memory);
        };
        let mut bytes = Vec::with_capacity(self.length);
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(|error| of_disk(&error))?;
        bytes.extend(self.memory);
        Ok(bytes)
    }
}

/// A form that has arrived.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Parts that are files, by their names without `[]` at the end, in order.
    pub files: Vec<(String, Upload)>,
    /// The other parts, in order.
    pub texts: Vec<(String, String)>,
}

impl Form {
    /// Takes a form whose parts of these names are files, together of at most so many bytes.
    ///
    /// # Errors
    /// As [`Upload::of_body`].
    pub async fn read(mut form: Multipart, files: &[&str], most: usize) -> Result<Self, Problem> {
        let mut read = Self::default();
        let mut left = most;
        while let Some(mut field) = form.next_field().await.map_err(|error| bad_form(&error))? {
            if read.files.len() + read.texts.len() == MOST_PARTS {
                return Err(Problem::invalid(format!(
                    "the form has more than {MOST_PARTS} parts"
                )));
            }
            let name = field.name().unwrap_or_default().to_owned();
            let plain = name.strip_suffix("[]").unwrap_or(&name);
            if files.contains(&plain) {
                let plain = plain.to_owned();
                let upload = Upload::of_field(&mut field, left)
                    .await
                    .map_err(|problem| too_large_of(problem, most, &plain))?;
                left -= upload.len();
                read.files.push((plain, upload));
            } else {
                let text = Upload::of_field(&mut field, MOST_TEXT.min(left))
                    .await
                    .map_err(|problem| too_large_of(problem, MOST_TEXT, &name))?;
                left -= text.len();
                let text = String::from_utf8(text.into_bytes()?).map_err(|_| {
                    Problem::invalid("it is no text in UTF-8; a picture goes into the part `image`")
                        .at(&name)
                })?;
                read.texts.push((name, text));
            }
        }
        Ok(read)
    }

    /// Takes the one file of this name out; `None` if there is none.
    ///
    /// # Errors
    /// [`ProblemKind::InvalidRequest`] for several.
    pub fn take_file(&mut self, name: &str) -> Result<Option<Upload>, Problem> {
        let place = |files: &[(String, Upload)]| files.iter().position(|(of, _)| of == name);
        let Some(found) = place(&self.files) else {
            return Ok(None);
        };
        let (_, upload) = self.files.remove(found);
        if place(&self.files).is_some() {
            return Err(Problem::invalid("one file is taken, not several").at(name));
        }
        Ok(Some(upload))
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(ProblemKind::TooLarge).with_detail(format!("at most {most} bytes are taken"))
}

/// Names the bound of the whole and the part at fault.
fn too_large_of(problem: Problem, most: usize, name: &str) -> Problem {
    if problem.kind() == ProblemKind::TooLarge {
        return too_large(most).at(name);
    }
    problem
}

fn broken_off() -> Problem {
    Problem::invalid("the body broke off before its end")
}

fn bad_form(error: &MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(ProblemKind::TooLarge).with_detail("the form is larger than what is taken")
        }
        StatusCode::BAD_REQUEST => {
            Problem::invalid(format!("the form cannot be read: {}", error.body_text()))
        }
        _ => broken_off(),
    }
}

/// What the disk refused, without telling where.
pub(super) fn of_disk(error: &io::Error) -> Problem {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ProblemKind::NoSpace,
        _ => ProblemKind::Internal,
    };
    Problem::new(kind).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(bytes: Vec<u8>, most: usize) -> Result<Upload, Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(Upload::of_body(Body::from(bytes), most))
    }

    #[test]
    fn what_arrives_comes_out_again_from_memory_and_from_the_disk() {
        for length in [0, 1, IN_MEMORY - 1, IN_MEMORY, 3 * IN_MEMORY + 5] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let upload = take(bytes.clone(), length).unwrap();
            assert_eq!(upload.len(), length);
            assert_eq!(upload.file.is_some(), length >= IN_MEMORY);
            assert_eq!(upload.into_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn one_byte_too_many_is_refused() {
        let refused = take(vec![0; 11], 10).unwrap_err();
        assert_eq!(refused.kind(), ProblemKind::TooLarge);
        assert!(take(vec![0; 10], 10).is_ok());
    }
}
