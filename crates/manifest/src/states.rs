//! The states of the six verdicts. What they mean to people stands in the catalogue of sentences, by code.

use serde::{Deserialize, Serialize};

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(tag = "state")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$value_doc])* #[serde(rename = $code)] $value),+
        }

        impl $name {
            /// Every state.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// The stable code, as serialised.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$value => $code),+
                }
            }
        }
    };
}

states! {
    /// Are the bytes and the statements those that were signed?
    Integrity {
        /// Yes, all of them.
        Intact = "intact",
        /// Yes, but the manifest leaves more parts of the file unprotected than itself.
        IntactWithGaps = "intact-with-gaps",
        /// The manifest was recovered from elsewhere and is whole; this file's bytes are others, as after
        /// re-encoding.
        ManifestOnly = "manifest-only",
        /// The manifest of an ingredient or of an earlier state is whole; the file that it was made for is not at hand.
        FileAbsent = "file-absent",
        /// The file's bytes were changed after signing.
        FileAltered = "file-altered",
        /// The manifest's own statements were changed after signing, or some are missing.
        ManifestAltered = "manifest-altered",
        /// The manifest breaks rules of the specification; no change was found.
        Malformed = "malformed",
        /// Could not be checked.
        NotChecked = "not-checked",
    }
}

states! {
    /// Does the signature over the claim check out?
    Signature {
        /// Yes.
        Valid = "valid",
        /// No: claim and signature do not fit.
        Invalid = "invalid",
        /// There is none.
        Missing = "missing",
        /// Could not be checked.
        NotChecked = "not-checked",
    }
}

states! {
    /// Is the time of signing known, and was the certificate valid then?
    Time {
        /// A listed authority stamped it while the certificate was valid.
        Stamped = "stamped",
        /// Stamped, but by an authority on no list we carry.
        StampedUntrusted = "stamped-untrusted",
        /// No time-stamp; the certificate is valid now.
        Unstamped = "unstamped",
        /// No trusted time, and the certificate has run out or was not yet valid.
        OutsideValidity = "outside-validity",
        /// The time-stamp does not fit.
        BadStamp = "bad-stamp",
        /// Could not be checked.
        NotChecked = "not-checked",
    }
}

states! {
    /// Was the certificate revoked?
    Revocation {
        /// No, by an answer of its authority inside the manifest.
        Good = "good",
        /// Yes, by an answer of its authority inside the manifest.
        Revoked = "revoked",
        /// Yes, by this machine's own list.
        RevokedHere = "revoked-here",
        /// By this machine's own list, but after a trusted time of signing.
        RevokedLater = "revoked-later",
        /// Not checked: nothing is fetched.
        NotChecked = "not-checked",
    }
}

states! {
    /// Does a named person or organisation besides the signer vouch for it?
    Identity {
        /// No identity is claimed.
        Absent = "absent",
        /// One is claimed and nothing speaks against it; who stands behind it was not vetted.
        NotVetted = "not-vetted",
        /// One is claimed and its proof does not fit.
        Failed = "failed",
        /// One is claimed that could only be checked over the network.
        NotChecked = "not-checked",
    }
}

/// Does the certificate lead to an anchor on a list we carry?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
#[non_exhaustive]
pub enum Trust {
    /// Yes.
    Trusted {
        /// The list's name.
        list: String,
        /// The list's kind.
        kind: crate::ListKind,
    },
    /// No.
    Untrusted,
    /// The certificate may not sign claims, for instance by its extended key usage.
    Unacceptable,
    /// Could not be checked.
    NotChecked,
}

impl Trust {
    /// Every code.
    pub const CODES: &[&str] = &[
        "trusted-official",
        "trusted-legacy",
        "trusted-local",
        "untrusted",
        "unacceptable",
        "not-checked",
    ];

    /// The stable code; that of a trusted signer tells the kind of list.
    pub const fn code(&self) -> &'static str {
        use crate::ListKind;
        match self {
            Self::Trusted {
                kind: ListKind::Official,
                ..
            } => "trusted-official",
            Self::Trusted {
                kind: ListKind::Legacy,
                ..
            } => "trusted-legacy",
            Self::Trusted {
                kind: ListKind::Local,
                ..
            } => "trusted-local",
            Self::Untrusted => "untrusted",
            Self::Unacceptable => "unacceptable",
            Self::NotChecked => "not-checked",
        }
    }

    /// The list that anchors the signer.
    pub fn list(&self) -> Option<&str> {
        match self {
            Self::Trusted { list, .. } => Some(list),
            _ => None,
        }
    }
}
