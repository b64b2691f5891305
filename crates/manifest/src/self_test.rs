//! A check of this build against itself: an SDK upgrade must not change verdicts unseen.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use c2pa::{EphemeralSigner, Signer as _};

use crate::{
    Agent, ClaimSigner, DigitalSourceType, Integrity, ManifestError, ManifestReport, ManifestSpec,
    Origin, Reading, Signature, SignerError, TrainingUse, Trust, TrustAnchors, read, sign,
};

/// A grey PNG of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";
const PNG: &str = "image/png";
const LIMIT: Duration = Duration::from_secs(30);

/// A key and chain that live for one call.
struct Throwaway(EphemeralSigner);

impl Throwaway {
    fn new() -> Result<Self, ManifestError> {
        EphemeralSigner::new("self-test.local")
            .map(Self)
            .map_err(|error| failed(&error.to_string()))
    }

    fn certificates(&self) -> Vec<String> {
        let pem = |der: &Vec<u8>| {
            format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                STANDARD.encode(der)
            )
        };
        self.0.certs().unwrap_or_default().iter().map(pem).collect()
    }
}

impl ClaimSigner for Throwaway {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(data)?)
    }

    fn chain_pem(&self) -> Vec<u8> {
        self.certificates().concat().into_bytes()
    }
}

fn failed(what: &str) -> ManifestError {
    ManifestError::SelfTest(what.to_owned())
}

/// Signs a picture with a throw-away chain and expects: intact and trusted with its root as
/// anchor, untrusted without, altered after one changed byte, and every statement read back.
///
/// # Errors
/// [`ManifestError::SelfTest`] when any of these is not so.
pub fn verify_self_test() -> Result<(), ManifestError> {
    let signer = Throwaway::new()?;
    let picture = STANDARD
        .decode(PIXEL)
        .map_err(|error| failed(&error.to_string()))?;
    let spec = ManifestSpec {
        claim_generator: Agent {
            name: "self-test".to_owned(),
            version: None,
        },
        origin: Origin::Created(DigitalSourceType::TrainedAlgorithmicMedia),
        software_agent: None,
        generation: None,
        when: "2026-01-01T00:00:00Z".to_owned(),
        title: None,
        watermark_id: Some(0x0123_4567_89ab_cdef),
        fingerprint: None,
        training_use: TrainingUse::NotAllowed,
        unmarked_reason: None,
        ledger_origin: None,
    };
    let mut signed = sign(&picture, PNG, &spec, &signer)?;
    let root = signer
        .certificates()
        .pop()
        .ok_or_else(|| failed("the throw-away chain is empty"))?;

    let anchored = report(&signed.asset, &TrustAnchors::none().with_local_root(&root)?)?;
    expect(
        matches!(anchored.verdicts.trust.state, Trust::Trusted { .. }),
        "an anchored signer is not trusted",
    )?;
    expect(
        anchored.verdicts.integrity.state == Integrity::Intact,
        "an unchanged file is not intact",
    )?;
    expect(
        anchored.verdicts.signature.state == Signature::Valid,
        "a sound signature is not valid",
    )?;
    let value = anchored
        .soft_bindings
        .first()
        .map(|binding| binding.value.as_slice());
    expect(
        value == Some(&0x0123_4567_89ab_cdef_u64.to_be_bytes()),
        "the soft binding does not read back",
    )?;

    let unanchored = report(&signed.asset, &TrustAnchors::none())?;
    expect(
        unanchored.verdicts.trust.state == Trust::Untrusted,
        "a signer on no list is trusted",
    )?;

    // The last byte is in the checksum of the final chunk, outside the manifest.
    if let Some(last) = signed.asset.last_mut() {
        *last ^= 1;
    }
    let altered = report(&signed.asset, &TrustAnchors::none())?;
    expect(
        altered.verdicts.integrity.state == Integrity::FileAltered,
        "a changed byte goes unnoticed",
    )
}

fn report(asset: &[u8], anchors: &TrustAnchors) -> Result<ManifestReport, ManifestError> {
    match read(asset, PNG, anchors, LIMIT)? {
        Reading::Manifest(report) => Ok(*report),
        other => Err(failed(&format!("no manifest was read: {other:?}"))),
    }
}

fn expect(holds: bool, otherwise: &str) -> Result<(), ManifestError> {
    if holds {
        Ok(())
    } else {
        Err(failed(otherwise))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_build_passes() {
        super::verify_self_test().unwrap();
    }
}
