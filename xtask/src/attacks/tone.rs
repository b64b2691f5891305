//! Brightness, colour and their curves.

use image::RgbImage;

use super::raster::{luminance, map_pixels, map_samples, sample};

/// Rec. 601 weights of red, green and blue.
const WEIGHTS: [f32; 3] = [0.299, 0.587, 0.114];

type ColourMatrix = [[f32; 3]; 3];

/// Every sample times `factor`.
pub fn brightness(picture: &RgbImage, factor: f32) -> RgbImage {
    map_samples(picture, |v| v * factor)
}

/// The distance of every sample from mid-grey times `factor`.
pub fn contrast(picture: &RgbImage, factor: f32) -> RgbImage {
    map_samples(picture, |v| (v - 127.5) * factor + 127.5)
}

/// Every sample, as a share of white, to the power `exponent`.
pub fn gamma(picture: &RgbImage, exponent: f32) -> RgbImage {
    map_samples(picture, |v| 255.0 * (v / 255.0).powf(exponent))
}

/// The negative.
pub fn inverted(picture: &RgbImage) -> RgbImage {
    map_samples(picture, |v| 255.0 - v)
}

/// The distance of every pixel from its own grey times `factor`; 0 gives a grey picture.
pub fn saturation(picture: &RgbImage, factor: f32) -> RgbImage {
    through(picture, &saturating(factor))
}

/// Hue turned by `degrees` about the grey axis, luminance kept.
pub fn hue(picture: &RgbImage, degrees: f32) -> RgbImage {
    through(picture, &hue_turning(degrees))
}

/// The brown of old prints (the matrix of the CSS filter `sepia`).
pub fn sepia(picture: &RgbImage) -> RgbImage {
    through(
        picture,
        &[
            [0.393, 0.769, 0.189],
            [0.349, 0.686, 0.168],
            [0.272, 0.534, 0.131],
        ],
    )
}

/// A warmer white: more red, less blue, as a lamp gives.
pub fn warmer(picture: &RgbImage) -> RgbImage {
    through(
        picture,
        &[[1.15, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.8]],
    )
}

/// Each channel stretched to the full range, 1 % of its samples clipped at either end.
pub fn auto_contrast(picture: &RgbImage) -> RgbImage {
    by_channel(picture, |counts, total| {
        let clip = total / 100;
        let mut below = 0;
        let mut inside = counts.map(|count| {
            let before = below;
            below += count;
            below > clip && total - before > clip
        });
        let low = inside.iter().position(|v| *v).unwrap_or(0) as f32;
        inside.reverse();
        let high = 255.0 - inside.iter().position(|v| *v).unwrap_or(0) as f32;
        let scale = if high > low {
            255.0 / (high - low)
        } else {
            1.0
        };
        std::array::from_fn(|v| sample((v as f32 - low) * scale))
    })
}

/// Each channel given a flat histogram.
pub fn equalised(picture: &RgbImage) -> RgbImage {
    by_channel(picture, |counts, total| {
        let mut below = 0;
        counts.map(|count| {
            let middle = below as f32 + count as f32 / 2.0;
            below += count;
            sample(255.0 * middle / total as f32)
        })
    })
}

/// Each channel through a table made from its histogram and the number of pixels.
fn by_channel(picture: &RgbImage, table: impl Fn(&[usize; 256], usize) -> [u8; 256]) -> RgbImage {
    let mut counts = [[0usize; 256]; 3];
    for pixel in picture.pixels() {
        for (channel, value) in counts.iter_mut().zip(pixel.0) {
            channel[usize::from(value)] += 1;
        }
    }
    let total = (picture.width() * picture.height()) as usize;
    let tables = counts.map(|channel| table(&channel, total));
    let mut out = picture.clone();
    for pixel in out.pixels_mut() {
        for (value, table) in pixel.0.iter_mut().zip(&tables) {
            *value = table[usize::from(*value)];
        }
    }
    out
}

/// Luminance in all three channels.
pub fn grey(picture: &RgbImage) -> RgbImage {
    let mut out = picture.clone();
    for pixel in out.pixels_mut() {
        pixel.0 = [sample(luminance(*pixel)); 3];
    }
    out
}

fn through(picture: &RgbImage, matrix: &ColourMatrix) -> RgbImage {
    map_pixels(picture, |[r, g, b]| {
        matrix.map(|row| row[0] * r + row[1] * g + row[2] * b)
    })
}

fn saturating(factor: f32) -> ColourMatrix {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let kept = if row == column { factor } else { 0.0 };
            WEIGHTS[column] * (1.0 - factor) + kept
        })
    })
}

/// The CSS filter `hue-rotate`, with the Rec. 601 weights: grey plus the cosine of what is not
/// grey plus the sine of that turned by a quarter (NTSC's I and Q axes).
fn hue_turning(degrees: f32) -> ColourMatrix {
    const QUARTER: ColourMatrix = [
        [0.168, 0.330, -0.497],
        [-0.328, 0.035, 0.292],
        [1.250, -1.050, -0.203],
    ];
    let (sin, cos) = degrees.to_radians().sin_cos();
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let own = if row == column { 1.0 } else { 0.0 };
            WEIGHTS[column] + cos * (own - WEIGHTS[column]) + sin * QUARTER[row][column]
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::tests::scene;

    fn near(a: &RgbImage, b: &RgbImage, tolerance: u8) -> bool {
        a.iter()
            .zip(b.iter())
            .all(|(x, y)| x.abs_diff(*y) <= tolerance)
    }

    #[test]
    fn neutral_settings_change_nothing_and_negatives_undo_themselves() {
        let picture = scene(2);
        assert_eq!(brightness(&picture, 1.0), picture);
        assert_eq!(contrast(&picture, 1.0), picture);
        assert_eq!(gamma(&picture, 1.0), picture);
        assert!(near(&saturation(&picture, 1.0), &picture, 1));
        assert!(near(&hue(&picture, 360.0), &picture, 1));
        assert_eq!(inverted(&inverted(&picture)), picture);
    }

    #[test]
    fn no_saturation_is_grey() {
        let picture = scene(2);
        assert!(near(&saturation(&picture, 0.0), &grey(&picture), 1));
    }

    #[test]
    fn turning_the_hue_keeps_luminance_and_changes_colour() {
        let mild = RgbImage::from_pixel(2, 2, image::Rgb([140, 120, 110]));
        let turned = hue(&mild, 90.0);
        let (before, after) = (
            luminance(*mild.get_pixel(0, 0)),
            luminance(*turned.get_pixel(0, 0)),
        );
        assert!((before - after).abs() < 2.0, "{before} {after}");
        assert!(!near(&turned, &mild, 10));
    }

    #[test]
    fn stretching_and_equalising_use_the_range() {
        let dull = contrast(&scene(2), 0.3);
        let range = |p: &RgbImage| {
            let values = p.iter().copied();
            values.clone().max().unwrap() - values.min().unwrap()
        };
        assert!(range(&dull) < 90);
        assert!(range(&auto_contrast(&dull)) == 255);
        let flat = equalised(&dull);
        let mean = flat.iter().map(|&v| f64::from(v)).sum::<f64>() / flat.len() as f64;
        assert!((mean - 127.5).abs() < 3.0, "{mean}");
    }
}
