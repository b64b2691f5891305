//! Issued files that are kept for a while, so that they can be fetched by an address.
//!
//! ```text
//! served/TENANT/NAME.png   TENANT: the first 16 hex digits of SHA-256 over "colophon.served\0" and the tenant's name
//! ```
//!
//! A name begins with its tenant's folder and goes on with 192 random bits: whoever does not know it cannot guess it,
//! and it tells nobody whose file it is. A file's age is counted from its last change.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use colophon_accounts::Tenant;
use colophon_provenance::{Format, hex};
use sha2::{Digest as _, Sha256};

/// Hex digits of a tenant's folder.
const FOLDER_DIGITS: usize = 16;
/// Random bytes of a name.
const RANDOM: usize = 24;

/// The folder of these files.
#[derive(Debug)]
pub(crate) struct Served {
    folder: PathBuf,
    keep: Duration,
}

/// A file that can be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub bytes: Vec<u8>,
    pub media_type: &'static str,
    /// Seconds for which it is still there.
    pub left: u64,
}

/// Why there is no file.
#[derive(Debug)]
pub(super) enum NotKept {
    /// There never was, or it was swept.
    Unknown,
    /// Its time is over.
    Over,
    Failed(io::Error),
}

impl Served {
    /// Files in `folder`, which need not exist, are kept for this long.
    pub fn new(folder: PathBuf, keep: Duration) -> Self {
        Self { folder, keep }
    }

    /// Where the next file of a tenant goes.
    ///
    /// # Errors
    /// Of the disk and of the system's random source.
    pub(super) fn place(&self, tenant: &Tenant, format: Format) -> io::Result<PathBuf> {
        let tenant = folder_of(tenant);
        let folder = self.folder.join(&tenant);
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&folder)?;
        let mut random = [0; RANDOM];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let name = format!("{tenant}{}.{}", hex(&random), format.extension());
        Ok(folder.join(name))
    }

    /// The file of this name at a time, Unix seconds.
    pub(super) fn read(&self, name: &str, now: i64) -> Result<Kept, NotKept> {
        let format = format_of(name).ok_or(NotKept::Unknown)?;
        let path = self.folder.join(&name[..FOLDER_DIGITS]).join(name);
        let failed = |error: io::Error| match error.kind() {
            ErrorKind::NotFound => NotKept::Unknown,
            _ => NotKept::Failed(error),
        };
        let about = fs::metadata(&path).map_err(failed)?;
        let left = self.left(&about, now).ok_or(NotKept::Over)?;
        Ok(Kept {
            bytes: fs::read(&path).map_err(failed)?,
            media_type: format.mime(),
            left,
        })
    }

    /// Seconds that a file is still kept; `None` when its time is over.
    fn left(&self, about: &fs::Metadata, now: i64) -> Option<u64> {
        let changed = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let end = changed.as_secs().saturating_add(self.keep.as_secs());
        end.checked_sub(now.max(0) as u64).filter(|left| *left > 0)
    }

    /// Deletes what was kept long enough, left-overs of broken writes among it.
    ///
    /// # Errors
    /// Of the disk; what could be deleted is.
    pub fn sweep(&self, now: i64) -> io::Result<()> {
        let mut done = Ok(());
        for folder in entries(&self.folder)? {
            for file in entries(&folder)? {
                // What is gone already was swept by another process.
                let over =
                    fs::symlink_metadata(&file).is_ok_and(|about| self.left(&about, now).is_none());
                if over {
                    done = done.and(fs::remove_file(&file));
                }
            }
        }
        done
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn folder_of(tenant: &Tenant) -> String {
    let digest = Sha256::new()
        .chain_update(b"colophon.served\0")
        .chain_update(tenant.as_str())
        .finalize();
    hex(&digest[..FOLDER_DIGITS / 2])
}

/// The format that a name tells; `None` for what is no name of a file here.
fn format_of(name: &str) -> Option<Format> {
    let (stem, extension) = name.split_once('.')?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let plain = stem.len() == FOLDER_DIGITS + 2 * RANDOM && stem.bytes().all(hex);
    let format = Format::from_extension(extension).filter(|format| format.can_encode())?;
    (plain && extension == format.extension()).then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn now() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap().as_secs() as i64
    }

    #[test]
    fn a_file_is_there_for_its_time() {
        let home = tempfile::tempdir().unwrap();
        let served = Served::new(home.path().join("served"), Duration::from_mins(1));
        let own = Tenant::own();
        let path = served.place(&own, Format::Jpeg).unwrap();
        fs::write(&path, b"picture").unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let now = now();
        let kept = served.read(name, now).unwrap();
        assert_eq!(
            (kept.bytes.as_slice(), kept.media_type),
            (&b"picture"[..], "image/jpeg")
        );
        assert!((1..=60).contains(&kept.left));
        served.sweep(now).unwrap();
        assert!(served.read(name, now).is_ok());
        assert!(matches!(served.read(name, now + 61), Err(NotKept::Over)));
        // What a crash left goes with it.
        fs::write(path.with_file_name(".colophon-x.part"), b"half").unwrap();
        served.sweep(now + 62).unwrap();
        assert!(matches!(served.read(name, now), Err(NotKept::Unknown)));
        assert_eq!(entries(path.parent().unwrap()).unwrap().len(), 0);
    }

    #[test]
    fn names_are_unguessable_lead_nowhere_else_and_name_no_tenant() {
        let home = tempfile::tempdir().unwrap();
        let served = Served::new(home.path().join("served"), Duration::from_mins(1));
        let news: Tenant = "news".parse().unwrap();
        let place = |tenant| served.place(tenant, Format::Png).unwrap();
        let (a, b, c) = (place(&news), place(&news), place(&Tenant::own()));
        assert_eq!(a.parent(), b.parent());
        assert_ne!(a.parent(), c.parent());
        assert_ne!(a, b);
        assert!(!a.to_string_lossy().contains("news"));
        let stem = "0".repeat(FOLDER_DIGITS + 2 * RANDOM);
        assert!(format_of(&format!("{stem}.png")).is_some());
        for name in [
            "",
            ".png",
            "../../keys.png",
            &stem,
            &format!("{stem}.gif"),
            &format!("{stem}.PNG"),
            &format!("{stem}.jpeg"),
            &format!("{stem}.png.png"),
            &format!("{}.png", stem.replace('0', "A")),
            &format!("{}/.png", &stem[1..]),
        ] {
            assert!(format_of(name).is_none(), "{name}");
        }
    }
}
