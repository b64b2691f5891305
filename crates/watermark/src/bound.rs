//! The false-positive bound.
//!
//! Fix any picture that was made without the key. Pose, translation and noise weights are
//! chosen from magnitudes and pilots alone, so the received dimensions `y` do not depend on
//! the scramble signs `s`, which are independent and fair. For one code word `c` the statistic
//! `z = Σ s_i c_i y_i / |y|` is then a sum of independent, symmetric, bounded terms, and
//! Hoeffding's inequality (JASA 58, 1963) gives `P(z >= t) <= exp(-t²/2)`, whatever the picture.
//! A union over the `2^64` code words and the decoding attempts bounds the probability that
//! *any* id is accepted. Nothing is assumed of pictures; the probability is over the key.

use crate::polar::CODE_BITS;

/// Log10 of the false-positive probability at or below which a decoded id is accepted.
pub const ACCEPT_LOG10: f64 = -12.0;

/// Normalised correlation of received dimensions with a code word's signs, in standard deviations.
pub(crate) fn correlation(dimensions: &[f32], signs: &[f32]) -> f64 {
    debug_assert_eq!(dimensions.len(), CODE_BITS);
    let (mut sum, mut energy) = (0.0f64, 0.0f64);
    for (&y, &s) in dimensions.iter().zip(signs) {
        sum += f64::from(y * s);
        energy += f64::from(y) * f64::from(y);
    }
    if energy > 0.0 { sum / energy.sqrt() } else { 0.0 }
}

/// Upper bound of log10 P(an unmarked picture yields any id with correlation `z` or more in `attempts` decodings).
pub fn log10_false_positive(z: f64, attempts: usize) -> f64 {
    let ids = 64.0 * std::f64::consts::LOG10_2;
    let tail = z.max(0.0).powi(2) / 2.0 * std::f64::consts::LOG10_E;
    ((attempts.max(1) as f64).log10() + ids - tail).min(0.0)
}
