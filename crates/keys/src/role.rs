//! What each key is for.

use crate::files::{
    CLAIM_CERTIFICATE_FILE, ISSUING_CERTIFICATE_FILE, POLICY_VERIFIER_KEY_FILE,
    RECEIPT_PUBLIC_KEY_FILE, ROOT_CERTIFICATE_FILE, VERIFIER_KEY_FILE,
};

/// A private key's purpose. No key serves two.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Signs the issuing authority's certificate only; can be kept off this machine after `init`.
    #[serde(rename = "root")]
    RootAuthority,
    /// Signs claim signers' certificates.
    #[serde(rename = "issuing")]
    IssuingAuthority,
    /// Signs C2PA claims.
    #[serde(rename = "signer")]
    ClaimSigner,
    /// Signs ledger checkpoints.
    Ledger,
    /// Keys the watermark carrier.
    Watermark,
    /// Wraps the data keys of private record parts.
    Storage,
    /// Signs policy bundles and lists of public keys.
    Policy,
    /// Signs COSE receipts (RFC 9942).
    Receipt,
}

impl Role {
    /// All roles, in the order of creation.
    pub const ALL: [Self; 8] = [
        Self::RootAuthority,
        Self::IssuingAuthority,
        Self::ClaimSigner,
        Self::Ledger,
        Self::Watermark,
        Self::Storage,
        Self::Policy,
        Self::Receipt,
    ];

    /// The name of the private key's file that `init` makes. Keys made later have names of their
    /// own, which `keys.json` holds.
    pub fn private_file(self) -> &'static str {
        match self {
            Self::RootAuthority => "root-ca.key.pem",
            Self::IssuingAuthority => "issuing-ca.key.pem",
            Self::ClaimSigner => "signer.key.pem",
            Self::Ledger => "ledger.key.pem",
            Self::Watermark => "watermark.key.pem",
            Self::Storage => "storage.key.pem",
            Self::Policy => "policy.key.pem",
            Self::Receipt => "receipt.key.pem",
        }
    }

    /// The public counterpart's file name; a symmetric key has none.
    pub fn public_file(self) -> Option<&'static str> {
        match self {
            Self::RootAuthority => Some(ROOT_CERTIFICATE_FILE),
            Self::IssuingAuthority => Some(ISSUING_CERTIFICATE_FILE),
            Self::ClaimSigner => Some(CLAIM_CERTIFICATE_FILE),
            Self::Ledger => Some(VERIFIER_KEY_FILE),
            Self::Policy => Some(POLICY_VERIFIER_KEY_FILE),
            Self::Receipt => Some(RECEIPT_PUBLIC_KEY_FILE),
            Self::Watermark | Self::Storage => None,
        }
    }

    /// The role's name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::RootAuthority => "root authority",
            Self::IssuingAuthority => "issuing authority",
            Self::ClaimSigner => "claim signer",
            Self::Ledger => "ledger",
            Self::Watermark => "watermark",
            Self::Storage => "storage",
            Self::Policy => "policy",
            Self::Receipt => "receipt",
        }
    }

    /// The role's name on the command line and in `keys.json`.
    pub fn id(self) -> &'static str {
        match self {
            Self::RootAuthority => "root",
            Self::IssuingAuthority => "issuing",
            Self::ClaimSigner => "signer",
            Self::Ledger => "ledger",
            Self::Watermark => "watermark",
            Self::Storage => "storage",
            Self::Policy => "policy",
            Self::Receipt => "receipt",
        }
    }

    /// Whether the key is 32 secret bytes without a public counterpart. Former ones are kept, as
    /// what they made is read with them.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Watermark | Self::Storage)
    }
}
