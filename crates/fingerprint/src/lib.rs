//! PDQ 256-bit perceptual hash, exact Hamming search, registered content sketches.
//!
//! Three tools, all pure functions of luma planes (row-major `f32`, 0..=255, upright):
//!
//! * [`pdq`] / [`pdq_dihedral`]: Meta's PDQ hash, bit-compatible with its C++ reference;
//! * [`MihIndex`]: exact Hamming search over many hashes (multi-index hashing);
//! * [`Sketch`] / [`register`]: does this picture show (part of) that picture, when the watermark
//!   has already told how one is rotated and scaled against the other?

mod contrast;
mod fft;
mod index;
mod pdq;
mod register;
mod resample;
mod sketch;
#[cfg(test)]
mod synthetic;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use index::{MihIndex, linear_search};
pub use pdq::{MIN_HASHABLE_SIDE, pdq, pdq_dihedral};
pub use register::{Decision, Registration, register};
pub use sketch::{SKETCH_SIDE, Sketch};

/// Hamming distance at or below which PDQ's authors call two hashes a match.
pub const MATCH_DISTANCE: u32 = 31;

/// A 256-bit PDQ hash. Bit `k` of the reference (frequency row `k / 16`, column `k % 16`) is bit
/// `k % 8` of byte `31 - k / 8`, so that the hexadecimal text equals the reference's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Number of differing bits, 0..=256.
    pub fn distance(&self, other: &Self) -> u32 {
        self.words().zip(other.words()).map(differing).sum()
    }

    /// [`Fingerprint::distance`] where it is at most `most`. Two fingerprints that have nothing to do with each other
    /// are told apart by their first half.
    fn within(&self, other: &Self, most: u32) -> Option<u32> {
        self.words().zip(other.words()).try_fold(0, |sum, pair| {
            let sum = sum + differing(pair);
            (sum <= most).then_some(sum)
        })
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        let (words, _) = self.0.as_chunks::<8>();
        words.iter().map(|word| u64::from_ne_bytes(*word))
    }
}

fn differing((a, b): (u64, u64)) -> u32 {
    (a ^ b).count_ones()
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || FingerprintError::MalformedHex { length: text.len() };
        if text.len() != 64 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(malformed());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| malformed())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| malformed())?;
        }
        Ok(Self(bytes))
    }
}

/// PDQ's measure of how much structure the picture has, 0..=100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quality(pub u8);

impl Quality {
    /// Hashes of pictures with less structure than this match by chance; PDQ's authors discard
    /// them.
    pub const RELIABLE: Self = Self(50);

    /// Whether a hash with this quality may be used for matching.
    pub fn is_reliable(self) -> bool {
        self >= Self::RELIABLE
    }
}

/// What can be wrong with the input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// The slice is not `width * height` samples long.
    #[error(
        "the plane holds {samples} samples, but {width} x {height} are needed; pass a row-major plane without padding"
    )]
    PlaneSize {
        /// Samples given.
        samples: usize,
        /// Claimed width, pixels.
        width: usize,
        /// Claimed height, pixels.
        height: usize,
    },
    /// A side is below the smallest that can be hashed or sketched.
    #[error(
        "a picture of {width} x {height} pixels is too small; at least {minimum} pixels a side are needed"
    )]
    TooSmall {
        /// Width, pixels.
        width: usize,
        /// Height, pixels.
        height: usize,
        /// Smallest side accepted.
        minimum: usize,
    },
    /// Not 64 hexadecimal digits.
    #[error(
        "a fingerprint is 64 hexadecimal digits; this text has {length} characters or other characters"
    )]
    MalformedHex {
        /// Bytes in the text.
        length: usize,
    },
    /// Stored sketch bytes do not parse.
    #[error(
        "the stored content sketch cannot be read ({0}); the record is damaged or was written by a newer version"
    )]
    MalformedSketch(&'static str),
    /// The pose matrix is singular, not finite or outside the supported scale.
    #[error("the pose matrix is not usable: it must be finite with scales between 1/64 and 64")]
    UnusablePose,
}

/// Checks the shape of a luma plane.
fn check_plane(
    luma: &[f32],
    width: usize,
    height: usize,
    minimum: usize,
) -> Result<(), FingerprintError> {
    if width.checked_mul(height) != Some(luma.len()) {
        return Err(FingerprintError::PlaneSize {
            samples: luma.len(),
            width,
            height,
        });
    }
    if width < minimum || height < minimum {
        return Err(FingerprintError::TooSmall {
            width,
            height,
            minimum,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hexadecimal_text_round_trips_and_rejects_garbage() {
        let fingerprint = Fingerprint(std::array::from_fn(|i| (i * 37) as u8));
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert!("abc".parse::<Fingerprint>().is_err());
        assert!("+".repeat(64).parse::<Fingerprint>().is_err());
        assert!("é".repeat(32).parse::<Fingerprint>().is_err());
    }

    proptest! {
        #[test]
        fn within_a_distance_is_the_distance(a: [u8; 32], flips in proptest::collection::vec(any::<u8>(), 0..60), most in 0_u32..70) {
            let mut b = a;
            for bit in flips {
                b[usize::from(bit / 8)] ^= 1 << (bit % 8);
            }
            let bits: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum();
            let (a, b) = (Fingerprint(a), Fingerprint(b));
            prop_assert_eq!(a.distance(&b), bits);
            prop_assert_eq!(a.within(&b, most), Some(bits).filter(|bits| *bits <= most));
        }
    }

    #[test]
    fn distance_counts_differing_bits() {
        let zero = Fingerprint([0; 32]);
        let mut other = zero;
        other.0[0] = 0x81;
        other.0[31] = 0x01;
        assert_eq!(zero.distance(&other), 3);
        assert_eq!(zero.distance(&Fingerprint([0xff; 32])), 256);
    }
}
