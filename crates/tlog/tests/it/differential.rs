//! Against two independent RFC 6962 implementations and an independent reader of signed notes.

use std::cell::RefCell;

use colophon_tlog::{
    Hash, LeafIndex, TreeSize, leaf_hash, node_hash, prove_consistency, prove_inclusion, root,
    verify_consistency, verify_inclusion,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use crate::common::{Log, leaf, vkey, witness};

/// The other implementation's storage: every complete subtree's hash in its own order.
#[derive(Default)]
struct Stored(RefCell<Vec<tlog_tiles::Hash>>);

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let stored = self.0.borrow();
        Ok(indexes
            .iter()
            .map(|index| stored[*index as usize])
            .collect())
    }
}

fn reference(size: usize) -> Stored {
    let stored = Stored::default();
    for index in 0..size {
        let hashes = tlog_tiles::stored_hashes(index as u64, &leaf(index), &stored).unwrap();
        stored.0.borrow_mut().extend(hashes);
    }
    stored
}

fn log(size: usize) -> Log {
    let mut log = Log::default();
    log.grow(size);
    log
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The eight leaves and roots with which certificate transparency implementations test themselves.
#[test]
fn certificate_transparency_vectors() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let mut edge = colophon_tlog::RightEdge::new();
    for (hash, root) in hashes.iter().zip(roots) {
        edge.append(&[*hash]);
        assert_eq!(edge.root().to_string(), root);
    }
    // Inclusion of leaf 5 in the tree of 8: its sibling, the pair before, the first half.
    let pair = |i: usize| node_hash(hashes[i], hashes[i + 1]);
    let proof = [hashes[4], pair(6), node_hash(pair(0), pair(2))];
    assert_eq!(
        verify_inclusion(&proof, LeafIndex(5), TreeSize(8), hashes[5], edge.root()),
        Ok(())
    );
}

#[test]
fn notes_are_read_by_another_implementation() {
    use signed_note::{Note, StandardVerifier, VerifierList};
    let note = log(300).checkpoint(&[witness(0), witness(1)]);
    let verifier = StandardVerifier::new(&vkey()).unwrap();
    let parsed = Note::from_bytes(note.as_bytes()).unwrap();
    let (verified, unverified) = parsed
        .verify(&VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_agree(old in 0_usize..700, more in 0_usize..700, at: proptest::sample::Index) {
        let size = old + more;
        let (ours, theirs) = (log(size), reference(size));
        prop_assert_eq!(ours.root().0, tlog_tiles::tree_hash(size as u64, &theirs).unwrap().0);
        prop_assert_eq!(root(&mut ours.reader(), ours.size()).unwrap(), ours.root());
        let mut third = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        (0..old).for_each(|index| third.push(leaf(index)));
        let old_root = log(old).root();
        prop_assert_eq!(third.root().as_bytes()[..].to_vec(), old_root.0.to_vec());
        (old..size).for_each(|index| third.push(leaf(index)));

        let (old_size, size) = (TreeSize(old as u64), ours.size());
        let proof = prove_consistency(&mut ours.reader(), old_size, size).unwrap();
        prop_assert_eq!(verify_consistency(&proof, old_size, old_root, size, ours.root()), Ok(()));
        if old > 0 {
            let other = tlog_tiles::prove_tree(size.0, old as u64, &theirs).unwrap();
            prop_assert_eq!(&proof.iter().map(|hash| hash.0).collect::<Vec<_>>(), &other.iter().map(|hash| hash.0).collect::<Vec<_>>());
            if more > 0 {
                prop_assert_eq!(bytes(&proof), third.prove_consistency(more).as_bytes().to_vec());
            }
        }
        if size.0 > 0 {
            let index = at.index(size.0 as usize);
            let proof = prove_inclusion(&mut ours.reader(), LeafIndex(index as u64), size).unwrap();
            let other = tlog_tiles::prove_record(size.0, index as u64, &theirs).unwrap();
            prop_assert_eq!(proof.iter().map(|hash| hash.0).collect::<Vec<_>>(), other.iter().map(|hash| hash.0).collect::<Vec<_>>());
            prop_assert_eq!(bytes(&proof), third.prove_inclusion(index).as_bytes().to_vec());
            prop_assert_eq!(verify_inclusion(&proof, LeafIndex(index as u64), size, leaf_hash(&leaf(index)), ours.root()), Ok(()));
        }
    }

    /// Verification of anything altered fails; so does a proof for another place or size.
    #[test]
    fn altered_proofs_are_refused(
        size in 2_u64..600,
        at: proptest::sample::Index,
        position: proptest::sample::Index,
        bit in 0_usize..256,
        other in 0_u64..600,
    ) {
        let ours = log(size as usize);
        let index = LeafIndex(at.index(size as usize) as u64);
        let leaf = leaf_hash(&leaf(index.0 as usize));
        let good = prove_inclusion(&mut ours.reader(), index, ours.size()).unwrap();
        let flip = |hash: &mut Hash| hash.0[bit / 8] ^= 1 << (bit % 8);
        let check = |proof: &[Hash], index, size, leaf, root| verify_inclusion(proof, index, size, leaf, root).is_ok();
        let mut proof = good.clone();
        flip(&mut proof[position.index(good.len())]);
        prop_assert!(!check(&proof, index, ours.size(), leaf, ours.root()));
        prop_assert!(!check(&good[1..], index, ours.size(), leaf, ours.root()));
        let longer: Vec<Hash> = good.iter().copied().chain([leaf]).collect();
        prop_assert!(!check(&longer, index, ours.size(), leaf, ours.root()));
        let (mut wrong_leaf, mut wrong_root) = (leaf, ours.root());
        flip(&mut wrong_leaf);
        flip(&mut wrong_root);
        prop_assert!(!check(&good, index, ours.size(), wrong_leaf, ours.root()));
        prop_assert!(!check(&good, index, ours.size(), leaf, wrong_root));
        prop_assert!(!check(&good, LeafIndex(size), ours.size(), leaf, ours.root()));
        if other != index.0 {
            prop_assert!(!check(&good, LeafIndex(other), ours.size(), leaf, ours.root()));
        }
    }

    #[test]
    fn altered_consistency_proofs_are_refused(
        old in 1_u64..500,
        more in 1_u64..500,
        position: proptest::sample::Index,
        bit in 0_usize..256,
    ) {
        let (before, after) = (log(old as usize), log((old + more) as usize));
        let good = prove_consistency(&mut after.reader(), before.size(), after.size()).unwrap();
        let check = |proof: &[Hash], old_root| verify_consistency(proof, before.size(), old_root, after.size(), after.root()).is_ok();
        prop_assert!(check(&good, before.root()));
        let mut proof = good.clone();
        let at = position.index(good.len());
        proof[at].0[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!check(&proof, before.root()));
        prop_assert!(!check(&good[1..], before.root()));
        prop_assert!(!check(&good, leaf_hash(b"another")));
        prop_assert!(verify_consistency(&good, after.size(), after.root(), before.size(), before.root()).is_err());
    }
}
