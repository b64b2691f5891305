//! Scaling, cutting, turning and bending.

use std::f64::consts::TAU;

use image::RgbImage;
use image::imageops::{self, FilterType};

use super::raster::{Random, warped};

/// Resized to a whole number of pixels, at least one, with a filter that does not alias.
pub fn sized(picture: &RgbImage, width: f64, height: f64) -> RgbImage {
    let side = |v: f64| v.round().max(1.0) as u32;
    imageops::resize(picture, side(width), side(height), FilterType::Lanczos3)
}

/// Width and height multiplied.
pub fn stretched(picture: &RgbImage, across: f64, down: f64) -> RgbImage {
    sized(
        picture,
        f64::from(picture.width()) * across,
        f64::from(picture.height()) * down,
    )
}

/// Both sides multiplied by `factor`.
pub fn scaled(picture: &RgbImage, factor: f64) -> RgbImage {
    stretched(picture, factor, factor)
}

/// Scaled so that the long side has `pixels`.
pub fn long_side(picture: &RgbImage, pixels: u32) -> RgbImage {
    scaled(
        picture,
        f64::from(pixels) / f64::from(picture.width().max(picture.height())),
    )
}

/// As [`long_side`], but never enlarged: what services do on upload.
pub fn at_most(picture: &RgbImage, pixels: u32) -> RgbImage {
    if picture.width().max(picture.height()) <= pixels {
        return picture.clone();
    }
    long_side(picture, pixels)
}

/// Scaled by picking pixels, without any filter.
pub fn picked(picture: &RgbImage, factor: f64) -> RgbImage {
    let side = |v: u32| (f64::from(v) * factor).round() as u32;
    imageops::resize(
        picture,
        side(picture.width()),
        side(picture.height()),
        FilterType::Nearest,
    )
}

/// Brought to the size of `like`.
pub fn restored(picture: &RgbImage, like: &RgbImage) -> RgbImage {
    sized(picture, f64::from(like.width()), f64::from(like.height()))
}

/// The part with the given share of the area and the same aspect ratio, at a place that differs
/// from picture to picture.
pub fn cropped(picture: &RgbImage, area: f64, number: u64) -> RgbImage {
    let side = |v: u32| (f64::from(v) * area.sqrt()).round() as u32;
    let (width, height) = (side(picture.width()), side(picture.height()));
    let mut random = Random::new(number, "crop");
    let x = random.below(picture.width() - width + 1);
    let y = random.below(picture.height() - height + 1);
    imageops::crop_imm(picture, x, y, width, height).to_image()
}

/// The largest part from the middle with sides `across : down`.
pub fn cut_to_aspect(picture: &RgbImage, across: u32, down: u32) -> RgbImage {
    let (w, h) = picture.dimensions();
    let width = w.min(h * across / down);
    let height = h.min(w * down / across);
    let (x, y) = ((w - width) / 2, (h - height) / 2);
    imageops::crop_imm(picture, x, y, width, height).to_image()
}

/// Without its outermost `pixels` at the left and the top: shifts a block grid.
pub fn grid_shifted(picture: &RgbImage, pixels: u32) -> RgbImage {
    let (w, h) = picture.dimensions();
    imageops::crop_imm(picture, pixels, pixels, w - pixels, h - pixels).to_image()
}

/// Turned counter-clockwise about the centre at the same size; the corners become black.
pub fn rotated(picture: &RgbImage, degrees: f64) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (cx, cy) = centre(picture);
    warped(picture, picture.dimensions(), |x, y| {
        let (dx, dy) = (x - cx, y - cy);
        (cx + cos * dx - sin * dy, cy + sin * dx + cos * dy)
    })
}

/// Turned and cut to the largest part of the same aspect ratio that has no black in it.
pub fn rotated_to_fit(picture: &RgbImage, degrees: f64) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let share = 1.0 / (cos.abs() + sin.abs() * (w / h).max(h / w));
    let (width, height) = ((w * share) as u32, (h * share) as u32);
    let (x, y) = (
        (picture.width() - width) / 2,
        (picture.height() - height) / 2,
    );
    imageops::crop_imm(&rotated(picture, degrees), x, y, width, height).to_image()
}

/// Mirrored at the main diagonal.
pub fn transposed(picture: &RgbImage) -> RgbImage {
    imageops::rotate90(&imageops::flip_vertical(picture))
}

/// Each row moved sideways by `slope` times its distance from the middle.
pub fn sheared(picture: &RgbImage, slope: f64) -> RgbImage {
    let (_, cy) = centre(picture);
    warped(picture, picture.dimensions(), |x, y| {
        (x + slope * (y - cy), y)
    })
}

/// Each corner moved by up to `share` of the side in both directions, the result fitted into a
/// frame of the same size, black around it.
pub fn perspective(picture: &RgbImage, share: f64, number: u64) -> RgbImage {
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let mut random = Random::new(number, "perspective");
    let mut corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
    for (x, y) in &mut corners {
        *x += w * random.between(-share, share);
        *y += h * random.between(-share, share);
    }
    let span = |values: [f64; 4]| {
        let low = values.into_iter().fold(f64::INFINITY, f64::min);
        (
            low,
            values.into_iter().fold(f64::NEG_INFINITY, f64::max) - low,
        )
    };
    let ((left, width), (top, height)) = (span(corners.map(|c| c.0)), span(corners.map(|c| c.1)));
    let fit = (w / width).min(h / height);
    let margin = ((w - width * fit) / 2.0, (h - height * fit) / 2.0);
    let placed = corners.map(|(x, y)| ((x - left) * fit + margin.0, (y - top) * fit + margin.1));
    let back = inverse(&quadrilateral(placed));
    warped(picture, picture.dimensions(), |x, y| {
        let [u, v, t] = times(&back, [x + 0.5, y + 0.5, 1.0]);
        (w * u / t - 0.5, h * v / t - 0.5)
    })
}

/// A smooth random bend with a peak of `amplitude` times the long side, as `StirMark` does
/// (Petitcolas, Anderson and Kuhn, IH 1998).
pub fn bent(picture: &RgbImage, amplitude: f64, number: u64) -> RgbImage {
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let mut random = Random::new(number, "bend");
    let mut wave = || {
        let (fx, fy) = (random.between(0.3, 1.2), random.between(-1.2, 1.2));
        let phase = random.between(0.0, TAU);
        move |x: f64, y: f64| (TAU * (fx * x / w + fy * y / h) + phase).sin()
    };
    let (a, b, c, d) = (wave(), wave(), wave(), wave());
    let reach = amplitude * w.max(h) / 2.0;
    warped(picture, picture.dimensions(), |x, y| {
        (
            x + reach * (a(x, y) + b(x, y)),
            y + reach * (c(x, y) + d(x, y)),
        )
    })
}

/// Without `count` random rows and as many columns.
pub fn lines_dropped(picture: &RgbImage, count: usize, number: u64) -> RgbImage {
    let mut random = Random::new(number, "lines");
    let mut kept = |side: u32| {
        let mut lines: Vec<u32> = (0..side).collect();
        for _ in 0..count {
            lines.remove(random.below(lines.len() as u32) as usize);
        }
        lines
    };
    let (columns, rows) = (kept(picture.width()), kept(picture.height()));
    RgbImage::from_fn(columns.len() as u32, rows.len() as u32, |x, y| {
        *picture.get_pixel(columns[x as usize], rows[y as usize])
    })
}

fn centre(picture: &RgbImage) -> (f64, f64) {
    (
        f64::from(picture.width() - 1) / 2.0,
        f64::from(picture.height() - 1) / 2.0,
    )
}

type Homography = [[f64; 3]; 3];

/// The map that takes the unit square's corners, clockwise from the origin, to the given points
/// (Heckbert, master's thesis, Berkeley 1989, section 2.2.3).
fn quadrilateral([(x0, y0), (x1, y1), (x2, y2), (x3, y3)]: [(f64, f64); 4]) -> Homography {
    let (sum_x, sum_y) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
    let (dx1, dx2, dy1, dy2) = (x1 - x2, x3 - x2, y1 - y2, y3 - y2);
    let area = dx1 * dy2 - dx2 * dy1;
    let g = (sum_x * dy2 - dx2 * sum_y) / area;
    let h = (dx1 * sum_y - sum_x * dy1) / area;
    [
        [x1 - x0 + g * x1, x3 - x0 + h * x3, x0],
        [y1 - y0 + g * y1, y3 - y0 + h * y3, y0],
        [g, h, 1.0],
    ]
}

/// The adjugate: the inverse up to a factor, which a homography does not feel.
fn inverse([a, b, c]: &Homography) -> Homography {
    let cross = |u: &[f64; 3], v: &[f64; 3]| {
        [
            u[1] * v[2] - u[2] * v[1],
            u[2] * v[0] - u[0] * v[2],
            u[0] * v[1] - u[1] * v[0],
        ]
    };
    let (p, q, r) = (cross(b, c), cross(c, a), cross(a, b));
    [[p[0], q[0], r[0]], [p[1], q[1], r[1]], [p[2], q[2], r[2]]]
}

fn times(matrix: &Homography, v: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::tests::scene;

    #[test]
    fn quarter_turns_agree_with_exact_ones() {
        let square = imageops::crop_imm(&scene(0), 0, 0, 200, 200).to_image();
        assert_eq!(rotated(&square, 180.0), imageops::rotate180(&square));
        assert_eq!(rotated(&square, 90.0), imageops::rotate270(&square));
    }

    #[test]
    fn transposing_swaps_coordinates() {
        let picture = scene(0);
        let (w, h) = picture.dimensions();
        let turned = transposed(&picture);
        assert_eq!(turned.dimensions(), (h, w));
        assert_eq!(turned.get_pixel(11, 5), picture.get_pixel(5, 11));
    }

    #[test]
    fn a_homography_takes_the_square_to_its_corners_and_back() {
        let corners = [(3.0, 4.0), (210.0, -8.0), (190.0, 160.0), (12.0, 140.0)];
        let map = quadrilateral(corners);
        let back = inverse(&map);
        for ((u, v), (x, y)) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
            .into_iter()
            .zip(corners)
        {
            let [a, b, t] = times(&map, [u, v, 1.0]);
            assert!((a / t - x).abs() < 1e-9 && (b / t - y).abs() < 1e-9);
            let [a, b, t] = times(&back, [x, y, 1.0]);
            assert!((a / t - u).abs() < 1e-9 && (b / t - v).abs() < 1e-9);
        }
    }

    #[test]
    fn warps_of_no_strength_change_nothing() {
        let picture = scene(0);
        assert_eq!(sheared(&picture, 0.0), picture);
        assert_eq!(bent(&picture, 0.0, 3), picture);
        let same = perspective(&picture, 0.0, 3);
        let differing = same
            .iter()
            .zip(picture.iter())
            .filter(|(a, b)| a.abs_diff(**b) > 1);
        assert_eq!(differing.count(), 0);
    }

    #[test]
    fn cuts_have_the_stated_share_and_differ_from_picture_to_picture() {
        let picture = scene(0);
        let full = f64::from(picture.width() * picture.height());
        for area in [0.75, 0.5, 0.25, 0.1] {
            let part = cropped(&picture, area, 1);
            let share = f64::from(part.width() * part.height()) / full;
            assert!((share - area).abs() < 0.01, "{share}");
        }
        assert_ne!(cropped(&picture, 0.5, 1), cropped(&picture, 0.5, 2));
        let portrait = cut_to_aspect(&picture, 9, 16);
        assert_eq!(portrait.height(), picture.height());
        assert_eq!(cut_to_aspect(&picture, 3, 1).width(), picture.width());
    }

    #[test]
    fn a_turned_and_fitted_cut_has_no_black_corner() {
        let white = RgbImage::from_pixel(240, 160, image::Rgb([255; 3]));
        assert!(rotated_to_fit(&white, 10.0).iter().all(|&v| v > 250));
        assert!(rotated(&white, 10.0).contains(&0));
    }

    #[test]
    fn dropped_lines_shorten_both_sides() {
        let picture = scene(0);
        let (w, h) = picture.dimensions();
        assert_eq!(lines_dropped(&picture, 8, 5).dimensions(), (w - 8, h - 8));
    }
}
