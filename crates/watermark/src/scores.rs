//! Correlations of a received word with every value of every segment.

use crate::code::{SEGMENT_LENGTH, SegmentCode, TABLE_LENGTH};
use crate::message::{CODE_BITS, ID_BITS, Payload, SEGMENTS, segment_values};

/// Of every 256 entries the largest magnitudes of 16 interleaved lanes are kept, so that a search
/// skips most of a table.
const LANES: usize = 16;
const BLOCK: usize = 256;
/// Entries of [`SegmentScores::peaks`] to a segment.
const PEAKS: usize = TABLE_LENGTH / BLOCK * LANES;
/// A segment's values below this many standard deviations of that segment are not candidates.
const CANDIDATE_FLOOR: f32 = 3.0;

/// Correlations of a received word with every value of every segment.
///
/// The correlation of the received values `y` with a code word of signs `c` is counted in standard
/// deviations of noise of the same power: `sum(c y) / |y|`, at most 32.
///
/// The values are integers, so sums of them are exact and the same on every machine. The
/// rounding adds noise some 50 dB below what was received.
#[derive(Debug, Clone)]
pub struct SegmentScores {
    /// The segments' tables in turn: [`TABLE_LENGTH`] correlations each.
    tables: Vec<i16>,
    /// Largest magnitudes of the [`LANES`] of each [`BLOCK`] of the tables.
    peaks: Vec<i16>,
    /// Largest magnitude of each segment.
    maxima: [i32; SEGMENTS],
    /// Length of each segment of the received word.
    norms: [f32; SEGMENTS],
}

/// A value of one segment and its correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub(crate) score: i32,
    pub(crate) value: usize,
}

impl SegmentScores {
    pub(crate) fn new(code: &SegmentCode, soft: &[f32]) -> Self {
        let soft = quantised(soft);
        let (segments, _) = soft.as_chunks::<SEGMENT_LENGTH>();
        let mut tables = vec![0; SEGMENTS * TABLE_LENGTH];
        let mut peaks = Vec::with_capacity(tables.len() / BLOCK);
        for (segment, table) in segments.iter().zip(tables.chunks_exact_mut(TABLE_LENGTH)) {
            code.correlate(segment, table);
            for block in table.chunks_exact(BLOCK) {
                peaks.extend_from_slice(&lane_peaks(block));
            }
        }
        let maxima = std::array::from_fn(|segment| {
            let peaks = &peaks[PEAKS * segment..][..PEAKS];
            i32::from(
                peaks
                    .iter()
                    .fold(0, |largest: i16, &peak| largest.max(peak)),
            )
        });
        let norms = std::array::from_fn(|segment| {
            let squares = segments[segment].map(|v| f32::from(v) * f32::from(v));
            squares.iter().sum::<f32>().sqrt()
        });
        Self {
            tables,
            peaks,
            maxima,
            norms,
        }
    }

    /// Correlation of the received word with the code word of an id, in standard deviations.
    pub fn correlation(&self, payload: Payload) -> f32 {
        self.deviations(self.score(payload))
    }

    /// Sum of the correlations of an id's segments.
    pub(crate) fn score(&self, payload: Payload) -> i32 {
        let values = segment_values(payload);
        (0..SEGMENTS)
            .map(|segment| self.value(segment, values[segment]))
            .sum()
    }

    /// A sum of correlations in standard deviations.
    pub(crate) fn deviations(&self, score: i32) -> f32 {
        if score == 0 {
            0.0
        } else {
            score as f32 / self.norm()
        }
    }

    /// The least sum of correlations that makes `floor` standard deviations; `None` if no id reaches it.
    pub(crate) fn threshold(&self, floor: f32) -> Option<i32> {
        let threshold = (floor * self.norm()).ceil() as i32;
        let possible = self.norm() > 0.0 && self.maxima.iter().sum::<i32>() >= threshold;
        possible.then_some(threshold)
    }

    /// A fraction of a standard deviation, at least 1.
    pub(crate) fn step(&self, to_a_deviation: f32) -> i32 {
        ((self.norm() / to_a_deviation) as i32).max(1)
    }

    /// Largest correlation of each segment.
    pub(crate) fn maxima(&self) -> [i32; SEGMENTS] {
        self.maxima
    }

    /// The values of a segment with which the best of the other segments reach `threshold`, best
    /// first; those that noise alone makes by the hundred are left out.
    pub(crate) fn candidates(&self, segment: usize, threshold: i32) -> Vec<Candidate> {
        let others = self.maxima.iter().sum::<i32>() - self.maxima[segment];
        let noise = (CANDIDATE_FLOOR * self.norms[segment]).ceil() as i32;
        let least = (threshold - others).max(noise);
        let mut candidates = Vec::new();
        for (number, &peak) in self.peaks[PEAKS * segment..][..PEAKS].iter().enumerate() {
            if i32::from(peak) < least {
                continue;
            }
            let first = number / LANES * BLOCK + number % LANES;
            for entry in (first..).step_by(LANES).take(BLOCK / LANES) {
                let score = i32::from(self.table(segment)[entry]);
                if score.abs() >= least {
                    let complement = if score < 0 { TABLE_LENGTH } else { 0 };
                    candidates.push(Candidate {
                        score: score.abs(),
                        value: entry + complement,
                    });
                }
            }
        }
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        candidates
    }

    /// For each 16 bits of the id in a segment the largest correlation under any check bits.
    pub(crate) fn bounds(&self, segment: usize) -> Vec<i16> {
        let mut parts = self.table(segment).chunks_exact(1 << ID_BITS);
        let mut bounds = vec![0i16; 1 << ID_BITS];
        for part in &mut parts {
            for (bound, value) in bounds.iter_mut().zip(part) {
                *bound = (*bound).max(value.wrapping_abs());
            }
        }
        bounds
    }

    fn norm(&self) -> f32 {
        self.norms
            .iter()
            .map(|norm| norm * norm)
            .sum::<f32>()
            .sqrt()
    }

    fn table(&self, segment: usize) -> &[i16] {
        &self.tables[TABLE_LENGTH * segment..][..TABLE_LENGTH]
    }

    fn value(&self, segment: usize, value: usize) -> i32 {
        let entry = i32::from(self.table(segment)[value % TABLE_LENGTH]);
        if value < TABLE_LENGTH { entry } else { -entry }
    }
}

/// Largest magnitude in each lane of a block.
fn lane_peaks(block: &[i16]) -> [i16; LANES] {
    let mut magnitudes = [0; BLOCK];
    for (magnitude, value) in magnitudes.iter_mut().zip(block) {
        *magnitude = value.wrapping_abs();
    }
    let mut width = BLOCK / 2;
    while width >= LANES {
        let (low, high) = magnitudes.split_at_mut(width);
        for (a, b) in low.iter_mut().zip(high) {
            *a = (*a).max(*b);
        }
        width /= 2;
    }
    std::array::from_fn(|lane| magnitudes[lane])
}

/// Integers in proportion to the soft bits, as large as they can be while no sum over a segment
/// leaves 16 bits; zeros if a value is not finite.
fn quantised(soft: &[f32]) -> [i16; CODE_BITS] {
    debug_assert_eq!(soft.len(), CODE_BITS);
    let sums = soft
        .chunks(SEGMENT_LENGTH)
        .map(|segment| segment.iter().map(|v| v.abs()).sum::<f32>());
    // Rounding moves each value by half at most.
    let room = f32::from(i16::MAX) - SEGMENT_LENGTH as f32 / 2.0;
    let scale = room / sums.fold(0.0, |a, b| if a >= b { a } else { b });
    let mut out = [0; CODE_BITS];
    if scale.is_finite() && scale > 0.0 {
        for (out, value) in out.iter_mut().zip(soft) {
            *out = (value * scale).round() as i16;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::normal_deviates;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_over_a_segment_stay_in_sixteen_bits(
            soft in proptest::collection::vec(-1e3f32..1e3, CODE_BITS),
            scale in prop_oneof![Just(1e-30f32), Just(1.0), Just(1e30)],
        ) {
            let soft: Vec<f32> = soft.iter().map(|v| v * scale).collect();
            let quantised = quantised(&soft);
            let sums = quantised.chunks(SEGMENT_LENGTH).map(|s| s.iter().map(|v| i32::from(v.abs())).sum::<i32>());
            let largest = sums.max().unwrap_or(0);
            prop_assert!((32_000..=32_767).contains(&largest), "{}", largest);
        }
    }

    #[test]
    fn scores_are_the_correlations_with_code_words() {
        let code = SegmentCode::new();
        let soft = normal_deviates(1, CODE_BITS);
        let scores = SegmentScores::new(&code, &soft);
        let norm = soft.iter().map(|v| v * v).sum::<f32>().sqrt();
        for id in [0, 1, 0x8000, u64::MAX, 0x0123_4567_89ab_cdef] {
            let word = segment_values(Payload(id))
                .into_iter()
                .flat_map(|value| code.word(value));
            let signed = soft
                .iter()
                .zip(word)
                .map(|(v, bit)| if bit { -v } else { *v });
            let correlation = signed.sum::<f32>() / norm;
            assert!((scores.correlation(Payload(id)) - correlation).abs() < 0.02);
        }
    }

    #[test]
    fn candidates_are_all_values_above_the_least_and_come_in_order() {
        let scores = SegmentScores::new(&SegmentCode::new(), &normal_deviates(2, CODE_BITS));
        let others = scores.maxima[0] + scores.maxima[2] + scores.maxima[3];
        let least = scores.maxima[1] * 4 / 5;
        let candidates = scores.candidates(1, others + least);
        let above = (0..2 * TABLE_LENGTH).filter(|&value| scores.value(1, value) >= least);
        assert_eq!(candidates.len(), above.count());
        assert!(candidates.len() > 5);
        assert_eq!(candidates[0].score, scores.maxima[1]);
        assert!(candidates.windows(2).all(|pair| pair[0] > pair[1]));
        assert!(
            candidates
                .iter()
                .all(|c| scores.value(1, c.value) == c.score)
        );
    }

    #[test]
    fn bounds_hold_for_every_check() {
        let scores = SegmentScores::new(&SegmentCode::new(), &normal_deviates(3, CODE_BITS));
        let bounds = scores.bounds(2);
        for part in (0..1usize << ID_BITS).step_by(997) {
            let values = (0..4).map(|check| scores.value(2, check << ID_BITS | part));
            assert_eq!(values.max(), Some(i32::from(bounds[part])));
        }
    }
}
