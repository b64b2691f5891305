//! From an id to a code word and back: four segments under one check.
//!
//! Each segment of the code word carries 16 bits of the id and two bits of a CRC-8 over all of it.
//! The segments are decoded exactly, each alone; the check then chooses among combinations of
//! their best values, most likely first.

use std::collections::BinaryHeap;

use crate::code::{SEGMENT_BITS, SEGMENT_LENGTH, SegmentCode};
use crate::scores::{Candidate, SegmentScores};

/// Segments of the code word.
pub(crate) const SEGMENTS: usize = 4;
/// Coded bits of one mark.
pub(crate) const CODE_BITS: usize = SEGMENTS * SEGMENT_LENGTH;
/// Bits of the id in one segment.
pub(crate) const ID_BITS: usize = 64 / SEGMENTS;
/// Bits of the check in one segment.
const CHECK_BITS: usize = SEGMENT_BITS - ID_BITS;
/// Generator of the check without its leading term: x^8 + x^2 + x + 1 (ITU-T I.432.1).
const CRC_POLYNOMIAL: u8 = 0x07;
/// Combinations that are looked at before the word counts as lost; one in 256 has a check that agrees by chance.
const MAX_COMBINATIONS: usize = 4096;

/// The watermark id: 64 bits drawn at random for every issued picture. It is a key to the
/// ledger and carries no trust by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Payload(pub u64);

impl Payload {
    /// The id's bits in each segment, the most significant first.
    pub(crate) fn parts(self) -> [u16; SEGMENTS] {
        std::array::from_fn(|segment| (self.0 >> (ID_BITS * (SEGMENTS - 1 - segment))) as u16)
    }

    pub(crate) fn from_parts(parts: [u16; SEGMENTS]) -> Self {
        Self(
            parts
                .iter()
                .fold(0, |id, &part| id << ID_BITS | u64::from(part)),
        )
    }
}

impl std::fmt::Display for Payload {
    /// Sixteen lower-case hexadecimal digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for Payload {
    type Err = crate::WatermarkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(value) if hex => Ok(Payload(value)),
            _ => Err(crate::WatermarkError::BadPayload),
        }
    }
}

/// The code of the mark: 64 bits in 1024.
#[derive(Debug, Clone)]
pub struct MessageCode {
    segment: SegmentCode,
}

impl Default for MessageCode {
    fn default() -> Self {
        Self::new()
    }
}

impl MessageCode {
    /// Makes the tables of the segment code.
    pub fn new() -> Self {
        Self {
            segment: SegmentCode::new(),
        }
    }

    /// The 1024 coded bits of an id, segment after segment.
    pub fn encode(&self, payload: Payload) -> Vec<bool> {
        segment_values(payload)
            .into_iter()
            .flat_map(|value| self.segment.word(value))
            .collect()
    }

    /// Correlates 1024 soft bits (positive for 0, any scale) with every value of every segment.
    pub fn scores(&self, soft: &[f32]) -> SegmentScores {
        SegmentScores::new(&self.segment, soft)
    }

    /// The most likely id whose check agrees, among those whose code word correlates with at
    /// least `floor` standard deviations of noise (see [`SegmentScores`]).
    pub fn decode(&self, scores: &SegmentScores, floor: f32) -> Option<Payload> {
        let floor = scores.threshold(floor)?;
        let candidates: [_; SEGMENTS] =
            std::array::from_fn(|segment| scores.candidates(segment, floor));
        combinations(&candidates)
            .take(MAX_COMBINATIONS)
            .take_while(|combination| combination.score >= floor)
            .find_map(|Combination { ranks, .. }| {
                let values: [usize; SEGMENTS] =
                    std::array::from_fn(|segment| candidates[segment][ranks[segment]].value);
                // The value's upper bits are the check.
                let payload = Payload::from_parts(values.map(|value| value as u16));
                (segment_values(payload) == values).then_some(payload)
            })
    }
}

/// What each segment carries: 16 bits of the id below [`CHECK_BITS`] bits of the check.
pub(crate) fn segment_values(payload: Payload) -> [usize; SEGMENTS] {
    let check = crc8(payload);
    let parts = payload.parts();
    std::array::from_fn(|segment| {
        let check_bits = usize::from(check) >> (CHECK_BITS * segment) & ((1 << CHECK_BITS) - 1);
        check_bits << ID_BITS | usize::from(parts[segment])
    })
}

/// CRC-8 of the id's bytes, the most significant first.
fn crc8(payload: Payload) -> u8 {
    let bytes = payload.0.to_be_bytes();
    bytes
        .iter()
        .fold(0, |crc, byte| CRC_STEP[usize::from(crc ^ byte)])
}

/// The check of each single byte.
const CRC_STEP: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u8;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 7 == 1 { CRC_POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// One candidate of every segment.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Combination {
    /// Sum of the candidates' correlations.
    score: i32,
    /// Which candidate of each segment.
    ranks: [usize; SEGMENTS],
    /// Segments before this one are settled: each combination then has one predecessor only.
    settled: usize,
}

/// All combinations of candidates (best first in each segment), the best first.
fn combinations(candidates: &[Vec<Candidate>; SEGMENTS]) -> impl Iterator<Item = Combination> {
    let score = |ranks: &[usize; SEGMENTS]| -> Option<i32> {
        let each = candidates.iter().zip(ranks);
        each.map(|(list, &rank)| Some(list.get(rank)?.score)).sum()
    };
    let combination = move |ranks, settled| {
        let score = score(&ranks)?;
        Some(Combination {
            score,
            ranks,
            settled,
        })
    };
    let mut open: BinaryHeap<Combination> = combination([0; SEGMENTS], 0).into_iter().collect();
    std::iter::from_fn(move || {
        let best = open.pop()?;
        open.extend((best.settled..SEGMENTS).filter_map(|segment| {
            let mut ranks = best.ranks;
            ranks[segment] += 1;
            combination(ranks, segment)
        }));
        Some(best)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::normal_deviates;
    use proptest::prelude::*;

    /// A received word: the id at `z` standard deviations in noise of unit variance.
    fn received(code: &MessageCode, payload: Payload, z: f32, seed: u64) -> Vec<f32> {
        let amplitude = z / (CODE_BITS as f32).sqrt();
        let noise = normal_deviates(seed, CODE_BITS);
        let word = code.encode(payload);
        word.iter()
            .zip(noise)
            .map(|(&bit, noise)| noise + if bit { -amplitude } else { amplitude })
            .collect()
    }

    #[test]
    fn crc_check_value() {
        // The check value of CRC-8 for "123456789", split so that it fits the id's eight bytes.
        let rest = CRC_STEP[usize::from(crc8(Payload(u64::from_be_bytes(*b"12345678"))) ^ b'9')];
        assert_eq!(rest, 0xF4);
    }

    #[test]
    fn noise_alone_has_no_id() {
        let code = MessageCode::new();
        for seed in 0..20 {
            let scores = code.scores(&normal_deviates(seed, CODE_BITS));
            assert_eq!(code.decode(&scores, 11.0), None);
        }
    }

    #[test]
    fn silence_has_no_id() {
        let code = MessageCode::new();
        for value in [0.0, f32::NAN, f32::INFINITY] {
            let scores = code.scores(&[value; CODE_BITS]);
            assert_eq!(code.decode(&scores, 0.0), None);
        }
    }

    #[test]
    fn decodes_at_thirteen_standard_deviations() {
        let code = MessageCode::new();
        let lost = (0..200).filter(|&seed: &u64| {
            let payload = Payload(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let scores = code.scores(&received(&code, payload, 13.0, seed));
            code.decode(&scores, 9.0) != Some(payload)
        });
        // One in a hundred and fifty on average.
        assert!(lost.count() <= 5);
    }

    /// Without the check, the sum of the segments' best values would be the answer.
    #[test]
    fn the_check_corrects_a_segment() {
        let code = MessageCode::new();
        let corrected = (0..40).filter(|&seed: &u64| {
            let payload = Payload(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let scores = code.scores(&received(&code, payload, 11.5, seed));
            let best = std::array::from_fn(|segment| scores.candidates(segment, 0)[0].value as u16);
            let right = code.decode(&scores, 8.0) == Some(payload);
            right && Payload::from_parts(best) != payload
        });
        assert!(corrected.count() >= 5);
    }

    #[test]
    fn a_floor_above_the_correlation_refuses() {
        let code = MessageCode::new();
        let payload = Payload(77);
        let scores = code.scores(&received(&code, payload, 16.0, 3));
        let z = scores.correlation(payload);
        assert_eq!(code.decode(&scores, z - 0.01), Some(payload));
        assert_eq!(code.decode(&scores, z + 0.01), None);
    }

    proptest! {
        #[test]
        fn ids_survive_a_fifth_of_flipped_bits(id in any::<u64>(), start in 0usize..5, scale in 1e-6f32..1e6) {
            let code = MessageCode::new();
            let mut soft: Vec<f32> = code.encode(Payload(id)).iter().map(|&b| if b { -scale } else { scale }).collect();
            soft.iter_mut().skip(start).step_by(5).for_each(|v| *v = -*v);
            prop_assert_eq!(code.decode(&code.scores(&soft), 9.0), Some(Payload(id)));
        }

        #[test]
        fn combinations_come_in_order_and_each_once(
            lists in proptest::array::uniform4(proptest::collection::vec(0i32..100, 0..5)),
        ) {
            let candidates = lists.map(|mut scores| {
                scores.sort_unstable_by(|a, b| b.cmp(a));
                scores.into_iter().map(|score| Candidate { score, value: 0 }).collect::<Vec<_>>()
            });
            let all: Vec<Combination> = combinations(&candidates).collect();
            prop_assert!(all.windows(2).all(|pair| pair[0].score >= pair[1].score));
            let ranks: std::collections::HashSet<_> = all.iter().map(|c| c.ranks).collect();
            prop_assert_eq!(ranks.len(), all.len());
            prop_assert_eq!(all.len(), candidates.iter().map(Vec::len).product::<usize>());
        }

        #[test]
        fn text_form_round_trips(id in any::<u64>()) {
            prop_assert_eq!(Payload(id).to_string().parse::<Payload>().unwrap(), Payload(id));
        }
    }
}
