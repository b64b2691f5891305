//! Several recipients of one picture merge their copies.

use anyhow::Result;
use colophon_watermark::{IssuedIds, Payload};
use image::RgbImage;
use rayon::prelude::*;

use super::{Issuer, LONG_SIDE, Read, median, share};
use crate::metrics::psnr;
use crate::pictures;
use crate::received::SplitMix;

/// Issued ids that no colluder has.
const INNOCENT: usize = 100_000;
/// Most copies merged.
const MOST: usize = 5;
/// Side of the blocks, in pixels, each taken from one copy.
const BLOCK: u32 = 64;

/// How several copies become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merge {
    Mean,
    Median,
    /// The mean of the least and the greatest.
    Extremes,
    Least,
    Blocks,
    Pixels,
}

const MERGES: [(Merge, &str); 6] = [
    (Merge::Mean, "mean"),
    (Merge::Median, "median"),
    (Merge::Extremes, "mean of least and greatest"),
    (Merge::Least, "least"),
    (Merge::Blocks, "blocks of 64 px mixed"),
    (Merge::Pixels, "pixels mixed"),
];

impl Merge {
    /// Whether it differs from the mean for so many copies.
    fn is_new_for(self, count: usize) -> bool {
        count > 2 || !matches!(self, Self::Median | Self::Extremes)
    }

    fn of(self, copies: &[RgbImage], random: &mut SplitMix) -> RgbImage {
        let (width, height) = copies[0].dimensions();
        let blocks: Vec<usize> = (0..width.div_ceil(BLOCK) * height.div_ceil(BLOCK))
            .map(|_| random.bits() as usize % copies.len())
            .collect();
        RgbImage::from_fn(width, height, |x, y| {
            let chosen = match self {
                Self::Blocks => blocks[(y / BLOCK * width.div_ceil(BLOCK) + x / BLOCK) as usize],
                Self::Pixels => random.bits() as usize % copies.len(),
                _ => {
                    return image::Rgb(std::array::from_fn(|channel| {
                        self.value(copies.iter().map(|c| c.get_pixel(x, y).0[channel]))
                    }));
                }
            };
            *copies[chosen].get_pixel(x, y)
        })
    }

    /// One sample of several.
    fn value(self, samples: impl Iterator<Item = u8>) -> u8 {
        let mut sorted: Vec<f32> = samples.map(f32::from).collect();
        sorted.sort_by(f32::total_cmp);
        let (count, last) = (sorted.len(), sorted.len() - 1);
        let value = match self {
            Self::Median => 0.5 * (sorted[last / 2] + sorted[count / 2]),
            Self::Extremes => 0.5 * (sorted[0] + sorted[last]),
            Self::Least => sorted[0],
            Self::Mean | Self::Blocks | Self::Pixels => sorted.iter().sum::<f32>() / count as f32,
        };
        value.round() as u8
    }
}

/// A picture and its copies.
struct Case<'a> {
    original: &'a RgbImage,
    ids: Vec<Payload>,
    copies: Vec<RgbImage>,
}

/// Measures every merge of up to [`MOST`] copies.
pub(super) fn run(issuer: &Issuer, photographs: &[RgbImage]) -> Result<()> {
    println!("### Collusion\n");
    println!(
        "Long side {LONG_SIDE} pixels. Matched: among the colluders' ids and {INNOCENT} others. PSNR: \
         median against the original.\n"
    );
    println!(
        "| copies | a colluder read | another id read | a colluder matched | another id matched | PSNR, dB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let cases: Vec<Case<'_>> = photographs
        .par_iter()
        .enumerate()
        .map(|(number, original)| {
            let mut random = SplitMix(1000 + number as u64);
            let ids: Vec<Payload> = (0..MOST).map(|_| Payload(random.bits())).collect();
            let copies: Option<Vec<RgbImage>> = ids
                .iter()
                .map(|&id| issuer.marked(original, id))
                .collect::<Result<_>>()?;
            Ok(copies.map(|copies| Case {
                original,
                ids,
                copies,
            }))
        })
        .filter_map(Result::transpose)
        .collect::<Result<_>>()?;
    let mut random = SplitMix(7);
    let innocent = (0..INNOCENT).map(|_| Payload(random.bits()));
    let colluders = cases.iter().flat_map(|case| case.ids.iter().copied());
    let issued = IssuedIds::new(innocent.chain(colluders));
    for (merge, name) in MERGES {
        for count in (2..=MOST).filter(|&count| merge.is_new_for(count)) {
            let results: Vec<([Read; 2], f64)> = cases
                .par_iter()
                .enumerate()
                .map(|(number, case)| {
                    let mut random = SplitMix(number as u64);
                    let merged = merge.of(&case.copies[..count], &mut random);
                    let luma = pictures::luma(&merged)?;
                    let blind = issuer.detector.detect(&luma);
                    // An answer is the same with and without issued ids.
                    let among = match &blind {
                        Some(found) => Some(found.clone()),
                        None => issuer.detector.detect_among(&luma, &issued),
                    };
                    let ids = &case.ids[..count];
                    let reads = [blind, among].map(|found| Read::of(found.as_ref(), ids));
                    Ok((reads, psnr(case.original, &merged)))
                })
                .collect::<Result<_>>()?;
            let cell =
                |way: usize, read| share(results.iter().map(move |(reads, _)| reads[way] == read));
            println!(
                "| {name} of {count} | {} | {} | {} | {} | {:.1} |",
                cell(0, Read::Expected),
                cell(0, Read::Wrong),
                cell(1, Read::Expected),
                cell(1, Read::Wrong),
                median(results.iter().map(|(_, psnr)| *psnr)),
            );
        }
    }
    println!();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_merged_as_named() {
        let value = |merge: Merge| merge.value([10, 40, 20, 90].into_iter());
        assert_eq!(value(Merge::Mean), 40);
        assert_eq!(value(Merge::Median), 30);
        assert_eq!(value(Merge::Extremes), 50);
        assert_eq!(value(Merge::Least), 10);
    }

    #[test]
    fn mixing_takes_whole_pixels_and_whole_blocks_from_the_copies() {
        let pair = [10, 20].map(|v| RgbImage::from_pixel(256, 256, image::Rgb([v; 3])));
        for merge in [Merge::Pixels, Merge::Blocks] {
            let merged = merge.of(&pair, &mut SplitMix(1));
            let dark = merged.pixels().filter(|p| p.0 == [10; 3]).count();
            let light = merged.pixels().filter(|p| p.0 == [20; 3]).count();
            assert!(
                dark > 0 && light > 0 && dark + light == 256 * 256,
                "{merge:?}"
            );
        }
        let blocks = Merge::Blocks.of(&pair, &mut SplitMix(1));
        assert_eq!(blocks.get_pixel(0, 0), blocks.get_pixel(63, 63));
    }
}
