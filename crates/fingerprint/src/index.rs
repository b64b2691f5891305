//! Exact Hamming search by multi-index hashing (Norouzi, Punjani, Fleet, "Fast Exact Search in
//! Hamming Space with Multi-Index Hashing", 2014).
//!
//! A hash is cut into 11 chunks. When two hashes differ in at most `d` bits, some chunk differs in
//! at most `d / 11` bits (pigeonhole; in some chunks one bit fewer is enough), so looking up that
//! chunk's close neighbours in a table finds the pair. Nothing is approximate.

use crate::Fingerprint;

/// Chunk widths, bits; they add up to 256. The last one needs the smallest radius at most distances, so it may be
/// narrower, which makes the others more telling.
const CHUNK_BITS: [u32; CHUNKS] = [24, 24, 24, 24, 24, 24, 23, 23, 23, 23, 20];
const CHUNKS: usize = 11;
/// Chunk distances looked up at most. Three bits would mean 2,000 lookups a chunk, where scanning
/// everything is no slower.
const MAX_RADIUS: u32 = 2;
/// Below this many hashes a scan beats some 3,000 table lookups.
const SCAN_BELOW: usize = 4096;
const NONE: u32 = u32::MAX;

/// An in-memory index of fingerprints with caller-given ids.
///
/// Exact at any distance: up to 32 bits through the tables, beyond by a scan. Ids need not be
/// unique. Costs about 160 bytes a fingerprint; holds up to `u32::MAX - 1` of them.
#[derive(Debug, Clone)]
pub struct MihIndex {
    /// By slot, as the ids.
    fingerprints: Vec<Line>,
    ids: Vec<u64>,
    tables: [ChunkTable; CHUNKS],
}

/// A fingerprint that lies in one line of the processor's cache, so that reading it is one access to memory.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Line(Fingerprint);

/// Fingerprints copied before they are compared.
const BATCH: usize = 256;

impl Default for MihIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl MihIndex {
    /// An empty index.
    pub fn new() -> Self {
        Self {
            fingerprints: Vec::new(),
            ids: Vec::new(),
            tables: std::array::from_fn(|_| ChunkTable::default()),
        }
    }

    /// Number of fingerprints held.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds one fingerprint.
    pub fn insert(&mut self, fingerprint: Fingerprint, id: u64) {
        self.fingerprints.push(Line(fingerprint));
        self.ids.push(id);
        for (chunk, table) in self.tables.iter_mut().enumerate() {
            table.push(&self.fingerprints, chunk);
        }
    }

    /// All entries within `max_distance` bits as (id, distance), nearest first, then by id.
    pub fn query(&self, fingerprint: &Fingerprint, max_distance: u32) -> Vec<(u64, u32)> {
        if max_distance / CHUNKS as u32 > MAX_RADIUS || self.len() < SCAN_BELOW {
            let all = self.fingerprints.iter().map(|line| line.0);
            return linear_search(all.zip(self.ids.iter().copied()), fingerprint, max_distance);
        }
        let mut near = self.near(
            &self.candidates(fingerprint, max_distance),
            fingerprint,
            max_distance,
        );
        // Found in more than one chunk.
        near.sort_unstable();
        near.dedup();
        let mut found: Vec<(u64, u32)> = near
            .into_iter()
            .map(|(slot, distance)| (self.ids[slot as usize], distance))
            .collect();
        found.sort_unstable_by_key(|&(id, distance)| (distance, id));
        found
    }

    /// The slots that some chunk finds, some more than once.
    ///
    /// Among millions nearly every access misses the processor's caches. So each step makes all its accesses in one
    /// tight loop, none waiting for another's outcome: many are under way at once.
    fn candidates(&self, fingerprint: &Fingerprint, max_distance: u32) -> Vec<u32> {
        let mut slots = Vec::new();
        let mut buckets = Vec::new();
        for (chunk, table) in self.tables.iter().enumerate() {
            let Some(radius) = radius(chunk, max_distance) else {
                continue;
            };
            let key = chunk_of(fingerprint, chunk);
            buckets.clear();
            for_each_neighbour(key, CHUNK_BITS[chunk], radius, |neighbour| {
                buckets.push(table.bucket(neighbour));
            });
            table.slots(&buckets, &mut slots);
        }
        slots
    }

    /// Those of the slots within `max_distance`, with their distances.
    fn near(&self, slots: &[u32], fingerprint: &Fingerprint, max_distance: u32) -> Vec<(u32, u32)> {
        let mut near = Vec::new();
        let mut batch = Vec::with_capacity(BATCH);
        for slots in slots.chunks(BATCH) {
            // Copied first for the same reason: comparing takes long enough to keep the next access from beginning.
            batch.clear();
            batch.extend(slots.iter().map(|slot| self.fingerprints[*slot as usize]));
            for (slot, found) in slots.iter().zip(&batch) {
                if let Some(distance) = found.0.within(fingerprint, max_distance) {
                    near.push((*slot, distance));
                }
            }
        }
        near
    }
}

/// How many bits of a chunk may differ from those looked up; `None` when the chunk need not be looked up.
///
/// One more in every chunk makes `max_distance + 1` bits together, so within `max_distance` one of them finds it. (The
/// general form of the pigeonhole principle; Qin et al., "GPH: Similarity Search in Hamming Space", 2018.)
fn radius(chunk: usize, max_distance: u32) -> Option<u32> {
    let share = max_distance / CHUNKS as u32;
    let rest = max_distance % CHUNKS as u32;
    if chunk as u32 <= rest {
        Some(share)
    } else {
        share.checked_sub(1)
    }
}

/// All of `entries` within `max_distance` bits as (id, distance), nearest first, then by id, found
/// by looking at each.
pub fn linear_search(
    entries: impl IntoIterator<Item = (Fingerprint, u64)>,
    fingerprint: &Fingerprint,
    max_distance: u32,
) -> Vec<(u64, u32)> {
    let mut found: Vec<(u64, u32)> = entries
        .into_iter()
        .filter_map(|(candidate, id)| Some((id, candidate.within(fingerprint, max_distance)?)))
        .collect();
    found.sort_unstable_by_key(|&(id, distance)| (distance, id));
    found
}

/// Chained hash table from a chunk's value to the slots that may hold it. Different values share a
/// bucket; the caller compares whole hashes anyway, so keys are not stored.
#[derive(Debug, Clone, Default)]
struct ChunkTable {
    /// First slot of each bucket; the length is a power of two.
    heads: Vec<u32>,
    /// Next slot in the same bucket, by slot.
    next: Vec<u32>,
}

impl ChunkTable {
    /// Adds the last of `entries`; doubles and refills the table when it is full.
    fn push(&mut self, entries: &[Line], chunk: usize) {
        let first_new = if entries.len() > self.heads.len() {
            self.heads = vec![NONE; entries.len().next_power_of_two().max(1024)];
            self.next.clear();
            0
        } else {
            self.next.len()
        };
        for (slot, Line(fingerprint)) in entries.iter().enumerate().skip(first_new) {
            let bucket = self.bucket(chunk_of(fingerprint, chunk));
            self.next.push(self.heads[bucket]);
            self.heads[bucket] = slot as u32;
        }
    }

    /// Adds the slots of the given buckets.
    fn slots(&self, buckets: &[usize], slots: &mut Vec<u32>) {
        let mut level: Vec<u32> = buckets.iter().map(|bucket| self.heads[*bucket]).collect();
        level.retain(|slot| *slot != NONE);
        while !level.is_empty() {
            slots.extend_from_slice(&level);
            for slot in &mut level {
                *slot = self.next[*slot as usize];
            }
            level.retain(|slot| *slot != NONE);
        }
    }

    fn bucket(&self, key: u32) -> usize {
        // Multiplicative hashing; the high bits are the well-mixed ones.
        let mixed = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.heads.len() - 1)
    }
}

/// The chunk's bits as a number.
fn chunk_of(fingerprint: &Fingerprint, chunk: usize) -> u32 {
    let start: u32 = CHUNK_BITS[..chunk].iter().sum();
    let first_byte = (start / 8) as usize;
    // Up to 7 + 24 bits lie in at most four bytes.
    let mut window = [0; 4];
    let available = (32 - first_byte).min(4);
    window[..available].copy_from_slice(&fingerprint.0[first_byte..first_byte + available]);
    let width = CHUNK_BITS[chunk];
    (u32::from_be_bytes(window) << (start % 8)) >> (32 - width)
}

/// Calls `visit` with every value that differs from `key` in at most `radius` (0..=2) of `bits` bits.
fn for_each_neighbour(key: u32, bits: u32, radius: u32, mut visit: impl FnMut(u32)) {
    visit(key);
    if radius == 0 {
        return;
    }
    for first in 0..bits {
        visit(key ^ (1 << first));
        if radius > 1 {
            for second in 0..first {
                visit(key ^ (1 << first) ^ (1 << second));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chunks_cover_every_bit_once() {
        assert_eq!(CHUNK_BITS.iter().sum::<u32>(), 256);
        let zero = Fingerprint([0; 32]);
        for bit in 0..256 {
            let mut one = zero;
            one.0[bit / 8] = 0x80 >> (bit % 8);
            let changed: u32 = (0..CHUNKS)
                .map(|c| (chunk_of(&one, c) ^ chunk_of(&zero, c)).count_ones())
                .sum();
            assert_eq!(changed, 1, "bit {bit}");
        }
    }

    #[test]
    fn nothing_near_is_outside_every_chunks_radius() {
        for max_distance in 0..33 {
            // The fewest bits that differ where each chunk is just beyond its radius.
            let beyond: u32 = (0..CHUNKS)
                .map(|chunk| radius(chunk, max_distance).map_or(0, |radius| radius + 1))
                .sum();
            assert_eq!(beyond, max_distance + 1);
        }
    }

    #[test]
    fn neighbours_are_all_values_in_the_ball() {
        for radius in 0..=2 {
            let mut seen = Vec::new();
            for_each_neighbour(0b1011, 10, radius, |value| seen.push(value));
            seen.sort_unstable();
            let expected: Vec<u32> = (0..1024u32)
                .filter(|v| (v ^ 0b1011).count_ones() <= radius)
                .collect();
            assert_eq!(seen, expected);
        }
    }

    fn random_fingerprint(state: &mut u64) -> Fingerprint {
        Fingerprint(std::array::from_fn(|_| {
            // SplitMix64.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) as u8
        }))
    }

    fn flip(mut fingerprint: Fingerprint, bits: &[u8]) -> Fingerprint {
        for &bit in bits {
            fingerprint.0[usize::from(bit / 8)] ^= 1 << (bit % 8);
        }
        fingerprint
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Above the scan threshold, with planted neighbours of every distance.
        #[test]
        fn index_equals_a_scan(
            seed in any::<u64>(),
            planted in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..45), 1..60),
            max_distance in 0u32..=40,
        ) {
            let mut state = seed;
            let target = random_fingerprint(&mut state);
            let mut entries: Vec<_> = (0..SCAN_BELOW as u64)
                .map(|id| (random_fingerprint(&mut state), id))
                .collect();
            entries.extend(planted.iter().enumerate().map(|(i, bits)| (flip(target, bits), i as u64)));
            let mut index = MihIndex::new();
            for &(fingerprint, id) in &entries {
                index.insert(fingerprint, id);
            }
            let expected = linear_search(entries.iter().copied(), &target, max_distance);
            prop_assert_eq!(index.query(&target, max_distance), expected);
        }
    }

    #[test]
    fn results_come_nearest_first_then_by_id() {
        let zero = Fingerprint([0; 32]);
        let mut index = MihIndex::new();
        assert!(index.is_empty());
        for (bits, id) in [(&[1, 2][..], 7), (&[], 9), (&[5], 3), (&[6], 2)] {
            index.insert(flip(zero, bits), id);
        }
        assert_eq!(index.len(), 4);
        assert_eq!(index.query(&zero, 31), [(9, 0), (2, 1), (3, 1), (7, 2)]);
        assert_eq!(index.query(&zero, 1), [(9, 0), (2, 1), (3, 1)]);
    }
}
