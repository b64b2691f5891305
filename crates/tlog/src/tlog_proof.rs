//! Proof files (C2SP `tlog-proof`): an inclusion proof with its checkpoint, checked offline.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Hash, LeafIndex, leaf_hash, parse_decimal};
use crate::note::VerifierKey;
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
        verify_inclusion(
            &self.hashes,
            self.index,
            checkpoint.size,
            leaf_hash(leaf),
            checkpoint.root,
        )?;
        Ok(checkpoint)
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
    use crate::hash::{TreeSize, node_hash};
    use crate::note::{Ed25519Signer, NoteSigner as _};
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
