//! Other watermarks that can be run, under our attacks, beside ours.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use image::RgbImage;
use rayon::prelude::*;
use serde_json::json;

use super::measure;
use super::options::Options;
use super::ours;
use super::script::{Script, Start};
use super::statistics::{Proportion, Sorted};
use crate::attacks::Attack;
use crate::metrics::psnr;

const SCRIPT: &str = include_str!("../../peers/peers.py");

/// Name in the table, name in the script, bits.
const PEERS: [(&str, &str, usize); 4] = [
    ("dwtDct", "dwtDct", 64),
    ("dwtDctSvd", "dwtDctSvd", 64),
    ("RivaGAN", "rivaGan", 32),
    ("blind-watermark", "blind_watermark", 64),
];

/// What the comparison shows unless other attacks are asked for: the slowest peer takes seconds
/// for one reading.
const SHOWN: [&str; 30] = [
    "none: none",
    "codec: JPEG 90",
    "codec: JPEG 70",
    "codec: JPEG 50",
    "codec: JPEG 30",
    "codec: WebP 50",
    "codec: AVIF 60",
    "scale: 0.5x",
    "scale: 0.5x and back",
    "scale: 1.5x",
    "scale: width 0.8x",
    "crop: 75 % of the area",
    "crop: 50 %",
    "crop: 25 %",
    "rotate: 2 degrees",
    "rotate: 10 degrees",
    "rotate: 45 degrees",
    "rotate: 90 degrees",
    "rotate: mirrored left to right",
    "warp: perspective 5 %",
    "tone: brightness 1.5",
    "tone: contrast 0.5",
    "tone: grey",
    "filter: Gaussian blur, sd 2",
    "filter: median 3",
    "noise: normal, sd 0.05",
    "overlay: 25 % erased",
    "chain: WhatsApp",
    "chain: screenshot, JPEG 70",
    "combination: crop 50 %, brightness 0.5, JPEG 40",
];

/// One column of the table.
struct Column {
    name: String,
    psnr: f64,
    mark_ms: f64,
    read_ms: f64,
    /// One for each attack.
    recovered: Vec<Proportion>,
}

/// Whether the comparison shows an attack unless others are asked for.
pub fn shows(attack: &Attack) -> bool {
    SHOWN.contains(&format!("{}: {}", attack.group, attack.name).as_str())
}

/// Prints the comparison over the pictures.
pub fn run(pictures: &[RgbImage], attacks: &[Attack], options: &Options) -> Result<()> {
    let mut columns = vec![our_column(pictures, attacks, options)?];
    let found: Vec<Option<Column>> = PEERS
        .par_iter()
        .map(|&(name, script_name, bits)| {
            let folder = tempfile::tempdir()?;
            match Script::start(SCRIPT, script_name)? {
                Start::Ready(peer) => {
                    peer_column(name, bits, peer, pictures, attacks, folder.path()).map(Some)
                }
                Start::Missing(reason) => {
                    eprintln!(
                        "{name} is skipped: {reason}; see xtask/peers/peers.py for what to install"
                    );
                    Ok(None)
                }
            }
        })
        .collect::<Result<_>>()?;
    columns.extend(found.into_iter().flatten());
    println!("{}", table(attacks, &columns, pictures.len()));
    Ok(())
}

/// The pictures marked by each peer that can be run; those that a peer refuses are left out.
pub fn marked(pictures: &[RgbImage]) -> Result<Vec<(&'static str, Vec<RgbImage>)>> {
    let mut all = Vec::new();
    for (name, script_name, bits) in PEERS {
        let mut peer = match Script::start(SCRIPT, script_name)? {
            Start::Ready(peer) => peer,
            Start::Missing(reason) => {
                eprintln!("{name} is skipped: {reason}");
                continue;
            }
        };
        let folder = tempfile::tempdir()?;
        let (source, target) = (
            folder.path().join("source.png"),
            folder.path().join("target.png"),
        );
        let mut marked = Vec::new();
        for (number, picture) in (0..).zip(pictures) {
            let word = format!("{:064b}", ours::id(number));
            picture.save(&source)?;
            let answer =
                peer.ask(&json!({ "mark": source, "to": target, "bits": &word[..bits] }))?;
            if answer["done"] == true {
                marked.push(image::open(&target)?.into_rgb8());
            }
        }
        all.push((name, marked));
    }
    Ok(all)
}

fn our_column(pictures: &[RgbImage], attacks: &[Attack], options: &Options) -> Result<Column> {
    let options = Options {
        false_alarms: false,
        ..options.clone()
    };
    let outcomes = measure::run(pictures, attacks, &options)?;
    let marked = || outcomes.iter().flatten();
    let recovered = (0..attacks.len()).map(|number| {
        let right = |o: &Option<_>| {
            o.as_ref()
                .is_some_and(|o: &measure::Outcome| o.readings[number].right)
        };
        Proportion::of(outcomes.iter().map(right))
    });
    Ok(Column {
        name: "ours (64 bits)".into(),
        psnr: marked().map(|o| o.quality.psnr).collect::<Sorted>().mean(),
        mark_ms: marked().map(|o| o.embed_ms).collect::<Sorted>().median(),
        read_ms: marked()
            .flat_map(|o| o.readings.iter().map(|r| r.ms))
            .collect::<Sorted>()
            .median(),
        recovered: recovered.collect(),
    })
}

/// A refused picture or reading is a miss.
fn peer_column(
    name: &str,
    bits: usize,
    mut peer: Script,
    pictures: &[RgbImage],
    attacks: &[Attack],
    folder: &Path,
) -> Result<Column> {
    let (source, target) = (folder.join("source.png"), folder.join("target.png"));
    let (mut quality, mut mark_ms, mut read_ms) = (Vec::new(), Vec::new(), Vec::new());
    let mut hits = vec![0; attacks.len()];
    for (number, picture) in pictures.iter().enumerate() {
        let number = number as u64;
        let word = format!("{:064b}", ours::id(number));
        let word = &word[..bits];
        picture.save(&source)?;
        let start = Instant::now();
        let answer = peer.ask(&json!({ "mark": source, "to": target, "bits": word }))?;
        mark_ms.push(start.elapsed().as_secs_f64() * 1e3);
        if answer["done"] != true {
            continue;
        }
        let marked = image::open(&target)?.into_rgb8();
        quality.push(psnr(picture, &marked));
        for (attack, hits) in attacks.iter().zip(&mut hits) {
            (attack.apply)(&marked, number)?.save(&source)?;
            let start = Instant::now();
            let answer = peer.ask(&json!({ "read": source, "count": bits }))?;
            read_ms.push(start.elapsed().as_secs_f64() * 1e3);
            *hits += usize::from(answer["bits"] == word);
        }
        eprintln!("{name}: {} of {} pictures", number + 1, pictures.len());
    }
    let count = pictures.len();
    Ok(Column {
        name: format!("{name} ({bits} bits)"),
        psnr: quality.into_iter().collect::<Sorted>().mean(),
        mark_ms: mark_ms.into_iter().collect::<Sorted>().median(),
        read_ms: read_ms.into_iter().collect::<Sorted>().median(),
        recovered: hits
            .into_iter()
            .map(|hits| Proportion { hits, count })
            .collect(),
    })
}

fn table(attacks: &[Attack], columns: &[Column], pictures: usize) -> String {
    let line = |head: &str, cells: Vec<String>| format!("| {head} | {} |\n", cells.join(" | "));
    let each = |cell: &dyn Fn(&Column) -> String| columns.iter().map(cell).collect();
    let mut text = format!(
        "Exact recovery over {pictures} pictures. The peers have no test for presence: they give \
         bits for every picture.\n\n"
    );
    text += &line("attack", each(&|c| c.name.clone()));
    text += &line("---", each(&|_| "---:".into()));
    text += &line("mean PSNR, dB", each(&|c| format!("{:.1}", c.psnr)));
    text += &line(
        "mark, read: median ms",
        each(&|c| format!("{:.0}, {:.0}", c.mark_ms, c.read_ms)),
    );
    for (number, attack) in attacks.iter().enumerate() {
        let cell =
            |c: &Column| format!("{}/{}", c.recovered[number].hits, c.recovered[number].count);
        text += &line(&format!("{}: {}", attack.group, attack.name), each(&cell));
    }
    let mean = |c: &Column| {
        c.recovered
            .iter()
            .map(|p| p.rate())
            .collect::<Sorted>()
            .mean()
    };
    text += &line(
        "**mean**",
        each(&|c| format!("**{:.1} %**", 100.0 * mean(c))),
    );
    text
}
