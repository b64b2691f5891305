//! Each stage of the mark alone, on one core: `cargo bench -p colophon-watermark --features stages`.
//!
//! The picture is made here, 1024 x 768, with the spectrum of photographs; `cargo xtask bench` puts
//! whole readings of a photograph beside the decoding of its file.

// The macros make items without documentation; a bench that cannot run should say so.
#![allow(missing_docs, clippy::expect_used)]

use std::hint::black_box;

use colophon_watermark::{
    Detector, EmbedOptions, Embedder, IssuedIds, MessageCode, Payload, Plane, WatermarkKey, stages,
};
use criterion::{Criterion, criterion_group, criterion_main};

const WIDTH: usize = 1024;
const HEIGHT: usize = 768;
const ID: Payload = Payload(0x0123_4567_89ab_cdef);

/// Noise in five octaves, each twice as strong as the one above it.
fn picture() -> Plane {
    let mut state = 1u32;
    let mut values = vec![120.0f32; WIDTH * HEIGHT];
    for octave in 0..5 {
        let cell = 2 << octave;
        let columns = WIDTH / cell + 1;
        let noise: Vec<f32> = (0..columns * (HEIGHT / cell + 1))
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 16_777_216.0 - 0.5
            })
            .collect();
        for (i, value) in values.iter_mut().enumerate() {
            let (x, y) = (i % WIDTH / cell, i / WIDTH / cell);
            *value += cell as f32 * noise[y * columns + x];
        }
    }
    Plane::new(WIDTH, HEIGHT, values).expect("the sizes agree")
}

fn marked(luma: &Plane, key: &WatermarkKey) -> Plane {
    let mark = Embedder::new(key).mark(luma, ID, &EmbedOptions::default());
    let delta = mark.expect("the picture has room").delta;
    let values = luma.data().iter().zip(delta.data());
    let sum = values.map(|(y, d)| (y + d).round()).collect();
    Plane::new(WIDTH, HEIGHT, sum).expect("the sizes agree")
}

fn whole(criterion: &mut Criterion) {
    let key = WatermarkKey::new([7; 32]);
    let (plain, embedder, detector) = (picture(), Embedder::new(&key), Detector::new([&key]));
    let marked = marked(&plain, &key);
    criterion.bench_function("mark", |b| {
        b.iter(|| embedder.mark(black_box(&plain), ID, &EmbedOptions::default()));
    });
    criterion.bench_function("detect, undistorted", |b| {
        b.iter(|| detector.detect(black_box(&marked)));
    });
    let found = detector.detect(&marked).expect("the mark reads");
    criterion.bench_function("heat map", |b| {
        b.iter(|| detector.heat_map(black_box(&marked), &found));
    });
    criterion.bench_function("detect, unmarked", |b| {
        b.iter(|| detector.detect(black_box(&plain)));
    });
}

fn parts(criterion: &mut Criterion) {
    let luma = marked(&picture(), &WatermarkKey::new([7; 32]));
    let layout = stages::Keyed::new(&WatermarkKey::new([7; 32]));
    criterion.bench_function("residual", |b| {
        b.iter(|| stages::residual(black_box(&luma)));
    });
    let residual = stages::residual(&luma);
    criterion.bench_function("spectrum", |b| {
        b.iter(|| stages::spectrum(black_box(&residual)));
    });
    let spectrum = stages::spectrum(&residual);
    criterion.bench_function("lattices of one octave", |b| {
        b.iter(|| stages::lattices(black_box(&spectrum)));
    });
    criterion.bench_function("fold", |b| {
        b.iter(|| stages::fold(black_box(&residual)));
    });
    let folded = stages::fold(&residual);
    criterion.bench_function("align", |b| {
        b.iter(|| layout.align(black_box(&folded)));
    });
    let code = MessageCode::new();
    let received: Vec<f32> = code
        .encode(ID)
        .into_iter()
        .map(|bit| if bit { -1.0 } else { 1.0 })
        .collect();
    criterion.bench_function("segment scores", |b| {
        b.iter(|| code.scores(black_box(&received)));
    });
    let scores = code.scores(&received);
    criterion.bench_function("decode", |b| {
        b.iter(|| code.decode(black_box(&scores), 12.0));
    });
    let issued =
        IssuedIds::new((0..1_000_000u64).map(|i| Payload(i.wrapping_mul(0x9E37_79B9_7F4A_7C15))));
    criterion.bench_function("search among 1,000,000 issued ids", |b| {
        b.iter(|| issued.best(black_box(&scores), 6.0));
    });
}

criterion_group!(benches, whole, parts);
criterion_main!(benches);
