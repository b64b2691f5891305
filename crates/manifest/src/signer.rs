//! The boundary between our signer and the SDK's.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use c2pa::SigningAlg;

use crate::ManifestError;

/// What a signer says when it cannot sign.
pub type SignerError = Box<dyn std::error::Error + Send + Sync>;

/// How claims are signed (C2PA, allowed algorithms).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256 (RFC 9053).
    Es256,
}

/// Signs claims. Implemented by whoever holds the key.
pub trait ClaimSigner {
    /// The 64-byte signature over `data`: Ed25519, or `r || s` of ES256.
    ///
    /// # Errors
    /// Whatever kept the key from signing.
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError>;

    /// Certificates as PEM, leaf first, root left out.
    fn chain_pem(&self) -> Vec<u8>;

    /// The algorithm of [`Self::sign`].
    fn algorithm(&self) -> ClaimAlgorithm {
        ClaimAlgorithm::Ed25519
    }

    /// Whether signatures are to be time-stamped.
    fn wants_time_stamp(&self) -> bool {
        false
    }

    /// The answer (`TimeStampResp`, DER) of a time-stamp authority to `request` (`TimeStampReq`,
    /// DER; RFC 3161) over the signature. `None` goes on without a time-stamp.
    ///
    /// # Errors
    /// Why there is no time-stamp; then nothing is signed.
    fn time_stamp(&self, request: &[u8]) -> Option<Result<Vec<u8>, SignerError>> {
        let _ = request;
        None
    }
}

/// Bytes of the `COSE_Sign1` envelope around the certificates: about 90 for headers and signature,
/// the rest padding. Less than 263 bytes of padding do not work: the SDK expects a length field of
/// three bytes and gives up when the padding is short enough for two.
const COSE_OVERHEAD: usize = 448;
/// Per certificate: the CBOR header of its byte string.
const COSE_PER_CERTIFICATE: usize = 8;
/// Room for a time-stamp token with the certificates of its authority. Known ones need 1.3 to 7 KiB;
/// what is not used is padding.
const TIME_STAMP_BYTES: usize = 10 * 1024;

/// Adapts a [`ClaimSigner`] to the SDK with a tight size reservation: the SDK's own signers
/// reserve 10 KiB, all of which ends up as zeros in the file.
pub(crate) struct Adapter<'a> {
    signer: &'a dyn ClaimSigner,
    chain: Vec<Vec<u8>>,
    /// Why there is no time-stamp: the SDK's own error does not repeat it.
    unstamped: Mutex<Option<String>>,
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
        Ok(Self {
            signer,
            chain,
            unstamped: Mutex::new(None),
        })
    }

    /// Why a time-stamp that was asked for is not there.
    pub(crate) fn unstamped(&self) -> Option<String> {
        let mut reason = self
            .unstamped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        reason.take()
    }
}

impl c2pa::Signer for Adapter<'_> {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        self.signer.sign(data).map_err(c2pa::Error::OtherError)
    }

    fn alg(&self) -> SigningAlg {
        match self.signer.algorithm() {
            ClaimAlgorithm::Ed25519 => SigningAlg::Ed25519,
            ClaimAlgorithm::Es256 => SigningAlg::Es256,
        }
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
        let stamp = if self.signer.wants_time_stamp() {
            TIME_STAMP_BYTES
        } else {
            0
        };
        certificates + COSE_OVERHEAD + stamp
    }

    // The SDK's default would open a connection of its own. For claims of version 2 it takes the
    // token out of the answer and puts it into the header `sigTst2`.
    fn send_timestamp_request(&self, message: &[u8]) -> Option<c2pa::Result<Vec<u8>>> {
        if !self.signer.wants_time_stamp() {
            return None;
        }
        let request = match self.timestamp_request_body(message) {
            Ok(request) => request,
            Err(error) => return Some(Err(error)),
        };
        let answer = self.signer.time_stamp(&request)?;
        Some(answer.map_err(|error| {
            let mut reason = self
                .unstamped
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *reason = Some(error.to_string());
            c2pa::Error::OtherError(error)
        }))
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
