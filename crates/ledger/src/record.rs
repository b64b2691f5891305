//! Records: what the caller brings, the public leaf, and the commitments to what stays out of it.

mod generation;
mod prepared;
mod private;

use sha2::{Digest, Sha256};

use crate::cbor::{Decoder, Encoder, Malformed};

pub use generation::{Backend, Generation, WeightsFile, prompt_commitment};
pub(crate) use prepared::{Erases, Prepared, PreparedPrivate, random_salt};
pub use private::{PrivatePart, requester_commitment};
pub(crate) use private::{PrivateRow, actor_commitment, open_actor};

const LEAF_TYPE: &str = "colophon.record";
/// The form without a generation, the one with, and the one with a requester.
const PLAIN: u64 = 1;
const GENERATED: u64 = 2;
const REQUESTED: u64 = 3;
/// Domain separators of the commitments `SHA-256(domain || salt || value)`.
const WATERMARK_DOMAIN: &[u8] = b"colophon.commitment.watermark-id.1\0";
const PRIVATE_DOMAIN: &[u8] = b"colophon.commitment.private.1\0";
const REQUESTER_DOMAIN: &[u8] = b"colophon.commitment.requester.1\0";
const ACTOR_DOMAIN: &[u8] = b"colophon.commitment.actor.1\0";

/// Longest name, source type or manifest id in bytes; keeps every leaf far below the log's 65,535.
const MAX_PUBLIC_TEXT: usize = 1_024;
/// Longest name of a person, bytes.
const MAX_PERSON: usize = 1_024;
const MAX_PRIVATE_TEXT: usize = 1 << 20;
const MAX_SKETCH: usize = 1 << 16;
const MAX_MANIFEST: usize = 64 << 20;

/// How the picture came to be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Made by a model in the same run.
    Generate,
    /// An existing picture was stamped.
    Stamp,
}

/// A program or model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name, at most 1,024 bytes.
    pub name: String,
    /// Its version, at most 1,024 bytes.
    pub version: Option<String>,
}

/// One issued picture, as the caller hands it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Unix seconds, UTC.
    pub issued_at: i64,
    /// How it came to be.
    pub kind: Kind,
    /// The model or program that made the picture.
    pub generator: Option<Agent>,
    /// IPTC digital source type.
    pub source_type: String,
    /// The id in the pixels; `None` for a picture issued unmarked.
    pub watermark_id: Option<u64>,
    /// 256-bit perceptual hash (private).
    pub fingerprint: Option<[u8; 32]>,
    /// Small picture for registration, at most 64 KiB (private).
    pub sketch: Option<Vec<u8>>,
    /// SHA-256 of the issued file.
    pub asset_sha256: [u8; 32],
    /// SHA-256 of `manifest`.
    pub manifest_sha256: [u8; 32],
    /// The manifest's identifier, at most 1,024 bytes.
    pub manifest_id: String,
    /// The manifest's bytes, at most 64 MiB, kept so that a stripped picture gets them back.
    pub manifest: Vec<u8>,
    /// Id of the key that signed the manifest.
    pub signer_key_id: [u8; 32],
    /// SHA-256 of the policy in force.
    pub policy_hash: [u8; 32],
    /// Width of the issued picture in pixels.
    pub width: u32,
    /// Height of the issued picture in pixels.
    pub height: u32,
    /// Who asked for the picture, at most 1,024 bytes (private): the subject whose records are erased together.
    pub requester: Option<String>,
    /// Title, at most 1 MiB (private).
    pub title: Option<String>,
    /// Prompt, at most 1 MiB (private).
    pub prompt: Option<String>,
    /// What the picture was not to show, at most 1 MiB (private); only with a generation and a prompt.
    pub negative_prompt: Option<String>,
    /// Salt of [`Generation::prompt_commitment`] (private): kept exactly when the prompt of a generation is.
    pub prompt_salt: Option<[u8; 32]>,
    /// How the model made the picture; only for [`Kind::Generate`].
    pub generation: Option<Generation>,
    /// Why the picture carries no mark (private); only for a record without `watermark_id`.
    pub unmarked_reason: Option<String>,
}

/// A record that cannot be entered, or leaf bytes that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A field is longer than its limit.
    #[error("{field} is longer than {limit} bytes")]
    TooLong {
        /// Which.
        field: &'static str,
        /// Its limit in bytes.
        limit: usize,
    },
    /// The hash does not belong to the manifest.
    #[error("manifest_sha256 is not the hash of the manifest")]
    ManifestHash,
    /// A list is longer than its limit.
    #[error("there are more than {limit} {list}")]
    TooMany {
        /// Which.
        list: &'static str,
        /// Its limit.
        limit: usize,
    },
    /// A generation and what it goes with do not fit.
    #[error("{0}")]
    Generation(&'static str),
    /// A marked record with a reason for being unmarked.
    #[error("a record with a watermark id cannot have a reason for being unmarked")]
    MarkedAndUnmarked,
    /// Not the deterministic CBOR of a known type and version.
    #[error("not a record of a known type and version in deterministic CBOR")]
    Malformed,
}

impl From<Malformed> for RecordError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The public leaf: facts and commitments, nothing personal.
///
/// Encoded as the CBOR array `["colophon.record", 1, issued_at, kind, generator, source_type, asset, manifest,
/// manifest_id, signer, policy, width, height, watermark_commitment, private_commitment]` in deterministic form;
/// `generator` is null or `[name, version or null]`, `kind` 1 for generate and 2 for stamp. With a [`Generation`] the
/// version is 2 and the generation's array is one more item at the end. With a requester the version is 3, and the
/// commitment to the requester and the generation's array or null are two more items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicRecord {
    /// Unix seconds, UTC.
    pub issued_at: i64,
    /// How it came to be.
    pub kind: Kind,
    /// The model or program that made the picture.
    pub generator: Option<Agent>,
    /// IPTC digital source type.
    pub source_type: String,
    /// SHA-256 of the issued file.
    pub asset_sha256: [u8; 32],
    /// SHA-256 of the manifest's bytes.
    pub manifest_sha256: [u8; 32],
    /// The manifest's identifier.
    pub manifest_id: String,
    /// Id of the key that signed the manifest.
    pub signer_key_id: [u8; 32],
    /// SHA-256 of the policy in force.
    pub policy_hash: [u8; 32],
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `SHA-256("colophon.commitment.watermark-id.1\0" || salt || id as 8 bytes big-endian)`; `None` says that the
    /// picture was issued unmarked.
    pub watermark_commitment: Option<[u8; 32]>,
    /// `SHA-256("colophon.commitment.private.1\0" || salt || private part)`.
    pub private_commitment: [u8; 32],
    /// See [`requester_commitment`]; `None` when nobody was named.
    pub requester_commitment: Option<[u8; 32]>,
    /// How the model made the picture; `None` for a picture made elsewhere.
    pub generation: Option<Generation>,
}

impl PublicRecord {
    /// Whether the picture was issued with a watermark.
    pub fn is_marked(&self) -> bool {
        self.watermark_commitment.is_some()
    }

    /// The leaf's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        let (items, version) = match (&self.requester_commitment, &self.generation) {
            (None, None) => (15, PLAIN),
            (None, Some(_)) => (16, GENERATED),
            (Some(_), _) => (17, REQUESTED),
        };
        out.array(items)
            .text(LEAF_TYPE)
            .uint(version)
            .int(self.issued_at);
        out.uint(match self.kind {
            Kind::Generate => 1,
            Kind::Stamp => 2,
        });
        out.optional(self.generator.as_ref(), |out, agent| {
            out.array(2)
                .text(&agent.name)
                .optional(agent.version.as_deref(), Encoder::text)
        });
        out.text(&self.source_type)
            .bytes(&self.asset_sha256)
            .bytes(&self.manifest_sha256)
            .text(&self.manifest_id);
        out.bytes(&self.signer_key_id).bytes(&self.policy_hash);
        out.uint(u64::from(self.width)).uint(u64::from(self.height));
        out.optional(self.watermark_commitment.as_ref(), |out, hash| {
            out.bytes(hash)
        })
        .bytes(&self.private_commitment);
        if let Some(requester) = &self.requester_commitment {
            out.bytes(requester);
        }
        match (&self.generation, version) {
            (Some(generation), _) => generation.encode(&mut out),
            (None, REQUESTED) => _ = out.null(),
            (None, _) => {}
        }
        out.finish()
    }

    /// Reads leaf bytes; every form but the one [`PublicRecord::encode`] writes is refused.
    ///
    /// # Errors
    /// [`RecordError::Malformed`].
    pub fn decode(leaf: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(leaf);
        let items = input.any_array()?;
        let has_type = input.text()? == LEAF_TYPE;
        let version = input.uint()?;
        match (has_type, items, version) {
            (true, 15, PLAIN) | (true, 16, GENERATED) | (true, 17, REQUESTED) => {}
            _ => return Err(RecordError::Malformed),
        }
        let record = Self {
            issued_at: input.int()?,
            kind: match input.uint()? {
                1 => Kind::Generate,
                2 => Kind::Stamp,
                _ => return Err(RecordError::Malformed),
            },
            generator: input.optional(|input| {
                input.array(2)?;
                Ok(Agent {
                    name: input.text()?,
                    version: input.optional(Decoder::text)?,
                })
            })?,
            source_type: input.text()?,
            asset_sha256: input.hash()?,
            manifest_sha256: input.hash()?,
            manifest_id: input.text()?,
            signer_key_id: input.hash()?,
            policy_hash: input.hash()?,
            width: uint32(&mut input)?,
            height: uint32(&mut input)?,
            watermark_commitment: input.optional(Decoder::hash)?,
            private_commitment: input.hash()?,
            requester_commitment: match version {
                REQUESTED => Some(input.hash()?),
                _ => None,
            },
            generation: match version {
                PLAIN => None,
                GENERATED => Some(Generation::decode(&mut input)?),
                _ => input.optional(Generation::decode)?,
            },
        };
        input.finish()?;
        Ok(record)
    }
}

fn uint32(input: &mut Decoder<'_>) -> Result<u32, Malformed> {
    u32::try_from(input.uint()?).map_err(|_| Malformed)
}

fn commitment(domain: &[u8], salt: &[u8; 32], value: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(domain)
        .chain_update(salt)
        .chain_update(value)
        .finalize()
        .into()
}

#[cfg(test)]
pub(crate) mod tests;
