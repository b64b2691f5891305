//! One Ed25519 key under the names of the log and of its shards.

use std::sync::{Arc, Mutex, PoisonError};

use colophon_tlog::{NoteError, NoteSigner, VerifierKey};

use crate::error::LedgerError;
use crate::shards::ShardName;

/// The log's signer, shared by its shards. A key id covers the key's name, so that a signature under one name is
/// none under another.
#[derive(Clone)]
pub(crate) struct SharedSigner {
    base: VerifierKey,
    signer: Arc<Mutex<Box<dyn NoteSigner + Send>>>,
}

/// The log's key under another name.
struct NamedSigner {
    key: VerifierKey,
    shared: SharedSigner,
}

impl SharedSigner {
    pub fn new(signer: Box<dyn NoteSigner + Send>) -> Self {
        Self {
            base: signer.verifier_key().clone(),
            signer: Arc::new(Mutex::new(signer)),
        }
    }

    /// The signer of one shard.
    pub fn of(&self, shard: ShardName) -> Result<Box<dyn NoteSigner + Send>, LedgerError> {
        Ok(Box::new(NamedSigner {
            key: shard_key(&self.base, shard)?,
            shared: self.clone(),
        }))
    }
}

impl NoteSigner for SharedSigner {
    fn verifier_key(&self) -> &VerifierKey {
        &self.base
    }

    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError> {
        // A signer that panicked may be asked again: it answers or fails.
        let signer = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        signer.sign(text)
    }
}

impl NoteSigner for NamedSigner {
    fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError> {
        self.shared.sign(text)
    }
}

/// The key of a log under the name of one of its shards.
pub(crate) fn shard_key(base: &VerifierKey, shard: ShardName) -> Result<VerifierKey, LedgerError> {
    VerifierKey::new(&shard.origin(base.name()), base.public_key())
        .map_err(|error| LedgerError::Damaged(format!("the name of shard {shard}: {error}")))
}
