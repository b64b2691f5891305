//! The fingerprints of all entries in memory, with an index for exact search among millions.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use colophon_fingerprint::{Fingerprint, MihIndex};

use crate::error::LedgerError;

/// Fingerprints read from the database at once.
const PAGE: usize = 65_536;

/// Exact search among the fingerprints of one shard. About 160 bytes each; searches run side by side.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints {
    held: RwLock<Held>,
}

#[derive(Debug, Default)]
struct Held {
    index: MihIndex,
    /// Entry from which on more are to be loaded.
    next: u64,
    /// Entries whose fingerprint was erased after it had been loaded.
    erased: HashSet<u64>,
}

impl Fingerprints {
    /// Distance and entry of all fingerprints within `max_distance` bits, nearest first. Those entered since the last
    /// search are loaded first: `load` is asked for a number of fingerprints of the entries from one on, in order.
    pub fn search(
        &self,
        fingerprint: &[u8; 32],
        max_distance: u32,
        load: impl Fn(u64, usize) -> Result<Vec<(u64, [u8; 32])>, LedgerError>,
    ) -> Result<Vec<(u32, u64)>, LedgerError> {
        let next = self.read().next;
        let fresh = load(next, PAGE)?;
        if !fresh.is_empty() {
            self.take(next, fresh, &load)?;
        }
        let held = self.read();
        let found = held.index.query(&Fingerprint(*fingerprint), max_distance);
        let kept = found
            .into_iter()
            .filter(|(entry, _)| !held.erased.contains(entry));
        Ok(kept.map(|(entry, distance)| (distance, entry)).collect())
    }

    /// Adds fingerprints read from `start` on, and all that follow them.
    fn take(
        &self,
        start: u64,
        fresh: Vec<(u64, [u8; 32])>,
        load: impl Fn(u64, usize) -> Result<Vec<(u64, [u8; 32])>, LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been quicker.
        let mut page = if held.next == start {
            fresh
        } else {
            load(held.next, PAGE)?
        };
        while let Some((last, _)) = page.last() {
            held.next = last + 1;
            for (entry, fingerprint) in page {
                held.index.insert(Fingerprint(fingerprint), entry);
            }
            page = load(held.next, PAGE)?;
        }
        Ok(())
    }

    /// Leaves out an entry that has no fingerprint any more.
    pub fn forget(&self, entry: u64) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.erased.insert(entry);
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Held> {
        // A panic between two insertions leaves at worst a fingerprint that will be inserted again.
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(n: u64) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        bytes
    }

    #[test]
    fn entries_are_loaded_page_by_page_once_and_forgotten_when_erased() {
        let all = std::cell::Cell::new(PAGE as u64 * 2 + 7);
        let asked = std::cell::RefCell::new(Vec::new());
        let load = |start: u64, limit: usize| {
            asked.borrow_mut().push(start);
            let end = all.get().min(start + limit as u64);
            Ok((start..end).map(|n| (n, fingerprint(n))).collect())
        };
        let fingerprints = Fingerprints::default();
        let find = |n: u64| fingerprints.search(&fingerprint(n), 0, load).unwrap();
        assert_eq!(find(PAGE as u64 + 1), [(0, PAGE as u64 + 1)]);
        assert_eq!(asked.take(), [0, 65_536, 131_072, 131_079]);
        all.set(all.get() + 1);
        assert_eq!(find(131_079), [(0, 131_079)]);
        assert_eq!(asked.take(), [131_079, 131_080]);
        fingerprints.forget(131_079);
        assert_eq!(find(131_079), []);
    }
}
