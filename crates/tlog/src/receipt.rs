//! COSE receipts (RFC 9942) with the verifiable data structure `RFC9162_SHA256` (1): the same inclusion and consistency
//! proofs in the encoding that SCITT tools read.
//!
//! A receipt is a tagged `COSE_Sign1` (RFC 9052) over a root hash that is not sent: the verifier computes it from the
//! proof, so that proof and signature cannot be about different trees.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::cbor::{Label, Reader, Writer};
use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, LeafIndex, TreeSize, leaf_hash};
use crate::key::KeyError;
use crate::proof::{ProofError, consistency_roots, inclusion_root};

/// CBOR tag of `COSE_Sign1`.
const SIGN1: u64 = 18;
/// Header labels: algorithm, critical labels, key id (RFC 9052), verifiable data structure and its proofs (RFC 9942).
const ALG: i64 = 1;
const CRIT: i64 = 2;
const KID: i64 = 4;
const VDS: i64 = 395;
const VDP: i64 = 396;
/// `EdDSA` and `RFC9162_SHA256`.
const EDDSA: i64 = -8;
const RFC9162_SHA256: i64 = 1;
/// Labels of the two kinds of proof.
const INCLUSION: i64 = -1;
const CONSISTENCY: i64 = -2;
/// A `u64` tree is at most 64 levels high; a consistency proof has one hash more.
const MAX_HASHES: u64 = 65;
/// Longest receipt accepted, in bytes; ours have at most some 2,300.
const MAX_RECEIPT: usize = 16 * 1024;
/// DER in front of an Ed25519 public key (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// The public key of receipts, an own key: neither the log's nor a witness's.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptKey {
    id: Vec<u8>,
    key: VerifyingKey,
}

impl ReceiptKey {
    /// Binds a key id (the receipts' `kid`, for finding the key only) to an Ed25519 public key.
    ///
    /// # Errors
    /// [`KeyError::Key`].
    pub fn new(id: &[u8], public_key: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self {
            id: id.to_vec(),
            key: VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Key)?,
        })
    }

    /// The key id.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The key as other people's tools read it: `SubjectPublicKeyInfo` (RFC 8410) in PEM.
    pub fn to_pem(&self) -> String {
        let der = [&SPKI_PREFIX[..], self.key.as_bytes()].concat();
        let text = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }
}

impl fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = String::from_utf8_lossy(&self.id);
        write!(f, "ReceiptKey({id}, {})", Hash(*self.key.as_bytes()))
    }
}

/// Whoever can sign receipts: a key in memory, a token, a key service.
pub trait ReceiptSigner {
    /// The public half.
    fn receipt_key(&self) -> &ReceiptKey;

    /// Ed25519 signature over `message`, a COSE `Sig_structure`.
    ///
    /// # Errors
    /// [`ReceiptError::Signer`] when the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], ReceiptError>;
}

impl<T: ReceiptSigner + ?Sized> ReceiptSigner for Box<T> {
    fn receipt_key(&self) -> &ReceiptKey {
        (**self).receipt_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], ReceiptError> {
        (**self).sign(message)
    }
}

/// A [`ReceiptSigner`] that holds the key in memory; the secret is wiped when dropped.
pub struct Ed25519ReceiptSigner {
    public: ReceiptKey,
    key: SigningKey,
}

impl Ed25519ReceiptSigner {
    /// A signer from the 32-byte Ed25519 seed, which must be no other key's seed.
    pub fn from_seed(id: &[u8], seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = ReceiptKey {
            id: id.to_vec(),
            key: key.verifying_key(),
        };
        Self { public, key }
    }
}

impl fmt::Debug for Ed25519ReceiptSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519ReceiptSigner")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl ReceiptSigner for Ed25519ReceiptSigner {
    fn receipt_key(&self) -> &ReceiptKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], ReceiptError> {
        Ok(self.key.sign(message).to_bytes())
    }
}

/// A receipt that cannot be made, read or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not a receipt of this kind.
    #[error("not a COSE receipt over an RFC 9162 tree signed with Ed25519: {0}")]
    Malformed(&'static str),
    /// The receipt proves the other thing: inclusion instead of consistency, or the reverse.
    #[error("the receipt proves {found}, not {expected}")]
    Kind {
        /// What was asked for.
        expected: &'static str,
        /// What it proves.
        found: &'static str,
    },
    /// Its hashes do not prove what it says.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The signature is not this key's over the root that the proof leads to.
    #[error("the receipt's signature is wrong: the record, the receipt or the key is another one")]
    Signature,
    /// The signer failed.
    #[error("the receipt could not be signed: {0}")]
    Signer(String),
}

/// What a receipt proves. Not to be believed before the signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptProof {
    /// A leaf is in the tree.
    Inclusion {
        /// Leaves of the tree.
        size: TreeSize,
        /// Place of the leaf.
        index: LeafIndex,
        /// Inclusion proof, from the leaf's sibling to the root's child.
        path: Vec<Hash>,
    },
    /// The tree of `new` leaves starts with the tree of `old` leaves.
    Consistency {
        /// Leaves of the older tree, at least 1.
        old: TreeSize,
        /// Leaves of the newer tree.
        new: TreeSize,
        /// Consistency proof (RFC 9162 section 2.1.4).
        path: Vec<Hash>,
    },
}

/// A receipt with one proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The signed header as it was sent.
    protected: Vec<u8>,
    key_id: Option<Vec<u8>>,
    proof: ReceiptProof,
    signature: Vec<u8>,
}

impl Receipt {
    /// Signs that `leaf` (the leaf's bytes) is at `index` of the checkpoint's tree; `path` is its inclusion proof.
    ///
    /// # Errors
    /// [`ReceiptError::Proof`] when the proof does not lead to the checkpoint's root: nothing is signed then.
    /// [`ReceiptError::Signer`].
    pub fn of_inclusion(
        leaf: &[u8],
        index: LeafIndex,
        path: Vec<Hash>,
        checkpoint: &Checkpoint,
        signer: &dyn ReceiptSigner,
    ) -> Result<Self, ReceiptError> {
        let size = checkpoint.size;
        let proof = ReceiptProof::Inclusion { size, index, path };
        let root = proof.root_of_leaf(leaf)?;
        Self::sign(proof, root, checkpoint, signer)
    }

    /// Signs that the checkpoint's tree starts with the `old` leaves whose tree hash is `old_root`; `path` is the
    /// consistency proof.
    ///
    /// # Errors
    /// As [`Receipt::of_inclusion`]; [`ReceiptError::Proof`] also when `old` is 0, about which nothing can be proved.
    pub fn of_consistency(
        old: TreeSize,
        old_root: Hash,
        path: Vec<Hash>,
        checkpoint: &Checkpoint,
        signer: &dyn ReceiptSigner,
    ) -> Result<Self, ReceiptError> {
        let new = checkpoint.size;
        let proof = ReceiptProof::Consistency { old, new, path };
        let root = proof.root_after(old_root)?;
        Self::sign(proof, root, checkpoint, signer)
    }

    fn sign(
        proof: ReceiptProof,
        root: Hash,
        checkpoint: &Checkpoint,
        signer: &dyn ReceiptSigner,
    ) -> Result<Self, ReceiptError> {
        if root != checkpoint.root {
            return Err(ProofError::RootMismatch.into());
        }
        let id = signer.receipt_key().id();
        let protected = Writer::default().map(3);
        let protected = protected.int(ALG).int(EDDSA).int(KID).bytes(id);
        let protected = protected.int(VDS).int(RFC9162_SHA256).finish();
        let signature = signer.sign(&to_be_signed(&protected, root))?.to_vec();
        Ok(Self {
            protected,
            key_id: Some(id.to_vec()),
            proof,
            signature,
        })
    }

    /// The `kid` of the key that signed, for finding it; not to be believed.
    pub fn key_id(&self) -> Option<&[u8]> {
        self.key_id.as_deref()
    }

    /// What it proves, once the signature was checked. The signature covers the root, not these numbers: proofs of the
    /// same shape exist for other sizes (leaf 1 of 3 and of 4), so take the size from the checkpoint with that root.
    pub fn proof(&self) -> &ReceiptProof {
        &self.proof
    }

    /// The receipt's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, proof) = match &self.proof {
            ReceiptProof::Inclusion { size, index, path } => {
                (INCLUSION, encode_proof(size.0, index.0, path))
            }
            ReceiptProof::Consistency { old, new, path } => {
                (CONSISTENCY, encode_proof(old.0, new.0, path))
            }
        };
        let receipt = Writer::default().tag(SIGN1).array(4).bytes(&self.protected);
        let receipt = receipt.map(1).int(VDP).map(1).int(kind);
        let receipt = receipt.array(1).bytes(&proof);
        receipt.null().bytes(&self.signature).finish()
    }

    /// Reads a receipt of at most 16 KiB with one proof. The signed header may hold labels that are not known here,
    /// unless they are marked critical; the header that is not signed may hold the proof only.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let malformed = ReceiptError::Malformed;
        if bytes.len() > MAX_RECEIPT {
            return Err(malformed("longer than 16 KiB"));
        }
        let envelope = parse_envelope(bytes).ok_or(malformed(
            "expected a tagged COSE_Sign1 without payload, with one proof in its unprotected header",
        ))?;
        let protected = parse_protected(envelope.protected).ok_or(malformed(
            "the protected header must name EdDSA (1: -8) and RFC9162_SHA256 (395: 1), and nothing critical",
        ))?;
        let (first, second, path) = parse_proof(envelope.proof).ok_or(malformed(
            "the proof must be two sizes and at most 65 hashes",
        ))?;
        let proof = match envelope.kind {
            INCLUSION => ReceiptProof::Inclusion {
                size: TreeSize(first),
                index: LeafIndex(second),
                path,
            },
            CONSISTENCY => ReceiptProof::Consistency {
                old: TreeSize(first),
                new: TreeSize(second),
                path,
            },
            _ => return Err(malformed("a proof of another kind")),
        };
        Ok(Self {
            protected: envelope.protected.to_vec(),
            key_id: protected.key_id.map(<[u8]>::to_vec),
            proof,
            signature: envelope.signature.to_vec(),
        })
    }

    /// Checks that the receipt says of `leaf` (the leaf's bytes) that it is in a tree that `key` signed, and returns
    /// the tree's root.
    ///
    /// # Errors
    /// [`ReceiptError::Kind`], [`ReceiptError::Proof`], [`ReceiptError::Signature`].
    pub fn verify_inclusion(&self, leaf: &[u8], key: &ReceiptKey) -> Result<Hash, ReceiptError> {
        self.verify(self.proof.root_of_leaf(leaf)?, key)
    }

    /// Checks that the receipt says that a tree that `key` signed starts with the tree of `old_root`, and returns the
    /// newer tree's root.
    ///
    /// # Errors
    /// As [`Receipt::verify_inclusion`].
    pub fn verify_consistency(
        &self,
        old_root: Hash,
        key: &ReceiptKey,
    ) -> Result<Hash, ReceiptError> {
        self.verify(self.proof.root_after(old_root)?, key)
    }

    fn verify(&self, root: Hash, key: &ReceiptKey) -> Result<Hash, ReceiptError> {
        let message = to_be_signed(&self.protected, root);
        let signature = Signature::from_slice(&self.signature);
        if signature.is_ok_and(|signature| key.key.verify_strict(&message, &signature).is_ok()) {
            Ok(root)
        } else {
            Err(ReceiptError::Signature)
        }
    }
}

impl ReceiptProof {
    fn root_of_leaf(&self, leaf: &[u8]) -> Result<Hash, ReceiptError> {
        match self {
            Self::Inclusion { size, index, path } => {
                Ok(inclusion_root(path, *index, *size, leaf_hash(leaf))?)
            }
            Self::Consistency { .. } => Err(ReceiptError::Kind {
                expected: "inclusion",
                found: "consistency",
            }),
        }
    }

    fn root_after(&self, old_root: Hash) -> Result<Hash, ReceiptError> {
        let Self::Consistency { old, new, path } = self else {
            return Err(ReceiptError::Kind {
                expected: "consistency",
                found: "inclusion",
            });
        };
        if old == new && old.0 > 0 && path.is_empty() {
            return Ok(old_root);
        }
        // A complete old tree is its own first hash and is not sent.
        let (first, rest) = match path.split_first() {
            _ if old.0.is_power_of_two() => (old_root, &path[..]),
            Some((first, rest)) => (*first, rest),
            None => return Err(ProofError::Length.into()),
        };
        let (found_old, found_new) = consistency_roots(first, rest, *old, *new)?;
        if found_old == old_root {
            Ok(found_new)
        } else {
            Err(ProofError::RootMismatch.into())
        }
    }
}

/// COSE's `Sig_structure` for `COSE_Sign1` with the root as the detached payload (RFC 9052 section 4.4).
fn to_be_signed(protected: &[u8], root: Hash) -> Vec<u8> {
    let message = Writer::default().array(4).text("Signature1");
    message.bytes(protected).bytes(&[]).bytes(&root.0).finish()
}

fn encode_proof(first: u64, second: u64, path: &[Hash]) -> Vec<u8> {
    let proof = Writer::default().array(3).unsigned(first).unsigned(second);
    path.iter()
        .fold(proof.array(path.len()), |proof, hash| proof.bytes(&hash.0))
        .finish()
}

/// The parts of a `COSE_Sign1` receipt.
struct Envelope<'a> {
    protected: &'a [u8],
    kind: i64,
    proof: &'a [u8],
    signature: &'a [u8],
}

fn parse_envelope(bytes: &[u8]) -> Option<Envelope<'_>> {
    let mut reader = Reader::new(bytes);
    reader.tag(SIGN1)?;
    let four = reader.array()? == 4;
    let protected = reader.bytes()?;
    let one = reader.map()? == 1 && reader.int()? == VDP && reader.map()? == 1;
    let kind = reader.int()?;
    let single = reader.array()? == 1;
    let proof = reader.bytes()?;
    reader.null()?;
    let signature = reader.bytes()?;
    reader.end()?;
    (four && one && single).then_some(Envelope {
        protected,
        kind,
        proof,
        signature,
    })
}

/// What a protected header says that names the one algorithm and data structure.
struct Protected<'a> {
    key_id: Option<&'a [u8]>,
}

fn parse_protected(bytes: &[u8]) -> Option<Protected<'_>> {
    let mut reader = Reader::new(bytes);
    let (mut alg, mut vds, mut key_id) = (None, None, None);
    let mut seen: Vec<i64> = Vec::new();
    for _ in 0..reader.map()? {
        let Label::Int(label) = reader.label()? else {
            reader.skip()?;
            continue;
        };
        if seen.contains(&label) || label == CRIT {
            return None;
        }
        seen.push(label);
        match label {
            ALG => alg = Some(reader.int()?),
            KID => key_id = Some(reader.bytes()?),
            VDS => vds = Some(reader.int()?),
            _ => reader.skip()?,
        }
    }
    reader.end()?;
    (alg == Some(EDDSA) && vds == Some(RFC9162_SHA256)).then_some(Protected { key_id })
}

fn parse_proof(bytes: &[u8]) -> Option<(u64, u64, Vec<Hash>)> {
    let mut reader = Reader::new(bytes);
    let three = reader.array()? == 3;
    let (first, second) = (reader.unsigned()?, reader.unsigned()?);
    let count = reader.array()?;
    if !three || count > MAX_HASHES {
        return None;
    }
    let mut path = Vec::new();
    for _ in 0..count {
        path.push(Hash(reader.bytes()?.try_into().ok()?));
    }
    reader.end()?;
    Some((first, second, path))
}

#[cfg(test)]
mod tests;
