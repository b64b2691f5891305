//! The part of a record that stays out of the log.

use colophon_tlog::Hash;
use zeroize::Zeroizing;

use super::{
    ACTOR_DOMAIN, GENERATED, NewRecord, PLAIN, PRIVATE_DOMAIN, PublicRecord, REQUESTED,
    REQUESTER_DOMAIN, WATERMARK_DOMAIN, commitment, prompt_commitment,
};
use crate::cbor::{Decoder, Encoder, Malformed};
use crate::vault::{SubjectTag, Vault, open_body};

const PRIVATE_TYPE: &str = "colophon.private";

/// The part of a record that never enters the log and can be erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivatePart {
    /// The id in the pixels.
    pub watermark_id: Option<u64>,
    /// 256-bit perceptual hash.
    pub fingerprint: Option<[u8; 32]>,
    /// Small picture for registration.
    pub sketch: Option<Vec<u8>>,
    /// Title.
    pub title: Option<String>,
    /// Prompt.
    pub prompt: Option<String>,
    /// What the picture was not to show.
    pub negative_prompt: Option<String>,
    /// Salt of the leaf's commitment to the prompt.
    pub prompt_salt: Option<[u8; 32]>,
    /// Why the picture carries no mark.
    pub unmarked_reason: Option<String>,
    /// Who asked for the picture.
    pub requester: Option<String>,
    /// Salt of the leaf's commitment to the requester.
    pub requester_salt: Option<[u8; 32]>,
}

/// Commits to a requester without telling it: `SHA-256("colophon.commitment.requester.1\0" || salt || name)`. Every
/// record has a salt of its own, so two records of one requester cannot be told to be so.
#[must_use]
pub fn requester_commitment(salt: &[u8; 32], requester: &str) -> [u8; 32] {
    commitment(REQUESTER_DOMAIN, salt, requester.as_bytes())
}

/// Commits to the name of who did something: `SHA-256("colophon.commitment.actor.1\0" || salt || name)`.
pub(crate) fn actor_commitment(salt: &[u8; 32], name: &str) -> [u8; 32] {
    commitment(ACTOR_DOMAIN, salt, name.as_bytes())
}

/// The private part as the database keeps it: the index columns in the clear, the body encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrivateRow {
    pub watermark_id: Option<u64>,
    pub watermark_salt: Option<[u8; 32]>,
    /// Copy of the fingerprint in `body`, for the search.
    pub fingerprint: Option<[u8; 32]>,
    /// The subject's tag and wrapped key.
    pub subject: Option<(SubjectTag, Vec<u8>)>,
    /// The wrapped data key.
    pub key: Vec<u8>,
    /// Salt and body, encrypted.
    pub body: Vec<u8>,
}

impl PrivateRow {
    /// Checks the columns in the clear against the commitments of the leaf.
    pub fn check_mark(&self, leaf: &PublicRecord) -> Result<(), &'static str> {
        let watermark = match (self.watermark_id, self.watermark_salt) {
            (Some(id), Some(salt)) => Some(commitment(WATERMARK_DOMAIN, &salt, &id.to_be_bytes())),
            (None, None) => None,
            _ => return Err("its watermark id stands without its salt, or the reverse"),
        };
        if watermark == leaf.watermark_commitment {
            Ok(())
        } else {
            Err("its watermark id does not match the commitment in the log")
        }
    }

    /// Decrypts the row and checks everything in it against the commitments of the leaf.
    pub fn open(
        &self,
        leaf: &PublicRecord,
        leaf_hash: Hash,
        vault: &Vault,
    ) -> Result<PrivatePart, &'static str> {
        self.check_mark(leaf)?;
        let (salt, body) = self.unseal(leaf_hash, vault)?;
        if commitment(PRIVATE_DOMAIN, &salt, &body) != leaf.private_commitment {
            return Err("its private part does not match the commitment in the log");
        }
        let part =
            decode(&body, self.watermark_id).map_err(|_| "its private part cannot be read")?;
        if part.fingerprint != self.fingerprint {
            return Err("its fingerprint column differs from its private part");
        }
        let requester = part.requester.as_deref().zip(part.requester_salt.as_ref());
        let committed = requester.map(|(name, salt)| requester_commitment(salt, name));
        if committed != leaf.requester_commitment {
            return Err("its requester does not match the commitment in the log");
        }
        if self.subject.as_ref().map(|(tag, _)| *tag) != requester.map(|(name, _)| vault.tag(name))
        {
            return Err("its subject column differs from its private part");
        }
        let committed = leaf.generation.as_ref().map(|it| it.prompt_commitment);
        if let (Some(prompt), Some(salt)) = (&part.prompt, &part.prompt_salt)
            && Some(prompt_commitment(
                salt,
                prompt,
                part.negative_prompt.as_deref(),
            )) != committed
        {
            return Err("its prompt does not match the commitment in the log");
        }
        Ok(part)
    }

    /// Salt and body.
    fn unseal(
        &self,
        leaf: Hash,
        vault: &Vault,
    ) -> Result<([u8; 32], Zeroizing<Vec<u8>>), &'static str> {
        let open = || {
            let subject = match &self.subject {
                Some((tag, wrapped)) => Some(vault.open_subject(*tag, wrapped)?),
                None => None,
            };
            let key = vault.unwrap(subject.as_ref(), leaf, &self.key)?;
            let salted = open_body(&key, leaf, &self.body)?;
            let (salt, body) = salted.split_first_chunk::<32>()?;
            Some((*salt, Zeroizing::new(body.to_vec())))
        };
        open().ok_or("its private part does not decrypt: key or text were altered")
    }
}

/// The name that an event's leaf commits to.
pub(crate) fn open_actor(
    row: &PrivateRow,
    committed: &[u8; 32],
    leaf_hash: Hash,
    vault: &Vault,
) -> Result<String, &'static str> {
    let (salt, name) = row.unseal(leaf_hash, vault)?;
    let name = std::str::from_utf8(&name).map_err(|_| "its private part cannot be read")?;
    if actor_commitment(&salt, name) == *committed {
        Ok(name.to_owned())
    } else {
        Err("its private part does not match the commitment in the log")
    }
}

/// `["colophon.private", 1, title, prompt, fingerprint, sketch, unmarked_reason]`, of which each may be null; with a
/// generation the version is 2, and `negative_prompt, prompt_salt` follow; with a requester it is 3, and after those
/// two `requester, requester_salt` follow.
pub(super) fn encode(record: &NewRecord, requester_salt: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut out = Encoder::default();
    let (items, version) = match (&record.requester, &record.generation) {
        (None, None) => (7, PLAIN),
        (None, Some(_)) => (9, GENERATED),
        (Some(_), _) => (11, REQUESTED),
    };
    out.array(items).text(PRIVATE_TYPE).uint(version);
    out.optional(record.title.as_deref(), Encoder::text);
    out.optional(record.prompt.as_deref(), Encoder::text);
    out.optional(record.fingerprint.as_ref(), |out, hash| out.bytes(hash));
    out.optional(record.sketch.as_deref(), Encoder::bytes);
    out.optional(record.unmarked_reason.as_deref(), Encoder::text);
    if version != PLAIN {
        out.optional(record.negative_prompt.as_deref(), Encoder::text);
        out.optional(record.prompt_salt.as_ref(), |out, salt| out.bytes(salt));
    }
    if let Some(requester) = &record.requester {
        out.text(requester).bytes(requester_salt);
    }
    Zeroizing::new(out.finish())
}

fn decode(body: &[u8], watermark_id: Option<u64>) -> Result<PrivatePart, Malformed> {
    let mut input = Decoder::new(body);
    let items = input.any_array()?;
    let has_type = input.text()? == PRIVATE_TYPE;
    let version = input.uint()?;
    match (has_type, items, version) {
        (true, 7, PLAIN) | (true, 9, GENERATED) | (true, 11, REQUESTED) => {}
        _ => return Err(Malformed),
    }
    let mut part = PrivatePart {
        watermark_id,
        title: input.optional(Decoder::text)?,
        prompt: input.optional(Decoder::text)?,
        fingerprint: input.optional(Decoder::hash)?,
        sketch: input.optional(|input| input.bytes().map(<[u8]>::to_vec))?,
        unmarked_reason: input.optional(Decoder::text)?,
        ..PrivatePart::default()
    };
    if version != PLAIN {
        part.negative_prompt = input.optional(Decoder::text)?;
        part.prompt_salt = input.optional(Decoder::hash)?;
    }
    if version == REQUESTED {
        part.requester = Some(input.text()?);
        part.requester_salt = Some(input.hash()?);
    }
    input.finish()?;
    Ok(part)
}
