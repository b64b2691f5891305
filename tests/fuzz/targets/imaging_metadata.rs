//! Metadata of strangers goes through reading, merging and writing: XMP, EXIF, IPTC, PNG text and profile.
//!
//! The first byte says what the other bytes are. What was written must be readable again, upright, and must say what
//! was merged in.
#![no_main]

use colophon_fuzz::{only_our_panics_count, pictures, write_seeds};
use colophon_imaging::{Channels, EncodeOptions, Format, Limits, PngChunk, decode, encode};
use libfuzzer_sys::fuzz_target;

fn seeds() -> Vec<Vec<u8>> {
    let tagged = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    let metadata = pictures::metadata();
    let mut seeds = vec![
        tagged(0, pictures::XMP.as_bytes()),
        tagged(2, &metadata.iptc.unwrap_or_default()),
        tagged(5, &metadata.icc.unwrap_or_default()),
    ];
    seeds.extend((1..=8).map(|turn| tagged(1, &pictures::exif(turn))));
    seeds.extend(
        metadata
            .png_chunks
            .iter()
            .map(|chunk| tagged(3, &chunk.data)),
    );
    seeds
}

fuzz_target!(
    init: {
        write_seeds(seeds);
        only_our_panics_count();
    },
    |data: &[u8]| {
        let Some((&kind, block)) = data.split_first() else {
            return;
        };
        let block = block[..block.len().min(60_000)].to_vec();
        let mut picture = pictures::plain(3, 2, Channels::Rgb, false);
        let metadata = &mut picture.metadata;
        match kind % 6 {
            0 => metadata.xmp = Some(block),
            1 => metadata.exif = Some(block),
            2 => metadata.iptc = Some(block),
            3 => metadata.png_chunks = vec![PngChunk { kind: *b"iTXt", data: block }],
            4 => metadata.comments = vec![block],
            _ => metadata.icc = Some(block),
        }
        let said = pictures::provenance();
        picture.set_provenance_xmp(&said);
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            let Ok(file) = encode(&picture, &EncodeOptions::new(format)) else {
                continue;
            };
            let read = match decode(&file, &Limits::default()) {
                Ok(read) => read,
                Err(error) => panic!("our own {format:?} cannot be read: {error}"),
            };
            let xmp = read.metadata.xmp.unwrap_or_default();
            let xmp = String::from_utf8_lossy(&xmp);
            assert!(xmp.contains(&said.digital_source_type), "{format:?} lost what was merged: {xmp}");
        }
    }
);
