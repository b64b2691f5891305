//! Every reader of marks in pixels on one picture of 1024 x 1024, on one core:
//! `cargo bench -p colophon-signals`.

// The macros make items without documentation; a bench that cannot run should say so.
#![allow(missing_docs, clippy::expect_used)]

use std::hint::black_box;

use colophon_signals::pixels::{Layout, PixelMetadata, PixelView, read_pixels};
use criterion::{Criterion, criterion_group, criterion_main};

const SIDE: u32 = 1024;

/// Colours that change slowly, with some noise: no block is like its neighbour.
fn picture(layout: Layout) -> Vec<u8> {
    let mut state = 1u32;
    let mut samples = Vec::new();
    for i in 0..SIDE * SIDE {
        let (x, y) = (i % SIDE, i / SIDE);
        for channel in 0..layout.channels() as u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let slope = x * (channel + 1) / 16 + y * (3 - channel.min(2)) / 16;
            samples.push((slope + (state >> 28)) as u8);
        }
    }
    samples
}

fn readers(criterion: &mut Criterion) {
    for (name, layout) in [("rgb", Layout::Rgb), ("rgba", Layout::Rgba)] {
        let samples = picture(layout);
        let view = PixelView::new(SIDE, SIDE, layout, &samples).expect("the sizes agree");
        criterion.bench_function(&format!("read_pixels 1024x1024 {name}"), |bencher| {
            bencher.iter(|| read_pixels(black_box(view), true, &PixelMetadata::default()));
        });
    }
    // Every block on the border of a cell: the slow way round.
    let samples: Vec<u8> = [0, 0, 36].repeat((SIDE * SIDE) as usize);
    let view = PixelView::new(SIDE, SIDE, Layout::Rgb, &samples).expect("the sizes agree");
    criterion.bench_function("read_pixels 1024x1024 flat, worst case", |bencher| {
        bencher.iter(|| read_pixels(black_box(view), true, &PixelMetadata::default()));
    });
}

criterion_group!(benches, readers);
criterion_main!(benches);
