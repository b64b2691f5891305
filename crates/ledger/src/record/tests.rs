//! Golden bytes, commitments and properties of records.

use super::prepared::Salts;
use super::*;
use crate::error::LedgerError;
use crate::vault::{StorageKey, Vault};
use colophon_tlog::leaf_hash;
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

/// The same of [`golden_generated`], with a prompt salt of 0x33.
const GOLDEN_GENERATED_LEAF: &str = "906f636f6c6f70686f6e2e7265636f7264021a6b49d20001826f5177656e2d496d6167652d32353132f677747261696e6564416c676f\
    726974686d69634d656469615820aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa582005b3abf2579a\
    5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f6a75726e3a633270613a315820bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb5820cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc190400\
    1903005820e2fb1c1d8a3a4ad592e30f6283dc7c5c6a891abf87ef3d44e2879b5a2e1679ee5820a753f2a8b23b19cf62b9ecc57f1099\
    a46718e6d0e881d241abc7af5d941a5a638d016d6578616d706c652f6d6f64656c8182716d6f64656c2e7361666574656e736f727358\
    20dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd714d4954204f52204170616368652d322e3082634d\
    4954674343302d312e3001190200190200820708146565756c65721911945820881175ff98630ea49d512599104a97959b60e8955611\
    b2a0f4d98731976dbe25";
const GOLDEN_GENERATED_PRIVATE: &str = "8970636f6c6f70686f6e2e70726976617465026741207469746c6569612072656420666f785820000102030405060708090a0b0c0d0e\
    0f101112131415161718191a1b1c1d1e1f420102f664736e6f7758203333333333333333333333333333333333333333333333333333\
    333333333333";

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
        requester: None,
        title: Some("A title".to_owned()),
        prompt: None,
        negative_prompt: None,
        prompt_salt: None,
        generation: None,
        unmarked_reason: None,
    }
}

fn golden_generated() -> NewRecord {
    let salt = [0x33; 32];
    NewRecord {
        kind: Kind::Generate,
        prompt: Some("a red fox".to_owned()),
        negative_prompt: Some("snow".to_owned()),
        prompt_salt: Some(salt),
        generation: Some(Generation {
            backend: Backend::Embedded,
            model_id: "example/model".to_owned(),
            weights: vec![WeightsFile {
                file: "model.safetensors".to_owned(),
                sha256: [0xdd; 32],
            }],
            license: Some("MIT OR Apache-2.0".to_owned()),
            training_licenses: vec!["MIT".to_owned(), "CC0-1.0".to_owned()],
            built_in: true,
            width: 512,
            height: 512,
            seeds: vec![7, 8],
            steps: Some(20),
            sampler: Some("euler".to_owned()),
            guidance_thousandths: Some(4_500),
            prompt_commitment: prompt_commitment(&salt, "a red fox", Some("snow")),
        }),
        ..golden_record()
    }
}

/// The leaf of [`golden_requested`], with a requester salt of 0x44.
const GOLDEN_REQUESTED_LEAF: &str = "916f636f6c6f70686f6e2e7265636f7264031a6b49d20001826f5177656e2d496d6167652d32353132f677747261696e6564416c676f\
    726974686d69634d656469615820aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa582005b3abf2579a\
    5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f6a75726e3a633270613a315820bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb5820cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc190400\
    1903005820e2fb1c1d8a3a4ad592e30f6283dc7c5c6a891abf87ef3d44e2879b5a2e1679ee58204bfea621457cb05e4b0d50fede8dfd\
    c7cc6b6d62b422e676885eb0c809f012ee58206589549eba4cd826c61627bd9a2c46f9f07e0db9ab00949a46e7a2f1564eed518d016d\
    6578616d706c652f6d6f64656c8182716d6f64656c2e7361666574656e736f72735820dddddddddddddddddddddddddddddddddddddd\
    dddddddddddddddddddddddddd714d4954204f52204170616368652d322e3082634d4954674343302d312e3001190200190200820708\
    146565756c65721911945820881175ff98630ea49d512599104a97959b60e8955611b2a0f4d98731976dbe25";
const GOLDEN_REQUESTED_PRIVATE: &str = "8b70636f6c6f70686f6e2e70726976617465036741207469746c6569612072656420666f785820000102030405060708090a0b0c0d0e\
    0f101112131415161718191a1b1c1d1e1f420102f664736e6f7758203333333333333333333333333333333333333333333333333333\
    3333333333336c416e6e61204578616d706c6558204444444444444444444444444444444444444444444444444444444444444444";

/// A generation for somebody who is named.
pub(crate) fn golden_requested() -> NewRecord {
    NewRecord {
        requester: Some("Anna Example".to_owned()),
        ..golden_generated()
    }
}

pub(crate) fn vault() -> Vault {
    Vault::create(StorageKey::new([9; 32])).unwrap().0
}

const SALTS: Salts = Salts {
    watermark: [0x11; 32],
    private: [0x22; 32],
    requester: [0x44; 32],
};

fn golden(record: NewRecord) -> Prepared {
    Prepared::with_salts(record, &SALTS).unwrap()
}

fn prepared(record: NewRecord) -> Result<Prepared, LedgerError> {
    Prepared::new(record)
}

/// The row as the database would give it back, and what opens it.
fn row(record: NewRecord) -> (Prepared, PrivateRow, Vault) {
    let vault = vault();
    let prepared = Prepared::new(record).unwrap();
    let private = prepared.private.as_ref().unwrap();
    let subject = private.subject.as_ref().map(|name| {
        let tag = vault.tag(name);
        let (key, wrapped) = vault.new_subject(tag).unwrap();
        (tag, key, wrapped)
    });
    let key = subject.as_ref().map(|(_, key, _)| key);
    let row = PrivateRow {
        watermark_id: private.watermark_id,
        watermark_salt: private.watermark_salt,
        fingerprint: private.fingerprint,
        key: vault.wrap(key, prepared.leaf_hash, &private.key).unwrap(),
        subject: subject.map(|(tag, _, wrapped)| (tag, wrapped)),
        body: private.body.clone(),
    };
    (prepared, row, vault)
}

/// What the encrypted body holds, without its salt.
fn body(prepared: &Prepared) -> Vec<u8> {
    let private = prepared.private.as_ref().unwrap();
    let salted = crate::vault::open_body(&private.key, prepared.leaf_hash, &private.body).unwrap();
    salted[32..].to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn golden_bytes() {
    let prepared = golden(golden_record());
    assert_eq!(hex(&prepared.leaf), GOLDEN_LEAF);
    assert_eq!(hex(&body(&prepared)), GOLDEN_PRIVATE);
}

#[test]
fn golden_bytes_of_a_generated_picture() {
    let prepared = golden(golden_generated());
    assert_eq!(hex(&prepared.leaf), GOLDEN_GENERATED_LEAF);
    assert_eq!(hex(&body(&prepared)), GOLDEN_GENERATED_PRIVATE);
    assert_eq!(
        PublicRecord::decode(&prepared.leaf).unwrap().generation,
        golden_generated().generation
    );
}

#[test]
fn golden_bytes_of_a_picture_somebody_asked_for() {
    let prepared = golden(golden_requested());
    assert_eq!(hex(&prepared.leaf), GOLDEN_REQUESTED_LEAF);
    assert_eq!(hex(&body(&prepared)), GOLDEN_REQUESTED_PRIVATE);
    let leaf = PublicRecord::decode(&prepared.leaf).unwrap();
    assert_eq!(
        leaf.requester_commitment,
        Some(requester_commitment(&[0x44; 32], "Anna Example"))
    );
    assert_eq!(leaf.generation, golden_generated().generation);
}

#[test]
fn a_row_opens_only_with_its_leaf_and_its_columns() {
    let (prepared, row, vault) = row(golden_requested());
    let leaf = PublicRecord::decode(&prepared.leaf).unwrap();
    assert!(row.open(&leaf, prepared.leaf_hash, &vault).is_ok());
    let refused = |change: fn(&mut PrivateRow), says: &str| {
        let mut row = row.clone();
        change(&mut row);
        let why = row.open(&leaf, prepared.leaf_hash, &vault).unwrap_err();
        assert!(why.contains(says), "{why}");
    };
    refused(|row| row.watermark_id = Some(1), "watermark id");
    refused(|row| row.fingerprint = None, "fingerprint");
    refused(|row| row.body[40] ^= 1, "decrypt");
    refused(|row| row.key[40] ^= 1, "decrypt");
    refused(|row| row.subject = None, "decrypt");
    let other = golden(golden_record());
    assert!(row.open(&leaf, other.leaf_hash, &vault).is_err());
    let stranger = Vault::create(StorageKey::new([8; 32])).unwrap().0;
    assert!(row.open(&leaf, prepared.leaf_hash, &stranger).is_err());
}

#[test]
fn the_leaf_holds_the_prompt_as_a_commitment_only() {
    let prepared = prepared(golden_requested()).unwrap();
    let holds = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|found| found == text);
    let sealed = &prepared.private.as_ref().unwrap().body;
    for secret in [
        b"a red fox".as_slice(),
        b"snow",
        &[0x33; 32],
        b"A title",
        b"Anna",
    ] {
        assert!(holds(&body(&prepared), secret));
        assert!(!holds(&prepared.leaf, secret) && !holds(sealed, secret));
    }
    let forgotten = NewRecord {
        prompt: None,
        negative_prompt: None,
        prompt_salt: None,
        ..golden_generated()
    };
    let (prepared, row, vault) = row(forgotten);
    let leaf = PublicRecord::decode(&prepared.leaf).unwrap();
    assert_eq!(leaf.generation, golden_generated().generation);
    let part = row.open(&leaf, prepared.leaf_hash, &vault).unwrap();
    assert_eq!(part.prompt, None);
}

#[test]
fn a_prompt_that_was_not_committed_to_is_noticed() {
    let (prepared, row, vault) = row(golden_generated());
    let mut leaf = PublicRecord::decode(&prepared.leaf).unwrap();
    let generation = leaf.generation.as_mut().unwrap();
    generation.prompt_commitment = prompt_commitment(&[0x33; 32], "a red fox", None);
    let refused = row.open(&leaf, prepared.leaf_hash, &vault).unwrap_err();
    assert!(refused.contains("prompt"), "{refused}");
}

#[test]
fn a_generation_goes_with_its_kind_and_its_prompt() {
    let without = |change: fn(&mut NewRecord)| {
        let mut record = golden_generated();
        change(&mut record);
        prepared(record).map(|_| ()).unwrap_err().to_string()
    };
    for (change, says) in [
        (
            (|it| it.kind = Kind::Stamp) as fn(&mut NewRecord),
            "only a generated picture",
        ),
        (|it| it.prompt = None, "together or not at all"),
        (|it| it.prompt_salt = None, "together or not at all"),
        (|it| it.negative_prompt = None, "not the one committed to"),
        (
            |it| it.prompt = Some("a blue fox".to_owned()),
            "not the one committed to",
        ),
        (|it| it.generation = None, "belong to a generated picture"),
        (
            |it| it.generation.as_mut().unwrap().seeds = vec![0; MAX_TEST_SEEDS],
            "more than 64 seeds",
        ),
        (
            |it| it.generation.as_mut().unwrap().sampler = Some("x".repeat(300)),
            "the sampler is longer than 256 bytes",
        ),
    ] {
        let refused = without(change);
        assert!(refused.contains(says), "{refused}");
    }
}

/// One more than a record takes.
const MAX_TEST_SEEDS: usize = 65;

#[test]
fn salts_hide_equal_records() {
    let first = prepared(golden_requested()).unwrap();
    let second = prepared(golden_requested()).unwrap();
    let decode = |prepared: &Prepared| PublicRecord::decode(&prepared.leaf).unwrap();
    assert_ne!(
        decode(&first).private_commitment,
        decode(&second).private_commitment
    );
    assert_ne!(
        decode(&first).watermark_commitment,
        decode(&second).watermark_commitment
    );
    assert_ne!(
        decode(&first).requester_commitment,
        decode(&second).requester_commitment
    );
}

#[test]
fn the_largest_leaf_fits_the_log() {
    let mut record = golden_requested();
    let long = "x".repeat(MAX_PUBLIC_TEXT);
    let name = "x".repeat(256);
    record.generation = Some(Generation {
        model_id: long.clone(),
        weights: vec![
            WeightsFile {
                file: name.clone(),
                sha256: [0; 32]
            };
            64
        ],
        license: Some(name.clone()),
        training_licenses: vec![name.clone(); 32],
        seeds: vec![u64::MAX; 64],
        sampler: Some(name),
        ..record.generation.unwrap()
    });
    record.generator = Some(Agent {
        name: long.clone(),
        version: Some(long.clone()),
    });
    record.source_type.clone_from(&long);
    record.manifest_id = long;
    assert!(prepared(record).unwrap().leaf.len() < 65_535);
}

prop_compose! {
    fn generations()(
        remote: bool,
        built_in: bool,
        weights in proptest::collection::vec(any::<(String, [u8; 32])>(), 0..3),
        texts: (String, Option<String>, Option<String>),
        training_licenses in proptest::collection::vec(any::<String>(), 0..3),
        size: (u32, u32),
        seeds in proptest::collection::vec(any::<u64>(), 0..5),
        numbers: (Option<u32>, Option<u32>),
        prompt_commitment: [u8; 32],
    ) -> Generation {
        Generation {
            backend: if remote { Backend::Remote } else { Backend::Embedded },
            model_id: texts.0,
            weights: weights.into_iter().map(|(file, sha256)| WeightsFile { file, sha256 }).collect(),
            license: texts.1,
            training_licenses,
            built_in,
            width: size.0,
            height: size.1,
            seeds,
            steps: numbers.0,
            sampler: texts.2,
            guidance_thousandths: numbers.1,
            prompt_commitment,
        }
    }
}

prop_compose! {
    pub(crate) fn records()(
        numbers: (i64, u32, u32),
        watermark_id: Option<u64>,
        hashes: [[u8; 32]; 3],
        fingerprint: Option<[u8; 32]>,
        sketch in option::of(proptest::collection::vec(any::<u8>(), 0..50)),
        texts: (String, String),
        agent: Option<(String, Option<String>)>,
        private: (Option<String>, Option<String>),
        manifest in proptest::collection::vec(any::<u8>(), 0..50),
        generation in option::of(generations()),
        kept: (bool, [u8; 32], Option<String>),
        kept_requester: Option<String>,
    ) -> NewRecord {
        let (keep, salt, negative) = kept;
        let prompt = private.1;
        let (salt, negative_prompt) = match (&generation, &prompt) {
            (Some(_), Some(_)) if keep => (Some(salt), negative),
            _ => (None, None),
        };
        let prompt = prompt.filter(|_| generation.is_none() || keep);
        let generation = generation.map(|it| Generation {
            prompt_commitment: match (&prompt, &salt) {
                (Some(prompt), Some(salt)) => prompt_commitment(salt, prompt, negative_prompt.as_deref()),
                _ => it.prompt_commitment,
            },
            ..it
        });
        NewRecord {
            issued_at: numbers.0,
            kind: if numbers.1 % 2 == 0 || generation.is_some() { Kind::Generate } else { Kind::Stamp },
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
            requester: kept_requester,
            title: private.0,
            prompt,
            negative_prompt,
            prompt_salt: salt,
            generation,
            unmarked_reason: watermark_id.is_none().then(|| "flat".to_owned()),
        }
    }
}

proptest! {
    #[test]
    fn records_round_trip(record in records()) {
        let (prepared, row, vault) = row(record.clone());
        let leaf = PublicRecord::decode(&prepared.leaf).unwrap();
        prop_assert_eq!(&leaf.encode(), &prepared.leaf);
        prop_assert_eq!(prepared.leaf_hash, leaf_hash(&prepared.leaf));
        prop_assert_eq!((leaf.issued_at, leaf.kind, &leaf.generator), (record.issued_at, record.kind, &record.generator));
        prop_assert_eq!((&leaf.source_type, &leaf.manifest_id), (&record.source_type, &record.manifest_id));
        prop_assert_eq!((leaf.width, leaf.height, leaf.is_marked()), (record.width, record.height, record.watermark_id.is_some()));
        prop_assert_eq!(&leaf.generation, &record.generation);
        let part = row.open(&leaf, prepared.leaf_hash, &vault).unwrap();
        prop_assert_eq!(part.requester.is_some(), part.requester_salt.is_some());
        let sent = PrivatePart {
            watermark_id: record.watermark_id,
            fingerprint: record.fingerprint,
            sketch: record.sketch,
            title: record.title,
            prompt: record.prompt,
            negative_prompt: record.negative_prompt,
            prompt_salt: record.prompt_salt,
            unmarked_reason: record.unmarked_reason,
            requester: record.requester,
            requester_salt: part.requester_salt,
        };
        prop_assert_eq!(part, sent);
    }

    /// Every accepted byte string is the one encoding of what it says.
    #[test]
    fn altered_leaves_are_refused_or_canonical(record in records(), at: proptest::sample::Index, byte: u8, cut: bool) {
        let mut leaf = prepared(record).unwrap().leaf;
        let at = at.index(leaf.len());
        if cut { leaf.truncate(at) } else { leaf[at] = byte }
        if let Ok(decoded) = crate::leaf::Leaf::decode(&leaf) {
            prop_assert_eq!(decoded.encode(), leaf);
        }
    }
}
