//! One Ed25519 key in a file of its own, for a process that has no key folder: a witness.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::files;
use crate::sealed::{self, PKCS8};
use crate::{KeysError, Passphrase};

/// Makes an Ed25519 key and writes it to a new file: PKCS#8 PEM (RFC 8410), mode 0600, encrypted as the key folder's
/// files are when there is a passphrase. Durable on return, but for the folder's own entry. Returns the 32-byte public
/// key.
///
/// # Errors
/// [`KeysError::Io`] when the file exists or cannot be written, [`KeysError::Random`].
pub fn create_key_file(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<[u8; 32], KeysError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| KeysError::Random(error.to_string()))?;
    let key = SigningKey::from_bytes(&seed);
    let text = sealed::seal(PKCS8, &sealed::signing_key_der(&key)?, passphrase)?;
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| KeysError::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })?;
    Ok(key.verifying_key().to_bytes())
}

/// Reads the 32-byte seed of the key in a file that [`create_key_file`] or OpenSSL wrote.
///
/// # Errors
/// [`KeysError::Missing`], [`KeysError::PassphraseNeeded`], [`KeysError::WrongPassphrase`] (also for an encrypted file
/// that was damaged), [`KeysError::Corrupt`], [`KeysError::Io`].
pub fn open_key_file(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let text = Zeroizing::new(files::read(path)?);
    let der = sealed::open(PKCS8, &text, passphrase)
        .map_err(|error| sealed::explain(error, path, true))?;
    let key = sealed::parse_signing_key(&der).ok_or_else(|| KeysError::Corrupt {
        path: path.to_owned(),
        what: "it holds no Ed25519 key".to_owned(),
    })?;
    Ok(Zeroizing::new(key.to_bytes()))
}

/// Whether a key file asks for a passphrase.
///
/// # Errors
/// [`KeysError::Missing`], [`KeysError::Io`], [`KeysError::Corrupt`] for a file too long to be one.
pub fn key_file_is_encrypted(path: &Path) -> Result<bool, KeysError> {
    Ok(sealed::is_encrypted(
        PKCS8,
        &Zeroizing::new(files::read(path)?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_with_and_without_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let passphrase = Passphrase::new("correct horse".to_owned()).unwrap();
        for given in [None, Some(&passphrase)] {
            let path = folder.path().join(format!("{}.pem", given.is_some()));
            let public = create_key_file(&path, given).unwrap();
            let seed = open_key_file(&path, given).unwrap();
            assert_eq!(
                SigningKey::from_bytes(&seed).verifying_key().to_bytes(),
                public
            );
            assert_eq!(key_file_is_encrypted(&path).unwrap(), given.is_some());
            assert_eq!(files::mode(&path).unwrap_or(0o600), 0o600);
            assert!(
                matches!(create_key_file(&path, given), Err(KeysError::Io { .. })),
                "never replaced"
            );
        }
        let sealed = folder.path().join("true.pem");
        assert!(matches!(
            open_key_file(&sealed, None),
            Err(KeysError::PassphraseNeeded(_))
        ));
        let wrong = Passphrase::new("wrong horse".to_owned()).unwrap();
        assert!(matches!(
            open_key_file(&sealed, Some(&wrong)),
            Err(KeysError::WrongPassphrase(_))
        ));
        assert!(matches!(
            open_key_file(&folder.path().join("none"), None),
            Err(KeysError::Missing(_))
        ));
    }
}
