use super::*;
use crate::key::{Ed25519Signer, NoteSigner as _};
use crate::tile::encode_bundle_entry;
use alloc::collections::BTreeMap;
use alloc::string::ToString as _;
use alloc::vec;
use proptest::prelude::*;

const ORIGIN: &str = "example.org/log";

fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &[7; 32]).unwrap()
}

fn key() -> VerifierKey {
    signer().verifier_key().clone()
}

/// A log as files in memory; `odd` leaves at and after a place make another history.
#[derive(Clone, Default)]
struct Log {
    files: BTreeMap<String, Vec<u8>>,
    leaves: Vec<Vec<u8>>,
    edge: RightEdge,
}

impl Log {
    fn new(size: usize) -> Self {
        let mut log = Self::default();
        log.grow(size, None);
        log
    }

    fn grow(&mut self, size: usize, odd_from: Option<usize>) {
        let leaf = |i: usize| {
            let odd = odd_from.is_some_and(|from| i >= from);
            format!("{}{i}", if odd { "odd " } else { "" }).into_bytes()
        };
        let fresh: Vec<Vec<u8>> = (self.leaves.len()..size).map(leaf).collect();
        let hashes: Vec<Hash> = fresh.iter().map(|leaf| leaf_hash(leaf)).collect();
        for write in self.edge.append(&hashes) {
            self.files.insert(write.tile.path(), write.bytes());
        }
        self.leaves.extend(fresh);
        for (index, entries) in self.leaves.chunks(256).enumerate() {
            let tile = Tile::new(TileLevel::Entries, index as u64, entries.len() as u16).unwrap();
            let mut bundle = Vec::new();
            for entry in entries {
                encode_bundle_entry(&mut bundle, entry).unwrap();
            }
            self.files.insert(tile.path(), bundle);
        }
    }

    fn note(&self) -> Vec<u8> {
        let (size, root) = (self.edge.size(), self.edge.root());
        signed(size, root)
    }

    fn read(&self, tile: Tile) -> Result<Vec<u8>, TileError> {
        let found = self.files.get(&tile.path()).cloned();
        found.ok_or(TileError::Path(tile.path()))
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::open(&self.note(), &key()).unwrap()
    }
}

fn signed(size: TreeSize, root: Hash) -> Vec<u8> {
    let checkpoint = Checkpoint {
        origin: String::from(ORIGIN),
        size,
        root,
        extensions: Vec::new(),
    };
    checkpoint.sign(&signer()).unwrap().to_string().into_bytes()
}

/// A follower that trusts `log` as it is.
fn follower(log: &Log) -> Follower {
    let mut follower = Follower::new(key());
    let followed = follower.follow(&log.note(), |tile| log.read(tile)).unwrap();
    assert!(matches!(
        followed,
        Followed::Extended {
            from: TreeSize(0),
            ..
        }
    ));
    follower
}

#[test]
fn an_honest_log_is_followed_from_nothing_across_tile_borders() {
    let mut log = Log::default();
    let mut follower = Follower::new(key());
    for size in [0, 1, 2, 255, 256, 257, 70_000] {
        let from = log.edge.size();
        log.grow(size, None);
        let to = log.checkpoint();
        let followed = follower.follow(&log.note(), |tile| log.read(tile)).unwrap();
        assert_eq!(followed, Followed::Extended { from, to }, "{size}");
        let again = follower.follow(&log.note(), |tile| log.read(tile));
        assert_eq!(again, Ok(Followed::Same));
    }
    let kept = follower.trusted().unwrap().0.to_string();
    let resumed = Follower::resume(key(), kept.as_bytes()).unwrap();
    assert_eq!(resumed.trusted(), follower.trusted());
}

#[test]
fn a_followers_questions_stay_few() {
    let mut log = Log::new(69_000);
    let mut follower = follower(&log);
    log.grow(70_000, None);
    let mut count = 0;
    let read = |tile| {
        count += 1;
        log.read(tile)
    };
    follower.follow(&log.note(), read).unwrap();
    assert!(count < 20, "{count} tiles");
}

#[test]
fn two_roots_of_one_size_are_a_fork() {
    let log = Log::new(5);
    let mut follower = follower(&log);
    let other = signed(TreeSize(5), leaf_hash(b"another"));
    let Followed::Fork(evidence) = follower.follow(&other, |tile| log.read(tile)).unwrap() else {
        panic!("no fork");
    };
    assert_eq!(evidence.verify(&key()), Ok(()));
    assert_eq!(
        follower.trusted().unwrap().1,
        &log.checkpoint(),
        "the first stays trusted"
    );
}

#[test]
fn an_older_tree_is_a_rollback_and_another_small_tree_a_fork() {
    let log = Log::new(700);
    let mut follower = follower(&log);
    let older = Log::new(300);
    let to = older.checkpoint();
    let read = |tile| log.read(tile);
    let followed = follower.follow(&older.note(), read).unwrap();
    assert_eq!(followed, Followed::Rollback { to: to.clone() });
    // The log serves only the older tree: its place is as uncertain.
    let followed = follower.follow(&older.note(), |tile| older.read(tile));
    assert_eq!(followed, Ok(Followed::Rollback { to }));
    let mut other = Log::new(200);
    other.grow(300, Some(200));
    let Followed::Fork(evidence) = follower.follow(&other.note(), read).unwrap() else {
        panic!("no fork");
    };
    assert_eq!(evidence.verify(&key()), Ok(()));
    assert!(
        evidence.older.text().contains("\n300\n"),
        "the smaller tree first"
    );
}

#[test]
fn tiles_that_do_not_fit_the_signed_root_are_an_error() {
    let mut log = Log::new(300);
    let mut follower = follower(&log);
    let before = log.checkpoint();
    log.grow(600, None);
    let mut broken = log.clone();
    broken.files.get_mut("tile/0/002.p/88").unwrap()[5] ^= 1;
    let followed = follower.follow(&log.note(), |tile| broken.read(tile));
    assert_eq!(
        followed,
        Err(FollowError::Tiles {
            size: TreeSize(600)
        })
    );
    broken.files.remove("tile/0/002.p/88");
    let followed = follower.follow(&log.note(), |tile| broken.read(tile));
    assert!(matches!(followed, Err(FollowError::Read(_))));
    let stranger = Ed25519Signer::from_seed(ORIGIN, &[8; 32]).unwrap();
    let forged = log.checkpoint().sign(&stranger).unwrap().to_string();
    let followed = follower.follow(forged.as_bytes(), |tile| log.read(tile));
    assert!(matches!(followed, Err(FollowError::Checkpoint(_))));
    assert_eq!(follower.trusted().unwrap().1, &before);
}

#[test]
fn rederiving_shows_entries_and_tiles_and_finds_an_altered_entry() {
    let mut log = Log::new(300);
    let known = log.edge.clone();
    log.grow(70_000, None);
    let mut entries = Vec::new();
    let mut tiles = BTreeMap::new();
    let edge = rederive(
        known.clone(),
        &log.checkpoint(),
        |tile| log.read(tile),
        |derived| {
            match derived {
                Derived::Entry(index, bytes) => entries.push((index.0, bytes.to_vec())),
                Derived::Tile(write) => {
                    tiles.insert(write.tile.path(), write.bytes());
                }
            }
            Ok::<_, TileError>(())
        },
    );
    assert_eq!(edge.unwrap(), log.edge);
    assert_eq!(entries.len(), 69_700);
    assert!(
        entries
            .iter()
            .all(|(index, bytes)| log.leaves[*index as usize] == *bytes)
    );
    // Every hash tile that the log has from leaf 300 on was derived too.
    let full = log.files.iter().filter(|(path, _)| {
        !path.starts_with("tile/entries") && !path.contains(".p/") && path.as_str() != "tile/0/000"
    });
    assert!(full.clone().count() > 270);
    for (path, bytes) in full {
        assert_eq!(tiles.get(path), Some(bytes), "{path}");
    }
    let mut broken = log.clone();
    let bundle = broken.files.get_mut("tile/entries/100").unwrap();
    let last = bundle.len() - 1;
    bundle[last] ^= 1;
    let ignore = |_: Derived<'_>| Ok::<_, TileError>(());
    let result = rederive(
        known.clone(),
        &log.checkpoint(),
        |tile| broken.read(tile),
        ignore,
    );
    let size = TreeSize(70_000);
    assert_eq!(result, Err(RederiveError::Root { size }));
    broken
        .files
        .insert(String::from("tile/entries/100"), vec![0, 1]);
    let result = rederive(known, &log.checkpoint(), |tile| broken.read(tile), ignore);
    assert!(
        matches!(result, Err(RederiveError::Bundle { path, .. }) if path == "tile/entries/100")
    );
    let smaller = Log::new(5).checkpoint();
    let result = rederive(log.edge.clone(), &smaller, |tile| log.read(tile), ignore);
    assert_eq!(result, Err(RederiveError::Smaller));
}

#[test]
fn evidence_proves_nothing_about_an_honest_log() {
    let (small, large) = (Log::new(300), Log::new(700));
    let mut reader = TileReader::new(TreeSize(700), |tile: Tile| large.read(tile));
    let proof = prove_consistency(&mut reader, TreeSize(300), TreeSize(700)).unwrap();
    let note = |log: &Log| Note::parse(&log.note()).unwrap();
    for (older, newer, proof) in [
        (note(&small), note(&large), proof),
        (note(&small), note(&large), vec![]),
        (note(&small), note(&large), vec![leaf_hash(b""); 10]),
        (note(&small), note(&small), vec![]),
    ] {
        let evidence = ForkEvidence {
            older,
            newer,
            proof,
        };
        assert_eq!(evidence.verify(&key()), Err(EvidenceError::NoFork));
    }
    for bad in [
        "",
        "colophon-fork/v1\n",
        "colophon-fork/v1\n\na\n\nb\n\nc\n\nd",
    ] {
        assert!(ForkEvidence::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A log that rewrites a leaf it showed before is always caught, and the evidence convinces a third person.
    #[test]
    fn every_rewriting_is_a_fork(size in 1_usize..600, at: proptest::sample::Index, more in 1_usize..600) {
        let log = Log::new(size);
        let mut follower = follower(&log);
        let at = at.index(size);
        let mut other = Log::new(at);
        other.grow(size + more, Some(at));
        let Followed::Fork(evidence) = follower.follow(&other.note(), |tile| other.read(tile)).unwrap() else {
            panic!("no fork");
        };
        prop_assert_eq!(evidence.verify(&key()), Ok(()));
        let text = evidence.to_string();
        prop_assert_eq!(ForkEvidence::parse(&text), Ok(evidence.clone()));
        let mut altered = evidence;
        altered.proof[0].0[3] ^= 1;
        prop_assert_eq!(altered.verify(&key()), Err(EvidenceError::NoFork));
    }

    #[test]
    fn honest_growth_is_never_a_fork(size in 0_usize..600, more in 1_usize..600) {
        let mut log = Log::new(size);
        let mut follower = follower(&log);
        log.grow(size + more, None);
        let followed = follower.follow(&log.note(), |tile| log.read(tile)).unwrap();
        let is_extended = matches!(followed, Followed::Extended { .. });
        prop_assert!(is_extended);
    }

    #[test]
    fn any_text_parses_without_panic(text in "(colophon-fork/v1|\n|[A-Za-z0-9+/]{43}=|\u{2014} a [A-Za-z0-9]{8}){0,16}") {
        let _ = ForkEvidence::parse(&text);
    }
}
