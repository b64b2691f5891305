//! Key roles, key files and the local C2PA certificate chain.
//!
//! One folder holds every key of an installation, each role apart:
//!
//! | role | algorithm | files |
//! |---|---|---|
//! | root authority | Ed25519, X.509 | `root-ca.key.pem`, `root-ca.cert.pem` |
//! | issuing authority | Ed25519, X.509 | `issuing-ca.key.pem`, `issuing-ca.cert.pem` |
//! | claim signer | Ed25519, X.509 | `signer.key.pem`, `signer.cert.pem` |
//! | ledger | Ed25519 note key (C2SP signed-note) | `ledger.key.pem`, `ledger.vkey` |
//! | watermark | 32 random bytes | `watermark.key.pem` |
//! | storage | 32 random bytes | `storage.key.pem` |
//! | policy | Ed25519 note key | `policy.key.pem`, `policy.vkey` |
//! | receipt | Ed25519 (COSE, RFC 9942) | `receipt.key.pem`, `receipt.pub.pem` |
//!
//! `keys.json` beside them holds public facts only. Private files are PKCS#8 PEM (RFC 5208,
//! RFC 8410), encrypted with PBES2 (RFC 8018: scrypt and AES-256-CBC) when a passphrase is given,
//! so OpenSSL reads them. The folder is mode 0700, private files 0600.
//!
//! The chain is local: it is on no public trust list, and a reader trusts it only when it is
//! given [`KeyStore::root_certificate_pem`] as an anchor. Its certificates follow the claim
//! signing profile of the C2PA conformance programme, so that a listed authority can take over
//! later without a change of format.
//!
//! There is no clock inside: every time is a parameter, in seconds since 1970-01-01T00:00:00Z.

mod backup;
mod certificate;
mod certify;
mod change;
mod check;
mod describe;
mod error;
mod event;
mod facts;
mod files;
mod handle;
mod init;
mod life;
mod making;
mod note;
mod passphrase;
mod pkcs11;
mod remote;
mod role;
mod sealed;
mod signature;
mod signer;
mod single;
mod store;
mod upgrade;

pub use backup::{backup, restore};
pub use check::{Finding, Severity, check};
pub use describe::{CertificateFacts, KeyFacts, LedgerFacts, describe};
pub use error::KeysError;
pub use event::{KeyEvent, KeyEventKind};
pub use facts::{KeyState, Location, RemoteKey, Revocation, TokenKey};
pub use files::{
    CLAIM_CERTIFICATE_FILE, FACTS_FILE, ISSUING_CERTIFICATE_FILE, POLICY_VERIFIER_KEY_FILE,
    RECEIPT_PUBLIC_KEY_FILE, ROOT_CERTIFICATE_FILE, VERIFIER_KEY_FILE,
};
pub use handle::{Algorithm, KeyHandle, KeyId, PublicKey, Purpose, check_purpose};
pub use init::InitOptions;
pub use life::{KeySummary, NewPlace, REVOCATION_REASONS};
pub use note::NoteKey;
pub use passphrase::Passphrase;
pub use remote::{Connector, RemoteSigner, connect_with};
pub use role::Role;
pub use signer::ClaimSigner;
pub use single::{create_key_file, key_file_is_encrypted, open_key_file};
pub use store::{FormerKey, KeyStore};
