//! How far a picture is from its original.

use anyhow::{Result, anyhow};
use image::RgbImage;
use ssimulacra2::{ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2};

/// The three figures of one pair of pictures.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// Peak signal-to-noise ratio in dB.
    pub psnr: f64,
    /// Structural similarity, at most 1.
    pub ssim: f64,
    /// SSIMULACRA 2: 100 the same, above 90 not told apart, 70 high quality.
    pub ssimulacra2: f64,
}

impl Quality {
    /// All figures of `distorted` against `original`, which have the same size.
    pub fn of(original: &RgbImage, distorted: &RgbImage) -> Result<Self> {
        Ok(Self {
            psnr: psnr(original, distorted),
            ssim: ssim(original, distorted),
            ssimulacra2: ssimulacra2(original, distorted)?,
        })
    }
}

/// Peak signal-to-noise ratio in dB over all samples; infinite for the same picture.
pub fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    let error: f64 = a
        .iter()
        .zip(b.iter())
        .map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / error).log10()
}

/// Mean structural similarity of luminance (Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4),
/// 2004): a Gaussian window of 11 x 11 and sd 1.5, only where it lies inside, no downscaling.
pub fn ssim(a: &RgbImage, b: &RgbImage) -> f64 {
    const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
    const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);
    let width = a.width() as usize;
    let (a, b) = (luminance(a), luminance(b));
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<_>>();
    let [mean_a, mean_b, aa, bb, ab] = [
        a.clone(),
        b.clone(),
        product(&a, &a),
        product(&b, &b),
        product(&a, &b),
    ]
    .map(|plane| windowed(&plane, width));
    let count = mean_a.len();
    let total: f64 = (0..count)
        .map(|i| {
            let (ma, mb) = (mean_a[i], mean_b[i]);
            let (variances, covariance) = (aa[i] - ma * ma + bb[i] - mb * mb, ab[i] - ma * mb);
            (2.0 * ma * mb + C1) * (2.0 * covariance + C2)
                / ((ma * ma + mb * mb + C1) * (variances + C2))
        })
        .sum();
    total / count as f64
}

/// SSIMULACRA 2.1 (Sneyers, 2023) of two sRGB pictures.
pub fn ssimulacra2(a: &RgbImage, b: &RgbImage) -> Result<f64> {
    let frame = |picture: &RgbImage| {
        let data = picture
            .pixels()
            .map(|p| p.0.map(|v| f32::from(v) / 255.0))
            .collect();
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        Rgb::new(
            data,
            width,
            height,
            TransferCharacteristic::SRGB,
            ColorPrimaries::BT709,
        )
        .map_err(|e| anyhow!("SSIMULACRA 2: {e}"))
    };
    Ok(compute_frame_ssimulacra2(frame(a)?, frame(b)?)?)
}

fn luminance(picture: &RgbImage) -> Vec<f64> {
    let value =
        |[r, g, b]: [u8; 3]| 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
    picture.pixels().map(|p| value(p.0)).collect()
}

/// Gaussian means of every 11 x 11 that lies inside, row by row.
fn windowed(plane: &[f64], width: usize) -> Vec<f64> {
    let weights: [f64; 11] =
        std::array::from_fn(|i| (-((i as f64 - 5.0) / 1.5).powi(2) / 2.0).exp());
    let scale: f64 = weights.iter().sum();
    let along = |values: &[f64], step: usize| {
        weights
            .iter()
            .enumerate()
            .map(|(i, w)| w / scale * values[i * step])
            .sum::<f64>()
    };
    let inner = width - 10;
    let rows: Vec<f64> = plane
        .chunks(width)
        .flat_map(|row| (0..inner).map(move |x| &row[x..]))
        .map(|values| along(values, 1))
        .collect();
    (0..rows.len() - 10 * inner)
        .map(|at| along(&rows[at..], inner))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::tests::scene;
    use image::Rgb as Pixel;

    #[test]
    fn psnr_of_a_known_error() {
        let (a, b) = (
            RgbImage::from_pixel(9, 9, Pixel([10; 3])),
            RgbImage::from_pixel(9, 9, Pixel([15; 3])),
        );
        // 10 log10(255^2 / 25)
        assert!((psnr(&a, &b) - 34.1514).abs() < 1e-3);
        assert!(psnr(&a, &a).is_infinite());
    }

    #[test]
    fn ssim_of_flat_pictures_is_the_luminance_term() {
        let flat = |v| RgbImage::from_pixel(20, 16, Pixel([v; 3]));
        // (2 * 100 * 120 + 6.5025) / (100^2 + 120^2 + 6.5025)
        assert!((ssim(&flat(100), &flat(120)) - 0.983_611).abs() < 1e-5);
        assert!((ssim(&flat(100), &flat(100)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn ssim_of_a_negative_is_negative_where_only_structure_differs() {
        let texture = RgbImage::from_fn(40, 40, |x, y| {
            Pixel([if (x + y) % 2 == 0 { 188 } else { 68 }; 3])
        });
        let negative = RgbImage::from_fn(40, 40, |x, y| {
            Pixel([if (x + y) % 2 == 0 { 68 } else { 188 }; 3])
        });
        // Equal means; covariance -v, variances v each: (C2 - 2v) / (C2 + 2v), v near 60^2.
        assert!((ssim(&texture, &negative) + 0.984).abs() < 2e-3);
    }

    /// Two pictures that any language can make from their formula.
    fn pair() -> (RgbImage, RgbImage) {
        let clean = |x: u32, y: u32| (x * 7 + y * 13) % 200 + 20;
        let disturbed = |x: u32, y: u32| clean(x, y) + (x * 5 + y * 3) % 11 - 5;
        (
            RgbImage::from_fn(80, 64, |x, y| Pixel([clean(x, y) as u8; 3])),
            RgbImage::from_fn(80, 64, |x, y| Pixel([disturbed(x, y) as u8; 3])),
        )
    }

    #[test]
    fn ssim_agrees_with_scikit_image() {
        let (a, b) = pair();
        // skimage.metrics.structural_similarity(a, b, data_range=255, gaussian_weights=True,
        // sigma=1.5, use_sample_covariance=False), scikit-image 0.26.
        assert!(
            (ssim(&a, &b) - 0.994_274_64).abs() < 1e-6,
            "{}",
            ssim(&a, &b)
        );
    }

    #[test]
    fn ssimulacra2_agrees_with_another_implementation() {
        let (a, b) = pair();
        // fast-ssim2 0.9.1; the two treat the borders of so small a picture differently.
        assert!(
            (ssimulacra2(&a, &b).unwrap() - 97.094).abs() < 0.5,
            "{:?}",
            ssimulacra2(&a, &b)
        );
    }

    #[test]
    fn ssimulacra2_is_100_for_the_same_picture_and_falls_with_damage() {
        let picture = scene(5);
        assert!((ssimulacra2(&picture, &picture).unwrap() - 100.0).abs() < 1e-6);
        let [mild, hard] = [90, 20].map(|q| {
            ssimulacra2(&picture, &crate::attacks::codec::jpeg(&picture, q).unwrap()).unwrap()
        });
        assert!(mild < 100.0 && hard < mild - 10.0, "{mild} {hard}");
    }
}
