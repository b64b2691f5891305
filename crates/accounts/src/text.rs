//! API keys as text.
//!
//! `colophon_IDIDIDID_SECRET`: a prefix by which people and scanners for leaked secrets know it, an id that may be told
//! (8 of `a-z2-7`), and 256 random bits (43 letters of RFC 4648 base64url without padding).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What every key begins with.
pub const PREFIX: &str = "colophon_";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const ID: usize = 8;
const SECRET: usize = 43;
const LENGTH: usize = PREFIX.len() + ID + 1 + SECRET;

/// Names a key; no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; ID]);

/// A text that is no key, or no id of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// Not an id.
    #[error("the id of a key is {ID} of the letters a to z and the digits 2 to 7")]
    Id,
    /// Not a key.
    #[error(
        "this is no API key; one begins with {PREFIX} and is {LENGTH} characters long: copy it whole"
    )]
    Key,
}

impl KeyId {
    /// The id of these bits; the lowest 40 are used.
    fn of_bits(bits: [u8; ID]) -> Self {
        Self(bits.map(|byte| ALPHABET[usize::from(byte % 32)]))
    }
}

impl FromStr for KeyId {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let letters: [u8; ID] = text.as_bytes().try_into().map_err(|_| KeyTextError::Id)?;
        let known = letters.iter().all(|letter| ALPHABET.contains(letter));
        known.then_some(Self(letters)).ok_or(KeyTextError::Id)
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyTextError;

    fn try_from(text: String) -> Result<Self, KeyTextError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| {
            use fmt::Write as _;
            f.write_char(char::from(*letter))
        })
    }
}

/// A key with its secret. Shown nowhere but where it is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    id: KeyId,
    secret: Zeroizing<[u8; 32]>,
}

impl KeyText {
    /// A key of random bits: 8 bytes for the id, 32 for the secret.
    pub fn of_bits(id: [u8; ID], secret: Zeroizing<[u8; 32]>) -> Self {
        Self {
            id: KeyId::of_bits(id),
            secret,
        }
    }

    /// A new key, out of the system's random source.
    ///
    /// # Errors
    /// [`getrandom::Error`] when there is none.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut id = [0; ID];
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut id)?;
        getrandom::fill(secret.as_mut())?;
        Ok(Self::of_bits(id, secret))
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What is kept of it. The secret is as good as random, so that one round of SHA-256 is as hard to turn back as any.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.expose().as_bytes()).into())
    }

    /// The text itself.
    pub fn expose(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.as_slice()));
        Zeroizing::new(format!("{PREFIX}{}_{}", self.id, secret.as_str()))
    }
}

impl FromStr for KeyText {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let rest = text.strip_prefix(PREFIX).ok_or(KeyTextError::Key)?;
        let (id, rest) = rest.split_at_checked(ID).ok_or(KeyTextError::Key)?;
        let id = id.parse().map_err(|_| KeyTextError::Key)?;
        let text = rest.strip_prefix('_').ok_or(KeyTextError::Key)?;
        if text.len() != SECRET {
            return Err(KeyTextError::Key);
        }
        let mut secret = Zeroizing::new([0; 32]);
        let read = URL_SAFE_NO_PAD.decode_slice(text, secret.as_mut());
        match read {
            Ok(32) => Ok(Self { id, secret }),
            _ => Err(KeyTextError::Key),
        }
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({})", self.id)
    }
}

/// SHA-256 of a key's text.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Whether it is the hash of this key; takes as long whether it is or not.
    pub fn is_of(&self, key: &KeyText) -> bool {
        self.0.ct_eq(&key.hash().0).into()
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        crate::hex(&hash.0)
    }
}

impl TryFrom<String> for KeyHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        crate::unhex(&text)
            .map(Self)
            .ok_or("a key's hash has 64 hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(id: [u8; ID], secret: [u8; 32]) -> KeyText {
        KeyText::of_bits(id, Zeroizing::new(secret))
    }

    #[test]
    fn the_form_stays() {
        let text = key([0, 1, 2, 3, 29, 30, 31, 32], [0xff; 32]).expose();
        let secret = "_".repeat(42);
        assert_eq!(*text, format!("colophon_abcd567a_{secret}8"));
    }

    #[test]
    fn what_is_shown_by_debug_is_no_secret() {
        let key = key([1; ID], [7; 32]);
        let secret = key.expose()[PREFIX.len() + ID + 1..].to_owned();
        assert!(!format!("{key:?}").contains(&secret));
    }

    proptest! {
        #[test]
        fn a_key_reads_back(id: [u8; ID], secret: [u8; 32]) {
            let key = key(id, secret);
            let text = key.expose();
            prop_assert_eq!(text.len(), LENGTH);
            let read: KeyText = text.parse().unwrap();
            prop_assert!(key.hash().is_of(&read));
            prop_assert_eq!(read, key);
        }

        #[test]
        fn one_letter_more_less_or_changed_is_another_key_or_none(
            id: [u8; ID], secret: [u8; 32], at in 0..LENGTH, letter in "[ -~ä]",
        ) {
            let key = key(id, secret);
            let text = key.expose().to_string();
            let (before, after) = text.split_at(at);
            let changed = format!("{before}{letter}{}", &after[1..]);
            let longer = format!("{before}{letter}{after}");
            let shorter = format!("{before}{}", &after[1..]);
            if changed != text {
                let other = changed.parse::<KeyText>();
                prop_assert!(other.is_err() || !key.hash().is_of(&other.unwrap()));
            }
            prop_assert!(longer.parse::<KeyText>().is_err());
            prop_assert!(shorter.parse::<KeyText>().is_err());
        }

        #[test]
        fn any_text_is_a_key_or_an_error(text in "\\PC{0,80}") {
            let _ = text.parse::<KeyText>();
            let _ = text.parse::<KeyId>();
        }
    }
}
