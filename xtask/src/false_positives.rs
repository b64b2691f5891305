//! Hard unmarked pictures: whether an id is read, and the detector's null distribution beside its
//! proven bound.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use colophon_watermark::{Detector, NullStatistics, WatermarkKey, log10_false_positive};
use image::RgbImage;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::attacks::geometry;
use crate::negatives::CLASSES;
use crate::pictures;
use crate::robustness::{Proportion, peers};

/// Half standard deviations at which a class is compared with the normal tail: P(Z >= 4) = 3.17e-5.
const COMPARED: usize = 8;

/// Events from which a level of the tail is firm enough to fit a normal distribution at.
const FITTED: u64 = 100;

/// Long side, in pixels, of the pictures that other watermarks mark: some take seconds for one.
const PEER_SIDE: u32 = 768;

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    photos: PathBuf,
    pictures: u64,
    trials: usize,
    peers: bool,
}

impl Options {
    /// Reads the folder of photographs, then switches.
    ///
    /// # Errors
    /// No folder, an unknown word, or not a number.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let [folder, words @ ..] = words else {
            bail!("false-positives needs a folder of photographs");
        };
        let mut options = Self {
            photos: PathBuf::from(folder),
            pictures: 1000,
            trials: 100_000,
            peers: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let value = words
                    .next()
                    .with_context(|| format!("{word} needs a value"))?;
                value
                    .parse()
                    .with_context(|| format!("{word} is a whole number"))
            };
            match *word {
                "--pictures" => options.pictures = number()?,
                "--trials" => options.trials = number()? as usize,
                "--peers" => options.peers = true,
                _ => bail!("false-positives does not know {word}"),
            }
        }
        Ok(options)
    }
}

/// What a number of pictures gave.
#[derive(Default)]
struct Tally {
    pictures: usize,
    /// Pictures from which an id was read.
    read: usize,
    null: NullStatistics,
}

impl Tally {
    fn plus(mut self, other: &Self) -> Self {
        self.pictures += other.pictures;
        self.read += other.read;
        let (null, more) = (&mut self.null, &other.null);
        null.poses += more.poses;
        null.standing_out += more.standing_out;
        null.aligned += more.aligned;
        let levels = null.reached.len().max(more.reached.len());
        null.reached.resize(levels, 0);
        let pairs = null.reached.iter_mut().zip(&more.reached);
        pairs.for_each(|(sum, more)| *sum += more);
        self
    }

    /// Each picture is looked at with a key of its own: the bound is over the choice of the key.
    fn of(picture: &RgbImage, trials: usize, name: &str, number: u64) -> Result<Self> {
        let luma = pictures::luma(picture)?;
        let seed = Sha256::digest(format!("{name} {number}"));
        let detector = Detector::new([&WatermarkKey::new(seed.into())]);
        let found = detector.detect(&luma);
        if let Some(found) = &found {
            eprintln!("AN ID WAS READ: {name}, picture {number}: {found:?}");
        }
        Ok(Self {
            pictures: 1,
            read: usize::from(found.is_some()),
            null: detector.null_statistics(&luma, trials, number + 1),
        })
    }

    /// Half of all trials are negative, so there are twice as many as reach zero.
    fn trials(&self) -> f64 {
        2.0 * self.count(0) as f64
    }

    fn count(&self, level: usize) -> u64 {
        self.null.reached.get(level).copied().unwrap_or(0)
    }

    fn share(&self, level: usize) -> f64 {
        self.count(level) as f64 / self.trials()
    }

    /// The highest level reached, in standard deviations.
    fn highest(&self) -> f64 {
        self.null
            .reached
            .iter()
            .rposition(|&count| count > 0)
            .unwrap_or(0) as f64
            / 2.0
    }

    fn row(&self, name: &str) -> String {
        format!(
            "| {name} | {} | {} | {} | {} | {} | {:.1e} | {:.2} | {:.1} |",
            self.pictures,
            self.read,
            self.null.poses,
            self.null.standing_out,
            self.null.aligned,
            self.trials(),
            self.share(COMPARED) / normal_tail(COMPARED as f64 / 2.0),
            self.highest()
        )
    }
}

/// Reads `pictures` hard pictures in turns of class, and correlates what is received from them with
/// random sign patterns.
///
/// # Errors
/// A photograph that cannot be read; a peer that breaks off.
pub fn run(options: &Options) -> Result<()> {
    let photographs = photographs(&options.photos)?;
    println!(
        "| pictures | n | ids read | poses | standing out | aligned | trials | P(Z >= 4) over normal | highest |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut all = Tally::default();
    let classes = CLASSES.len() as u64;
    for (place, class) in (0..).zip(&CLASSES) {
        let count = (options.pictures + classes - 1 - place) / classes;
        let tally = (0..count)
            .into_par_iter()
            .map(|number| {
                let picture = class.picture(number, &photographs)?;
                Tally::of(&picture, options.trials, class.name, number)
            })
            .try_reduce(Tally::default, |a, b| Ok(a.plus(&b)))?;
        println!("{}", tally.row(class.name));
        all = all.plus(&tally);
    }
    if options.peers {
        let smaller: Vec<RgbImage> = photographs
            .par_iter()
            .map(|photograph| geometry::at_most(photograph, PEER_SIDE))
            .collect();
        for (name, marked) in peers::marked(&smaller)? {
            let tally = marked
                .par_iter()
                .enumerate()
                .map(|(number, picture)| Tally::of(picture, options.trials, name, number as u64))
                .try_reduce(Tally::default, |a, b| Ok(a.plus(&b)))?;
            println!("{}", tally.row(&format!("marked by {name}")));
            all = all.plus(&tally);
        }
    }
    println!("{}\n", all.row("**all**"));
    let (_, high) = Proportion {
        hits: all.read,
        count: all.pictures,
    }
    .interval();
    println!(
        "Ids read: {} of {}, at most {high:.1e} (95 %, Wilson).\n",
        all.read, all.pictures
    );
    tail(&all);
    Ok(())
}

/// The measured tail beside the normal one, one fitted to it, and the bound.
fn tail(all: &Tally) {
    let levels = 2..all.null.reached.len();
    let Some(last) = levels
        .clone()
        .rev()
        .find(|&level| all.count(level) >= FITTED)
    else {
        return;
    };
    let spread = fitted_spread(last as f64 / 2.0, all.share(last));
    println!(
        "Spread of the normal distribution fitted at z = {:.1}: {spread:.4}.\n",
        last as f64 / 2.0
    );
    println!("| z | measured P(Z >= z) | normal Q(z) | fitted | bound 3.18 Q(z) |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for level in levels.take_while(|&level| all.count(level) > 0) {
        let z = level as f64 / 2.0;
        println!(
            "| {z:.1} | {:.2e} | {:.2e} | {:.2e} | {:.2e} |",
            all.share(level),
            normal_tail(z),
            normal_tail(z / spread),
            10f64.powf(log10_false_positive(z, 1, 1.0))
        );
    }
}

/// Standard deviation of the centred normal distribution that exceeds `z` with probability `share`.
fn fitted_spread(z: f64, share: f64) -> f64 {
    let (mut low, mut high) = (0.5, 2.0);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if normal_tail(z / middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

fn photographs(folder: &Path) -> Result<Vec<RgbImage>> {
    let files = pictures::list(folder)?;
    files.par_iter().map(|path| pictures::open(path)).collect()
}

/// Q(z) by Simpson's rule over `z` to `z + 12`.
fn normal_tail(z: f64) -> f64 {
    const STEPS: u32 = 2400;
    let step = 12.0 / f64::from(STEPS);
    let density = |i: u32| {
        let at = z + f64::from(i) * step;
        (-at * at / 2.0).exp() / std::f64::consts::TAU.sqrt()
    };
    let inner: f64 = (1..STEPS)
        .map(|i| density(i) * if i % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    (density(0) + inner + density(STEPS)) * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Q(1) and Q(5) (Abramowitz and Stegun, table 26.2).
    #[test]
    fn the_normal_tail_is_the_tabled_one() {
        for (z, tail) in [(1.0, 0.158_655_25), (5.0, 2.866_515_7e-7)] {
            assert!((normal_tail(z) / tail - 1.0).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn the_spread_of_a_normal_tail_is_found() {
        for spread in [0.9, 1.0, 1.3] {
            let fitted = fitted_spread(4.0, normal_tail(4.0 / spread));
            assert!((fitted - spread).abs() < 1e-6, "{fitted}");
        }
    }

    #[test]
    fn words_become_options() {
        let options = Options::parse(&["p", "--pictures", "40", "--peers"]).unwrap();
        assert_eq!(
            (options.pictures, options.trials, options.peers),
            (40, 100_000, true)
        );
        for words in [
            &[][..],
            &["p", "40"],
            &["p", "--trials"],
            &["p", "--trials", "x"],
        ] {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn tallies_add_up() {
        let one = |reached: &[u64], read| Tally {
            pictures: 1,
            read,
            null: NullStatistics {
                poses: 9,
                standing_out: 2,
                aligned: 1,
                reached: reached.to_vec(),
            },
        };
        let sum = one(&[50, 20, 4], 0).plus(&one(&[50, 30, 10, 0, 1], 1));
        assert_eq!((sum.pictures, sum.read, sum.count(2)), (2, 1, 14));
        assert_eq!(
            (sum.null.poses, sum.null.standing_out, sum.null.aligned),
            (18, 4, 2)
        );
        assert_eq!((sum.trials(), sum.highest()), (200.0, 2.0));
    }
}
