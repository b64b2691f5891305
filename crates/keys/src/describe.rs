//! Public facts of a key folder.

use std::path::Path;

use serde::Serialize;
use x509_cert::Certificate;

use crate::certificate;
use crate::store::{hex, is_file_encrypted};
use crate::{KeyStore, KeysError, Role, note};

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

/// The public facts of the keys in `dir`. Reads no private key's content and needs no passphrase.
///
/// # Errors
/// [`KeysError::NoKeys`], [`KeysError::Missing`], [`KeysError::Corrupt`], [`KeysError::Io`].
pub fn describe(dir: &Path) -> Result<KeyFacts, KeysError> {
    let store = KeyStore::open(dir, None)?;
    let mut certificates = Vec::new();
    for role in [
        Role::RootAuthority,
        Role::IssuingAuthority,
        Role::ClaimSigner,
    ] {
        // Between a revocation and the next key there is none.
        if let Ok(entry) = store.active(role) {
            let (certificate, _) = store.certificate_of(entry)?;
            certificates.push(certificate_facts(role, &certificate));
        }
    }
    let mut encrypted = true;
    for entry in &store.facts.keys {
        // A root key kept off the machine is not missing here; `check` mentions it.
        match is_file_encrypted(dir, entry) {
            Ok(this) => encrypted &= this,
            Err(KeysError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let (name, key_id, public_key) = store.verifier_key(Role::Ledger)?;
    Ok(KeyFacts {
        created_at: store.facts.created_at,
        encrypted,
        trust: "a local chain, made by `keys init`: it is on no public trust list",
        certificates,
        ledger: LedgerFacts {
            verifier_key: note::verifier_key(&name, &public_key),
            key_id: format!("{key_id:08x}"),
            name,
        },
        watermark_key_id: store.newest(Role::Watermark)?.id.clone(),
    })
}

fn certificate_facts(role: Role, certificate: &Certificate) -> CertificateFacts {
    let tbs = certificate.tbs_certificate();
    let (not_before, not_after) = certificate::validity(certificate);
    let key_id = certificate::public_key(certificate).map(|key| key.id().to_string());
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
        key_id: key_id.unwrap_or_default(),
    }
}
