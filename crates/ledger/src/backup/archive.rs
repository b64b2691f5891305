//! A copy in one file: a tar archive (POSIX ustar) of what a copy in a folder holds, `SHA256SUMS` first.
//!
//! The copy is made and proven as a folder beside the file, then packed, read back and compared; so for a while it takes
//! its size twice. Members have no times and no owners: the same copy gives the same bytes.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Component, Path, PathBuf};

use colophon_tlog::VerifierKey;
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::sums::{SUMS, Sums, sync_below};
use super::{Backup, BackupError, copy, partial};
use crate::error::LedgerError;
use crate::text::hex;

/// Copies the ledger in `dir` into the new file `file`, as [`super::backup`] does into a folder.
///
/// # Errors
/// As [`super::backup`]; [`BackupError::Exists`].
pub fn backup_to_file(
    dir: &Path,
    key: &VerifierKey,
    former_keys: &[VerifierKey],
    file: &Path,
) -> Result<Backup, LedgerError> {
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()).into());
    }
    let folder = beside(file, ".folder");
    let packed = partial(file);
    let made = copy::backup(dir, key, former_keys, &folder).and_then(|backup| {
        pack(&folder, &packed)?;
        compare(&packed, &folder)?;
        fs::rename(&packed, file)
            .and_then(|()| sync_parent(file))
            .map_err(|error| LedgerError::io("cannot write", file, &error))?;
        Ok(Backup {
            place: file.to_owned(),
            ..backup
        })
    });
    // Neither is needed any more, whatever came of it.
    let _ = fs::remove_dir_all(&folder);
    let _ = fs::remove_file(&packed);
    made
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn sync_parent(file: &Path) -> io::Result<()> {
    let parent = file.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn pack(folder: &Path, file: &Path) -> Result<(), LedgerError> {
    let (sums, _) = Sums::check(folder)?;
    let write = || {
        // What an interrupted copy left.
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let to = BufWriter::with_capacity(1 << 20, File::create_new(file)?);
        let mut archive = Builder::new(to);
        for name in std::iter::once(SUMS).chain(sums.files.keys().map(String::as_str)) {
            let member = File::open(folder.join(name))?;
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_size(member.metadata()?.len());
            header.set_mode(0o600);
            header.set_mtime(0);
            archive.append_data(&mut header, name, BufReader::with_capacity(1 << 20, member))?;
        }
        let mut to = archive.into_inner()?;
        to.flush()?;
        to.get_ref().sync_all()
    };
    write().map_err(|error: io::Error| LedgerError::io("cannot write", file, &error))
}

/// Reads an archive back and compares every member with its hash.
fn compare(file: &Path, folder: &Path) -> Result<(), LedgerError> {
    let (sums, sums_sha256) = Sums::check(folder)?;
    let mut found = 0;
    each_member(file, |name, content| {
        let mut digest = Sha256::new();
        copy_into(content, &mut HashWriter(&mut digest))
            .map_err(|error| LedgerError::io("cannot read", file, &error))?;
        let hash: [u8; 32] = digest.finalize().into();
        let right = match sums.files.get(name) {
            Some(right) => *right == hex(&hash),
            None => name == SUMS && hash == sums_sha256,
        };
        found += 1;
        if right {
            return Ok(());
        }
        let (file, what) = (name.to_owned(), "was not written as it was read");
        Err(BackupError::Altered { file, what }.into())
    })?;
    if found == sums.files.len() + 1 {
        Ok(())
    } else {
        let (file, what) = (SUMS.to_owned(), "names files that were not written");
        Err(BackupError::Altered { file, what }.into())
    }
}

/// Unpacks a copy into the new folder `to`. What it holds is not believed yet: that is for [`Sums::check`].
///
/// # Errors
/// [`BackupError::Foreign`] for anything but plain files below the folder.
pub(super) fn unpack(file: &Path, to: &Path) -> Result<(), LedgerError> {
    fs::create_dir(to).map_err(|error| LedgerError::io("cannot make", to, &error))?;
    each_member(file, |name, content| {
        let target = to.join(name);
        let mut write = || {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = File::create_new(&target)?;
            copy_into(content, &mut file)
        };
        write().map_err(|error| LedgerError::io("cannot write", &target, &error))
    })?;
    sync_below(to)
}

/// Hands every member over, in order: its name, which means a file below a folder, and its content.
fn each_member(
    file: &Path,
    mut each: impl FnMut(&str, &mut dyn Read) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let failed = |error: io::Error| LedgerError::io("cannot read", file, &error);
    let from = BufReader::with_capacity(1 << 20, File::open(file).map_err(failed)?);
    let mut archive = Archive::new(from);
    for member in archive.entries().map_err(failed)? {
        let mut member = member.map_err(failed)?;
        let path = member.path().map_err(failed)?.into_owned();
        let foreign = || LedgerError::from(BackupError::Foreign(path.display().to_string()));
        let plain = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let name = path.to_str().filter(|name| plain && !name.is_empty());
        match (name, member.header().entry_type()) {
            (Some(name), EntryType::Regular) => each(name, &mut member)?,
            _ => return Err(foreign()),
        }
    }
    Ok(())
}

fn copy_into(from: &mut dyn Read, to: &mut dyn io::Write) -> io::Result<()> {
    io::copy(from, to).map(drop)
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
