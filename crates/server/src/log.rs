//! The static files of a log (C2SP `tlog-tiles`), for monitors and mirrors.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::middleware::from_fn;
use axum::routing::get;
use colophon_tlog::Tile;
use sha2::{Digest as _, Sha256};

use crate::routes::{Routes, answer, in_time, sentence};

/// Longest file of a log: an entry bundle of 256 entries of 65,535 bytes, each with its length before it.
const MOST_BYTES: u64 = 256 * (2 + 65_535);
const TEXT: &str = "text/plain; charset=utf-8";
/// Most folders above a log's files.
const MOST_FOLDERS: usize = 4;

/// Serves the public files below `folder`, read-only: `checkpoint`, the tiles and entry bundles under `tile/`, and the
/// files named in `lists` (signed texts beside them), each also below folders with plain names, as shards are. Nothing
/// else in the folder can be asked for.
///
/// What changes is not to be cached; tiles and bundles never change and may be for a year.
pub fn log_routes(folder: PathBuf, lists: &'static [&'static str]) -> Routes {
    let log = Arc::new(Log::new(folder, lists));
    let files = Router::new().fallback(get(file)).with_state(log);
    Routes(files.layer(from_fn(in_time)))
}

/// The files of a log that are public.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    lists: &'static [&'static str],
}

/// How a file is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Signed text that changes.
    Text,
    /// Bytes that never do.
    Tile,
}

impl Log {
    pub fn new(folder: PathBuf, lists: &'static [&'static str]) -> Self {
        Self { folder, lists }
    }

    /// Answers for the file at a path below the log's address, `/` in front. `known` is the tag of the text that the
    /// caller has.
    pub async fn answer(self: Arc<Self>, path: &str, known: Option<HeaderValue>) -> Response<Body> {
        let Some((path, kind)) = self.find(path) else {
            return missing();
        };
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        match read.map_err(io::Error::other).and_then(|read| read) {
            Ok(bytes) => match kind {
                Kind::Text => text(bytes, known.as_ref()),
                Kind::Tile => answer(
                    StatusCode::OK,
                    "application/octet-stream",
                    "public, max-age=31536000, immutable",
                    bytes,
                ),
            },
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                missing()
            }
            Err(_) => sentence(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the file cannot be read; try again later",
            ),
        }
    }

    /// The file that an address asks for, if it is one of those that are public.
    fn find(&self, path: &str) -> Option<(PathBuf, Kind)> {
        let mut rest = path.strip_prefix('/')?;
        let mut file = self.folder.clone();
        for _ in 0..=MOST_FOLDERS {
            let kind = if rest == "checkpoint" || self.lists.contains(&rest) {
                Some(Kind::Text)
            } else {
                Tile::parse_path(rest).is_ok().then_some(Kind::Tile)
            };
            if let Some(kind) = kind {
                file.push(rest);
                return Some((file, kind));
            }
            let (name, below) = rest.split_once('/')?;
            if !is_plain(name) {
                return None;
            }
            file.push(name);
            rest = below;
        }
        None
    }
}

/// A folder's name that means nothing but itself: not `..`, nothing hidden.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=100).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.')
}

async fn file(State(log): State<Arc<Log>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let known = headers.get(header::IF_NONE_MATCH).cloned();
    log.answer(uri.path(), known).await
}

/// Signed text that changes: with a tag, so that whoever has it already is told no more than that.
fn text(bytes: Vec<u8>, known: Option<&HeaderValue>) -> Response<Body> {
    let digest = Sha256::digest(&bytes);
    let tag = digest[..16]
        .iter()
        .fold(String::from("\""), |tag, byte| tag + &format!("{byte:02x}"))
        + "\"";
    let is_known = known
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| {
            known == "*"
                || known
                    .split(',')
                    .any(|one| one.trim().trim_start_matches("W/") == tag)
        });
    let mut response = if is_known {
        answer(StatusCode::NOT_MODIFIED, TEXT, "no-cache", Vec::new())
    } else {
        answer(StatusCode::OK, TEXT, "no-cache", bytes)
    };
    // Digits and quotes are a header's value.
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn missing() -> Response<Body> {
    sentence(StatusCode::NOT_FOUND, "there is no such file in this log")
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut bytes = Vec::with_capacity(about.len().min(MOST_BYTES) as usize);
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("larger than any file of a log"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_files_have_an_address() {
        let log = Log {
            folder: PathBuf::from("/l"),
            lists: &["shards"],
        };
        let at = |path: &str| log.find(path).map(|(path, _)| path);
        assert_eq!(at("/checkpoint"), Some("/l/checkpoint".into()));
        assert_eq!(at("/shards"), Some("/l/shards".into()));
        assert_eq!(
            at("/2026h2/tile/0/x001/067"),
            Some("/l/2026h2/tile/0/x001/067".into())
        );
        assert_eq!(
            at("/a/b/tile/entries/000.p/7"),
            Some("/l/a/b/tile/entries/000.p/7".into())
        );
        for secret in [
            "/ledger.sqlite",
            "/../keys/signer.key.pem",
            "/a/../checkpoint",
            "//checkpoint",
            "/.git/checkpoint",
            "/tile/0/../../ledger.sqlite",
            "/tile/0/1",
            "/%2e%2e/checkpoint",
            "/a/b/c/d/e/checkpoint",
            "/checkpoint/",
            "checkpoint",
            "",
        ] {
            assert_eq!(at(secret), None, "{secret}");
        }
    }
}
