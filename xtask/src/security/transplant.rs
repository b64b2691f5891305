//! A mark is copied onto a picture that was never issued.

use anyhow::{Context, Result};
use colophon_fingerprint::{Decision, Sketch, register};
use colophon_watermark::{Detection, Payload};
use image::RgbImage;
use image::imageops::{FilterType, resize};
use rayon::prelude::*;

use super::pattern::Estimate;
use super::{Issuer, LONG_SIDE, Read, median, residual, share};
use crate::metrics::psnr;
use crate::pictures;
use crate::received::SplitMix;

/// What is taken from a marked picture.
type Copied = fn(&RgbImage) -> Result<Vec<f32>>;

const COPIES: [(&str, Copied); 2] = [
    ("residual", residual),
    ("tile estimated by its period", |p| {
        Ok(Estimate::of(p)?.mark())
    }),
];
const GAINS: [f32; 2] = [1.0, 2.0];

/// A forged picture.
struct Forged {
    read: Read,
    /// What the comparison with the issued picture says, where its id was read.
    content: Option<Decision>,
    psnr: f64,
}

/// Measures every way of copying.
pub(super) fn run(issuer: &Issuer, photographs: &[RgbImage]) -> Result<()> {
    println!("### Transplant\n");
    println!(
        "Long side {LONG_SIDE} pixels; each picture's mark on the next picture. Content: the comparison that \
         `verify` makes with the issued picture's sketch, where the id was read. PSNR: median against the \
         picture forged.\n"
    );
    println!(
        "| copied | id read | another id | content differs | undecided | taken for the same | PSNR, dB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, copied) in COPIES {
        for gain in GAINS {
            let results: Vec<Forged> = (0..photographs.len())
                .into_par_iter()
                .map(|number| forged(issuer, photographs, number, copied, gain))
                .filter_map(Result::transpose)
                .collect::<Result<_>>()?;
            let read = |read| share(results.iter().map(|r| r.read == read));
            let content = |which| share(results.iter().filter_map(|r| Some(r.content? == which)));
            println!(
                "| {name}, gain {gain} | {} | {} | {} | {} | {} | {:.1} |",
                read(Read::Expected),
                read(Read::Wrong),
                content(Decision::Different),
                content(Decision::Undecided),
                content(Decision::Same),
                median(results.iter().map(|r| r.psnr)),
            );
        }
    }
    println!();
    Ok(())
}

/// The next picture with what was copied from this one; none if this one cannot be marked.
fn forged(
    issuer: &Issuer,
    photographs: &[RgbImage],
    number: usize,
    copied: Copied,
    gain: f32,
) -> Result<Option<Forged>> {
    let source = &photographs[number];
    let (width, height) = source.dimensions();
    let other = &photographs[(number + 1) % photographs.len()];
    let other = resize(other, width, height, FilterType::CatmullRom);
    let id = Payload(SplitMix(2000 + number as u64).bits());
    let Some(marked) = issuer.marked(source, id)? else {
        return Ok(None);
    };
    let delta: Vec<f32> = copied(&marked)?.into_iter().map(|v| gain * v).collect();
    let forged = pictures::with_delta(&other, &delta);
    let found = issuer.read(&forged)?;
    let read = Read::of(found.as_ref(), &[id]);
    let content = found
        .filter(|_| read == Read::Expected)
        .map(|found| content(source, &forged, &found))
        .transpose()?;
    Ok(Some(Forged {
        read,
        content,
        psnr: psnr(&other, &forged),
    }))
}

/// Whether a forged picture shows what the issued one does, in the pose that the mark tells.
fn content(issued: &RgbImage, forged: &RgbImage, found: &Detection) -> Result<Decision> {
    let (width, height) = (issued.width() as usize, issued.height() as usize);
    let sketch = Sketch::new(pictures::luma(issued)?.data(), width, height)?;
    let luma = pictures::luma(forged)?;
    let pose = found.placement.pose(width, height).matrix;
    let found = register(&sketch, luma.data(), luma.width(), luma.height(), pose);
    Ok(found
        .context("the mark's pose is out of any scale")?
        .decision)
}
