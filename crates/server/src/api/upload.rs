//! Pictures as they arrive: so many bytes, so long, so much memory for all of them together.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::{HeaderMap, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::{Problem, ProblemKind};

/// Memory is lent in pieces of so many bytes.
const PIECE: usize = 64 << 10;
/// What a form may hold beside its picture, bytes.
const FORM_FRAME: usize = 64 << 10;
/// Longest silence within an upload.
const SILENCE: Duration = Duration::from_secs(10);
/// Longest name of a file that is kept, characters.
const MOST_NAME: usize = 120;
/// What a picture without a name is called.
const UNNAMED: &str = "picture";

/// The memory for all uploads that are under way. Who sends slowly holds only what has come.
#[derive(Debug)]
pub(crate) struct Uploads {
    pieces: Arc<Semaphore>,
    time: Duration,
}

/// A picture that came in whole. Its share of the memory is given back when it is dropped; nothing of it is ever on
/// a disk.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Its name, cleaned, for the report.
    pub name: String,
    /// The file.
    pub bytes: Bytes,
    _held: Held,
}

/// A share of the memory.
#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    permits: Option<OwnedSemaphorePermit>,
}

impl Uploads {
    /// So many bytes for all uploads together, and so long for one.
    pub(crate) fn new(memory: usize, time: Duration) -> Self {
        let pieces = (memory / PIECE).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            pieces: Arc::new(Semaphore::new(pieces)),
            time,
        }
    }

    /// Reads the picture of a request: its body, or the field `image` of a form. Its declared type only tells the two
    /// apart; what it is, its bytes say.
    ///
    /// # Errors
    /// [`ProblemKind::UnsupportedMediaType`] for what is declared to be something else, [`ProblemKind::TooLarge`]
    /// before more than `most` bytes were read, [`ProblemKind::RequestTimeout`], [`ProblemKind::Overloaded`] when
    /// there is no memory left, [`ProblemKind::InvalidRequest`] for a form without a picture or with two.
    pub(crate) async fn picture(&self, request: Request, most: usize) -> Result<Upload, Problem> {
        let is_form = match media_type(request.headers()).as_deref() {
            Some("multipart/form-data") => true,
            // The last is what curl says of `--data-binary` unless told better.
            None
            | Some(
                "application/octet-stream"
                | "binary/octet-stream"
                | "application/x-www-form-urlencoded",
            ) => false,
            Some(kind) if kind.starts_with("image/") => false,
            Some(_) => {
                let detail = "send the picture as it is (image/*, application/octet-stream), or in the field `image` \
                              of multipart/form-data";
                return Err(Problem::new(ProblemKind::UnsupportedMediaType).with_detail(detail));
            }
        };
        if is_form {
            return self.form(request, most).await;
        }
        let (bytes, held) = self.body(request.into_body(), most).await?;
        not_empty(&bytes)?;
        Ok(Upload {
            name: UNNAMED.to_owned(),
            bytes,
            _held: held,
        })
    }

    /// A file of the same limits that came another way.
    ///
    /// # Errors
    /// [`ProblemKind::Overloaded`] when there is no memory left.
    pub(crate) fn fetched(&self, name: &str, bytes: Vec<u8>) -> Result<Upload, Problem> {
        let mut held = Held::default();
        held.grow(&self.pieces, bytes.len())?;
        Ok(Upload {
            name: clean_name(name),
            bytes: bytes.into(),
            _held: held,
        })
    }

    /// Reads a small body as JSON.
    ///
    /// # Errors
    /// As [`Self::picture`].
    pub(crate) async fn json<T: serde::de::DeserializeOwned>(
        &self,
        request: Request,
        most: usize,
    ) -> Result<T, Problem> {
        if media_type(request.headers()).as_deref() != Some("application/json") {
            let problem = Problem::new(ProblemKind::UnsupportedMediaType);
            return Err(problem.with_detail("send application/json"));
        }
        let (bytes, _held) = self.body(request.into_body(), most).await?;
        serde_json::from_slice(&bytes).map_err(|error| Problem::invalid(error.to_string()))
    }

    async fn form(&self, request: Request, most: usize) -> Result<Upload, Problem> {
        let (parts, body) = request.into_parts();
        let (whole, held) = self.body(body, most.saturating_add(FORM_FRAME)).await?;
        let mut request = Request::from_parts(parts, Body::from(whole));
        DefaultBodyLimit::disable().apply(&mut request);
        let bad = |error: &dyn std::fmt::Display| Problem::invalid(format!("the form: {error}"));
        let form = Multipart::from_request(request, &()).await;
        let mut form = form.map_err(|rejection| bad(&rejection.body_text()))?;
        let mut found = None;
        while let Some(field) = form
            .next_field()
            .await
            .map_err(|error| bad(&error.body_text()))?
        {
            match field.name() {
                Some("image") if found.is_none() => {}
                Some("image") => {
                    return Err(bad(
                        &"there are two pictures; send one a request, and many as a job",
                    ));
                }
                other => {
                    let name = clean_name(other.unwrap_or_default());
                    return Err(bad(&format!("it has the field `{name}`, not `image`")));
                }
            }
            let name = clean_name(field.file_name().unwrap_or_default());
            let bytes = field.bytes().await;
            let bytes = bytes.map_err(|error| bad(&error.body_text()))?;
            found = Some((name, bytes));
        }
        let (name, bytes) = found.ok_or_else(|| bad(&"it has no field `image`"))?;
        not_empty(&bytes)?;
        if bytes.len() > most {
            return Err(too_large(most));
        }
        Ok(Upload {
            name,
            bytes,
            _held: held,
        })
    }

    async fn body(&self, body: Body, most: usize) -> Result<(Bytes, Held), Problem> {
        let slow = |_| {
            Problem::new(ProblemKind::RequestTimeout)
                .with_detail("the body came too slowly; send it again over a faster connection")
        };
        timeout(self.time, self.collect(body, most))
            .await
            .map_err(slow)?
    }

    async fn collect(&self, mut body: Body, most: usize) -> Result<(Bytes, Held), Problem> {
        // The declared length is enough to refuse a body, and never enough to make room for one.
        let declared = body.size_hint().lower();
        if declared > most as u64 {
            return Err(too_large(most));
        }
        let mut bytes = Vec::new();
        let mut held = Held::default();
        loop {
            let next = timeout(SILENCE, next_data(&mut body)).await;
            let next = next.map_err(|_| {
                Problem::new(ProblemKind::RequestTimeout)
                    .with_detail("nothing came for 10 seconds; send it again")
            })?;
            let Some(data) = next else {
                return Ok((bytes.into(), held));
            };
            let data = data.map_err(|_| Problem::invalid("the body ended early; send it again"))?;
            if data.len() > most - bytes.len() {
                return Err(too_large(most));
            }
            held.grow(&self.pieces, data.len())?;
            bytes.extend_from_slice(&data);
        }
    }
}

impl Held {
    /// Takes memory for so many bytes more, or says that there is none.
    fn grow(&mut self, pieces: &Arc<Semaphore>, more: usize) -> Result<(), Problem> {
        let has = self.bytes.div_ceil(PIECE);
        self.bytes += more;
        let wanted = self.bytes.div_ceil(PIECE) - has;
        if wanted == 0 {
            return Ok(());
        }
        let full = || {
            Problem::new(ProblemKind::Overloaded)
                .with_detail("too many uploads are under way")
                .retry_after(2)
        };
        let wanted = u32::try_from(wanted).map_err(|_| full())?;
        let permits = Arc::clone(pieces).try_acquire_many_owned(wanted);
        let permits = permits.map_err(|_| full())?;
        match &mut self.permits {
            Some(held) => held.merge(permits),
            none => *none = Some(permits),
        }
        Ok(())
    }
}

async fn next_data(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        match frame? {
            Ok(frame) => {
                // Anything else is trailers, which nobody asked for.
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

fn not_empty(bytes: &Bytes) -> Result<(), Problem> {
    if bytes.is_empty() {
        return Err(Problem::invalid("there is no picture in it"));
    }
    Ok(())
}

fn too_large(most: usize) -> Problem {
    Problem::new(ProblemKind::TooLarge).with_detail(format!("at most {most} bytes are taken"))
}

/// The declared type without its parameters, in small letters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let kind = text.split(';').next().unwrap_or_default().trim();
    (!kind.is_empty()).then(|| kind.to_owned())
}

/// A file's name as it may stand in a report: the last part of a path, without characters that steer or hide text.
pub(crate) fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = |c: &char| {
        let steers = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        !c.is_control() && !steers
    };
    let clean: String = last.chars().filter(shown).take(MOST_NAME).collect();
    match clean.trim() {
        "" => UNNAMED.to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned() {
        for (name, clean) in [
            ("fox.png", "fox.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\pictures\\fox.png", "fox.png"),
            ("a\u{202e}gnp.exe", "agnp.exe"),
            ("a\nb\0c", "abc"),
            ("", UNNAMED),
            ("/", UNNAMED),
            (" \u{200b} ", UNNAMED),
        ] {
            assert_eq!(clean_name(name), clean, "{name:?}");
        }
        assert_eq!(clean_name(&"ä".repeat(1000)).chars().count(), MOST_NAME);
    }

    #[test]
    fn memory_is_lent_by_what_has_come_and_given_back() {
        let uploads = Uploads::new(3 * PIECE, SILENCE);
        let first = uploads.fetched("a", vec![0; PIECE + 1]).unwrap();
        let refused = uploads.fetched("b", vec![0; 2 * PIECE]).unwrap_err();
        assert_eq!(refused.kind(), ProblemKind::Overloaded);
        let small = uploads.fetched("c", vec![0; PIECE]).unwrap();
        drop(first);
        assert!(uploads.fetched("b", vec![0; 2 * PIECE]).is_ok());
        drop(small);
        assert_eq!(uploads.pieces.available_permits(), 3);
    }
}
