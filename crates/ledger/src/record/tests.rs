//! Golden bytes, commitments and properties of records.

use super::*;
use proptest::option;
use proptest::prelude::*;

/// The leaf of [`golden_record`] with salts of 0x11 and 0x22, made by a separate program.
const GOLDEN_LEAF: &str = "8f6f636f6c6f70686f6e2e7265636f7264011a6b49d20002826f5177656e2d496d6167652d32353132f6\
    77747261696e6564416c676f726974686d69634d656469615820aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
    aaaaaaaa582005b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f6a75726e3a633270613a315820bbbbbb\
    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb5820cccccccccccccccccccccccccccccccccccccccccccccc\
    cccccccccccccccccc1904001903005820e2fb1c1d8a3a4ad592e30f6283dc7c5c6a891abf87ef3d44e2879b5a2e1679ee58208c4264\
    accb05297609cdc40d6b804ad81e165f5f738beaafd9e6c0618b7345db";
const GOLDEN_PRIVATE: &str = "8770636f6c6f70686f6e2e70726976617465016741207469746c65f65820\
    000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f420102f6";

pub(crate) fn golden_record() -> NewRecord {
    NewRecord {
        issued_at: 1_800_000_000,
        kind: Kind::Stamp,
        generator: Some(Agent {
            name: "Qwen-Image-2512".to_owned(),
            version: None,
        }),
        source_type: "trainedAlgorithmicMedia".to_owned(),
        watermark_id: Some(0x0123_4567_89ab_cdef),
        fingerprint: Some(std::array::from_fn(|i| i as u8)),
        sketch: Some(vec![1, 2]),
        asset_sha256: [0xaa; 32],
        manifest_sha256: Sha256::digest(b"manifest").into(),
        manifest_id: "urn:c2pa:1".to_owned(),
        manifest: b"manifest".to_vec(),
        signer_key_id: [0xbb; 32],
        policy_hash: [0xcc; 32],
        width: 1024,
        height: 768,
        title: Some("A title".to_owned()),
        prompt: None,
        unmarked_reason: None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn golden_bytes() {
    let prepared = Prepared::with_salts(golden_record(), [0x11; 32], [0x22; 32]).unwrap();
    assert_eq!(hex(&prepared.leaf), GOLDEN_LEAF);
    assert_eq!(hex(&prepared.private.body), GOLDEN_PRIVATE);
}

#[test]
fn salts_hide_equal_records() {
    let first = Prepared::new(golden_record()).unwrap();
    let second = Prepared::new(golden_record()).unwrap();
    assert_ne!(first.private.salt, second.private.salt);
    let decode = |prepared: &Prepared| PublicRecord::decode(&prepared.leaf).unwrap();
    assert_ne!(
        decode(&first).private_commitment,
        decode(&second).private_commitment
    );
    assert_ne!(
        decode(&first).watermark_commitment,
        decode(&second).watermark_commitment
    );
}

#[test]
fn the_largest_leaf_fits_the_log() {
    let mut record = golden_record();
    let long = "x".repeat(MAX_PUBLIC_TEXT);
    record.generator = Some(Agent {
        name: long.clone(),
        version: Some(long.clone()),
    });
    record.source_type.clone_from(&long);
    record.manifest_id = long;
    assert!(Prepared::new(record).unwrap().leaf.len() < 65_535);
}

prop_compose! {
    fn records()(
        numbers: (i64, u32, u32),
        watermark_id: Option<u64>,
        hashes: [[u8; 32]; 3],
        fingerprint: Option<[u8; 32]>,
        sketch in option::of(proptest::collection::vec(any::<u8>(), 0..50)),
        texts: (String, String),
        agent: Option<(String, Option<String>)>,
        private: (Option<String>, Option<String>),
        manifest in proptest::collection::vec(any::<u8>(), 0..50),
    ) -> NewRecord {
        NewRecord {
            issued_at: numbers.0,
            kind: if numbers.1 % 2 == 0 { Kind::Generate } else { Kind::Stamp },
            generator: agent.map(|(name, version)| Agent { name, version }),
            source_type: texts.0,
            watermark_id,
            fingerprint,
            sketch,
            asset_sha256: hashes[0],
            manifest_sha256: Sha256::digest(&manifest).into(),
            manifest_id: texts.1,
            manifest,
            signer_key_id: hashes[1],
            policy_hash: hashes[2],
            width: numbers.1,
            height: numbers.2,
            title: private.0,
            prompt: private.1,
            unmarked_reason: watermark_id.is_none().then(|| "flat".to_owned()),
        }
    }
}

proptest! {
    #[test]
    fn records_round_trip(record in records()) {
        let prepared = Prepared::new(record.clone()).unwrap();
        let leaf = PublicRecord::decode(&prepared.leaf).unwrap();
        prop_assert_eq!(leaf.encode(), prepared.leaf);
        prop_assert_eq!((leaf.issued_at, leaf.kind, &leaf.generator), (record.issued_at, record.kind, &record.generator));
        prop_assert_eq!((&leaf.source_type, &leaf.manifest_id), (&record.source_type, &record.manifest_id));
        prop_assert_eq!((leaf.width, leaf.height, leaf.is_marked()), (record.width, record.height, record.watermark_id.is_some()));
        let part = prepared.private.open(&leaf).unwrap();
        let sent = PrivatePart {
            watermark_id: record.watermark_id,
            fingerprint: record.fingerprint,
            sketch: record.sketch,
            title: record.title,
            prompt: record.prompt,
            unmarked_reason: record.unmarked_reason,
        };
        prop_assert_eq!(part, sent);
    }

    /// Every accepted byte string is the one encoding of what it says.
    #[test]
    fn altered_leaves_are_refused_or_canonical(record in records(), at: proptest::sample::Index, byte: u8, cut: bool) {
        let mut leaf = Prepared::new(record).unwrap().leaf;
        let at = at.index(leaf.len());
        if cut { leaf.truncate(at) } else { leaf[at] = byte }
        if let Ok(decoded) = PublicRecord::decode(&leaf) {
            prop_assert_eq!(decoded.encode(), leaf);
        }
    }
}
