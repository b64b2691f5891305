//! Received words for measurements of the code: an id's coded bits in Gaussian noise.

use colophon_watermark::{MessageCode, Payload};

/// Coded bits of a mark, and so the squared length of its code word.
pub const CODE_BITS: f64 = 1024.0;

/// Deterministic random numbers (Steele, Lea and Flood, OOPSLA 2014).
pub struct SplitMix(pub u64);

/// Step of the state: the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl SplitMix {
    /// The generator of `seed` after `count` numbers.
    pub fn after(seed: u64, count: u64) -> Self {
        Self(seed.wrapping_add(STEP.wrapping_mul(count)))
    }

    /// 64 uniform bits; no value comes twice in a period of 2^64.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f32 {
        let mut uniform = || ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let (radius, turn) = ((-2.0 * uniform().ln()).sqrt(), uniform());
        (radius * (std::f64::consts::TAU * turn).cos()) as f32
    }
}

/// The code word of `payload` at deflection `z` in noise of unit variance: what the detector would
/// receive if the correlation with the right word were `z` standard deviations on average.
pub fn received(code: &MessageCode, payload: Payload, z: f64, random: &mut SplitMix) -> Vec<f32> {
    let amplitude = (z / CODE_BITS.sqrt()) as f32;
    code.encode(payload)
        .into_iter()
        .map(|bit| random.normal() + if bit { -amplitude } else { amplitude })
        .collect()
}
