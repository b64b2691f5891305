//! What is made of a record or an event before the sequencer takes it: everything that needs no lock.

use colophon_tlog::{Hash, leaf_hash};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    MAX_MANIFEST, MAX_PERSON, MAX_PRIVATE_TEXT, MAX_PUBLIC_TEXT, MAX_SKETCH, NewRecord,
    PRIVATE_DOMAIN, PublicRecord, RecordError, WATERMARK_DOMAIN, commitment, generation, private,
    requester_commitment,
};
use crate::error::LedgerError;
use crate::event::{Event, Parts};
use crate::facets::Stated;
use crate::vault::{DataKey, seal_body};

/// A leaf ready for the sequencer, with the rows that go with it.
pub(crate) struct Prepared {
    pub leaf: Vec<u8>,
    pub leaf_hash: Hash,
    /// What the leaf is found by.
    pub stated: Stated,
    /// The index columns and the manifest of a record; an event has none.
    pub record: Option<RecordColumns>,
    pub private: Option<PreparedPrivate>,
    /// The record of which the same commit erases parts.
    pub erases: Option<Erases>,
}

/// What the database keeps of a record besides leaf and private part.
pub(crate) struct RecordColumns {
    pub asset_sha256: [u8; 32],
    pub manifest_id: String,
    pub manifest: Vec<u8>,
}

/// A private part, its body encrypted, its key not yet wrapped.
pub(crate) struct PreparedPrivate {
    pub watermark_id: Option<u64>,
    pub watermark_salt: Option<[u8; 32]>,
    pub fingerprint: Option<[u8; 32]>,
    /// Who asked for the picture.
    pub subject: Option<Zeroizing<String>>,
    pub key: DataKey,
    pub body: Vec<u8>,
}

/// Which record's parts go, and what is noted of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Erases {
    pub record: u64,
    pub parts: Parts,
    pub at: i64,
    pub reason: u64,
}

/// The random values of one record.
pub(super) struct Salts {
    pub watermark: [u8; 32],
    pub private: [u8; 32],
    pub requester: [u8; 32],
}

impl Salts {
    fn new() -> Result<Self, LedgerError> {
        Ok(Self {
            watermark: random_salt()?,
            private: random_salt()?,
            requester: random_salt()?,
        })
    }
}

impl Prepared {
    pub fn new(record: NewRecord) -> Result<Self, LedgerError> {
        Self::with_salts(record, &Salts::new()?)
    }

    pub(super) fn with_salts(record: NewRecord, salts: &Salts) -> Result<Self, LedgerError> {
        check(&record)?;
        let body = private::encode(&record, &salts.requester);
        let watermark_commitment = record
            .watermark_id
            .map(|id| commitment(WATERMARK_DOMAIN, &salts.watermark, &id.to_be_bytes()));
        let requester = record.requester.as_deref();
        let requester_commitment = requester.map(|it| requester_commitment(&salts.requester, it));
        let public = PublicRecord {
            issued_at: record.issued_at,
            kind: record.kind,
            generator: record.generator,
            source_type: record.source_type,
            asset_sha256: record.asset_sha256,
            manifest_sha256: record.manifest_sha256,
            manifest_id: record.manifest_id,
            signer_key_id: record.signer_key_id,
            policy_hash: record.policy_hash,
            width: record.width,
            height: record.height,
            watermark_commitment,
            private_commitment: commitment(PRIVATE_DOMAIN, &salts.private, &body),
            requester_commitment,
            generation: record.generation,
        };
        let leaf = public.encode();
        let leaf_hash = leaf_hash(&leaf);
        let (key, body) = seal_salted(leaf_hash, &salts.private, &body)?;
        Ok(Self {
            leaf_hash,
            leaf,
            stated: Stated::of_record(&public),
            record: Some(RecordColumns {
                asset_sha256: public.asset_sha256,
                manifest_id: public.manifest_id,
                manifest: record.manifest,
            }),
            private: Some(PreparedPrivate {
                watermark_id: record.watermark_id,
                watermark_salt: record.watermark_id.map(|_| salts.watermark),
                fingerprint: record.fingerprint,
                subject: record.requester.map(Zeroizing::new),
                key,
                body,
            }),
            erases: None,
        })
    }

    /// An event without a private part.
    pub fn event(event: &Event) -> Result<Self, RecordError> {
        event.check()?;
        let leaf = event.encode();
        Ok(Self {
            leaf_hash: leaf_hash(&leaf),
            leaf,
            stated: Stated::of_event(event),
            record: None,
            private: None,
            erases: None,
        })
    }

    /// Keeps the name that the event's leaf commits to with this salt.
    pub fn with_actor(mut self, salt: &[u8; 32], name: &str) -> Result<Self, LedgerError> {
        let (key, body) = seal_salted(self.leaf_hash, salt, name.as_bytes())?;
        self.private = Some(PreparedPrivate {
            watermark_id: None,
            watermark_salt: None,
            fingerprint: None,
            subject: None,
            key,
            body,
        });
        Ok(self)
    }
}

/// The salt is encrypted with the body: with it, guesses could be tried on the public commitment.
fn seal_salted(
    leaf: Hash,
    salt: &[u8; 32],
    body: &[u8],
) -> Result<(DataKey, Vec<u8>), LedgerError> {
    let salted = Zeroizing::new([salt, body].concat());
    seal_body(leaf, &salted)
}

/// 32 random bytes.
pub(crate) fn random_salt() -> Result<[u8; 32], LedgerError> {
    crate::random::random()
}

fn check(record: &NewRecord) -> Result<(), RecordError> {
    let agent = record.generator.as_ref();
    let length = |text: Option<&String>| text.map_or(0, String::len);
    for (field, found, limit) in [
        (
            "the generator's name",
            length(agent.map(|agent| &agent.name)),
            MAX_PUBLIC_TEXT,
        ),
        (
            "the generator's version",
            length(agent.and_then(|agent| agent.version.as_ref())),
            MAX_PUBLIC_TEXT,
        ),
        ("the source type", record.source_type.len(), MAX_PUBLIC_TEXT),
        ("the manifest id", record.manifest_id.len(), MAX_PUBLIC_TEXT),
        (
            "the requester",
            length(record.requester.as_ref()),
            MAX_PERSON,
        ),
        ("the title", length(record.title.as_ref()), MAX_PRIVATE_TEXT),
        (
            "the prompt",
            length(record.prompt.as_ref()),
            MAX_PRIVATE_TEXT,
        ),
        (
            "the negative prompt",
            length(record.negative_prompt.as_ref()),
            MAX_PRIVATE_TEXT,
        ),
        (
            "the reason for being unmarked",
            length(record.unmarked_reason.as_ref()),
            MAX_PRIVATE_TEXT,
        ),
        (
            "the sketch",
            record.sketch.as_ref().map_or(0, Vec::len),
            MAX_SKETCH,
        ),
        ("the manifest", record.manifest.len(), MAX_MANIFEST),
    ] {
        if found > limit {
            return Err(RecordError::TooLong { field, limit });
        }
    }
    if <[u8; 32]>::from(Sha256::digest(&record.manifest)) != record.manifest_sha256 {
        return Err(RecordError::ManifestHash);
    }
    if record.watermark_id.is_some() && record.unmarked_reason.is_some() {
        return Err(RecordError::MarkedAndUnmarked);
    }
    generation::check(record)
}
