//! What other logs, witnesses and users hand in: notes, checkpoints, proofs, keys, tiles. The first byte says which.
#![no_main]

use colophon_fuzz::write_seeds;
use colophon_tlog::{
    Checkpoint, Ed25519Signer, Hash, LeafIndex, Note, NoteSigner as _, Tile, TlogProof, TreeSize,
    VerifierKey, decode_bundle, encode_bundle_entry, verify_consistency, verify_inclusion,
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
    let note = checkpoint.sign(&signer).expect("a name without spaces");
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
    ]
}

fuzz_target!(
    init: write_seeds(seeds),
    |data: &[u8]| {
        let Some((&kind, rest)) = data.split_first() else {
            return;
        };
        let text = str::from_utf8(rest).unwrap_or_default();
        match kind % 8 {
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
            4 => drop(text.parse::<VerifierKey>()),
            5 => {
                if let Some((&width, bundle)) = rest.split_first() {
                    let _ = decode_bundle(bundle, width.into());
                }
            }
            6 => proofs(rest),
            _ => consistency(rest),
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
