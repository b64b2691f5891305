//! A picture's own metadata survives, and orientation is applied once.

mod common;

use colophon_imaging::{
    Channels, Density, DensityUnit, EncodeOptions, Format, Limits, Metadata, Picture, PngChunk,
    ProvenanceXmp, Samples, decode, encode,
};
use common::{exif, icc, insert, picture, png_chunk, segment};

const XMP: &str = concat!(
    r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>"#,
    r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF "#,
    r#"xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" "#,
    r#"xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" "#,
    r#"xmp:Rating="4" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#
);

fn text_chunk(kind: [u8; 4], data: &[u8]) -> PngChunk {
    PngChunk {
        kind,
        data: data.to_vec(),
    }
}

fn full() -> Metadata {
    Metadata {
        icc: Some(icc(*b"RGB ", 3000)),
        exif: Some(exif(1)),
        xmp: Some(XMP.into()),
        iptc: Some(b"8BIM\x04\x04\0\0\0\0\0\x05\x1c\x02\x78\0\0\0".to_vec()),
        comments: vec![b"made by hand".to_vec(), Vec::new()],
        density: Some(Density {
            x: 300,
            y: 150,
            unit: DensityUnit::Inch,
        }),
        png_chunks: Vec::new(),
    }
}

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
fn through(picture: &Picture, format: Format) -> Picture {
    let bytes = encode(picture, &EncodeOptions::new(format)).unwrap();
    decode(&bytes, &Limits::default()).unwrap()
}

#[test]
fn jpeg_keeps_all_blocks_byte_for_byte() {
    let mut before = picture(24, 16, Channels::Rgb, false);
    before.metadata = full();
    // Longer than one segment.
    before.metadata.icc = Some(icc(*b"RGB ", 150_000));
    before.metadata.iptc = Some((0..100_000_u32).map(|i| i as u8).collect());
    let after = through(&before, Format::Jpeg);
    assert_eq!(after.metadata, before.metadata);
}

#[test]
fn png_keeps_profile_exif_xmp_text_colour_and_density() {
    let mut before = picture(24, 16, Channels::Rgba, true);
    before.metadata = Metadata {
        iptc: None,
        comments: Vec::new(),
        density: Some(Density {
            x: 11_811,
            y: 5906,
            unit: DensityUnit::Metre,
        }),
        png_chunks: vec![
            text_chunk(*b"gAMA", &45_455_u32.to_be_bytes()),
            text_chunk(*b"cHRM", &[3; 32]),
            text_chunk(*b"tEXt", b"parameters\0a cat, Steps: 20"),
            text_chunk(*b"iTXt", b"Title\0\0\0\0\0Na\xc3\xafve"),
        ],
        ..full()
    };
    let after = through(&before, Format::Png);
    assert_eq!(after.metadata, before.metadata);
}

#[test]
fn webp_keeps_profile_exif_and_xmp() {
    for channels in [Channels::Rgb, Channels::Rgba] {
        let mut before = picture(24, 16, channels, false);
        before.metadata = full();
        let lossless = through(&before, Format::WebP);
        assert_eq!(lossless.samples(), before.samples());
        let mut options = EncodeOptions::new(Format::WebP);
        options.webp_quality = Some(80.0);
        let lossy = encode(&before, &options).unwrap();
        let lossy = decode(&lossy, &Limits::default()).unwrap();
        assert_eq!(lossy.channels(), channels);
        for after in [lossless, lossy] {
            assert_eq!(after.metadata.icc, before.metadata.icc);
            assert_eq!(after.metadata.exif, before.metadata.exif);
            assert_eq!(after.metadata.xmp, before.metadata.xmp);
        }
    }
}

#[test]
fn metadata_crosses_formats() {
    let mut jpeg = picture(24, 16, Channels::Rgb, false);
    jpeg.metadata = full();
    let png = through(&through(&jpeg, Format::Jpeg), Format::Png);
    assert_eq!(png.metadata.exif, jpeg.metadata.exif);
    assert_eq!(png.metadata.xmp, jpeg.metadata.xmp);
    assert_eq!(png.metadata.icc, jpeg.metadata.icc);
    let density = through(&png, Format::Jpeg).metadata.density;
    assert_eq!(density, jpeg.metadata.density);
}

#[test]
fn a_profile_that_does_not_fit_the_channels_is_left_out() {
    for (channels, space, kept) in [
        (Channels::Rgb, *b"RGB ", true),
        (Channels::Rgb, *b"GRAY", false),
        (Channels::Rgb, *b"CMYK", false),
        (Channels::Gray, *b"GRAY", true),
        (Channels::Gray, *b"RGB ", false),
    ] {
        let mut before = picture(16, 16, channels, false);
        before.metadata.icc = Some(icc(space, 300));
        for format in [Format::Png, Format::Jpeg] {
            let after = through(&before, format);
            assert_eq!(after.metadata.icc.is_some(), kept);
        }
    }
}

#[test]
fn metadata_too_large_for_jpeg_is_refused_not_cut() {
    let mut before = picture(16, 16, Channels::Rgb, false);
    before.metadata.exif = Some(vec![0; 70_000]);
    let error = encode(&before, &EncodeOptions::new(Format::Jpeg)).unwrap_err();
    assert!(error.to_string().contains("EXIF"), "{error}");
    before.strip_metadata();
    assert!(encode(&before, &EncodeOptions::new(Format::Jpeg)).is_ok());
}

#[test]
fn stripping_keeps_what_the_colours_need() {
    let mut stripped = picture(16, 16, Channels::Rgb, false);
    stripped.metadata = full();
    stripped.metadata.png_chunks = vec![
        text_chunk(*b"gAMA", &[0, 0, 1, 0]),
        text_chunk(*b"tEXt", b"Comment\0secret place"),
    ];
    stripped.strip_metadata();
    let expected = Metadata {
        icc: full().icc,
        density: full().density,
        png_chunks: vec![text_chunk(*b"gAMA", &[0, 0, 1, 0])],
        ..Metadata::default()
    };
    assert_eq!(stripped.metadata, expected);
}

/// Where the stored pixel (x, y) is seen, by the meaning of the tag: "row 0 is the visual top ..."
fn seen(orientation: u16, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
    let (right, bottom) = (width - 1 - x, height - 1 - y);
    match orientation {
        1 => (x, y),
        2 => (right, y),
        3 => (right, bottom),
        4 => (x, bottom),
        5 => (y, x),
        6 => (bottom, x),
        7 => (bottom, right),
        8 => (y, right),
        _ => unreachable!(),
    }
}

/// The picture as a camera held in that orientation stores it.
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]
fn stored(upright: &Picture, orientation: u16) -> Picture {
    let count = upright.channels().count();
    let Samples::U8(pixels) = upright.samples() else {
        panic!("not 8 bits")
    };
    let (width, height) = if orientation >= 5 {
        (upright.height(), upright.width())
    } else {
        (upright.width(), upright.height())
    };
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (seen_x, seen_y) = seen(orientation, x, y, width, height);
            let at = (seen_y * upright.width() + seen_x) as usize * count;
            samples.extend_from_slice(&pixels[at..at + count]);
        }
    }
    let samples = Samples::U8(samples);
    let mut stored = Picture::new(width, height, upright.channels(), samples).unwrap();
    stored.metadata.exif = Some(exif(orientation));
    stored.metadata.xmp = Some(XMP.into());
    stored.metadata.density = Some(Density {
        x: 100,
        y: 200,
        unit: DensityUnit::Inch,
    });
    stored
}

#[test]
fn all_eight_orientations_come_out_upright_once() {
    let upright = picture(48, 32, Channels::Rgb, false);
    for orientation in 1..=8 {
        let stored = stored(&upright, orientation);
        for format in [Format::Png, Format::WebP, Format::Jpeg] {
            let mut options = EncodeOptions::new(format);
            options.jpeg_quality = 100;
            let file = encode(&stored, &options).unwrap();
            let once = decode(&file, &Limits::default()).unwrap();
            assert_eq!((once.width(), once.height()), (48, 32));
            let close = once.psnr(&upright).unwrap();
            assert!(
                close > 40.0,
                "{format} orientation {orientation}: {close} dB"
            );
            if format != Format::Jpeg {
                assert_eq!(once.samples(), upright.samples());
            }

            // What goes out is upright and says so: a second decode turns nothing.
            let twice = through(&once, Format::Png);
            assert_eq!(twice.samples(), once.samples());

            let kept = once.metadata.exif.as_deref().unwrap();
            let mut expected = exif(1);
            if orientation != 1 {
                expected[34..38].fill(0);
                let xmp = String::from_utf8(once.metadata.xmp.clone().unwrap()).unwrap();
                assert!(!xmp.contains("Orientation"), "{xmp}");
                assert!(xmp.contains(r#"xmp:Rating="4""#), "{xmp}");
            }
            assert_eq!(kept, expected, "only orientation and thumbnail link change");
            if format != Format::WebP {
                let density = once.metadata.density.unwrap();
                assert_eq!(density.x > density.y, orientation >= 5);
            }
        }
    }
}

#[test]
fn imagemagick_copy_of_turned_exif_is_dropped() {
    let mut turned = stored(&picture(8, 6, Channels::Rgb, false), 6);
    let raw = text_chunk(*b"tEXt", b"Raw profile type exif\0 exif 2 4949");
    let other = text_chunk(*b"tEXt", b"Author\0Someone");
    turned.metadata.png_chunks = vec![raw, other.clone()];
    assert_eq!(through(&turned, Format::Png).metadata.png_chunks, [other]);
}

#[test]
fn older_manifests_are_not_carried_over() {
    let plain = picture(16, 16, Channels::Rgb, false);
    let png = encode(&plain, &EncodeOptions::new(Format::Png)).unwrap();
    let png = insert(&png, &png_chunk(*b"caBX", b"\0\0\0\x10jumbc2pa-old!"));
    let jpeg = encode(&plain, &EncodeOptions::new(Format::Jpeg)).unwrap();
    let jpeg = insert(&jpeg, &segment(0xeb, &[b"JP\0\x01\0\0\0\x01c2pa-old!"]));
    for file in [png, jpeg] {
        let decoded = decode(&file, &Limits::default()).unwrap();
        let again = encode(&decoded, &EncodeOptions::new(decoded.source_format())).unwrap();
        assert!(!again.windows(8).any(|window| window == b"c2pa-old"));
    }
}

#[test]
fn provenance_is_found_in_every_format() {
    let mut issued = picture(16, 16, Channels::Rgb, false);
    issued.metadata.xmp = Some(XMP.into());
    let uri = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
    issued.set_provenance_xmp(&ProvenanceXmp {
        digital_source_type: uri.into(),
        ai_system_used: Some("Tom & \"Jerry\" <2>".into()),
        ai_system_version: Some("1\u{0}.0".into()),
        creator_tool: None,
    });
    for format in [Format::Png, Format::WebP, Format::Jpeg] {
        let file = encode(&issued, &EncodeOptions::new(format)).unwrap();
        let xmp = decode(&file, &Limits::default()).unwrap().metadata.xmp;
        let xmp = String::from_utf8(xmp.unwrap()).unwrap();
        assert!(xmp.contains(&format!(r#"Iptc4xmpExt:DigitalSourceType="{uri}""#)));
        assert!(
            xmp.contains("Tom &amp; &quot;Jerry&quot; &lt;2&gt;"),
            "{xmp}"
        );
        assert!(xmp.contains(r#"AISystemVersionUsed="1.0""#), "{xmp}");
        assert!(xmp.contains(r#"xmp:Rating="4""#), "{xmp}");
    }
}
