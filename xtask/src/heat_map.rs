//! How well the heat map tells where a picture was edited, and how seldom it accuses anybody.

use std::iter::once;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use colophon_watermark::{
    CellClass, Detector, EmbedOptions, Embedder, HeatMap, Payload, WatermarkError, WatermarkKey,
};
use image::{Rgb, RgbImage};
use rayon::prelude::*;

use crate::attacks::edits::{Edit, Mask};
use crate::attacks::{codec, geometry};
use crate::pictures;
use crate::robustness::statistics::{Proportion, Sorted};

/// Shares of the area that are edited.
const SHARES: [f64; 4] = [0.04, 0.08, 0.15, 0.25];
/// A cell is inside or outside of an edit if all but so much of it is.
const SLACK: f64 = 0.005;

/// What happens to an edited picture: its name, where the pixels (and the mask's) go, JPEG quality.
type Handling = (&'static str, fn(&RgbImage) -> RgbImage, Option<u8>);

const HANDLINGS: [Handling; 6] = [
    ("nothing", RgbImage::clone, None),
    ("JPEG 80", RgbImage::clone, Some(80)),
    ("JPEG 60", RgbImage::clone, Some(60)),
    ("0.7x", |it| geometry::scaled(it, 0.7), None),
    (
        "turned 5 degrees, JPEG 80",
        |it| geometry::rotated(it, 5.0),
        Some(80),
    ),
    (
        "perspective 3 %, JPEG 80",
        |it| geometry::perspective(it, 0.03, 1),
        Some(80),
    ),
];

/// Where a cell lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Wholly in the edit.
    Inside,
    /// Wholly in what the picture shows beside the edit.
    Outside,
    /// Partly in the edit.
    Border,
    /// Partly in the black that fills a turned picture.
    Beyond,
}

/// Milliseconds that a map took, and its cells.
type Map = (f64, Vec<(Place, CellClass)>);

/// The heat map of one picture.
struct Judged {
    edit: Option<Edit>,
    /// Indexes into [`SHARES`] and [`HANDLINGS`].
    share: usize,
    handling: usize,
    /// `None` if the mark was not read.
    map: Option<Map>,
}

impl Judged {
    fn cells(&self) -> impl Iterator<Item = &(Place, CellClass)> {
        self.map.iter().flat_map(|(_, cells)| cells)
    }

    /// Whether a cell is silent that the edit touches.
    fn found(&self) -> bool {
        self.cells().any(|&(place, class)| {
            class == CellClass::Silent && matches!(place, Place::Inside | Place::Border)
        })
    }
}

/// Share of the cells at a place that have a class.
fn share<'a>(maps: impl Iterator<Item = &'a Judged>, place: Place, class: CellClass) -> Proportion {
    let cells = maps.flat_map(Judged::cells);
    Proportion::of(cells.filter(|c| c.0 == place).map(|c| c.1 == class))
}

/// Edits the first `count` pictures of a folder in many ways and prints what their heat maps say.
pub fn run(folder: &Path, count: usize) -> Result<()> {
    let files = pictures::list(folder)?;
    let photos: Vec<RgbImage> = files[..count.min(files.len())]
        .par_iter()
        .map(|path| pictures::open(path))
        .collect::<Result<_>>()?;
    let maps: Vec<Vec<Judged>> = (0..photos.len())
        .into_par_iter()
        .map(|number| one(&photos, number))
        .collect::<Result<_>>()?;
    let maps: Vec<Judged> = maps.into_iter().flatten().collect();
    print_unedited(&maps);
    print_edited(&maps);
    Ok(())
}

fn print_unedited(maps: &[Judged]) {
    println!(
        "| not edited, then | not read | with silent cells | silent cells | cells that read | ms |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (index, (name, ..)) in HANDLINGS.iter().enumerate() {
        let maps = maps
            .iter()
            .filter(|map| map.edit.is_none() && map.handling == index);
        let silent = |&(place, class): &_| place == Place::Outside && class == CellClass::Silent;
        let accused = Proportion::of(maps.clone().map(|map| map.cells().any(silent)));
        let cells = share(maps.clone(), Place::Outside, CellClass::Silent);
        println!(
            "| {name} | {} | {} of {} | {} of {} | {:.1} % | {:.0} |",
            maps.clone().filter(|map| map.map.is_none()).count(),
            accused.hits,
            accused.count,
            cells.hits,
            cells.count,
            100.0 * share(maps.clone(), Place::Outside, CellClass::Reads).rate(),
            maps.filter_map(|map| map.map.as_ref().map(|(ms, _)| *ms))
                .collect::<Sorted>()
                .median()
        );
    }
}

fn print_edited(maps: &[Judged]) {
    println!("\n| edits found (silent cells inside) | 4 % | 8 % | 15 % | 25 % |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let line = |name: &str, wanted: &dyn Fn(&Judged) -> bool| {
        let columns = (0..SHARES.len()).map(|size| {
            let maps = maps
                .iter()
                .filter(|map| map.edit.is_some() && map.share == size && wanted(map));
            let found = Proportion::of(maps.clone().map(Judged::found)).rate();
            let cells = share(maps, Place::Inside, CellClass::Silent).rate();
            format!("{:.0} % ({:.0} %)", 100.0 * found, 100.0 * cells)
        });
        println!("| {name} | {} |", columns.collect::<Vec<_>>().join(" | "));
    };
    for edit in Edit::ALL {
        // Not under perspective, where nobody is accused.
        let flat = |map: &Judged| map.handling + 1 < HANDLINGS.len();
        line(edit.name(), &|map| map.edit == Some(edit) && flat(map));
    }
    for (index, (name, ..)) in HANDLINGS.iter().enumerate() {
        line(&format!("{}, then {name}", Edit::Pasted.name()), &|map| {
            map.edit == Some(Edit::Pasted) && map.handling == index
        });
    }
    let edited = maps.iter().filter(|map| map.edit.is_some());
    let outside = share(edited.clone(), Place::Outside, CellClass::Silent);
    let inside = share(edited.clone(), Place::Inside, CellClass::Reads);
    println!(
        "\n{} edited pictures, {} of them not read; outside of the edits {} of {} cells are silent, \
         inside {} of {} read.",
        edited.clone().count(),
        edited.filter(|map| map.map.is_none()).count(),
        outside.hits,
        outside.count,
        inside.hits,
        inside.count
    );
}

/// Every edit and handling of one picture; none if it leaves no room for a mark.
fn one(photos: &[RgbImage], number: usize) -> Result<Vec<Judged>> {
    let key = WatermarkKey::new([7; 32]);
    let photo = &photos[number];
    let id = Payload((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mark = Embedder::new(&key).mark(&pictures::luma(photo)?, id, &EmbedOptions::default());
    let marked = match mark {
        Err(WatermarkError::NoRoom { .. } | WatermarkError::TooSmall { .. }) => return Ok(vec![]),
        mark => pictures::with_mark(photo, &mark?),
    };
    let detector = Detector::new([&key]);
    let other = &photos[(number + 7) % photos.len()];
    // Two of the shares for each picture, in turn as rectangles and ellipses.
    let shares = SHARES.iter().enumerate().skip(number % 2).step_by(2);
    let edits = shares.flat_map(|(size, &share)| {
        let mask = Mask::somewhere(&marked, share, (number / 2 + size / 2) as u64);
        Edit::ALL.map(|edit| {
            let edited = edit.apply(&marked, &mask, other);
            (Some(edit), size, edited, mask.clone())
        })
    });
    let unedited = (None, 0, marked.clone(), Mask::nowhere(&marked));
    let mut maps = Vec::new();
    for (edit, share, picture, mask) in once(unedited).chain(edits) {
        // A quarter of the size is fine enough for cells.
        let mask = geometry::picked(&mask.picture, 0.25);
        let all = RgbImage::from_pixel(mask.width(), mask.height(), Rgb([255; 3]));
        for (handling, (_, moved, quality)) in HANDLINGS.iter().enumerate() {
            let mut seen = moved(&picture);
            if let Some(quality) = quality {
                seen = codec::jpeg(&seen, *quality)?;
            }
            let map = judged(&detector, &seen, &moved(&mask), &moved(&all))?;
            maps.push(Judged {
                edit,
                share,
                handling,
                map,
            });
        }
    }
    Ok(maps)
}

/// A picture's heat map and where its cells lie: `mask` is white where it was edited, `shown` where it
/// shows anything.
fn judged(
    detector: &Detector,
    picture: &RgbImage,
    mask: &RgbImage,
    shown: &RgbImage,
) -> Result<Option<Map>> {
    let luma = pictures::luma(picture)?;
    let Some(detection) = detector.detect(&luma) else {
        return Ok(None);
    };
    let start = Instant::now();
    let map = detector.heat_map(&luma, &detection);
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let fine = f64::from(picture.width()) / f64::from(mask.width());
    let white = |of, index| white(of, &map, index, fine);
    let place = |index| match (white(mask, index), white(shown, index)) {
        (edited, _) if edited > 1.0 - SLACK => Place::Inside,
        (edited, _) if edited >= SLACK => Place::Border,
        (_, shown) if shown > 1.0 - SLACK => Place::Outside,
        _ => Place::Beyond,
    };
    let cells = map.cells().iter().enumerate();
    let cells = cells.map(|(index, cell)| (place(index), cell.class));
    Ok(Some((ms, cells.collect())))
}

/// Share of a cell, 0 to 1, over which a picture of black and white is white that has one pixel for
/// `fine` of the map's.
fn white(picture: &RgbImage, map: &HeatMap, index: usize, fine: f64) -> f64 {
    let edge = |index: usize, size: f64| (index as f64 * size / fine).round() as u32;
    let (column, row) = (index % map.columns(), index / map.columns());
    let (width, height) = map.cell_size();
    let (x0, x1) = (edge(column, width), edge(column + 1, width));
    let (y0, y1) = (edge(row, height), edge(row + 1, height));
    let pixels = (y0..y1.min(picture.height()))
        .flat_map(|y| (x0..x1.min(picture.width())).map(move |x| picture.get_pixel(x, y).0[0]));
    let (sum, count) = pixels.fold((0, 0), |(sum, count), v| (sum + u64::from(v), count + 255));
    sum as f64 / f64::from(count.max(1))
}
