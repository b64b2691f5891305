//! The claim signing key with its certificate chain.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use crate::KeysError;
use crate::certificate;

/// SHA-256 over a key's `SubjectPublicKeyInfo` DER (RFC 5280), shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Signs C2PA claims with Ed25519. `Debug` shows the key id only.
pub struct ClaimSigner {
    key: SigningKey,
    chain_pem: String,
    id: KeyId,
}

impl ClaimSigner {
    pub(crate) fn new(key: SigningKey, chain_pem: String) -> Result<Self, KeysError> {
        let id = KeyId(certificate::key_digest(&key.verifying_key())?);
        Ok(Self { key, chain_pem, id })
    }

    /// The certificates as PEM, leaf first, then the issuing authority; the root stays out.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The signing key's id.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// The Ed25519 signature (RFC 8032) over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for ClaimSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimSigner")
            .field("key_id", &self.id)
            .finish_non_exhaustive()
    }
}
