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
use crate::polar::CODE_BITS;

/// Payload harmonics: two coded bits each.
pub(crate) const PAYLOAD_HARMONICS: usize = CODE_BITS / 2;
/// Least number of pilots; whole shells are filled, so there are a few more.
const MIN_PILOTS: usize = 96;
/// Smallest radius in cycles a tile.
pub(crate) const INNER_RADIUS: i32 = 6;
/// Amplitude of a pilot relative to a payload harmonic.
const PILOT_GAIN: f32 = 1.15;
/// Tile sizes, in pixels of the issued picture, that a mark may have.
const TILE_CLASSES: usize = 8;

/// Size class of the tile: side `64 * 2^(class/2)` pixels. The pilots' phases tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileClass(u8);

impl TileClass {
    /// All classes, smallest tile first.
    pub(crate) fn all() -> impl Iterator<Item = TileClass> {
        (0..TILE_CLASSES as u8).map(TileClass)
    }

    /// The class for a picture: the tile grows with the square root of the picture's side, so
    /// that a large picture both keeps its mark when shown small and holds many tiles to crop from.
    pub fn for_picture(width: usize, height: usize) -> Self {
        let side = (width as f64 * height as f64).sqrt();
        let class = (side / 128.0).max(1.0).log2().round();
        TileClass(class.clamp(0.0, (TILE_CLASSES - 1) as f64) as u8)
    }

    /// Side of the tile in pixels of the issued picture.
    pub fn side(self) -> f64 {
        64.0 * 2f64.powf(f64::from(self.0) / 2.0)
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
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

/// A keyed assignment of the harmonics.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) pilots: Vec<Harmonic>,
    /// Unit phases of the pilots, one set for each tile class.
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
        let (pilots, mut payload): (Vec<_>, Vec<_>) =
            order.drain(..).partition(|_| flags.next().unwrap_or(false));
        stream.shuffle(&mut payload);
        let quarter = std::f32::consts::FRAC_1_SQRT_2;
        let sign = |bit: bool| if bit { -quarter } else { quarter };
        let pilot_phases = TileClass::all()
            .map(|class| {
                let mut stream = key.stream(&format!("pilot phases {}", class.index()));
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
        let mut interleave: Vec<usize> = (0..CODE_BITS).collect();
        key.stream("interleave").shuffle(&mut interleave);
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
    pub(crate) fn tile(&self, signs: &[f32], class: TileClass, side: usize) -> Vec<f32> {
        let quarter = std::f32::consts::FRAC_1_SQRT_2;
        let payload = self
            .payload
            .iter()
            .enumerate()
            .map(|(i, &h)| (h, Complex32::new(signs[2 * i], signs[2 * i + 1]) * quarter));
        let pilots = self.pilots.iter().zip(&self.pilot_phases[class.index()]);
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
    fn classes_follow_the_size() {
        let side = |w, h| TileClass::for_picture(w, h).side();
        assert_eq!(side(512, 512), 128.0);
        assert_eq!(side(2048, 2048), 256.0);
        assert!(side(100, 100) < side(6000, 4000));
    }

    #[test]
    fn the_tile_has_unit_power() {
        let layout = Layout::new(&WatermarkKey::new([9; 32]));
        let class = TileClass::for_picture(512, 512);
        let tile = layout.tile(&layout.signs(&[true; CODE_BITS]), class, 128);
        let power: f32 = tile.iter().map(|v| v * v).sum::<f32>() / tile.len() as f32;
        assert!((power - 1.0).abs() < 1e-3);
    }
}
