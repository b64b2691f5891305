//! Logs for tests: histories that share a beginning.

use std::convert::Infallible;

use colophon_tlog::{
    AddCheckpoint, Checkpoint, Ed25519Signer, Hash, HashReader, NoteSigner as _, TreeSize,
    VerifierKey, leaf_hash, node_hash, prove_consistency, root,
};

/// A log's entries by number; forks differ from some entry on.
#[derive(Clone, Debug)]
pub struct History {
    leaves: Vec<Hash>,
}

struct Leaves<'a>(&'a [Hash]);

impl HashReader for Leaves<'_> {
    type Error = Infallible;

    fn subtree(&mut self, level: u32, index: u64) -> Result<Hash, Infallible> {
        let Some(level) = level.checked_sub(1) else {
            return Ok(self.0[index as usize]);
        };
        let left = self.subtree(level, 2 * index)?;
        Ok(node_hash(left, self.subtree(level, 2 * index + 1)?))
    }
}

impl History {
    /// `size` entries, those from `from` on as in the fork `number`.
    pub fn new(size: u64, from: u64, number: u8) -> Self {
        let leaf = |index: u64| {
            let number = if index < from { 0 } else { number };
            leaf_hash(&[&index.to_be_bytes()[..], &[number]].concat())
        };
        Self {
            leaves: (0..size).map(leaf).collect(),
        }
    }

    pub fn root(&self, size: u64) -> Hash {
        let Ok(root) = root(&mut Leaves(&self.leaves), TreeSize(size));
        root
    }

    pub fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        prove_consistency(&mut Leaves(&self.leaves), TreeSize(old), TreeSize(new))
            .unwrap_or_default()
    }

    pub fn checkpoint(&self, origin: &str, size: u64) -> Checkpoint {
        Checkpoint {
            origin: origin.to_owned(),
            size: TreeSize(size),
            root: self.root(size),
            extensions: Vec::new(),
        }
    }

    /// The body of a request, signed with the log's key.
    pub fn request(&self, log: &Log, old: u64, new: u64) -> Vec<u8> {
        let note = self.checkpoint(log.origin(), new).sign(&log.0).unwrap();
        let request = AddCheckpoint::new(TreeSize(old), self.proof(old, new), note).unwrap();
        request.to_string().into_bytes()
    }
}

/// A log's key.
pub struct Log(pub Ed25519Signer);

impl Log {
    pub fn new(origin: &str) -> Self {
        Self(Ed25519Signer::from_seed(origin, &[7; 32]).unwrap())
    }

    pub fn origin(&self) -> &str {
        self.0.name()
    }

    pub fn key(&self) -> &VerifierKey {
        self.0.verifier_key()
    }
}
