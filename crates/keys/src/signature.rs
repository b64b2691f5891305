//! Signatures as certificates carry them, of the algorithms that authorities use.

use pkcs8::der::Encode as _;
use pkcs8::der::asn1::ObjectIdentifier;
use ring::signature::{self as rules, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::handle::{OID_EC, OID_ECDSA_SHA256, OID_ED25519, OID_P256};
use crate::{Algorithm, PublicKey};

/// secp384r1 (RFC 5480).
const OID_P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// ecdsa-with-SHA384 (RFC 5758).
const OID_ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
/// rsaEncryption (RFC 8017).
const OID_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// sha256WithRSAEncryption, sha384-, sha512- (RFC 8017).
const OID_RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const OID_RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const OID_RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");

/// Checks a signature in a certificate; `None` when it is wrong or of an algorithm not known here.
pub(crate) fn verify(
    algorithm: &AlgorithmIdentifierOwned,
    key: &SubjectPublicKeyInfoOwned,
    message: &[u8],
    signature: &[u8],
) -> Option<()> {
    if algorithm.oid == OID_ED25519 {
        let key = PublicKey::from_info(key)?;
        return (key.algorithm() == Algorithm::Ed25519 && key.verifies(message, signature))
            .then_some(());
    }
    let rule = rule(algorithm, key)?;
    UnparsedPublicKey::new(rule, key.subject_public_key.as_bytes()?)
        .verify(message, signature)
        .ok()
}

fn rule(
    algorithm: &AlgorithmIdentifierOwned,
    key: &SubjectPublicKeyInfoOwned,
) -> Option<&'static dyn VerificationAlgorithm> {
    let curve =
        || -> Option<ObjectIdentifier> { key.algorithm.parameters.as_ref()?.decode_as().ok() };
    let rule: &'static dyn VerificationAlgorithm = match key.algorithm.oid {
        OID_RSA => match algorithm.oid {
            OID_RSA_SHA256 => &rules::RSA_PKCS1_2048_8192_SHA256,
            OID_RSA_SHA384 => &rules::RSA_PKCS1_2048_8192_SHA384,
            OID_RSA_SHA512 => &rules::RSA_PKCS1_2048_8192_SHA512,
            _ => return None,
        },
        OID_EC => match (curve()?, algorithm.oid) {
            (OID_P256, OID_ECDSA_SHA256) => &rules::ECDSA_P256_SHA256_ASN1,
            (OID_P256, OID_ECDSA_SHA384) => &rules::ECDSA_P256_SHA384_ASN1,
            (OID_P384, OID_ECDSA_SHA256) => &rules::ECDSA_P384_SHA256_ASN1,
            (OID_P384, OID_ECDSA_SHA384) => &rules::ECDSA_P384_SHA384_ASN1,
            _ => return None,
        },
        _ => return None,
    };
    Some(rule)
}

/// A handle's signature as certificates carry it: ES256 as `Ecdsa-Sig-Value` (RFC 3279, section
/// 2.2.3), Ed25519 as it is.
pub(crate) fn der_of(algorithm: Algorithm, signature: &[u8; 64]) -> Vec<u8> {
    match algorithm {
        Algorithm::Ed25519 => signature.to_vec(),
        Algorithm::Es256 => {
            let (r, s) = signature.split_at(32);
            let body = [integer(r), integer(s)].concat();
            [&[0x30, body.len() as u8][..], &body].concat()
        }
    }
}

/// A positive DER INTEGER of at most 32 bytes.
fn integer(big_endian: &[u8]) -> Vec<u8> {
    pkcs8::der::asn1::UintRef::new(big_endian)
        .and_then(|number| number.to_der())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_minimal_and_positive() {
        assert_eq!(integer(&[0, 0, 5]), [2, 1, 5]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0; 32]), [2, 1, 0]);
    }
}
