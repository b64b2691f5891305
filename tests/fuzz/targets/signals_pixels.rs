//! Marks in pixels. The first byte says how the others become a picture: as samples, or as the bits hidden in them.
#![no_main]

use colophon_fuzz::write_seeds;
use colophon_signals::pixels::{Layout, PixelMetadata, PixelView, read_pixels};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Large enough for `dwtDct`, which is not sought in fewer pixels than 256 x 256.
const SIDE: usize = 256;

fn seeds() -> Vec<Vec<u8>> {
    let hidden = |kind: u8, magic: &str, bytes: &[u8]| {
        let bits = (bytes.len() as u32 * 8).to_be_bytes();
        [&[kind], magic.as_bytes(), &bits, bytes].concat()
    };
    let json = br#"{"Software":"NovelAI","Description":"a fox","Comment":"{\"signed_hash\":\"AAAA\",\"steps\":28}"}"#;
    let settings =
        b"a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: m";
    // A gzip member of one stored block.
    let stored = |bytes: &[u8]| {
        let length = (bytes.len() as u16).to_le_bytes();
        let rest = (!(bytes.len() as u16)).to_le_bytes();
        [
            &b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01"[..],
            &length,
            &rest,
            bytes,
        ]
        .concat()
    };
    vec![
        hidden(0, "stealth_pnginfo", json),
        hidden(0, "stealth_pngcomp", &stored(json)),
        hidden(1, "stealth_rgbinfo", settings),
        hidden(1, "stealth_rgbcomp", &stored(settings)),
        vec![2, 200, 30, 10, 7],
        vec![3, 90, 91, 92, 255, 1, 2, 3, 4],
        vec![6, 1, 2, 3],
    ]
}

fuzz_target!(
    init: write_seeds(seeds),
    |data: &[u8]| -> Corpus {
        let Some((&kind, rest)) = data.split_first() else {
            return Corpus::Reject;
        };
        if rest.is_empty() {
            return Corpus::Reject;
        }
        let layout = if kind & 1 == 0 { Layout::Rgba } else { Layout::Rgb };
        // Hidden data costs little without the large picture.
        let hides = kind & 2 == 0;
        let side = if hides { 96 } else { SIDE - usize::from(kind & 4) };
        let samples = if hides { hidden(layout, side, rest) } else {
            rest.iter().copied().cycle().take(side * side * layout.channels()).collect()
        };
        let view = PixelView::new(side as u32, side as u32, layout, &samples).expect("a square of samples");
        let comment = str::from_utf8(&rest[..rest.len().min(300)]).ok();
        let _ = read_pixels(view, true, &PixelMetadata { comment });
        Corpus::Keep
    }
);

/// A gray picture with the bits column by column in alpha, or in red, green and blue.
fn hidden(layout: Layout, side: usize, bytes: &[u8]) -> Vec<u8> {
    let channels: &[usize] = if layout == Layout::Rgba {
        &[3]
    } else {
        &[0, 1, 2]
    };
    let mut samples = vec![254; side * side * layout.channels()];
    for (index, bit) in bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1))
        .enumerate()
    {
        let (pixel, channel) = (index / channels.len(), channels[index % channels.len()]);
        if pixel >= side * side {
            break;
        }
        let (x, y) = (pixel / side, pixel % side);
        samples[(y * side + x) * layout.channels() + channel] |= bit;
    }
    samples
}
