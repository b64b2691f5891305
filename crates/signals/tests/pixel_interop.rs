//! Marks made, and votes read, by the Python package invisible-watermark itself.
//!
//! `tests/data` holds what the package made of one drawn picture, so that the decoder is held to it where there is
//! no Python. Besides, the package is run on more pictures: `COLOPHON_PYTHON` names the interpreter that has the
//! modules of `interop/requirements-pixels.txt`; `python3` otherwise.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its ground gives way"
)]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use colophon_signals::pixels::{
    Blocks, Layout, MESSAGES, PixelMetadata, PixelView, Plane, Reading, read_messages, read_pixels,
};
use colophon_signals::{Class, Field, Source};
use flate2::read::ZlibDecoder;

/// Cells of flat colours, slopes and noise.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut samples = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let cell = x / 32 * 8 + y / 32;
        for c in 0..3 {
            let base = 40 + ((cell * 3 + c + 1).wrapping_mul(2_654_435_761) >> 24) % 176;
            let slope = (x % 32 * (c + 1) + y % 32 * (3 - c)) / 4;
            let noise = ((x * y * (c + 5)) >> 3) % 5;
            let slope = if cell % 2 == 1 { slope } else { 0 };
            let noise = if cell % 3 == 0 { noise } else { 0 };
            samples.push((base + slope + noise) as u8);
        }
    }
    samples
}

fn view(samples: &[u8], width: u32, height: u32) -> PixelView<'_> {
    PixelView::new(width, height, Layout::Rgb, samples).unwrap()
}

fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The drawn picture as the package marked it.
fn marked(name: &str) -> Vec<u8> {
    let mut change = Vec::new();
    ZlibDecoder::new(data(name).as_slice())
        .read_to_end(&mut change)
        .unwrap();
    let picture = picture(256, 256);
    assert_eq!(picture.len(), change.len());
    picture
        .iter()
        .zip(change)
        .map(|(sample, change)| sample.wrapping_add(change))
        .collect()
}

fn accepted(samples: &[u8], width: u32, height: u32) -> Vec<Reading> {
    let mut readings = read_messages(&view(samples, width, height));
    readings.retain(Reading::accepted);
    readings
}

const NAMES: [(&str, Plane); 3] = [
    ("bytes", Plane::EightBit),
    ("floats", Plane::Float),
    ("swapped", Plane::FloatSwapped),
];

#[test]
fn votes_are_those_that_the_package_gave() {
    let text = String::from_utf8(data("votes.txt")).unwrap();
    let samples = picture(256, 256);
    let blocks = Blocks::of(&view(&samples, 256, 256)).unwrap();
    for (line, (name, plane)) in text.lines().zip(NAMES) {
        let digits = line.strip_prefix(name).unwrap().trim();
        let theirs: Vec<u8> = digits
            .chars()
            .flat_map(|digit| {
                let four = digit.to_digit(16).unwrap();
                (0..4).rev().map(move |i| (four >> i & 1) as u8)
            })
            .collect();
        assert_eq!(blocks.bits(plane), theirs, "{name}");
    }
}

#[test]
fn marks_that_the_package_made_are_read_in_the_plane_they_were_made_in() {
    for (file, message, plane, source) in [
        ("sdxl-floats.zlib", 0, Plane::Float, Source::Diffusers),
        (
            "sdxl-swapped.zlib",
            0,
            Plane::FloatSwapped,
            Source::Diffusers,
        ),
        (
            "sdv2-bytes.zlib",
            4,
            Plane::EightBit,
            Source::StableDiffusion,
        ),
    ] {
        let samples = marked(file);
        let readings = accepted(&samples, 256, 256);
        assert_eq!(readings.len(), 1, "{file}");
        assert_eq!(readings[0].message, &MESSAGES[message]);
        assert_eq!((readings[0].plane, readings[0].wrong), (plane, 0));
        let signals = read_pixels(view(&samples, 256, 256), true, &PixelMetadata::default());
        assert_eq!(signals.len(), 1);
        assert_eq!(
            (signals[0].source, signals[0].class),
            (source, Class::Pixel)
        );
        let length = MESSAGES[message].length;
        assert_eq!(
            signals[0].fields[1],
            Field::new("Matching bits", &format!("{length} of {length}"))
        );
    }
    assert!(accepted(&picture(256, 256), 256, 256).is_empty());
}

/// The mark begins at the picture's corner: a picture cut by a few pixels has lost it.
#[test]
fn a_shifted_mark_is_not_read() {
    let samples = marked("sdxl-floats.zlib");
    let wide = picture(257, 257);
    let mut shifted = wide.clone();
    for y in 0..256 {
        let to = ((y + 1) * 257 + 1) * 3;
        shifted[to..to + 768].copy_from_slice(&samples[y * 768..(y + 1) * 768]);
    }
    assert!(accepted(&shifted, 257, 257).is_empty());
}

/// What `mark.py` answers; `None` when a module is missing and not required.
fn package(arguments: &[&str], samples: &[u8]) -> Option<Vec<u8>> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/mark.py");
    let child = Command::new(&python)
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let missing = match child {
        Err(error) => error.to_string(),
        Ok(mut child) => {
            // A script that lacks a module ends before it has read.
            let _ = child.stdin.take().unwrap().write_all(samples);
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() {
                return Some(output.stdout);
            }
            assert_eq!(output.status.code(), Some(3), "{told}");
            told
        }
    };
    let missing = format!("the package invisible-watermark is not there: {python}: {missing}");
    assert!(
        std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(),
        "{missing}"
    );
    eprintln!("SKIPPED: {missing}");
    None
}

#[test]
fn the_package_votes_alike_and_its_marks_are_read() {
    for (width, height) in [(520, 264), (333, 277)] {
        let samples = picture(width, height);
        let size = [width.to_string(), height.to_string()];
        let ask = |task: &str, rest: &[&str], samples: &[u8]| {
            package(&[&[task, &size[0], &size[1]], rest].concat(), samples)
        };
        let blocks = Blocks::of(&view(&samples, width, height)).unwrap();
        for (name, plane) in NAMES {
            let Some(votes) = ask("votes", &[name], &samples) else {
                return;
            };
            let ours = blocks.bits(plane);
            assert_eq!(ours.len(), votes.len());
            let different = ours.iter().zip(&votes).filter(|(a, b)| a != b).count();
            let allowed = if plane == Plane::EightBit {
                0
            } else {
                votes.len() / 500
            };
            assert!(different <= allowed, "{name} {width}: {different}");
        }
        for message in MESSAGES.iter().filter(|_| width == 333) {
            let bits: String = (0..message.length)
                .map(|i| if message.bit(i) { '1' } else { '0' })
                .collect();
            let (name, plane) = NAMES[NAMES
                .iter()
                .position(|(_, plane)| *plane == message.planes[0])
                .unwrap()];
            let marked = ask("mark", &[name, &bits], &samples).unwrap();
            let readings = accepted(&marked, width, height);
            assert!(
                readings
                    .iter()
                    .any(|reading| reading.message == message && reading.plane == plane),
                "{} {width}",
                message.name
            );
        }
    }
}
