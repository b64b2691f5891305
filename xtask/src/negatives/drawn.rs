//! Walls, cloth, tiles, pages, screens, line drawings.

use image::{Rgb, RgbImage};

use super::{grey, period};
use crate::attacks::overlay::write;
use crate::attacks::raster::Random;

/// A hash of a cell, 0..1: each brick its own shade.
fn shade(seed: u64, column: i64, row: i64) -> f64 {
    let cell = (column as u64).wrapping_mul(0x9E37_79B9) ^ (row as u64).wrapping_mul(0x85EB_CA6B);
    Random::new(seed ^ cell, "shade").between(0.0, 1.0)
}

/// Courses of bricks, every second one shifted by half a brick; mortar and shades differ.
pub(super) fn bricks(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let length = period(random, size).max(16.0);
    let course = length / random.between(1.8, 3.2);
    let mortar = random.between(1.0, 4.0);
    let (seed, variety) = (random.bits(), random.between(0.0, 60.0));
    grey(size, |x, y| {
        let row = (y / course).floor();
        let along = x / length + 0.5 * (row as i64 % 2) as f64;
        let in_mortar = y - row * course < mortar || along.fract() * length < mortar;
        if in_mortar {
            190.0
        } else {
            90.0 + variety * shade(seed, along.floor() as i64, row as i64)
        }
    })
}

/// Plain weave: threads over and under by turns, or a fence of wires.
pub(super) fn weave(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let thread = (period(random, size) / 8.0).clamp(3.0, 40.0);
    let (light, dark) = (random.between(130.0, 230.0), random.between(20.0, 110.0));
    let gap = random.between(0.0, 0.5);
    grey(size, |x, y| {
        let (u, v) = (x / thread, y / thread);
        let round = |place: f64| (std::f64::consts::PI * place.fract()).sin();
        let over = (u as i64 + v as i64) % 2 == 0;
        let height = if over { round(v) } else { round(u) };
        if height < gap {
            10.0
        } else {
            dark + (light - dark) * height
        }
    })
}

/// Square tiles with joints, plain or each with its own shade.
pub(super) fn squares(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let side = period(random, size);
    let joint = random.between(1.0, 5.0);
    let (seed, variety) = (random.bits(), random.between(0.0, 80.0));
    grey(size, |x, y| {
        let (u, v) = (x.rem_euclid(side), y.rem_euclid(side));
        if u < joint || v < joint {
            60.0
        } else {
            150.0 + variety * shade(seed, (x / side) as i64, (y / side) as i64)
        }
    })
}

/// A honeycomb.
pub(super) fn hexagons(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let pitch = period(random, size);
    let wall = random.between(1.0, 6.0) / pitch;
    let (light, dark) = (random.between(150.0, 240.0), random.between(10.0, 100.0));
    let across = 3f64.sqrt();
    // Distance from the middle of the nearest cell towards its nearest wall, in pitches.
    let inside = |u: f64, v: f64| {
        let (u, v) = (u - u.round(), v - across * (v / across).round());
        (u.abs()).max(0.5 * u.abs() + across / 2.0 * v.abs())
    };
    grey(size, |x, y| {
        let (u, v) = (x / pitch, y / pitch);
        let nearest = inside(u, v).min(inside(u - 0.5, v - across / 2.0));
        if nearest > 0.5 - wall { dark } else { light }
    })
}

/// A checkerboard, or fine and coarse lines.
pub(super) fn graph_paper(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let side = (period(random, size) / f64::from(1 + random.below(10))).max(3.0);
    let every = f64::from(2 + random.below(9));
    if random.below(2) == 0 {
        let contrast = random.between(5.0, 120.0);
        return grey(size, |x, y| {
            let dark = ((x / side) as i64 + (y / side) as i64) % 2 == 0;
            128.0 + if dark { -contrast } else { contrast }
        });
    }
    grey(size, |x, y| {
        let on = |place: f64, side: f64| place.rem_euclid(side) < 1.0;
        if on(x, side * every) || on(y, side * every) {
            90.0
        } else if on(x, side) || on(y, side) {
            190.0
        } else {
            250.0
        }
    })
}

const LETTERS: &[u8] = b"   AEILMNOPRSTDUCGH";

fn words(random: &mut Random, count: u32) -> String {
    (0..count)
        .map(|_| char::from(LETTERS[random.below(LETTERS.len() as u32) as usize]))
        .collect()
}

/// A page of one or two columns.
pub(super) fn text(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let mut page = RgbImage::from_pixel(size.0, size.1, Rgb([252, 251, 248]));
    let dot = 1 + random.below(3);
    let leading = dot * (9 + random.below(5));
    let columns = 1 + random.below(2);
    let width = (size.0 - 40) / columns;
    for column in 0..columns {
        let mut y = 24;
        while y + leading < size.1 {
            let full = (width - 20) / (6 * dot);
            let count = if random.below(6) == 0 { full / 2 } else { full };
            let line = words(random, count);
            write(&mut page, &line, (24 + column * width, y), dot, |_| {
                Rgb([30, 30, 34])
            });
            y += leading;
        }
    }
    page
}

/// A window with a bar, a list of rows with icons, boxes and separators.
pub(super) fn interface(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let dark = random.below(2) == 0;
    let (ground, ink) = if dark { (30, 225) } else { (246, 40) };
    let mut screen = RgbImage::from_pixel(size.0, size.1, Rgb([ground; 3]));
    let row = 24 + random.below(60);
    let side_bar = size.0 / (4 + random.below(3));
    let accent = Rgb([60, 110 + random.below(100) as u8, 210]);
    fill(&mut screen, (0, 0), (size.0, 40), accent);
    fill(
        &mut screen,
        (0, 40),
        (side_bar, size.1),
        Rgb([ground.abs_diff(18); 3]),
    );
    let mut y = 52;
    while y + row < size.1 {
        fill(&mut screen, (10, y), (row / 2, row / 2), accent);
        let title = words(random, 8);
        write(&mut screen, &title, (20 + row / 2, y), 2, |_| Rgb([ink; 3]));
        let length = 10 + random.below(20);
        let line = words(random, length);
        write(&mut screen, &line, (side_bar + 20, y), 2, |_| Rgb([ink; 3]));
        fill(
            &mut screen,
            (side_bar, y + row - 8),
            (size.0, 1),
            Rgb([ground.abs_diff(30); 3]),
        );
        if random.below(4) == 0 {
            let left = side_bar + random.below(size.0 - side_bar);
            fill(&mut screen, (left, y), (90, row / 2), accent);
        }
        y += row;
    }
    screen
}

/// A rectangle, cut off at the picture's edge.
fn fill(
    picture: &mut RgbImage,
    (left, top): (u32, u32),
    (width, height): (u32, u32),
    ink: Rgb<u8>,
) {
    for y in top..(top + height).min(picture.height()) {
        for x in left..(left + width).min(picture.width()) {
            picture.put_pixel(x, y, ink);
        }
    }
}

/// Strokes and circles of 1 to 3 pixels, some of them parallel as in hatching.
pub(super) fn line_art(random: &mut Random, size: (u32, u32)) -> RgbImage {
    let mut page = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    for _ in 0..20 + random.below(60) {
        let (cx, cy) = (random.between(0.0, width), random.between(0.0, height));
        let reach = random.between(20.0, 300.0);
        let turn = random.between(0.0, std::f64::consts::TAU);
        let pen = 1 + random.below(3);
        let (copies, pitch) = (1 + random.below(20), random.between(4.0, 20.0));
        let circle = random.below(3) == 0;
        for copy in 0..copies {
            let offset = f64::from(copy) * pitch;
            for step in 0..(7.0 * reach) as u32 {
                let way = f64::from(step) / (7.0 * reach);
                let (x, y) = if circle {
                    let (sine, cosine) = (std::f64::consts::TAU * way).sin_cos();
                    (cx + (reach + offset) * cosine, cy + (reach + offset) * sine)
                } else {
                    let (sine, cosine) = turn.sin_cos();
                    let along = reach * way;
                    (
                        cx + along * cosine - offset * sine,
                        cy + along * sine + offset * cosine,
                    )
                };
                if x >= 0.0 && y >= 0.0 {
                    fill(&mut page, (x as u32, y as u32), (pen, pen), Rgb([20; 3]));
                }
            }
        }
    }
    page
}
