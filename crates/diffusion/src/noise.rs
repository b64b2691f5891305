//! Gaussian noise that is the same everywhere.
//!
//! Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
//! SC11), a counter-based generator: value `i` of a stream is a function of seed, stream and `i`
//! alone, so neither batches nor the order of calls change a picture.
//!
//! | input | words of 32 bits, low first |
//! | --- | --- |
//! | key | seed |
//! | counter 0, 1 | block `i / 4` |
//! | counter 2, 3 | stream |
//!
//! The four words `w` of a block give `u = (w + 1/2) / 2^32`, never 0 or 1, and by Box and Muller
//! the normals `r0 cos a1, r0 sin a1, r2 cos a3, r2 sin a3` with `r = sqrt(-2 ln u)`,
//! `a = 2 pi u`. All of it in `f64` with the `libm` crate's own `log`, `cos` and `sin`, rounded to
//! `f32` last: the system's mathematics library differs in the last place between platforms,
//! these do not. The largest value is 6.77.

use crate::request::Seed;

/// Noise the picture starts from.
pub const INITIAL_STREAM: u64 = 0;
/// Stream ids below this are the sampler's: [`INITIAL_STREAM`], then one for each step.
pub const FIRST_FAMILY_STREAM: u64 = 1 << 32;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Stream of the noise that an ancestral solver adds in `step`, counted from 0.
pub fn step_stream(step: usize) -> u64 {
    1 + step as u64
}

/// Philox4x32-10: four words from a counter and a key.
#[must_use]
pub fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let product = |i: usize, word: u32| u64::from(MULTIPLIERS[i]) * u64::from(word);
        let (p0, p1) = (product(0, counter[0]), product(1, counter[2]));
        counter = [
            (p1 >> 32) as u32 ^ counter[1] ^ key[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ counter[3] ^ key[1],
            p0 as u32,
        ];
    }
    counter
}

/// Block `block` of a stream: four words, each uniform over all 32-bit values.
#[must_use]
pub fn words(seed: Seed, stream: u64, block: u64) -> [u32; 4] {
    let halves = |value: u64| [value as u32, (value >> 32) as u32];
    let ([b0, b1], [s0, s1]) = (halves(block), halves(stream));
    philox4x32([b0, b1, s0, s1], halves(seed.0))
}

/// The first `values.len()` standard normal values of a stream.
pub fn fill_normal(seed: Seed, stream: u64, values: &mut [f32]) {
    for (block, values) in (0..).zip(values.chunks_mut(4)) {
        values.copy_from_slice(&normals(words(seed, stream, block))[..values.len()]);
    }
}

fn normals(words: [u32; 4]) -> [f32; 4] {
    let u = words.map(|word| (f64::from(word) + 0.5) / 4_294_967_296.0);
    let pair = |u: f64, v: f64| {
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * v);
        let radius = (-2.0 * libm::log(u)).sqrt();
        [(radius * cos) as f32, (radius * sin) as f32]
    };
    let ([n0, n1], [n2, n3]) = (pair(u[0], u[1]), pair(u[2], u[3]));
    [n0, n1, n2, n3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Known answers of Random123 1.14, `kat_vectors`, philox4x32 10.
    #[test]
    fn known_answers() {
        let ff = u32::MAX;
        assert_eq!(
            philox4x32([0; 4], [0; 2]),
            [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]
        );
        assert_eq!(
            philox4x32([ff; 4], [ff; 2]),
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
        );
        assert_eq!(
            philox4x32(
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0]
            ),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    /// Made by an implementation of its own from the description above, in Python.
    #[test]
    fn golden_values() {
        let cases = [
            (
                42,
                INITIAL_STREAM,
                [
                    0xbf785e5c, 0x3e46ace8, 0xbf9e28d2, 0x3ff6433b, 0xbd95e030, 0x3e0e7a0f,
                ],
            ),
            (
                42,
                step_stream(0),
                [
                    0x40082c17, 0x400a53f3, 0xbed108e0, 0xbfd472ca, 0x40015d4b, 0xbddda09e,
                ],
            ),
            (
                0xfedc_ba98_7654_3210,
                FIRST_FAMILY_STREAM,
                [
                    0x3f604c27, 0x401ec440, 0x3ef3e94a, 0x3f744fd7, 0xbea125f0, 0xbfaaddda,
                ],
            ),
        ];
        for (seed, stream, bits) in cases {
            let mut values = [0.0; 6];
            fill_normal(Seed(seed), stream, &mut values);
            assert_eq!(
                values.map(f32::to_bits),
                bits,
                "seed {seed} stream {stream}"
            );
        }
    }

    #[test]
    fn the_ends_of_the_words_are_finite() {
        let ends = [0, u32::MAX];
        for (a, b) in ends.into_iter().flat_map(|a| ends.map(|b| (a, b))) {
            for value in normals([a, b, b, a]) {
                assert!(value.abs() < 6.78, "{value}");
            }
        }
    }

    #[test]
    fn the_distribution_is_standard_normal() {
        let mut values = vec![0.0; 1 << 20];
        fill_normal(Seed(1), INITIAL_STREAM, &mut values);
        let n = values.len() as f64;
        let moment = |power| {
            values
                .iter()
                .map(|v| f64::from(*v).powi(power))
                .sum::<f64>()
                / n
        };
        for (power, expected, tolerance) in [
            (1, 0.0, 0.004),
            (2, 1.0, 0.006),
            (3, 0.0, 0.015),
            (4, 3.0, 0.04),
        ] {
            assert!(
                (moment(power) - expected).abs() < tolerance,
                "{power}: {}",
                moment(power)
            );
        }
        // No trace of one value in its neighbours of the same or the next block.
        for lag in 1..=8 {
            let pairs = values.iter().zip(&values[lag..]);
            let product = pairs.map(|(a, b)| f64::from(a * b)).sum::<f64>() / n;
            assert!(product.abs() < 0.005, "lag {lag}: {product}");
        }
    }

    proptest! {
        /// How many values are drawn does not change them.
        #[test]
        fn a_prefix_is_a_prefix(seed: u64, stream: u64, long in 0..70_usize, short in 0..70_usize) {
            let draw = |count| {
                let mut values = vec![0.0; count];
                fill_normal(Seed(seed), stream, &mut values);
                values
            };
            let (long, short) = (draw(long.max(short)), draw(long.min(short)));
            prop_assert_eq!(&long[..short.len()], &short[..]);
        }

        /// Seed, stream and block each count in all their bits.
        #[test]
        fn every_input_counts(seed: u64, stream: u64, block: u64, bit in 0..64_u32) {
            let other = 1_u64 << bit;
            let here = words(Seed(seed), stream, block);
            prop_assert_ne!(here, words(Seed(seed ^ other), stream, block));
            prop_assert_ne!(here, words(Seed(seed), stream ^ other, block));
            prop_assert_ne!(here, words(Seed(seed), stream, block ^ other));
        }
    }
}
