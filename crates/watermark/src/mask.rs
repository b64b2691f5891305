//! How much of the mark each place of the picture hides.

use crate::plane::Plane;

/// Radius of the box of the local mean, in pixels of the examined plane.
const MEAN_RADIUS: usize = 4;
/// Radius over which the hiding power is averaged.
const SPREAD_RADIUS: usize = 5;
/// Local contrast, in grey levels, that doubles the strength of a flat place.
const FLAT: f32 = 1.0;
/// Strongest place relative to a flat one.
const CEILING: f32 = 5.0;

/// Relative strength of the mark over the picture, 1 in flat mid-grey places.
///
/// After the noise visibility function (Voloshynovskiy et al., IH 1999): busy places hide more
/// than flat ones. An edge next to a flat area is not allowed to spill over it: the smaller of
/// two neighbourhoods counts. Places near black or white, where adding is cut off, get less.
pub(crate) fn visibility_mask(luma: &Plane) -> Plane {
    let mut deviation = luma.box_blurred(MEAN_RADIUS);
    for (d, y) in deviation.data_mut().iter_mut().zip(luma.data()) {
        *d = (y - *d).powi(2);
    }
    let near = deviation.box_blurred(SPREAD_RADIUS / 2);
    let wide = deviation.box_blurred(SPREAD_RADIUS);
    let mut mask = near;
    for (m, w) in mask.data_mut().iter_mut().zip(wide.data()) {
        let contrast = m.min(*w).max(0.0).sqrt();
        *m = (1.0 + contrast / FLAT).min(CEILING);
    }
    let mut mask = mask.box_blurred(SPREAD_RADIUS / 2);
    for (m, y) in mask.data_mut().iter_mut().zip(luma.data()) {
        let room = y.min(255.0 - y).max(0.0);
        *m *= (0.25 + room / 16.0).min(1.0);
    }
    mask
}
