//! What other logs, witnesses and users hand in: notes, checkpoints, proofs, keys, tiles, requests, policies, lists of
//! shards, evidence, receipts. The first byte says which.
#![no_main]

use colophon_fuzz::write_seeds;
use colophon_tlog::{
    AddCheckpoint, Checkpoint, CosignerKey, Ed25519Cosigner, Ed25519ReceiptSigner, Ed25519Signer,
    ForkEvidence, Hash, LeafIndex, Note, NoteSigner as _, Receipt, ReceiptSigner as _, ShardList,
    Tile, TlogProof, TreeSize, UnixTime, VerifierKey, WitnessPolicy, cosign, decide, decode_bundle,
    encode_bundle_entry, leaf_hash, verify_consistency, verify_inclusion,
};
use libfuzzer_sys::fuzz_target;

const ORIGIN: &str = "log.example/fuzz";

fn seeds() -> Vec<Vec<u8>> {
    let signer = Ed25519Signer::from_seed(ORIGIN, &[7; 32]).expect("a fixed seed is a key");
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: TreeSize(3),
        root: Hash([9; 32]),
        extensions: Vec::new(),
    };
    let mut note = checkpoint.sign(&signer).expect("a name without spaces");
    let witness = witness();
    let line = cosign(note.text(), UnixTime(5), &witness).expect("a checkpoint");
    note.add_signature(line).expect("room for a second line");
    let note = note.to_string();
    let hash = Hash([1; 32]).to_base64();
    let proof = format!("c2sp.org/tlog-proof@v1\nextra aGk=\nindex 2\n{hash}\n{hash}\n\n{note}");
    let mut bundle = vec![5, 2];
    for entry in [&b"one"[..], b"another"] {
        encode_bundle_entry(&mut bundle, entry).expect("short entries");
    }
    let text = |kind: u8, text: &str| [&[kind], text.as_bytes()].concat();
    vec![
        text(0, &note),
        text(1, &checkpoint.text()),
        text(2, &proof),
        text(3, "tile/0/x001/x234/067.p/8"),
        text(3, "tile/entries/003"),
        text(
            4,
            "log.example/fuzz+0123abcd+AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh",
        ),
        bundle,
        [&[6, 0, 0, 3, 1][..], &[1; 64]].concat(),
        [&[7, 3, 4][..], &[1; 96]].concat(),
        text(8, &format!("old 0\n\n{note}")),
        text(9, &policy()),
        text(
            10,
            &format!(
                "log.example colophon-shards/v1\n{ORIGIN} open {}\n",
                signer.verifier_key()
            ),
        ),
        text(11, &format!("colophon-fork/v1\n{hash}\n\n{note}\n{note}")),
        [&[12], &receipt()[..]].concat(),
    ]
}

fn witness() -> Ed25519Cosigner {
    Ed25519Cosigner::from_seed("witness.example", &[8; 32]).expect("a fixed seed is a key")
}

fn policy() -> String {
    let signer = Ed25519Signer::from_seed(ORIGIN, &[7; 32]).expect("a fixed seed is a key");
    let (log, witness) = (signer.verifier_key(), witness());
    let witness = colophon_tlog::Cosigner::cosigner_key(&witness);
    format!("# x\nlog {log} u\nwitness w {witness}\ngroup g 1 w\nquorum g\n")
}

fn receipt() -> Vec<u8> {
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: TreeSize(1),
        root: leaf_hash(b"one"),
        extensions: Vec::new(),
    };
    let receipt = Receipt::of_inclusion(b"one", LeafIndex(0), Vec::new(), &checkpoint, &receipts());
    receipt.expect("a true proof").to_bytes()
}

fn receipts() -> Ed25519ReceiptSigner {
    Ed25519ReceiptSigner::from_seed(b"receipts", &[9; 32])
}

fuzz_target!(
    init: write_seeds(seeds),
    |data: &[u8]| {
        let Some((&kind, rest)) = data.split_first() else {
            return;
        };
        let text = str::from_utf8(rest).unwrap_or_default();
        match kind % 13 {
            0 => note(rest),
            1 => {
                if let Ok(checkpoint) = Checkpoint::parse_text(text) {
                    assert_eq!(Checkpoint::parse_text(&checkpoint.text()), Ok(checkpoint));
                }
            }
            2 => drop(TlogProof::parse(text)),
            3 => {
                if let Ok(tile) = Tile::parse_path(text) {
                    assert_eq!(tile.path(), text, "two names of one tile");
                    let _ = tile.decode_hashes(rest);
                }
            }
            4 => {
                let _ = text.parse::<VerifierKey>();
                let _ = text.parse::<CosignerKey>();
            }
            5 => {
                if let Some((&width, bundle)) = rest.split_first() {
                    let _ = decode_bundle(bundle, width.into());
                }
            }
            6 => proofs(rest),
            7 => consistency(rest),
            8 => request(rest),
            9 => judge(rest),
            10 => {
                if let Ok(list) = ShardList::parse_text(text) {
                    assert_eq!(list.text(), text, "two forms of one list");
                }
            }
            11 => {
                if let Ok(evidence) = ForkEvidence::parse(text) {
                    assert_eq!(evidence.to_string(), text, "two forms of one file");
                }
            }
            _ => {
                if let Ok(receipt) = Receipt::parse(rest) {
                    assert_eq!(receipt.to_bytes(), rest, "two forms of one receipt");
                    let _ = receipt.verify_inclusion(b"one", receipts().receipt_key());
                    let _ = receipt.verify_consistency(Hash([1; 32]), receipts().receipt_key());
                }
            }
        }
    }
);

fn note(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else {
        return;
    };
    assert_eq!(note.to_string().as_bytes(), bytes, "two forms of one note");
    let signer = Ed25519Signer::from_seed(ORIGIN, &[7; 32]).expect("a fixed seed is a key");
    let _ = Checkpoint::open(bytes, signer.verifier_key());
}

fn request(bytes: &[u8]) {
    let Ok(request) = AddCheckpoint::parse(bytes) else {
        return;
    };
    assert_eq!(
        request.to_string().as_bytes(),
        bytes,
        "two forms of one request"
    );
    let signer = Ed25519Signer::from_seed(ORIGIN, &[7; 32]).expect("a fixed seed is a key");
    let _ = decide(None, &request, &[signer.verifier_key().clone()]);
}

fn judge(bytes: &[u8]) {
    let Ok(policy) = WitnessPolicy::parse(bytes) else {
        return;
    };
    let seeds = seeds();
    let note = Note::parse(&seeds[0][1..]).expect("the first seed is a note");
    let _ = policy.check(&note);
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes
        .chunks_exact(32)
        .take(70)
        .map(|chunk| Hash(chunk.try_into().expect("32 bytes")))
        .collect()
}

fn proofs(bytes: &[u8]) {
    let Some((numbers, rest)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let (index, size) = (
        u64::from(numbers[0]) << (numbers[1] % 64),
        u64::from(numbers[2]) << (numbers[3] % 64),
    );
    let path = hashes(rest);
    let leaf = Hash([0; 32]);
    let _ = verify_inclusion(&path, LeafIndex(index), TreeSize(size), leaf, Hash([1; 32]));
}

fn consistency(bytes: &[u8]) {
    let Some((numbers, rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let path = hashes(rest);
    let (old, new) = (TreeSize(numbers[0].into()), TreeSize(numbers[1].into()));
    let _ = verify_consistency(&path, old, Hash([0; 32]), new, Hash([1; 32]));
}
