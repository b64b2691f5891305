//! Blur, sharpening, denoising and noise.

use image::RgbImage;
use image::imageops;

use super::raster::{Random, luminance, map_pixels, sample};

/// Gaussian blur with a standard deviation in pixels.
pub fn blurred(picture: &RgbImage, sd: f32) -> RgbImage {
    imageops::blur(picture, sd)
}

/// The mean over an odd `width` x `height` around every pixel.
pub fn box_mean(picture: &RgbImage, width: usize, height: usize) -> RgbImage {
    neighbourhood(picture, width / 2, height / 2, |values| {
        let sum: u32 = values.iter().map(|&v| u32::from(v)).sum();
        sample(sum as f32 / values.len() as f32)
    })
}

/// The median over an odd `side` x `side` around every pixel, channel by channel.
pub fn median(picture: &RgbImage, side: usize) -> RgbImage {
    neighbourhood(picture, side / 2, side / 2, |values| {
        let middle = values.len() / 2;
        *values.select_nth_unstable(middle).1
    })
}

/// Every sample replaced by what `summary` makes of those around it, edges repeated.
fn neighbourhood(
    picture: &RgbImage,
    reach_x: usize,
    reach_y: usize,
    summary: impl Fn(&mut [u8]) -> u8,
) -> RgbImage {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let data = picture.as_raw();
    let mut out = picture.clone();
    let mut values = Vec::new();
    for (y, row) in out.chunks_mut(w * 3).enumerate() {
        for (at, target) in row.iter_mut().enumerate() {
            let (x, channel) = (at / 3, at % 3);
            values.clear();
            for line in y..=y + 2 * reach_y {
                let line = &data[line.saturating_sub(reach_y).min(h - 1) * w * 3..][..w * 3];
                let columns = x..=x + 2 * reach_x;
                values.extend(
                    columns.map(|c| line[c.saturating_sub(reach_x).min(w - 1) * 3 + channel]),
                );
            }
            *target = summary(&mut values);
        }
    }
    out
}

/// Bilateral filter (Tomasi and Manduchi, ICCV 1998) over 9 x 9: sd 2.5 pixels in space and
/// `range` grey levels in luminance.
pub fn bilateral(picture: &RgbImage, range: f32) -> RgbImage {
    const SPACE: f32 = 2.5;
    let similar: Vec<f32> = (0..256)
        .map(|d| (-0.5 * (d as f32 / range).powi(2)).exp())
        .collect();
    weighted_mean(picture, 4, |distance, weights| {
        let near = (-0.5 * distance / (SPACE * SPACE)).exp();
        for weight in weights {
            *weight = near * similar[weight.abs() as usize];
        }
    })
}

/// Non-local means (Buades, Coll and Morel, CVPR 2005): patches of 5 x 5 compared in luminance
/// within 9 x 9, weights falling with `strength` in grey levels.
pub fn non_local_means(picture: &RgbImage, strength: f32) -> RgbImage {
    /// Steps of the table for one unit of the exponent, and the exponent beyond which it ends.
    const STEPS: f32 = 128.0;
    const END: usize = 8;
    let falling: Vec<f32> = (0..=END * STEPS as usize)
        .map(|i| (-(i as f32) / STEPS).exp())
        .collect();
    let scale = STEPS / (strength * strength);
    let width = picture.width() as usize;
    weighted_mean(picture, 4, |_, weights| {
        for difference in weights.iter_mut() {
            *difference *= *difference;
        }
        mean_of_five(weights, width);
        for weight in weights {
            *weight = falling
                .get((*weight * scale) as usize)
                .copied()
                .unwrap_or(0.0);
        }
    })
}

/// For every pixel the mean of those within `reach` of it, edges repeated. `weigh` turns the
/// differences in luminance at one displacement into weights; it is given the displacement's
/// squared length.
fn weighted_mean(picture: &RgbImage, reach: u32, weigh: impl Fn(f32, &mut [f32])) -> RgbImage {
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let source = Padded::new(picture, reach);
    let (mut sums, mut weights) = (vec![[0f32; 4]; w * h], vec![0f32; w * h]);
    let span = 2 * reach as usize + 1;
    let middle = reach as usize;
    for (down, across) in (0..span * span).map(|i| (i / span, i % span)) {
        for (y, row) in weights.chunks_mut(w).enumerate() {
            let pairs =
                source
                    .row(y + down, across, w)
                    .iter()
                    .zip(source.row(y + middle, middle, w));
            for (difference, (other, own)) in row.iter_mut().zip(pairs) {
                *difference = other[3] - own[3];
            }
        }
        let length = down.abs_diff(middle).pow(2) + across.abs_diff(middle).pow(2);
        weigh(length as f32, &mut weights);
        for (y, (row, totals)) in weights.chunks(w).zip(sums.chunks_mut(w)).enumerate() {
            let others = source.row(y + down, across, w);
            for ((weight, total), other) in row.iter().zip(totals).zip(others) {
                let [r, g, b, _] = other;
                for (sum, value) in total.iter_mut().zip([r, g, b, &1.0]) {
                    *sum += weight * value;
                }
            }
        }
    }
    let mut out = picture.clone();
    for (pixel, [r, g, b, total]) in out.pixels_mut().zip(sums) {
        pixel.0 = [r, g, b].map(|v| sample(v / total));
    }
    out
}

/// Red, green, blue and luminance with the edges repeated outwards.
struct Padded {
    stride: usize,
    pixels: Vec<[f32; 4]>,
}

impl Padded {
    fn new(picture: &RgbImage, reach: u32) -> Self {
        let (w, h) = picture.dimensions();
        let mut pixels = Vec::with_capacity(((w + 2 * reach) * (h + 2 * reach)) as usize);
        for y in 0..h + 2 * reach {
            for x in 0..w + 2 * reach {
                let inside = |v: u32, side: u32| v.saturating_sub(reach).min(side - 1);
                let pixel = *picture.get_pixel(inside(x, w), inside(y, h));
                let [r, g, b] = pixel.0.map(f32::from);
                pixels.push([r, g, b, luminance(pixel)]);
            }
        }
        Self {
            stride: (w + 2 * reach) as usize,
            pixels,
        }
    }

    /// `width` pixels of a padded row from the padded column `x`.
    fn row(&self, y: usize, x: usize, width: usize) -> &[[f32; 4]] {
        &self.pixels[y * self.stride + x..][..width]
    }
}

/// The mean over 5 x 5 in place; edges repeated.
fn mean_of_five(plane: &mut [f32], width: usize) {
    let height = plane.len() / width;
    let mut line = vec![0f32; width + 4];
    for row in plane.chunks_mut(width) {
        line[2..width + 2].copy_from_slice(row);
        line[..2].fill(row[0]);
        line[width + 2..].fill(row[width - 1]);
        for (value, window) in row.iter_mut().zip(line.windows(5)) {
            *value = window.iter().sum::<f32>() / 25.0;
        }
    }
    let rows = plane.to_vec();
    for (y, row) in plane.chunks_mut(width).enumerate() {
        row.fill(0.0);
        for other in y..y + 5 {
            let other = other.saturating_sub(2).min(height - 1) * width;
            for (value, more) in row.iter_mut().zip(&rows[other..other + width]) {
                *value += more;
            }
        }
    }
}

/// `amount` times the difference to a blur of `sd` added.
pub fn unsharp(picture: &RgbImage, sd: f32, amount: f32) -> RgbImage {
    let smooth = blurred(picture, sd);
    let mut out = picture.clone();
    for (value, low) in out.iter_mut().zip(smooth.iter()) {
        let own = f32::from(*value);
        *value = sample(own + amount * (own - f32::from(*low)));
    }
    out
}

/// Independent normal noise of standard deviation `sd` in shares of white.
pub fn noisy(picture: &RgbImage, sd: f32, number: u64) -> RgbImage {
    let mut random = Random::new(number, "noise");
    let mut out = picture.clone();
    for value in out.iter_mut() {
        *value = sample(f32::from(*value) + 255.0 * sd * random.normal());
    }
    out
}

/// A share of the pixels black or white.
pub fn salt_and_pepper(picture: &RgbImage, share: f64, number: u64) -> RgbImage {
    let mut random = Random::new(number, "salt");
    map_pixels(picture, |own| match random.between(0.0, 1.0) {
        v if v < share / 2.0 => [0.0; 3],
        v if v < share => [255.0; 3],
        _ => own,
    })
}

/// Noise in proportion to the sample, of standard deviation `sd`.
pub fn speckled(picture: &RgbImage, sd: f32, number: u64) -> RgbImage {
    let mut random = Random::new(number, "speckle");
    map_pixels(picture, |own| own.map(|v| v * (1.0 + sd * random.normal())))
}

/// Film grain: grey noise of about two pixels across, strongest in the middle tones, where its
/// standard deviation is `sd` in shares of white.
pub fn grainy(picture: &RgbImage, sd: f32, number: u64) -> RgbImage {
    const SOFT: f32 = 1.0;
    // White noise keeps 1 / (4 pi sd^2) of its variance under a Gaussian blur.
    let kept = 1.0 / (2.0 * SOFT * std::f32::consts::PI.sqrt());
    let flat = RgbImage::from_pixel(picture.width(), picture.height(), image::Rgb([128; 3]));
    let grain = blurred(&noisy(&flat, 0.15, number), SOFT);
    let gain = sd / (0.15 * kept);
    let mut grains = grain.pixels();
    map_pixels(picture, |own| {
        let grain = grains.next().map_or(0.0, |p| f32::from(p.0[1]) - 128.0);
        own.map(|v| v + gain * grain * (4.0 * v / 255.0 * (1.0 - v / 255.0)).sqrt())
    })
}

/// The fine stripes of a screen's pixels beating against a camera's: two gratings of 5 and 27
/// pixels, `depth` in shares of the sample, each channel at its own phase.
pub fn moire(picture: &RgbImage, depth: f32) -> RgbImage {
    let mut out = picture.clone();
    for (x, y, pixel) in out.enumerate_pixels_mut() {
        let (x, y) = (x as f32, y as f32);
        for (channel, value) in pixel.0.iter_mut().enumerate() {
            let phase = channel as f32 * 2.1;
            let fine = (1.25 * x + 0.2 * y + phase).sin();
            let beat = (0.21 * x - 0.11 * y + phase).sin();
            *value = sample(f32::from(*value) * (1.0 + depth * 0.5 * (fine + beat)));
        }
    }
    out
}

/// A learned model re-draws a picture from a summary; this proxy forgets in a like way what is
/// fine and faint: half size, non-local means, enlarged again. It is **not** a learned model.
pub fn regenerated_proxy(picture: &RgbImage) -> RgbImage {
    let half = super::geometry::scaled(picture, 0.5);
    super::geometry::restored(&non_local_means(&half, 5.0), picture)
}

/// Mild sharpening as editors apply after resizing.
pub fn sharpened(picture: &RgbImage) -> RgbImage {
    unsharp(picture, 1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::tests::scene;
    use crate::metrics::psnr;
    use image::{Rgb, RgbImage};

    #[test]
    fn a_median_removes_specks_and_a_mean_spreads_them() {
        let mut picture = RgbImage::from_pixel(9, 9, Rgb([100; 3]));
        picture.put_pixel(4, 4, Rgb([255; 3]));
        assert!(median(&picture, 3).iter().all(|&v| v == 100));
        assert_eq!(box_mean(&picture, 5, 5).get_pixel(2, 2).0, [106; 3]);
        assert_eq!(box_mean(&picture, 7, 1).get_pixel(4, 3).0, [100; 3]);
    }

    #[test]
    fn denoisers_bring_a_noisy_picture_closer() {
        let picture = blurred(&scene(3), 1.5);
        let noise = noisy(&picture, 0.03, 1);
        let before = psnr(&picture, &noise);
        for (name, after) in [
            ("bilateral", bilateral(&noise, 20.0)),
            ("non-local", non_local_means(&noise, 10.0)),
        ] {
            assert!(psnr(&picture, &after) > before + 1.5, "{name}");
        }
    }

    #[test]
    fn noises_have_their_strength() {
        let grey = RgbImage::from_pixel(300, 200, Rgb([128; 3]));
        let sd = |p: &RgbImage| {
            let square = p
                .iter()
                .map(|&v| (f64::from(v) - 128.0).powi(2))
                .sum::<f64>();
            (square / p.len() as f64).sqrt() / 255.0
        };
        assert!((sd(&noisy(&grey, 0.05, 0)) - 0.05).abs() < 0.002);
        assert!((sd(&speckled(&grey, 0.1, 0)) - 0.05).abs() < 0.002);
        assert!((sd(&grainy(&grey, 0.05, 0)) - 0.05).abs() < 0.006);
        let specks = salt_and_pepper(&grey, 0.02, 0);
        let changed = specks.pixels().filter(|p| p.0 != [128; 3]).count() as f64 / 60_000.0;
        assert!((changed - 0.02).abs() < 0.003, "{changed}");
    }

    #[test]
    fn sharpening_raises_edges() {
        let edge = RgbImage::from_fn(20, 5, |x, _| Rgb([if x < 10 { 80 } else { 160 }; 3]));
        let sharp = sharpened(&edge);
        assert!(sharp.get_pixel(9, 2).0[0] < 80 && sharp.get_pixel(10, 2).0[0] > 160);
    }
}
