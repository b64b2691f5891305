//! Keys in the shapes that manifest and ledger ask for.

use colophon_keys::{ClaimSigner, KeysError, LedgerSigner};
use colophon_ledger::NoteError;
use colophon_ledger::{NoteSigner, VerifierKey};
use colophon_manifest::SignerError;

use crate::ProvenanceError;

/// The claim key as a manifest signer.
pub(crate) struct ManifestSigner(pub ClaimSigner);

impl colophon_manifest::ClaimSigner for ManifestSigner {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(data).to_vec())
    }

    fn chain_pem(&self) -> Vec<u8> {
        self.0.chain_pem().as_bytes().to_vec()
    }
}

/// The ledger key as a note signer.
pub(crate) struct LedgerNoteSigner {
    signer: LedgerSigner,
    verifier: VerifierKey,
}

impl LedgerNoteSigner {
    pub fn new(signer: LedgerSigner) -> Result<Self, ProvenanceError> {
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
        Ok(self.signer.sign(text))
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
