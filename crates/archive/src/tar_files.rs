//! TAR: POSIX.1-2017 `pax` and `ustar`, GNU long names.

use std::io::{self, Read};

use tar::{Archive, Entry, EntryType, PaxExtensions};

use crate::label::is_hidden;
use crate::{ArchiveError, Bounds, Found, Total, Unreadable, label, read_wanted};

/// Longest record before an entry that says more of it than its header can, bytes.
const EXTENSION: u64 = 64 << 10;

/// Hands the wanted files over in their order, as [`crate::read_zip`] does. Reads once from front to end.
///
/// # Errors
/// [`ArchiveError`], and whatever `take` returns.
pub fn read_tar<E: From<ArchiveError>>(
    from: impl Read,
    bounds: Bounds,
    wanted: &dyn Fn(&str, &[u8]) -> bool,
    mut take: impl FnMut(Found) -> Result<(), E>,
) -> Result<(), E> {
    let damaged = |error: io::Error| ArchiveError::Damaged(error.to_string());
    let mut archive = Archive::new(from);
    // Raw: records that name the next entry are read here, with a bound.
    let entries = archive.entries().map_err(damaged)?.raw(true);
    let mut total = Total::new(bounds);
    let mut long_name = None;
    for entry in entries {
        let mut entry = entry.map_err(damaged)?;
        let number = total.entry()?;
        let found = match entry.header().entry_type() {
            EntryType::GNULongName => {
                long_name = Some(extension(&mut entry)?);
                continue;
            }
            EntryType::XHeader => {
                let extension = extension(&mut entry)?;
                long_name = pax_path(&extension)?.or(long_name);
                continue;
            }
            EntryType::XGlobalHeader | EntryType::GNULongLink => continue,
            kind => {
                let name = long_name.take();
                let name =
                    name.map_or_else(|| label(&entry.header().path_bytes()), |name| label(&name));
                match kind {
                    EntryType::Directory => continue,
                    _ if is_hidden(&name) => Found::Passed,
                    EntryType::Regular | EntryType::Continuous => {
                        read_wanted(&mut entry, name, number, bounds.entry_bytes, wanted)
                    }
                    EntryType::GNUSparse => Found::Trouble {
                        name,
                        why: Unreadable::Method,
                    },
                    _ => Found::Passed,
                }
            }
        };
        // What is cut off cannot be told from what is damaged, and what follows it is no longer there.
        if matches!(
            found,
            Found::Trouble {
                why: Unreadable::Damaged,
                ..
            }
        ) {
            return Err(ArchiveError::Damaged("it breaks off".to_owned()).into());
        }
        total.found(&found)?;
        take(found)?;
    }
    Ok(())
}

fn extension(entry: &mut Entry<'_, impl Read>) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    let read = entry.take(EXTENSION + 1).read_to_end(&mut bytes);
    if read.is_err() || bytes.len() as u64 > EXTENSION {
        return Err(ArchiveError::Damaged(
            "a record beside its files is too long or breaks off".to_owned(),
        ));
    }
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}

/// The path that a `pax` record gives, if any.
fn pax_path(record: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
    let mut path = None;
    for field in PaxExtensions::new(record) {
        let field = field.map_err(|error| ArchiveError::Damaged(error.to_string()))?;
        match field.key_bytes() {
            b"path" => path = Some(field.value_bytes().to_vec()),
            // Only files of 8 GiB and more need it; without it the header's size would mislead.
            b"size" => {
                return Err(ArchiveError::Damaged(
                    "a file in it is larger than any picture".to_owned(),
                ));
            }
            _ => {}
        }
    }
    Ok(path)
}
