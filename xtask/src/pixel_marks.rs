//! The readers of marks in pixels over folders of pictures: what is found, how near clean pictures come to
//! each message, what a picture costs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use colophon_signals::Signal;
use colophon_signals::pixels::{
    Layout, PixelMetadata, PixelView, Plane, Reading, read_messages, read_pixels,
};

use crate::pictures;

/// One (message, plane) over all pictures.
#[derive(Default)]
struct Row {
    hits: u64,
    /// Pictures by number of wrong bits beyond what is accepted: none, 1, 2, ...
    beyond: BTreeMap<usize, u64>,
    largest_z: f64,
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<(usize, usize), (String, Row)>,
    pictures: u64,
    too_small: u64,
    unreadable: u64,
    marked: u64,
    pixels: u64,
    time: Duration,
}

/// Reads every picture of every folder and prints the table.
pub fn run(folders: &[&str]) -> Result<()> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders {
        files.extend(pictures::list(Path::new(folder))?);
    }
    let mut table = Table::default();
    for file in &files {
        if let Err(error) = table.add(file) {
            table.unreadable += 1;
            eprintln!("{error:#}");
        }
    }
    table.print();
    Ok(())
}

impl Table {
    fn add(&mut self, file: &Path) -> Result<()> {
        let picture =
            image::open(file).with_context(|| format!("cannot decode {}", file.display()))?;
        let layout = if picture.color().has_alpha() {
            Layout::Rgba
        } else {
            Layout::Rgb
        };
        let (width, height) = (picture.width(), picture.height());
        let samples = match layout {
            Layout::Rgb => picture.into_rgb8().into_raw(),
            Layout::Rgba => picture.into_rgba8().into_raw(),
        };
        let view = PixelView::new(width, height, layout, &samples)
            .context("a decoder gave another number of samples than it said")?;
        let exact = file
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
        let start = Instant::now();
        let signals = read_pixels(view, exact, &PixelMetadata::default());
        self.time += start.elapsed();
        self.pixels += u64::from(width) * u64::from(height);
        self.pictures += 1;
        self.marked += u64::from(!signals.is_empty());
        for signal in &signals {
            tell(file, signal);
        }
        let readings = read_messages(&view);
        self.too_small += u64::from(readings.is_empty());
        for (place, reading) in readings.iter().enumerate() {
            self.count(place, reading);
        }
        Ok(())
    }

    fn count(&mut self, place: usize, reading: &Reading) {
        let message = reading.message;
        let name = format!("{} ({})", message.name, plane(reading.plane));
        let (_, row) = self
            .rows
            .entry((place, message.length))
            .or_insert_with(|| (name, Row::default()));
        row.hits += u64::from(reading.accepted());
        let beyond = reading.wrong.saturating_sub(message.allowed_wrong);
        *row.beyond.entry(beyond).or_default() += 1;
        row.largest_z = row.largest_z.max(reading.z);
    }

    fn print(&self) {
        let read = self.pictures - self.too_small;
        println!(
            "{} pictures, {} of them too small for dwtDct, {} files unreadable; with any mark: {}",
            self.pictures, self.too_small, self.unreadable, self.marked
        );
        println!(
            "{:.2} ms a picture, {:.2} ms a megapixel\n",
            1e3 * self.time.as_secs_f64() / self.pictures.max(1) as f64,
            1e9 * self.time.as_secs_f64() / self.pixels.max(1) as f64
        );
        println!(
            "| message (plane) | hits | rate at most, 95 % | wrong bits beyond the limit: pictures | largest z |"
        );
        println!("| --- | --- | --- | --- | --- |");
        for (name, row) in self.rows.values() {
            let nearest: Vec<String> = row
                .beyond
                .iter()
                .take(4)
                .map(|(beyond, count)| format!("{beyond}: {count}"))
                .collect();
            println!(
                "| {name} | {} | {:.2e} | {} | {:.1} |",
                row.hits,
                upper_bound(row.hits, read),
                nearest.join(", "),
                row.largest_z
            );
        }
    }
}

fn tell(file: &Path, signal: &Signal) {
    let fields: Vec<String> = signal
        .fields
        .iter()
        .filter(|field| !field.personal)
        .map(|field| format!("{} {}", field.name, field.value))
        .collect();
    println!(
        "{}: {} ({}), {}, {}",
        file.display(),
        signal.source.name(),
        signal.class.name(),
        signal.note.unwrap_or("-"),
        fields.join(", ")
    );
}

const fn plane(plane: Plane) -> &'static str {
    match plane {
        Plane::EightBit => "bytes",
        Plane::Float => "floats",
        Plane::FloatSwapped => "floats, red and blue exchanged",
    }
}

/// Upper end of the two-sided 95 % interval of Clopper and Pearson, by bisection.
fn upper_bound(hits: u64, trials: u64) -> f64 {
    if hits >= trials {
        return 1.0;
    }
    let (mut low, mut high) = (0.0f64, 1.0f64);
    for _ in 0..200 {
        let rate = f64::midpoint(low, high);
        if at_most(hits, trials, rate) > 0.025 {
            low = rate;
        } else {
            high = rate;
        }
    }
    high
}

/// Chance of `hits` or fewer in `trials` at a rate, summed in logarithms.
fn at_most(hits: u64, trials: u64, rate: f64) -> f64 {
    let n = trials as f64;
    let mut term = n * (-rate).ln_1p();
    let mut sum = term.exp();
    for k in 0..hits {
        let k = k as f64;
        term += ((n - k) / (k + 1.0)).ln() + rate.ln() - (-rate).ln_1p();
        sum += term.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::upper_bound;

    /// `scipy.stats.beta.ppf(0.975, hits + 1, trials - hits)`.
    #[test]
    fn the_interval_is_the_usual_one() {
        for (hits, trials, expected) in [(0, 100, 0.036_216), (3, 2000, 0.004_377), (5, 5, 1.0)] {
            let bound = upper_bound(hits, trials);
            assert!(
                (bound - expected).abs() < 2e-6,
                "{hits} of {trials}: {bound}"
            );
        }
    }
}
