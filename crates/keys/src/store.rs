//! Making, opening and describing the key folder.

use std::fmt;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use x509_cert::Certificate;
use zeroize::Zeroizing;

use crate::certificate;
use crate::files::{
    self, CLAIM_CERTIFICATE_FILE, FACTS_FILE, ISSUING_CERTIFICATE_FILE, ROOT_CERTIFICATE_FILE,
    Role, StagedFolder, VERIFIER_KEY_FILE,
};
use crate::init::{self, InitOptions};
use crate::note::{self, LedgerSigner};
use crate::sealed::{self, OpenError};
use crate::{ClaimSigner, KeysError, Passphrase};

/// Domain of the watermark key's public id.
const WATERMARK_ID_DOMAIN: &[u8] = b"io.colophon.watermark-key.1\n";
pub(crate) const FACTS_VERSION: u32 = 1;

/// `keys.json`: public facts, and digests that tell damage from a wrong passphrase.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredFacts {
    pub version: u32,
    pub created_at: i64,
    pub watermark_key_id: String,
    /// File name to SHA-256 of its content.
    pub files: BTreeMap<String, String>,
}

/// One certificate's public facts.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CertificateFacts {
    /// Which role it certifies.
    pub role: &'static str,
    /// Subject, RFC 4514 text.
    pub subject: String,
    /// Issuer, RFC 4514 text.
    pub issuer: String,
    /// Serial number, hex.
    pub serial: String,
    /// First second of validity, Unix time.
    pub not_before: i64,
    /// Last second of validity, Unix time.
    pub not_after: i64,
    /// SHA-256 over the certificate's DER, hex.
    pub sha256: String,
    /// SHA-256 over the `SubjectPublicKeyInfo`, hex.
    pub key_id: String,
}

/// The ledger key's public facts.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LedgerFacts {
    /// Note key name and log origin.
    pub name: String,
    /// C2SP signed-note key id, eight hex digits.
    pub key_id: String,
    /// C2SP signed-note verifier key.
    pub verifier_key: String,
}

/// What may be shown of a key folder.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct KeyFacts {
    /// When `init` ran, Unix seconds.
    pub created_at: i64,
    /// Whether every private file is encrypted.
    pub encrypted: bool,
    /// What the chain is: always a sentence that it is local and on no public list.
    pub trust: &'static str,
    /// Root, issuing authority, claim signer.
    pub certificates: Vec<CertificateFacts>,
    /// The ledger's note key.
    pub ledger: LedgerFacts,
    /// First 8 bytes of SHA-256 over a domain and the watermark key, hex.
    pub watermark_key_id: String,
}

/// An opened key folder. Private keys are read, and decrypted, when a role is asked for.
pub struct KeyStore {
    dir: PathBuf,
    passphrase: Option<Passphrase>,
    facts: StoredFacts,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl KeyStore {
    /// Makes all keys in `dir`, which must be absent or empty, and opens them. Either the whole
    /// folder appears or nothing does.
    ///
    /// # Errors
    /// [`KeysError::AlreadyExists`] when `dir` holds anything; [`KeysError::BadOption`];
    /// [`KeysError::Io`]; [`KeysError::Random`].
    pub fn init(dir: &Path, options: InitOptions) -> Result<Self, KeysError> {
        let staged = StagedFolder::create(dir)?;
        let facts = init::write_all(&staged, &options)?;
        staged.commit()?;
        Ok(Self {
            dir: dir.to_owned(),
            passphrase: options.passphrase,
            facts,
        })
    }

    /// Opens the keys in `dir`. No private key is read yet: a missing or wrong passphrase shows
    /// when a role is asked for.
    ///
    /// # Errors
    /// [`KeysError::NoKeys`], [`KeysError::Missing`] or [`KeysError::Corrupt`] for the facts file.
    pub fn open(dir: &Path, passphrase: Option<Passphrase>) -> Result<Self, KeysError> {
        let facts = read_facts(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            passphrase,
            facts,
        })
    }

    /// The claim signer with its chain.
    ///
    /// # Errors
    /// [`KeysError::PassphraseNeeded`], [`KeysError::WrongPassphrase`], [`KeysError::Missing`],
    /// [`KeysError::Corrupt`]; [`KeysError::Mismatch`] when key and certificate differ.
    pub fn claim_signer(&self) -> Result<ClaimSigner, KeysError> {
        let key = self.signing_key(Role::ClaimSigner)?;
        let leaf = read_certificate(&self.dir, CLAIM_CERTIFICATE_FILE)?;
        let issuing = read_certificate(&self.dir, ISSUING_CERTIFICATE_FILE)?;
        if certificate::public_key(&leaf) != Some(key.verifying_key()) {
            return Err(self.mismatch(Role::ClaimSigner, CLAIM_CERTIFICATE_FILE));
        }
        let chain = certificate::to_pem(&leaf)? + &certificate::to_pem(&issuing)?;
        ClaimSigner::new(key, chain)
    }

    /// The ledger's note key.
    ///
    /// # Errors
    /// As [`Self::claim_signer`].
    pub fn ledger_signer(&self) -> Result<LedgerSigner, KeysError> {
        let key = self.signing_key(Role::Ledger)?;
        let (name, _, public_key) = read_verifier_key(&self.dir)?;
        if public_key != key.verifying_key().to_bytes() {
            return Err(self.mismatch(Role::Ledger, VERIFIER_KEY_FILE));
        }
        Ok(LedgerSigner::new(name, key))
    }

    /// The watermark key.
    ///
    /// # Errors
    /// As [`Self::claim_signer`]; [`KeysError::Corrupt`] also when the key is not the one made by
    /// `init` (its id differs), since a wrong key would silently find no marks.
    pub fn watermark_key(&self) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        let secret = self.secret(Role::Watermark)?;
        let path = self.dir.join(Role::Watermark.private_file());
        let key: [u8; 32] =
            secret
                .as_slice()
                .try_into()
                .map_err(|_| KeysError::WatermarkKeyLength {
                    path: path.clone(),
                    bytes: secret.len(),
                })?;
        let key = Zeroizing::new(key);
        if watermark_key_id(&key) != self.facts.watermark_key_id {
            return Err(KeysError::Mismatch {
                path,
                public: self.dir.join(FACTS_FILE),
            });
        }
        Ok(key)
    }

    /// The root authority's certificate as PEM: the anchor a reader must be given. Needs no
    /// passphrase.
    ///
    /// # Errors
    /// [`KeysError::Missing`], [`KeysError::Corrupt`].
    pub fn root_certificate_pem(&self) -> Result<String, KeysError> {
        certificate::to_pem(&read_certificate(&self.dir, ROOT_CERTIFICATE_FILE)?)
    }

    /// The ledger's verifier key text (C2SP signed-note). Needs no passphrase.
    ///
    /// # Errors
    /// [`KeysError::Missing`], [`KeysError::Corrupt`].
    pub fn ledger_verifier_key(&self) -> Result<String, KeysError> {
        read_verifier_key(&self.dir)
            .map(|(name, _, public_key)| note::verifier_key(&name, &public_key))
    }

    /// The signing key of a role, out of its PKCS#8 file.
    pub(crate) fn signing_key(&self, role: Role) -> Result<SigningKey, KeysError> {
        let der = self.secret(role)?;
        sealed::parse_signing_key(&der).ok_or_else(|| KeysError::Corrupt {
            path: self.dir.join(role.private_file()),
            what: "it does not hold an Ed25519 key in PKCS#8".to_owned(),
        })
    }

    fn secret(&self, role: Role) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let path = self.dir.join(role.private_file());
        let text = Zeroizing::new(files::read(&path)?);
        let unchanged =
            self.facts.files.get(role.private_file()) == Some(&hex(&Sha256::digest(&*text)));
        let explain = |error| sealed::explain(error, &path, unchanged);
        let secret =
            sealed::open(labels(role), &text, self.passphrase.as_ref()).map_err(explain)?;
        // One wrong passphrase in 256 leaves padding that looks right; the content then does not.
        let plausible = match role {
            Role::Watermark => secret.len() == 32,
            _ => sealed::parse_signing_key(&secret).is_some(),
        };
        if !plausible && sealed::is_encrypted(labels(role), &text) {
            return Err(explain(OpenError::DoesNotDecrypt));
        }
        Ok(secret)
    }

    /// Whether a role's private file is encrypted; `false` also when it cannot be read.
    pub(crate) fn is_encrypted(&self, role: Role) -> bool {
        is_file_encrypted(&self.dir, role).unwrap_or(false)
    }

    fn mismatch(&self, role: Role, public: &str) -> KeysError {
        KeysError::Mismatch {
            path: self.dir.join(role.private_file()),
            public: self.dir.join(public),
        }
    }
}

pub(crate) fn watermark_key_id(key: &[u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(WATERMARK_ID_DOMAIN)
        .chain_update(key)
        .finalize();
    hex(&digest[..8])
}

pub(crate) fn read_facts(dir: &Path) -> Result<StoredFacts, KeysError> {
    let path = dir.join(FACTS_FILE);
    if !dir.is_dir()
        || dir
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_none())
    {
        return Err(KeysError::NoKeys(dir.to_owned()));
    }
    let bytes = files::read(&path)?;
    let corrupt = |what: String| KeysError::Corrupt {
        path: path.clone(),
        what,
    };
    let facts: StoredFacts =
        serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
    if facts.version != FACTS_VERSION {
        return Err(corrupt(format!(
            "version {} is not known to this program",
            facts.version
        )));
    }
    Ok(facts)
}

pub(crate) fn read_certificate(dir: &Path, file: &str) -> Result<Certificate, KeysError> {
    use pkcs8::der::DecodePem as _;
    let path = dir.join(file);
    let bytes = files::read(&path)?;
    Certificate::from_pem(&bytes).map_err(|error| KeysError::Corrupt {
        path,
        what: error.to_string(),
    })
}

pub(crate) fn read_verifier_key(dir: &Path) -> Result<(String, u32, [u8; 32]), KeysError> {
    let path = dir.join(VERIFIER_KEY_FILE);
    let bytes = files::read(&path)?;
    std::str::from_utf8(&bytes)
        .ok()
        .and_then(note::parse_verifier_key)
        .ok_or_else(|| KeysError::Corrupt {
            path,
            what: "not a verifier key".to_owned(),
        })
}

/// The public facts of the keys in `dir`. Reads no private key's content and needs no passphrase.
///
/// # Errors
/// [`KeysError::NoKeys`], [`KeysError::Missing`], [`KeysError::Corrupt`], [`KeysError::Io`].
pub fn describe(dir: &Path) -> Result<KeyFacts, KeysError> {
    let facts = read_facts(dir)?;
    let mut certificates = Vec::new();
    for (role, file) in [
        (Role::RootAuthority, ROOT_CERTIFICATE_FILE),
        (Role::IssuingAuthority, ISSUING_CERTIFICATE_FILE),
        (Role::ClaimSigner, CLAIM_CERTIFICATE_FILE),
    ] {
        certificates.push(certificate_facts(role, &read_certificate(dir, file)?));
    }
    let mut encrypted = true;
    for role in Role::ALL {
        // A root key kept off the machine is not missing here; `check` mentions it.
        match is_file_encrypted(dir, role) {
            Ok(this) => encrypted &= this,
            Err(KeysError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let (name, key_id, public_key) = read_verifier_key(dir)?;
    Ok(KeyFacts {
        created_at: facts.created_at,
        encrypted,
        trust: "a local chain, made by `keys init`: it is on no public trust list",
        certificates,
        ledger: LedgerFacts {
            verifier_key: note::verifier_key(&name, &public_key),
            key_id: format!("{key_id:08x}"),
            name,
        },
        watermark_key_id: facts.watermark_key_id,
    })
}

fn is_file_encrypted(dir: &Path, role: Role) -> Result<bool, KeysError> {
    let text = Zeroizing::new(files::read(&dir.join(role.private_file()))?);
    Ok(sealed::is_encrypted(labels(role), &text))
}

fn labels(role: Role) -> sealed::Labels {
    if role == Role::Watermark {
        sealed::WATERMARK
    } else {
        sealed::PKCS8
    }
}

fn certificate_facts(role: Role, certificate: &Certificate) -> CertificateFacts {
    let tbs = certificate.tbs_certificate();
    let (not_before, not_after) = certificate::validity(certificate);
    let key_id =
        certificate::public_key(certificate).and_then(|key| certificate::key_digest(&key).ok());
    CertificateFacts {
        role: role.name(),
        subject: tbs.subject().to_string(),
        issuer: tbs.issuer().to_string(),
        serial: hex(tbs.serial_number().as_bytes()),
        not_before,
        not_after,
        sha256: certificate::fingerprint(certificate)
            .map(|digest| hex(&digest))
            .unwrap_or_default(),
        key_id: key_id.map(|digest| hex(&digest)).unwrap_or_default(),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |text, byte| {
            text + &format!("{byte:02x}")
        })
}
