//! A log as files in memory.

use std::collections::BTreeMap;

use colophon_tlog::{
    Checkpoint, Ed25519Signer, Hash, NoteSigner as _, RightEdge, Tile, TileError, TileLevel,
    TileReader, TreeSize, encode_bundle_entry, leaf_hash,
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
        let fresh: Vec<Vec<u8>> = (self.leaves.len()..size).map(leaf).collect();
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
        TileReader::new(size, |tile| {
            self.files
                .get(&tile.path())
                .cloned()
                .ok_or(TileError::Path(tile.path()))
        })
    }

    pub fn checkpoint(&self) -> String {
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            size: self.size(),
            root: self.root(),
            extensions: Vec::new(),
        };
        checkpoint.sign(&signer()).unwrap().to_string()
    }
}

pub fn signer() -> Ed25519Signer {
    Ed25519Signer::from_seed(ORIGIN, &[9; 32]).unwrap()
}

pub fn vkey() -> String {
    signer().verifier_key().to_string()
}

pub fn leaf(index: usize) -> Vec<u8> {
    format!("leaf number {index}").into_bytes()
}
