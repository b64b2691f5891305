//! The detector on any plane: two bytes are the sides, the rest the pixels, repeated where they are too few.
#![no_main]

use colophon_fuzz::write_seeds;
use colophon_watermark::{Detector, EmbedOptions, Embedder, Payload, Plane, WatermarkKey};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::sync::LazyLock;

const KEY: [u8; 32] = [11; 32];

static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::new(&[WatermarkKey::new(KEY)]));

fn seeds() -> Vec<Vec<u8>> {
    let (width, height) = (192usize, 160usize);
    let texture = (0..width * height).map(|i| {
        let (x, y) = ((i % width) as f32, (i / width) as f32);
        128.0 + 60.0 * (x / 17.0).sin() * (y / 23.0).cos() + ((i * 7919) % 23) as f32
    });
    let plain = Plane::new(width, height, texture.collect()).expect("finite");
    let sides = [(width / 2) as u8, (height / 2) as u8];
    let bytes = |values: &[f32]| {
        let pixels = values.iter().map(|v| v.clamp(0.0, 255.0).round() as u8);
        sides.into_iter().chain(pixels).collect::<Vec<u8>>()
    };
    let embedder = Embedder::new(&WatermarkKey::new(KEY));
    let marked = embedder
        .mark(&plain, Payload(77), &EmbedOptions::strong())
        .map(|mark| {
            let sum: Vec<f32> = plain
                .data()
                .iter()
                .zip(mark.delta.data())
                .map(|(a, b)| a + b)
                .collect();
            bytes(&sum)
        });
    let mut seeds = vec![bytes(plain.data()), vec![80, 70, 0, 255, 3], vec![1, 1, 9]];
    seeds.extend(marked);
    seeds
}

fuzz_target!(
    init: {
        write_seeds(seeds);
    },
    |data: &[u8]| -> Corpus {
        let Some((sides, pixels)) = data.split_first_chunk::<2>() else {
            return Corpus::Reject;
        };
        // Up to 255 x 255: a search takes milliseconds.
        let (width, height) = (usize::from(sides[0]) * 2, usize::from(sides[1]) * 2);
        if pixels.is_empty() || width == 0 || height == 0 || width * height > 1 << 16 {
            return Corpus::Reject;
        }
        let values = pixels.iter().cycle().take(width * height).map(|v| f32::from(*v)).collect();
        let plane = Plane::new(width, height, values).expect("finite and of that size");
        if let Some(found) = DETECTOR.detect(&plane) {
            let _ = found.placement.pose(width, height);
        }
        Corpus::Keep
    }
);
