//! What the detector looks at: the picture with its own content taken down.

use crate::plane::Plane;

/// Long side, in pixels, at which pictures are examined.
pub(crate) const ANALYSIS_SIDE: usize = 1024;
/// Radius of the boxes that estimate the local mean and the local spread.
const RADIUS: usize = 4;
/// Spread, in grey levels, that is never undercut: rounding and compression noise live there.
const SPREAD_FLOOR: f32 = 1.0;
/// Deviations are cut at this many local standard deviations: edges are content, not mark.
const CLIP: f32 = 2.5;

/// The picture less its local mean, weighted by how little content stands in the way.
///
/// The mark grows with the local contrast, the content's noise power with its square; between
/// the matched filter's weight for the one and plain normalisation the power 3/2 read best on
/// photographs (docs/decisions/0001-watermark.md).
pub(crate) fn weighted_residual(luma: &Plane) -> Plane {
    weighted_residual_and_spread(luma).0
}

/// [`weighted_residual`] and the local spread, in grey levels, by which it is weighted.
pub(crate) fn weighted_residual_and_spread(luma: &Plane) -> (Plane, Plane) {
    let mut residual = luma.clone();
    let mean = luma.box_blurred(RADIUS);
    for (value, mean) in residual.data_mut().iter_mut().zip(mean.data()) {
        *value -= mean;
    }
    let mut power = residual.clone();
    power.data_mut().iter_mut().for_each(|v| *v *= *v);
    let mut spread = power.box_blurred(RADIUS);
    for (value, spread) in residual.data_mut().iter_mut().zip(spread.data_mut()) {
        *spread = spread.max(0.0).sqrt() + SPREAD_FLOOR;
        *value = (*value / *spread).clamp(-CLIP, CLIP) / spread.sqrt();
    }
    (residual, spread)
}

/// How much less a place with this spread counts in [`weighted_residual`].
pub(crate) fn weight(spread: f32) -> f32 {
    1.0 / (spread * spread.sqrt())
}
