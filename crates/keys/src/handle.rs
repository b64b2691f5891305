//! Where private keys sign: the boundary behind which a key never leaves.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use pkcs8::EncodePublicKey as _;
use pkcs8::der::asn1::{BitString, ObjectIdentifier};
use pkcs8::der::{Any, Decode as _, Encode as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use sha2::{Digest as _, Sha256};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::{KeysError, Role};

/// id-Ed25519 (RFC 8410).
pub(crate) const OID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// id-ecPublicKey (RFC 5480).
pub(crate) const OID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// secp256r1 (RFC 5480).
pub(crate) const OID_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// ecdsa-with-SHA256 (RFC 5758).
pub(crate) const OID_ECDSA_SHA256: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// SHA-256 over a key's `SubjectPublicKeyInfo` DER (RFC 5280), shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256 (RFC 9053, section 2.1).
    Es256,
}

impl Algorithm {
    /// Its name in `keys.json`, on the command line and towards remote signers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Es256 => "es256",
        }
    }

    /// The algorithm identifier of signatures (RFC 8410, RFC 5758).
    pub(crate) fn signature_identifier(self) -> AlgorithmIdentifierOwned {
        AlgorithmIdentifierOwned {
            oid: match self {
                Self::Ed25519 => OID_ED25519,
                Self::Es256 => OID_ECDSA_SHA256,
            },
            parameters: None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a signature is made for. Every handle serves the purposes of one role and refuses others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The `Sig_structure` of a C2PA claim (RFC 9052, section 4.4).
    C2paClaim,
    /// A checkpoint of the ledger (C2SP signed-note).
    Checkpoint,
    /// A policy bundle or a list of public keys (C2SP signed-note).
    PolicyNote,
    /// A COSE receipt (RFC 9942).
    Receipt,
    /// A certificate (RFC 5280).
    Certificate,
    /// A request for a certificate (PKCS#10, RFC 2986).
    CertificateRequest,
}

impl Purpose {
    /// Its name towards remote signers.
    pub fn name(self) -> &'static str {
        match self {
            Self::C2paClaim => "c2pa-claim",
            Self::Checkpoint => "checkpoint",
            Self::PolicyNote => "policy-note",
            Self::Receipt => "receipt",
            Self::Certificate => "certificate",
            Self::CertificateRequest => "certificate-request",
        }
    }

    /// Whether a key of `role` may sign for it.
    pub fn fits(self, role: Role) -> bool {
        match self {
            Self::C2paClaim | Self::CertificateRequest => role == Role::ClaimSigner,
            Self::Checkpoint => role == Role::Ledger,
            Self::PolicyNote => role == Role::Policy,
            Self::Receipt => role == Role::Receipt,
            Self::Certificate => matches!(role, Role::RootAuthority | Role::IssuingAuthority),
        }
    }
}

/// A public key as `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    info: SubjectPublicKeyInfoOwned,
    der: Vec<u8>,
}

impl PublicKey {
    /// Of 32 bytes of Ed25519 (RFC 8410), or an uncompressed P-256 point of 65 bytes (SEC 1).
    ///
    /// # Errors
    /// [`KeysError::Encode`] for bytes of another length.
    pub fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Result<Self, KeysError> {
        let failed =
            |reason: &dyn std::fmt::Display| KeysError::encode("a public key", reason.to_string());
        let fits = match algorithm {
            Algorithm::Ed25519 => raw.len() == 32,
            Algorithm::Es256 => raw.len() == 65 && raw[0] == 4,
        };
        if !fits {
            return Err(failed(&"it has the wrong length or form"));
        }
        let parameters = match algorithm {
            Algorithm::Ed25519 => None,
            Algorithm::Es256 => Some(Any::encode_from(&OID_P256).map_err(|error| failed(&error))?),
        };
        let oid = match algorithm {
            Algorithm::Ed25519 => OID_ED25519,
            Algorithm::Es256 => OID_EC,
        };
        let info = SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned { oid, parameters },
            subject_public_key: BitString::from_bytes(raw).map_err(|error| failed(&error))?,
        };
        let der = info.to_der().map_err(|error| failed(&error))?;
        Ok(Self {
            algorithm,
            info,
            der,
        })
    }

    /// Of `SubjectPublicKeyInfo` DER; `None` for other algorithms or broken bytes.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        Self::from_info(&SubjectPublicKeyInfoOwned::from_der(der).ok()?)
    }

    pub(crate) fn from_info(info: &SubjectPublicKeyInfoOwned) -> Option<Self> {
        let algorithm = if info.algorithm.oid == OID_ED25519 {
            Algorithm::Ed25519
        } else {
            let curve: ObjectIdentifier = info.algorithm.parameters.as_ref()?.decode_as().ok()?;
            (info.algorithm.oid == OID_EC && curve == OID_P256).then_some(Algorithm::Es256)?
        };
        Self::from_raw(algorithm, info.subject_public_key.as_bytes()?).ok()
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key alone: 32 bytes of Ed25519, 65 of P-256.
    pub fn raw(&self) -> &[u8] {
        self.info.subject_public_key.raw_bytes()
    }

    /// `SubjectPublicKeyInfo` DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn info(&self) -> &SubjectPublicKeyInfoOwned {
        &self.info
    }

    /// SHA-256 over [`Self::der`].
    pub fn id(&self) -> KeyId {
        KeyId(Sha256::digest(&self.der).into())
    }

    /// Whether `signature` (64 bytes, see [`KeyHandle::sign`]) over `message` was made by this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::Ed25519 => self.verifies_ed25519(message, signature).is_some(),
            Algorithm::Es256 => {
                let rule = &ring::signature::ECDSA_P256_SHA256_FIXED;
                ring::signature::UnparsedPublicKey::new(rule, self.raw())
                    .verify(message, signature)
                    .is_ok()
            }
        }
    }

    fn verifies_ed25519(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(self.raw().try_into().ok()?).ok()?;
        let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
        key.verify_strict(message, &signature).ok()
    }
}

/// A private key of one role, wherever it lives.
pub trait KeyHandle: Send + Sync {
    /// The role whose purposes it serves.
    fn role(&self) -> Role;

    /// The public part.
    fn public_key(&self) -> &PublicKey;

    /// The signature over `message`: 64 bytes, Ed25519 of RFC 8032 or `r || s` of ES256.
    ///
    /// # Errors
    /// [`KeysError::WrongPurpose`] for another role's purpose; whatever kept the key from signing.
    fn sign(&self, purpose: Purpose, message: &[u8]) -> Result<[u8; 64], KeysError>;

    /// The key's id.
    fn key_id(&self) -> KeyId {
        self.public_key().id()
    }

    /// The key's algorithm.
    fn algorithm(&self) -> Algorithm {
        self.public_key().algorithm()
    }
}

/// Refuses a purpose that is not the role's.
///
/// # Errors
/// [`KeysError::WrongPurpose`].
pub fn check_purpose(role: Role, purpose: Purpose) -> Result<(), KeysError> {
    if purpose.fits(role) {
        return Ok(());
    }
    Err(KeysError::WrongPurpose {
        role: role.name(),
        purpose: purpose.name(),
    })
}

/// A private key in this process's memory.
pub(crate) enum Software {
    Ed25519(SigningKey),
    Es256(EcdsaKeyPair),
}

impl Software {
    pub(crate) fn public_key(&self) -> Result<PublicKey, KeysError> {
        match self {
            Self::Ed25519(key) => {
                let der = key
                    .verifying_key()
                    .to_public_key_der()
                    .map_err(|error| KeysError::encode("a public key", error))?;
                PublicKey::from_der(der.as_bytes())
                    .ok_or_else(|| KeysError::encode("a public key", "it does not read back"))
            }
            Self::Es256(pair) => PublicKey::from_raw(Algorithm::Es256, pair.public_key().as_ref()),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeysError> {
        match self {
            Self::Ed25519(key) => Ok(key.sign(message).to_bytes()),
            Self::Es256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .ok()
                .and_then(|signature| signature.as_ref().try_into().ok())
                .ok_or_else(|| KeysError::Random("an ECDSA signature needs it".to_owned())),
        }
    }
}

/// Parses PKCS#8 DER of an Ed25519 or P-256 key.
pub(crate) fn parse_software(der: &[u8]) -> Option<Software> {
    if let Some(key) = crate::sealed::parse_signing_key(der) {
        return Some(Software::Ed25519(key));
    }
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new())
        .ok()
        .map(Software::Es256)
}

/// A key read from its file. `Debug` shows public facts only.
pub(crate) struct FileKey {
    role: Role,
    key: Software,
    public: PublicKey,
}

impl FileKey {
    pub(crate) fn new(role: Role, key: Software) -> Result<Self, KeysError> {
        let public = key.public_key()?;
        Ok(Self { role, key, public })
    }
}

impl KeyHandle for FileKey {
    fn role(&self) -> Role {
        self.role
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, purpose: Purpose, message: &[u8]) -> Result<[u8; 64], KeysError> {
        check_purpose(self.role, purpose)?;
        self.key.sign(message)
    }
}

/// A handle outside this process: what it signs is checked before it is used, so that a broken
/// token or a confused server does no harm.
pub(crate) struct Checked<H>(pub H);

impl<H: KeyHandle> KeyHandle for Checked<H> {
    fn role(&self) -> Role {
        self.0.role()
    }

    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn sign(&self, purpose: Purpose, message: &[u8]) -> Result<[u8; 64], KeysError> {
        let signature = self.0.sign(purpose, message)?;
        if self.public_key().verifies(message, &signature) {
            Ok(signature)
        } else {
            Err(KeysError::WrongSignature {
                role: self.role().name(),
            })
        }
    }
}
