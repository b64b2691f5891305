//! Keys behind a signer on another machine. The connection itself is somebody else's: this crate
//! opens none.

use std::sync::OnceLock;

use crate::facts::RemoteKey;
use crate::handle::check_purpose;
use crate::{KeyHandle, KeysError, PublicKey, Purpose, Role};

/// A connection to one key of a remote signer.
pub trait RemoteSigner: Send + Sync {
    /// The key's `SubjectPublicKeyInfo`, DER.
    ///
    /// # Errors
    /// Why it could not be had, a sentence for people.
    fn public_key(&self) -> Result<Vec<u8>, String>;

    /// The signature over `message`, 64 bytes as of [`KeyHandle::sign`]. `purpose` is
    /// [`Purpose::name`].
    ///
    /// # Errors
    /// Why there is none, a sentence for people.
    fn sign(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>, String>;
}

/// Opens connections to remote signers.
pub type Connector = fn(&RemoteKey) -> Result<Box<dyn RemoteSigner>, String>;

static CONNECTOR: OnceLock<Connector> = OnceLock::new();

/// Says, once for the process, how remote signers are reached. Without it, keys that live there
/// cannot be used, and say so. Whether it was the first word on it.
pub fn connect_with(connector: Connector) -> bool {
    CONNECTOR.set(connector).is_ok()
}

/// A remote key as a handle.
pub(crate) struct RemoteHandle {
    role: Role,
    url: String,
    signer: Box<dyn RemoteSigner>,
    public: PublicKey,
}

pub(crate) fn open(role: Role, key: &RemoteKey) -> Result<RemoteHandle, KeysError> {
    let failed = |reason: String| KeysError::Remote {
        url: key.url.clone(),
        reason,
    };
    let connector = CONNECTOR
        .get()
        .ok_or_else(|| failed("this program opens no connections".to_owned()))?;
    let signer = connector(key).map_err(failed)?;
    let der = signer.public_key().map_err(failed)?;
    let public = PublicKey::from_der(&der)
        .ok_or_else(|| failed("it names no Ed25519 or P-256 key".to_owned()))?;
    Ok(RemoteHandle {
        role,
        url: key.url.clone(),
        signer,
        public,
    })
}

impl KeyHandle for RemoteHandle {
    fn role(&self) -> Role {
        self.role
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, purpose: Purpose, message: &[u8]) -> Result<[u8; 64], KeysError> {
        check_purpose(self.role, purpose)?;
        let failed = |reason: String| KeysError::Remote {
            url: self.url.clone(),
            reason,
        };
        let signature = self.signer.sign(purpose.name(), message).map_err(failed)?;
        signature
            .try_into()
            .map_err(|_| failed("its signature has not 64 bytes".to_owned()))
    }
}
