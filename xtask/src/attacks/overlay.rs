//! Things put over, around or beside a picture.

use image::imageops;
use image::{Rgb, RgbImage};

use super::geometry::{scaled, sized};
use super::raster::{Random, sample};

/// Where a rectangle lies, in pixels.
struct Place {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

fn fill(picture: &mut RgbImage, place: &Place, mut colour: impl FnMut(u32, u32) -> Rgb<u8>) {
    let (right, bottom) = (place.x + place.width, place.y + place.height);
    for y in place.y..bottom.min(picture.height()) {
        for x in place.x..right.min(picture.width()) {
            picture.put_pixel(x, y, colour(x, y));
        }
    }
}

/// A rectangle of the picture's shape with `share` of its area, somewhere in it.
fn somewhere(picture: &RgbImage, share: f64, random: &mut Random) -> Place {
    let side = |v: u32| (f64::from(v) * share.sqrt()) as u32;
    let (width, height) = (side(picture.width()), side(picture.height()));
    Place {
        x: random.below(picture.width() - width + 1),
        y: random.below(picture.height() - height + 1),
        width,
        height,
    }
}

/// One black rectangle over `share` of the area.
pub fn erased(picture: &RgbImage, share: f64, number: u64) -> RgbImage {
    let mut out = picture.clone();
    let place = somewhere(picture, share, &mut Random::new(number, "erase"));
    fill(&mut out, &place, |_, _| Rgb([0; 3]));
    out
}

/// Six rectangles that together have `share` of the area (they may overlap), in turn of noise
/// and of one colour.
pub fn erased_in_six(picture: &RgbImage, share: f64, number: u64) -> RgbImage {
    let mut out = picture.clone();
    let mut random = Random::new(number, "erase six");
    for i in 0..6 {
        let place = somewhere(picture, share / 6.0, &mut random);
        let colour = random.bits().to_le_bytes();
        fill(&mut out, &place, |_, _| match i % 2 {
            0 => Rgb([colour[0], colour[1], colour[2]]),
            _ => Rgb([random.bits() as u8; 3]),
        });
    }
    out
}

/// White bars with words, each `share` of the height, added above and below.
pub fn captioned(picture: &RgbImage, share: f64) -> RgbImage {
    let (w, h) = picture.dimensions();
    let bar = (f64::from(h) * share) as u32;
    let mut out = RgbImage::from_pixel(w, h + 2 * bar, Rgb([255; 3]));
    imageops::replace(&mut out, picture, 0, i64::from(bar));
    let size = (bar / 12).min(w / 155).max(1);
    write(
        &mut out,
        "WHEN THE BUILD IS GREEN",
        (w / 20, bar / 4),
        size,
        |_| Rgb([0; 3]),
    );
    write(
        &mut out,
        "AND IT IS STILL FRIDAY",
        (w / 20, h + bar + bar / 4),
        size,
        |_| Rgb([0; 3]),
    );
    out
}

/// Black bars that bring the picture to a square.
pub fn letterboxed(picture: &RgbImage) -> RgbImage {
    let (w, h) = picture.dimensions();
    let side = w.max(h);
    let mut out = RgbImage::new(side, side);
    imageops::replace(
        &mut out,
        picture,
        i64::from((side - w) / 2),
        i64::from((side - h) / 2),
    );
    out
}

/// The picture scaled by `factor` somewhere on a busy canvas of the picture's own size.
pub fn collage(picture: &RgbImage, factor: f64, number: u64) -> RgbImage {
    let small = scaled(picture, factor);
    let mut out = busy_canvas(picture.width(), picture.height(), number);
    let mut random = Random::new(number, "collage");
    let x = random.below(picture.width() - small.width() + 1);
    let y = random.below(picture.height() - small.height() + 1);
    imageops::replace(&mut out, &small, i64::from(x), i64::from(y));
    out
}

/// Half-transparent words over the whole picture, as picture agencies do.
pub fn lettered(picture: &RgbImage) -> RgbImage {
    let mut out = picture.clone();
    let (w, h) = picture.dimensions();
    let size = (w.max(h) / 200).max(1);
    for line in 0..=h / (24 * size) {
        for column in 0..=w / (50 * size) {
            let at = (
                column * 50 * size + line % 2 * 20 * size,
                line * 24 * size + 6 * size,
            );
            write(&mut out, "SAMPLE", at, size, |p| {
                Rgb(p.0.map(|v| v / 2 + 127))
            });
        }
    }
    out
}

/// Seven opaque discs with a darker rim, as stickers, 6 % to 12 % of the short side in radius.
pub fn stickered(picture: &RgbImage, number: u64) -> RgbImage {
    let mut out = picture.clone();
    let (w, h) = picture.dimensions();
    let mut random = Random::new(number, "stickers");
    for _ in 0..7 {
        let radius = f64::from(w.min(h)) * random.between(0.06, 0.12);
        let (cx, cy) = (
            random.between(0.0, f64::from(w)),
            random.between(0.0, f64::from(h)),
        );
        let reach = |c: f64| (c - radius).max(0.0) as u32;
        let across = (2.0 * radius) as u32 + 2;
        for y in reach(cy)..(reach(cy) + across).min(h) {
            for x in reach(cx)..(reach(cx) + across).min(w) {
                let distance = (f64::from(x) - cx).hypot(f64::from(y) - cy) / radius;
                if distance < 1.0 {
                    let shade = if distance > 0.85 {
                        [190, 130, 20]
                    } else {
                        [255, 205, 60]
                    };
                    out.put_pixel(x, y, Rgb(shade));
                }
            }
        }
    }
    out
}

/// A telephone's screen of 1080 x 1920: status bar, title, the picture at 0.7x or as wide as the
/// screen, lines of text and round icons.
pub fn telephone_screen(picture: &RgbImage, number: u64) -> RgbImage {
    const INK: Rgb<u8> = Rgb([60, 62, 68]);
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let factor = 0.7f64.min(1080.0 / w).min(1500.0 / h);
    let shown = sized(picture, w * factor, h * factor);
    let mut out = RgbImage::from_pixel(1080, 1920, Rgb([250, 250, 252]));
    let mut random = Random::new(number, "screen");
    write(&mut out, "12 45", (48, 24), 4, |_| INK);
    write(&mut out, "ALBUM", (150, 116), 7, |_| INK);
    for (cx, cy) in [(80, 140), (980, 140), (140, 1830), (540, 1830), (940, 1830)] {
        let place = Place {
            x: cx - 36,
            y: cy - 36,
            width: 72,
            height: 72,
        };
        fill(&mut out, &place, |x, y| {
            let far = x.abs_diff(cx).pow(2) + y.abs_diff(cy).pow(2) > 36 * 36;
            if far {
                Rgb([250, 250, 252])
            } else {
                Rgb([92, 128, 214])
            }
        });
    }
    let x = random.below(1080 - shown.width() + 1);
    imageops::replace(&mut out, &shown, i64::from(x), 230);
    let mut y = 230 + shown.height() + 40;
    while y < 1740 {
        let words: String = (0..18 + random.below(20))
            .map(|_| char::from(b" AEILMNOPRST"[random.below(12) as usize]))
            .collect();
        write(&mut out, &words, (48, y), 3, |_| INK);
        y += 44;
    }
    out
}

/// A canvas with the spectrum of a photograph, and rectangles and words on it.
fn busy_canvas(width: u32, height: u32, number: u64) -> RgbImage {
    let mut random = Random::new(number, "canvas");
    let mut sum = vec![[0f32; 3]; (width * height) as usize];
    // Each octave halves the grid and the amplitude: power falls with the square of frequency.
    for octave in 0..7u32 {
        let cells = 3 << octave;
        let mut grid = RgbImage::new(cells, cells);
        grid.iter_mut().for_each(|v| *v = random.bits() as u8);
        let layer = imageops::resize(&grid, width, height, imageops::FilterType::CatmullRom);
        let amplitude = 0.6 / (1 << octave) as f32;
        for (total, pixel) in sum.iter_mut().zip(layer.pixels()) {
            for (value, new) in total.iter_mut().zip(pixel.0) {
                *value += amplitude * (f32::from(new) - 128.0);
            }
        }
    }
    let mut values = sum.into_iter();
    let mut out = RgbImage::new(width, height);
    for (pixel, value) in out.pixels_mut().zip(&mut values) {
        pixel.0 = value.map(|v| sample(128.0 + v + 6.0 * random.normal()));
    }
    for i in 0..12 {
        let place = somewhere(&out, random.between(0.004, 0.03), &mut random);
        let colour = random.bits().to_le_bytes();
        fill(&mut out, &place, |_, _| {
            Rgb([colour[0], colour[1], colour[2]])
        });
        let ink = if i % 2 == 0 { 20 } else { 240 };
        write(
            &mut out,
            "MORE PICTURES",
            (place.x, place.y),
            (width / 320).max(1),
            |_| Rgb([ink; 3]),
        );
    }
    out
}

/// Writes capitals of 5 x 7 dots, `size` pixels a dot, through `ink`; what has no shape is a gap.
pub fn write(
    picture: &mut RgbImage,
    words: &str,
    (left, top): (u32, u32),
    size: u32,
    ink: impl Fn(Rgb<u8>) -> Rgb<u8>,
) {
    for (i, letter) in words.chars().enumerate() {
        for (row, dots) in glyph(letter).into_iter().enumerate() {
            for column in (0..5).filter(|c| dots >> (4 - c) & 1 == 1) {
                let place = Place {
                    x: left + (i as u32 * 6 + column) * size,
                    y: top + row as u32 * size,
                    width: size,
                    height: size,
                };
                for y in place.y..(place.y + size).min(picture.height()) {
                    for x in place.x..(place.x + size).min(picture.width()) {
                        let inked = ink(*picture.get_pixel(x, y));
                        picture.put_pixel(x, y, inked);
                    }
                }
            }
        }
    }
}

/// Rows of five dots from the top, the leftmost dot the highest bit.
fn glyph(letter: char) -> [u8; 7] {
    match letter {
        'A' | 'R' => [14, 17, 17, 31, 17, 17, 17],
        'B' | 'S' => [15, 16, 16, 14, 1, 1, 30],
        'D' | 'O' => [14, 17, 17, 17, 17, 17, 14],
        'E' | 'F' => [31, 16, 16, 30, 16, 16, 31],
        'H' | 'N' | 'W' => [17, 25, 25, 21, 19, 19, 17],
        'I' | 'T' | '1' => [31, 4, 4, 4, 4, 4, 4],
        'L' | 'C' => [16, 16, 16, 16, 16, 16, 31],
        'M' | 'U' => [17, 27, 21, 21, 17, 17, 17],
        'P' | 'G' => [30, 17, 17, 30, 16, 16, 16],
        ' ' => [0; 7],
        _ => [14, 1, 1, 14, 16, 16, 31],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::tests::scene;

    /// Share of the pixels that differ.
    fn changed(a: &RgbImage, b: &RgbImage) -> f64 {
        let count = a.pixels().zip(b.pixels()).filter(|(x, y)| x != y).count();
        count as f64 / f64::from(a.width() * a.height())
    }

    #[test]
    fn overlays_cover_about_what_they_say() {
        let picture = scene(4);
        assert!((changed(&picture, &erased(&picture, 0.25, 1)) - 0.25).abs() < 0.02);
        let six = changed(&picture, &erased_in_six(&picture, 0.25, 1));
        assert!((0.15..0.26).contains(&six), "{six}");
        let words = changed(&picture, &lettered(&picture));
        assert!((0.05..0.4).contains(&words), "{words}");
        let discs = changed(&picture, &stickered(&picture, 1));
        assert!((0.03..0.3).contains(&discs), "{discs}");
    }

    #[test]
    fn frames_hold_the_picture_unchanged() {
        let picture = scene(4);
        let (w, h) = picture.dimensions();
        let captioned = captioned(&picture, 0.12);
        let bar = (captioned.height() - h) / 2;
        assert_eq!(
            imageops::crop_imm(&captioned, 0, bar, w, h).to_image(),
            picture
        );
        assert!(
            captioned
                .rows()
                .next()
                .is_some_and(|mut r| r.all(|p| p.0 == [255; 3]))
        );
        let boxed = letterboxed(&picture);
        assert_eq!(boxed.width(), boxed.height());
        assert_eq!(
            imageops::crop_imm(&boxed, 0, (w - h) / 2, w, h).to_image(),
            picture
        );
    }

    #[test]
    fn collages_and_screens_hold_the_scaled_picture() {
        let picture = RgbImage::from_pixel(300, 200, Rgb([1, 254, 3]));
        let count = |p: &RgbImage| p.pixels().filter(|p| p.0 == [1, 254, 3]).count();
        assert_eq!(count(&collage(&picture, 0.5, 1)), 150 * 100);
        let screen = telephone_screen(&picture, 1);
        assert_eq!(screen.dimensions(), (1080, 1920));
        assert_eq!(count(&screen), 210 * 140);
    }
}
