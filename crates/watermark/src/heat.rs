//! Where in a picture its mark reads, and where it has been painted over or replaced.
//!
//! Once the id is known, so is the whole carrier. A cell that should agree with it, because places
//! like it in the same picture do, and does not is *silent*. Nobody is accused of an edit because a
//! sky is flat or a JPEG coarse: where the rest of the picture does not tell what to expect, the
//! cell is *unclear*, and a silent cell needs others beside it.

use crate::blocks::{BELIEVED, Carrier, CellEvidence, Cells, Evidence, Examined, compared};
use crate::detect::{Detection, Detector};
use crate::plane::Plane;
use crate::residual::ANALYSIS_SIDE;
use crate::track::followed;

/// Agreement of a cell alone, in standard deviations, from which it reads.
const READS: f32 = 4.0;
/// Agreement below which a cell may be silent, and takes no part in what is read around it.
const QUIET: f32 = 2.0;
/// The same of a cell with the cells around it.
const QUIET_AROUND: f32 = 3.0;
/// Agreement that must have been expected of a silent cell, alone or with those around it.
const EXPECTED: f32 = 5.0;
const EXPECTED_AROUND: f32 = 8.0;
/// Share of that expectation which is enough next to silent cells.
const ENOUGH_BESIDE: f32 = 0.45;
/// Cells are alike whose spreads differ by less than this factor.
const ALIKE: f32 = 2.0;
/// Cells of less expected agreement say nothing about the model.
const TELLING: f32 = 4.0;
/// Fewest cells alike that tell what to expect.
const LEAST_ALIKE: usize = 6;

/// What a part of a picture says about the mark that was read in the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellClass {
    /// The mark is there.
    Reads,
    /// The mark should be there and is not.
    Silent,
    /// Too flat, too small or too damaged to tell.
    Unclear,
}

impl CellClass {
    /// Red, green, blue and opacity. What reads is left as it is.
    fn colour(self) -> [u8; 4] {
        match self {
            Self::Reads => [0, 0, 0, 0],
            Self::Silent => [255, 0, 160, 80],
            Self::Unclear => [128, 128, 128, 150],
        }
    }
}

/// The line around silent cells: magenta, which photographs seldom have.
const OUTLINE: [u8; 4] = [255, 0, 160, 255];
/// Its width as a share of the picture's short side.
const OUTLINE_SHARE: usize = 160;

/// One cell of a [`HeatMap`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The verdict.
    pub class: CellClass,
    /// Correlation of the cell alone with the mark, in standard deviations of no mark.
    pub agreement: f32,
}

/// Agreement of each part of a picture with the mark that was read in it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    columns: usize,
    size: (f64, f64),
    cells: Vec<Cell>,
}

impl HeatMap {
    /// Cells across.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Cells down.
    pub fn rows(&self) -> usize {
        self.cells.len() / self.columns
    }

    /// Width and height of a cell in pixels of the examined picture.
    pub fn cell_size(&self) -> (f64, f64) {
        self.size
    }

    /// The cells, row by row.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Share of the picture in one class, 0 to 1.
    pub fn share(&self, class: CellClass) -> f64 {
        let count = self.cells.iter().filter(|cell| cell.class == class).count();
        count as f64 / self.cells.len() as f64
    }

    /// The map as a layer over the picture: RGBA, `width * height` pixels, not premultiplied. Grey
    /// where the mark is unclear, magenta in an outline where it is silent, nothing where it reads.
    pub fn overlay(&self, width: usize, height: usize) -> Vec<u8> {
        let line = (width.min(height) / OUTLINE_SHARE).max(1) as isize;
        let class = |x: usize, y: usize| {
            let (column, row) = (x * self.columns / width, y * self.rows() / height);
            self.cells[row * self.columns + column].class
        };
        let silent = |x: usize, y: usize| class(x, y) == CellClass::Silent;
        let inner = |x: usize, y: usize| {
            let steps = [-line, 0, line].map(|dx| [-line, 0, line].map(|dy| (dx, dy)));
            steps.as_flattened().iter().all(|&(dx, dy)| {
                let near = (x.checked_add_signed(dx), y.checked_add_signed(dy));
                matches!(near, (Some(x), Some(y)) if x < width && y < height && silent(x, y))
            })
        };
        (0..width * height)
            .map(|pixel| (pixel % width, pixel / width))
            .flat_map(|(x, y)| match class(x, y) {
                CellClass::Silent if !inner(x, y) => OUTLINE,
                class => class.colour(),
            })
            .collect()
    }
}

impl Detector {
    /// Where in a picture the mark reads that was found in it, and where it is missing.
    ///
    /// `luma` is the plane in which this detector made `detection`.
    pub fn heat_map(&self, luma: &Plane, detection: &Detection) -> HeatMap {
        let small = luma.shrunk_to(ANALYSIS_SIDE);
        let shrink = small.width() as f64 / luma.width() as f64;
        let examined = Examined::new(&small);
        let layout = &self.layouts[detection.key_index];
        let placement = &detection.placement;
        let word = self.code.encode(detection.payload);
        let carrier = Carrier::new(layout, detection.payload, &word, placement);
        let map = placement.map.enlarged(shrink);
        let mut found = compared(&examined, &map, &carrier);
        if !found.in_place() {
            let start = found.clearest();
            let alignment = placement.alignment(detection.payload);
            let map = map.affine_about(start);
            let (map, _) = followed(&examined.residual, layout, &map, alignment, start);
            found = compared(&examined, &map, &carrier);
        }
        HeatMap {
            columns: found.columns,
            size: (found.size.0 / shrink, found.size.1 / shrink),
            cells: classified(&found),
        }
    }
}

/// How strongly a cell that does not read seems to lack the mark.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Suspicion {
    None,
    /// Enough beside silent cells.
    Weak,
    Strong,
}

/// The class of every cell.
fn classified(found: &Cells) -> Vec<Cell> {
    let cells = &found.evidence;
    let (alone, around): (Vec<_>, Vec<_>) = cells.iter().map(|c| (c.alone, c.around)).unzip();
    let suspicions: Vec<Suspicion> = (0..cells.len())
        .map(|index| suspicion(&alone, &around, index))
        .collect();
    // A mark that is not where it is looked for seems to be missing.
    let silent = if found.in_place() {
        grown(&suspicions, found.columns)
    } else {
        vec![false; cells.len()]
    };
    let class = |cell: &CellEvidence, silent: bool| {
        if silent {
            CellClass::Silent
        } else if cell.alone.agreement >= READS || reads_with_others(cell) {
            CellClass::Reads
        } else {
            CellClass::Unclear
        }
    };
    cells
        .iter()
        .zip(silent)
        .map(|(cell, silent)| Cell {
            class: class(cell, silent),
            agreement: cell.alone.agreement,
        })
        .collect()
}

/// Whether a cell too weak to read alone belongs to a neighbourhood that reads.
fn reads_with_others(cell: &CellEvidence) -> bool {
    cell.around.agreement >= BELIEVED && cell.alone.agreement >= QUIET
}

fn suspicion(alone: &[Evidence], around: &[Evidence], index: usize) -> Suspicion {
    if alone[index].agreement >= QUIET {
        return Suspicion::None;
    }
    let mut missing = expected(alone, index) / EXPECTED;
    if around[index].agreement < QUIET_AROUND {
        missing = missing.max(expected(around, index) / EXPECTED_AROUND);
    }
    match missing {
        1.0.. => Suspicion::Strong,
        ENOUGH_BESIDE.. => Suspicion::Weak,
        _ => Suspicion::None,
    }
}

/// The agreement to expect: the model's, corrected by how the cells alike fulfil it, a third of them
/// less than that; 0 if too few tell.
fn expected(evidence: &[Evidence], index: usize) -> f32 {
    let this = evidence[index];
    let alike = this.spread / ALIKE..this.spread * ALIKE;
    let mut fulfilled: Vec<f32> = evidence
        .iter()
        .enumerate()
        .filter(|(other, e)| *other != index && alike.contains(&e.spread) && e.expected >= TELLING)
        .map(|(_, e)| e.agreement / e.expected)
        .collect();
    if fulfilled.len() < LEAST_ALIKE {
        return 0.0;
    }
    let rank = fulfilled.len() / 3;
    let (_, share, _) = fulfilled.select_nth_unstable_by(rank, f32::total_cmp);
    this.expected * share.clamp(0.0, 1.0)
}

/// Silent cells: strong suspicions that are not alone, and whatever suspicion is beside them.
fn grown(suspicions: &[Suspicion], columns: usize) -> Vec<bool> {
    let suspected: Vec<bool> = suspicions.iter().map(|&s| s >= Suspicion::Weak).collect();
    let mut silent: Vec<bool> = (0..suspicions.len())
        .map(|index| suspicions[index] == Suspicion::Strong && beside(&suspected, columns, index))
        .collect();
    loop {
        let joins: Vec<usize> = (0..silent.len())
            .filter(|&index| suspected[index] && !silent[index] && beside(&silent, columns, index))
            .collect();
        if joins.is_empty() {
            return silent;
        }
        for index in joins {
            silent[index] = true;
        }
    }
}

/// Whether any of the eight cells around one is set.
fn beside(set: &[bool], columns: usize, index: usize) -> bool {
    let (column, row) = (index % columns, index / columns);
    let rows = set.len() / columns;
    let mut around = (row.saturating_sub(1)..(row + 2).min(rows)).flat_map(|y| {
        (column.saturating_sub(1)..(column + 2).min(columns)).map(move |x| y * columns + x)
    });
    around.any(|other| other != index && set[other])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::normal_deviates;
    use crate::{EmbedOptions, Embedder, Payload, WatermarkKey};

    const ID: Payload = Payload(0x0123_4567_89ab_cdef);
    const WIDTH: usize = 900;
    const HEIGHT: usize = 700;

    /// Coarse and fine noise over a ramp.
    fn picture(seed: u64) -> Plane {
        let plane =
            |seed| Plane::new(WIDTH, HEIGHT, normal_deviates(seed, WIDTH * HEIGHT)).unwrap();
        let coarse = plane(seed).box_blurred(9);
        let values = plane(seed + 1);
        let each = values.data().iter().zip(coarse.data()).enumerate();
        let data = each.map(|(i, (fine, coarse))| {
            let ramp = 90.0 + 60.0 * (i % WIDTH) as f32 / WIDTH as f32;
            (ramp + 250.0 * coarse + 2.0 * fine)
                .round()
                .clamp(0.0, 255.0)
        });
        Plane::new(WIDTH, HEIGHT, data.collect()).unwrap()
    }

    fn marked(key: &WatermarkKey) -> Plane {
        let mut picture = picture(5);
        let mark = Embedder::new(key)
            .mark(&picture, ID, &EmbedOptions::default())
            .unwrap();
        for (value, delta) in picture.data_mut().iter_mut().zip(mark.delta.data()) {
            *value = (*value + delta).round().clamp(0.0, 255.0);
        }
        picture
    }

    /// The map of a picture that a detector with `key` reads.
    fn map_of(picture: &Plane, key: &WatermarkKey) -> HeatMap {
        let detector = Detector::new([key]);
        let found = detector.detect(picture).unwrap();
        assert_eq!(found.payload, ID);
        detector.heat_map(picture, &found)
    }

    #[test]
    fn an_unedited_picture_and_its_negative_read_everywhere() {
        let key = WatermarkKey::new([3; 32]);
        let mut picture = marked(&key);
        assert!(map_of(&picture, &key).share(CellClass::Reads) > 0.99);
        let negative = |value: &mut f32| *value = 255.0 - *value;
        picture.data_mut().iter_mut().for_each(negative);
        assert!(map_of(&picture, &key).share(CellClass::Reads) > 0.99);
    }

    #[test]
    fn a_pasted_part_is_silent_and_the_rest_reads() {
        let key = WatermarkKey::new([3; 32]);
        let mut edited = marked(&key);
        let other = picture(77);
        let (columns, rows) = (250..720, 150..560);
        for y in rows.clone() {
            for x in columns.clone() {
                edited.data_mut()[y * WIDTH + x] = other.data()[y * WIDTH + x];
            }
        }
        let map = map_of(&edited, &key);
        let (width, height) = map.cell_size();
        let (mut covered, mut silent) = (0, 0);
        for (index, cell) in map.cells().iter().enumerate() {
            let x = ((index % map.columns()) as f64 + 0.5) * width;
            let y = ((index / map.columns()) as f64 + 0.5) * height;
            let within = |margin: f64| {
                let near = |at: f64, range: &std::ops::Range<usize>, margin: f64| {
                    at > range.start as f64 - margin && at < range.end as f64 + margin
                };
                near(x, &columns, margin * width) && near(y, &rows, margin * height)
            };
            if within(-0.5) {
                covered += 1;
                silent += usize::from(cell.class == CellClass::Silent);
                assert_ne!(cell.class, CellClass::Reads, "{x} {y}");
            } else if !within(0.5) {
                assert_eq!(cell.class, CellClass::Reads, "{x} {y}");
            }
        }
        assert!(
            covered >= 12 && silent * 10 >= covered * 7,
            "{silent} of {covered}"
        );
    }

    #[test]
    fn one_colour_black_and_white_accuse_nobody() {
        let key = WatermarkKey::new([3; 32]);
        for value in [0.0, 110.0, 255.0] {
            let mut edited = marked(&key);
            for row in edited.data_mut().chunks_exact_mut(WIDTH) {
                row[..WIDTH / 3].fill(value);
            }
            let map = map_of(&edited, &key);
            for (index, cell) in map.cells().iter().enumerate() {
                let right = (index % map.columns()) as f64 * map.cell_size().0;
                if right + map.cell_size().0 < WIDTH as f64 / 3.0 {
                    assert_eq!(cell.class, CellClass::Unclear, "{value}");
                } else if right > WIDTH as f64 / 3.0 {
                    assert_eq!(cell.class, CellClass::Reads, "{value}");
                }
            }
        }
    }

    #[test]
    fn a_bent_picture_is_followed() {
        let key = WatermarkKey::new([3; 32]);
        let straight = marked(&key);
        let detector = Detector::new([&key]);
        let found = detector.detect(&straight).unwrap();
        // Up to 12 pixels at the edges.
        let mut bent = straight.clone();
        for (y, row) in bent.data_mut().chunks_exact_mut(WIDTH).enumerate() {
            for (x, value) in row.iter_mut().enumerate() {
                let from_middle = 2.0 * x as f64 / WIDTH as f64 - 1.0;
                let at = (x as f64 + 12.0 * from_middle * from_middle).min(WIDTH as f64 - 1.001);
                let here = &straight.data()[y * WIDTH + at as usize..][..2];
                *value = here[0] + at.fract() as f32 * (here[1] - here[0]);
            }
        }
        let map = detector.heat_map(&bent, &found);
        assert!(map.share(CellClass::Reads) > 0.9);
        assert_eq!(map.share(CellClass::Silent), 0.0);
    }

    #[test]
    fn nobody_is_accused_where_the_mark_lies_elsewhere() {
        let mut cell = CellEvidence {
            alone: evidence(10.0, 10.0, 3.0),
            around: evidence(20.0, 20.0, 3.0),
            in_place: true,
        };
        let mut found = Cells {
            columns: 4,
            size: (1.0, 1.0),
            evidence: vec![cell; 16],
        };
        for quiet in &mut found.evidence[..2] {
            quiet.alone.agreement = 0.0;
            quiet.around.agreement = 0.0;
        }
        let silent = |found: &Cells| {
            let cells = classified(found);
            cells
                .iter()
                .filter(|c| c.class == CellClass::Silent)
                .count()
        };
        assert_eq!(silent(&found), 2);
        cell.in_place = false;
        found.evidence[8..].fill(cell);
        assert_eq!(silent(&found), 0);
    }

    #[test]
    fn another_id_reads_nowhere_and_accuses_nobody() {
        let key = WatermarkKey::new([3; 32]);
        let picture = marked(&key);
        let detector = Detector::new([&key]);
        let mut found = detector.detect(&picture).unwrap();
        found.payload = Payload(!ID.0);
        let map = detector.heat_map(&picture, &found);
        assert!(map.share(CellClass::Unclear) > 0.98);
    }

    fn evidence(agreement: f32, expected: f32, spread: f32) -> Evidence {
        Evidence {
            agreement,
            expected,
            spread,
        }
    }

    #[test]
    fn what_to_expect_is_learnt_from_cells_alike() {
        let mut cells = vec![evidence(0.0, 10.0, 3.0)];
        cells.extend([evidence(9.0, 10.0, 3.2); 5]);
        cells.extend([evidence(9.0, 10.0, 30.0); 5]);
        assert_eq!(expected(&cells, 0), 0.0, "five cells alike are too few");
        cells.push(evidence(9.0, 10.0, 2.8));
        assert!((expected(&cells, 0) - 9.0).abs() < 1e-4);
        // Where half of the cells alike lost the mark, this one may have as well.
        cells.extend([evidence(0.5, 10.0, 3.0); 6]);
        assert!(expected(&cells, 0) < 1.0);
    }

    #[test]
    fn a_lone_suspicion_is_dropped_and_weak_ones_join_strong_ones() {
        use Suspicion::{None as N, Strong as S, Weak as W};
        let lone = [N, N, N, N, S, N, N, N, N];
        assert!(grown(&lone, 3).iter().all(|silent| !silent));
        let weak = [W, W, W, N, N, N, N, N, N];
        assert!(grown(&weak, 3).iter().all(|silent| !silent));
        let together = [S, S, W, N, S, W, N, N, W];
        let silent = grown(&together, 3);
        assert_eq!(
            silent,
            [true, true, true, false, true, true, false, false, true]
        );
    }

    #[test]
    fn the_overlay_shows_each_cell_where_it_lies() {
        let agreement = 0.0;
        let cell = |class| Cell { class, agreement };
        let map = HeatMap {
            columns: 2,
            size: (2.0, 3.0),
            cells: vec![cell(CellClass::Reads), cell(CellClass::Silent)],
        };
        let layer = map.overlay(16, 12);
        assert_eq!(layer.len(), 16 * 12 * 4);
        let at = |x: usize, y: usize| &layer[(y * 16 + x) * 4..][..4];
        assert_eq!(at(7, 6), CellClass::Reads.colour());
        assert_eq!(at(12, 6), CellClass::Silent.colour());
        for line in [(8, 6), (15, 6), (12, 0), (12, 11)] {
            assert_eq!(at(line.0, line.1), OUTLINE);
        }
        assert_eq!((map.rows(), map.share(CellClass::Silent)), (1, 0.5));
    }
}
