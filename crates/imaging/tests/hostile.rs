//! Files made to harm: refused before memory is spent, with the right error, and never a panic.

mod common;

use std::sync::LazyLock;

use colophon_imaging::{
    Channels, EncodeOptions, Fault, Format, ImagingError, Limits, Metadata, decode, encode,
};
use common::{deflate, exif, icc, insert, picture, png, png_chunk, segment};
use proptest::prelude::*;

#[expect(clippy::expect_used, reason = "a test stops at the first surprise")]
fn refused(file: &[u8]) -> ImagingError {
    decode(file, &Limits::default()).expect_err("accepted")
}

fn assert_limit(file: &[u8], what: &str) {
    let error = refused(file);
    assert_eq!(error.fault(), Fault::Limit, "{error}");
    assert!(error.to_string().contains(what), "{error}");
}

/// The first scan lines of a JPEG of the size, as far as its frame header.
fn jpeg_header(width: u16, height: u16) -> Vec<u8> {
    let (h, w) = (height.to_be_bytes(), width.to_be_bytes());
    let frame = segment(0xc0, &[&[8], &h, &w, &[1, 1, 0x11, 0]]);
    [&[0xff, 0xd8][..], &frame].concat()
}

#[test]
fn huge_headers_are_refused_at_once_in_every_format() {
    let side = 65_500_u32;
    let mut gif = b"GIF89a".to_vec();
    gif.extend([0xdc, 0xff, 0xdc, 0xff, 0, 0, 0]);
    let mut bmp = b"BM".to_vec();
    bmp.extend([0; 12]);
    bmp.extend(40_u32.to_le_bytes());
    bmp.extend(side.to_le_bytes());
    bmp.extend((-(side as i32)).to_le_bytes());
    bmp.extend([0; 28]);
    let webp = riff(&[(*b"VP8X", &[0, 0, 0, 0, 0xdb, 0xff, 0, 0xdb, 0xff, 0])]);
    // A modest canvas around a huge bitstream.
    let bits = 0x3ffe_u32 | (0x3ffe << 14);
    let lossless = [&[0x2f][..], &bits.to_le_bytes(), &[0; 8]].concat();
    let inner = riff(&[
        (*b"VP8X", &[0, 0, 0, 0, 9, 0, 0, 9, 0, 0]),
        (*b"VP8L", &lossless),
    ]);
    for file in [
        png(side, side, 8, 2, &[]),
        png(0x7fff_ffff, 1, 8, 0, &[]),
        jpeg_header(65_500, 65_500),
        gif,
        bmp,
        webp,
        inner,
    ] {
        assert_limit(&file, "pixels");
    }
}

fn riff(chunks: &[([u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, data) in chunks {
        body.extend(kind);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend_from_slice(data);
        body.extend(&[0][..data.len() % 2]);
    }
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

#[test]
fn a_bomb_of_zeros_is_refused_by_its_header() {
    let rows = deflate(&vec![0; 1 << 20]);
    let bomb = png(30_000, 30_000, 8, 0, &[(*b"IDAT", &rows), (*b"IEND", &[])]);
    assert_limit(&bomb, "number of pixels");
}

#[test]
fn too_many_bytes_are_refused() {
    let limits = Limits {
        max_bytes: 100,
        ..Limits::default()
    };
    let file = encode(
        &picture(64, 64, Channels::Rgb, false),
        &EncodeOptions::new(Format::Png),
    );
    let error = decode(&file.unwrap(), &limits).unwrap_err();
    assert!(error.to_string().contains("more than the 100"), "{error}");
}

#[test]
fn text_and_profile_bombs_are_refused() {
    let rows = deflate(&[0, 0]);
    let zeros = deflate(&vec![b'a'; 20 << 20]);
    let text = [&b"Comment\0\0"[..], &zeros].concat();
    let international = [&b"Comment\0\x01\0\0\0"[..], &zeros].concat();
    let profile = [&b"p\0\0"[..], &zeros].concat();
    let many = vec![(*b"tEXt", &b"k\0"[..]); 300_000];
    assert_limit(&png(1, 1, 8, 0, &[(*b"zTXt", &text)]), "metadata");
    assert_limit(&png(1, 1, 8, 0, &[(*b"iTXt", &international)]), "metadata");
    assert_limit(&png(1, 1, 8, 0, &[(*b"iCCP", &profile)]), "colour profile");
    assert_limit(&png(1, 1, 8, 0, &many), "metadata");

    // A chunk that claims a gigabyte is refused for the claim, though the file is short.
    let mut claim = png(1, 1, 8, 0, &[]);
    claim.extend(1_000_000_000_u32.to_be_bytes());
    claim.extend(b"tEXtComment\0aaaa");
    assert_limit(&claim, "metadata");

    // Many small texts count in sum.
    let piece = [&b"Comment\0"[..], &vec![b'a'; 6 << 20]].concat();
    let pieces = [(*b"tEXt", &piece[..]); 3];
    assert_limit(&png(1, 1, 8, 0, &pieces), "metadata");
    let fine = png(1, 1, 8, 0, &[pieces[0], (*b"IDAT", &rows), (*b"IEND", &[])]);
    assert!(decode(&fine, &Limits::default()).is_ok());

    let limits = Limits {
        max_text_bytes: 1000,
        max_icc_bytes: 1000,
        ..Limits::default()
    };
    for metadata in [
        Metadata {
            exif: Some(vec![0; 1001]),
            ..Metadata::default()
        },
        Metadata {
            xmp: Some(vec![b' '; 1001]),
            ..Metadata::default()
        },
        Metadata {
            icc: Some(icc(*b"RGB ", 1001)),
            ..Metadata::default()
        },
    ] {
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            let mut large = picture(16, 16, Channels::Rgb, false);
            large.metadata = metadata.clone();
            let file = encode(&large, &EncodeOptions::new(format)).unwrap();
            assert_eq!(decode(&file, &limits).unwrap_err().fault(), Fault::Limit);
        }
    }
}

#[test]
fn too_many_frames_and_scans_are_refused() {
    let animation = png(1, 1, 8, 0, &[(*b"acTL", &[0xff, 0, 0, 0, 0, 0, 0, 0])]);
    assert_limit(&animation, "frames");

    let small = picture(16, 16, Channels::Gray, false);
    let jpeg = encode(&small, &EncodeOptions::new(Format::Jpeg)).unwrap();
    let scan = jpeg.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
    let (head, body) = (&jpeg[..scan], &jpeg[scan..jpeg.len() - 2]);
    let many = [head, &body.repeat(1000), &[0xff, 0xd9]].concat();
    assert_limit(&many, "scans");
}

#[test]
fn first_frame_of_an_animated_png_is_decoded() {
    let rows = deflate(&[0, 77]);
    let control = [[0, 0, 0, 5], [0; 4]].concat();
    let file = png(
        1,
        1,
        8,
        0,
        &[(*b"acTL", &control), (*b"IDAT", &rows), (*b"IEND", &[])],
    );
    let decoded = decode(&file, &Limits::default()).unwrap();
    assert_eq!(decoded.frames_hint(), 5);
    assert_eq!(decoded.to_rgb8(), [77, 77, 77]);
}

#[test]
fn first_frame_of_an_animated_webp_is_decoded() {
    let still = picture(8, 8, Channels::Rgb, false);
    let file = encode(&still, &EncodeOptions::new(Format::WebP)).unwrap();
    // Position, size - 1, duration, do not blend; then the bitstream chunk of the still file.
    let frame = [
        &[0, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0, 9, 0, 0, 2][..],
        &file[12..],
    ]
    .concat();
    let animated = riff(&[
        (*b"VP8X", &[0x02, 0, 0, 0, 7, 0, 0, 7, 0, 0]),
        (*b"ANIM", &[0; 6]),
        (*b"ANMF", &frame),
        (*b"ANMF", &frame),
        (*b"ANMF", &frame),
    ]);
    let decoded = decode(&animated, &Limits::default()).unwrap();
    assert_eq!(decoded.frames_hint(), 3);
    assert_eq!(decoded.to_rgb8(), still.to_rgb8());
}

#[test]
fn rare_jpeg_kinds_are_refused_by_name() {
    for (marker, precision, word) in [
        (0xc9, 8, "arithmetic"),
        (0xc3, 8, "lossless"),
        (0xc1, 12, "12-bit"),
    ] {
        let frame = segment(marker, &[&[precision, 0, 8, 0, 8, 1, 1, 0x11, 0]]);
        let error = refused(&[&[0xff, 0xd8][..], &frame].concat());
        assert_eq!(error.fault(), Fault::Unsupported);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_name_says_nothing_and_an_empty_file_is_told() {
    assert!(matches!(refused(b""), ImagingError::Empty));
    assert_eq!(refused(b"II*\0\x08\0\0\0").fault(), Fault::Unsupported);
    assert_eq!(refused(b"just text").fault(), Fault::Unsupported);
}

#[test]
fn pictures_without_pixels_are_refused() {
    for file in [
        png(0, 5, 8, 0, &[(*b"IEND", &[])]),
        jpeg_header(0, 5),
        jpeg_header(5, 0),
    ] {
        assert_eq!(refused(&file).fault(), Fault::Picture);
    }
}

/// One small file of each format and coding, with metadata.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(samples);

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
fn samples() -> Vec<Vec<u8>> {
    let mut rgb = picture(24, 20, Channels::Rgb, false);
    rgb.metadata = Metadata {
        icc: Some(icc(*b"RGB ", 200)),
        exif: Some(exif(6)),
        xmp: Some(b"<x/>".to_vec()),
        iptc: Some(b"8BIM".to_vec()),
        comments: vec![b"hello".to_vec()],
        ..Metadata::default()
    };
    let mut rgba = picture(24, 20, Channels::Rgba, false);
    rgba.metadata.exif = Some(exif(3));
    let mut lossy = EncodeOptions::new(Format::WebP);
    lossy.webp_quality = Some(70.0);
    let mut files: Vec<Vec<u8>> = [Format::Png, Format::Jpeg, Format::WebP]
        .map(|format| encode(&rgb, &EncodeOptions::new(format)).unwrap())
        .into();
    files.push(encode(&rgba, &EncodeOptions::new(Format::Png)).unwrap());
    files.push(encode(&rgba, &lossy).unwrap());
    files.push(
        encode(
            &picture(24, 20, Channels::Gray, true),
            &EncodeOptions::new(Format::Png),
        )
        .unwrap(),
    );
    let pixels = image::RgbaImage::from_raw(24, 20, rgba_bytes(&rgb.to_rgb8())).unwrap();
    for format in [image::ImageFormat::Gif, image::ImageFormat::Bmp] {
        let mut file = std::io::Cursor::new(Vec::new());
        pixels.write_to(&mut file, format).unwrap();
        files.push(file.into_inner());
    }
    let text = deflate(b"some text");
    let rows = deflate(&[0, 1, 2, 3]);
    let chunk = [&b"Title\0\0"[..], &text].concat();
    let mut file = png(3, 1, 8, 0, &[(*b"zTXt", &chunk), (*b"IDAT", &rows)]);
    file.extend(png_chunk(*b"IEND", &[]));
    files.push(file);
    files
}

fn rgba_bytes(rgb: &[u8]) -> Vec<u8> {
    rgb.chunks_exact(3)
        .flat_map(|p| [p[0], p[1], p[2], 255])
        .collect()
}

#[test]
fn a_file_cut_anywhere_is_an_error_of_the_picture() {
    for file in SAMPLES.iter() {
        assert!(decode(file, &Limits::default()).is_ok());
        let format = colophon_imaging::sniff(file).unwrap();
        for length in 0..file.len() {
            match decode(&file[..length], &Limits::default()) {
                // A GIF may lack its trailer.
                Ok(_) => assert!(format == Format::Gif && length + 1 == file.len()),
                Err(error) => {
                    // Up to a few bytes the kind is not yet to be seen.
                    let known = length < 20 || error.fault() == Fault::Picture;
                    assert!(known, "{format} cut at {length}: {error}");
                }
            }
        }
    }
}

#[test]
fn trailing_bytes_are_no_part_of_the_picture() {
    let file = &SAMPLES[1];
    let plain = decode(file, &Limits::default()).unwrap();
    let longer = [file, &b"PK\x03\x04trailer"[..]].concat();
    let same = decode(&longer, &Limits::default()).unwrap();
    assert_eq!(same.samples(), plain.samples());
    assert_eq!(same.metadata, plain.metadata);
}

#[test]
fn damaged_exif_turns_nothing() {
    let plain = picture(16, 16, Channels::Rgb, false);
    let jpeg = encode(&plain, &EncodeOptions::new(Format::Jpeg)).unwrap();
    let expected = decode(&jpeg, &Limits::default()).unwrap();
    let mut offset_outside = exif(6);
    offset_outside[4..8].fill(0xff);
    for block in [offset_outside, exif(0), exif(9), b"II*\0".to_vec()] {
        let file = insert(&jpeg, &segment(0xe1, &[b"Exif\0\0", &block]));
        let decoded = decode(&file, &Limits::default()).unwrap();
        assert_eq!(decoded.samples(), expected.samples());
        assert_eq!(decoded.metadata.exif, Some(block));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        which in 0_usize..9,
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        truncate: bool,
    ) {
        let mut file = SAMPLES[which].clone();
        for (at, value) in hits {
            let at = at.index(file.len());
            file[at] = value;
        }
        if truncate {
            file.truncate(cut.index(file.len()));
        }
        if let Ok(decoded) = decode(&file, &Limits { max_pixels: 1 << 20, ..Limits::default() }) {
            prop_assert!(encode(&decoded, &EncodeOptions::new(Format::Png)).is_ok());
        }
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200), which in 0_usize..9) {
        let head = &SAMPLES[which];
        let _ = decode(&noise, &Limits::default());
        let _ = decode(&[&head[..12], &noise].concat(), &Limits { max_pixels: 1 << 20, ..Limits::default() });
    }
}
