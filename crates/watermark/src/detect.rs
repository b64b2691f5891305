//! The detector: from a plane of luminance to an id, its pose and its false-positive bound.

use crate::bound::{self, ALL_IDS, least_correlation, log10_false_positive};
use crate::issued::IssuedIds;
use crate::fold::{ALIGNMENTS, Folded, Turns};
use crate::key::WatermarkKey;
use crate::lattice::{Layout, TileCount};
use crate::message::{MessageCode, Payload};
use crate::plane::Plane;
use crate::residual::{ANALYSIS_SIDE, weighted_residual};
use crate::spectrum::Spectrum;
use crate::sync::{self, Matrix};
use crate::tile_map::TileMap;

const CANDIDATES: usize = 64;
/// Standard deviations by which a matched id must be ahead of every other issued id.
const RUNNER_UP: f32 = 2.5;

/// Pilot agreement below which no decoding is tried: noise reaches about 5 over all alignments.
const PILOT_FLOOR: f32 = 4.2;

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
    fn ids(self) -> f64 {
        match self {
            Self::Blind => ALL_IDS,
            Self::Issued(count) => count as f64,
        }
    }
}

/// Map from the examined picture to the tiles of the issued one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Examined pixels to tiles of the lattice.
    map: TileMap,
    /// Tiles of the lattice to tiles as issued: orientation, then translation.
    turn: [[i32; 2]; 2],
    shift: (f64, f64),
    /// Size of the examined picture in pixels.
    size: (usize, usize),
}

impl Placement {
    /// How a picture that was issued with `width * height` pixels was turned and scaled since, about
    /// the middle of the examined picture.
    pub fn pose(&self, width: usize, height: usize) -> Pose {
        let side = TileCount::for_picture(width, height).side(width, height);
        let turn = self.turn.map(|row| row.map(f64::from));
        let middle = (self.size.0 as f64 / 2.0, self.size.1 as f64 / 2.0);
        let derivative = self.map.derivative(middle.0, middle.1);
        let to_tiles = sync::product(sync::transposed(turn), derivative);
        let inverse = sync::inverted(to_tiles).unwrap_or([[0.0; 2]; 2]);
        Pose { matrix: inverse.map(|row| row.map(|value| value / side)) }
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
        Search::new(self, luma, None).run()
    }

    /// As [`Detector::detect`]; a mark too weak to be read is looked up among the issued ids.
    pub fn detect_among(&self, luma: &Plane, issued: &IssuedIds) -> Option<Detection> {
        Search::new(self, luma, Some(issued)).run()
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
        for (number, lattice) in sync::find_lattices(&spectrum, 56.0, 8).iter().enumerate() {
            let folded = Folded::new(&residual, &TileMap::affine(lattice.basis));
            for layout in &self.layouts {
                let Some(alignment) = folded.align(layout, Turns::All).into_iter().next() else {
                    continue;
                };
                let dimensions = folded.dimensions(layout, &alignment);
                bound::count_exceedances(&dimensions, trials, seed ^ number as u64, &mut counts);
            }
        }
        counts
    }
}

/// One picture at several sizes, looked through.
struct Search<'a> {
    detector: &'a Detector,
    issued: Option<&'a IssuedIds>,
    /// Decodings that the bound allows for, and the correlation that it then asks of a blind reading.
    attempts: usize,
    floor: f64,
    /// Size of the picture and how much smaller it is examined.
    size: (usize, usize),
    shrink: f64,
    /// The residual at full, half and quarter size.
    levels: Vec<Plane>,
}

impl<'a> Search<'a> {
    fn new(detector: &'a Detector, luma: &Plane, issued: Option<&'a IssuedIds>) -> Self {
        let attempts = CANDIDATES * ALIGNMENTS * detector.layouts.len();
        let examined = luma.shrunk_to(ANALYSIS_SIDE);
        let full = weighted_residual(&examined);
        let half = full.halved();
        let quarter = half.halved();
        Self { detector, issued, attempts, floor: least_correlation(attempts, ALL_IDS), size: (luma.width(), luma.height()), shrink: examined.width() as f64 / luma.width() as f64, levels: vec![full, half, quarter] }
    }

    fn run(&self) -> Option<Detection> {
        let first = usize::from(self.levels[0].width().max(self.levels[0].height()) >= 600);
        let own = TileCount::for_picture(self.size.0, self.size.1);
        self.whole(first, own).or_else(|| {
            let spectrum = Spectrum::of(&self.levels[first]);
            let mut counts: Vec<(f32, TileCount)> = TileCount::all().map(|count| (sync::score(&spectrum, self.whole_basis(first, count)), count)).collect();
            counts.sort_by(|a, b| b.0.total_cmp(&a.0));
            if std::env::var_os("LAB").is_some(){eprintln!("whole {counts:?}");}
            counts.iter().take(3).find_map(|(_, count)| self.whole(first, *count))
        }).or_else(||self.anywhere())
    }

    fn anywhere(&self)->Option<Detection>{
        let at=|level:usize,shortest:f64|{ if self.levels[level].width().min(self.levels[level].height())<48 {return None;}
            let s=Spectrum::of(&self.levels[level]); sync::find_lattices(&s,shortest,8).iter().find_map(|l|{
              let r=self.read(level,TileMap::affine(l.basis),Turns::All);
              if std::env::var_os("LAB").is_some(){eprintln!("level {level} short {shortest} score {:.1} tile {:.1} {:?}",l.score,1.0/(l.basis[0][0]*l.basis[1][1]-l.basis[0][1]*l.basis[1][0]).abs().sqrt(),r.is_some());}
              r})};
        at(1,56.0).or_else(||at(2,56.0)).or_else(||at(0,56.0)).or_else(||at(0,36.0))
    }

    /// The basis of a picture that holds all it held when issued, at a level.
    fn whole_basis(&self, level: usize, count: TileCount) -> Matrix {
        let side = count.side(self.size.0, self.size.1) * self.factor(level);
        [[1.0 / side, 0.0], [0.0, 1.0 / side]]
    }

    /// Pixels of a level to one of the picture.
    fn factor(&self, level: usize) -> f64 {
        self.shrink / f64::from(1 << level)
    }

    fn whole(&self, level: usize, count: TileCount) -> Option<Detection> {
        self.read(level, TileMap::affine(self.whole_basis(level, count)), Turns::Upright)
    }

    /// Decodes one candidate with every key.
    fn read(&self, level: usize, map: TileMap, turns: Turns) -> Option<Detection> {
        let folded = Folded::new(&self.levels[level], &map);
        let detector = self.detector;
        detector.layouts.iter().enumerate().find_map(|(key_index, layout)| {
            folded.align(layout, turns).into_iter().find_map(|alignment| {
                if std::env::var_os("LAB").is_some(){eprintln!("  pilots {:.1}",alignment.z);}
                if alignment.z < PILOT_FLOOR {
                    return None;
                }
                let dimensions = folded.dimensions(layout, &alignment);
                let (payload, z, source) = self.identify(&layout.soft_bits(&dimensions))?;
                Some(Detection {
                    payload,
                    log10_false_positive: log10_false_positive(z, self.attempts, source.ids()),
                    correlation: z,
                    source,
                    placement: Placement {
                        map: map.enlarged(1.0 / self.factor(level)),
                        turn: alignment.turn,
                        shift: alignment.shift,
                        size: self.size,
                    },
                    key_index,
                })
            })
        })
    }

    /// The id that received values stand for, if one passes the bound: any id first, then one of those issued.
    fn identify(&self, soft: &[f32]) -> Option<(Payload, f64, Source)> {
        let scores = self.detector.code.scores(soft);
        if let Some(payload) = self.detector.code.decode(&scores, self.floor as f32) {
            return Some((payload, f64::from(scores.correlation(payload)), Source::Blind));
        }
        let issued = self.issued?;
        let source = Source::Issued(issued.len());
        let floor = least_correlation(self.attempts, source.ids());
        let found = issued.best(&scores, floor as f32)?;
        (found.correlation - found.runner_up.max(0.0) >= RUNNER_UP || found.runner_up <= floor as f32)
            .then_some((found.payload, f64::from(found.correlation), source))
    }
}
