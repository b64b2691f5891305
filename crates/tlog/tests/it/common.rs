//! A log as files in memory.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use colophon_tlog::{
    Checkpoint, Ed25519Cosigner, Ed25519Signer, Hash, NoteSigner as _, RightEdge, Tile, TileError,
    TileLevel, TileReader, TreeSize, UnixTime, cosign, encode_bundle_entry, leaf_hash,
};

pub const ORIGIN: &str = "ledger.example.org/test";

/// Every file of a log, by path.
#[derive(Default)]
pub struct Log {
    pub files: BTreeMap<String, Vec<u8>>,
    pub leaves: Vec<Vec<u8>>,
    edge: RightEdge,
}

impl Log {
    /// Appends leaves up to `size` and writes the files a log would write.
    pub fn grow(&mut self, size: usize) {
        self.append((self.leaves.len()..size).map(leaf).collect());
    }

    /// Appends these leaves.
    pub fn append(&mut self, fresh: Vec<Vec<u8>>) {
        let hashes: Vec<Hash> = fresh.iter().map(|leaf| leaf_hash(leaf)).collect();
        for write in self.edge.append(&hashes) {
            self.files.insert(write.tile.path(), write.bytes());
        }
        let first_bundle = self.leaves.len() / 256;
        self.leaves.extend(fresh);
        for (index, entries) in self.leaves.chunks(256).enumerate().skip(first_bundle) {
            let tile = Tile::new(TileLevel::Entries, index as u64, entries.len() as u16).unwrap();
            let mut bundle = Vec::new();
            for entry in entries {
                encode_bundle_entry(&mut bundle, entry).unwrap();
            }
            self.files.insert(tile.path(), bundle);
        }
    }

    pub fn size(&self) -> TreeSize {
        self.edge.size()
    }

    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    pub fn reader(&self) -> TileReader<impl FnMut(Tile) -> Result<Vec<u8>, TileError>> {
        self.reader_at(self.size())
    }

    pub fn reader_at(
        &self,
        size: TreeSize,
    ) -> TileReader<impl FnMut(Tile) -> Result<Vec<u8>, TileError>> {
        TileReader::new(size, |tile: Tile| {
            self.files
                .get(&tile.path())
                .cloned()
                .ok_or(TileError::Path(tile.path()))
        })
    }

    /// What the log's key says of it now.
    pub fn statement(&self, origin: &str) -> Checkpoint {
        Checkpoint {
            origin: origin.to_owned(),
            size: self.size(),
            root: self.root(),
            extensions: Vec::new(),
        }
    }

    /// The checkpoint with the log's signature and those of the given witnesses.
    pub fn checkpoint(&self, witnesses: &[Ed25519Cosigner]) -> String {
        let mut note = self.statement(ORIGIN).sign(&signer()).unwrap();
        for (time, witness) in (1_800_000_000..).zip(witnesses) {
            let line = cosign(note.text(), UnixTime(time), witness).unwrap();
            note.add_signature(line).unwrap();
        }
        note.to_string()
    }
}

pub fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &[9; 32]).unwrap()
}

pub fn vkey() -> String {
    signer().verifier_key().to_string()
}

/// The witness of this number, counted from 0.
pub fn witness(number: u8) -> Ed25519Cosigner {
    let name = format!("witness.example.com/w{number}");
    Ed25519Cosigner::from_seed(&name, &[50 + number; 32]).unwrap()
}

pub fn leaf(index: usize) -> Vec<u8> {
    format!("leaf number {index}").into_bytes()
}

/// Says that a test cannot run for want of `what`; fails where tools are required.
pub fn skip(what: &str) {
    assert!(env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(), "{what}");
    eprintln!("SKIPPED: {what}");
}

/// The Python that has the packages of `tests/interop/requirements.txt`, if there is one.
pub fn python() -> Option<PathBuf> {
    env::var_os("COLOPHON_PYTHON").map(PathBuf::from)
}

/// An empty folder for one test.
pub fn folder(name: &str) -> PathBuf {
    let dir = env::temp_dir().join(format!("colophon-tlog-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
