//! Looking for a mark: the likely poses first, then any.

use crate::bound::{ALL_IDS, least_correlation, log10_false_positive};
use crate::detect::{Detection, Detector, Placement, Source};
use crate::fold::{ALIGNMENTS, Alignment, Folded, Turns};
use crate::issued::IssuedIds;
use crate::lattice::TileCount;
use crate::message::Payload;
use crate::plane::Plane;
use crate::residual::{ANALYSIS_SIDE, weighted_residual};
use crate::spectrum::Spectrum;
use crate::sync::{Lattice, Matrix, find_lattices, refined, score};
use crate::tile_map::TileMap;
use crate::track::followed;

/// Poses that the bound allows for.
const POSES: usize = 64;
/// Lattices tried at each size of the picture.
const LATTICES: usize = 6;
/// Pilot agreement below which no decoding is tried: noise reaches about 5 over all alignments.
const PILOT_FLOOR: f32 = 4.2;
/// Standard deviations by which a matched id must be ahead of every other issued id.
const RUNNER_UP: f32 = 2.5;
/// Pictures up to this long side are examined at full size first.
const SMALL: usize = 600;
/// Least score at first sight of a lattice in the whole picture and in a window.
const SCORE: f32 = 3.0;
const WINDOW_SCORE: f32 = 4.5;
/// Windows that are followed, and the least agreement of their pilots.
const FOLLOWED: usize = 8;
const WINDOW_PILOTS: f32 = 5.0;
/// Blocks that must agree on how the tiles continue.
const LEAST_BLOCKS: usize = 4;

/// One picture at several sizes, looked through.
pub(crate) struct Search<'a> {
    detector: &'a Detector,
    issued: Option<&'a IssuedIds>,
    /// Decodings that the bound allows for, and the correlation that it then asks of a blind reading.
    attempts: usize,
    floor: f64,
    /// Size of the picture and how much smaller it is examined.
    size: (usize, usize),
    shrink: f64,
    /// The residual at full, half and quarter size.
    levels: [Plane; 3],
}

/// Windows to look through, in pixels of a level.
struct Windows {
    side: usize,
    /// Smallest tile sought; the largest is twice that.
    shortest: f64,
}

/// About two tiles of a whole picture: perspective and bends are nearly affine there.
const WINDOWS: Windows = Windows {
    side: 160,
    shortest: 56.0,
};

/// For pictures in pages the shape of a screen.
const SCREEN_WINDOWS: Windows = Windows {
    side: 320,
    shortest: 36.0,
};

/// A lattice in a part of the picture.
struct Window {
    lattice: Lattice,
    corner: (usize, usize),
    size: (usize, usize),
}

impl<'a> Search<'a> {
    pub(crate) fn new(detector: &'a Detector, luma: &Plane, issued: Option<&'a IssuedIds>) -> Self {
        let attempts = POSES * ALIGNMENTS * detector.layouts.len();
        let examined = luma.shrunk_to(ANALYSIS_SIDE);
        let full = weighted_residual(&examined);
        let half = full.halved();
        let quarter = half.halved();
        Self {
            detector,
            issued,
            attempts,
            floor: least_correlation(attempts, ALL_IDS),
            size: (luma.width(), luma.height()),
            shrink: examined.width() as f64 / luma.width() as f64,
            levels: [full, half, quarter],
        }
    }

    /// The first mark that passes the bound.
    pub(crate) fn run(&self) -> Option<Detection> {
        let first = usize::from(self.size.0.max(self.size.1) > SMALL);
        let own = TileCount::for_picture(self.size.0, self.size.1);
        if let Some(found) = self.whole(first, own) {
            return Some(found);
        }
        let spectrum = Spectrum::of(&self.levels[first]);
        self.resized(first, &spectrum, own)
            .or_else(|| self.anywhere(first, &spectrum))
            .or_else(|| self.in_parts(first, &WINDOWS))
            .or_else(|| {
                let (long, short) = (self.size.0.max(self.size.1), self.size.0.min(self.size.1));
                let screen = first == 1 && long as f64 >= 1.6 * short as f64;
                screen.then(|| self.in_parts(0, &SCREEN_WINDOWS)).flatten()
            })
    }

    /// The whole picture at another size than it was issued.
    fn resized(&self, level: usize, spectrum: &Spectrum, own: TileCount) -> Option<Detection> {
        let mut poses: Vec<Lattice> = TileCount::all()
            .filter(|count| *count != own)
            .map(|count| {
                let basis = self.whole_basis(level, count);
                let score = score(spectrum, basis);
                Lattice { basis, score }
            })
            .collect();
        poses.sort_by(|a, b| b.score.total_cmp(&a.score));
        poses.truncate(2);
        poses.iter().find_map(|pose| {
            // A crop may come near to a count that is not its own.
            let near = refined(spectrum, pose.basis);
            let better = score(spectrum, near) > pose.score + 1.0;
            let basis = if better { near } else { pose.basis };
            self.read(level, &TileMap::affine(basis, (0.0, 0.0)), Turns::Upright)
        })
    }

    /// The whole picture under one count of tiles.
    fn whole(&self, level: usize, count: TileCount) -> Option<Detection> {
        let map = TileMap::affine(self.whole_basis(level, count), (0.0, 0.0));
        self.read(level, &map, Turns::Upright)
    }

    /// The basis of a picture that shows all it showed when issued, at a level.
    fn whole_basis(&self, level: usize, count: TileCount) -> Matrix {
        let side = count.side(self.size.0, self.size.1) * self.factor(level);
        [[1.0 / side, 0.0], [0.0, 1.0 / side]]
    }

    /// Pixels of a level to one of the picture.
    fn factor(&self, level: usize) -> f64 {
        self.shrink / f64::from(1 << level)
    }

    /// One affine map for all of the picture.
    fn anywhere(&self, first: usize, spectrum: &Spectrum) -> Option<Detection> {
        // Tiles of 40 to 113 pixels at the first level, larger and smaller ones at the others.
        self.lattices(first, spectrum, 40.0, 3)
            .or_else(|| self.lattices_of(first + 1, 56.0, 2))
            .or_else(|| {
                if first == 0 {
                    None
                } else {
                    self.lattices_of(0, 36.0, 2)
                }
            })
    }

    fn lattices_of(&self, level: usize, shortest: f64, steps: usize) -> Option<Detection> {
        let plane = &self.levels[level];
        (plane.width().min(plane.height()) >= 48)
            .then(|| self.lattices(level, &Spectrum::of(plane), shortest, steps))
            .flatten()
    }

    fn lattices(
        &self,
        level: usize,
        spectrum: &Spectrum,
        shortest: f64,
        steps: usize,
    ) -> Option<Detection> {
        find_lattices(spectrum, shortest, steps, LATTICES, SCORE)
            .iter()
            .find_map(|lattice| {
                let map = TileMap::affine(lattice.basis, (0.0, 0.0));
                self.read(level, &map, Turns::All)
            })
    }

    /// From a window in which an affine map will do, followed over the rest.
    fn in_parts(&self, level: usize, kind: &Windows) -> Option<Detection> {
        let plane = &self.levels[level];
        let size = (kind.side.min(plane.width()), kind.side.min(plane.height()));
        if size.0.min(size.1) < 64 {
            return None;
        }
        let mut windows: Vec<Window> = Vec::new();
        for y in starts(plane.height(), size.1) {
            for x in starts(plane.width(), size.0) {
                let spectrum = Spectrum::of(&plane.cropped(x, y, size.0, size.1));
                let found = find_lattices(&spectrum, kind.shortest, 2, 2, WINDOW_SCORE);
                windows.extend(found.into_iter().map(|lattice| Window {
                    lattice,
                    corner: (x, y),
                    size,
                }));
            }
        }
        windows.sort_by(|a, b| b.lattice.score.total_cmp(&a.lattice.score));
        windows.truncate(FOLLOWED);
        windows.iter().find_map(|window| self.follow(level, window))
    }

    fn follow(&self, level: usize, window: &Window) -> Option<Detection> {
        let plane = &self.levels[level];
        let (corner, size) = (window.corner, window.size);
        let part = plane.cropped(corner.0, corner.1, size.0, size.1);
        let folded = Folded::new(&part, &TileMap::affine(window.lattice.basis, (0.0, 0.0)));
        let start = (corner.0 as f64, corner.1 as f64);
        let map = TileMap::affine(window.lattice.basis, start);
        let middle = (start.0 + size.0 as f64 / 2.0, start.1 + size.1 as f64 / 2.0);
        self.detector
            .layouts
            .iter()
            .enumerate()
            .find_map(|(key_index, layout)| {
                let alignment = *folded.align(layout, Turns::All).first()?;
                if alignment.z < WINDOW_PILOTS {
                    return None;
                }
                let (map, blocks) = followed(plane, layout, &map, alignment, middle);
                if blocks < LEAST_BLOCKS {
                    return None;
                }
                let folded = Folded::new(plane, &map);
                self.decode(level, &map, &folded, key_index, alignment)
            })
    }

    /// Decodes one pose with every key.
    fn read(&self, level: usize, map: &TileMap, turns: Turns) -> Option<Detection> {
        let folded = Folded::new(&self.levels[level], map);
        self.detector
            .layouts
            .iter()
            .enumerate()
            .find_map(|(key_index, layout)| {
                folded
                    .align(layout, turns)
                    .into_iter()
                    .filter(|alignment| alignment.z >= PILOT_FLOOR)
                    .find_map(|alignment| self.decode(level, map, &folded, key_index, alignment))
            })
    }

    fn decode(
        &self,
        level: usize,
        map: &TileMap,
        folded: &Folded,
        key_index: usize,
        alignment: Alignment,
    ) -> Option<Detection> {
        let layout = &self.detector.layouts[key_index];
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
    }

    /// The id that received values stand for, if one passes the bound: any id first, then one of those issued.
    fn identify(&self, soft: &[f32]) -> Option<(Payload, f64, Source)> {
        let scores = self.detector.code.scores(soft);
        if let Some(payload) = self.detector.code.decode(&scores, self.floor as f32) {
            return Some((
                payload,
                f64::from(scores.correlation(payload)),
                Source::Blind,
            ));
        }
        let issued = self.issued?;
        let source = Source::Issued(issued.len());
        let floor = least_correlation(self.attempts, source.ids()) as f32;
        let found = issued.best(&scores, floor)?;
        let ahead = found.runner_up <= floor || found.correlation >= found.runner_up + RUNNER_UP;
        ahead.then_some((found.payload, f64::from(found.correlation), source))
    }
}

/// Where windows of a size start along a side, each half over the next.
fn starts(side: usize, window: usize) -> impl Iterator<Item = usize> {
    let count = (2 * (side - window)).div_ceil(window) + 1;
    (0..count).map(move |i| {
        if count == 1 {
            0
        } else {
            i * (side - window) / (count - 1)
        }
    })
}
