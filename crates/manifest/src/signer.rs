//! The boundary between our signer and the SDK's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use c2pa::SigningAlg;

use crate::ManifestError;

/// What a signer says when it cannot sign.
pub type SignerError = Box<dyn std::error::Error + Send + Sync>;

/// Signs claims with Ed25519. Implemented by whoever holds the key.
pub trait ClaimSigner {
    /// The 64-byte Ed25519 signature (RFC 8032) over `data`.
    ///
    /// # Errors
    /// Whatever kept the key from signing.
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError>;

    /// Certificates as PEM, leaf first, root left out.
    fn chain_pem(&self) -> Vec<u8>;
}

/// Bytes of the `COSE_Sign1` envelope around the certificates: about 90 for headers and signature,
/// the rest padding. Less than 263 bytes of padding do not work: the SDK expects a length field of
/// three bytes and gives up when the padding is short enough for two.
const COSE_OVERHEAD: usize = 448;
/// Per certificate: the CBOR header of its byte string.
const COSE_PER_CERTIFICATE: usize = 8;

/// Adapts a [`ClaimSigner`] to the SDK with a tight size reservation: the SDK's own signers
/// reserve 10 KiB, all of which ends up as zeros in the file.
pub(crate) struct Adapter<'a> {
    signer: &'a dyn ClaimSigner,
    chain: Vec<Vec<u8>>,
}

impl<'a> Adapter<'a> {
    pub(crate) fn new(signer: &'a dyn ClaimSigner) -> Result<Self, ManifestError> {
        let chain = certificates(&signer.chain_pem())
            .ok_or_else(|| ManifestError::BadChain("not PEM certificates".to_owned()))?;
        if chain.is_empty() {
            return Err(ManifestError::BadChain(
                "it holds no certificate".to_owned(),
            ));
        }
        Ok(Self { signer, chain })
    }
}

impl c2pa::Signer for Adapter<'_> {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        self.signer.sign(data).map_err(c2pa::Error::OtherError)
    }

    fn alg(&self) -> SigningAlg {
        SigningAlg::Ed25519
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        Ok(self.chain.clone())
    }

    fn reserve_size(&self) -> usize {
        let certificates: usize = self
            .chain
            .iter()
            .map(|der| der.len() + COSE_PER_CERTIFICATE)
            .sum();
        certificates + COSE_OVERHEAD
    }

    // No time authority is configured; the SDK's default would open a connection of its own.
    fn send_timestamp_request(&self, _message: &[u8]) -> Option<c2pa::Result<Vec<u8>>> {
        None
    }
}

/// The DER of every certificate in PEM text, or `None` when a block is broken.
pub(crate) fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    pem_blocks(pem, "CERTIFICATE")
}

/// The DER of every block of a kind in PEM text, or `None` when one is broken.
pub(crate) fn pem_blocks(pem: &[u8], kind: &str) -> Option<Vec<Vec<u8>>> {
    let text = std::str::from_utf8(pem).ok()?;
    let end = format!("-----END {kind}-----");
    let begin = format!("-----BEGIN {kind}-----");
    let mut blocks = text.split(begin.as_str());
    blocks.next();
    blocks
        .map(|block| {
            let (body, _) = block.split_once(&end)?;
            let body: String = body.split_ascii_whitespace().collect();
            STANDARD.decode(body).ok()
        })
        .collect()
}
