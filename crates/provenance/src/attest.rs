//! What is signed about the ledger for those who ask: COSE receipts, and statements on exports.

use colophon_keys::{Algorithm, KeyHandle, KeyStore, Purpose};
use colophon_ledger::{NoteSigner, ReceiptError, ReceiptKey, ReceiptSigner};

use crate::ProvenanceError;
use crate::signing::LedgerNoteSigner;

/// Signs receipts and statements of one home.
///
/// Receipts have a key of their own, so that one who answers requests can be given that key and not the log's. The
/// statement on an export speaks of checkpoints and is to be believed as far as they are, so it is signed with the
/// ledger's key (`docs/decisions/0029-auditing-service.md`).
pub struct Attester {
    statements: LedgerNoteSigner,
    receipts: Result<Receipts, String>,
}

/// The receipt key as a signer of receipts.
struct Receipts {
    handle: Box<dyn KeyHandle>,
    key: ReceiptKey,
}

impl std::fmt::Debug for Attester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attester").finish_non_exhaustive()
    }
}

impl Attester {
    /// Opens both keys.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] for the ledger's. Why the receipt key cannot be used is told when a receipt is wanted.
    pub fn open(keys: &KeyStore) -> Result<Self, ProvenanceError> {
        Ok(Self {
            statements: LedgerNoteSigner::new(keys.ledger_signer()?)?,
            receipts: Receipts::open(keys),
        })
    }

    /// The receipt key of a home alone.
    ///
    /// # Errors
    /// [`ProvenanceError::ReceiptKey`].
    pub fn receipts_of(
        keys: &KeyStore,
    ) -> Result<Box<dyn ReceiptSigner + Send + Sync>, ProvenanceError> {
        match Receipts::open(keys) {
            Ok(receipts) => Ok(Box::new(receipts)),
            Err(why) => Err(ProvenanceError::ReceiptKey(why)),
        }
    }

    /// Signs statements on exports.
    pub fn statements(&self) -> &(dyn NoteSigner + Send + Sync) {
        &self.statements
    }

    /// Signs receipts.
    ///
    /// # Errors
    /// Why there is no key for it.
    pub fn receipts(&self) -> Result<&(dyn ReceiptSigner + Send + Sync), ProvenanceError> {
        match &self.receipts {
            Ok(receipts) => Ok(receipts),
            Err(why) => Err(ProvenanceError::ReceiptKey(why.clone())),
        }
    }
}

impl Receipts {
    fn open(keys: &KeyStore) -> Result<Self, String> {
        let handle = keys.receipt_signer().map_err(|error| error.to_string())?;
        if handle.algorithm() != Algorithm::Ed25519 {
            return Err(
                "receipts are signed with Ed25519: make such a key by `colophon keys rotate receipt`"
                    .to_owned(),
            );
        }
        let der = handle.public_key().der();
        // The key's 32 bytes are the end of its SubjectPublicKeyInfo (RFC 8410).
        let raw = der
            .last_chunk::<32>()
            .ok_or("its public part is too short")?;
        let key = ReceiptKey::new(handle.key_id().as_bytes(), raw);
        let key = key.map_err(|error| error.to_string())?;
        Ok(Self { handle, key })
    }
}

impl ReceiptSigner for Receipts {
    fn receipt_key(&self) -> &ReceiptKey {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], ReceiptError> {
        let signed = self.handle.sign(Purpose::Receipt, message);
        signed.map_err(|error| ReceiptError::Signer(error.to_string()))
    }
}
