//! The watermark key and the pseudo-random streams drawn from it.

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Symmetric key of the mark: whoever holds it can read marks and write them.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct WatermarkKey([u8; 32]);

impl WatermarkKey {
    /// Wraps 32 uniformly random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The pseudo-random stream for one purpose: SHA-256 of key, label and a counter.
    pub(crate) fn stream(&self, label: &str) -> KeyStream {
        let mut prefix = Sha256::new();
        prefix.update(b"colophon watermark 1\0");
        prefix.update(self.0);
        prefix.update((label.len() as u64).to_be_bytes());
        prefix.update(label.as_bytes());
        KeyStream {
            prefix,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }
}

impl std::fmt::Debug for WatermarkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WatermarkKey(..)")
    }
}

/// Deterministic stream of bytes of one key and purpose.
pub(crate) struct KeyStream {
    prefix: Sha256,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl KeyStream {
    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let mut hash = self.prefix.clone();
            hash.update(self.counter.to_be_bytes());
            self.block = hash.finalize().into();
            self.counter += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    pub(crate) fn bit(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Uniform in `0..bound`; the bias of at most 2^-32 * bound does not matter here.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let word = u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()]);
        ((u64::from(word) * bound as u64) >> 32) as usize
    }

    /// Fisher-Yates shuffle.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
