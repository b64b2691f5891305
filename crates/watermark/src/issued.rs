//! Exact maximum-likelihood search among the ids that were issued.
//!
//! A word too weak to be decoded among 2^64 ids can still be told apart among the few that exist.
//! Four indexes hold every id by the 16 bits of each segment. If the correlations of an id's segments
//! sum to the floor or more, at least one of them reaches its share of the floor (pigeonhole),
//! however the floor is shared out; so it is enough to look at the ids in the few buckets whose
//! value reaches its segment's share. The answer is that of a comparison with every id.

use crate::message::{ID_BITS, Payload, SEGMENTS};
use crate::scores::SegmentScores;

/// Values of one segment of an id.
const BUCKETS: usize = 1 << ID_BITS;
/// New ids that are kept apart, and looked at one by one, before the indexes are rewritten.
const RECENT: usize = 1 << 16;
/// Steps to a standard deviation in which the floor is shared out among the segments.
const SHARE_STEPS: f32 = 32.0;

/// The ids that a ledger holds, for [`IssuedIds::best`]: 24 bytes an id, at most 2^32 of them.
#[derive(Debug, Clone)]
pub struct IssuedIds {
    /// By segment.
    indexes: [Index; SEGMENTS],
    /// Not in the indexes yet; ascending.
    recent: Vec<Payload>,
}

/// The answer of a search among issued ids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// The issued id that correlates best.
    pub payload: Payload,
    /// Its correlation in standard deviations, see [`SegmentScores`].
    pub correlation: f32,
    /// Correlation of the next best issued id, or the floor of the search if that is more.
    pub runner_up: f32,
}

impl Default for IssuedIds {
    /// No ids.
    fn default() -> Self {
        Self::new([])
    }
}

impl IssuedIds {
    /// Indexes the ids; double ones count once.
    pub fn new(ids: impl IntoIterator<Item = Payload>) -> Self {
        let mut ids: Vec<Payload> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self {
            indexes: std::array::from_fn(|segment| Index::new(segment, &ids)),
            recent: Vec::new(),
        }
    }

    /// How many different ids there are.
    pub fn len(&self) -> usize {
        self.indexes[0].rest.len() + self.recent.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the id is among them.
    pub fn contains(&self, payload: Payload) -> bool {
        self.recent.binary_search(&payload).is_ok() || self.indexes[0].contains(payload)
    }

    /// Adds an id; `false` if it was there. Once in 65,536 calls the indexes are rewritten.
    pub fn insert(&mut self, payload: Payload) -> bool {
        let Err(position) = self.recent.binary_search(&payload) else {
            return false;
        };
        if self.indexes[0].contains(payload) {
            return false;
        }
        self.recent.insert(position, payload);
        if self.recent.len() == RECENT {
            let recent = std::mem::take(&mut self.recent);
            for index in &mut self.indexes {
                index.extend(&recent);
            }
        }
        true
    }

    /// The issued id with the largest correlation (the smallest of several), if that is at least
    /// `floor` standard deviations.
    pub fn best(&self, scores: &SegmentScores, floor: f32) -> Option<Match> {
        let threshold = scores.threshold(floor)?;
        let mut ranking = Ranking::new(threshold);
        for &payload in &self.recent {
            ranking.offer(payload, scores.score(payload));
        }
        if !self.indexes[0].rest.is_empty() {
            let bounds = std::array::from_fn(|segment| scores.bounds(segment));
            let shares = shares(&bounds, scores, threshold);
            for (index, share) in self.indexes.iter().zip(shares) {
                index.search(&bounds, share, scores, &mut ranking);
            }
        }
        let (payload, score) = ranking.best?;
        Some(Match {
            payload,
            correlation: scores.deviations(score),
            runner_up: ranking
                .second
                .map_or(floor, |second| scores.deviations(second)),
        })
    }
}

/// Ids by the bits of one segment.
#[derive(Debug, Clone)]
struct Index {
    segment: usize,
    /// Start of each bucket in `rest`, and the end of the last.
    starts: Vec<u32>,
    /// The bits of the other segments, in cyclic order from the next one.
    rest: Vec<[u16; SEGMENTS - 1]>,
}

impl Index {
    fn new(segment: usize, ids: &[Payload]) -> Self {
        let mut index = Self {
            segment,
            starts: vec![0; BUCKETS + 1],
            rest: Vec::new(),
        };
        index.extend(ids);
        index
    }

    /// Bucket and entry of an id.
    fn split(&self, payload: Payload) -> (usize, [u16; SEGMENTS - 1]) {
        let mut parts = payload.parts();
        parts.rotate_left(self.segment);
        let [bucket, rest @ ..] = parts;
        (usize::from(bucket), rest)
    }

    fn joined(&self, bucket: usize, [a, b, c]: [u16; SEGMENTS - 1]) -> Payload {
        let mut parts = [bucket as u16, a, b, c];
        parts.rotate_right(self.segment);
        Payload::from_parts(parts)
    }

    fn bucket(&self, bucket: usize) -> &[[u16; SEGMENTS - 1]] {
        &self.rest[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }

    fn contains(&self, payload: Payload) -> bool {
        let (bucket, rest) = self.split(payload);
        self.bucket(bucket).contains(&rest)
    }

    /// Adds ids that are not there: moves every bucket to its new place, the last one first.
    fn extend(&mut self, ids: &[Payload]) {
        let mut added = vec![0u32; BUCKETS];
        for &id in ids {
            added[self.split(id).0] += 1;
        }
        self.rest.reserve_exact(ids.len());
        self.rest
            .resize(self.rest.len() + ids.len(), [0; SEGMENTS - 1]);
        // Where the next new entry of each bucket goes.
        let mut free = vec![0u32; BUCKETS];
        let mut before: u32 = ids.len() as u32;
        let mut old_end = self.starts[BUCKETS];
        self.starts[BUCKETS] += before;
        for bucket in (0..BUCKETS).rev() {
            let old_start = self.starts[bucket];
            before -= added[bucket];
            let start = old_start + before;
            self.rest
                .copy_within(old_start as usize..old_end as usize, start as usize);
            free[bucket] = start + (old_end - old_start);
            self.starts[bucket] = start;
            old_end = old_start;
        }
        for &id in ids {
            let (bucket, rest) = self.split(id);
            self.rest[free[bucket] as usize] = rest;
            free[bucket] += 1;
        }
    }

    /// Offers every id of the buckets whose bound is at least `share` and that could be ranked.
    fn search(
        &self,
        bounds: &[Vec<i16>; SEGMENTS],
        share: i32,
        scores: &SegmentScores,
        ranking: &mut Ranking,
    ) {
        let bound = |offset: usize, value: usize| {
            i32::from(bounds[(self.segment + offset) % SEGMENTS][value])
        };
        for bucket in (0..BUCKETS).filter(|&bucket| bound(0, bucket) >= share) {
            for &rest in self.bucket(bucket) {
                let [a, b, c] = rest.map(usize::from);
                if bound(0, bucket) + bound(1, a) + bound(2, b) + bound(3, c) >= ranking.least {
                    let payload = self.joined(bucket, rest);
                    ranking.offer(payload, scores.score(payload));
                }
            }
        }
    }
}

/// The best two ids so far.
struct Ranking {
    best: Option<(Payload, i32)>,
    /// Score of the runner-up.
    second: Option<i32>,
    /// The score that it takes to be ranked.
    least: i32,
}

impl Ranking {
    fn new(least: i32) -> Self {
        Self {
            best: None,
            second: None,
            least,
        }
    }

    /// Ranks an id; to offer it again changes nothing.
    fn offer(&mut self, payload: Payload, score: i32) {
        if score < self.least {
            return;
        }
        let Some((best, best_score)) = self.best else {
            self.best = Some((payload, score));
            return;
        };
        if payload == best {
            return;
        }
        let ahead = score > best_score || score == best_score && payload < best;
        if ahead {
            self.best = Some((payload, score));
        }
        let second = self
            .second
            .map_or(i32::MIN, |second| second)
            .max(score.min(best_score));
        self.second = Some(second);
        self.least = self.least.max(second);
    }
}

/// For each segment the least value that is looked at: an id all of whose segments stay below
/// their shares stays below `threshold`.
///
/// The shares go down from the segments' maxima in steps, each step where it lets in the fewest values.
fn shares(
    bounds: &[Vec<i16>; SEGMENTS],
    scores: &SegmentScores,
    threshold: i32,
) -> [i32; SEGMENTS] {
    let maxima = scores.maxima();
    let step = scores.step(SHARE_STEPS);
    // Sum of (share - 1) over the segments has to come below the threshold.
    let excess = maxima.iter().sum::<i32>() - threshold;
    let steps = (excess / step + 1) as usize;
    let counts: [Vec<u32>; SEGMENTS] = std::array::from_fn(|segment| {
        let mut counts = vec![0; steps];
        for &bound in &bounds[segment] {
            let below = (maxima[segment] - i32::from(bound)) / step;
            if let Some(count) = counts.get_mut(below as usize) {
                *count += 1;
            }
        }
        counts
    });
    let mut taken = [0; SEGMENTS];
    for _ in 0..steps {
        let cheapest = (0..SEGMENTS).min_by_key(|&segment| counts[segment][taken[segment]]);
        taken[cheapest.unwrap_or(0)] += 1;
    }
    std::array::from_fn(|segment| maxima[segment] + 1 - taken[segment] as i32 * step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{CODE_BITS, MessageCode};
    use crate::testing::normal_deviates;
    use proptest::prelude::*;

    /// The answer by comparison with every id.
    fn brute_force(ids: &[Payload], scores: &SegmentScores, floor: f32) -> Option<Match> {
        let threshold = scores.threshold(floor)?;
        let mut ranked: Vec<(i32, Payload)> =
            ids.iter().map(|&id| (-scores.score(id), id)).collect();
        ranked.sort_unstable();
        ranked.dedup();
        ranked.retain(|(score, _)| -score >= threshold);
        let &(score, payload) = ranked.first()?;
        Some(Match {
            payload,
            correlation: scores.deviations(-score),
            runner_up: ranked
                .get(1)
                .map_or(floor, |(score, _)| scores.deviations(-score)),
        })
    }

    /// Ids with few different values in each segment, so that buckets and scores collide.
    fn crowded() -> impl Strategy<Value = Payload> {
        proptest::array::uniform4(0u16..6)
            .prop_map(|parts| Payload::from_parts(parts.map(|p| p * 0x1357)))
    }

    fn ids() -> impl Strategy<Value = Vec<Payload>> {
        let random = any::<u64>().prop_map(Payload);
        proptest::collection::vec(prop_oneof![random, crowded()], 0..200)
    }

    /// Words of issued and other ids, summed, in noise, with strong, weak and missing segments.
    fn received(ids: Vec<Payload>) -> impl Strategy<Value = (Vec<Payload>, Vec<f32>)> {
        let gains = proptest::array::uniform4(prop_oneof![Just(0.0f32), Just(1.0), 0.0f32..3.0]);
        let words = proptest::collection::vec((0usize..250, 0.0f32..1.0), 0..3);
        let noise = prop_oneof![Just(0.0f32), Just(1.0)];
        (words, gains, noise, any::<u64>()).prop_map(move |(words, gains, noise, seed)| {
            let code = MessageCode::new();
            let mut soft = normal_deviates(seed, CODE_BITS);
            for value in &mut soft {
                *value *= noise;
            }
            for (number, amplitude) in words {
                let payload = ids.get(number).copied().unwrap_or(Payload(seed));
                for (value, bit) in soft.iter_mut().zip(code.encode(payload)) {
                    *value += if bit { -amplitude } else { amplitude };
                }
            }
            for (segment, gain) in soft.chunks_mut(CODE_BITS / SEGMENTS).zip(gains) {
                for value in segment {
                    *value *= gain;
                }
            }
            (ids.clone(), soft)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_search_agrees_with_a_comparison_with_every_id(
            (ids, soft) in ids().prop_flat_map(received),
            floor in prop_oneof![-5.0f32..5.0, 5.0f32..30.0],
            indexed in 0usize..200,
        ) {
            let scores = MessageCode::new().scores(&soft);
            let (indexed, recent) = ids.split_at(indexed.min(ids.len()));
            let mut issued = IssuedIds::new(indexed.iter().copied());
            for &id in recent {
                issued.insert(id);
            }
            prop_assert_eq!(issued.best(&scores, floor), brute_force(&ids, &scores, floor));
        }

        #[test]
        fn an_index_can_be_extended(first in ids(), second in ids(), other in any::<u64>()) {
            let first: std::collections::BTreeSet<Payload> = first.into_iter().collect();
            let second = second.into_iter().filter(|id| !first.contains(id));
            let second: std::collections::BTreeSet<Payload> = second.collect();
            for segment in 0..SEGMENTS {
                let mut index = Index::new(segment, &first.iter().copied().collect::<Vec<_>>());
                index.extend(&second.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(index.rest.len(), first.len() + second.len());
                prop_assert!(first.iter().chain(&second).all(|&id| index.contains(id)));
                prop_assert!(!index.contains(Payload(other)));
            }
        }
    }

    #[test]
    fn a_weak_mark_is_found_among_issued_ids() {
        let code = MessageCode::new();
        let ids: Vec<Payload> = (1..=5000u64)
            .map(|i| Payload(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect();
        let issued = IssuedIds::new(ids.iter().copied());
        for (seed, &payload) in (0..).zip(&ids[..20]) {
            let word = code.encode(payload);
            let soft: Vec<f32> = normal_deviates(seed, CODE_BITS)
                .iter()
                .zip(word)
                .map(|(noise, bit)| noise + if bit { -0.28 } else { 0.28 })
                .collect();
            // At 9 standard deviations nothing decodes blindly, and one in 100 falls below 6.
            let found = issued.best(&code.scores(&soft), 6.0);
            assert_eq!(found.map(|found| found.payload), Some(payload));
        }
    }

    #[test]
    fn nothing_is_lost_when_the_indexes_are_rewritten() {
        let id = |i: u64| Payload(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut issued = IssuedIds::new((0..10).map(id));
        let count = RECENT as u64 + 20;
        for i in 0..count {
            assert_eq!(issued.insert(id(i)), i >= 10);
        }
        assert!(issued.recent.len() < 20);
        assert_eq!(issued.len() as u64, count);
        assert!((0..count).all(|i| issued.contains(id(i)) && !issued.insert(id(i))));
        assert!(!issued.contains(id(count)) && !issued.is_empty());
    }
}
