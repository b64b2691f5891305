//! The detector: from a plane of luminance to an id, its pose and its false-positive bound.

use crate::bound::{self, ACCEPT_LOG10, correlation, log10_false_positive};
use crate::fold::{Alignment, Folded};
use crate::key::WatermarkKey;
use crate::lattice::{Layout, TileClass};
use crate::message::{MessageCode, Payload};
use crate::plane::Plane;
use crate::residual::{ANALYSIS_SIDE, weighted_residual};
use crate::spectrum::Spectrum;
use crate::sync::{self, CANDIDATES, Matrix};

/// Pilot agreement below which no decoding is tried: noise reaches about 5 over all alignments.
const PILOT_FLOOR: f32 = 4.6;

/// A mark that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The id.
    pub payload: Payload,
    /// Log10 of the bound on the probability that a picture without this key's mark gives any id.
    pub log10_false_positive: f64,
    /// Correlation with the re-encoded id in standard deviations.
    pub correlation: f64,
    /// How the picture was turned and scaled since it was marked.
    pub pose: Pose,
    /// Index of the key that read it.
    pub key_index: usize,
}

/// Linear part of the map from the issued picture to the examined one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Displacement in issued pixels to displacement in examined pixels.
    pub matrix: Matrix,
}

impl Pose {
    /// Examined pixels to one issued pixel (square root of the determinant's size).
    pub fn scale(&self) -> f64 {
        self.determinant().abs().sqrt()
    }

    /// Whether the picture was mirrored.
    pub fn flipped(&self) -> bool {
        self.determinant() < 0.0
    }

    /// Degrees, -180 to 180, clockwise as seen on a screen, applied after the horizontal mirroring, if any.
    pub fn rotation_degrees(&self) -> f64 {
        let m = self.matrix;
        let mirror = if self.flipped() { -1.0 } else { 1.0 };
        (mirror * m[1][0] - m[0][1])
            .atan2(mirror * m[0][0] + m[1][1])
            .to_degrees()
    }

    fn determinant(&self) -> f64 {
        self.matrix[0][0] * self.matrix[1][1] - self.matrix[0][1] * self.matrix[1][0]
    }
}

/// Reads marks made with any of its keys.
#[derive(Debug, Clone)]
pub struct Detector {
    layouts: Vec<Layout>,
    code: MessageCode,
}

impl Detector {
    /// A detector for the given keys.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a WatermarkKey>) -> Self {
        Self {
            layouts: keys.into_iter().map(Layout::new).collect(),
            code: MessageCode::new(),
        }
    }

    /// Looks for a mark anywhere in the plane, in any pose; `None` if no id passes the bound.
    pub fn detect(&self, luma: &Plane) -> Option<Detection> {
        let examined = luma.shrunk_to(ANALYSIS_SIDE);
        let shrink = examined.width() as f64 / luma.width() as f64;
        let residual = weighted_residual(&examined);
        let spectrum = Spectrum::of(&residual);
        sync::find_lattices(&spectrum)
            .iter()
            .find_map(|basis| self.read(&Folded::new(&residual, &spectrum, *basis), shrink))
    }

    /// Correlations of what is received from a picture *without* a mark with random sign patterns:
    /// the null distribution that [`crate::log10_false_positive`] bounds, measured.
    ///
    /// Returns how many of `trials` per candidate pose reached each half standard deviation:
    /// element `i` counts `z >= i / 2`.
    pub fn null_exceedances(&self, luma: &Plane, trials: usize, seed: u64) -> Vec<u64> {
        let residual = weighted_residual(&luma.shrunk_to(ANALYSIS_SIDE));
        let spectrum = Spectrum::of(&residual);
        let mut counts = Vec::new();
        for (number, basis) in sync::find_lattices(&spectrum).into_iter().enumerate() {
            let folded = Folded::new(&residual, &spectrum, basis);
            for layout in &self.layouts {
                if let Some(alignment) = folded.align(layout) {
                    let dimensions = folded.dimensions(layout, &alignment);
                    bound::count_exceedances(
                        &dimensions,
                        trials,
                        seed ^ number as u64,
                        &mut counts,
                    );
                }
            }
        }
        counts
    }

    /// Decodes one folded candidate with every key.
    fn read(&self, folded: &Folded, shrink: f64) -> Option<Detection> {
        self.layouts
            .iter()
            .enumerate()
            .find_map(|(key_index, layout)| {
                let alignment = folded.align(layout).filter(|a| a.z >= PILOT_FLOOR)?;
                let dimensions = folded.dimensions(layout, &alignment);
                let payload = self.code.decode(&layout.soft_bits(&dimensions))?;
                let z = correlation(&dimensions, &layout.signs(&self.code.encode(payload)));
                let log10 = log10_false_positive(z, CANDIDATES * self.layouts.len());
                (log10 <= ACCEPT_LOG10).then(|| Detection {
                    payload,
                    log10_false_positive: log10,
                    correlation: z,
                    pose: pose(folded.basis(), &alignment, shrink),
                    key_index,
                })
            })
    }
}

/// The issued-to-examined map that a lattice basis, an orientation and a tile size amount to.
fn pose(basis: Matrix, alignment: &Alignment, shrink: f64) -> Pose {
    // Tile position of an examined pixel x is basis' x, of an issued pixel turn' x / side.
    let turn = alignment.turn.map(|row| row.map(f64::from));
    let inverse = sync::inverted(sync::transposed(basis)).unwrap_or([[0.0; 2]; 2]);
    let scale = 1.0 / (TileClass::side(alignment.class) * shrink);
    let matrix = sync::product(inverse, turn).map(|row| row.map(|value| value * scale));
    Pose { matrix }
}
