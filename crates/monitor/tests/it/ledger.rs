//! Ledgers written file by file, so that they can lie at any place.

use std::fs;
use std::path::{Path, PathBuf};

use colophon_ledger::{
    Event, EventKind, KeyAction, KeyEvent, PreviousShard, ShardOpened, TrustListEvent,
};
use colophon_monitor::{Folder, Known, Look, Trouble, Watch, look};
use colophon_tlog::{
    Checkpoint, Ed25519Signer, Hash, ListedShard, NoteSigner as _, RightEdge, ShardList,
    ShardState, Tile, TileLevel, TreeSize, VerifierKey, encode_bundle_entry, leaf_hash,
};

pub const BASE: &str = "ledger.example/test";

pub fn signer(name: &str) -> Ed25519Signer {
    Ed25519Signer::from_seed(name, &[42; 32]).unwrap()
}

pub fn key() -> VerifierKey {
    signer(BASE).verifier_key().clone()
}

fn event(time: i64, what: EventKind) -> Vec<u8> {
    Event { time, what }.encode()
}

/// An event that is different for every name.
pub fn entry(name: &str) -> Vec<u8> {
    event(
        1_800_000_000,
        EventKind::TrustList(TrustListEvent {
            imported: true,
            name: name.to_owned(),
            sha256: [7; 32],
        }),
    )
}

pub fn entries(prefix: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| entry(&format!("{prefix} {n}")))
        .collect()
}

pub fn key_event(id: [u8; 32]) -> Vec<u8> {
    event(
        1_800_000_001,
        EventKind::Key(KeyEvent {
            action: KeyAction::Retired,
            role: "claim-signer".to_owned(),
            key_id: id,
            public_key: None,
        }),
    )
}

pub fn opened(previous: Option<(&str, u64, Hash)>) -> Vec<u8> {
    event(
        1_800_000_000,
        EventKind::ShardOpened(ShardOpened {
            base: BASE.to_owned(),
            previous: previous.map(|(origin, size, root)| PreviousShard {
                origin: origin.to_owned(),
                size,
                root: root.0,
            }),
        }),
    )
}

pub fn sealed() -> Vec<u8> {
    event(1_800_000_009, EventKind::ShardSealed)
}

/// A record of a picture as version 1 writes it: the deterministic CBOR of fifteen items.
pub fn record(model: &str, signer: [u8; 32]) -> Vec<u8> {
    let mut out = vec![0x8f];
    let text = |out: &mut Vec<u8>, text: &str| {
        assert!(text.len() < 256);
        match text.len() {
            length @ ..24 => out.push(0x60 + length as u8),
            length => out.extend([0x78, length as u8]),
        }
        out.extend(text.as_bytes());
    };
    let bytes = |out: &mut Vec<u8>, bytes: [u8; 32]| {
        out.extend([0x58, 32]);
        out.extend(bytes);
    };
    text(&mut out, "colophon.record");
    out.push(1);
    out.push(0x1a);
    out.extend(1_800_000_000_u32.to_be_bytes());
    out.push(1);
    out.push(0x82);
    text(&mut out, model);
    out.push(0xf6);
    text(&mut out, "trainedAlgorithmicMedia");
    bytes(&mut out, [1; 32]);
    bytes(&mut out, [2; 32]);
    text(&mut out, "urn:c2pa:1");
    bytes(&mut out, signer);
    bytes(&mut out, [4; 32]);
    out.extend([0x19, 4, 0, 0x19, 3, 0, 0xf6]);
    bytes(&mut out, [5; 32]);
    out
}

pub fn root_of(leaves: &[Vec<u8>]) -> Hash {
    let mut edge = RightEdge::new();
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    edge.append(&hashes);
    edge.root()
}

/// A ledger's folder.
pub struct Ledger(pub tempfile::TempDir);

impl Ledger {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One log without shards.
    pub fn single(leaves: &[Vec<u8>]) -> Self {
        let ledger = Self::new();
        ledger.write("", BASE, leaves);
        ledger
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a whole log with the name `origin` below `prefix`.
    pub fn write(&self, prefix: &str, origin: &str, leaves: &[Vec<u8>]) {
        self.write_tiles(prefix, leaves);
        self.sign(prefix, origin, leaves.len() as u64, root_of(leaves));
    }

    pub fn write_tiles(&self, prefix: &str, leaves: &[Vec<u8>]) {
        let put = |tile: Tile, bytes: &[u8]| {
            let path = self.file(&format!("{prefix}{}", tile.path()));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        for write in RightEdge::new().append(&hashes) {
            put(write.tile, &write.bytes());
        }
        for (index, bundle) in (0..).zip(leaves.chunks(256)) {
            let mut bytes = Vec::new();
            for leaf in bundle {
                encode_bundle_entry(&mut bytes, leaf).unwrap();
            }
            put(
                Tile::new(TileLevel::Entries, index, bundle.len() as u16).unwrap(),
                &bytes,
            );
        }
    }

    pub fn sign(&self, prefix: &str, origin: &str, size: u64, root: Hash) {
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            size: TreeSize(size),
            root,
            extensions: Vec::new(),
        };
        let note = checkpoint.sign(&signer(origin)).unwrap();
        fs::create_dir_all(self.file(prefix)).unwrap();
        fs::write(self.file(&format!("{prefix}checkpoint")), note.to_string()).unwrap();
    }

    /// Signs the list: names with the state of each.
    pub fn list(&self, shards: &[(&str, ShardState)]) {
        let listed = shards.iter().map(|(name, state)| ListedShard {
            state: *state,
            key: signer(&format!("{BASE}/{name}")).verifier_key().clone(),
        });
        let note = ShardList::new(BASE, listed.collect())
            .unwrap()
            .sign(&signer(BASE))
            .unwrap();
        fs::write(self.file("shards"), note.to_string()).unwrap();
    }

    pub fn look(&self, known: &mut Known) -> Result<Look, Trouble> {
        let mut found = Look::default();
        let watch = Watch::default();
        look(
            &Folder(self.path().to_owned()),
            &key(),
            known,
            &watch,
            &mut found,
        )
        .map(|()| found)
    }
}

/// The code of the alarm, and whether its evidence names the log.
pub fn alarm<T: std::fmt::Debug>(result: Result<T, Trouble>) -> colophon_monitor::Alarm {
    match result {
        Err(Trouble::Alarm(alarm)) => *alarm,
        other => panic!("no alarm: {other:?}"),
    }
}
