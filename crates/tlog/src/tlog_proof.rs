//! Proof files (C2SP `tlog-proof`): an inclusion proof with its checkpoint, checked offline.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Hash, LeafIndex, leaf_hash, parse_decimal};
use crate::key::VerifierKey;
use crate::note::Note;
use crate::policy::{Met, NotMet, WitnessPolicy};
use crate::proof::{ProofError, verify_inclusion};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A `u64` tree is at most 64 levels high.
const MAX_HASHES: usize = 64;
/// Longest proof file accepted, in bytes: the note's own limit plus room for the proof.
const MAX_FILE: usize = 1_100_000;

/// A proof that a leaf is in a log. `Display` writes the `.tlog-proof` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Application data; not authenticated.
    pub extra: Option<Vec<u8>>,
    /// Index of the leaf.
    pub index: LeafIndex,
    /// Inclusion proof, from the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

/// A proof file that cannot be read or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlogProofError {
    /// Not a proof file.
    #[error("not a proof file (c2sp.org/tlog-proof@v1): {0}")]
    Malformed(&'static str),
    /// Its checkpoint cannot be believed.
    #[error("the proof's checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The policy does not accept its checkpoint.
    #[error("the proof's checkpoint: {0}")]
    NotMet(#[from] NotMet),
    /// Its hashes do not prove that this leaf is at this index.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

impl TlogProof {
    /// Reads a proof file of at most 1.1 MB.
    ///
    /// # Errors
    /// [`TlogProofError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let malformed = TlogProofError::Malformed;
        if text.len() > MAX_FILE {
            return Err(malformed("longer than 1.1 MB"));
        }
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(malformed("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(malformed("the first line is another"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => Some(
                STANDARD
                    .decode(&line["extra ".len()..])
                    .map_err(|_| malformed("the extra line is not base64"))?,
            ),
            None => None,
        };
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(parse_decimal);
        let index = LeafIndex(index.ok_or(malformed("no index line"))?);
        let hashes: Vec<Hash> = lines
            .take(MAX_HASHES + 1)
            .map(|line| Hash::from_base64(line).map_err(|_| malformed("a line is not a hash")))
            .collect::<Result<_, _>>()?;
        if hashes.len() > MAX_HASHES {
            return Err(malformed("more than 64 hashes"));
        }
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: String::from(checkpoint),
        })
    }

    /// Checks that `leaf` (the leaf's bytes) is in the log of `key`, and returns the checkpoint that says so.
    ///
    /// # Errors
    /// [`TlogProofError::Checkpoint`] or [`TlogProofError::Inclusion`].
    pub fn verify(&self, leaf: &[u8], key: &VerifierKey) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), key)?;
        self.verify_leaf(leaf, &checkpoint)?;
        Ok(checkpoint)
    }

    /// Checks that `leaf` (the leaf's bytes) is in a log of `policy`, under a checkpoint that a quorum of its witnesses
    /// cosigned, and returns the checkpoint and who cosigned it when.
    ///
    /// # Errors
    /// [`TlogProofError::Checkpoint`], [`TlogProofError::NotMet`] or [`TlogProofError::Inclusion`].
    pub fn verify_under(&self, leaf: &[u8], policy: &WitnessPolicy) -> Result<Met, TlogProofError> {
        let note = Note::parse(self.checkpoint.as_bytes()).map_err(CheckpointError::Note)?;
        let met = policy.check(&note)?;
        self.verify_leaf(leaf, &met.checkpoint)?;
        Ok(met)
    }

    fn verify_leaf(&self, leaf: &[u8], checkpoint: &Checkpoint) -> Result<(), ProofError> {
        let (size, root) = (checkpoint.size, checkpoint.root);
        verify_inclusion(&self.hashes, self.index, size, leaf_hash(leaf), root)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", hash.to_base64())?;
        }
        f.write_str(&format!("\n{}", self.checkpoint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosignature::{UnixTime, cosign};
    use crate::hash::{TreeSize, node_hash};
    use crate::key::{Cosigner as _, Ed25519Cosigner, Ed25519Signer, NoteSigner as _};
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn signer() -> Ed25519Signer {
        Ed25519Signer::from_seed("example.org/log", &[7; 32]).unwrap()
    }

    fn proof() -> TlogProof {
        let root = node_hash(leaf_hash(b"left"), leaf_hash(b"right"));
        let checkpoint = Checkpoint {
            origin: String::from("example.org/log"),
            size: TreeSize(2),
            root,
            extensions: Vec::new(),
        };
        TlogProof {
            extra: None,
            index: LeafIndex(1),
            hashes: Vec::from([leaf_hash(b"left")]),
            checkpoint: checkpoint.sign(&signer()).unwrap().to_string(),
        }
    }

    #[test]
    fn golden_form() {
        let text = proof().to_string();
        assert!(
            text.starts_with("c2sp.org/tlog-proof@v1\nindex 1\n"),
            "{text}"
        );
        assert_eq!(
            text.lines().nth(2),
            Some(leaf_hash(b"left").to_base64().as_str())
        );
        assert_eq!(
            text.lines().skip(3).take(3).collect::<Vec<_>>(),
            ["", "example.org/log", "2"]
        );
        let with_extra = TlogProof {
            extra: Some(Vec::from(*b"note")),
            ..proof()
        };
        assert_eq!(TlogProof::parse(&with_extra.to_string()), Ok(with_extra));
    }

    #[test]
    fn only_the_right_leaf_and_key_pass() {
        let proof = TlogProof::parse(&proof().to_string()).unwrap();
        assert_eq!(
            proof
                .verify(b"right", signer().verifier_key())
                .unwrap()
                .size,
            TreeSize(2)
        );
        assert_eq!(
            proof.verify(b"wrong", signer().verifier_key()),
            Err(TlogProofError::Inclusion(ProofError::RootMismatch))
        );
        let other = Ed25519Signer::from_seed("example.org/log", &[8; 32]).unwrap();
        assert!(matches!(
            proof.verify(b"right", other.verifier_key()),
            Err(TlogProofError::Checkpoint(_))
        ));
    }

    #[test]
    fn under_a_policy_a_quorum_must_have_cosigned() {
        let witness = Ed25519Cosigner::from_seed("witness.example", &[5; 32]).unwrap();
        let (log, key) = (signer(), witness.cosigner_key());
        let log = log.verifier_key();
        let policy = |quorum: &str| {
            let text = alloc::format!("log {log}\nwitness w {key}\nquorum {quorum}\n");
            WitnessPolicy::parse(text.as_bytes()).unwrap()
        };
        let mut proof = proof();
        assert!(proof.verify_under(b"right", &policy("none")).is_ok());
        assert!(matches!(
            proof.verify_under(b"right", &policy("w")),
            Err(TlogProofError::NotMet(NotMet::Quorum { .. }))
        ));
        let mut note = Note::parse(proof.checkpoint.as_bytes()).unwrap();
        let line = cosign(note.text(), UnixTime(77), &witness).unwrap();
        note.add_signature(line).unwrap();
        proof.checkpoint = note.to_string();
        let met = proof.verify_under(b"right", &policy("w")).unwrap();
        assert_eq!(
            (met.checkpoint.size, met.witnesses[0].time),
            (TreeSize(2), UnixTime(77))
        );
        assert!(matches!(
            proof.verify_under(b"wrong", &policy("w")),
            Err(TlogProofError::Inclusion(_))
        ));
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(bit: proptest::sample::Index) {
            let mut bytes = proof().to_string().into_bytes();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let verified = core::str::from_utf8(&bytes).ok().and_then(|text| TlogProof::parse(text).ok())
                .is_some_and(|proof| proof.verify(b"right", signer().verifier_key()).is_ok());
            prop_assert!(!verified);
        }

        #[test]
        fn any_text_parses_without_panic(tail in "(\n|index |extra |[A-Za-z0-9+/=]{44}|0){0,12}") {
            let _ = TlogProof::parse(&alloc::format!("{HEADER}\n{tail}"));
        }
    }
}
