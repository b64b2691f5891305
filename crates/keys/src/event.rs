//! What happened to keys, for the ledger.

use serde::{Deserialize, Serialize};

use crate::Role;

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyEventKind {
    /// It was made and is not yet in use.
    Created,
    /// It came into use; without an event before, it was made at that moment.
    Activated,
    /// Its certificate was replaced by another for the same key.
    Certified,
    /// It went out of use; what it made before stays good.
    Retired,
    /// It is not to be trusted from a time on.
    Revoked,
}

impl KeyEventKind {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Activated => "activated",
            Self::Certified => "certified",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

/// An event that the ledger has yet to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEvent {
    /// Number within the folder, from 0: an event that the ledger took twice is known by it.
    pub number: u64,
    /// What happened.
    pub kind: KeyEventKind,
    /// To a key of which role.
    pub role: Role,
    /// The key's id: 64 hex digits, 16 for symmetric keys.
    pub key_id: String,
    /// When, Unix seconds.
    pub at: i64,
    /// From when on a revoked key is not to be trusted, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// SHA-256 of the certificate or verifier key file, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_sha256: Option<String>,
}
