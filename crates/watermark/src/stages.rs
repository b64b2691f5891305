//! The steps of the detector one by one, for the benchmarks.

use crate::fold::{Folded, Turns};
use crate::key::WatermarkKey;
use crate::lattice::Layout;
use crate::plane::Plane;
use crate::residual::weighted_residual;
use crate::spectrum::Spectrum;
use crate::sync::{Sought, find_lattices};
use crate::tile_map::TileMap;

/// A power spectrum.
pub struct Transformed(Spectrum);

/// A picture folded onto one tile.
pub struct OnTile(Folded);

/// What a key says about the carrier.
pub struct Keyed(Layout);

/// The picture less its own content.
pub fn residual(luma: &Plane) -> Plane {
    weighted_residual(luma)
}

/// The whitened power spectrum of a residual at half size, as a search looks at it.
pub fn spectrum(residual: &Plane) -> Transformed {
    Transformed(Spectrum::of(&residual.halved()))
}

/// How many lattices are found with tiles of 56 to 112 pixels.
pub fn lattices(spectrum: &Transformed) -> usize {
    let sought = Sought {
        shortest: 56.0,
        steps: 2,
        held: 32,
        floor: 3.0,
        count: 2,
    };
    find_lattices(&spectrum.0, &sought).len()
}

/// A residual folded onto tiles of 96 pixels.
pub fn fold(residual: &Plane) -> OnTile {
    let basis = [[1.0 / 96.0, 0.0], [0.0, 1.0 / 96.0]];
    OnTile(Folded::new(residual, &TileMap::affine(basis, (0.0, 0.0))))
}

impl Keyed {
    /// The layout of a key.
    pub fn new(key: &WatermarkKey) -> Self {
        Self(Layout::new(key))
    }

    /// Agreement of the pilots over all orientations, constellations and translations.
    pub fn align(&self, folded: &OnTile) -> f32 {
        let best = folded.0.align(&self.0, Turns::All);
        best.first().map_or(0.0, |alignment| alignment.z)
    }
}
