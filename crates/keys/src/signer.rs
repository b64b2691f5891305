//! The claim signing key with its certificate chain.

use std::fmt;

use crate::{Algorithm, KeyHandle, KeyId, KeysError, Purpose};

/// Signs C2PA claims. `Debug` shows the key id only.
pub struct ClaimSigner {
    handle: Box<dyn KeyHandle>,
    chain_pem: String,
}

impl ClaimSigner {
    pub(crate) fn new(handle: Box<dyn KeyHandle>, chain_pem: String) -> Self {
        Self { handle, chain_pem }
    }

    /// The certificates as PEM, leaf first, then the authorities; the root stays out.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The signing key's id.
    pub fn key_id(&self) -> KeyId {
        self.handle.key_id()
    }

    /// The signing key's algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.handle.algorithm()
    }

    /// The signature over `message`, as [`KeyHandle::sign`].
    ///
    /// # Errors
    /// Whatever kept the key from signing: a token or server that does not answer.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeysError> {
        self.handle.sign(Purpose::C2paClaim, message)
    }
}

impl fmt::Debug for ClaimSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimSigner")
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}
