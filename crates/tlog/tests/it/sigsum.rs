//! Against the Sigsum project's verifier: its logs sign C2SP checkpoints, its witnesses cosign them as ours do.

use std::fmt::Write as _;

use colophon_tlog::{
    Cosigner as _, CosignerKey, Ed25519Signer, Hash, LeafIndex, Note, NoteSignature,
    NoteSigner as _, UnixTime, VerifierKey, WitnessPolicy, cosign, prove_inclusion,
};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use sigsum::{PolicyBuilder, SigsumSignature};

use crate::common::{Log, leaf, witness};

fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A head of Sigsum's public test log of February 2026 and what three operators' witnesses said of it: log key; size;
/// root; log signature; then key, name, signature of each witness, all at the same second.
const PUBLIC_LOG: &str = "47e481606d8acba747a6b053d6c2d191605fb122175d410a1202a91430abce39";
const PUBLIC_ROOT: &str = "901fefc6f1d978d2c2bedb82d448755bcdc7e8626e67ac7ee80873771be9b667";
const PUBLIC_SIGNATURE: &str = "8a8bf1fca60d1344fb6e2106e8f8906af833d3d75a21fe8d3af72be459f7a11f\
                                2ae6606ec6344a13b851cd454b3d281a2b1ae47732f7a8d6afbcc0134d1a2d00";
const PUBLIC_TIME: UnixTime = UnixTime(1_770_193_051);
const PUBLIC_WITNESSES: [(&str, &str, &str); 3] = [
    (
        "poc.sigsum.org/nisse",
        "1c25f8a44c635457e2e391d1efbca7d4c2951a0aef06225a881e46b98962ac6c",
        "a1ee1182b265204499cbef3ae59f3ea228b928b3cbda8817a4ed5a12776823e9\
         ad8ef1ce986b9b98d9954f1798ec4315c1820704600a231c69038ccc9726d202",
    ),
    (
        "witness.navigli.sunlight.geomys.org",
        "dcbf728e02d479f5a7e20dc09adf525833ed6e797526517aeb07fc6854849fc6",
        "f0dce1bcdda3a2826479d62e6afedbe9ec06e8f990ae59d8cefa84d9a6ee68c1\
         2c2820fb00e1dbdc30044b16c7695a9d1047cec4788dc757f698d34ebaec4305",
    ),
    (
        "tillitis.se/test-witness-1",
        "636582aec12f32c18a21733db9e3f718058ee7aaec6dbe4eb81781e0f4300c6e",
        "70697b4a6b07e79e49d0a8e41fd7450a593ee9df11da6244cebe4b0c15c8e52f\
         28ad3931b95a806fc7f16b4ad90197971ddc087434c7985b8b3a0223c9fa3603",
    ),
];

#[test]
fn a_public_logs_checkpoint_with_public_witnesses_verifies() {
    let log = unhex(PUBLIC_LOG);
    let origin = format!("sigsum.org/v1/tree/{}", sha256(&log));
    let log = VerifierKey::new(&origin, &log.try_into().unwrap()).unwrap();
    let root = Hash(unhex(PUBLIC_ROOT).try_into().unwrap());
    let line = |name: &str, key_id, signature| NoteSignature {
        name: name.to_owned(),
        key_id,
        signature,
    };
    let mut lines = vec![line(&origin, log.key_id(), unhex(PUBLIC_SIGNATURE))];
    let mut policy = format!("log {log}\n");
    for (name, key, signature) in PUBLIC_WITNESSES {
        let key = CosignerKey::new(name, &unhex(key).try_into().unwrap()).unwrap();
        let mut timed = PUBLIC_TIME.0.to_be_bytes().to_vec();
        timed.extend(unhex(signature));
        lines.push(line(name, key.key_id(), timed));
        writeln!(policy, "witness {name} {key}").unwrap();
    }
    policy += "group all-three all poc.sigsum.org/nisse witness.navigli.sunlight.geomys.org \
               tillitis.se/test-witness-1\nquorum all-three\n";
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let lines = lines.join("\n");
    let note = format!("{origin}\n381382\n{}\n\n{lines}\n", root.to_base64());
    let policy = WitnessPolicy::parse(policy.as_bytes()).unwrap();
    let met = policy
        .check(&Note::parse(note.as_bytes()).unwrap())
        .unwrap();
    assert_eq!(met.checkpoint.size.0, 381_382);
    assert!(
        met.witnesses
            .iter()
            .all(|witness| witness.time == PUBLIC_TIME)
    );
    // One second later is another statement, which nobody signed.
    let later = note.replacen("381382", "381383", 1);
    assert!(
        policy
            .check(&Note::parse(later.as_bytes()).unwrap())
            .is_err()
    );
}

/// A Sigsum proof made with our log, checkpoint, cosignature and inclusion proof.
fn sigsum_proof(size: usize, index: usize, time: u64) -> (sigsum::Hash, String) {
    let submitter = Ed25519Signer::from_seed("submitter", &[21; 32]).unwrap();
    let submitter_hash = sha256(submitter.verifier_key().public_key());
    let message = sha256(b"message");
    let checksum = sha256(&message.0);
    let signed = [&b"sigsum.org/v1/tree-leaf\0"[..], &checksum.0].concat();
    let leaf_signature = submitter.sign(&signed).unwrap();
    let sigsum_leaf = [&checksum.0[..], &leaf_signature, &submitter_hash.0].concat();

    let log_hash = sha256(log_signer("x").verifier_key().public_key());
    let origin = format!("sigsum.org/v1/tree/{log_hash}");
    let mut log = Log::default();
    let leaves = (0..size).map(|i| {
        if i == index {
            sigsum_leaf.clone()
        } else {
            leaf(i)
        }
    });
    log.append(leaves.collect());
    let note = log.statement(&origin).sign(&log_signer(&origin)).unwrap();
    let cosignature = cosign(note.text(), UnixTime(time), &witness(0)).unwrap();
    let path = prove_inclusion(&mut log.reader(), LeafIndex(index as u64), log.size()).unwrap();

    let mut text = format!(
        "version=2\nlog={log_hash}\nleaf={submitter_hash} {}\n\nsize={size}\nroot_hash={}\nsignature={}\n\
         cosignature={} {time} {}\n",
        hex(&leaf_signature),
        log.root(),
        hex(&note.signatures()[0].signature),
        sha256(witness(0).cosigner_key().public_key()),
        hex(&cosignature.signature[8..]),
    );
    if !path.is_empty() {
        writeln!(text, "\nleaf_index={index}").unwrap();
        for hash in path {
            writeln!(text, "node_hash={hash}").unwrap();
        }
    }
    (message.0.into(), text)
}

fn log_signer(origin: &str) -> Ed25519Signer {
    Ed25519Signer::from_seed(origin, &[22; 32]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sigsum_believes_our_log_and_witness(size in 2_usize..700, at: proptest::sample::Index, time in 0..=i64::MAX as u64, digit: proptest::sample::Index) {
        let (message, proof) = sigsum_proof(size, at.index(size), time);
        let mut policy = PolicyBuilder::new();
        policy.add_log((*log_signer("x").verifier_key().public_key()).into(), None).unwrap();
        policy.add_witness("w".to_owned(), (*witness(0).cosigner_key().public_key()).into(), None).unwrap();
        policy.set_quorum("w".to_owned()).unwrap();
        let policy = policy.build();
        let submitter = Ed25519Signer::from_seed("submitter", &[21; 32]).unwrap();
        let signers = [(*submitter.verifier_key().public_key()).into()];
        let believes = |text: &str| SigsumSignature::from_ascii(text)
            .is_ok_and(|proof| sigsum::verify(&message, &proof, &signers, &policy).is_ok());
        prop_assert!(believes(&proof), "{}", proof);
        // Any other hexadecimal digit in the proof, and it does not.
        let mut bytes = proof.clone().into_bytes();
        let start = proof.find("\nroot_hash=").unwrap() + "\nroot_hash=".len();
        let digits: Vec<usize> = (start..bytes.len()).filter(|i| bytes[*i].is_ascii_digit()).collect();
        let at = digits[digit.index(digits.len())];
        bytes[at] = if bytes[at] == b'7' { b'3' } else { b'7' };
        prop_assert!(!believes(&String::from_utf8(bytes).unwrap()));
    }
}
