//! The detector: from a plane of luminance to an id, its pose and its false-positive bound.

use crate::bound::{self, ALL_IDS};
use crate::embed;
use crate::fold::{Alignment, Folded, Turns};
use crate::issued::IssuedIds;
use crate::key::WatermarkKey;
use crate::lattice::{Layout, TileCount};
use crate::message::{MessageCode, Payload};
use crate::plane::Plane;
use crate::residual::{ANALYSIS_SIDE, weighted_residual};
use crate::search::{PILOT_FLOOR, SCORE, Search};
use crate::spectrum::Spectrum;
use crate::sync::{self, Matrix, Sought};
use crate::tile_map::TileMap;

/// A mark that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The id.
    pub payload: Payload,
    /// Log10 of the bound on the probability that a picture without this key's mark gives any id.
    pub log10_false_positive: f64,
    /// Correlation with the re-encoded id in standard deviations.
    pub correlation: f64,
    /// Where the examined picture lies in the tiles of the issued one.
    pub placement: Placement,
    /// Index of the key that read it.
    pub key_index: usize,
    /// Among which ids it was found.
    pub source: Source,
}

/// The ids among which an answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// All 2^64: the mark was read by itself.
    Blind,
    /// So many issued ids: the mark was too weak to be read and was matched.
    Issued(usize),
}

impl Source {
    /// How many ids that is.
    pub(crate) fn ids(self) -> f64 {
        match self {
            Self::Blind => ALL_IDS,
            Self::Issued(count) => count as f64,
        }
    }
}

/// Map from the examined picture to the tiles of the issued one.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Examined pixels to tiles of the lattice.
    pub(crate) map: TileMap,
    /// Tiles of the lattice to tiles as issued: orientation, then translation.
    pub(crate) turn: [[i32; 2]; 2],
    pub(crate) shift: (f64, f64),
    /// -1 in a negative.
    pub(crate) sign: f32,
    /// Size of the examined picture in pixels.
    pub(crate) size: (usize, usize),
}

impl Placement {
    /// As an alignment of the pilots that the id has.
    pub(crate) fn alignment(&self, payload: Payload) -> Alignment {
        Alignment {
            turn: self.turn,
            constellation: embed::place(payload).0,
            shift: self.shift,
            sign: self.sign,
            z: f32::INFINITY,
        }
    }

    /// How a picture that was issued with `width * height` pixels was turned and scaled since, about
    /// the middle of the examined picture.
    pub fn pose(&self, width: usize, height: usize) -> Pose {
        let side = TileCount::for_picture(width, height).side(width, height);
        let turn = self.turn.map(|row| row.map(f64::from));
        let middle = (self.size.0 as f64 / 2.0, self.size.1 as f64 / 2.0);
        let derivative = self.map.derivative(middle.0, middle.1);
        let to_tiles = sync::product(sync::transposed(turn), derivative);
        let inverse = sync::inverted(to_tiles).unwrap_or([[0.0; 2]; 2]);
        Pose {
            matrix: inverse.map(|row| row.map(|value| value / side)),
        }
    }
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

/// Poses at which unmarked pictures are correlated: the eight that stand out most, however little.
const SOUGHT_WITHOUT: Sought = Sought {
    shortest: 56.0,
    steps: 2,
    held: 60,
    floor: 0.0,
    count: 8,
};

/// What unmarked pictures give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NullStatistics {
    /// Poses looked at.
    pub poses: usize,
    /// Of these, how many have harmonics that stand out as far as the search asks.
    pub standing_out: usize,
    /// Of the poses with every key, how many have pilots that agree as far as decoding asks.
    pub aligned: usize,
    /// Element `i` counts correlations of `i / 2` standard deviations or more.
    pub reached: Vec<u64>,
}

/// Reads marks made with any of its keys.
#[derive(Debug, Clone)]
pub struct Detector {
    pub(crate) layouts: Vec<Layout>,
    pub(crate) code: MessageCode,
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
        Search::new(self, luma, None).run()
    }

    /// As [`Detector::detect`]; a mark too weak to be read is looked up among the issued ids.
    pub fn detect_among(&self, luma: &Plane, issued: &IssuedIds) -> Option<Detection> {
        Search::new(self, luma, Some(issued)).run()
    }

    /// What a picture *without* a mark gives: how often the steps before decoding let a pose through,
    /// and the correlations of what is received with random sign patterns, `trials` for each pose: the
    /// null distribution that [`crate::log10_false_positive`] bounds, measured.
    ///
    /// The poses are the whole picture as issued and the eight lattices that stand out most.
    pub fn null_statistics(&self, luma: &Plane, trials: usize, seed: u64) -> NullStatistics {
        let residual = weighted_residual(&luma.shrunk_to(ANALYSIS_SIDE));
        let spectrum = Spectrum::of(&residual);
        let side = TileCount::for_picture(luma.width(), luma.height())
            .side(residual.width(), residual.height());
        let as_issued = [[1.0 / side, 0.0], [0.0, 1.0 / side]];
        let found = sync::find_lattices(&spectrum, &SOUGHT_WITHOUT);
        let bases = std::iter::once(as_issued).chain(found.iter().map(|lattice| lattice.basis));
        let mut statistics = NullStatistics::default();
        for (number, basis) in bases.enumerate() {
            statistics.poses += 1;
            statistics.standing_out += usize::from(sync::score(&spectrum, basis) >= SCORE);
            let folded = Folded::new(&residual, &TileMap::affine(basis, (0.0, 0.0)));
            for layout in &self.layouts {
                let Some(alignment) = folded.align(layout, Turns::All).into_iter().next() else {
                    continue;
                };
                statistics.aligned += usize::from(alignment.z >= PILOT_FLOOR);
                let dimensions = folded.dimensions(layout, &alignment);
                let seed = seed ^ number as u64;
                bound::count_exceedances(&dimensions, trials, seed, &mut statistics.reached);
            }
        }
        statistics
    }
}
