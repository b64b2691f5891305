//! Keys in the shapes that manifest and ledger ask for.

use std::sync::Arc;

use colophon_keys::{Algorithm, ClaimSigner, KeysError, NoteKey};
use colophon_ledger::NoteError;
use colophon_ledger::{NoteSigner, VerifierKey};
use colophon_manifest::{ClaimAlgorithm, SignerError};

use crate::ProvenanceError;

/// Asks a time-stamp authority (RFC 3161). Implemented by whoever may open connections.
pub trait TimeStamps: Send + Sync {
    /// The answer (`TimeStampResp`, DER) to `request` (`TimeStampReq`, DER). `None` goes on without a
    /// time-stamp, where that is allowed.
    ///
    /// # Errors
    /// Why there is none; then nothing is issued.
    fn stamp(&self, request: &[u8]) -> Option<Result<Vec<u8>, SignerError>>;
}

/// The claim key as a manifest signer.
pub(crate) struct ManifestSigner {
    pub key: ClaimSigner,
    /// Whoever stamps the time of signing; nobody by default.
    pub time_stamps: Option<Arc<dyn TimeStamps>>,
}

impl colophon_manifest::ClaimSigner for ManifestSigner {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.key.sign(data)?.to_vec())
    }

    fn chain_pem(&self) -> Vec<u8> {
        self.key.chain_pem().as_bytes().to_vec()
    }

    fn algorithm(&self) -> ClaimAlgorithm {
        match self.key.algorithm() {
            Algorithm::Ed25519 => ClaimAlgorithm::Ed25519,
            Algorithm::Es256 => ClaimAlgorithm::Es256,
        }
    }

    fn wants_time_stamp(&self) -> bool {
        self.time_stamps.is_some()
    }

    fn time_stamp(&self, request: &[u8]) -> Option<Result<Vec<u8>, SignerError>> {
        self.time_stamps.as_ref()?.stamp(request)
    }
}

/// The ledger's or the policy's key as a note signer.
pub(crate) struct LedgerNoteSigner {
    signer: NoteKey,
    verifier: VerifierKey,
}

impl LedgerNoteSigner {
    pub fn new(signer: NoteKey) -> Result<Self, ProvenanceError> {
        let verifier = verifier_key(&signer.verifier_key())?;
        Ok(Self { signer, verifier })
    }

    /// The key's name, which is the log's origin.
    pub fn name(&self) -> &str {
        self.verifier.name()
    }
}

impl NoteSigner for LedgerNoteSigner {
    fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError> {
        self.signer
            .sign(text)
            .map_err(|error| NoteError::Signer(error.to_string()))
    }
}

/// Parses the verifier key text that the key folder holds.
pub(crate) fn verifier_key(text: &str) -> Result<VerifierKey, ProvenanceError> {
    text.parse().map_err(|_| {
        ProvenanceError::Keys(KeysError::Corrupt {
            path: colophon_keys::VERIFIER_KEY_FILE.into(),
            what: "not a verifier key".to_owned(),
        })
    })
}
