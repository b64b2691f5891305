//! The false-positive bound.
//!
//! Fix any picture that was made without the key. Pose, translation and noise weights are
//! chosen from magnitudes and pilots alone, so the received dimensions `y` do not depend on
//! the scramble signs `s`, which are independent and fair. For one code word `c` the statistic
//! `z = Σ s_i c_i y_i / |y|` is then a weighted sum of fair signs, the weights' squares summing
//! to 1, and `P(z >= t) <= 3.18 Q(t)` with Q the normal tail (Bentkus and Dzindzalieta, Bernoulli
//! 21, 2015, theorem 1.1), whatever the picture. A union over the code words that could have been
//! answered and the decoding attempts bounds the probability that *any* id is accepted. Nothing
//! is assumed of pictures; the probability is over the key.

use crate::message::CODE_BITS;

/// Log10 of the false-positive probability at or below which an id is accepted.
pub const ACCEPT_LOG10: f64 = -10.0;

/// Ids that a mark can carry.
pub(crate) const ALL_IDS: f64 = 18_446_744_073_709_551_616.0;

/// `1 / (4 Q(sqrt 2))`, the constant of the theorem, rounded up.
const RADEMACHER: f64 = 3.18;

/// Normalised correlation of received dimensions with a code word's signs, in standard deviations.
pub(crate) fn correlation(dimensions: &[f32], signs: &[f32]) -> f64 {
    debug_assert_eq!(dimensions.len(), CODE_BITS);
    let (mut sum, mut energy) = (0.0f64, 0.0f64);
    for (&y, &s) in dimensions.iter().zip(signs) {
        sum += f64::from(y * s);
        energy += f64::from(y) * f64::from(y);
    }
    if energy > 0.0 {
        sum / energy.sqrt()
    } else {
        0.0
    }
}

/// Upper bound of log10 P(a picture without the mark yields any of `ids` with correlation `z` or
/// more in `attempts` decodings).
pub fn log10_false_positive(z: f64, attempts: usize, ids: f64) -> f64 {
    let tried = (attempts.max(1) as f64).log10() + ids.max(1.0).log10();
    (tried + log10_tail(z)).min(0.0)
}

/// Log10 of the bound for one id and one attempt.
fn log10_tail(z: f64) -> f64 {
    if z < 2.0 {
        return 0.0;
    }
    // The asymptotic series of the normal tail exceeds it when cut after a positive term.
    let square = z * z;
    let series = 1.0 - 1.0 / square + 3.0 / (square * square);
    let density = (std::f64::consts::TAU.sqrt() * z).recip() * series;
    (RADEMACHER * density).log10() - square / 2.0 * std::f64::consts::LOG10_E
}

/// The correlation at which [`log10_false_positive`] reaches [`ACCEPT_LOG10`].
pub(crate) fn least_correlation(attempts: usize, ids: f64) -> f64 {
    let (mut low, mut high) = (2.0, 32.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if log10_false_positive(middle, attempts, ids) <= ACCEPT_LOG10 {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// Correlates `dimensions` with `trials` uniformly random sign patterns and adds to `counts`,
/// element `i` counting those with `z >= i / 2`.
pub(crate) fn count_exceedances(
    dimensions: &[f32],
    trials: usize,
    seed: u64,
    counts: &mut Vec<u64>,
) {
    counts.resize(40, 0);
    let norm = dimensions.iter().map(|v| v * v).sum::<f32>().sqrt();
    if norm <= 0.0 {
        return;
    }
    // Eight dimensions at a time: the sum under each of the 256 sign patterns.
    let tables: Vec<[f32; 256]> = dimensions
        .chunks_exact(8)
        .map(|eight| {
            std::array::from_fn(|pattern| {
                let signed = eight
                    .iter()
                    .enumerate()
                    .map(|(i, v)| if pattern >> i & 1 == 1 { -v } else { *v });
                signed.sum::<f32>() / norm
            })
        })
        .collect();
    let mut state = seed;
    for _ in 0..trials {
        let mut z = 0.0f32;
        for eight in tables.chunks(8) {
            let word = splitmix(&mut state);
            for (i, table) in eight.iter().enumerate() {
                z += table[usize::from((word >> (8 * i)) as u8)];
            }
        }
        let reached = (z * 2.0).floor();
        if reached >= 0.0 {
            counts[..=(reached as usize).min(39)]
                .iter_mut()
                .for_each(|c| *c += 1);
        }
    }
}

/// Steele, Lea and Flood, OOPSLA 2014.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_accepts_only_beyond_twelve() {
        assert!((11.5..12.5).contains(&least_correlation(256, ALL_IDS)));
        assert!((8.5..9.5).contains(&least_correlation(256, 1e6)));
        assert_eq!(log10_false_positive(0.0, 1, 1.0), 0.0);
    }

    /// Q(5) = 2.8665e-7 and Q(10) = 7.6199e-24 (Abramowitz and Stegun, table 26.2).
    #[test]
    fn the_tail_is_the_normal_one_times_the_constant() {
        for (z, tail) in [(5.0, 2.8665e-7f64), (10.0, 7.6199e-24)] {
            let excess = log10_tail(z) - (RADEMACHER * tail).log10();
            assert!((0.0..2e-3).contains(&excess), "z {z}: {excess}");
        }
    }

    #[test]
    fn a_perfect_word_correlates_with_the_root_of_its_length() {
        let signs: Vec<f32> = (0..CODE_BITS)
            .map(|i| if i % 3 == 0 { -1.0 } else { 1.0 })
            .collect();
        let z = correlation(&signs, &signs);
        assert!((z - (CODE_BITS as f64).sqrt()).abs() < 1e-9);
    }

    /// Even for a few huge and many tiny values, where a Gaussian would be a poor model.
    #[test]
    fn the_tail_stays_under_the_bound_for_uneven_values() {
        let dimensions: Vec<f32> = (0..CODE_BITS)
            .map(|i| if i % 100 == 0 { 3.0 } else { 0.1 })
            .collect();
        let trials = 200_000;
        let mut counts = Vec::new();
        count_exceedances(&dimensions, trials, 5, &mut counts);
        for (i, &count) in counts.iter().enumerate() {
            let z = i as f64 / 2.0;
            let expected = trials as f64 * 10f64.powf(log10_tail(z));
            assert!(
                count as f64 <= expected + 4.0 * expected.sqrt() + 4.0,
                "z {z}: {count} of {expected}"
            );
        }
        assert!(
            counts[2] > 10_000,
            "the statistic has unit variance: {}",
            counts[2]
        );
    }
}
