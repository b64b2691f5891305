//! The segment code: a linear code of length 256 with exact maximum-likelihood decoding.
//!
//! A code word is a Boolean function of eight variables: a constant, a linear form and a
//! quadratic form. Constants and linear forms make the first-order Reed-Muller code RM(1,8);
//! the quadratic forms are `Tr(a x^17)` and `Tr(a x^9)` over GF(256), which together with RM(1,8)
//! make the extended BCH code `[256, 21, 112]` (Lin and Costello, "Error Control Coding", 2004,
//! chapter 6). A subcode of it is used here.
//!
//! For each quadratic form one fast Hadamard transform gives the correlation with all 512
//! words of its coset of RM(1,8), so the correlation with every word of the code costs
//! `8 * 2^(SEGMENT_BITS - 1)` additions: there is no need for anything but the exact answer.

/// Coded bits of one segment.
pub(crate) const SEGMENT_LENGTH: usize = 256;
/// Bits that one segment carries.
pub(crate) const SEGMENT_BITS: usize = 18;
/// Correlations of one segment; the other half of the words are their complements.
pub(crate) const TABLE_LENGTH: usize = 1 << (SEGMENT_BITS - 1);

/// Quadratic forms `Tr(a x^17)`: a space of dimension 4, all of them bent.
const LANE_BITS: usize = 4;
const LANES: usize = 1 << LANE_BITS;
const LINEAR_BITS: usize = 8;
/// Quadratic forms `Tr(a x^9)`; with more than 8 the minimum distance would fall.
const OUTER_BITS: usize = SEGMENT_BITS - 1 - LINEAR_BITS - LANE_BITS;

/// The lanes of one position are transformed side by side.
type Row = [i16; LANES];

/// The code of one segment. Bits of a message, least significant first: four of `Tr(a x^17)`, eight
/// linear, [`OUTER_BITS`] of `Tr(a x^9)`, the constant.
#[derive(Debug, Clone)]
pub(crate) struct SegmentCode {
    /// Signs of all sixteen forms `Tr(a x^17)` at each position.
    lanes: Vec<Row>,
    /// Signs at all positions of each form `Tr(a x^9)`.
    outer: Vec<[i16; SEGMENT_LENGTH]>,
}

impl SegmentCode {
    pub(crate) fn new() -> Self {
        // Tr(a x^17) depends on the trace of `a` in GF(16) only; for these four it is independent.
        let lane_forms = [16, 32, 64, 128].map(|a| form(a, 17));
        let outer_forms: Vec<_> = (0..OUTER_BITS).map(|bit| form(1 << bit, 9)).collect();
        Self {
            lanes: (0..SEGMENT_LENGTH)
                .map(|x| std::array::from_fn(|lane| sign(parity(lane, &lane_forms, x))))
                .collect(),
            outer: (0..1 << OUTER_BITS)
                .map(|outer| std::array::from_fn(|x| sign(parity(outer, &outer_forms, x))))
                .collect(),
        }
    }

    /// The code word of a message below `2^SEGMENT_BITS`.
    pub(crate) fn word(&self, message: usize) -> impl Iterator<Item = bool> {
        let lane = message % LANES;
        let linear = message >> LANE_BITS & (SEGMENT_LENGTH - 1);
        let outer = &self.outer[message >> (LANE_BITS + LINEAR_BITS) & ((1 << OUTER_BITS) - 1)];
        let constant = sign(message >> (SEGMENT_BITS - 1) & 1 == 1);
        self.lanes.iter().enumerate().map(move |(x, row)| {
            let walsh = sign((x & linear).count_ones() % 2 == 1);
            constant * row[lane] * walsh * outer[x] < 0
        })
    }

    /// Fills `table` with the correlation of a soft segment with every message whose constant is 0;
    /// with the constant 1 it is the negative.
    ///
    /// The magnitudes of the soft values must sum to at most `i16::MAX`.
    pub(crate) fn correlate(&self, soft: &[i16], table: &mut [i16]) {
        debug_assert_eq!((soft.len(), table.len()), (SEGMENT_LENGTH, TABLE_LENGTH));
        let (rows, _) = table.as_chunks_mut::<LANES>();
        for (coset, outer) in rows.chunks_exact_mut(SEGMENT_LENGTH).zip(&self.outer) {
            for (x, row) in coset.iter_mut().enumerate() {
                let value = soft[x] * outer[x];
                *row = self.lanes[x].map(|sign| sign * value);
            }
            hadamard(coset);
        }
    }
}

/// Hadamard transform of every lane, in place, two levels at a time.
fn hadamard(rows: &mut [Row]) {
    let mut step = 1;
    while step < rows.len() {
        for block in rows.chunks_exact_mut(4 * step) {
            let (left, right) = block.split_at_mut(2 * step);
            let (a, b) = left.split_at_mut(step);
            let (c, d) = right.split_at_mut(step);
            for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                for lane in 0..LANES {
                    let (sum, difference) = (a[lane] + b[lane], a[lane] - b[lane]);
                    let (sum2, difference2) = (c[lane] + d[lane], c[lane] - d[lane]);
                    a[lane] = sum + sum2;
                    b[lane] = difference + difference2;
                    c[lane] = sum - sum2;
                    d[lane] = difference - difference2;
                }
            }
        }
        step *= 4;
    }
}

fn sign(bit: bool) -> i16 {
    if bit { -1 } else { 1 }
}

/// Sum over GF(2), at position `x`, of the forms that `selection` has set.
fn parity(selection: usize, forms: &[[bool; SEGMENT_LENGTH]], x: usize) -> bool {
    let chosen = forms
        .iter()
        .enumerate()
        .filter(|(i, _)| selection >> i & 1 == 1);
    chosen.fold(false, |sum, (_, form)| sum ^ form[x])
}

/// `Tr(a x^exponent)` at every `x` of GF(256).
fn form(a: u8, exponent: u32) -> [bool; SEGMENT_LENGTH] {
    std::array::from_fn(|x| {
        let power = (0..exponent).fold(1, |power, _| multiply(power, x as u8));
        trace(multiply(a, power))
    })
}

/// Absolute trace of GF(256): `y + y^2 + ... + y^128`, which is 0 or 1.
fn trace(y: u8) -> bool {
    let mut conjugate = y;
    let mut sum = 0;
    for _ in 0..8 {
        sum ^= conjugate;
        conjugate = multiply(conjugate, conjugate);
    }
    sum == 1
}

/// Product in GF(256) modulo the primitive polynomial x^8 + x^4 + x^3 + x^2 + 1.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut shifted) = (0, a);
    for bit in 0..8 {
        if b >> bit & 1 == 1 {
            product ^= shifted;
        }
        let carry = shifted >> 7 == 1;
        shifted = shifted << 1 ^ if carry { 0x1D } else { 0 };
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn soft(code: &SegmentCode, message: usize) -> Vec<i16> {
        code.word(message).map(sign).collect()
    }

    /// The correlation of the all-zero word with all words is their weight distribution.
    #[test]
    fn the_minimum_distance_is_112() {
        let code = SegmentCode::new();
        let mut table = vec![0; TABLE_LENGTH];
        code.correlate(&soft(&code, 0), &mut table);
        assert_eq!(table[0], 256);
        // A word of weight w correlates with 256 - 2 w, its complement with the negative.
        assert_eq!(
            table[1..].iter().map(|v| v.abs()).max(),
            Some(256 - 2 * 112)
        );
    }

    #[test]
    fn sixteen_cosets_lie_at_distance_120() {
        let code = SegmentCode::new();
        let mut table = vec![0; TABLE_LENGTH];
        code.correlate(&soft(&code, 0), &mut table);
        // Bent functions: every correlation has magnitude 16.
        for (message, value) in table[..LANES * SEGMENT_LENGTH].iter().enumerate() {
            let linear = message % LANES == 0;
            assert_eq!(
                value.abs(),
                if message == 0 {
                    256
                } else if linear {
                    0
                } else {
                    16
                }
            );
        }
    }

    proptest! {
        #[test]
        fn words_are_linear_in_their_messages(a in 0..1usize << SEGMENT_BITS, b in 0..1usize << SEGMENT_BITS) {
            let code = SegmentCode::new();
            let sum: Vec<bool> = code.word(a).zip(code.word(b)).map(|(x, y)| x ^ y).collect();
            prop_assert_eq!(code.word(a ^ b).collect::<Vec<_>>(), sum);
        }

        #[test]
        fn tables_hold_the_correlation_with_each_word(
            received in proptest::collection::vec(-127i16..=127, SEGMENT_LENGTH),
            message in 0..1usize << SEGMENT_BITS,
        ) {
            let code = SegmentCode::new();
            let mut table = vec![0; TABLE_LENGTH];
            code.correlate(&received, &mut table);
            let expected: i16 = received.iter().zip(soft(&code, message)).map(|(r, s)| r * s).sum();
            let constant = sign(message >= TABLE_LENGTH);
            prop_assert_eq!(constant * table[message % TABLE_LENGTH], expected);
        }
    }
}
