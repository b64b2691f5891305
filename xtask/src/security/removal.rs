//! One marked picture, the source code, no key: notches, estimates by the period, small bends.

use anyhow::Result;
use colophon_fingerprint::{Fingerprint, MATCH_DISTANCE, pdq};
use colophon_watermark::Payload;
use image::{Rgb, RgbImage};
use rayon::prelude::*;

use super::pattern::{self, Estimate};
use super::{Issuer, LONG_SIDE, Read, median, share};
use crate::attacks::raster::{Random, warped};
use crate::metrics::{psnr, ssim};
use crate::pictures;
use crate::received::SplitMix;

/// What is done to a marked picture and its number.
type Apply = fn(&RgbImage, u64) -> Result<RgbImage>;

/// Name, whether pixels stay in place (otherwise PSNR and SSIM say nothing), what is done.
const ATTACKS: [(&str, bool, Apply); 12] = [
    ("none", true, |p, _| Ok(p.clone())),
    ("notch: the harmonics' bins", true, |p, _| notched(p, 0)),
    ("notch: 3 x 3 bins each", true, |p, _| notched(p, 1)),
    ("tile estimated and subtracted", true, |p, _| {
        without_estimate(p, 1.0)
    }),
    ("tile estimated, subtracted 1.25 times", true, |p, _| {
        without_estimate(p, 1.25)
    }),
    ("tile estimated, signs drawn anew", true, redrawn),
    ("random bends of 1 px over 32 px", false, |p, n| {
        Ok(jittered(p, 1.0, n))
    }),
    ("random bends of 2 px over 32 px", false, |p, n| {
        Ok(jittered(p, 2.0, n))
    }),
    ("random bends of 4 px over 32 px", false, |p, n| {
        Ok(jittered(p, 4.0, n))
    }),
    ("blocks of 100 px shifted by 1 to 3 px", false, |p, n| {
        Ok(blocks_shifted(p, 100, 3, n))
    }),
    ("blocks of 50 px shifted by 1 to 3 px", false, |p, n| {
        Ok(blocks_shifted(p, 50, 3, n))
    }),
    ("blocks of 100 px shifted by 1 to 8 px", false, |p, n| {
        Ok(blocks_shifted(p, 100, 8, n))
    }),
];

/// What became of one picture.
struct Attacked {
    read: Read,
    /// Whether its fingerprint still matches that of the marked picture.
    matches: bool,
    psnr: f64,
    ssim: f64,
}

/// Measures every attack over the pictures.
pub(super) fn run(issuer: &Issuer, photographs: &[RgbImage]) -> Result<()> {
    println!("### Removal with the source code, without the key\n");
    println!(
        "Long side {LONG_SIDE} pixels. Against the marked picture: the match of the fingerprint (PDQ, at most \
         {MATCH_DISTANCE} bits), medians of PSNR and SSIM.\n"
    );
    println!("| attack | id read | another id | fingerprint matches | PSNR, dB | SSIM |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let victims: Vec<(u64, Payload, RgbImage)> = photographs
        .par_iter()
        .enumerate()
        .map(|(number, picture)| {
            let id = Payload(SplitMix(!(number as u64)).bits());
            let marked = issuer.marked(picture, id)?;
            Ok(marked.map(|marked| (number as u64, id, marked)))
        })
        .filter_map(Result::transpose)
        .collect::<Result<_>>()?;
    for (name, in_place, apply) in ATTACKS {
        let results: Vec<Attacked> = victims
            .par_iter()
            .map(|(number, id, marked)| {
                let attacked = apply(marked, *number)?;
                let distance = fingerprint(marked)?.distance(&fingerprint(&attacked)?);
                Ok(Attacked {
                    read: Read::of(issuer.read(&attacked)?.as_ref(), &[*id]),
                    matches: distance <= MATCH_DISTANCE,
                    psnr: psnr(marked, &attacked),
                    ssim: ssim(marked, &attacked),
                })
            })
            .collect::<Result<_>>()?;
        let quality = if in_place {
            format!(
                "{:.1} | {:.4}",
                median(results.iter().map(|r| r.psnr)),
                median(results.iter().map(|r| r.ssim))
            )
        } else {
            "- | -".into()
        };
        println!(
            "| {name} | {} | {} | {} | {quality} |",
            share(results.iter().map(|r| r.read == Read::Expected)),
            share(results.iter().map(|r| r.read == Read::Wrong)),
            share(results.iter().map(|r| r.matches)),
        );
    }
    println!();
    Ok(())
}

fn fingerprint(picture: &RgbImage) -> Result<Fingerprint> {
    let luma = pictures::luma(picture)?;
    Ok(pdq(luma.data(), luma.width(), luma.height())?.0)
}

/// Without the published frequencies.
fn notched(picture: &RgbImage, reach: i32) -> Result<RgbImage> {
    let delta: Vec<f32> = pattern::on_the_lattice(picture, reach)?
        .into_iter()
        .map(|v| -v)
        .collect();
    Ok(pictures::with_delta(picture, &delta))
}

/// Less `gain` times the mark that the period shows.
fn without_estimate(picture: &RgbImage, gain: f32) -> Result<RgbImage> {
    let mark = Estimate::of(picture)?.mark();
    let delta: Vec<f32> = mark.into_iter().map(|v| -gain * v).collect();
    Ok(pictures::with_delta(picture, &delta))
}

/// The mark that the period shows, replaced by one that says nothing.
fn redrawn(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    let estimate = Estimate::of(picture)?;
    let mark = estimate.mark();
    let other = estimate.redrawn(&mut Random::new(number, "signs")).mark();
    let delta: Vec<f32> = other.into_iter().zip(mark).map(|(o, m)| o - m).collect();
    Ok(pictures::with_delta(picture, &delta))
}

/// Pixels between the places whose displacement is drawn.
const KNOTS: u32 = 32;

/// Bent by displacements drawn every [`KNOTS`] pixels, normal with sd `amplitude` pixels along each axis,
/// linear between.
fn jittered(picture: &RgbImage, amplitude: f64, number: u64) -> RgbImage {
    let (width, height) = picture.dimensions();
    let columns = (width / KNOTS + 2) as usize;
    let rows = (height / KNOTS + 2) as usize;
    let mut random = Random::new(number, "jitter");
    let mut drawn = || amplitude * f64::from(random.normal());
    let knots: Vec<(f64, f64)> = (0..columns * rows).map(|_| (drawn(), drawn())).collect();
    warped(picture, (width, height), |x, y| {
        let (u, v) = (x / f64::from(KNOTS), y / f64::from(KNOTS));
        let (left, top) = (u as usize, v as usize);
        let (along, down) = (u.fract(), v.fract());
        let mut place = (x, y);
        for (column, row, share) in [
            (0, 0, (1.0 - along) * (1.0 - down)),
            (1, 0, along * (1.0 - down)),
            (0, 1, (1.0 - along) * down),
            (1, 1, along * down),
        ] {
            let (dx, dy) = knots[(top + row) * columns + left + column];
            place.0 += share * dx;
            place.1 += share * dy;
        }
        let inside = |at: f64, side: u32| at.clamp(0.0, f64::from(side - 1));
        (inside(place.0, width), inside(place.1, height))
    })
}

/// Every block of `side` pixels shows what lies 1 to `reach` pixels beside it along both axes.
fn blocks_shifted(picture: &RgbImage, side: u32, reach: u32, number: u64) -> RgbImage {
    let (width, height) = picture.dimensions();
    let columns = width.div_ceil(side);
    let mut random = Random::new(number, "blocks");
    let mut drawn = || {
        let far = i64::from(1 + random.below(reach));
        if random.below(2) == 0 { far } else { -far }
    };
    let shifts: Vec<(i64, i64)> = (0..columns * height.div_ceil(side))
        .map(|_| (drawn(), drawn()))
        .collect();
    RgbImage::from_fn(width, height, |x, y| {
        let (dx, dy) = shifts[(y / side * columns + x / side) as usize];
        let at = |place: u32, by: i64, side: u32| {
            (i64::from(place) + by).clamp(0, i64::from(side) - 1) as u32
        };
        Rgb(picture.get_pixel(at(x, dx, width), at(y, dy, height)).0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::tests::scene;

    #[test]
    fn blocks_move_as_wholes_by_what_is_said() {
        let ramp = RgbImage::from_fn(200, 200, |x, y| Rgb([x as u8, y as u8, 0]));
        let moved = blocks_shifted(&ramp, 100, 3, 1);
        let shift = |x: u32, y: u32| {
            let [r, g, _] = moved.get_pixel(x, y).0.map(i64::from);
            (r - i64::from(x), g - i64::from(y))
        };
        for (x, y) in [(50, 50), (150, 50), (50, 150), (150, 150)] {
            let (dx, dy) = shift(x, y);
            assert!((1..=3).contains(&dx.abs()) && (1..=3).contains(&dy.abs()));
            assert_eq!(shift(x + 20, y - 20), (dx, dy));
        }
    }

    #[test]
    fn bends_grow_with_their_amplitude() {
        let picture = scene(2);
        assert_eq!(jittered(&picture, 0.0, 5), picture);
        let far = |amplitude| psnr(&picture, &jittered(&picture, amplitude, 5));
        assert!(far(0.5) > far(2.0) + 2.0);
    }
}
