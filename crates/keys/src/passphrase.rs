//! The passphrase type: wiped when dropped, never printed.

use std::fmt;

use zeroize::Zeroizing;

use crate::KeysError;

/// A passphrase, wiped from memory when dropped. `Debug` does not show it.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Most bytes a passphrase may have.
    pub const MAX_BYTES: usize = 1024;

    /// Takes over `text`.
    ///
    /// # Errors
    /// [`KeysError::BadOption`] when it is empty or longer than [`Self::MAX_BYTES`].
    pub fn new(text: String) -> Result<Self, KeysError> {
        let text = Zeroizing::new(text);
        let reason = if text.is_empty() {
            "is empty: give at least one character, or none at all for unencrypted key files"
        } else if text.len() > Self::MAX_BYTES {
            "is longer than 1024 bytes: choose a shorter one"
        } else {
            return Ok(Self(text));
        };
        Err(KeysError::BadOption {
            field: "passphrase",
            reason: reason.to_owned(),
        })
    }

    /// The text, to hand it on to a process that opens the same keys. Do not keep copies.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text_and_bounds_hold() {
        let shown = format!("{:?}", Passphrase::new("hunter2".to_owned()).unwrap());
        assert!(!shown.contains("hunter2"));
        assert!(Passphrase::new(String::new()).is_err());
        assert!(Passphrase::new("x".repeat(1025)).is_err());
    }
}
