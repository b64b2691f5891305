//! File names, bounded reading, and the all-or-nothing creation of the key folder.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::KeysError;

/// The root authority's certificate, PEM.
pub const ROOT_CERTIFICATE_FILE: &str = "root-ca.cert.pem";
/// The issuing authority's certificate, PEM.
pub const ISSUING_CERTIFICATE_FILE: &str = "issuing-ca.cert.pem";
/// The claim signer's certificate, PEM.
pub const CLAIM_CERTIFICATE_FILE: &str = "signer.cert.pem";
/// The ledger's public key as a C2SP signed-note verifier key.
pub const VERIFIER_KEY_FILE: &str = "ledger.vkey";
/// The policy key's public part as a C2SP signed-note verifier key.
pub const POLICY_VERIFIER_KEY_FILE: &str = "policy.vkey";
/// The receipt key's public part, PEM of a `SubjectPublicKeyInfo`.
pub const RECEIPT_PUBLIC_KEY_FILE: &str = "receipt.pub.pem";
/// Public facts: names, times, digests of the other files.
pub const FACTS_FILE: &str = "keys.json";

/// Key and certificate files are a few hundred bytes; more is not ours.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Reads a whole key file of at most 64 KiB.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, KeysError> {
    read_up_to(path, MAX_FILE_BYTES)
}

/// Reads a whole file of at most `most` bytes.
pub(crate) fn read_up_to(path: &Path, most: u64) -> Result<Vec<u8>, KeysError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => KeysError::Missing(path.to_owned()),
        _ => KeysError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        },
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(KeysError::Corrupt {
            path: path.to_owned(),
            what: format!("larger than {} KiB", most / 1024),
        });
    }
    Ok(bytes)
}

/// The permission bits of a file, or `None` where the system has none.
pub(crate) fn mode(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path)
            .ok()
            .map(|data| data.permissions().mode() & 0o777)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Writes one new file, durable on return. `private` files get mode 0600, others 0644.
pub(crate) fn write_new(path: &Path, bytes: &[u8], private: bool) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if private { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = private;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A folder under construction beside its final place. It becomes visible as a whole on
/// [`StagedFolder::commit`]; dropped before that, it is removed.
pub(crate) struct StagedFolder {
    staging: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl StagedFolder {
    /// Refuses when `target` exists and is anything but an empty folder.
    pub(crate) fn create(target: &Path) -> Result<Self, KeysError> {
        if !is_absent_or_empty(target)? {
            return Err(KeysError::AlreadyExists(target.to_owned()));
        }
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(|source| KeysError::Io {
            action: "create",
            path: parent.clone(),
            source,
        })?;
        let mut random = [0u8; 8];
        getrandom::fill(&mut random).map_err(|error| KeysError::Random(error.to_string()))?;
        let staging = parent.join(format!(".keys-{:016x}.partial", u64::from_be_bytes(random)));
        private_folder(&staging).map_err(|source| KeysError::Io {
            action: "create",
            path: staging.clone(),
            source,
        })?;
        Ok(Self {
            staging,
            target: target.to_owned(),
            committed: false,
        })
    }

    /// Writes one new file, as [`write_new`].
    pub(crate) fn write(&self, name: &str, bytes: &[u8], private: bool) -> Result<(), KeysError> {
        write_new(&self.staging.join(name), bytes, private).map_err(|source| KeysError::Io {
            action: "write",
            path: self.target.join(name),
            source,
        })
    }

    /// Moves the folder into place in one step. A folder that another process filled meanwhile
    /// is left alone: renaming onto a folder that is not empty fails.
    pub(crate) fn commit(mut self) -> Result<(), KeysError> {
        let io = |action, path: &Path, source| KeysError::Io {
            action,
            path: path.to_owned(),
            source,
        };
        sync_folder(&self.staging).map_err(|source| io("sync", &self.staging, source))?;
        fs::rename(&self.staging, &self.target).map_err(|source| match source.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => {
                KeysError::AlreadyExists(self.target.clone())
            }
            _ => io("create", &self.target, source),
        })?;
        self.committed = true;
        let parent = self.staging.parent().unwrap_or(Path::new("."));
        sync_folder(parent).map_err(|source| io("sync", parent, source))
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing more can be done about a failure here; the folder's name says what it is.
            let _ = fs::remove_dir_all(&self.staging);
        }
    }
}

fn is_absent_or_empty(path: &Path) -> Result<bool, KeysError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
        Err(source) => Err(KeysError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_folder_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("keys");
        let staged = StagedFolder::create(&target).unwrap();
        staged.write("a", b"1", true).unwrap();
        drop(staged);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_filled_meanwhile_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("keys");
        let staged = StagedFolder::create(&target).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("other"), b"theirs").unwrap();
        assert!(matches!(staged.commit(), Err(KeysError::AlreadyExists(_))));
        assert_eq!(fs::read(target.join("other")).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_long_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("big");
        fs::write(&path, vec![0u8; 65 * 1024]).unwrap();
        assert!(matches!(read(&path), Err(KeysError::Corrupt { .. })));
    }
}
