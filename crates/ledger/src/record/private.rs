//! The part of a record that stays out of the log.

use super::{
    GENERATED, NewRecord, PLAIN, PRIVATE_DOMAIN, PublicRecord, WATERMARK_DOMAIN, commitment,
    prompt_commitment,
};
use crate::cbor::{Decoder, Encoder, Malformed};

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
}

/// The private part as the database keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrivateRow {
    pub watermark_id: Option<u64>,
    pub watermark_salt: Option<[u8; 32]>,
    /// Copy of the fingerprint in `body`, for the search.
    pub fingerprint: Option<[u8; 32]>,
    pub salt: [u8; 32],
    pub body: Vec<u8>,
}

impl PrivateRow {
    /// Opens the row, checking every column against the commitments of the leaf.
    pub fn open(&self, leaf: &PublicRecord) -> Result<PrivatePart, &'static str> {
        if commitment(PRIVATE_DOMAIN, &self.salt, &self.body) != leaf.private_commitment {
            return Err("its private part does not match the commitment in the log");
        }
        let watermark = match (self.watermark_id, self.watermark_salt) {
            (Some(id), Some(salt)) => Some(commitment(WATERMARK_DOMAIN, &salt, &id.to_be_bytes())),
            (None, None) => None,
            _ => return Err("its watermark id stands without its salt, or the reverse"),
        };
        if watermark != leaf.watermark_commitment {
            return Err("its watermark id does not match the commitment in the log");
        }
        let part =
            decode(&self.body, self.watermark_id).map_err(|_| "its private part cannot be read")?;
        if part.fingerprint != self.fingerprint {
            return Err("its fingerprint column differs from its private part");
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
}

/// `["colophon.private", 1, title, prompt, fingerprint, sketch, unmarked_reason]`, of which each may be null; with a
/// generation the version is 2, and `negative_prompt, prompt_salt` follow.
pub(super) fn encode(record: &NewRecord) -> Vec<u8> {
    let mut out = Encoder::default();
    let (items, version) = match record.generation {
        None => (7, PLAIN),
        Some(_) => (9, GENERATED),
    };
    out.array(items).text(PRIVATE_TYPE).uint(version);
    out.optional(record.title.as_deref(), Encoder::text);
    out.optional(record.prompt.as_deref(), Encoder::text);
    out.optional(record.fingerprint.as_ref(), |out, hash| out.bytes(hash));
    out.optional(record.sketch.as_deref(), Encoder::bytes);
    out.optional(record.unmarked_reason.as_deref(), Encoder::text);
    if record.generation.is_some() {
        out.optional(record.negative_prompt.as_deref(), Encoder::text);
        out.optional(record.prompt_salt.as_ref(), |out, salt| out.bytes(salt));
    }
    out.finish()
}

fn decode(body: &[u8], watermark_id: Option<u64>) -> Result<PrivatePart, Malformed> {
    let mut input = Decoder::new(body);
    let items = input.any_array()?;
    let has_type = input.text()? == PRIVATE_TYPE;
    let is_generated = match (has_type, items, input.uint()?) {
        (true, 7, PLAIN) => false,
        (true, 9, GENERATED) => true,
        _ => return Err(Malformed),
    };
    let mut part = PrivatePart {
        watermark_id,
        title: input.optional(Decoder::text)?,
        prompt: input.optional(Decoder::text)?,
        fingerprint: input.optional(Decoder::hash)?,
        sketch: input.optional(|input| input.bytes().map(<[u8]>::to_vec))?,
        unmarked_reason: input.optional(Decoder::text)?,
        negative_prompt: None,
        prompt_salt: None,
    };
    if is_generated {
        part.negative_prompt = input.optional(Decoder::text)?;
        part.prompt_salt = input.optional(Decoder::hash)?;
    }
    input.finish()?;
    Ok(part)
}
