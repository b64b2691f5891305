//! The carrier: which harmonics of the tile carry what.
//!
//! The mark is periodic. Its energy sits on the harmonics of one square tile between
//! [`INNER_RADIUS`] and the radius that makes room for all symbols. All harmonics are equally
//! strong, so that the lattice itself is the pattern by which the detector finds the pose; a
//! keyed subset has known phases (pilots, for the translation and the orientation), the rest
//! carries one coded bit in each quadrature.

use std::sync::OnceLock;

use rustfft::num_complex::Complex32;

use crate::key::WatermarkKey;
use crate::message::{CODE_BITS, SEGMENTS};

/// Payload harmonics: two coded bits each.
pub(crate) const PAYLOAD_HARMONICS: usize = CODE_BITS / 2;
/// Least number of pilots; whole shells are filled, so there are a few more.
const MIN_PILOTS: usize = 96;
/// Smallest radius in cycles a tile.
pub(crate) const INNER_RADIUS: i32 = 6;
/// Amplitude of a pilot relative to a payload harmonic.
const PILOT_GAIN: f32 = 1.15;
/// Sets of pilot phases; each id has one of them.
pub(crate) const CONSTELLATIONS: usize = 16;

/// How many tiles a picture holds across (the geometric mean of its two directions).
///
/// The count grows with the square root of the picture's side, so that a large picture both keeps
/// its mark when shown small and holds many tiles to crop from. It belongs to the whole picture:
/// resized without cropping, in whatever proportion, it has the same count.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct TileCount(f64);

impl TileCount {
    /// Steps to a doubling of the count.
    const STEPS: f64 = 4.0;
    /// Steps of the smallest and the largest count: 2.4 tiles at 181 pixels, 16 at 8192.
    const RANGE: std::ops::RangeInclusive<i32> = 5..=16;

    /// The count for a picture of a size in pixels.
    pub fn for_picture(width: usize, height: usize) -> Self {
        let side = (width as f64 * height as f64).sqrt();
        let step = (side / 32.0).sqrt().log2() * Self::STEPS;
        Self::of_step((step.round() as i32).clamp(*Self::RANGE.start(), *Self::RANGE.end()))
    }

    /// All counts, smallest first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::RANGE.map(Self::of_step)
    }

    fn of_step(step: i32) -> Self {
        Self((f64::from(step) / Self::STEPS).exp2())
    }

    /// Side of the square tile, in pixels, of a picture of a size in pixels.
    pub fn side(self, width: usize, height: usize) -> f64 {
        (width as f64 * height as f64).sqrt() / self.0
    }
}

/// A harmonic of the tile, `u` cycles across and `v` cycles down; one of each `±` pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Harmonic {
    pub(crate) u: i32,
    pub(crate) v: i32,
}

impl Harmonic {
    fn square_radius(self) -> i32 {
        self.u * self.u + self.v * self.v
    }

    pub(crate) fn radius(self) -> f64 {
        f64::from(self.square_radius()).sqrt()
    }
}

/// Every harmonic in use, nearest first. The set is unchanged by quarter turns and mirroring.
pub(crate) fn harmonics() -> &'static [Harmonic] {
    static ALL: OnceLock<Vec<Harmonic>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all: Vec<Harmonic> = (-40..=40)
            .flat_map(|u| (0..=40).map(move |v| Harmonic { u, v }))
            .filter(|h| h.v > 0 || h.u > 0)
            .filter(|h| h.square_radius() >= INNER_RADIUS * INNER_RADIUS)
            .collect();
        all.sort_by_key(|h| (h.square_radius(), h.v, h.u));
        let last = all[PAYLOAD_HARMONICS + MIN_PILOTS - 1].square_radius();
        all.retain(|h| h.square_radius() <= last);
        all
    })
}

/// Largest radius in use, in cycles a tile.
pub(crate) fn outer_radius() -> f64 {
    harmonics().last().map_or(0.0, |h| h.radius())
}

/// A keyed assignment of the harmonics.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) pilots: Vec<Harmonic>,
    /// Unit phases of the pilots, one set for each constellation.
    pub(crate) pilot_phases: Vec<Vec<Complex32>>,
    /// In order of dimensions: dimension `2 i` is the real part of harmonic `i`, `2 i + 1` the imaginary.
    pub(crate) payload: Vec<Harmonic>,
    /// Sign of each dimension.
    scramble: Vec<f32>,
    /// Coded bit that each dimension carries.
    interleave: Vec<usize>,
}

impl Layout {
    pub(crate) fn new(key: &WatermarkKey) -> Self {
        let mut order: Vec<Harmonic> = harmonics().to_vec();
        // One pilot out of each run of neighbours in radius, so that every octave has its share.
        let count = order.len() - PAYLOAD_HARMONICS;
        let mut stream = key.stream("pilots");
        let mut is_pilot = vec![false; order.len()];
        for i in 0..count {
            let (start, end) = (i * order.len() / count, (i + 1) * order.len() / count);
            is_pilot[start + stream.below(end - start)] = true;
        }
        let mut flags = is_pilot.iter().copied();
        let (pilots, payload): (Vec<_>, Vec<_>) =
            order.drain(..).partition(|_| flags.next().unwrap_or(false));
        let quarter = std::f32::consts::FRAC_1_SQRT_2;
        let sign = |bit: bool| if bit { -quarter } else { quarter };
        let pilot_phases = (0..CONSTELLATIONS)
            .map(|number| {
                let mut stream = key.stream(&format!("pilot phases {number}"));
                pilots
                    .iter()
                    .map(|_| Complex32::new(sign(stream.bit()), sign(stream.bit())))
                    .collect()
            })
            .collect();
        let mut stream = key.stream("scramble");
        let scramble = (0..CODE_BITS)
            .map(|_| if stream.bit() { -1.0 } else { 1.0 })
            .collect();
        let interleave = interleave(key);
        Self {
            pilots,
            pilot_phases,
            payload,
            scramble,
            interleave,
        }
    }

    /// The ±1 sign of every dimension for a code word.
    pub(crate) fn signs(&self, word: &[bool]) -> Vec<f32> {
        self.interleave
            .iter()
            .zip(&self.scramble)
            .map(|(&bit, sign)| if word[bit] { -sign } else { *sign })
            .collect()
    }

    /// Sorts received dimensions into soft coded bits, positive for 0.
    pub(crate) fn soft_bits(&self, dimensions: &[f32]) -> Vec<f32> {
        let mut soft = vec![0.0; CODE_BITS];
        for ((&bit, sign), value) in self.interleave.iter().zip(&self.scramble).zip(dimensions) {
            soft[bit] = sign * value;
        }
        soft
    }

    /// One period of the carrier with unit mean square, `side * side` samples, for the sign of
    /// every dimension.
    pub(crate) fn tile(&self, signs: &[f32], constellation: usize, side: usize) -> Vec<f32> {
        let quarter = std::f32::consts::FRAC_1_SQRT_2;
        let payload = self
            .payload
            .iter()
            .enumerate()
            .map(|(i, &h)| (h, Complex32::new(signs[2 * i], signs[2 * i + 1]) * quarter));
        let pilots = self.pilots.iter().zip(&self.pilot_phases[constellation]);
        let pilots = pilots.map(|(&h, &phase)| (h, phase * PILOT_GAIN));
        let mut spectrum = vec![Complex32::default(); side * side];
        let mut energy = 0.0;
        for (h, value) in payload.chain(pilots) {
            spectrum[bin(h.u, h.v, side)] = value;
            energy += value.norm_sqr() / 2.0;
        }
        crate::fft::inverse_square(&mut spectrum, side);
        let scale = 1.0 / energy.sqrt();
        spectrum.iter().map(|c| c.re * scale).collect()
    }
}

/// The coded bit of every dimension: neighbours in radius go to different segments, so that a
/// channel that takes some radii away weakens all segments alike.
fn interleave(key: &WatermarkKey) -> Vec<usize> {
    let mut stream = key.stream("interleave");
    let length = CODE_BITS / SEGMENTS;
    let mut free: [Vec<usize>; SEGMENTS] =
        std::array::from_fn(|segment| (segment * length..(segment + 1) * length).collect());
    for places in &mut free {
        stream.shuffle(places);
    }
    let mut bits = Vec::with_capacity(CODE_BITS);
    while bits.len() < CODE_BITS {
        let mut segments: [usize; SEGMENTS] = std::array::from_fn(|segment| segment);
        stream.shuffle(&mut segments);
        bits.extend(segments.iter().filter_map(|&segment| free[segment].pop()));
    }
    bits
}

/// Index of harmonic (`u`, `v`) in a square spectrum of the given side.
pub(crate) fn bin(u: i32, v: i32, side: usize) -> usize {
    let side_i = side as i32;
    (v.rem_euclid(side_i) as usize) * side + u.rem_euclid(side_i) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_unchanged_by_quarter_turns_and_mirrors() {
        let all = harmonics();
        let has = |u: i32, v: i32| {
            all.iter()
                .any(|h| (h.u, h.v) == (u, v) || (h.u, h.v) == (-u, -v))
        };
        assert!(all.iter().all(|h| has(-h.v, h.u) && has(-h.u, h.v)));
        assert!(all.len() >= PAYLOAD_HARMONICS + MIN_PILOTS);
    }

    #[test]
    fn symbols_come_back_as_soft_bits() {
        let layout = Layout::new(&WatermarkKey::new([3; 32]));
        let word: Vec<bool> = (0..CODE_BITS).map(|i| i * i % 7 < 3).collect();
        let soft = layout.soft_bits(&layout.signs(&word));
        assert!(
            word.iter()
                .zip(&soft)
                .all(|(&bit, &value)| bit == (value < 0.0))
        );
    }

    #[test]
    fn keys_do_not_share_signs() {
        let signs = |byte| Layout::new(&WatermarkKey::new([byte; 32])).signs(&[false; CODE_BITS]);
        let agreement: f32 = signs(1).iter().zip(signs(2)).map(|(a, b)| a * b).sum();
        assert!(agreement.abs() < 5.0 * (CODE_BITS as f32).sqrt());
    }

    #[test]
    fn counts_follow_the_size() {
        let side = |w, h| TileCount::for_picture(w, h).side(w, h);
        assert!((side(512, 512) - 128.0).abs() < 1e-9);
        assert!((side(2048, 2048) - 256.0).abs() < 1e-9);
        assert!(side(300, 300) < side(6000, 4000));
        assert!(TileCount::all().any(|count| count == TileCount::for_picture(1024, 768)));
    }

    #[test]
    fn the_tile_has_unit_power() {
        let layout = Layout::new(&WatermarkKey::new([9; 32]));
        let tile = layout.tile(&layout.signs(&[true; CODE_BITS]), 3, 128);
        let power: f32 = tile.iter().map(|v| v * v).sum::<f32>() / tile.len() as f32;
        assert!((power - 1.0).abs() < 1e-3);
    }
}
