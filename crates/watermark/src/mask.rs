//! How much of the mark each place of the picture hides.

use crate::plane::Plane;

/// Radius of the box of the local mean, in pixels of the examined plane.
const MEAN_RADIUS: usize = 4;
/// Radii of the two neighbourhoods over which the hiding power is averaged.
const NEAR_RADIUS: usize = 2;
const WIDE_RADIUS: usize = 5;
/// Local contrast, in grey levels, that doubles the strength of a flat place.
const FLAT: f32 = 1.0;
/// Highest and lowest ceiling of the strongest place relative to a flat one.
const CEILINGS: std::ops::RangeInclusive<f32> = 2.5..=5.0;
/// Step between the ceilings tried.
const CEILING_STEP: f32 = 0.5;
/// Distance from black or white, in grey levels, below which adding would be cut off.
const ROOM: f32 = 16.0;

/// Relative strength of the mark over the picture, 1 in flat places, at most the highest ceiling.
///
/// After the noise visibility function (Voloshynovskiy et al., IH 1999): busy places hide more
/// than flat ones. An edge next to a flat area is not allowed to spill over it: the smaller of
/// two neighbourhoods counts. Places near black or white get less; on pure white or black the
/// mark stays under half a grey level and rounds to nothing.
pub(crate) fn visibility_mask(luma: &Plane) -> Plane {
    let mut deviation = luma.box_blurred(MEAN_RADIUS);
    for (d, y) in deviation.data_mut().iter_mut().zip(luma.data()) {
        *d = (y - *d).powi(2);
    }
    let wide = deviation.box_blurred(WIDE_RADIUS);
    let mut mask = deviation.box_blurred(NEAR_RADIUS);
    for (m, w) in mask.data_mut().iter_mut().zip(wide.data()) {
        let contrast = m.min(*w).max(0.0).sqrt();
        *m = (1.0 + contrast / FLAT).min(*CEILINGS.end());
    }
    let mut mask = mask.box_blurred(NEAR_RADIUS);
    for (m, y) in mask.data_mut().iter_mut().zip(luma.data()) {
        let room = y.min(255.0 - y).max(0.0);
        *m *= (0.25 + room / ROOM).min(1.0);
    }
    mask
}

/// Lowers the mask's ceiling as far as it takes to allow flat places `amplitude` (root mean
/// square) within a mean square of `allowed`, both in grey levels.
///
/// The detector weights busy places down, so energy does more in flat ones, where it is also
/// seen more. A picture with many flat places keeps the high ceiling: its mark is limited by what
/// is seen in them. One that is busy all over is limited by the error allowed, and spends it evenly.
pub(crate) fn lower_ceiling(mask: &mut Plane, amplitude: f64, allowed: f64) {
    let mut ceiling = *CEILINGS.end();
    while ceiling > *CEILINGS.start()
        && mean_square_under(mask, ceiling) * amplitude * amplitude > allowed
    {
        ceiling -= CEILING_STEP;
    }
    for m in mask.data_mut() {
        *m = m.min(ceiling);
    }
}

fn mean_square_under(mask: &Plane, ceiling: f32) -> f64 {
    let sum: f64 = mask
        .data()
        .iter()
        .map(|m| f64::from(m.min(ceiling)).powi(2))
        .sum();
    sum / mask.data().len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left half flat mid-grey, right half a checkerboard of the given contrast.
    fn half_busy(contrast: f32) -> Plane {
        let side = 96;
        let data = (0..side * side)
            .map(|i| {
                let (x, y) = (i % side, i / side);
                let busy = if (x / 2 + y / 2) % 2 == 0 {
                    contrast
                } else {
                    -contrast
                };
                if x < side / 2 { 128.0 } else { 128.0 + busy }
            })
            .collect();
        Plane::new(side, side, data).unwrap()
    }

    #[test]
    fn busy_places_get_more_and_the_flat_side_of_an_edge_does_not() {
        let mask = visibility_mask(&half_busy(20.0));
        let at = |x: usize| mask.data()[48 * 96 + x];
        assert!((at(10) - 1.0).abs() < 1e-3, "flat: {}", at(10));
        assert!((at(80) - *CEILINGS.end()).abs() < 1e-3, "busy: {}", at(80));
        // Six pixels beside the edge the wide neighbourhood alone would already see it.
        assert!(at(39) < 1.5, "beside the edge: {}", at(39));
    }

    #[test]
    fn white_and_black_get_a_quarter() {
        for value in [0.0, 255.0] {
            let mask = visibility_mask(&Plane::filled(40, 40, value));
            assert!(mask.data().iter().all(|&m| (m - 0.25).abs() < 1e-3));
        }
    }

    #[test]
    fn the_ceiling_falls_only_as_far_as_the_error_asks() {
        let full = visibility_mask(&half_busy(20.0));
        let highest = |allowed: f64| {
            let mut mask = full.clone();
            lower_ceiling(&mut mask, 1.0, allowed);
            mask.data().iter().copied().fold(0.0f32, f32::max)
        };
        assert_eq!(highest(100.0), *CEILINGS.end());
        assert_eq!(highest(0.1), *CEILINGS.start());
        let between = highest(5.5);
        assert!((3.0..4.0).contains(&between), "{between}");
    }
}
