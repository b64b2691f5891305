//! Events: what happened to keys, rules, lists and records, entered in the same log as the records.

mod codec;

use crate::cbor::{Decoder, Encoder};
use crate::record::RecordError;

pub(crate) const LEAF_TYPE: &str = "colophon.event";
const VERSION: u64 = 1;

/// Longest name in an event, bytes.
const MAX_NAME: usize = 1_024;
/// Longest name of a role, bytes.
const MAX_ROLE: usize = 64;
/// Longest public key, bytes: room for an ML-DSA-87 key.
const MAX_PUBLIC_KEY: usize = 4_096;
/// Longest serial number of a certificate, bytes (RFC 5280 allows 20; older authorities were longer).
const MAX_SERIAL: usize = 64;

/// One event, all of it public.
///
/// Encoded as the CBOR array `["colophon.event", 1, time, kind, details]` in deterministic form; `docs/ledger.cddl`
/// tells the kinds and their details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Unix seconds, UTC: when it was entered.
    pub time: i64,
    /// What happened.
    pub what: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// Something about a key.
    Key(KeyEvent),
    /// A policy bundle came into force.
    PolicyPublished(PolicyPublished),
    /// A trust list was taken in or removed.
    TrustList(TrustListEvent),
    /// A certificate was put on the list of revoked ones.
    CertificateRevoked(CertificateRevoked),
    /// Parts of a record were erased. Only an erasure enters it.
    Redaction(Redaction),
    /// This log was opened as a shard; its first entry.
    ShardOpened(ShardOpened),
    /// This log was sealed: its last entry.
    ShardSealed,
}

/// Something about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// What.
    pub action: KeyAction,
    /// The key's role, such as `claim-signer`, at most 64 bytes.
    pub role: String,
    /// The key's id: a SHA-256 that the key's owner defines.
    pub key_id: [u8; 32],
    /// The public key, at most 4,096 bytes: `SubjectPublicKeyInfo` (DER). `None` for a key without a public half.
    pub public_key: Option<Vec<u8>>,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// It was made.
    Created,
    /// It is used from now on.
    Activated,
    /// It is used no longer; what it signed stays good.
    Retired,
    /// It is not to be believed.
    Revoked {
        /// Why.
        reason: RevocationReason,
        /// From when on, Unix seconds: may lie before the event.
        from: i64,
    },
}

/// Why something was revoked; the numbers are those of RFC 5280, section 5.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationReason {
    /// No reason told.
    Unspecified = 0,
    /// The private key is in other hands.
    KeyCompromise = 1,
    /// The authority's key is in other hands.
    CaCompromise = 2,
    /// The owner's name or duties changed.
    AffiliationChanged = 3,
    /// Another took its place.
    Superseded = 4,
    /// It is no longer needed.
    CessationOfOperation = 5,
    /// A right was taken away.
    PrivilegeWithdrawn = 9,
}

impl RevocationReason {
    const ALL: [Self; 7] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The word of RFC 5280, section 5.3.1.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
        }
    }

    /// The reason with this word; any other text tells none.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|reason| reason.as_str() == word)
            .unwrap_or(Self::Unspecified)
    }
}

/// A policy bundle came into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyPublished {
    /// SHA-256 of the bundle's canonical listing.
    pub bundle_sha256: [u8; 32],
    /// SHA-256 of the signed note over it.
    pub note_sha256: [u8; 32],
}

/// A trust list was taken in or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustListEvent {
    /// Taken in, else removed.
    pub imported: bool,
    /// The list's name, at most 1,024 bytes.
    pub name: String,
    /// SHA-256 of the list's file.
    pub sha256: [u8; 32],
}

/// A certificate was put on the list of revoked ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRevoked {
    /// Which.
    pub certificate: CertificateRef,
    /// Why.
    pub reason: RevocationReason,
    /// From when on, Unix seconds.
    pub from: i64,
}

/// Which certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateRef {
    /// By the SHA-256 of its DER.
    Sha256([u8; 32]),
    /// By issuer and serial number.
    Serial {
        /// SHA-256 of the issuer's name (DER).
        issuer_sha256: [u8; 32],
        /// The serial number's bytes, at most 64.
        serial: Vec<u8>,
    },
}

/// Parts of a record were erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Origin of the log that holds the record, at most 1,024 bytes; `None` for the log that holds the event.
    pub log: Option<String>,
    /// The record's index in that log.
    pub record: u64,
    /// What was erased.
    pub parts: Parts,
    /// Why.
    pub reason: ErasureReason,
    /// Who did it.
    pub by: Actor,
}

/// Parts of a record that can be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parts {
    /// Private part, mark's id, fingerprint, sketch.
    Private,
    /// The manifest's bytes, which hold the title.
    Manifest,
    /// Both.
    All,
}

impl Parts {
    /// Whether the private part is among them.
    pub fn private(self) -> bool {
        self != Self::Manifest
    }

    /// Whether the manifest is among them.
    pub fn manifest(self) -> bool {
        self != Self::Private
    }

    /// The parts of which this says whether they are among them; `None` for none.
    pub(crate) fn of(private: bool, manifest: bool) -> Option<Self> {
        match (private, manifest) {
            (true, true) => Some(Self::All),
            (true, false) => Some(Self::Private),
            (false, true) => Some(Self::Manifest),
            (false, false) => None,
        }
    }
}

/// Why something was erased: a closed list, so that no reason tells of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErasureReason {
    /// The person concerned asked for it (GDPR article 17(1)(b) to (d)).
    Request = 1,
    /// The time for which it was to be kept is over.
    Retention = 2,
    /// A court or an authority ordered it, or a law demands it.
    Legal = 3,
    /// It should not have been entered.
    Mistake = 4,
    /// The content must not be kept.
    Content = 5,
}

impl ErasureReason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Request,
        Self::Retention,
        Self::Legal,
        Self::Mistake,
        Self::Content,
    ];

    /// The reason with this number in a leaf.
    pub(crate) fn of(number: u64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| *reason as u64 == number)
    }

    /// Its word in commands and reports.
    pub fn code(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
            Self::Legal => "legal",
            Self::Mistake => "mistake",
            Self::Content => "content",
        }
    }
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A role, such as `operator`, at most 64 bytes: names nobody.
    Role(String),
    /// A person, as `SHA-256("colophon.commitment.actor.1\0" || salt || name)`.
    Committed([u8; 32]),
}

/// A log was opened as a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardOpened {
    /// The ledger's name without the shard's, at most 1,024 bytes.
    pub base: String,
    /// The shard before it, `None` for the first.
    pub previous: Option<PreviousShard>,
}

/// The final state of the shard before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousShard {
    /// Its origin, at most 1,024 bytes.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: [u8; 32],
}

impl Event {
    /// The leaf's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.array(5)
            .text(LEAF_TYPE)
            .uint(VERSION)
            .int(self.time)
            .uint(self.what.number());
        self.what.encode(&mut out);
        out.finish()
    }

    /// Reads leaf bytes; every form but the one [`Event::encode`] writes is refused.
    ///
    /// # Errors
    /// [`RecordError::Malformed`].
    pub fn decode(leaf: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(leaf);
        input.array(5)?;
        if input.text()? != LEAF_TYPE || input.uint()? != VERSION {
            return Err(RecordError::Malformed);
        }
        let time = input.int()?;
        let number = input.uint()?;
        let what = EventKind::decode(number, &mut input)?;
        input.finish()?;
        Ok(Self { time, what })
    }

    /// Whether every text and key keeps to its limit.
    pub(crate) fn check(&self) -> Result<(), RecordError> {
        let short = |field: &'static str, length: usize, limit: usize| {
            if length > limit {
                Err(RecordError::TooLong { field, limit })
            } else {
                Ok(())
            }
        };
        match &self.what {
            EventKind::Key(key) => {
                short("the role", key.role.len(), MAX_ROLE)?;
                let length = key.public_key.as_ref().map_or(0, Vec::len);
                short("the public key", length, MAX_PUBLIC_KEY)
            }
            EventKind::TrustList(list) => short("the list's name", list.name.len(), MAX_NAME),
            EventKind::CertificateRevoked(revoked) => match &revoked.certificate {
                CertificateRef::Sha256(_) => Ok(()),
                CertificateRef::Serial { serial, .. } => {
                    short("the serial number", serial.len(), MAX_SERIAL)
                }
            },
            EventKind::Redaction(redaction) => {
                let log = redaction.log.as_ref().map_or(0, String::len);
                short("the log's name", log, MAX_NAME)?;
                match &redaction.by {
                    Actor::Role(role) => short("the role", role.len(), MAX_ROLE),
                    Actor::Committed(_) => Ok(()),
                }
            }
            EventKind::ShardOpened(opened) => {
                short("the ledger's name", opened.base.len(), MAX_NAME)?;
                let origin = opened.previous.as_ref().map_or(0, |it| it.origin.len());
                short("the previous shard's name", origin, MAX_NAME)
            }
            EventKind::PolicyPublished(_) | EventKind::ShardSealed => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
