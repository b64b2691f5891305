//! What goes in comes out: every format, depth and channel layout.

mod common;

use colophon_imaging::{
    Channels, ChromaSubsampling, EncodeOptions, Fault, Format, ImagingError, Limits, Picture,
    Samples, decode, encode, estimate_jpeg_quality, sniff,
};
use common::{deflate, icc, picture, png, png_chunk};
use image::{ExtendedColorType, ImageEncoder};

const LAYOUTS: [Channels; 4] = [
    Channels::Gray,
    Channels::GrayAlpha,
    Channels::Rgb,
    Channels::Rgba,
];

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
fn through(picture: &Picture, options: &EncodeOptions) -> Picture {
    let bytes = encode(picture, options).unwrap();
    assert_eq!(sniff(&bytes).unwrap(), options.format);
    decode(&bytes, &Limits::default()).unwrap()
}

#[test]
fn png_keeps_every_sample_depth_and_layout() {
    for channels in LAYOUTS {
        for sixteen in [false, true] {
            let before = picture(23, 17, channels, sixteen);
            let after = through(&before, &EncodeOptions::new(Format::Png));
            assert_eq!(after.samples(), before.samples());
            assert_eq!(after.channels(), channels);
            assert_eq!((after.width(), after.height()), (23, 17));
            assert!(after.is_lossless_source());
            assert_eq!(after.source_format(), Format::Png);
        }
    }
}

#[test]
fn lossless_webp_keeps_every_8_bit_sample() {
    for channels in [Channels::Rgb, Channels::Rgba] {
        let before = picture(31, 19, channels, false);
        let after = through(&before, &EncodeOptions::new(Format::WebP));
        assert_eq!(after.samples(), before.samples());
        assert_eq!(after.channels(), channels);
        assert!(after.is_lossless_source());
    }
    let gray = picture(31, 19, Channels::Gray, false);
    let after = through(&gray, &EncodeOptions::new(Format::WebP));
    assert_eq!(after.to_rgb8(), gray.to_rgb8());
}

#[test]
fn lossy_formats_stay_close() {
    for channels in [Channels::Gray, Channels::Rgb] {
        let before = picture(64, 48, channels, false);
        for chroma in [ChromaSubsampling::S444, ChromaSubsampling::S420] {
            let mut options = EncodeOptions::new(Format::Jpeg);
            options.chroma = chroma;
            let after = through(&before, &options);
            assert_eq!(after.channels(), channels, "gray stays gray");
            let close = after.psnr(&before).unwrap();
            assert!(close > 30.0, "{channels:?} {chroma:?}: {close} dB");
            assert!(!after.is_lossless_source());
            assert_eq!(after.source_jpeg_quality(), Some(95));
            if channels == Channels::Rgb {
                assert_eq!(after.source_chroma(), Some(chroma));
            }
        }
    }
    let before = picture(64, 48, Channels::Rgba, false);
    let mut options = EncodeOptions::new(Format::WebP);
    options.webp_quality = Some(90.0);
    let after = through(&before, &options);
    assert!(!after.is_lossless_source());
    assert!(after.psnr(&before).unwrap() > 25.0);
    let alpha = |picture: &Picture| match picture.samples() {
        Samples::U8(samples) => samples
            .iter()
            .skip(3)
            .step_by(4)
            .copied()
            .collect::<Vec<_>>(),
        Samples::U16(_) => unreachable!(),
    };
    assert_eq!(alpha(&after), alpha(&before), "alpha is lossless");
}

#[test]
fn sixteen_bits_are_rounded_where_the_format_has_eight() {
    let samples = Samples::U16(vec![0, 128, 129, 65535, 65407, 65406]);
    let before = Picture::new(2, 1, Channels::Rgb, samples).unwrap();
    let after = through(&before, &EncodeOptions::new(Format::WebP));
    assert_eq!(after.samples(), &Samples::U8(vec![0, 0, 1, 255, 255, 254]));
}

#[test]
fn jpeg_refuses_transparency_but_not_an_opaque_alpha_channel() {
    let transparent = picture(16, 16, Channels::Rgba, false);
    let error = encode(&transparent, &EncodeOptions::new(Format::Jpeg)).unwrap_err();
    assert!(error.to_string().contains("transparency"), "{error}");

    for (channels, pixel) in [
        (Channels::Rgba, vec![200, 100, 50, 255]),
        (Channels::GrayAlpha, vec![90, 255]),
    ] {
        let opaque = Picture::new(16, 16, channels, Samples::U8(pixel.repeat(256))).unwrap();
        let after = through(&opaque, &EncodeOptions::new(Format::Jpeg));
        assert!(!after.channels().has_alpha());
        let difference = after.to_rgb8()[100].abs_diff(opaque.to_rgb8()[100]);
        assert!(difference <= 2);
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused_with_advice() {
    let small = picture(8, 8, Channels::Rgb, false);
    for format in [Format::Gif, Format::Bmp] {
        assert!(!format.can_encode());
        let error = encode(&small, &EncodeOptions::new(format)).unwrap_err();
        assert_eq!(error.fault(), Fault::Request);
    }
    let wide = Picture::new(16_384, 1, Channels::Gray, Samples::U8(vec![7; 16_384])).unwrap();
    let error = encode(&wide, &EncodeOptions::new(Format::WebP)).unwrap_err();
    assert!(error.to_string().contains("16383"), "{error}");

    let mut options = EncodeOptions::new(Format::Jpeg);
    options.jpeg_quality = 0;
    let error = encode(&small, &options).unwrap_err();
    assert!(matches!(error, ImagingError::Parameter(_)));
    options = EncodeOptions::new(Format::WebP);
    options.webp_quality = Some(f32::NAN);
    let error = encode(&small, &options).unwrap_err();
    assert!(matches!(error, ImagingError::Parameter(_)));
}

#[test]
fn palettes_become_rgb_and_their_transparency_alpha() {
    let palette = [255, 0, 0, 0, 255, 0, 0, 0, 255];
    // Two bits a pixel: entries 0, 1, 2, 0.
    let rows = deflate(&[0, 0b0001_1000]);
    let opaque = png(4, 1, 2, 3, &[(*b"PLTE", &palette), (*b"IDAT", &rows)]);
    let end = png_chunk(*b"IEND", &[]);
    let decoded = decode(&[opaque, end.clone()].concat(), &Limits::default()).unwrap();
    assert_eq!(
        decoded.samples(),
        &Samples::U8(vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 0, 0])
    );

    let chunks: [([u8; 4], &[u8]); 3] = [
        (*b"PLTE", &palette),
        (*b"tRNS", &[255, 128]),
        (*b"IDAT", &rows),
    ];
    let transparent = png(4, 1, 2, 3, &chunks);
    let decoded = decode(&[transparent, end].concat(), &Limits::default()).unwrap();
    assert_eq!(decoded.channels(), Channels::Rgba);
    let Samples::U8(samples) = decoded.samples() else {
        panic!("not 8 bits");
    };
    assert_eq!(samples[4..8], [0, 255, 0, 128]);
}

#[test]
fn gif_and_bmp_are_read() {
    let before = picture(20, 12, Channels::Rgb, false);
    let mut bmp = Vec::new();
    image::codecs::bmp::BmpEncoder::new(&mut bmp)
        .write_image(&before.to_rgb8(), 20, 12, ExtendedColorType::Rgb8)
        .unwrap();
    let after = decode(&bmp, &Limits::default()).unwrap();
    assert_eq!(after.samples(), before.samples());
    assert_eq!(after.source_format(), Format::Bmp);

    let mut gif = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
        for shade in [10, 200] {
            let frame = image::RgbaImage::from_pixel(9, 5, image::Rgba([shade, 40, 90, 255]));
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
    }
    let after = decode(&gif, &Limits::default()).unwrap();
    assert_eq!(after.frames_hint(), 2);
    assert_eq!(after.channels(), Channels::Rgb, "opaque GIF has no alpha");
    assert_eq!(after.to_rgb8()[..3], [10, 40, 90], "first frame");
}

#[test]
fn cmyk_is_decoded_and_flagged_and_its_profile_not_passed_on() {
    let mut file = Vec::new();
    jpeg_encoder::Encoder::new(&mut file, 90)
        .encode(&[255; 16 * 16 * 4], 16, 16, jpeg_encoder::ColorType::Cmyk)
        .unwrap();
    let mut decoded = decode(&file, &Limits::default()).unwrap();
    assert!(decoded.is_cmyk());
    assert_eq!(decoded.channels(), Channels::Rgb);
    decoded.metadata.icc = Some(icc(*b"CMYK", 200));
    let again = through(&decoded, &EncodeOptions::new(Format::Png));
    assert_eq!(again.metadata.icc, None);
    assert!(!again.is_cmyk());
}

fn scans(jpeg: &[u8]) -> usize {
    jpeg.windows(2).filter(|w| *w == [0xff, 0xda]).count()
}

#[test]
fn every_jpeg_sampling_keeps_its_colours_also_with_a_scan_for_each_component() {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    let before = picture(70, 50, Channels::Rgb, false);
    for factor in [
        SamplingFactor::R_4_4_4,
        SamplingFactor::R_4_4_0,
        SamplingFactor::R_4_2_2,
        SamplingFactor::R_4_2_0,
        SamplingFactor::R_4_1_1,
    ] {
        for split in [false, true] {
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, 95);
            encoder.set_sampling_factor(factor);
            // With tables of its own this encoder writes a scan for each component.
            encoder.set_optimized_huffman_tables(split);
            encoder
                .encode(&before.to_rgb8(), 70, 50, ColorType::Rgb)
                .unwrap();
            assert!(!split || scans(&file) == 3);
            let after = decode(&file, &Limits::default()).unwrap();
            let close = after.psnr(&before).unwrap();
            assert!(close > 28.0, "{factor:?}, split {split}: {close} dB");
        }
    }
}

#[test]
fn our_jpeg_has_one_scan() {
    for chroma in [ChromaSubsampling::S444, ChromaSubsampling::S420] {
        let mut options = EncodeOptions::new(Format::Jpeg);
        options.chroma = chroma;
        let file = encode(&picture(70, 50, Channels::Rgb, false), &options).unwrap();
        assert_eq!(scans(&file), 1);
    }
}

#[test]
fn jpeg_quality_is_read_back_exactly() {
    let small = picture(16, 16, Channels::Rgb, false);
    for quality in [1, 5, 25, 49, 50, 51, 75, 90, 95, 99, 100] {
        let mut options = EncodeOptions::new(Format::Jpeg);
        options.jpeg_quality = quality;
        let bytes = encode(&small, &options).unwrap();
        assert_eq!(estimate_jpeg_quality(&bytes), Some(quality));
    }
    assert_eq!(estimate_jpeg_quality(b"\xff\xd8\xff\xd9"), None);
}
