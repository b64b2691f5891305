//! Where the files of a log come from.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::thread;

use colophon_tlog::Tile;

/// Why a file could not be had; the text says what can be done.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Files of a log by their paths, such as `checkpoint` or `tile/0/000`. Nothing that comes out is trusted.
pub trait Source: Sync {
    /// The file of at most `limit` bytes; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be had now.
    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError>;
}

/// Longest checkpoint or list: what a signed note may hold.
pub(crate) const MOST_NOTE: u64 = 1_000_000;
/// Longest hash tile.
const MOST_TILE: u64 = 256 * 32;
/// Longest entry bundle: 256 entries of 65,535 bytes with their lengths.
const MOST_BUNDLE: u64 = 256 * (2 + 65_535);
/// Files asked for at a time.
const AT_A_TIME: usize = 8;

/// The bytes of a tile or bundle below `prefix`. Where a partial one is gone, because the log grew meanwhile, the full
/// one is taken; the caller cuts it.
pub(crate) fn tile(
    source: &dyn Source,
    prefix: &str,
    tile: Tile,
) -> Result<Option<Vec<u8>>, SourceError> {
    let limit = match tile.level() {
        colophon_tlog::TileLevel::Entries => MOST_BUNDLE,
        colophon_tlog::TileLevel::Hashes(_) => MOST_TILE,
    };
    let path = format!("{prefix}{}", tile.path());
    match source.get(&path, limit)? {
        None if !tile.is_full() => source.get(&format!("{prefix}{}", tile.full().path()), limit),
        found => Ok(found),
    }
}

/// Several tiles, a few at a time; answers in order.
pub(crate) fn tiles(
    source: &dyn Source,
    prefix: &str,
    wanted: &[Tile],
) -> Vec<Result<Option<Vec<u8>>, SourceError>> {
    let one = |wanted: &Tile| tile(source, prefix, *wanted);
    let share = wanted.len().div_ceil(AT_A_TIME).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = wanted
            .chunks(share)
            .map(|part| {
                (
                    part,
                    scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()),
                )
            })
            .collect();
        let lost = || Err("a thread that fetched files ended early".into());
        parts
            .into_iter()
            .flat_map(|(part, thread)| {
                let answers = thread.join();
                answers.unwrap_or_else(|_| part.iter().map(|_| lost()).collect())
            })
            .collect()
    })
}

/// A folder with the files of a log: a ledger's own, or a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(pub PathBuf);

impl Source for Folder {
    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let full = self.0.join(path);
        let cannot = |error: io::Error| -> SourceError {
            format!("cannot read {}: {error}", full.display()).into()
        };
        let file = match File::open(&full) {
            Ok(file) => file,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(cannot(error)),
        };
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(cannot)?;
        if bytes.len() as u64 > limit {
            return Err(format!("{} is longer than such a file may be", full.display()).into());
        }
        Ok(Some(bytes))
    }
}
