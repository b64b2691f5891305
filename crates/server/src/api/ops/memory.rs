//! Memory for bodies of requests: so much at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A bounded number of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    most: u64,
    used: Arc<AtomicU64>,
}

/// Bytes of one body; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    memory: Memory,
    bytes: u64,
}

impl Memory {
    /// So many bytes.
    pub fn new(most: u64) -> Self {
        Self {
            most,
            used: Arc::default(),
        }
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether so many are free.
    pub fn has(&self, bytes: u64) -> bool {
        self.used().saturating_add(bytes) <= self.most
    }

    /// None yet.
    pub fn reserve(&self) -> Reserved {
        Reserved {
            memory: self.clone(),
            bytes: 0,
        }
    }
}

impl Reserved {
    /// Takes some more, if they are free.
    pub fn more(&mut self, bytes: u64) -> bool {
        let most = self.memory.most;
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= most);
        let taken = self
            .memory
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add)
            .is_ok();
        if taken {
            self.bytes += bytes;
        }
        taken
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_there_is_and_all_of_it_comes_back() {
        let memory = Memory::new(10);
        let mut first = memory.reserve();
        let mut second = memory.reserve();
        assert!(first.more(6) && second.more(4));
        assert!(!first.more(1) && !memory.has(1));
        drop(second);
        assert!(memory.has(4) && first.more(4));
        drop(first);
        assert_eq!(memory.used(), 0);
    }
}
