//! Looking for a mark: the likely poses first, then any.

use std::cell::RefCell;

use crate::bound::{ALL_IDS, least_correlation, log10_false_positive};
use crate::detect::{Detection, Detector, Placement, Source};
use crate::fold::{ALIGNMENTS, Alignment, Folded, Turns};
use crate::issued::IssuedIds;
use crate::lattice::TileCount;
use crate::message::Payload;
use crate::plane::Plane;
use crate::residual::{ANALYSIS_SIDE, weighted_residual};
use crate::spectrum::Spectrum;
use crate::sync::{Lattice, Matrix, Sought, determinant, find_lattices, refined, score};
use crate::tile_map::TileMap;
use crate::track::followed;

/// Poses that the bound allows for.
const POSES: usize = 64;
/// In the whole picture.
const WHOLE: Sought = Sought {
    shortest: 28.0,
    steps: 6,
    held: 32,
    floor: SCORE,
    count: 2,
};
/// In a small one, which costs little: mostly a cutting, with few tiles to find them by.
const SMALL_WHOLE: Sought = Sought {
    held: 80,
    count: 8,
    ..WHOLE
};
/// Tiles smaller than this are read at the next larger size.
const FINE: f64 = 42.0;
/// Least score of a lattice that is read.
const CANDIDATE: f32 = 3.5;
/// Pilot agreement below which no decoding is tried: noise reaches about 5 over all alignments.
pub(crate) const PILOT_FLOOR: f32 = 4.2;
/// Standard deviations by which a matched id must be ahead of every other issued id.
const RUNNER_UP: f32 = 2.5;
/// Pictures up to this long side are examined at full size first.
const SMALL: usize = 600;
/// Least score at first sight of a lattice in the whole picture.
pub(crate) const SCORE: f32 = 3.0;
/// Least score of a picture at one of the sizes at which it may have been issued.
const RESIZED: f32 = 1.5;
/// Windows that are followed, and the least agreement of their pilots.
const FOLLOWED: usize = 8;
const WINDOW_PILOTS: f32 = 5.0;
/// Blocks that must agree on how the tiles continue.
const LEAST_BLOCKS: usize = 4;

/// One picture at several sizes, looked through.
pub(crate) struct Search<'a> {
    detector: &'a Detector,
    issued: Option<&'a IssuedIds>,
    /// The best match among the issued ids so far. A later pose may still read by itself.
    matched: RefCell<Option<Detection>>,
    /// Decodings that the bound allows for, and the correlation that it then asks of a blind reading.
    attempts: usize,
    floor: f64,
    /// Size of the picture and how much smaller it is examined.
    size: (usize, usize),
    shrink: f64,
    /// The residual at full and half size.
    levels: [Plane; 2],
}

/// Windows to look through, and what is sought in them.
struct Windows {
    /// In pixels of a level.
    side: usize,
    sought: Sought,
}

/// About two tiles of a whole picture: perspective and bends are nearly affine there.
const WINDOWS: Windows = Windows {
    side: 160,
    sought: Sought {
        shortest: 56.0,
        steps: 2,
        held: 32,
        floor: 4.5,
        count: 1,
    },
};

/// For pictures in pages the shape of a screen.
const SCREEN_WINDOWS: Windows = Windows {
    side: 320,
    sought: Sought {
        shortest: 36.0,
        ..WINDOWS.sought
    },
};
/// Windows of a screen that are looked at.
const FILLED: usize = 4;
/// Residual that counts as picture, not as page.
const PICTURE: f32 = 0.05;
/// Smallest window, in pixels.
const LEAST_WINDOW: usize = 64;

/// Shape from which a page may be a screen with a picture across it.
const SCREEN_ASPECT: f64 = 1.6;

/// A lattice in a square part of the picture.
struct Window {
    lattice: Lattice,
    /// In pixels of `level`.
    corner: (usize, usize),
    side: usize,
    level: usize,
}

impl Window {
    /// The same at the next larger size where the tile is so small that this one has lost harmonics.
    fn finer(self) -> Self {
        let small = determinant(self.lattice.basis).abs() > FINE.powi(-2);
        if self.level == 0 || !small {
            return self;
        }
        Self {
            lattice: Lattice {
                basis: self.lattice.basis.map(|row| row.map(|value| 0.5 * value)),
                ..self.lattice
            },
            corner: (2 * self.corner.0, 2 * self.corner.1),
            side: 2 * self.side,
            level: self.level - 1,
        }
    }
}

impl<'a> Search<'a> {
    pub(crate) fn new(detector: &'a Detector, luma: &Plane, issued: Option<&'a IssuedIds>) -> Self {
        let attempts = POSES * ALIGNMENTS * detector.layouts.len();
        let examined = luma.shrunk_to(ANALYSIS_SIDE);
        let full = weighted_residual(&examined);
        let half = full.halved();
        Self {
            detector,
            issued,
            matched: RefCell::new(None),
            attempts,
            floor: least_correlation(attempts, ALL_IDS),
            size: (luma.width(), luma.height()),
            shrink: examined.width() as f64 / luma.width() as f64,
            levels: [full, half],
        }
    }

    /// The first mark that reads by itself, else the best match among the issued ids.
    pub(crate) fn run(self) -> Option<Detection> {
        self.blind().or(self.matched.into_inner())
    }

    /// The first mark that passes the bound among all ids.
    fn blind(&self) -> Option<Detection> {
        let first = usize::from(self.size.0.max(self.size.1) > SMALL);
        let own = TileCount::for_picture(self.size.0, self.size.1);
        if let Some(found) = self.whole(first, own) {
            return Some(found);
        }
        let spectrum = Spectrum::of(&self.levels[first]);
        self.resized(first, &spectrum, own)
            .or_else(|| self.anywhere(first, &spectrum))
            .or_else(|| self.in_parts(first))
            .or_else(|| self.on_screen())
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
        poses.retain(|pose| pose.score >= RESIZED);
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
        let sought = if first == 0 { &SMALL_WHOLE } else { &WHOLE };
        let found = find_lattices(spectrum, sought);
        let good = found.iter().filter(|found| found.score >= CANDIDATE);
        let whole = |&lattice: &Lattice| Window {
            lattice,
            corner: (0, 0),
            side: self.levels[first].width(),
            level: first,
        };
        good.map(whole).map(Window::finer).find_map(|found| {
            let map = TileMap::affine(found.lattice.basis, (0.0, 0.0));
            self.read(found.level, &map, Turns::All)
        })
    }

    /// From a window in which an affine map will do, followed over the rest.
    fn in_parts(&self, level: usize) -> Option<Detection> {
        let (side, corners) = corners(&self.levels[level], WINDOWS.side)?;
        let found = corners.filter_map(|corner| self.window(level, corner, side, &WINDOWS));
        self.follow_first(found.collect())
    }

    /// In a page the shape of a screen: where it is filled most evenly, at full size.
    fn on_screen(&self) -> Option<Detection> {
        let (long, short) = (self.size.0.max(self.size.1), self.size.0.min(self.size.1));
        if (long as f64) < SCREEN_ASPECT * short as f64 {
            return None;
        }
        let plane = &self.levels[0];
        let (side, corners) = corners(plane, SCREEN_WINDOWS.side)?;
        let mut filled: Vec<_> = corners
            .map(|corner| (share_filled(plane, corner, side), corner))
            .collect();
        filled.sort_by(|a, b| b.0.total_cmp(&a.0));
        let windows = filled.into_iter().take(FILLED);
        let found = windows.filter_map(|(_, corner)| self.window(0, corner, side, &SCREEN_WINDOWS));
        self.follow_first(found.collect())
    }

    /// What one window shows, if anything.
    fn window(
        &self,
        level: usize,
        corner: (usize, usize),
        side: usize,
        kind: &Windows,
    ) -> Option<Window> {
        let spectrum = Spectrum::of(&self.levels[level].cropped(corner.0, corner.1, side, side));
        let found = find_lattices(&spectrum, &kind.sought);
        found.first().map(|&lattice| Window {
            lattice,
            corner,
            side,
            level,
        })
    }

    fn follow_first(&self, mut windows: Vec<Window>) -> Option<Detection> {
        windows.sort_by(|a, b| b.lattice.score.total_cmp(&a.lattice.score));
        windows.truncate(FOLLOWED);
        windows.iter().find_map(|window| self.follow(window))
    }

    fn follow(&self, window: &Window) -> Option<Detection> {
        let level = window.level;
        let plane = &self.levels[level];
        let (corner, side, basis) = (window.corner, window.side, window.lattice.basis);
        let part = plane.cropped(corner.0, corner.1, side, side);
        let folded = Folded::new(&part, &TileMap::affine(basis, (0.0, 0.0)));
        let start = (corner.0 as f64, corner.1 as f64);
        let map = TileMap::affine(basis, start);
        let half = 0.5 * side as f64;
        let middle = (start.0 + half, start.1 + half);
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
        let detection = Detection {
            payload,
            log10_false_positive: log10_false_positive(z, self.attempts, source.ids()),
            correlation: z,
            source,
            placement: Placement {
                map: map.enlarged(1.0 / self.factor(level)),
                turn: alignment.turn,
                shift: alignment.shift,
                sign: alignment.sign,
                size: self.size,
            },
            key_index,
        };
        if source == Source::Blind {
            return Some(detection);
        }
        let mut matched = self.matched.borrow_mut();
        if matched.as_ref().is_none_or(|best| best.correlation < z) {
            *matched = Some(detection);
        }
        None
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

/// Side and corners of square windows over a plane, each half over the next, unless it is too small.
fn corners(
    plane: &Plane,
    side: usize,
) -> Option<(usize, impl Iterator<Item = (usize, usize)> + use<>)> {
    let (width, height) = (plane.width(), plane.height());
    let side = side.min(width).min(height);
    let corners =
        move || starts(height, side).flat_map(move |y| starts(width, side).map(move |x| (x, y)));
    (side >= LEAST_WINDOW).then(|| (side, corners()))
}

/// Share of a window in which there is more than a blank page, 0 to 1.
fn share_filled(residual: &Plane, (x, y): (usize, usize), side: usize) -> f64 {
    let rows = residual.rows().skip(y).take(side).step_by(4);
    let filled = |row: &[f32]| {
        let part = row[x..x + side].iter().step_by(4);
        part.filter(|value| value.abs() > PICTURE).count()
    };
    let count: usize = rows.map(filled).sum();
    count as f64 / (side.div_ceil(4) * side.div_ceil(4)) as f64
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
