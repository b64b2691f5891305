//! Checking inclusion and consistency proofs (RFC 9162 sections 2.1.3.2 and 2.1.4.2; the tree of RFC 6962).

use crate::hash::{Hash, LeafIndex, TreeSize, node_hash};

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The leaf index is not below the tree size, or the old tree is larger than the new one.
    #[error("the proof is about a place outside the tree")]
    OutOfRange,
    /// Too few or too many hashes for these sizes.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root hash: the data is not what the log holds")]
    RootMismatch,
}

/// Checks that `leaf` is the leaf at `index` of the tree of `size` leaves with `root`.
///
/// # Errors
/// [`ProofError`] when it does not follow.
pub fn verify_inclusion(
    proof: &[Hash],
    index: LeafIndex,
    size: TreeSize,
    leaf: Hash,
    root: Hash,
) -> Result<(), ProofError> {
    if inclusion_root(proof, index, size, leaf)? == root {
        Ok(())
    } else {
        Err(ProofError::RootMismatch)
    }
}

/// The root that an inclusion proof leads to.
pub(crate) fn inclusion_root(
    proof: &[Hash],
    index: LeafIndex,
    size: TreeSize,
    leaf: Hash,
) -> Result<Hash, ProofError> {
    if index.0 >= size.0 {
        return Err(ProofError::OutOfRange);
    }
    let (mut node, mut last) = (index.0, size.0 - 1);
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(*sibling, hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, *sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    Ok(hash)
}

/// Checks that the tree of `new_size` leaves with `new_root` starts with the `old_size` leaves of `old_root`.
///
/// # Errors
/// [`ProofError`] when it does not follow.
pub fn verify_consistency(
    proof: &[Hash],
    old_size: TreeSize,
    old_root: Hash,
    new_size: TreeSize,
    new_root: Hash,
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::OutOfRange);
    }
    if old_size == new_size || old_size.0 == 0 {
        let old_root_known = if old_size.0 == 0 {
            Hash::empty_tree()
        } else {
            new_root
        };
        let matches =
            old_root == old_root_known && (new_size.0 != 0 || new_root == Hash::empty_tree());
        return match (proof.is_empty(), matches) {
            (false, _) => Err(ProofError::Length),
            (true, false) => Err(ProofError::RootMismatch),
            (true, true) => Ok(()),
        };
    }
    // A complete old tree is its own first hash and is not sent.
    let (first, rest) = if old_size.0.is_power_of_two() {
        (old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or(ProofError::Length)?;
        (*first, rest)
    };
    let (old, new) = consistency_roots(first, rest, old_size, new_size)?;
    if old == old_root && new == new_root {
        Ok(())
    } else {
        Err(ProofError::RootMismatch)
    }
}

/// The old and the new root that a consistency proof leads to, `first` being its first hash even when the old tree is
/// complete and RFC 6962 leaves it out. `0 < old_size < new_size`, or the answer is [`ProofError`].
pub(crate) fn consistency_roots(
    first: Hash,
    rest: &[Hash],
    old_size: TreeSize,
    new_size: TreeSize,
) -> Result<(Hash, Hash), ProofError> {
    if old_size.0 == 0 || old_size >= new_size {
        return Err(ProofError::OutOfRange);
    }
    let (mut node, mut last) = (old_size.0 - 1, new_size.0 - 1);
    let shift = node.trailing_ones();
    node >>= shift;
    last >>= shift;
    let (mut old, mut new) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old = node_hash(*sibling, old);
            new = node_hash(*sibling, new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(new, *sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    Ok((old, new))
}
