//! Laying the carrier over a picture.

use crate::plane::Plane;

/// Samples across one rendered period of the carrier.
pub(crate) const TILE_SAMPLES: usize = 256;

/// One rendered period of the carrier and where it starts in the issued picture.
pub(crate) struct Tile {
    /// `TILE_SAMPLES * TILE_SAMPLES` values of unit mean square.
    pub(crate) samples: Vec<f32>,
    /// In tiles, at the centre of the first pixel of the issued picture.
    pub(crate) origin: (f64, f64),
    /// Tiles a pixel of the issued picture.
    pub(crate) cycles: f64,
}

/// Where one output pixel lies between two neighbouring samples.
#[derive(Clone, Copy)]
struct Tap {
    first: u32,
    second: u32,
    share: f32,
}

impl Tap {
    fn of(self, values: &[f32]) -> f32 {
        let (a, b) = (values[self.first as usize], values[self.second as usize]);
        a + self.share * (b - a)
    }
}

impl Tile {
    /// Position in tiles of the first pixel's centre in the picture shown at `shrink` issued
    /// pixels to one, along both axes.
    pub(crate) fn origin_at(&self, shrink: f64) -> (f64, f64) {
        let half = 0.5 * (shrink - 1.0) * self.cycles;
        (self.origin.0 + half, self.origin.1 + half)
    }

    /// `strength` times the carrier times the mask at `width * height`, where `shrink` issued
    /// pixels make one; a mask of another size is interpolated.
    pub(crate) fn rendered(
        &self,
        mask: &Plane,
        strength: f32,
        (width, height): (usize, usize),
        shrink: f64,
    ) -> Plane {
        let origin = self.origin_at(shrink);
        let cycles = self.cycles * shrink;
        let carrier_x = periodic_taps(width, origin.0, cycles);
        let carrier_y = periodic_taps(height, origin.1, cycles);
        let mask_x = stretched_taps(width, mask.width());
        let mask_y = stretched_taps(height, mask.height());
        let mut carrier = vec![0.0f32; TILE_SAMPLES];
        let mut weights = vec![0.0f32; mask.width()];
        let mut out = Plane::filled(width, height, 0.0);
        let rows = out.data_mut().chunks_exact_mut(width);
        for ((row, carrier_tap), mask_tap) in rows.zip(carrier_y).zip(mask_y) {
            blend_rows(&self.samples, carrier_tap, &mut carrier);
            blend_rows(mask.data(), mask_tap, &mut weights);
            for ((value, c), m) in row.iter_mut().zip(&carrier_x).zip(&mask_x) {
                *value = strength * c.of(&carrier) * m.of(&weights);
            }
        }
        out
    }
}

/// The row between two rows of a matrix whose rows are as long as `out`.
fn blend_rows(matrix: &[f32], tap: Tap, out: &mut [f32]) {
    let length = out.len();
    let row = |index: u32| &matrix[index as usize * length..][..length];
    let pairs = row(tap.first).iter().zip(row(tap.second));
    for (value, (a, b)) in out.iter_mut().zip(pairs) {
        *value = a + tap.share * (b - a);
    }
}

/// Positions on the periodic carrier.
fn periodic_taps(count: usize, origin: f64, cycles: f64) -> Vec<Tap> {
    let wrap = TILE_SAMPLES - 1;
    (0..count)
        .map(|i| {
            let place = (origin + i as f64 * cycles).rem_euclid(1.0) * TILE_SAMPLES as f64;
            let first = place as usize & wrap;
            Tap {
                first: first as u32,
                second: ((first + 1) & wrap) as u32,
                share: place.fract() as f32,
            }
        })
        .collect()
}

/// Positions on an axis of `from` cells stretched to `count`, clamped to the ends.
fn stretched_taps(count: usize, from: usize) -> Vec<Tap> {
    let last = from - 1;
    (0..count)
        .map(|i| {
            let place = (i as f64 + 0.5) * from as f64 / count as f64 - 0.5;
            let place = place.clamp(0.0, last as f64);
            let first = place as usize;
            Tap {
                first: first as u32,
                second: (first + 1).min(last) as u32,
                share: place.fract() as f32,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One wave across the tile.
    fn wave(origin: (f64, f64), cycles: f64) -> Tile {
        let samples = (0..TILE_SAMPLES * TILE_SAMPLES)
            .map(|i| {
                let phase = (i % TILE_SAMPLES) as f32 / TILE_SAMPLES as f32;
                (std::f32::consts::TAU * phase).sin()
            })
            .collect();
        Tile {
            samples,
            origin,
            cycles,
        }
    }

    #[test]
    fn the_carrier_lies_where_its_origin_says() {
        let out = wave((0.3, 0.7), 1.0 / 50.0).rendered(
            &Plane::filled(120, 40, 2.0),
            1.5,
            (120, 40),
            1.0,
        );
        for x in [0usize, 17, 61, 119] {
            let expected = 3.0 * (std::f64::consts::TAU * (0.3 + x as f64 / 50.0)).sin();
            assert!((f64::from(out.data()[20 * 120 + x]) - expected).abs() < 2e-3);
        }
    }

    #[test]
    fn rendering_small_is_shrinking_what_was_rendered_large() {
        let tile = wave((0.3, 0.7), 1.0 / 50.0);
        let mask = Plane::filled(60, 20, 1.0);
        let large = tile.rendered(&mask, 1.0, (120, 40), 1.0);
        let small = tile.rendered(&mask, 1.0, (60, 20), 2.0);
        let shrunk = large.area_resized(60, 20);
        for (a, b) in small.data().iter().zip(shrunk.data()) {
            assert!((a - b).abs() < 5e-3, "{a} {b}");
        }
    }

    #[test]
    fn a_small_mask_is_interpolated() {
        let mask = Plane::new(2, 1, vec![1.0, 3.0]).unwrap();
        let mut tile = wave((0.0, 0.0), 0.0);
        tile.samples.fill(1.0);
        let out = tile.rendered(&mask, 1.0, (4, 2), 1.0);
        assert_eq!(&out.data()[..4], &[1.0, 1.5, 2.5, 3.0]);
    }
}
