use super::*;
use crate::edge::RightEdge;
use crate::hash::node_hash;
use alloc::vec;
use proptest::prelude::*;

fn signer() -> Ed25519ReceiptSigner {
    Ed25519ReceiptSigner::from_seed(b"receipts", &[11; 32])
}

fn leaf(i: u8) -> Hash {
    leaf_hash(&[i])
}

fn checkpoint(size: u8) -> Checkpoint {
    let mut edge = RightEdge::new();
    edge.append(&(0..size).map(leaf).collect::<Vec<_>>());
    Checkpoint {
        origin: String::from("example.org/log"),
        size: edge.size(),
        root: edge.root(),
        extensions: vec![],
    }
}

/// Leaf 1 of three leaves: its sibling, then the third leaf.
fn inclusion() -> Receipt {
    let path = vec![leaf(0), leaf(2)];
    Receipt::of_inclusion(&[1], LeafIndex(1), path, &checkpoint(3), &signer()).unwrap()
}

/// From three leaves to four: the third, the fourth, the pair before.
fn consistency() -> Receipt {
    let path = vec![leaf(2), leaf(3), node_hash(leaf(0), leaf(1))];
    let (old, new) = (checkpoint(3), checkpoint(4));
    Receipt::of_consistency(old.size, old.root, path, &new, &signer()).unwrap()
}

#[test]
fn golden_bytes_up_to_the_signature() {
    // 18([h'{1: -8, 4: "receipts", 395: 1}', {396: {-1: [h'[3, 1, [..., ...]]']}}, null, signature])
    let mut expected = vec![0xd2, 0x84, 0x51, 0xa3, 0x01, 0x27, 0x04, 0x48];
    expected.extend(b"receipts");
    expected.extend([0x19, 0x01, 0x8b, 0x01, 0xa1, 0x19, 0x01, 0x8c, 0xa1, 0x20]);
    expected.extend([0x81, 0x58, 0x48, 0x83, 0x03, 0x01, 0x82, 0x58, 0x20]);
    expected.extend(leaf(0).0);
    expected.extend([0x58, 0x20]);
    expected.extend(leaf(2).0);
    expected.extend([0xf6, 0x58, 0x40]);
    let bytes = inclusion().to_bytes();
    assert_eq!(bytes[..expected.len()], expected);
    assert_eq!(bytes.len(), expected.len() + 64);
}

#[test]
fn receipts_prove_what_they_say_and_nothing_else() {
    let key = signer().receipt_key().clone();
    let receipt = Receipt::parse(&inclusion().to_bytes()).unwrap();
    assert_eq!(receipt, inclusion());
    assert_eq!(receipt.key_id(), Some(&b"receipts"[..]));
    assert_eq!(receipt.verify_inclusion(&[1], &key), Ok(checkpoint(3).root));
    // Another leaf leads to another root, which the signature does not cover.
    assert_eq!(
        receipt.verify_inclusion(&[2], &key),
        Err(ReceiptError::Signature)
    );
    let stranger = Ed25519ReceiptSigner::from_seed(b"receipts", &[12; 32]);
    assert_eq!(
        receipt.verify_inclusion(&[1], stranger.receipt_key()),
        Err(ReceiptError::Signature)
    );
    assert!(matches!(
        receipt.verify_consistency(checkpoint(3).root, &key),
        Err(ReceiptError::Kind { .. })
    ));
    let receipt = Receipt::parse(&consistency().to_bytes()).unwrap();
    assert_eq!(
        receipt.verify_consistency(checkpoint(3).root, &key),
        Ok(checkpoint(4).root)
    );
    assert!(
        receipt
            .verify_consistency(checkpoint(2).root, &key)
            .is_err()
    );
    assert!(matches!(
        receipt.verify_inclusion(&[1], &key),
        Err(ReceiptError::Kind { .. })
    ));
}

#[test]
fn trees_of_one_leaf_and_of_the_same_size_have_receipts_too() {
    let key = signer().receipt_key().clone();
    let one = checkpoint(1);
    let receipt = Receipt::of_inclusion(&[0], LeafIndex(0), vec![], &one, &signer()).unwrap();
    let receipt = Receipt::parse(&receipt.to_bytes()).unwrap();
    assert_eq!(receipt.verify_inclusion(&[0], &key), Ok(one.root));
    let receipt = Receipt::of_consistency(one.size, one.root, vec![], &one, &signer()).unwrap();
    assert_eq!(receipt.verify_consistency(one.root, &key), Ok(one.root));
    // From one leaf to two: a complete old tree is not sent.
    let two = checkpoint(2);
    let receipt = Receipt::of_consistency(one.size, one.root, vec![leaf(1)], &two, &signer());
    let receipt = receipt.unwrap();
    assert_eq!(receipt.verify_consistency(one.root, &key), Ok(two.root));
    let empty = checkpoint(0);
    let from_nothing = Receipt::of_consistency(empty.size, empty.root, vec![], &one, &signer());
    assert!(from_nothing.is_err());
}

#[test]
fn nothing_untrue_is_signed() {
    let wrong = Receipt::of_inclusion(
        &[1],
        LeafIndex(0),
        vec![leaf(0), leaf(2)],
        &checkpoint(3),
        &signer(),
    );
    assert_eq!(wrong, Err(ProofError::RootMismatch.into()));
    let path = vec![leaf(2), leaf(3)];
    let old = checkpoint(3);
    let wrong = Receipt::of_consistency(old.size, old.root, path, &checkpoint(4), &signer());
    assert_eq!(wrong, Err(ProofError::Length.into()));
}

/// Replaces the protected header by another map.
fn with_protected(protected: Vec<u8>) -> Vec<u8> {
    Receipt {
        protected,
        ..inclusion()
    }
    .to_bytes()
}

#[test]
fn other_algorithms_structures_and_critical_labels_are_refused() {
    let header = |pairs: &[(i64, i64)]| {
        let start = Writer::default().map(pairs.len());
        let all = pairs
            .iter()
            .fold(start, |map, (label, value)| map.int(*label).int(*value));
        with_protected(all.finish())
    };
    let good = [(ALG, EDDSA), (VDS, RFC9162_SHA256)];
    assert!(Receipt::parse(&header(&good)).is_ok());
    assert!(Receipt::parse(&header(&[good[1], good[0], (15, 7)])).is_ok());
    for bad in [
        &[(ALG, -7), good[1]][..],
        &[good[0], (VDS, 2)],
        &[good[0]],
        &[good[1]],
        &[good[0], good[1], (ALG, EDDSA)],
        &[good[0], (CRIT, 0), good[1]],
        &[],
    ] {
        assert!(Receipt::parse(&header(bad)).is_err(), "{bad:?}");
    }
    let text = Writer::default().map(3).int(ALG).int(EDDSA);
    let text = text.int(VDS).int(RFC9162_SHA256).text("note").map(0);
    assert!(Receipt::parse(&with_protected(text.finish())).is_ok());
}

#[test]
fn the_key_is_written_as_openssl_reads_it() {
    let pem = signer().receipt_key().to_pem();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).unwrap();
    assert_eq!(der.len(), 44);
    assert_eq!(der[12..], *signer().receipt_key().public_key());
}

proptest! {
    #[test]
    fn every_flipped_bit_is_noticed(bit: proptest::sample::Index, which: bool) {
        let receipt = if which { inclusion() } else { consistency() };
        let mut bytes = receipt.to_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let key = signer().receipt_key().clone();
        let believed = Receipt::parse(&bytes).is_ok_and(|receipt| {
            receipt.verify_inclusion(&[1], &key).is_ok()
                || receipt.verify_consistency(checkpoint(3).root, &key).is_ok()
        });
        prop_assert!(!believed);
    }

    #[test]
    fn any_bytes_parse_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Receipt::parse(&bytes);
    }

    #[test]
    fn what_is_read_is_written_back(at: proptest::sample::Index, byte: u8) {
        let mut bytes = inclusion().to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(receipt) = Receipt::parse(&bytes) {
            prop_assert_eq!(receipt.to_bytes(), bytes);
        }
    }
}
