//! The closed loop: what the detector would receive after attacks, and the strength that suffices.

use crate::bound::correlation;
use crate::channel::jpeg_luma;
use crate::fold::{Alignment, Folded};
use crate::lattice::Layout;
use crate::plane::Plane;
use crate::residual::weighted_residual;
use crate::tile_map::TileMap;

/// A simulated attack: shown at a fraction of the examined size, then JPEG.
///
/// On the tuning photographs at 512 to 1536 pixels the least deflection over JPEG 50 and 30,
/// half size with JPEG 70, noise of 10 grey levels, blur, and a crop to any quarter with
/// JPEG 50, by a real codec on colour, was at most 0.2 under what these two predict.
struct Channel {
    shrink: usize,
    quality: u32,
    /// Whether each quarter of the picture is also looked at alone, as after a crop.
    quarters: bool,
}

const CHANNELS: [Channel; 2] = [
    Channel {
        shrink: 1,
        quality: 30,
        quarters: true,
    },
    Channel {
        shrink: 2,
        quality: 70,
        quarters: false,
    },
];
/// Mildest thing that a mark must survive to be worth making.
const RECOMPRESSION: u32 = 50;

/// Deflections (signal over noise of the received dimensions, in standard deviations) predicted
/// for one strength of the mark; about 13.5 are needed to decode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prediction {
    pub(crate) strength: f32,
    /// The whole picture after the strongest compression simulated.
    pub(crate) whole: f64,
    /// The least over all channels and quarters.
    pub(crate) worst: f64,
}

/// A picture at the size at which the detector looks, and the mark of unit strength for it.
pub(crate) struct Trial<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) signs: &'a [f32],
    pub(crate) luma: &'a Plane,
    pub(crate) mark: &'a Plane,
    pub(crate) constellation: usize,
    /// Tiles a pixel of `luma`.
    pub(crate) cycles: f64,
    /// Position of the first pixel's centre, in tiles.
    pub(crate) origin: (f64, f64),
    /// Issued pixels to one of `luma`, along each axis.
    pub(crate) shrink: f64,
}

impl Trial<'_> {
    /// The weakest strength between two limits at which the worst prediction is enough; the
    /// strongest where none is.
    pub(crate) fn settle(&self, weakest: f32, strongest: f32, enough: f64) -> Prediction {
        let top = self.predict(strongest);
        if top.worst <= enough {
            return top;
        }
        // The deflection grows about in proportion to the strength.
        let aim = strongest * (enough / top.worst) as f32;
        self.predict(aim.max(weakest).min(strongest))
    }

    /// Deflection of the whole picture after a plain re-compression.
    pub(crate) fn recompressed(&self, strength: f32) -> f64 {
        let mut plane = self.marked(strength);
        jpeg_luma(&mut plane, RECOMPRESSION);
        self.deflection(&weighted_residual(&plane), self.cycles, self.origin)
    }

    fn predict(&self, strength: f32) -> Prediction {
        let marked = self.marked(strength);
        let mut prediction = Prediction {
            strength,
            whole: f64::INFINITY,
            worst: f64::INFINITY,
        };
        for channel in &CHANNELS {
            let (width, height) = (marked.width(), marked.height());
            let mut plane = if channel.shrink == 1 {
                marked.clone()
            } else {
                marked.area_resized(width / channel.shrink, height / channel.shrink)
            };
            jpeg_luma(&mut plane, channel.quality);
            let shrink = width as f64 / plane.width() as f64;
            let cycles = self.cycles * shrink;
            let half = 0.5 * (shrink - 1.0) * self.cycles;
            let origin = (self.origin.0 + half, self.origin.1 + half);
            let residual = weighted_residual(&plane);
            let whole = self.deflection(&residual, cycles, origin);
            prediction.worst = prediction.worst.min(whole);
            if channel.quarters {
                prediction.whole = whole;
                // A quarter of a picture that had to be shrunk is examined with up to twice as
                // many samples along each axis. Measured at 1536 pixels, hard quarters gained
                // about the root of that.
                let finer = self.shrink.min(2.0).sqrt();
                for (x, y, quarter) in quarters(&residual) {
                    let origin = (origin.0 + x as f64 * cycles, origin.1 + y as f64 * cycles);
                    let alone = self.deflection(&quarter, cycles, origin);
                    prediction.worst = prediction.worst.min(alone * finer);
                }
            }
        }
        prediction
    }

    fn marked(&self, strength: f32) -> Plane {
        let mut plane = self.luma.clone();
        for (y, m) in plane.data_mut().iter_mut().zip(self.mark.data()) {
            *y += strength * m;
        }
        plane
    }

    fn deflection(&self, residual: &Plane, cycles: f64, origin: (f64, f64)) -> f64 {
        let map = TileMap::affine([[cycles, 0.0], [0.0, cycles]], (0.5, 0.5));
        let folded = Folded::new(residual, &map);
        let alignment = Alignment::issued(self.constellation, origin);
        deflection(&folded.dimensions(self.layout, &alignment), self.signs)
    }
}

/// The four quarters of a residual and where they start.
fn quarters(residual: &Plane) -> impl Iterator<Item = (usize, usize, Plane)> {
    let (width, height) = (residual.width() / 2, residual.height() / 2);
    [(0, 0), (width, 0), (0, height), (width, height)]
        .into_iter()
        .map(move |(x, y)| (x, y, residual.cropped(x, y, width, height)))
}

/// Signal over noise of the received dimensions, in standard deviations: unlike the correlation
/// it does not saturate.
fn deflection(dimensions: &[f32], signs: &[f32]) -> f64 {
    let count = dimensions.len() as f64;
    let cosine = (correlation(dimensions, signs) / count.sqrt()).clamp(-0.999, 0.999);
    count.sqrt() * cosine / (1.0 - cosine * cosine).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::WatermarkKey;
    use crate::lattice::harmonics;
    use crate::tile::{TILE_SAMPLES, Tile};

    const SIDE: usize = 384;
    const TILE_SIDE: f64 = 110.0;
    const CONSTELLATION: usize = 5;
    const ORIGIN: (f64, f64) = (0.37, 0.81);

    /// Grain whose strength, in grey levels, depends on the quarter.
    fn grain(strengths: [f32; 4]) -> Plane {
        let mut state = 9u32;
        let data = (0..SIDE * SIDE)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (x, y) = (i % SIDE * 2 / SIDE, i / SIDE * 2 / SIDE);
                128.0 + strengths[2 * y + x] * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
            })
            .collect();
        Plane::new(SIDE, SIDE, data).unwrap().box_blurred(1)
    }

    fn predict(luma: &Plane, strengths: &[f32], shift: f64) -> Vec<Prediction> {
        let layout = Layout::new(&WatermarkKey::new([2; 32]));
        let signs = layout.signs(&vec![false; crate::message::CODE_BITS]);
        let tile = Tile {
            samples: layout.tile(&signs, CONSTELLATION, TILE_SAMPLES),
            origin: ORIGIN,
            cycles: 1.0 / TILE_SIDE,
        };
        let mark = tile.rendered(&Plane::filled(SIDE, SIDE, 1.0), 1.0, (SIDE, SIDE), 1.0);
        let trial = Trial {
            layout: &layout,
            signs: &signs,
            luma,
            mark: &mark,
            constellation: CONSTELLATION,
            cycles: tile.cycles,
            origin: (ORIGIN.0 + shift, ORIGIN.1),
            shrink: 1.0,
        };
        strengths.iter().map(|&s| trial.predict(s)).collect()
    }

    #[test]
    fn the_deflection_grows_with_the_strength_and_needs_the_right_pose() {
        let luma = grain([20.0; 4]);
        let found = predict(&luma, &[0.0, 1.5, 3.0], 0.0);
        assert!(found[0].worst.abs() < 4.0 && found[0].whole.abs() < 4.0);
        assert!(found[1].worst > 8.0);
        assert!(found[2].worst > 1.5 * found[1].worst);
        // Half a cycle of the lowest harmonic away, nothing adds up.
        let lowest = harmonics()[0].radius();
        assert!(predict(&luma, &[3.0], 0.5 / lowest)[0].worst < 5.0);
    }

    #[test]
    fn the_hardest_quarter_decides() {
        let even = predict(&grain([15.0; 4]), &[2.0], 0.0)[0];
        let uneven = predict(&grain([15.0, 15.0, 60.0, 15.0]), &[2.0], 0.0)[0];
        assert!(even.worst < 0.8 * even.whole);
        assert!(uneven.worst < 0.6 * even.worst);
        assert!(uneven.worst < 0.5 * uneven.whole);
    }

    #[test]
    fn quarters_start_where_they_say() {
        let data = (0..6 * 4).map(|i| i as f32).collect();
        let plane = Plane::new(6, 4, data).unwrap();
        for (x, y, quarter) in quarters(&plane) {
            assert_eq!((quarter.width(), quarter.height()), (3, 2));
            assert_eq!(quarter.data()[4], ((y + 1) * 6 + x + 1) as f32);
        }
    }
}
