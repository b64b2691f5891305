//! A marked picture is marked again, and somebody else's marks are read with our key.

use anyhow::Result;
use colophon_watermark::{EmbedOptions, Payload};
use image::RgbImage;
use rayon::prelude::*;

use super::{Issuer, LONG_SIDE, Read, median, share};
use crate::metrics::psnr;
use crate::pictures;
use crate::received::SplitMix;

/// Marks of another key that are tried on each picture.
const FORGERIES: u64 = 4;

/// A picture with two marks.
struct Twice {
    /// What the first issuer's detector reads: one of the two ids or another.
    first: Option<Payload>,
    /// What the second one's reads.
    second: Option<Payload>,
    /// What the first one's reads once the second mark is made anew and subtracted.
    after_subtraction: Option<Payload>,
    ids: [Payload; 2],
    psnr: f64,
}

/// Measures second marks, then marks of another key.
pub(super) fn run(issuer: &Issuer, photographs: &[RgbImage]) -> Result<()> {
    let stranger = Issuer::new(2);
    println!("### Marking again\n");
    println!(
        "Long side {LONG_SIDE} pixels. The second mark is subtracted by making it anew for the picture with \
         both. PSNR: median against the original.\n"
    );
    println!(
        "| second mark | first key reads the first id | the second | another | second key reads the second id | another | first id after the second is subtracted | PSNR, dB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (second, name) in [(&stranger, "another key"), (issuer, "the same key")] {
        let results: Vec<Twice> = photographs
            .par_iter()
            .enumerate()
            .map(|(number, picture)| twice(issuer, second, picture, number as u64))
            .filter_map(Result::transpose)
            .collect::<Result<_>>()?;
        let all = |hit: fn(&Twice) -> bool| share(results.iter().map(hit));
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} | {:.1} |",
            all(|t| t.first == Some(t.ids[0])),
            all(|t| t.first == Some(t.ids[1])),
            all(|t| t.first.is_some_and(|id| !t.ids.contains(&id))),
            all(|t| t.second == Some(t.ids[1])),
            all(|t| t.second.is_some_and(|id| !t.ids.contains(&id))),
            all(|t| t.after_subtraction == Some(t.ids[0])),
            median(results.iter().map(|t| t.psnr)),
        );
    }
    forging(issuer, &stranger, photographs)
}

/// A picture marked by one issuer, then by another; none if it cannot carry both.
fn twice(
    first: &Issuer,
    second: &Issuer,
    picture: &RgbImage,
    number: u64,
) -> Result<Option<Twice>> {
    let mut random = SplitMix(3000 + number);
    let ids = [Payload(random.bits()), Payload(random.bits())];
    let Some(once) = first.marked(picture, ids[0])? else {
        return Ok(None);
    };
    let Some(twice) = second.marked(&once, ids[1])? else {
        return Ok(None);
    };
    let read = |issuer: &Issuer, picture: &RgbImage| -> Result<Option<Payload>> {
        Ok(issuer.read(picture)?.map(|found| found.payload))
    };
    let again = second
        .embedder
        .mark(&pictures::luma(&twice)?, ids[1], &EmbedOptions::default())?;
    let delta: Vec<f32> = again.delta.data().iter().map(|v| -v).collect();
    Ok(Some(Twice {
        first: read(first, &twice)?,
        second: read(second, &twice)?,
        after_subtraction: read(first, &pictures::with_delta(&twice, &delta))?,
        ids,
        psnr: psnr(picture, &twice),
    }))
}

/// Marks that somebody makes with a key of their own, read with ours.
fn forging(issuer: &Issuer, stranger: &Issuer, photographs: &[RgbImage]) -> Result<()> {
    let results: Vec<[bool; 2]> = (0..photographs.len() as u64 * FORGERIES)
        .into_par_iter()
        .map(|number| {
            let picture = &photographs[(number / FORGERIES) as usize];
            let id = Payload(SplitMix(5000 + number).bits());
            let Some(marked) = stranger.marked(picture, id)? else {
                return Ok(None);
            };
            let theirs = Read::of(stranger.read(&marked)?.as_ref(), &[id]);
            let ours = Read::of(issuer.read(&marked)?.as_ref(), &[id]);
            Ok(Some([theirs == Read::Expected, ours != Read::Nothing]))
        })
        .filter_map(Result::transpose)
        .collect::<Result<_>>()?;
    println!("\n### Forging with a key of one's own\n");
    println!("| marked by another key | read with that key | any id read with ours |");
    println!("| ---: | ---: | ---: |");
    println!(
        "| {} | {} | {} |",
        results.len(),
        share(results.iter().map(|r| r[0])),
        share(results.iter().map(|r| r[1])),
    );
    Ok(())
}
