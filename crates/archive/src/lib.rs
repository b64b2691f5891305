//! ZIP and TAR: files packed into one ([`pack_zip`]), and archives of strangers read with bounds ([`read_zip`],
//! [`read_tar`]).
//!
//! Whoever made an archive is not trusted: so many entries, so many bytes an entry and in all, whatever its headers
//! say. Names are labels for people ([`label`]) and never become a path: nothing is written anywhere. Folders, links,
//! devices, hidden names and what the caller does not want are passed over; archives within archives are never opened.

mod error;
mod label;
mod tar_files;
mod zip_files;
mod zip_stream;

pub use error::ArchiveError;
pub use label::label;
pub use tar_files::read_tar;
pub use zip_files::{pack_zip, read_zip};
pub use zip_stream::ZipStream;

/// Bytes of an entry that the caller sees before deciding whether the rest is wanted.
pub const HEAD: usize = 4096;

/// Bounds on what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most entries, folders and unwanted ones included.
    pub entries: usize,
    /// Most bytes of one entry, unpacked.
    pub entry_bytes: u64,
    /// Most bytes of all wanted entries together, unpacked.
    pub total_bytes: u64,
}

/// What an entry comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A wanted file.
    File {
        /// Its name, cleaned.
        name: String,
        /// All its bytes.
        bytes: Vec<u8>,
    },
    /// A file that may be wanted and cannot be had.
    Trouble {
        /// Its name, cleaned.
        name: String,
        /// Why.
        why: Unreadable,
    },
    /// A file that is not wanted, a link or a device.
    Passed,
}

/// Why a file of an archive cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It needs a password.
    #[error("it is encrypted in the archive; send the archive without a password")]
    Encrypted,
    /// It is packed by a method that is not read here.
    #[error("it is packed in a way that is not read here; pack it with deflate, or not at all")]
    Method,
    /// It is larger than allowed.
    #[error("it is larger than the {0} bytes allowed for one picture")]
    TooLarge(u64),
    /// Its bytes are not those that were packed.
    #[error("it is damaged in the archive; pack it again")]
    Damaged,
}

/// Reads the first bytes of an entry, asks whether it is wanted, and reads the rest.
fn read_wanted(
    mut from: impl std::io::Read,
    name: String,
    number: usize,
    limit: u64,
    wanted: &dyn Fn(&str, &[u8]) -> bool,
) -> Found {
    use std::io::Read as _;

    let name = if name.is_empty() {
        format!("entry {number}")
    } else {
        name
    };
    let mut bytes = Vec::new();
    let read = from.by_ref().take(HEAD as u64).read_to_end(&mut bytes);
    if read.is_ok() && !wanted(&name, &bytes) {
        return Found::Passed;
    }
    let more = limit.saturating_add(1).saturating_sub(bytes.len() as u64);
    let read = read.and_then(|_| from.take(more).read_to_end(&mut bytes));
    let why = match read {
        Ok(_) if bytes.len() as u64 > limit => Unreadable::TooLarge(limit),
        Ok(_) => return Found::File { name, bytes },
        Err(_) => Unreadable::Damaged,
    };
    Found::Trouble { name, why }
}

/// Counts what is taken, so that all of it stays within bounds.
struct Total {
    bounds: Bounds,
    bytes: u64,
    entries: usize,
}

impl Total {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            bytes: 0,
            entries: 0,
        }
    }

    fn entry(&mut self) -> Result<usize, ArchiveError> {
        self.entries += 1;
        if self.entries > self.bounds.entries {
            return Err(ArchiveError::TooManyEntries(self.bounds.entries));
        }
        Ok(self.entries)
    }

    fn found(&mut self, found: &Found) -> Result<(), ArchiveError> {
        if let Found::File { bytes, .. } = found {
            self.bytes += bytes.len() as u64;
        }
        if self.bytes > self.bounds.total_bytes {
            return Err(ArchiveError::TooLarge(self.bounds.total_bytes));
        }
        Ok(())
    }
}
