//! The details of each kind of event in CBOR; `docs/ledger.cddl` is the same as a schema.

use super::{
    Actor, CertificateRef, CertificateRevoked, ErasureReason, EventKind, KeyAction, KeyEvent,
    Parts, PolicyPublished, PreviousShard, Redaction, RevocationReason, ShardOpened,
    TrustListEvent,
};
use crate::cbor::{Decoder, Encoder, Malformed};

const KEY: u64 = 1;
const POLICY_PUBLISHED: u64 = 2;
const TRUST_LIST: u64 = 3;
const CERTIFICATE_REVOKED: u64 = 4;
const REDACTION: u64 = 5;
const SHARD_OPENED: u64 = 6;
const SHARD_SEALED: u64 = 7;

impl EventKind {
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Key(_) => KEY,
            Self::PolicyPublished(_) => POLICY_PUBLISHED,
            Self::TrustList(_) => TRUST_LIST,
            Self::CertificateRevoked(_) => CERTIFICATE_REVOKED,
            Self::Redaction(_) => REDACTION,
            Self::ShardOpened(_) => SHARD_OPENED,
            Self::ShardSealed => SHARD_SEALED,
        }
    }

    pub(super) fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Key(key) => encode_key(key, out),
            Self::PolicyPublished(it) => {
                out.array(2).bytes(&it.bundle_sha256).bytes(&it.note_sha256);
            }
            Self::TrustList(it) => {
                let action = if it.imported { 1 } else { 2 };
                out.array(3).uint(action).text(&it.name).bytes(&it.sha256);
            }
            Self::CertificateRevoked(it) => {
                out.array(3);
                match &it.certificate {
                    CertificateRef::Sha256(hash) => out.array(2).uint(1).bytes(hash),
                    CertificateRef::Serial {
                        issuer_sha256,
                        serial,
                    } => out.array(3).uint(2).bytes(issuer_sha256).bytes(serial),
                };
                out.uint(it.reason as u64).int(it.from);
            }
            Self::Redaction(it) => encode_redaction(it, out),
            Self::ShardOpened(it) => {
                out.array(2)
                    .text(&it.base)
                    .optional(it.previous.as_ref(), |out, previous| {
                        out.array(3)
                            .text(&previous.origin)
                            .uint(previous.size)
                            .bytes(&previous.root)
                    });
            }
            Self::ShardSealed => {
                out.array(0);
            }
        }
    }

    pub(super) fn decode(number: u64, input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(match number {
            KEY => Self::Key(decode_key(input)?),
            POLICY_PUBLISHED => {
                input.array(2)?;
                Self::PolicyPublished(PolicyPublished {
                    bundle_sha256: input.hash()?,
                    note_sha256: input.hash()?,
                })
            }
            TRUST_LIST => {
                input.array(3)?;
                Self::TrustList(TrustListEvent {
                    imported: match input.uint()? {
                        1 => true,
                        2 => false,
                        _ => return Err(Malformed),
                    },
                    name: input.text()?,
                    sha256: input.hash()?,
                })
            }
            CERTIFICATE_REVOKED => {
                input.array(3)?;
                Self::CertificateRevoked(CertificateRevoked {
                    certificate: decode_certificate(input)?,
                    reason: revocation_reason(input.uint()?)?,
                    from: input.int()?,
                })
            }
            REDACTION => Self::Redaction(decode_redaction(input)?),
            SHARD_OPENED => {
                input.array(2)?;
                Self::ShardOpened(ShardOpened {
                    base: input.text()?,
                    previous: input.optional(|input| {
                        input.array(3)?;
                        Ok(PreviousShard {
                            origin: input.text()?,
                            size: input.uint()?,
                            root: input.hash()?,
                        })
                    })?,
                })
            }
            SHARD_SEALED => {
                input.array(0)?;
                Self::ShardSealed
            }
            _ => return Err(Malformed),
        })
    }
}

fn encode_key(key: &KeyEvent, out: &mut Encoder) {
    let (action, revoked) = match key.action {
        KeyAction::Created => (1, None),
        KeyAction::Activated => (2, None),
        KeyAction::Retired => (3, None),
        KeyAction::Revoked { reason, from } => (4, Some((reason, from))),
    };
    out.array(5)
        .uint(action)
        .text(&key.role)
        .bytes(&key.key_id)
        .optional(key.public_key.as_deref(), Encoder::bytes)
        .optional(revoked, |out, (reason, from)| {
            out.array(2).uint(reason as u64).int(from)
        });
}

fn decode_key(input: &mut Decoder<'_>) -> Result<KeyEvent, Malformed> {
    input.array(5)?;
    let action = input.uint()?;
    let (role, key_id) = (input.text()?, input.hash()?);
    let public_key = input.optional(|input| input.bytes().map(<[u8]>::to_vec))?;
    let revoked = input.optional(|input| {
        input.array(2)?;
        Ok((revocation_reason(input.uint()?)?, input.int()?))
    })?;
    let action = match (action, revoked) {
        (1, None) => KeyAction::Created,
        (2, None) => KeyAction::Activated,
        (3, None) => KeyAction::Retired,
        (4, Some((reason, from))) => KeyAction::Revoked { reason, from },
        _ => return Err(Malformed),
    };
    Ok(KeyEvent {
        action,
        role,
        key_id,
        public_key,
    })
}

fn decode_certificate(input: &mut Decoder<'_>) -> Result<CertificateRef, Malformed> {
    let items = input.any_array()?;
    match (items, input.uint()?) {
        (2, 1) => Ok(CertificateRef::Sha256(input.hash()?)),
        (3, 2) => Ok(CertificateRef::Serial {
            issuer_sha256: input.hash()?,
            serial: input.bytes()?.to_vec(),
        }),
        _ => Err(Malformed),
    }
}

fn encode_redaction(it: &Redaction, out: &mut Encoder) {
    let parts = match it.parts {
        Parts::Private => 1,
        Parts::Manifest => 2,
        Parts::All => 3,
    };
    out.array(5)
        .optional(it.log.as_deref(), Encoder::text)
        .uint(it.record)
        .uint(parts)
        .uint(it.reason as u64)
        .array(2);
    match &it.by {
        Actor::Role(role) => out.uint(1).text(role),
        Actor::Committed(hash) => out.uint(2).bytes(hash),
    };
}

fn decode_redaction(input: &mut Decoder<'_>) -> Result<Redaction, Malformed> {
    input.array(5)?;
    Ok(Redaction {
        log: input.optional(Decoder::text)?,
        record: input.uint()?,
        parts: match input.uint()? {
            1 => Parts::Private,
            2 => Parts::Manifest,
            3 => Parts::All,
            _ => return Err(Malformed),
        },
        reason: ErasureReason::of(input.uint()?).ok_or(Malformed)?,
        by: {
            input.array(2)?;
            match input.uint()? {
                1 => Actor::Role(input.text()?),
                2 => Actor::Committed(input.hash()?),
                _ => return Err(Malformed),
            }
        },
    })
}

fn revocation_reason(number: u64) -> Result<RevocationReason, Malformed> {
    use RevocationReason as Reason;
    [
        Reason::Unspecified,
        Reason::KeyCompromise,
        Reason::CaCompromise,
        Reason::AffiliationChanged,
        Reason::Superseded,
        Reason::CessationOfOperation,
        Reason::PrivilegeWithdrawn,
    ]
    .into_iter()
    .find(|reason| *reason as u64 == number)
    .ok_or(Malformed)
}
