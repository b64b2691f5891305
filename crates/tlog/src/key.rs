//! Named Ed25519 keys of notes (C2SP `signed-note`, "verifier keys") and those who sign with them.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::note::NoteError;

/// Signature type of plain Ed25519 notes.
const NOTE: u8 = 0x01;
/// Signature type of timestamped Ed25519 cosignatures.
const COSIGNATURE: u8 = 0x04;

/// A public key with its name, written `name+keyid+base64` ("vkey"). `TYPE` is the C2SP signature type: keys of
/// different types are different Rust types, because one Ed25519 key must never serve two of them.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedKey<const TYPE: u8> {
    name: String,
    key: VerifyingKey,
}

/// The key of a log, or of whoever else signs notes (signature type 0x01).
pub type VerifierKey = NamedKey<NOTE>;

/// The key of a witness: it signs checkpoints together with the time (signature type 0x04, C2SP `tlog-cosignature`).
pub type CosignerKey = NamedKey<COSIGNATURE>;

/// A text that is no verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Empty, or holding a space or a plus.
    #[error("a key name must not be empty and must not hold spaces or '+'")]
    Name,
    /// Not `name+8 hex digits+base64`.
    #[error("not a verifier key: expected name+8 hexadecimal digits+base64")]
    Form,
    /// The key id is not the one of name and key.
    #[error(
        "the verifier key's id does not belong to its name and key: it was mistyped or altered"
    )]
    Id,
    /// Not 32 bytes after the type, or not a point on the curve.
    #[error("not an Ed25519 verifier key")]
    Key,
    /// A key of another signature type.
    #[error(
        "a key of signature type {found:#04x} where {expected:#04x} belongs: 0x01 signs as a log, 0x04 cosigns as a \
         witness"
    )]
    Type {
        /// Type wanted.
        expected: u8,
        /// Type found.
        found: u8,
    },
}

impl<const TYPE: u8> NamedKey<TYPE> {
    /// Binds a name to an Ed25519 public key.
    ///
    /// # Errors
    /// [`KeyError::Name`] or [`KeyError::Key`].
    pub fn new(name: &str, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Key)?;
        Ok(Self {
            name: String::from(name),
            key,
        })
    }

    /// The key's name; for a log's key, its origin line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of `SHA-256(name || 0x0A || type || public key)`, big-endian.
    pub fn key_id(&self) -> u32 {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', TYPE])
            .chain_update(self.key.as_bytes())
            .finalize();
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
    }

    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `signature` over exactly the bytes `message` is this key's, by the strict Ed25519 rules.
    pub(crate) fn verifies_bytes(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl VerifierKey {
    /// Whether `signature` over `text` is this key's, by the strict Ed25519 rules.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        self.verifies_bytes(text, signature)
    }
}

impl<const TYPE: u8> fmt::Display for NamedKey<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = Vec::from([TYPE]);
        key.extend_from_slice(self.key.as_bytes());
        let (id, key) = (self.key_id(), STANDARD.encode(key));
        write!(f, "{}+{id:08x}+{key}", self.name)
    }
}

impl<const TYPE: u8> fmt::Debug for NamedKey<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedKey({self})")
    }
}

impl<const TYPE: u8> FromStr for NamedKey<TYPE> {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let (&found, public) = bytes.split_first().ok_or(KeyError::Key)?;
        if found != TYPE {
            return Err(KeyError::Type {
                expected: TYPE,
                found,
            });
        }
        let key = Self::new(name, public.try_into().map_err(|_| KeyError::Key)?)?;
        if format!("{:08x}", key.key_id()) == id {
            Ok(key)
        } else {
            Err(KeyError::Id)
        }
    }
}

/// Whoever can sign notes: a key in memory, a token, a key service.
pub trait NoteSigner {
    /// The public half, with the name that goes on the signature line.
    fn verifier_key(&self) -> &VerifierKey;

    /// Ed25519 signature over the note's text.
    ///
    /// # Errors
    /// [`NoteError::Signer`] when the key cannot be used.
    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError>;

    /// The name on the signature line.
    fn name(&self) -> &str {
        self.verifier_key().name()
    }

    /// The id in front of the signature.
    fn key_id(&self) -> u32 {
        self.verifier_key().key_id()
    }
}

impl<T: NoteSigner + ?Sized> NoteSigner for Box<T> {
    fn verifier_key(&self) -> &VerifierKey {
        (**self).verifier_key()
    }

    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError> {
        (**self).sign(text)
    }
}

/// A [`NoteSigner`] that holds the key in memory; the secret is wiped when dropped.
pub struct Ed25519Signer {
    verifier: VerifierKey,
    key: SigningKey,
}

impl Ed25519Signer {
    /// A signer from the 32-byte Ed25519 seed.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self {
            verifier: VerifierKey::new(name, key.verifying_key().as_bytes())?,
            key,
        })
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Signer")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

impl NoteSigner for Ed25519Signer {
    fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError> {
        Ok(self.key.sign(text).to_bytes())
    }
}

/// Whoever can cosign checkpoints: a witness's key in memory, a token, a key service.
pub trait Cosigner {
    /// The public half, with the name that goes on the signature line.
    fn cosigner_key(&self) -> &CosignerKey;

    /// Ed25519 signature over `message`, which [`crate::cosign`] makes: header, time, checkpoint.
    ///
    /// # Errors
    /// [`NoteError::Signer`] when the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], NoteError>;
}

impl<T: Cosigner + ?Sized> Cosigner for Box<T> {
    fn cosigner_key(&self) -> &CosignerKey {
        (**self).cosigner_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], NoteError> {
        (**self).sign(message)
    }
}

/// A [`Cosigner`] that holds the key in memory; the secret is wiped when dropped.
pub struct Ed25519Cosigner {
    public: CosignerKey,
    key: SigningKey,
}

impl Ed25519Cosigner {
    /// A cosigner from the 32-byte Ed25519 seed, which must be no other key's seed.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self {
            public: CosignerKey::new(name, key.verifying_key().as_bytes())?,
            key,
        })
    }
}

impl fmt::Debug for Ed25519Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Cosigner")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl Cosigner for Ed25519Cosigner {
    fn cosigner_key(&self) -> &CosignerKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], NoteError> {
        Ok(self.key.sign(message).to_bytes())
    }
}

/// Key names are non-empty and hold no white space, no control character and no plus.
pub(crate) fn check_name(name: &str) -> Result<(), KeyError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) {
        Err(KeyError::Name)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn bad_keys_are_refused() {
        let signer = Ed25519Signer::from_seed("example.org/log", &[7; 32]).unwrap();
        let good = signer.verifier_key().to_string();
        assert!(good.parse::<VerifierKey>().is_ok());
        for bad in [
            "",
            "a",
            "a+b",
            "a+00000000+AAAA",
            "a b+00000000+AAAA",
            &good.replace("log", "lag"),
            &good[..good.len() - 1],
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_logs_key_is_no_witness_key_and_the_other_way_round() {
        let log = Ed25519Signer::from_seed("example.org/log", &[7; 32]).unwrap();
        let witness = Ed25519Cosigner::from_seed("example.org/log", &[7; 32]).unwrap();
        assert_ne!(
            log.verifier_key().key_id(),
            witness.cosigner_key().key_id(),
            "the type is part of the id"
        );
        assert_eq!(
            log.verifier_key().to_string().parse::<CosignerKey>(),
            Err(KeyError::Type {
                expected: 4,
                found: 1
            })
        );
        assert_eq!(
            witness.cosigner_key().to_string().parse::<VerifierKey>(),
            Err(KeyError::Type {
                expected: 1,
                found: 4
            })
        );
    }

    #[test]
    fn the_secrets_are_not_printed() {
        let signer = Ed25519Signer::from_seed("a", &[7; 32]).unwrap();
        let cosigner = Ed25519Cosigner::from_seed("b", &[7; 32]).unwrap();
        assert!(!alloc::format!("{signer:?}{cosigner:?}").contains("7, 7"));
    }
}
