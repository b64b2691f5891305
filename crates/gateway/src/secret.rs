//! An API key that never shows itself.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::GatewayError;

/// Longest key accepted, in bytes. Keys in use have 20 to 200.
const MAX_KEY_BYTES: usize = 4096;

/// An API key. It is sent as `Authorization: Bearer` to the backend alone, shows as `[redacted]`
/// and is wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A key from text; white space around it is dropped.
    ///
    /// # Errors
    /// [`GatewayError::ApiKey`] for an empty text, one of more than 4096 bytes, and one with
    /// characters that a header cannot carry (anything but visible ASCII).
    pub fn new(text: &str) -> Result<Self, GatewayError> {
        Self::checked(text, "the API key")
    }

    /// A key from the environment variable `name`; `None` when it is not set or empty.
    ///
    /// # Errors
    /// [`GatewayError::ApiKey`] as for [`Secret::new`].
    pub fn from_env(name: &str) -> Result<Option<Self>, GatewayError> {
        let origin = format!("the environment variable {name}");
        match std::env::var(name).map(Zeroizing::new) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Self::checked(&text, &origin).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(GatewayError::ApiKey {
                origin,
                reason: "is not text",
            }),
        }
    }

    /// A key from a file that holds nothing else.
    ///
    /// # Errors
    /// [`GatewayError::File`] when it cannot be read, [`GatewayError::ApiKey`] as for [`Secret::new`].
    pub fn from_file(path: &Path) -> Result<Self, GatewayError> {
        let failed = |source| GatewayError::File {
            path: PathBuf::from(path),
            source,
        };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut text = Zeroizing::new(String::new());
        // Two more than allowed: a line end may follow, and one byte above that is already too long.
        file.take(MAX_KEY_BYTES as u64 + 3)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::checked(&text, &format!("the file {}", path.display()))
    }

    fn checked(text: &str, origin: &str) -> Result<Self, GatewayError> {
        let text = text.trim();
        let wrong = if text.is_empty() {
            Some("is empty")
        } else if text.len() > MAX_KEY_BYTES {
            Some("is longer than 4096 bytes")
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Some("holds characters that no API key has: spaces, control or non-ASCII characters")
        } else {
            None
        };
        match wrong {
            Some(reason) => Err(GatewayError::ApiKey {
                origin: origin.to_owned(),
                reason,
            }),
            None => Ok(Self(Zeroizing::new(text.to_owned()))),
        }
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows() {
        let key = Secret::new("  sk-very-secret\n").unwrap();
        assert_eq!(key.reveal(), "sk-very-secret");
        assert_eq!(format!("{key:?}"), "[redacted]");
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        let long = "k".repeat(5000);
        for text in ["", " \n", "two words", "a\nb", "schlüssel", &long] {
            let error = Secret::new(text).unwrap_err().to_string();
            assert!(error.contains("the API key"), "{error}");
            assert!(text.trim().is_empty() || !error.contains(text));
        }
    }

    #[test]
    fn a_file_holds_a_key_and_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "k".repeat(4096) + "\r\n").unwrap();
        assert_eq!(Secret::from_file(&path).unwrap().reveal().len(), 4096);
        std::fs::write(&path, "k".repeat(1 << 20)).unwrap();
        assert!(matches!(
            Secret::from_file(&path),
            Err(GatewayError::ApiKey { .. })
        ));
        assert!(matches!(
            Secret::from_file(&folder.path().join("none")),
            Err(GatewayError::File { .. })
        ));
        assert_eq!(Secret::from_env("COLOPHON_NO_SUCH_KEY").unwrap(), None);
    }
}
