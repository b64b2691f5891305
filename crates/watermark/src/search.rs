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
use crate::sync::{Lattice, Matrix, find_lattices, score};
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
/// Side of a window, in pixels of half size, and windows that are followed.
const WINDOW: usize = 256;
const FOLLOWED: usize = 5;
/// Least score of a lattice in a window and least agreement of its pilots.
const WINDOW_SCORE: f32 = 4.0;
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

/// A lattice in a part of the picture.
struct Window {
    lattice: Lattice,
    corner: (usize, usize),
    size: (usize, usize),
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        detector: &'a Detector,
        luma: &Plane,
        issued: Option<&'a IssuedIds>,
    ) -> Self {
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
            .or_else(|| self.in_parts(first))
    }

    /// The whole picture at another size than it was issued.
    fn resized(&self, level: usize, spectrum: &Spectrum, own: TileCount) -> Option<Detection> {
        let mut counts: Vec<(f32, TileCount)> = TileCount::all()
            .filter(|count| *count != own)
            .map(|count| (score(spectrum, self.whole_basis(level, count)), count))
            .collect();
        counts.sort_by(|a, b| b.0.total_cmp(&a.0));
        counts
            .iter()
            .take(2)
            .find_map(|(_, count)| self.whole(level, *count))
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
                if first == 0 { None } else { self.lattices_of(0, 36.0, 2) }
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
        find_lattices(spectrum, shortest, steps, LATTICES)
            .iter()
            .find_map(|lattice| {
                let r=self.read(level, &TileMap::affine(lattice.basis, (0.0, 0.0)), Turns::All);
                if std::env::var_os("LAB").is_some(){let l=lattice;eprintln!("level {level} short {shortest} score {:.1} tile {:.1} {:?}",l.score,1.0/(l.basis[0][0]*l.basis[1][1]-l.basis[0][1]*l.basis[1][0]).abs().sqrt(),r.is_some());}
                r
            })
    }

    /// From a window in which an affine map will do, followed over the rest.
    fn in_parts(&self, level: usize) -> Option<Detection> {
        let plane = &self.levels[level];
        let mut windows: Vec<Window> = Vec::new();
        let size = (WINDOW.min(plane.width()), WINDOW.min(plane.height()));
        if size.0.min(size.1) < 64 {
            return None;
        }
        for y in starts(plane.height(), size.1) {
            for x in starts(plane.width(), size.0) {
                let spectrum = Spectrum::of(&plane.cropped(x, y, size.0, size.1));
                let lattices = find_lattices(&spectrum, 40.0, 3, 2);
                windows.extend(lattices.into_iter().map(|lattice| Window { lattice, corner: (x, y), size }));
            }
        }
        windows.retain(|window| window.lattice.score >= WINDOW_SCORE);
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
        self.detector.layouts.iter().enumerate().find_map(|(key_index, layout)| {
            let alignment = *folded.align(layout, Turns::All).first()?;
            if std::env::var_os("LAB").is_some(){eprintln!("window {corner:?} score {:.1} pilots {:.1}",window.lattice.score,alignment.z);}
            if alignment.z < WINDOW_PILOTS {
                return None;
            }
            let (map, blocks) = followed(plane, layout, &map, alignment, middle);
            if std::env::var_os("LAB").is_some(){eprintln!("   blocks {blocks}");}
            if blocks < LEAST_BLOCKS {
                return None;
            }
            let folded = Folded::new(plane, &map);
            let r=self.decode(level, &map, &folded, key_index, alignment);
            if std::env::var_os("LAB").is_some(){let d=folded.dimensions(layout,&alignment);let s=self.detector.code.scores(&layout.soft_bits(&d));eprintln!("   decode {:?} {:?} pilots after {:.1}",r.is_some(),s.maxima(),folded.align(layout,Turns::All)[0].z);}
            r
        })
    }

    /// Decodes one pose with every key.
    fn read(&self, level: usize, map: &TileMap, turns: Turns) -> Option<Detection> {
        let folded = Folded::new(&self.levels[level], map);
        self.detector.layouts.iter().enumerate().find_map(|(key_index, layout)| {
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
            return Some((payload, f64::from(scores.correlation(payload)), Source::Blind));
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
    (0..count).map(move |i| if count == 1 { 0 } else { i * (side - window) / (count - 1) })
}
