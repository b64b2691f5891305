//! Deterministic pictures and blocks that the tests share.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use colophon_imaging::{Channels, Picture, Samples};

/// A picture with gradients, texture and varying alpha; no two rows or columns are alike.
pub fn picture(width: u32, height: u32, channels: Channels, sixteen: bool) -> Picture {
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let texture = (x * x * 7 + y * y * 13 + x * y * 3) % 4000;
            let red = x * 60000 / width + texture;
            let green = y * 60000 / height + texture;
            let blue = 60000 - (x * 30000 / width + y * 30000 / height) + texture;
            let alpha = 65535 * ((x + 2 * y) % 4) / 3;
            match channels {
                Channels::Gray => samples.push(green),
                Channels::GrayAlpha => samples.extend([green, alpha]),
                Channels::Rgb => samples.extend([red, green, blue]),
                Channels::Rgba => samples.extend([red, green, blue, alpha]),
            }
        }
    }
    let samples = if sixteen {
        Samples::U16(samples.iter().map(|v| *v as u16).collect())
    } else {
        Samples::U8(samples.iter().map(|v| (*v / 257) as u8).collect())
    };
    Picture::new(width, height, channels, samples).unwrap()
}

/// A header-only ICC profile of the colour space, padded with a pattern.
pub fn icc(space: [u8; 4], length: usize) -> Vec<u8> {
    let mut profile: Vec<u8> = (0..length).map(|i| (i * i / 7) as u8).collect();
    profile[..4].copy_from_slice(&(length as u32).to_be_bytes());
    profile[16..20].copy_from_slice(&space);
    profile
}

/// A little-endian EXIF block: IFD0 with orientation and artist, IFD1 standing for a thumbnail.
pub fn exif(orientation: u16) -> Vec<u8> {
    let artist = b"A. Photographer\0";
    let after = 8 + 2 + 2 * 12 + 4;
    let ifd1 = after + artist.len();
    let mut block = b"II*\0\x08\0\0\0\x02\0".to_vec();
    let mut entry = |tag: u16, kind: u16, count: usize, value: u32| {
        block.extend(tag.to_le_bytes());
        block.extend(kind.to_le_bytes());
        block.extend((count as u32).to_le_bytes());
        block.extend(value.to_le_bytes());
    };
    entry(0x0112, 3, 1, orientation.into());
    entry(0x013b, 2, artist.len(), after as u32);
    block.extend((ifd1 as u32).to_le_bytes());
    block.extend(artist);
    block.extend(b"\x01\0\x03\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0");
    block
}

/// A PNG chunk with its length and CRC.
pub fn png_chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(&kind);
    crc.update(data);
    [
        &(data.len() as u32).to_be_bytes()[..],
        &kind,
        data,
        &crc.sum().to_be_bytes(),
    ]
    .concat()
}

/// A PNG of the given header fields and further chunks, without IEND.
pub fn png(width: u32, height: u32, depth: u8, colour: u8, chunks: &[([u8; 4], &[u8])]) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([depth, colour, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(png_chunk(*b"IHDR", &header));
    for (kind, data) in chunks {
        bytes.extend(png_chunk(*kind, data));
    }
    bytes
}

/// A zlib stream.
pub fn deflate(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let level = flate2::Compression::best();
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Inserts bytes into a JPEG after SOI, or before the first IDAT of a PNG.
pub fn insert(file: &[u8], addition: &[u8]) -> Vec<u8> {
    let at = if file.starts_with(&[0xff, 0xd8]) {
        2
    } else {
        file.windows(4).position(|w| w == b"IDAT").unwrap() - 4
    };
    [&file[..at], addition, &file[at..]].concat()
}

/// A JPEG marker segment.
pub fn segment(marker: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let length = (payload.len() + 2) as u16;
    [&[0xff, marker], &length.to_be_bytes()[..], &payload].concat()
}
